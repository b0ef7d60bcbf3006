# SPDX-License-Identifier: MIT OR Apache-2.0
"""The tiny model of the tests, made once for each version of what makes it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def tiny(build: Path, python: Path | str = sys.executable) -> Path:
    """A folder with the tiny model in its three forms and, in `config/`, its programs trusted.

    Set DGX_PIXELS_MODELS to it and XDG_CONFIG_HOME to its `config`.
    """
    made_of = sorted([*(ROOT / "tests/models").glob("*.py"),
                      *(ROOT / "bindings/python/dgx_pixels/programs").glob("*.py")])
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in made_of)).hexdigest()[:16]
    folder = build / f"tiny-{digest}"
    with (build / "tiny.lock").open("w") as lock:  # two test runs of one build folder
        fcntl.flock(lock, fcntl.LOCK_EX)
        return folder if folder.is_dir() else make(build, digest, folder, python)


def make(build: Path, digest: str, folder: Path, python: Path | str) -> Path:
    for old in build.glob("tiny-*"):
        shutil.rmtree(old)
    making = build / f"making-{digest}"
    shutil.rmtree(making, ignore_errors=True)
    subprocess.run([python, "-W", "ignore", ROOT / "tests/models/make_tiny.py", making], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([build / "bin/dgx-pixels", "trust", *(making / "tiny/programs").iterdir()],
                   check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "XDG_CONFIG_HOME": str(making / "config")})
    return making.rename(folder)
