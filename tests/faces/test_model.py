# SPDX-License-Identifier: MIT OR Apache-2.0
"""Painting through the pleasant face, on the stub backend."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy
import pytest

import dgx_pixels
from dgx_pixels import Cancel, Cancelled, Job, Model, Progress

ROOT = Path(__file__).resolve().parents[2]
SMALL: Any = {"size": (16, 16), "steps": 3}


@pytest.fixture
def model(tiny: Path) -> Any:
    with Model.load("tiny") as loaded:
        yield loaded


@pytest.fixture
def slow(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DGXP_STUB_DELAY_MS", "30")
    with Model.load("tiny") as loaded:
        yield loaded


def test_a_result_has_everything(model: Model, tmp_path: Path) -> None:
    result = model.generate("medieval knight", kind="character", seed=7, **SMALL)
    assert result.image.size == (16, 16) and result.raw.width > 16 and result.seed == 7
    assert result.recipe["subject"] == "medieval knight" and result.recipe["kind"] == "character"
    assert 0 <= result.report["score"] <= 100 and result.palette
    result.save(tmp_path / "knight.png", scale=2)
    assert dgx_pixels.Image.load(tmp_path / "knight.png").size == (32, 32)
    assert dgx_pixels.inspect(tmp_path / "knight.png")
    again = model.generate("medieval knight", kind="character", seed=7, **SMALL)
    assert again.image == result.image
    assert model.info["architecture"] == "tiny" and "tiny" in repr(model)
    assert model.describe(Job("x", steps=5))["steps"] == 5


def test_pictures_outlive_the_result_and_the_model(model: Model) -> None:
    image = model.generate("a", seed=1, **SMALL).image
    array = numpy.asarray(image)
    assert not array.flags.writeable, "what belongs to a result is for reading"
    before = array.copy()
    model.close()
    assert (numpy.asarray(image) == before).all()
    with pytest.raises(ValueError, match="closed"):
        model.generate("a")


def test_a_batch_paints_what_single_calls_paint(model: Model) -> None:
    jobs = [Job(f"thing {i}", seed=i, **SMALL) for i in range(5)]
    batch = model.generate_many(jobs)
    assert [result.seed for result in batch] == [0, 1, 2, 3, 4]
    for job, result in zip(jobs, batch, strict=True):
        assert model.generate_many([job])[0].image == result.image
    with pytest.raises(dgx_pixels.DgxPixelsError):
        model.generate_many([Job("a", steps=2), Job("b", steps=3)])


def test_progress_tells_phases_steps_and_previews(model: Model) -> None:
    seen: list[Progress] = []
    model.generate("a", progress=seen.append, preview_every=1, **SMALL)
    assert [p.phase for p in seen if p.step == p.step_count] == ["encode", "denoise", "decode", "finish"]
    assert [p.step for p in seen if p.phase == "denoise"] == [0, 1, 2, 3]
    model.generate("a", progress=True, **SMALL)


def test_a_raising_callback_stops_the_call_and_is_raised(model: Model) -> None:
    def fail(progress: Progress) -> None:
        if progress.phase == "denoise":
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        model.generate("a", progress=fail, **SMALL)
    assert model.generate("a", seed=3, **SMALL).seed == 3, "the model works as before"


def test_options_are_checked_with_words(model: Model) -> None:
    with pytest.raises(ValueError, match='one of "auto", "euler"'):
        model.generate("a", sampler="oiler")
    with pytest.raises(ValueError, match="seed"):
        model.generate("a", seed=-1)
    with pytest.raises(dgx_pixels.BadFormat, match="steps"):
        model.generate("a", steps=100_000)
    with pytest.raises(dgx_pixels.DgxPixelsError, match="character"):
        model.generate("a", kind="nonsense")
    with pytest.raises(dgx_pixels.NotFound):
        Model.load("/nowhere")
    with pytest.raises(ValueError, match="NUL"):
        model.generate("a\0b")


def test_init_and_mask_are_taken(model: Model) -> None:
    start = numpy.full((64, 64, 3), 120, numpy.uint8)
    result = model.generate("a", canvas=(64, 64), init=start, strength=0.5, steps=4, mask=start, seed=1)
    assert result.recipe["strength"] == 0.5 and result.recipe["mask_pixels"]


def test_cancel_stops_within_a_step(slow: Model) -> None:
    token = Cancel()
    threading.Timer(0.1, token.fire).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        slow.generate("a", steps=1000, cancel=token)
    assert time.monotonic() - began < 20 and token.fired
    token.reset()
    assert slow.generate("a", steps=1, cancel=token, seed=0).seed == 0


def test_cancelling_a_task_stops_within_a_step(slow: Model) -> None:
    async def work() -> float:
        task = asyncio.create_task(slow.generate_async("a", steps=1000))
        await asyncio.sleep(0.2)
        ticks = 0
        for _ in range(5):  # the loop is free while it paints
            await asyncio.sleep(0.01)
            ticks += 1
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - began

    assert asyncio.run(work()) < 20
    assert asyncio.run(slow.generate_async("a", seed=4, steps=1)).seed == 4


def test_ctrl_c_stops_within_a_step(tiny: Path, python: Any) -> None:
    program = ("import sys; from dgx_pixels import Model\n"
               "model = Model.load('tiny')\n"
               "try:\n"
               "    model.generate('a', steps=1000, progress=lambda p: print(p.step, flush=True))\n"
               "except KeyboardInterrupt:\n"
               "    print('stopped', model.generate('a', steps=1, seed=5).seed)\n")
    import os
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "bindings/python"), "DGXP_STUB_DELAY_MS": "30"},
        # A job that a shell started in the background has SIGINT ignored, and hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    assert process.stdout
    for line in process.stdout:
        if line.strip() == "3":
            break
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read().split("\n")
    assert process.wait(60) == 0
    assert rest[-2] == "stopped 5" and len(rest) < 30


def test_eight_threads_paint_what_one_paints(model: Model, full: bool, evidence: Any) -> None:
    count = 200 if full else 40
    jobs = [Job(f"thing {i}", seed=i, **SMALL) for i in range(count)]
    alone = [model.generate_many([job])[0].image.tobytes() for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda job: model.generate_many([job])[0].image.tobytes(), jobs))
    assert together == alone
    evidence("Python: 8 threads on one model paint one thread's bytes", count, "equal")


def test_the_gil_is_free_while_it_paints(slow: Model) -> None:
    ticks = 0
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(slow.generate, "a", steps=10)
        while not work.done():
            ticks += 1
            time.sleep(0.01)
    assert ticks > 10


def test_closing_waits_for_other_threads(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DGXP_STUB_DELAY_MS", "30")
    model = Model.load("tiny")
    begun = threading.Event()
    phases: list[str] = []

    def watch(now: dgx_pixels.Progress) -> None:
        phases.append(now.phase)
        begun.set()

    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(model.generate, "a", steps=5, progress=watch)
        begun.wait()
        model.close()
        told = len(phases)  # nothing is painted on a closed model
        assert work.result().image.width and len(phases) == told and phases[-1] == "finish"


def test_models_do_not_leak(tiny: Path, full: bool, evidence: Any) -> None:
    import gc
    import resource

    cycles = 1000 if full else 30
    for i in range(10 + cycles):
        if i == 10:
            gc.collect()
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with Model.load("tiny") as model:
            model.generate("a", canvas=(64, 64), steps=1, seed=i)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 4096, f"{grown} KiB more after {cycles} models"
    evidence("Python: models opened, used and closed without growth", cycles, f"{grown} KiB more")


def test_doctor_tells_what_is_there(python: Any) -> None:
    done = python("-m", "dgx_pixels", "doctor", "--json", env={"DGX_PIXELS_BACKEND": "stub"})
    assert '"library_file"' in done.stdout
    broken = python("-m", "dgx_pixels", "doctor", env={"DGX_PIXELS_BACKEND": "nothing"}, check=False)
    assert broken.returncode == 1 and "no backend 'nothing'" in broken.stdout


def test_paints_with_torch(python: Any, tiny: Path) -> None:
    import os
    if not list((Path(os.environ["DGX_PIXELS_LIBRARY"]).parent).glob("libdgxpixels_torch.so")):
        pytest.skip("the torch backend is not built: NOT TESTED")
    program = ("from dgx_pixels import Model\n"
               "r = Model.load('tiny', threads=1).generate('a', canvas=(64, 64), steps=2, seed=7)\n"
               "print(r.recipe['model']['backend'], r.image.size)")
    done = python("-c", program, env={"DGX_PIXELS_BACKEND": "torch"}, timeout=600)
    assert done.stdout.split()[0] == "torch"


def test_styles_fields_and_pixel_steps(model: Model) -> None:
    result = model.generate("knight", kind="character", style="gameboy", fields={"view": "side"}, seed=1,
                            finish={"palette": "pico-8"}, size=(16, 16), steps=2)
    assert result.recipe["style"] == "gameboy"
    assert set(result.palette) <= set(dgx_pixels.Palette.load("pico-8").hex)
    plain = model.generate("knight", style="gameboy", seed=1, size=(16, 16), steps=2)
    assert plain.recipe["kind"] == "character", "what a style refines when nobody says a kind"
    with pytest.raises(dgx_pixels.DgxPixelsError, match="16bit"):
        model.generate("knight", kind="character", style="17bit")
