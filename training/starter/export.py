# SPDX-License-Identifier: MIT OR Apache-2.0
"""The trained parts as a diffusers folder in bf16."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import torch
from diffusers import StableDiffusionXLPipeline
from transformers import CLIPTokenizer

from . import autoencoder, model
from .config import FACTOR, SIZE

# What `python -m dgx_pixels.programs BUNDLE --from FOLDER --set FOLDER/fields.json` cannot work out.
# The second set asks for its notices, so the weights are no longer CC0: NOTICE goes with them.
NOTICE = Path(__file__).parent / "NOTICE"
WORDS = "words.txt"  # what the captions hold, so that a prompt's other words can be told
FIELDS = {"name": "starter", "words": WORDS, "title": "DGX-Pixels starter", "license": "MIT OR Apache-2.0",
          "canvas": {"native": [SIZE, SIZE], "max": 2 * SIZE}, "pixel_scale": 1, "vae": {"f16_safe": True},
          # Measured with `tune`; a temperature below 1 takes the grain away (models/starter/README.md).
          "defaults": {"steps": 14, "guidance": 4.0, "guidance_rescale": 0.7, "temperature": 0.8,
                       "sampler": "dpmpp-2m", "spacing": "trailing",
                       "finish": {"background": "keep", "colors": 16}}}  # as its presets


def write(out: Path, painter: model.Painter, words: CLIPTokenizer, read: list[str]) -> None:
    """A StableDiffusionXLPipeline with the second text encoder only, as SDXL's refiner has it."""
    pipeline = StableDiffusionXLPipeline(
        vae=autoencoder.build().to(torch.bfloat16), text_encoder=None, tokenizer=None,
        text_encoder_2=copy.deepcopy(painter.text).to(torch.bfloat16), tokenizer_2=words,
        unet=copy.deepcopy(painter.unet).to(torch.bfloat16), scheduler=model.scheduler(),
        force_zeros_for_empty_prompt=False, add_watermarker=False)
    pipeline.save_pretrained(out, safe_serialization=True)
    save_tokenizer(out / "tokenizer_2", words)
    shutil.copy(NOTICE, out / "NOTICE")
    (out / WORDS).write_text("\n".join(read) + "\n", "utf-8")
    (out / "fields.json").write_text(json.dumps(FIELDS | {"preview": preview()}) + "\n", "utf-8")


def save_tokenizer(folder: Path, words: CLIPTokenizer) -> None:
    """CLIP's two plain files instead of tokenizer.json, which only Python reads."""
    whole = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]
    (folder / "vocab.json").write_text(json.dumps(whole["vocab"], ensure_ascii=False), "utf-8")
    merges = [m if isinstance(m, str) else " ".join(m) for m in whole["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n", "utf-8")
    (folder / "tokenizer.json").unlink()


def preview() -> dict[str, list]:
    """From a latent to the mean of its block in 0..1: half of what the autoencoder gives, and the
    middle."""
    matrix = autoencoder.FROM_LATENTS.T / 2
    bias = 0.5 - autoencoder.OFFSET @ matrix
    block = FACTOR * FACTOR
    return {"matrix": (matrix / block).repeat(block, 1).tolist(), "bias": bias.tolist()}
