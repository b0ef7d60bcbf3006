# SPDX-License-Identifier: MIT OR Apache-2.0
"""Batches and adapters from Python."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import psutil
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


def test_a_check_tells_every_fault(tiny: Path, tmp_path: Path) -> None:
    text = "fine\na {b|c\nx --lora nosuch\nknight --stepz 3\n"
    with dgx_pixels.Model.load("tiny", describe_only=True) as model, \
            Batch(text=text, continue_on_error=True, dry_run=True) as batch:
        assert [fault["line"] for fault in batch.check(model)] == [2, 3, 4]
        assert [fault["line"] for fault in batch.check()] == [2, 4], "no model, no LoRAs"


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


def slow_lines(tmp_path: Path) -> Path:
    path = tmp_path / "wishes.txt"
    path.write_text("".join(f"thing {i} --seed {i} --steps 8 --size 16x16\n" for i in range(24)))
    return path


@pytest.mark.parametrize("executor", ["local", "ray"])
def test_a_worker_killed_in_the_middle_changes_no_byte(
        executor: Literal["local", "ray"], tiny: Path, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch, evidence: Any) -> None:
    """Two workers share the folder; one is killed with pictures left to paint."""
    wishes = slow_lines(tmp_path)
    run(wishes, tmp_path / "quiet", model="tiny", batch=2)
    wanted = pictures(tmp_path / "quiet")
    assert len(wanted) == 24
    monkeypatch.setenv("DGXP_STUB_DELAY_MS", "40")
    name = {"local": "dgx_pixels.batch", "ray": "ray::Painter.paint"}[executor]
    killed: list[int] = []
    over = threading.Event()

    def workers() -> Iterator[psutil.Process]:
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):  # it may be gone by now
                if name in " ".join(process.cmdline()):
                    yield process

    def kill() -> None:
        while not killed and not over.wait(0.01):
            done = len(list((tmp_path / "shaken").glob("*.png")))
            found = [process for process in workers() if 2 <= done < 12]
            if len(found) == 2:
                found[0].kill()
                killed.append(done)

    killer = threading.Thread(target=kill)
    killer.start()
    seen: list[BatchProgress] = []
    try:
        done = run(wishes, tmp_path / "shaken", executor=executor, devices=["cpu", "cpu"], workers=2,
                   model="tiny", batch=2, progress=seen.append)
    except dgx_pixels.BackendError as error:
        if "Ray did not start" not in str(error):
            raise
        pytest.skip(f"{error}: this machine is too busy, Ray NOT TESTED")
    finally:
        over.set()
        killer.join()
    assert killed, "nobody was killed: the test shows nothing"
    assert pictures(tmp_path / "shaken") == wanted
    assert done["painted"] == 24 and done["failed"] == 0 and done["processes"] == 2
    assert seen[-1].finished == 24
    evidence(f"batch: two workers ({executor}), one killed after {killed[0]} of 24 pictures", 1,
             "the same bytes as undisturbed")
