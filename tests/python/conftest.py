# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the Python tests share: where the build is, running the CLI, reporting evidence."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/models"), str(ROOT / "bindings/python")]

import cached  # noqa: E402
import machine  # noqa: E402


@pytest.fixture(scope="session")
def build() -> Path:
    """The build folder under test."""
    folder = Path(os.environ.get("DGXP_BUILD", ROOT / "build/release")).resolve()
    if not (folder / "lib").is_dir():
        pytest.fail(f"{folder} is no build folder: run 'make build', or set DGXP_BUILD")
    return folder


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether this is `make test-full`: every claim at its full count."""
    return os.environ.get("DGXP_FULL") == "1"


@pytest.fixture
def evidence() -> Callable[[str, int, str], None]:
    """Append one line to docs/evidence.md in a full run: claim, count, result."""
    began = time.monotonic()

    def report(claim: str, count: int, result: str) -> None:
        print(f"{claim}: {count}: {result}")
        path = os.environ.get("DGXP_EVIDENCE")
        if path:
            with open(path, "a") as file:
                file.write(f"{claim}\t{count}\t{result}\t{time.monotonic() - began:.0f}\n")

    return report


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of shared test data; tests that need it are skipped, loudly, without it."""
    folder = os.environ.get("DGXP_TEST_DATA")
    if not folder:
        machine.absent("shared test data", "what reads it is",
                       "DGXP_TEST_DATA names its folder, or it lies in ../shared/data")
    return Path(folder)


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cli(build: Path, tmp_path: Path) -> Run:
    """Run `dgx-pixels`, isolated from the user's own settings; `env` adds variables."""

    def run(*words: object, env: dict[str, str] | None = None, timeout: float = 600,
            **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(build / "bin/dgx-pixels"), *map(str, words)], text=True, capture_output=True,
            timeout=timeout, check=False, stdin=subprocess.DEVNULL,
            env={"XDG_CONFIG_HOME": str(tmp_path / "config"), **os.environ,
                 "XDG_CACHE_HOME": str(tmp_path / "cache"), **(env or {})},
            **options,  # type: ignore[call-overload]
        )

    return run


@pytest.fixture(scope="session")
def tiny(build: Path) -> Iterator[Path]:
    """The tiny random model in its three forms, its programs trusted.

    DGX_PIXELS_MODELS and XDG_CONFIG_HOME point at it, for this process and the programs it starts.
    """
    folder = cached.tiny(build)
    names = {"DGX_PIXELS_MODELS": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
    saved = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    yield folder
    for name, value in saved.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
