# SPDX-License-Identifier: MIT OR Apache-2.0
"""Textual inversions: pictures against diffusers' load_textual_inversion(), names, files, recipes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dgxp import DgxpError, Library, Model
from diffusers import StableDiffusionXLPipeline
from PIL import Image
from safetensors.torch import load_file, save_file
from scene import psnr
from test_lora import library, pipe  # noqa: F401

SIDE, STEPS = 64, 4
VECTORS = {"one": 1, "three": 3}


@pytest.fixture(scope="module")
def folder(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with embeddings of real size, one vector and three."""
    models = tmp_path_factory.mktemp("models")
    for entry in tiny.iterdir():
        (models / entry.name).symlink_to(entry)
    (models / "embeddings").mkdir()
    torch.manual_seed(6)
    tables = [load_file(tiny / f"tiny-diffusers/{part}/model.safetensors")
              ["text_model.embeddings.token_embedding.weight"] for part in ("text_encoder", "text_encoder_2")]
    for name, count in VECTORS.items():
        save_file({key: torch.randn(count, table.shape[1]) * table.std() * 2
                   for key, table in zip(("clip_l", "clip_g"), tables, strict=True)},
                  models / f"embeddings/{name}.safetensors")
    return models


@pytest.fixture
def model(folder: Path, library: Library, monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:  # noqa: F811
    monkeypatch.setenv("DGX_PIXELS_MODELS", str(folder))
    with library.open(folder / "tiny-diffusers", device="cpu", dtype=1) as opened:
        yield opened


def paint(model: Model, library: Library, prompt: str, negative: str, noise: np.ndarray) -> Any:  # noqa: F811
    return model.generate(library.job(prompt, negative_prompt=negative, canvas=(SIDE, SIDE), steps=STEPS,
                                      guidance=5.0, noise=(noise, None)))[0]


def test_picture_equals_diffusers(model: Model, library: Library, folder: Path,  # noqa: F811
                                  pipe: StableDiffusionXLPipeline) -> None:  # noqa: F811
    """One in the prompt, one of several vectors in the negative prompt, both twice."""
    noise = np.random.default_rng(3).standard_normal((4, SIDE // 8, SIDE // 8), dtype=np.float32)
    before = paint(model, library, "a knight", "dark", noise)
    for name in VECTORS:
        tensors = load_file(folder / f"embeddings/{name}.safetensors")
        for key, encoder, tokenizer in (("clip_l", pipe.text_encoder, pipe.tokenizer),
                                        ("clip_g", pipe.text_encoder_2, pipe.tokenizer_2)):
            pipe.load_textual_inversion(tensors[key], token=f"<{name}>", text_encoder=encoder,
                                        tokenizer=tokenizer)
    # Where a configuration still says 2, transformers takes the largest id for the end of the text,
    # which is an added word's then; the checkpoints' own end is 49407.
    for module in pipe.text_encoder_2.modules():
        if hasattr(module, "eos_token_id"):
            module.eos_token_id = pipe.tokenizer_2.eos_token_id
    theirs = pipe("a <one> knight, <one>", negative_prompt="dark, <three>", width=SIDE, height=SIDE,
                  num_inference_steps=STEPS, guidance_scale=5.0, latents=torch.from_numpy(noise)[None],
                  output_type="np").images[0]
    ours = paint(model, library, "a embedding:one knight, embedding:one.safetensors",
                 "dark, embedding:three", noise)
    assert psnr(ours.canvas[..., :3], (theirs * 255).round().astype(np.uint8)) >= 60
    assert np.abs(ours.latents - before.latents).max() > 1e-2, "the words were changed: no void comparison"
    again = paint(model, library, "a knight", "dark", noise)
    assert (again.latents == before.latents).all(), "the vocabulary is as it was"
    assert [(entry["name"], entry["vectors"]) for entry in ours.recipe["embeddings"]] == [
        ("one", 1), ("three", 3)]


def test_weights_and_chunks(model: Model, library: Library) -> None:  # noqa: F811
    noise = np.zeros((4, SIDE // 8, SIDE // 8), np.float32)
    plain = paint(model, library, "a embedding:three", "", noise).latents
    assert (plain == paint(model, library, "a (embedding:three:1.0)", "", noise).latents).all()
    assert (plain != paint(model, library, "a (embedding:three:1.4)", "", noise).latents).any()
    filled = paint(model, library, "a " * 73 + "embedding:three", "", noise)
    assert filled.recipe["batch"]["chunks"] == 2, "its vectors stay together"


@pytest.mark.parametrize("name, tensors, status, part", [
    ("missing", None, "not-found", "no file 'missing' in embeddings/"),
    ("../secret", None, "invalid-argument", "is a path"),
    ("old", {"emb_params": torch.ones(1, 768)}, "unsupported", "SD 1.x"),
    ("half", {"clip_l": torch.ones(1, 32)}, "unsupported", "no tensor 'clip_g'"),
    ("uneven", {"clip_l": torch.ones(2, 32), "clip_g": torch.ones(1, 64)}, "bad-format", "as many"),
    ("wide", {"clip_l": torch.ones(1, 7), "clip_g": torch.ones(1, 7)}, "mismatch", "have 7 numbers"),
    ("nan", {"clip_l": torch.full((1, 32), torch.nan), "clip_g": torch.ones(1, 64)}, None, ""),
])
def test_what_is_no_inversion_is_named(name: str, tensors: dict | None, status: str | None, part: str,
                                       model: Model, library: Library, folder: Path) -> None:  # noqa: F811
    noise = np.zeros((4, SIDE // 8, SIDE // 8), np.float32)
    if tensors:
        save_file(tensors, folder / f"embeddings/{name}.safetensors")
    with pytest.raises(DgxpError, match=part) as error:
        paint(model, library, f"a embedding:{name}, x", "", noise)
    assert error.value.status == (status or error.value.status)
    paint(model, library, "a embedding:one", "", noise)  # it works as before


def test_regen_knows_the_file(cli: Any, folder: Path, tmp_path: Path) -> None:
    env = {"DGX_PIXELS_MODELS": str(folder)}
    path = tmp_path / "a.png"
    done = cli("generate", "a embedding:one", "-m", "tiny", "--canvas", "64", "--steps", "1", "-s", "3",
               "--device", "cpu", "-o", path, env=env)
    assert done.returncode == 0, done.stderr
    listed = json.loads(Image.open(path).text["dgx_pixels"])["embeddings"]
    assert listed[0]["name"] == "one" and len(listed[0]["sha256"]) == 64
    assert cli("regen", path, "--device", "cpu", env=env).returncode == 0
    file = folder / "embeddings/one.safetensors"
    kept = shutil.copy(file, tmp_path / "kept")
    save_file({key: tensor + 1 for key, tensor in load_file(file).items()}, file)
    done = cli("regen", path, "--device", "cpu", env=env)
    shutil.copy(kept, file)
    assert done.returncode != 0 and "textual inversion 'one'" in done.stderr
