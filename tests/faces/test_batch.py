# SPDX-License-Identifier: MIT OR Apache-2.0
"""Batches and adapters from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import dgx_pixels
from dgx_pixels.batch import Batch, BatchProgress, run

LINES = "".join(f"thing {i} --seed {i} --steps 2 --size 16x16\n" for i in range(12))


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def test_a_manifest_is_painted_here_and_by_processes(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "wishes.txt").write_text(LINES)
    seen: list[BatchProgress] = []
    done = run(tmp_path / "wishes.txt", tmp_path / "one", model="tiny", progress=seen.append, batch=2)
    assert done["painted"] == 12 and done["failed"] == 0
    assert len([p for p in seen if p.name]) == 12 and seen[-1].finished == 12
    again = run(tmp_path / "wishes.txt", tmp_path / "one", model="tiny", batch=2, resume=True)
    assert again["painted"] == 0
    many = run(tmp_path / "wishes.txt", tmp_path / "two", executor="local", devices=["cpu", "cpu"],
               model="tiny", batch=2)
    assert many["painted"] == 12 and many["died"] == 0
    assert pictures(tmp_path / "one") == pictures(tmp_path / "two") and len(pictures(tmp_path / "one")) == 12


def test_mistakes_are_told_before_anything_is_painted(tmp_path: Path) -> None:
    with pytest.raises(dgx_pixels.BadFormat, match="steps"):
        Batch(output=tmp_path / "out", text="a --steps many\n")
    with Batch(output=tmp_path / "out", text="a --count 3\n", matrix=["steps=2,4"]) as batch:
        assert batch.left == 6
        assert batch.describe()["pictures"] == 6


def test_a_raising_callback_stops_a_batch(tiny: Path, tmp_path: Path) -> None:
    def fail(progress: BatchProgress) -> None:
        if progress.name:
            raise LookupError("mine")

    with dgx_pixels.Model.load("tiny") as model, \
            Batch(output=tmp_path / "out", text=LINES, model="tiny") as batch, \
            pytest.raises(LookupError, match="mine"):
        batch.run(model, progress=fail)


def test_adapters_are_read_and_refused_with_words(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        dgx_pixels.lora_info("/nowhere.safetensors")
    with pytest.raises(dgx_pixels.DgxPixelsError):
        dgx_pixels.lora_info(tiny / "tiny.safetensors")
    with dgx_pixels.Model.load("tiny") as model:
        assert dgx_pixels.set_loras(model) is not None
        assert isinstance(dgx_pixels.list_loras(model), list)
        with pytest.raises(dgx_pixels.DgxPixelsError, match="nowhere"):
            model.generate("a", loras={"nowhere": 1.0})
