# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the tests of the Python faces share.

This process uses the stub backend; tests that want torch start a process of their own.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "models/starter"

_spec = importlib.util.spec_from_file_location("shared_conftest", ROOT / "tests/python/conftest.py")
assert _spec and _spec.loader
_shared = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_shared)
build, full, evidence, data = _shared.build, _shared.full, _shared.evidence, _shared.data

BUILD = Path(os.environ.get("DGXP_BUILD", ROOT / "build/release")).resolve()
os.environ["DGX_PIXELS_LIBRARY"] = str(BUILD / "lib/libdgxpixels.so")
os.environ["DGX_PIXELS_BACKEND"] = "stub"
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def tiny() -> Path:
    """The tiny random model; it is the default model of this process and of those it starts."""
    import cached

    folder: Path = cached.tiny(BUILD)
    os.environ["DGX_PIXELS_MODELS"] = str(folder)
    os.environ["XDG_CONFIG_HOME"] = str(folder / "config")
    return folder


@pytest.fixture
def starter() -> Path:
    if not (STARTER / "unet").is_dir():
        pytest.skip("models/starter holds no weights: what the starter model paints is NOT TESTED")
    return STARTER


@pytest.fixture
def game(tmp_path: Path) -> Path:
    """A Bevy project, as far as deploying looks at one."""
    folder = tmp_path / "game"
    (folder / "assets").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(
        '[package]\nname = "game"\nversion = "0.1.0"\n[dependencies]\nbevy = "0.19"\n')
    return folder


Python = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def python() -> Iterator[Python]:
    """Run a Python program that can import the package; `env` adds variables."""

    def run(*words: object, env: dict[str, str] | None = None, timeout: float = 600,
            check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *map(str, words)], text=True, capture_output=True, timeout=timeout,
            check=check, stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT / "bindings/python"), **(env or {})})

    yield run
