# SPDX-License-Identifier: MIT OR Apache-2.0
"""Sprites become latents and captions become embeddings, once, in the run's cache."""

from __future__ import annotations

import hashlib
import json
import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from . import base as bases
from . import dataset
from .base import Base
from .dataset import Example, Pixels
from .errors import TrainError
from .files import write_text, written
from .settings import Settings

VERSION = 2  # of the cache: raise it when the same input gives other latents


@dataclass
class Part:
    """What is trained on, or what is held out: picture i in view v has caption `rows[i][v]`."""

    names: list[str]
    latents: list[torch.Tensor]  # each [views, C, h, w]
    rows: list[list[int]]


@dataclass
class Prepared:
    train: Part
    held: Part
    texts: list[str]  # captions; the first is empty
    context: torch.Tensor | None  # [texts, T, D], None when text encoders are trained
    pooled: torch.Tensor | None
    kept: list[list[int]]  # of what is painted as the base does: captions with and without the trigger words
    left_out: list[str]  # pictures that do not fit, with the reason
    scale: int
    hashes: dict[str, str]
    digest: str  # of all that it was made from


# ------------------------------------------------------------------------------------ placing


def canvases(s: Settings, base: Base) -> list[tuple[int, int]]:
    """(width, height) of the buckets: the canvas, and others of about its area when asked for."""
    width, height = base.place.canvas(s)
    step = base.place.multiple
    if width % step or height % step:
        raise TrainError(f"{s.path}: [data] canvas: must be multiples of {step} for this model, "
                         f"not {width}x{height}")
    if not s.data.buckets:
        return [(width, height)]
    found = {(width, height)}
    for w in range(step, 2 * width + 1, step):
        h = width * height // w // step * step
        if h and max(w, h) <= 2 * min(w, h):
            found.add((w, h))
    return sorted(found)


def choose_canvas(size: tuple[int, int], options: list[tuple[int, int]]) -> tuple[int, int]:
    """The bucket whose aspect ratio is nearest to the sprite's."""
    aspect = math.log(size[0] / size[1])
    return min(options, key=lambda c: (abs(math.log(c[0] / c[1]) - aspect), c))


def choose_scale(s: Settings, base: Base, sizes: list[tuple[int, int]],
                 options: list[tuple[int, int]]) -> int:
    """One enlargement for the whole set, so that all sprites keep one pixel size."""
    cell = base.place.cell
    if s.data.pixel_scale:
        if s.data.pixel_scale % cell:
            raise TrainError(f"{s.path}: [data] pixel_scale: must be a multiple of {cell}, the model's cell, "
                             f"not {s.data.pixel_scale}")
        return s.data.pixel_scale
    if base.place.alpha:
        return cell  # it paints sprites at their own size
    fits = [min(c[0] // w, c[1] // h) for w, h in sizes for c in [choose_canvas((w, h), options)]]
    return max(cell, min(fits, default=cell) // cell * cell)


def place(pixels: Pixels, canvas: tuple[int, int], scale: int, cell: int) -> Pixels | None:
    """The sprite in the middle of a transparent canvas, each pixel scale x scale, on the grid of
    cells; None when it does not fit."""
    width, height = canvas
    h, w = pixels.shape[0] * scale, pixels.shape[1] * scale
    if h > height or w > width:
        return None
    top, left = ((height - h) // 2 // cell * cell, (width - w) // 2 // cell * cell)
    out: Pixels = np.zeros((height, width, 4), np.uint8)
    out[top:top + h, left:left + w] = np.repeat(np.repeat(pixels, scale, 0), scale, 1)
    return out


def background(s: Settings, pixels: Pixels, draw: random.Random) -> tuple[int, int, int]:
    """A flat colour that is far from every colour of the sprite, or the chosen one."""
    if s.data.background.startswith("#") or len(s.data.background) == 6 and s.data.background != "random":
        digits = s.data.background.removeprefix("#")
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    colours = np.unique(pixels[pixels[..., 3] > 0][:, :3], axis=0).astype(int)
    best, distance = (0, 0, 0), -1.0
    for _ in range(16):
        colour = (draw.randrange(256), draw.randrange(256), draw.randrange(256))
        nearest = float(np.abs(colours - colour).max(1).min()) if len(colours) else 255.0
        if nearest > distance:
            best, distance = colour, nearest
        if distance > 64:
            break
    return best


def flatten(pixels: Pixels, colour: tuple[int, int, int]) -> Pixels:
    out: Pixels = np.where(pixels[..., 3:] > 0, pixels[..., :3], np.array(colour, np.uint8))
    return out


# ------------------------------------------------------------------------------------- views


def shuffled(text: str, trigger: str, draw: random.Random) -> str:
    """The tags in another order; the trigger words stay in front."""
    tags = [t.strip() for t in text.split(",") if t.strip()]
    first = [tags.pop(0)] if tags and trigger and tags[0].lower() == trigger.lower() else []
    draw.shuffle(tags)
    return ", ".join(first + tags)


def views(s: Settings, example: Example, pixels: Pixels, canvas: tuple[int, int], scale: int,
          base: Base, count: int) -> tuple[list[Pixels], list[str]] | None:
    """`count` forms of one picture with their captions; None when it does not fit."""
    alpha = base.place.alpha and s.data.background == "auto"
    pictures, captions = [], []
    for v in range(count):
        draw = random.Random(f"{s.run.seed} {example.name} {v}")
        placed = place(pixels[:, ::-1] if s.data.flip and v % 2 else pixels, canvas, scale, base.place.cell)
        if placed is None:
            return None
        flat = placed
        if not alpha:
            flat = flatten(placed, background(s, pixels, draw))
            if base.place.alpha:
                flat = np.concatenate([flat, np.full_like(flat[..., :1], 255)], -1)
        text = dataset.caption_of(s, example)
        pictures.append(flat)
        captions.append(shuffled(text, s.run.trigger, draw) if s.data.shuffle_tags and v else text)
    return pictures, captions


def encode(base: Base, pictures: list[Pixels], name: str) -> torch.Tensor:
    x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    z = torch.cat([base.encode(one[None]).float().cpu() for one in x])
    if not torch.isfinite(z).all():
        raise TrainError(f"{name}: its latents are not finite: the VAE's weights are broken, or stored in fp16 "
                         "after an overflow; take the model's fp32 or 'fp16-fix' VAE")
    return z.contiguous()


# ------------------------------------------------------------------------------------- cache


def _digest(s: Settings, base: Base, hashes: dict[str, str], captions: list[str | None]) -> str:
    about = {"version": VERSION, "data": vars(s.data), "trigger": s.run.trigger, "seed": s.run.seed,
             "base": bases.weights_hash(base.place.path), "texts": bool(s.adapter.text_encoders),
             "keep": s.train.keep_from < 1,
             "dtype": str(base.dtype), "files": hashes, "captions": captions}
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def prepare(s: Settings, base: Base, say: Any = print) -> Prepared:
    """Read the cache, or make it when settings, pictures, captions or the model changed."""
    examples = dataset.read_folder(s)
    train, held = dataset.split(s, examples)
    hashes = {}
    for e in [*train, *held]:
        if not e.path.exists():
            raise TrainError(f"{e.path}: is named by the manifest but is not there")
        hashes[e.name] = dataset.file_hash(e.path)
    digest = _digest(s, base, hashes, [e.caption for e in [*train, *held]])
    index, tensors = s.folder / "cache/index.json", s.folder / "cache/cache.safetensors"
    if index.exists() and tensors.exists():
        about = json.loads(index.read_text("utf-8"))
        if about["digest"] == digest:
            return _open(about, load_file(tensors), hashes)
    sizes, sprites = {}, {}
    left_out = []
    for e in [*train, *held]:
        pixels = dataset.native(dataset.read_pixels(e.path))
        if pixels.size:
            sprites[e.name], sizes[e.name] = pixels, (pixels.shape[1], pixels.shape[0])
        else:
            left_out.append(f"{e.name}: shows nothing")
    options = canvases(s, base)
    scale = choose_scale(s, base, list(sizes.values()), options)
    texts: dict[str, int] = {"": 0}
    stored: dict[str, torch.Tensor] = {}
    parts: dict[str, list[dict[str, Any]]] = {"train": [], "held": []}
    todo = [(n, e) for n, es in (("train", train), ("held", held)) for e in es if e.name in sprites]
    for number, (part, e) in enumerate(todo):
        canvas = choose_canvas(sizes[e.name], options)
        made = views(s, e, sprites[e.name], canvas, scale, base, s.data.views if part == "train" else 1)
        if made is None:
            w, h = sizes[e.name]
            left_out.append(f"{e.name}: {w}x{h} at {scale} canvas pixels each is larger than "
                            f"{canvas[0]}x{canvas[1]}")
            continue
        stored[f"latents.{len(stored)}"] = encode(base, made[0], str(e.path))
        parts[part].append({"name": e.name, "rows": [texts.setdefault(t, len(texts)) for t in made[1]],
                            "key": f"latents.{len(stored) - 1}"})
        if number % 100 == 99:
            say(f"prepare: {number + 1} of {len(todo)} pictures")
    if not parts["train"]:
        raise TrainError(f"{s.path}: [data] folder: no picture can be trained on: "
                         + "; ".join(left_out[:3]))
    kept = []
    if s.train.keep_from < 1:
        named = {e.name: e.caption or "" for e in train}
        for text in s.data.keep_prompts or dict.fromkeys(named[r["name"]] for r in parts["train"]):
            with_trigger = dataset.with_trigger(s, text)
            kept.append([texts.setdefault(t, len(texts)) for t in (with_trigger, text)])
    if not s.adapter.text_encoders:
        stored["context"], stored["pooled"] = embed(base, list(texts))
    about = {"digest": digest, "texts": list(texts), "scale": scale, "left_out": left_out, "kept": kept,
             **parts}
    index.unlink(missing_ok=True)  # whoever stops now leaves a cache that is made anew
    with written(tensors) as part_file:
        save_file(stored, part_file)
    write_text(index, json.dumps(about))
    return _open(about, stored, hashes)


@torch.no_grad()
def embed(base: Base, texts: list[str], batch: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """Context and pooled vector of every text, as the engine encodes them."""
    made = []
    for start in range(0, len(texts), batch):
        context, pooled = base.read(base.tokens(texts[start:start + batch]))
        made.append((context.to(base.dtype).cpu(), pooled.to(base.dtype).cpu()))
    context, pooled = (torch.cat([m[i] for m in made]) for i in (0, 1))
    if not (torch.isfinite(context).all() and torch.isfinite(pooled).all()):
        raise TrainError(f"{base.place.path}: its text encoders give values that are not finite")
    return context, pooled


def _open(about: dict[str, Any], tensors: dict[str, torch.Tensor], hashes: dict[str, str]) -> Prepared:
    def part(rows: list[dict[str, Any]]) -> Part:
        return Part([r["name"] for r in rows], [tensors[r["key"]] for r in rows],
                    [r["rows"] for r in rows])

    return Prepared(part(about["train"]), part(about["held"]), about["texts"], tensors.get("context"),
                    tensors.get("pooled"), about["kept"], about["left_out"], about["scale"], hashes, about["digest"])


def clear(folder: Path) -> None:
    """Forget a run's cache."""
    for name in ("index.json", "cache.safetensors"):
        (folder / "cache" / name).unlink(missing_ok=True)
