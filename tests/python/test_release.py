# SPDX-License-Identifier: MIT OR Apache-2.0
"""scripts/release: one version everywhere, and nothing that no commit has; the archives themselves in a full run."""

from __future__ import annotations

import hashlib
import json
import re
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


def test_the_archives(full: bool, build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not full:
        pytest.skip("a wheel with its backend takes minutes: make test-full")
    if not shutil.which("cargo"):
        pytest.skip("absent: no Rust: scripts/release is NOT TESTED; https://rustup.rs brings it")
    subprocess.run(["git", "clone", "-q", ROOT, tmp_path / "clone"], check=True)
    for name in (".venv", "torch.path"):
        (tmp_path / "clone" / name).symlink_to(ROOT / name)
    monkeypatch.setenv("DGXP_BUILD", str(build))
    told = release(tmp_path / "clone", tmp_path / "made")
    assert told.returncode == 0, told.stderr
    names = sorted(path.name for path in (tmp_path / "made").iterdir())
    assert [name.endswith(".crate") for name in names].count(True) == 4
    assert [name.endswith((".whl", ".tar.gz")) for name in names].count(True) == 2
    [bill] = (tmp_path / "made").glob("*.cdx.json")
    named = {part["name"] for part in json.loads(bill.read_text())["components"]}
    assert {"torch", "fastapi", "bevy"} <= named and any(name.startswith("libjansson") for name in named)
    for line in (tmp_path / "made/SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((tmp_path / "made" / name).read_bytes()).hexdigest() == digest


def pins(path: Path) -> dict[str, str]:
    """Name and version of what a list of requirements pins."""
    found = re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", path.read_text(), re.M)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_every_pinned_package_has_hashes() -> None:
    """requirements/hashed says of each list what it brings, to the file: scripts/make_hashes writes it."""
    lists = sorted((ROOT / "requirements").glob("*.txt"))
    assert {path.name for path in (ROOT / "requirements/hashed").iterdir()} == {path.name for path in lists} | {"wheel.txt"}
    for path in lists:
        hashed = pins(ROOT / "requirements/hashed" / path.name)
        for name, version in pins(path).items():
            assert hashed.get(name) == version, f"{path.name}: {name}: run scripts/make_hashes"
    together: dict[str, str] = {}
    for path in (ROOT / "requirements/hashed").iterdir():
        entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", path.read_text(), flags=re.M).strip())
        for entry in entries:
            assert re.match(r"\S+==\S+", entry) and "--hash=sha256:" in entry, f"{path.name}: {entry[:80]}"
        if path.stem not in ("peers", "tools"):  # in environments of their own
            for name, version in pins(path).items():
                assert together.setdefault(name, version) == version, f"{path.name}: {name} in two versions"
    for script in ("scripts/setup", "packaging/Containerfile"):
        text = (ROOT / script).read_text().replace("\\\n", " ")
        for line in re.findall(r".*\binstall .*-r .*", text):
            assert "--require-hashes" in line, line
