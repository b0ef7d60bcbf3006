# SPDX-License-Identifier: MIT OR Apache-2.0
"""`dgx-pixels init --bevy` on games as people have them; Python's tomllib is the reader of what it wrote."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = '[package]\nname = "my-game"\nversion = "0.1.0"\nedition = "2024"\n'
NEW = PACKAGE + '\n[dependencies]\nbevy = "0.19"\n'  # cargo new, cargo add bevy
Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def game(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main.rs").write_text("fn main() {}\n")
    (tmp_path / "Cargo.toml").write_text(NEW)
    (tmp_path / ".gitignore").write_text("/target\n")
    return tmp_path


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_game_is_made_ready_once(cli: Run, game: Path) -> None:
    said = cli("init", "--bevy", game)
    assert said.returncode == 0, said.stderr
    cargo = tomllib.loads((game / "Cargo.toml").read_text())
    assert cargo["dependencies"]["bevy"] == "0.19"
    for table, crate in (("dependencies", "dgx-pixels-bevy"), ("build-dependencies", "dgx-pixels-build")):
        held = Path(cargo[table][crate]["path"])
        assert tomllib.loads((held / "Cargo.toml").read_text())["package"]["name"] == crate
    assert cargo["features"]["default"] == ["dev"] and "bevy/file_watcher" in cargo["features"]["dev"]
    assert cargo["profile"]["dev"]["package"]["sha2"]["opt-level"] == 3
    assert "dgx_pixels_build::emit(" in (game / "build.rs").read_text()
    assert (game / ".gitignore").read_text() == "/target\n/.dgx-pixels/\n"
    assert "DgxPixelsPlugin" in said.stdout
    assert cli("build", "--dry-run", "--project", game).returncode == 0

    before = everything(game)
    (game / "src/main.rs").write_text("use dgx_pixels_bevy::DgxPixelsPlugin;\n")
    again = cli("init", "--bevy", game)
    assert again.returncode == 0 and "nothing else is missing" in again.stdout and "yours" not in again.stdout
    assert {**everything(game), "src/main.rs": b""} == {**before, "src/main.rs": b""}


@pytest.mark.parametrize("cargo", [
    NEW.rstrip("\n"),
    NEW.replace("\n", "\r\n"),
    PACKAGE + '[dependencies.bevy]\nversion = "0.19"\nfeatures = ["file_watcher"]\n[profile.dev]\nopt-level = 1\n',
    PACKAGE + '[build-dependencies]\ncc = "1"\n[workspace]\n',
], ids=["no last newline", "CRLF", "tables of their own", "build dependencies"])
def test_what_stands_there_stays(cli: Run, game: Path, cargo: str) -> None:
    (game / "Cargo.toml").write_bytes(cargo.encode())
    assert cli("init", "--bevy", game).returncode == 0
    made = (game / "Cargo.toml").read_bytes()
    assert made.startswith(cargo.encode())
    old, new = tomllib.loads(cargo.replace("\r\n", "\n")), tomllib.loads(made.decode().replace("\r\n", "\n"))
    assert old["package"] == new["package"]
    assert set(new["build-dependencies"]) >= {"dgx-pixels-build", *old.get("build-dependencies", {})}


def test_what_is_the_persons_own_is_told(cli: Run, game: Path) -> None:
    features = NEW + '\n[features]\ndefault = []\n'
    (game / "Cargo.toml").write_text(features)
    (game / "build.rs").write_text("fn main() {}\n")
    said = cli("init", "--bevy", game)
    assert said.returncode == 0
    assert "Cargo.toml, [features]: add dev" in said.stdout and "build.rs, fn main(): add" in said.stdout
    assert (game / "build.rs").read_text() == "fn main() {}\n"
    assert tomllib.loads((game / "Cargo.toml").read_text())["features"] == {"default": []}


def test_no_game_no_file(cli: Run, tmp_path: Path) -> None:
    for text in (None, '[workspace]\nmembers = ["game"]\n'):
        if text:
            (tmp_path / "Cargo.toml").write_text(text)
        before = everything(tmp_path)
        said = cli("init", "--bevy", tmp_path)
        assert said.returncode == 3 and "cargo init" in said.stderr
        assert everything(tmp_path) == before
