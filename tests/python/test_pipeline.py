# SPDX-License-Identifier: MIT OR Apache-2.0
"""The whole pipeline against diffusers on the tiny model, and its promises about state and bytes."""

from __future__ import annotations

import ctypes as c
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from dgxp import DgxpError, Library, Model
from scene import CANVAS, SIDE, mask, picture, psnr

ROOT = Path(__file__).resolve().parents[2]
LATENT = (4, SIDE // 8, SIDE // 8)
STEPS = 6
PROMPT = "a knight with a red cloak, standing on a hill at dawn"
NEGATIVE = "blurry, photo"


@pytest.fixture(scope="module")
def library(build: Path) -> Library:
    return Library(build)


@pytest.fixture(scope="module")
def model(tiny: Path, library: Library) -> Iterator[Model]:
    with library.open(tiny / "tiny-diffusers", device="cpu", dtype=1) as opened:  # F32
        yield opened


DPM = {"class": "DPMSolverMultistepScheduler"}
# ours, and what tests/models/reference.py is told
CASES: dict[str, tuple[dict, dict]] = {
    "plain": ({}, {}),
    "guidance-1": ({"guidance": 1.0}, {"guidance": 1.0}),
    "guidance-7.5-negative": ({"guidance": 7.5, "negative_prompt": NEGATIVE},
                              {"guidance": 7.5, "negative": NEGATIVE}),
    "rescale": ({"guidance_rescale": 0.7}, {"guidance_rescale": 0.7}),
    "euler-a": ({"sampler": "euler-a"},
                {"scheduler": {"class": "EulerAncestralDiscreteScheduler"}}),
    "karras": ({"sampler": "dpmpp-2m", "schedule": "karras"},
               {"scheduler": {**DPM, "use_karras_sigmas": True}}),
    "sde": ({"sampler": "dpmpp-2m-sde"},
            {"scheduler": {**DPM, "algorithm_type": "sde-dpmsolver++"}}),
    "ddim-trailing": ({"sampler": "ddim", "spacing": "trailing"},
                      {"scheduler": {"class": "DDIMScheduler", "timestep_spacing": "trailing",
                                     "clip_sample": False, "set_alpha_to_one": False}}),
    "lcm": ({"sampler": "lcm", "guidance": 1.5},
            {"scheduler": {"class": "LCMScheduler"}, "guidance": 1.5}),
    "img2img": ({"init_image": (picture(), 0.6)}, {"init": "init.npy", "strength": 0.6}),
    "inpaint": ({"init_image": (picture(), 0.8), "mask": mask()},
                {"init": "init.npy", "strength": 0.8, "mask": "mask.npy"}),
    "inpaint-all-steps": ({"init_image": (picture(), 1.0), "mask": mask()},
                          {"init": "init.npy", "strength": 1.0, "mask": "mask.npy"}),
}


@pytest.fixture(scope="module")
def noise() -> tuple[np.ndarray, np.ndarray]:
    """The starting noise and each step's."""
    draw = np.random.default_rng(11)
    return (draw.standard_normal(LATENT, dtype=np.float32),
            draw.standard_normal((STEPS, *LATENT), dtype=np.float32))


@pytest.fixture(scope="module")
def reference(tiny: Path, noise: tuple[np.ndarray, np.ndarray],
              tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What diffusers paints for CASES, as .npy files."""
    folder = tmp_path_factory.mktemp("reference")
    np.save(folder / "start.npy", noise[0])
    np.save(folder / "steps.npy", noise[1])
    np.save(folder / "init.npy", picture()[..., :3].transpose(2, 0, 1).astype(np.float32) / 255)
    np.save(folder / "mask.npy", (mask()[..., 0] > 0).astype(np.float32))
    jobs = [{"name": name, "prompt": PROMPT, "width": SIDE, "height": SIDE, "steps": STEPS,
             "guidance": 5.0, "start_noise": "start.npy", "step_noise": "steps.npy", **theirs}
            for name, (_, theirs) in CASES.items()]
    (folder / "jobs.json").write_text(json.dumps(jobs))
    subprocess.run([sys.executable, "-W", "ignore", ROOT / "tests/models/reference.py",
                    tiny / "tiny-diffusers", folder / "jobs.json", folder], check=True)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_equals_diffusers(name: str, model: Model, reference: Path, library: Library,
                          noise: tuple[np.ndarray, np.ndarray]) -> None:
    """Latents within 1e-4 and pictures within 60 dB, given the same noise."""
    ours, _ = CASES[name]
    job = library.job(PROMPT, canvas=CANVAS, noise=noise, **{"steps": STEPS, "guidance": 5.0, **ours})
    [made] = model.generate(job)
    latents = np.load(reference / f"{name}.latents.npy")
    image = np.load(reference / f"{name}.image.npy").transpose(1, 2, 0)
    image = (image * 255).round().astype(np.uint8)
    assert np.abs(latents).max() > 0.1 and image.std() > 1, "nothing was painted: a void comparison"
    assert np.abs(made.latents - latents).max() <= 1e-4
    inside = np.ones(CANVAS, bool)
    if "mask" in ours:
        inside = mask()[..., 0] > 0
        assert (made.canvas[~inside] == picture()[~inside]).all()
    assert psnr(made.canvas[inside][..., :3], image[inside]) >= 60


def test_three_forms_give_the_same_bytes(tiny: Path, library: Library) -> None:
    pictures = []
    for form in ("tiny.safetensors", "tiny-diffusers", "tiny"):
        with library.open(tiny / form, device="cpu") as opened:
            job = library.job(PROMPT, canvas=CANVAS, steps=4, seed=7)
            pictures.append(opened.generate(job)[0])
    for other in pictures[1:]:
        assert (pictures[0].latents == other.latents).all()
        assert (pictures[0].canvas == other.canvas).all()


def test_batch_equals_single_runs(model: Model, library: Library) -> None:
    prompts = ["a knight", "a (blue:1.3) potion, glass", "a dragon", "a wall of [grey] stone"]
    jobs = [library.job(prompt, canvas=CANVAS, steps=4, seed=20 + i, sampler="euler-a",
                        negative_prompt="photo" if i % 2 else "") for i, prompt in enumerate(prompts)]
    together = model.generate(*jobs)
    for i, job in enumerate(jobs):
        [alone] = model.generate(job)
        assert np.abs(alone.latents - together[i].latents).max() <= 1e-4
        assert together[i].recipe["batch"] == {"size": 4, "position": i, "chunks": 1}
    assert np.abs(together[0].latents - together[1].latents).max() > 0.1


def test_weights_and_chunks_change_the_picture(model: Model, library: Library) -> None:
    def paint(prompt: str) -> np.ndarray:
        return model.generate(library.job(prompt, canvas=CANVAS, steps=2, seed=5))[0].latents

    plain = paint("a red knight")
    assert (plain == paint("a (red:1.0) knight")).all()
    assert (plain != paint("a (red:1.4) knight")).any()
    assert (plain != paint("a red knight BREAK on a hill")).any()
    assert np.isfinite(paint("knight, " * 120)).all()


def test_sizes_seeds_and_bytes(model: Model, library: Library) -> None:
    def paint(seed: int, **settings: object) -> np.ndarray:
        return model.generate(library.job(PROMPT, steps=3, seed=seed, **settings))[0].canvas

    square = paint(1, canvas=CANVAS)
    assert (square == paint(1, canvas=CANVAS)).all()
    assert (square != paint(2, canvas=CANVAS)).any()
    assert paint(1, canvas=(120, 72)).shape == (72, 120, 4)
    assert paint(1, canvas=CANVAS, tiling="xy").shape == (SIDE, SIDE, 4)


def test_cancel_returns_within_a_step_and_leaves_no_trace(model: Model, library: Library) -> None:
    job = library.job(PROMPT, canvas=CANVAS, steps=6, seed=9)
    [before] = model.generate(job)
    seen: list[int] = []

    def stop(progress, _):  # type: ignore[no-untyped-def]
        seen.append(progress.contents.step)
        return progress.contents.phase == 2 and progress.contents.step == 3

    with pytest.raises(DgxpError) as error:
        model.generate(job, progress=stop)
    assert error.value.status == "cancelled" and max(seen) == 3
    [after] = model.generate(job)
    assert (before.canvas == after.canvas).all()


def test_cancel_from_another_thread(model: Model, library: Library) -> None:
    token = c.c_void_p()
    library.check(library.c.dgxp_cancel_create(c.byref(token)))
    job = library.job(PROMPT, canvas=CANVAS, steps=1000, seed=9)
    threading.Timer(0.2, lambda: library.c.dgxp_cancel_fire(token)).start()
    began = time.monotonic()
    with pytest.raises(DgxpError, match="cancelled"):
        model.generate(job, cancel=token)
    assert time.monotonic() - began < 300
    library.c.dgxp_cancel_free(token)


def test_calls_from_two_threads_queue(model: Model, library: Library) -> None:
    jobs = [library.job(PROMPT, canvas=CANVAS, steps=3, seed=s) for s in (1, 2)]
    alone = [model.generate(job)[0].canvas for job in jobs]
    found: dict[int, np.ndarray] = {}
    threads = [threading.Thread(target=lambda i=i: found.update(
        {i: model.generate(jobs[i])[0].canvas})) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((found[i] == alone[i]).all() for i in range(2))


def resident_mib() -> float:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_load_and_free_do_not_grow(tiny: Path, library: Library, full: bool, evidence) -> None:  # type: ignore[no-untyped-def]
    cycles = 200 if full else 20

    def once() -> None:
        with library.open(tiny / "tiny.safetensors", device="cpu") as opened:
            opened.generate(library.job("a", canvas=(64, 64), steps=1, seed=1))
    for _ in range(10):
        once()
    before = resident_mib()
    for _ in range(cycles):
        once()
    growth = resident_mib() - before
    evidence("load/free cycles, resident growth", cycles, f"{growth:.1f} MiB")
    assert growth < 16, f"{growth:.1f} MiB in {cycles} cycles"


def test_previews_and_progress_arrive(tiny: Path, tmp_path: Path, library: Library) -> None:
    bundle = Path(shutil.copytree(tiny / "tiny", tmp_path / "previewing"))
    about = json.loads((bundle / "bundle.json").read_text())
    about["preview"] = {"matrix": [[0.2, 0.1, 0.0]] * 4, "bias": [0.5, 0.5, 0.5]}
    (bundle / "bundle.json").write_text(json.dumps(about))
    steps, previews = [], []

    def hook(progress, _):  # type: ignore[no-untyped-def]
        p = progress.contents
        if p.phase == 2:
            steps.append((p.step, p.step_count))
            if p.preview:
                previews.append(library.pixels(p.preview))
        return 0

    with library.open(bundle, device="cpu") as model:
        model.generate(library.job(PROMPT, canvas=CANVAS, steps=4, seed=1), progress=hook,
                       preview_every=2)
    assert steps == [(i, 4) for i in range(5)]
    assert len(previews) == 2 and previews[0].shape == (*LATENT[1:], 4)
    assert previews[0][..., :3].std() > 1 and (previews[0][..., 3] == 255).all()


@pytest.mark.parametrize("settings,status,part", [
    ({"canvas": (100, 128)}, "invalid-argument", "nearest is 104x128"),
    ({"canvas": (8, 8)}, "invalid-argument", "nearest"),
    ({"mask": mask()}, "invalid-argument", "needs an init image"),
    ({"size": (2000, 2000)}, "invalid-argument", "canvas"),
])
def test_bad_jobs_are_named(settings: dict, status: str, part: str, model: Model,
                            library: Library) -> None:
    with pytest.raises(DgxpError) as error:
        model.generate(library.job(PROMPT, steps=2, seed=1, **settings))
    assert error.value.status == status and part in error.value.text


@pytest.mark.parametrize("name,value", [
    ("guidance", float("nan")), ("guidance", 1000.0), ("steps", -1), ("steps", 1001),
    ("cfg_stop", -0.1), ("seed", 2**53), ("canvas", (0, 64)), ("negative_prompt", "x" * 70000),
])
def test_bad_settings_are_refused_at_once(name: str, value: object, library: Library) -> None:
    with pytest.raises(DgxpError):
        library.job(PROMPT, **{name: value})


def test_ten_megabyte_prompt_is_refused(library: Library) -> None:
    with pytest.raises(DgxpError, match="65536 bytes"):
        library.job("knight " * 1_500_000)
