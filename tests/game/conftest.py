# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the tests of the game share: a copy of the example that runs, and what paints for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/models")]

import cached  # noqa: E402
import running  # noqa: E402


@pytest.fixture(scope="session")
def build() -> Path:
    return Path(os.environ.get("DGXP_BUILD", ROOT / "build/release")).resolve()


@pytest.fixture
def game(tmp_path: Path) -> Iterator[running.Game]:
    """A copy of the example, so that a test may change it."""
    program = Path(os.environ["CARGO_TARGET_DIR"]) / "debug/bevy-game"
    project = tmp_path / "game"
    shutil.copytree(ROOT / "examples/bevy-game", project, ignore=shutil.ignore_patterns("target"))
    with running.start(program, project, tmp_path / "game.log") as game:
        yield game


class Painter:
    """`dgx-pixels generate` with the starter, or with the tests' tiny model until there is one."""

    def __init__(self, build: Path) -> None:
        self.program = build / "bin/dgx-pixels"
        self.starter = (ROOT / "models/starter/unet").is_dir()
        self.env = dict(os.environ)
        if not self.starter:
            tiny = cached.tiny(build)
            self.env |= {"DGX_PIXELS_MODELS": str(tiny), "XDG_CONFIG_HOME": str(tiny / "config")}

    def run(self, *words: str | Path) -> str:
        done = subprocess.run([self.program, *map(str, words)], env=self.env, text=True,
                              capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def generate(self, subject: str, seed: int, *words: str | Path) -> str:
        if self.starter:
            return self.run("generate", "character", subject, "-s", str(seed), *words)
        return self.run("generate", subject, "-m", "tiny", "--size", "32x32",
                        "--steps", "4", "-s", str(seed), *words)


@pytest.fixture(scope="session")
def painter(build: Path) -> Painter:
    painter = Painter(build)
    if not painter.starter:
        print("\nNOT THE STARTER: models/starter is not there, the tests' tiny model paints (noise)",
              file=sys.stderr)
    return painter
