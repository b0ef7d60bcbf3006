# SPDX-License-Identifier: MIT OR Apache-2.0
"""scripts/release: one version everywhere, and nothing that no commit has; the archives themselves in a full run."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAY = ("include/dgxpixels/base.h", "pyproject.toml", "bindings/rust/Cargo.toml", "CHANGELOG.md")


def release(where: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([where / "scripts/release", *words], text=True, capture_output=True, timeout=1700)


@pytest.mark.parametrize("name,old,new,said", [
    ("pyproject.toml", 'version = "0.', 'version = "9.', "pyproject.toml says version '9."),
    ("bindings/rust/Cargo.toml", 'version = "0.', 'version = "9.', "bindings/rust/Cargo.toml says version '9."),
    ("CHANGELOG.md", "(0.", "(9.", "CHANGELOG.md has no part for 0."),
    ("pyproject.toml", "Words in", "Word in", "the checkout holds changes"),
])
def test_what_does_not_fit_is_named(name: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    for each in (*SAY, "scripts/release"):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / each, tmp_path / each)
    git = ("git", "-C", tmp_path, "-c", "user.name=t", "-c", "user.email=t@example.org")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "all")):
        subprocess.run([*git, *words], check=True)
    path = tmp_path / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    told = release(tmp_path)
    assert told.returncode == 1 and said in told.stderr, told.stderr
    assert not (tmp_path / "out").exists()


def test_the_archives(full: bool, tmp_path: Path) -> None:
    if not full:
        pytest.skip("a wheel with its backend takes minutes: make test-full")
    if not shutil.which("cargo"):
        pytest.skip("absent: no Rust: scripts/release is NOT TESTED; https://rustup.rs brings it")
    subprocess.run(["git", "clone", "-q", ROOT, tmp_path / "clone"], check=True)
    for name in (".venv", "torch.path"):
        (tmp_path / "clone" / name).symlink_to(ROOT / name)
    told = release(tmp_path / "clone", tmp_path / "made")
    assert told.returncode == 0, told.stderr
    names = sorted(path.name for path in (tmp_path / "made").iterdir())
    assert [name.endswith(".crate") for name in names].count(True) == 4
    assert [name.endswith((".whl", ".tar.gz")) for name in names].count(True) == 2
    for line in (tmp_path / "made/SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((tmp_path / "made" / name).read_bytes()).hexdigest() == digest
