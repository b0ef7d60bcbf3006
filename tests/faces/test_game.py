# SPDX-License-Identifier: MIT OR Apache-2.0
"""Deploying from Python."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

import dgx_pixels
from dgx_pixels import Image, deploy, undo_deploy


def test_pictures_in_memory_and_files_arrive(game: Path, tmp_path: Path) -> None:
    red = Image.of(numpy.full((8, 8, 3), (255, 0, 0), numpy.uint8))
    done = deploy({"red.png": red, "copy.png": red.encode()}, project=game, to="sprites/")
    assert sorted(file["path"] for file in done["files"]) == ["sprites/copy.png", "sprites/red.png"]
    assert Image.load(game / "assets/sprites/red.png") == red
    assert (game / "assets/sprites/red.png.meta").exists()
    (tmp_path / "mine.png").write_bytes(red.encode())
    assert deploy(tmp_path / "mine.png", project=game, to="hero.png", dry_run=True)["files"]
    assert not (game / "assets/hero.png").exists()
    undo_deploy(game)
    assert not (game / "assets/sprites/red.png").exists()


def test_other_peoples_files_stay(game: Path) -> None:
    (game / "assets/hero.png").write_bytes(b"mine")
    with pytest.raises(dgx_pixels.Mismatch, match="hero.png"):
        deploy({"hero.png": Image(8, 8)}, project=game)
    with pytest.raises(dgx_pixels.InvalidArgument):
        deploy({"hero.png": Image(8, 8)}, project=game, to="../outside/")
    assert (game / "assets/hero.png").read_bytes() == b"mine"
