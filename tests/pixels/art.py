# SPDX-License-Identifier: MIT OR Apache-2.0
"""Pixel art with a known truth: procedural sprites, the CC0 set when present, and what a model's
canvas does to them between painting and grid recovery."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

_LMS = np.array([[.4122214708, .5363325363, .0514459929], [.2119034982, .6806995451, .1073969566],
                 [.0883024619, .2817188376, .6299787005]])
_LAB = np.array([[.2104542553, .7936177850, -.0040720468], [1.9779984951, -2.4285922050, .4505937099],
                 [.0259040371, .7827717662, -.8086757660]])


def oklab(rgb: np.ndarray) -> np.ndarray:
    """OKLab of sRGB bytes [..., 3] (https://bottosson.github.io/posts/oklab/), in double."""
    value = np.asarray(rgb, dtype=np.float64)[..., :3] / 255
    linear = np.where(value <= .04045, value / 12.92, ((value + .055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _LMS.T) @ _LAB.T


def delta(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sqrt(((oklab(a) - oklab(b)) ** 2).sum(-1))


def procedural(seed: int, size: int = 32, eyes: bool = True) -> np.ndarray:
    """A shaded, outlined figure of overlapping ellipses with ramps; RGBA [size, size, 4]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] + .5
    out = np.zeros((size, size, 4), np.uint8)
    outline = rng.integers(8, 40, 3)
    for _ in range(int(rng.integers(4, 8))):
        cx, cy = rng.uniform(.32, .68, 2) * size
        rx, ry = rng.uniform(.1, .26, 2) * size
        radius = np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)
        base = rng.integers(60, 245, 3).astype(float)
        light = ((x - cx) / rx + (y - cy) / ry) / 2
        for step, (low, factor) in enumerate([(-9, 1.15), (-.25, 1), (.15, .78), (.45, .6)]):
            tint = np.array([1, 1 - .02 * step, 1 + .06 * step])
            color = np.clip(base * factor * tint, 0, 255).astype(np.uint8)
            out[(radius < 1) & (light >= low)] = [*color, 255]
        ring = (radius >= 1) & (radius < 1 + 1.1 / min(rx, ry))
        out[ring] = [*outline, 255]
    row, column = int(size * rng.uniform(.4, .55)), int(size * rng.uniform(.4, .6))
    if eyes:
        out[row, [column, column + 3]] = [255, 255, 255, 255]
    return out


def cc0(limit: int, seed: int = 1, sources: tuple[str, ...] = ("crawl-cc0", "superpowers"),
        least: int = 24) -> list[tuple[str, np.ndarray]]:
    """Opaque-or-transparent sprites of the CC0 archive under DGXP_TEST_DATA; [] when it is not set."""
    folder = os.environ.get("DGXP_TEST_DATA")
    archive = Path(folder or "") / "sprites-cc0.tar.gz"
    if not folder or not archive.exists():
        return []
    with tarfile.open(archive) as tar:
        manifest = tar.extractfile("manifest.jsonl")
        assert manifest is not None
        rows = [json.loads(line) for line in manifest]
        rows = [row for row in rows if row["source"] in sources and row["native_scale"] == 1
                and row["semi"] == 0 and least <= min(row["size"]) and max(row["size"]) <= 64]
        rng = np.random.default_rng(seed)
        wanted = {rows[i]["file"] for i in rng.permutation(len(rows))[:limit]}
        found = []
        for member in tar:
            if member.name in wanted:
                data = tar.extractfile(member)
                assert data is not None
                image = Image.open(io.BytesIO(data.read())).convert("RGBA")
                found.append((member.name, np.array(image)))
    return sorted(found)


def reduce_colors(rgba: np.ndarray, count: int) -> np.ndarray:
    """At most `count` colors, chosen by Pillow's maximum coverage; alpha as it was, 0 or 255."""
    opaque = rgba[..., 3] >= 128
    image = Image.fromarray(rgba[opaque][None, :, :3])
    small = image.quantize(count, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    out = np.zeros_like(rgba)
    out[opaque, :3] = np.array(small.convert("RGB"))[0]
    out[opaque, 3] = 255
    return out


def compose(sprites: list[np.ndarray], size: int) -> np.ndarray:
    """Sprites side by side, row by row, on one transparent square."""
    out = np.zeros((size, size, 4), np.uint8)
    x = y = row = 0
    for sprite in sprites:
        h, w = sprite.shape[:2]
        if x + w > size:
            x, y, row = 0, y + row, 0
        if y + h > size or w > size:
            break
        out[y:y + h, x:x + w] = sprite
        x, row = x + w, max(row, h)
    return out


def scenes(size: int, count: int, seed: int = 7) -> Iterator[np.ndarray]:
    """RGBA scenes of at most 32 colors: from the CC0 set when there is one, always procedural."""
    sprites = [sprite for _, sprite in cc0(count * 3, seed)]
    each = max(1, (size // 32) ** 2)
    for start in range(0, len(sprites) - each + 1, each):
        if start // each >= count:
            break
        yield reduce_colors(compose(sprites[start:start + each], size), 32)
    for i in range(count):
        yield reduce_colors(procedural(seed * 1000 + i, size), 32)


def on_background(rgba: np.ndarray, color: tuple[int, int, int], margin: int = 4) -> np.ndarray:
    """RGB with a flat background and a margin of it."""
    padded = np.pad(rgba, ((margin, margin), (margin, margin), (0, 0)))
    return np.where(padded[..., 3:] >= 128, padded[..., :3], np.array(color, np.uint8))


def soft_canvas(rgb: np.ndarray, seed: int, scale: int = 8, quality: int = 88,
                warp: float = 0) -> np.ndarray:
    """What a model makes of pixel art: per-cell wobble, enlargement, blur, noise, a smooth
    displacement of `warp` cells and JPEG."""
    rng = np.random.default_rng(seed)
    h, w = rgb.shape[:2]
    cells = np.clip(rgb + rng.normal(0, 3, rgb.shape), 0, 255).astype(np.uint8)
    canvas = cells.repeat(scale, 0).repeat(scale, 1)
    if warp:
        shift = [np.array(Image.fromarray(rng.normal(0, 1, (max(2, h // 10), max(2, w // 10)))
                                          .astype(np.float32)).resize((w * scale, h * scale),
                                                                      Image.Resampling.BICUBIC))
                 for _ in range(2)]
        y, x = np.mgrid[0:h * scale, 0:w * scale]
        dy, dx = [np.rint(s * warp * scale / max(s.std(), 1e-6)).astype(int) for s in shift]
        canvas = canvas[np.clip(y + dy, 0, h * scale - 1), np.clip(x + dx, 0, w * scale - 1)]
    image = Image.fromarray(canvas).filter(ImageFilter.GaussianBlur(.1 * scale))
    noisy = np.clip(np.array(image) + rng.normal(0, 2, canvas.shape), 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noisy).save(stream, "JPEG", quality=quality)
    return np.array(Image.open(stream))


def recovered(rgb: np.ndarray, seed: int, scale: int = 8) -> np.ndarray:
    """Each cell's inner median of a soft canvas on the true grid."""
    h, w = rgb.shape[:2]
    decoded = soft_canvas(rgb, seed, scale)
    inner = slice(round(scale * .2), round(scale * .8))
    blocks = decoded.reshape(h, scale, w, scale, 3)[:, inner][:, :, :, inner]
    return np.median(blocks, axis=(1, 3)).astype(np.uint8)
