# SPDX-License-Identifier: MIT OR Apache-2.0
"""A run from the template to the file, and the file in our engine, in diffusers and in PEFT."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import reference
import torch
from conftest import STARTER, make_set, run_file
from dgxp import Library
from diffusers import DDIMScheduler, StableDiffusionXLPipeline
from peft import PeftModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file

PROMPT = "spacy style, red creature, monster"
STEPS, SIDE = 4, 64


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, starter: Path) -> Path:
    """50 steps on 24 sprites; the folder of the run file."""
    from dgx_pixels.train.__main__ import main

    folder = tmp_path_factory.mktemp("trained")
    make_set(folder / "sprites", 24)
    file = run_file(folder, "spacy", adapter={"kind": "locon", "rank": 4, "alpha": 2.0, "text_encoders": [2]},
                    data={"folder": str(folder / "sprites"), "views": 2},
                    train={"steps": 50, "batch": 2, "rate": 3e-3, "schedule": "hold", "warmup": 5,
                           "ema": 0.9, "save_every": 25, "sample_every": 50, "min_snr": 5.0},
                    evaluate={"prompts": ["red creature, monster", "blue creature, monster"]},
                    output={"folder": str(folder / "loras"), "runs": str(folder / "runs"), "peft": True})
    assert main(["train", str(file)]) == 0
    return folder


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)


def open_pipe(folder: Path) -> StableDiffusionXLPipeline:
    pipe = StableDiffusionXLPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    # Our DDIM ends where SDXL's does, at the first training step.
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, set_alpha_to_one=False)
    return pipe


def theirs(pipe: StableDiffusionXLPipeline, prompt: str, start: np.ndarray, side: int,
           **options: object) -> np.ndarray:
    z = pipe(prompt, negative_prompt="", width=side, height=side, num_inference_steps=STEPS,
             guidance_scale=3.0, latents=torch.from_numpy(start)[None], output_type="latent",
             **options).images
    y = pipe.vae.decode(z / pipe.vae.config.scaling_factor).sample[0].clamp(-1, 1).permute(1, 2, 0)
    return ((y.detach() + 1) * 127.5).round().numpy().astype(np.uint8)


def ours(build: Path, model: Path, prompt: str, start: np.ndarray, side: int,
         lora: Path | None) -> tuple[np.ndarray, dict]:
    library = Library(build)
    with library.open(model, device="cpu", dtype=1) as opened:  # DGXP_DTYPE_F32
        report = opened.set_loras((library.lora(lora), 1.0))[0] if lora else {}
        job = library.job(prompt, steps=STEPS, guidance=3.0, guidance_rescale=0.0, temperature=1.0, sampler="ddim",
                          spacing="trailing", noise=(start, None), seed=1)
        return opened.generate(job)[0].canvas, report


def test_the_run_is_recorded(trained: Path) -> None:
    run = trained / "runs/spacy"
    rows = list(csv.DictReader((run / "curves.csv").open()))
    assert [int(r["step"]) for r in rows] == list(range(1, 51))
    loss = [float(r["loss"]) for r in rows]
    assert np.mean(loss[-15:]) < np.mean(loss[:15])
    assert sorted(p.name for p in (run / "checkpoints").iterdir()) == [
        "spacy-000025.safetensors", "spacy-000050.safetensors"]
    assert (run / "samples/000050.png").exists() and list((run / "tensorboard").iterdir())
    record = json.loads((run / "record.json").read_text())
    assert record["settings"]["adapter"]["rank"] == 4 and record["versions"]["peft"]
    assert len(record["data"]["sha256"]) == 24 and len(record["base"]["sha256"]) == 64
    assert not list(trained.rglob("*.part"))


def test_the_file_says_what_it_is(trained: Path, build: Path) -> None:
    with safe_open(trained / "loras/spacy.safetensors", "pt") as file:
        about = file.metadata()
        keys = set(file.keys())
    assert {k.split(".")[-1] for k in keys} == {"weight", "alpha"}
    assert any(k.startswith("lora_te2_") for k in keys) and any("resnets" in k for k in keys)
    assert (about["ss_network_dim"], about["ss_network_alpha"], about["ss_steps"]) == ("4", "2", "50")
    tags = json.loads(about["ss_tag_frequency"])["spacy"]
    assert tags["spacy style"] == int(about["ss_num_train_images"]) == 22
    described = Library(build).lora(trained / "loras/spacy.safetensors").describe()
    assert described["trigger_words"][0] == "monster" or "spacy style" in described["trigger_words"]
    assert described["rank"] == 4 and described["alpha"] == 2.0


def test_three_readers_paint_the_same(trained: Path, build: Path) -> None:
    """Our engine (strict: all is applied), diffusers' loader of the kohya file, PEFT's of its own."""
    file = trained / "loras/spacy.safetensors"
    start = np.random.default_rng(5).standard_normal((16, 16, 16), dtype=np.float32)
    engine, report = ours(build, STARTER, PROMPT, start, 32, file)
    assert report["skipped"] == 0 and report["applied"] == len(load_file(file)) // 3
    without, _ = ours(build, STARTER, PROMPT, start, 32, None)
    assert psnr(engine, without) < 40, "the adapter changes nothing: a void comparison"
    pipe = open_pipe(STARTER)
    pipe.load_lora_weights(str(file.parent), weight_name=file.name)
    assert psnr(engine, theirs(pipe, PROMPT, start, 32)) >= 60
    pipe = open_pipe(STARTER)
    for part in ("unet", "text_encoder_2"):
        PeftModel.from_pretrained(getattr(pipe, part), trained / f"loras/spacy-peft/{part}")
    assert psnr(engine, theirs(pipe, PROMPT, start, 32)) >= 60


@pytest.mark.parametrize("kind,encoders", [("lora", []), ("locon", [1, 2]), ("dora", [])])
def test_sdxl(kind: str, encoders: list[int], tiny: Path, build: Path, tmp_path: Path,
              train: Callable[..., int], request: pytest.FixtureRequest) -> None:
    """Prepare, steps, export and load on the small random SDXL: epsilon, two encoders, 8x8 cells."""
    model = tiny / "tiny-diffusers"
    make_set(tmp_path / "sprites", 6, side=8)
    file = run_file(
        tmp_path, "small", run={"name": "small", "base": str(model), "trigger": "spacy style"},
        data={"folder": str(tmp_path / "sprites"), "canvas": [SIDE, SIDE], "views": 2, "background": "random"},
        adapter={"kind": kind, "rank": 2, "alpha": 1.0, "text_encoders": encoders},
        train={"steps": 2, "batch": 2, "accumulation": 2, "rate": 0.05,
               "schedule": "constant", "warmup": 0, "gradient_checkpointing": True, "sample_every": 0},
        output={"folder": str(tmp_path / "loras"), "runs": str(tmp_path / "runs"), "dtype": "fp32",
                "peft": True})
    assert train("train", file) == 0
    lora = tmp_path / "loras/small.safetensors"
    keys = load_file(lora)
    # SDXL's plan of blocks, so kohya's original names.
    assert any(k.startswith("lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.") for k in keys)
    assert all(k.startswith(("lora_unet_input_blocks", "lora_unet_middle_block", "lora_unet_output_blocks",
                             "lora_te1_", "lora_te2_")) for k in keys)
    start = np.random.default_rng(1).standard_normal((4, SIDE // 8, SIDE // 8), dtype=np.float32)
    np.save(tmp_path / "start.npy", start)
    library = Library(build)
    opened = library.open(model, device="cpu", dtype=1)  # DGXP_DTYPE_F32
    request.addfinalizer(opened.close)

    def paint(adapter: Path | None) -> tuple[np.ndarray, dict]:
        reports = opened.set_loras(*([(library.lora(adapter), 1.0)] if adapter else []))
        job = library.job(PROMPT, canvas=(SIDE, SIDE), steps=STEPS, guidance=5.0, noise=(start, None))
        return opened.generate(job)[0].canvas[..., :3], reports[0] if adapter else {}

    def by_diffusers(pipe: StableDiffusionXLPipeline) -> np.ndarray:
        made = reference.paint(pipe, tmp_path, {
            "name": "x", "prompt": PROMPT, "width": SIDE, "height": SIDE, "steps": STEPS, "guidance": 5.0,
            "start_noise": "start.npy"})["image"]
        return (np.asarray(made).transpose(1, 2, 0) * 255).round().astype(np.uint8)

    engine, report = paint(lora)
    assert report["skipped"] == 0 and report["applied"] == sum(k.endswith(".alpha") for k in keys)
    assert psnr(engine, paint(None)[0]) < 45, "the adapter changes nothing: a void comparison"
    pipe = open_pipe(model)
    for part in (p.name for p in (tmp_path / "loras/small-peft").iterdir()):
        PeftModel.from_pretrained(getattr(pipe, part), tmp_path / f"loras/small-peft/{part}")
    assert psnr(engine, by_diffusers(pipe)) >= 60
    pipe = open_pipe(model)
    pipe.load_lora_weights(str(lora.parent), weight_name=lora.name)
    if kind == "dora":
        # diffusers drops every dora_scale on purpose (its pull request 9547), for LyCORIS' lie on
        # another axis: what it paints is the file without them.  When this fails, it reads DoRA.
        without = tmp_path / "without.safetensors"
        save_file({k: v for k, v in keys.items() if not k.endswith(".dora_scale")}, without)
        whole, engine = engine, paint(without)[0]
        assert psnr(engine, whole) < 45, "the magnitudes change nothing: a void comparison"
    assert psnr(engine, by_diffusers(pipe)) >= 60
