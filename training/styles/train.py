# SPDX-License-Identifier: MIT OR Apache-2.0
"""The training of one style: a few minutes on one core."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

from training.starter import captions, checkpoint, diffusion, model, sampling, schedule, tokenizer
from training.starter.dataset import FLIPPED_KINDS
from training.starter.sprites import Sprite, load_sprites

from . import adapters

BATCH = 24
RATE = 3e-3
WARMUP, DECAY = 20, 0.5
EMPTY_PROMPT = 0.1
SAVE_SECONDS = 60.0


def load_painter(bundle: Path, cache: Path) -> tuple[model.Painter, CLIPTokenizer]:
    """The finished bundle; without one the newest checkpoint of the starter's training."""
    if (bundle / "unet").is_dir():
        unet = UNet2DConditionModel.from_pretrained(bundle / "unet", torch_dtype=torch.float32)
        unet.set_attn_processor(AttnProcessor())
        text = CLIPTextModelWithProjection.from_pretrained(
            bundle / "text_encoder_2", torch_dtype=torch.float32, attn_implementation="eager")
        return model.Painter(unet, text), tokenizer.load(bundle / "tokenizer_2")
    print(f"{bundle}: no bundle there, so the checkpoint in {cache} is taken", flush=True)
    return diffusion.load_trained(cache, torch.device("cpu")), tokenizer.load(cache / "tokenizer")


def load_style(folder: Path, style: str) -> list[Sprite]:
    with open(folder / "manifest.jsonl", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["source"] == style]
    found = [s for s in load_sprites(folder, rows) if s.split == "train"]
    if not found:
        raise ValueError(f"{folder}: holds no sprites of the style '{style}'")
    return found


def make_corpus(sprites: list[Sprite], words: CLIPTokenizer, style: str) -> diffusion.Corpus:
    """Every caption begins with the words that call the style up."""
    texts = [[f"{style} style, {text}" for text in several]
             for several in captions.variants(sprites, diffusion.CAPTIONS, seed=1)]
    flat = tokenizer.encode(words, [t for several in texts for t in several])
    groups = [s.group for s in sprites]
    weight = torch.tensor([groups.count(g) ** -0.5 for g in groups])
    pixels = torch.from_numpy(np.stack([s.pixels for s in sprites])).permute(0, 3, 1, 2)
    return diffusion.Corpus(
        pixels.contiguous(), torch.tensor([s.kind in FLIPPED_KINDS for s in sprites]),
        weight / weight.sum(),
        torch.tensor(flat, dtype=torch.int16).view(len(texts), diffusion.CAPTIONS, -1),
        torch.tensor([s.small for s in sprites]),
        torch.tensor(tokenizer.encode(words, [""])[0]))


def losses(painter: model.Painter, alphas: torch.Tensor, corpus: diffusion.Corpus,
           batch: int) -> torch.Tensor:
    """The starter's own objective: v-prediction, one timestep in each of `batch` slices."""
    z, ids, small = corpus.draw(batch, EMPTY_PROMPT)
    t = ((torch.arange(batch) + torch.rand(batch)) / batch * len(alphas)).long()
    noise = torch.randn_like(z)
    a, b = alphas[t].sqrt()[:, None, None, None], (1 - alphas[t]).sqrt()[:, None, None, None]
    context, pooled = model.read(painter.text, ids)
    added = {"text_embeds": pooled, "time_ids": model.time_ids(small)}
    v = painter.unet(a * z + b * noise, t, context, added_cond_kwargs=added).sample
    return (v.float() - (a * noise - b * z)).square().mean((1, 2, 3))


def train(style: str, sprites: Path, bundle: Path, cache: Path, out: Path, minutes: float,
          most_steps: int | None = None) -> Path:
    """Train until `minutes` of training are over (a broken run goes on where it was), then write."""
    torch.manual_seed(3)
    painter, words = load_painter(bundle, cache)
    parameters = adapters.add(painter)
    painter.unet.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(parameters, lr=RATE, betas=(0.9, 0.99), weight_decay=0.01)
    found = load_style(sprites, style)
    corpus = make_corpus(found, words, style)
    alphas = model.scheduler().alphas_cumprod
    half = sampling.has_fast_bf16(torch.device("cpu"))
    path, step, spent = cache / "styles" / f"{style}.pt", 0, 0.0
    if path.exists():
        kept = checkpoint.load(path, torch.device("cpu"))
        painter.both.load_state_dict(kept["adapters"], strict=False)
        optimizer.load_state_dict(kept["optimizer"])
        step, spent = kept["step"], kept["minutes"]
    print(f"{style}: {len(found)} sprites, {sum(p.numel() for p in parameters):,} parameters, from "
          f"step {step}", flush=True)
    began = saved = time.monotonic()
    recent: list[float] = []
    while True:
        trained = spent + (time.monotonic() - began) / 60
        if trained >= minutes or step == most_steps:
            break
        rate = schedule.rate(step, trained / minutes, RATE, WARMUP, DECAY)
        schedule.apply(optimizer, rate)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = losses(painter, alphas, corpus, BATCH).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        recent.append(loss.item())
        if time.monotonic() - saved > SAVE_SECONDS:
            checkpoint.save(path, {"adapters": adapters.state(painter), "step": step,
                                   "optimizer": optimizer.state_dict(), "minutes": trained})
            print(f"{style}: {trained:.1f} min, step {step}, loss {np.mean(recent):.4f}", flush=True)
            saved, recent = time.monotonic(), []
    target = out / f"{style}.safetensors"
    size = adapters.write(target, painter, style, len(found), step)
    path.unlink(missing_ok=True)
    print(f"{target}: {size:,} bytes after {step} steps", flush=True)
    return target
