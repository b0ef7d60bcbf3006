# SPDX-License-Identifier: MIT OR Apache-2.0
"""Pictures that people have, made from CC0 sprites whose pixels are known: what `fix` is judged by.

A case is a file and the art that is in it.  Sprites are parted by their group into two halves: `tune`
is for choosing limits, `judge` for figures and for nothing else.  CATEGORIES was committed before the
first figure was measured; a category that turns out badly stays.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

import scenes

Rng = np.random.Generator
Make = Callable[[Rng, np.ndarray], np.ndarray]

GROUNDS = ((255, 0, 255), (0, 177, 64), (255, 255, 255), (236, 230, 214), (128, 128, 128), (0, 0, 0), (34, 32, 52), (92, 148, 98))
KERNELS = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC,
           "lanczos": Image.Resampling.LANCZOS, "area": Image.Resampling.BOX}
SIDE = (320, 768)  # of a made picture's longer side


@dataclasses.dataclass
class Case:
    category: str
    number: int
    file: bytes  # a PNG or JPEG file
    suffix: str
    truth: np.ndarray  # [rows, columns, 4]: the art; alpha 0 where the ground is
    ground: tuple[int, int, int] | None  # None: transparent, or art that fills its frame
    native: bool = False  # nothing was done to it: it must come back as it is


# ------------------------------------------------------------------------------------------ art
@functools.cache
def load_sprites(half: str) -> list[np.ndarray]:
    """RGBA sprites of one half; drawn ones where DGXP_TEST_DATA has no CC0 archive."""
    archive = Path(os.environ.get("DGXP_TEST_DATA", "")) / "sprites-cc0.tar.gz"
    if not os.environ.get("DGXP_TEST_DATA") or not archive.exists():
        return [scenes.draw_sprite(np.random.default_rng([3, half == "judge", i])) for i in range(40)]
    with tarfile.open(archive) as tar:
        manifest = tar.extractfile("manifest.jsonl")
        assert manifest is not None
        rows = [json.loads(line) for line in manifest]
        rows = [row for row in rows if row["native_scale"] == 1 and row["semi"] == 0 and row["licence"] == "CC0-1.0"
                and min(row["size"]) >= 16 and max(row["size"]) <= 64 and row["colours"] >= 4
                and (hashlib.sha256(row["group"].encode()).digest()[0] % 2 == 0) == (half == "tune")]
        order = np.random.default_rng(1).permutation(len(rows))[:400]
        wanted = {rows[i]["file"] for i in order}
        found = {}
        for member in tar:
            if member.name in wanted:
                data = tar.extractfile(member)
                assert data is not None
                found[member.name] = np.array(Image.open(io.BytesIO(data.read())).convert("RGBA"))
    kept = [found[name] for name in sorted(found) if (found[name][..., 3] > 127).sum() > 80]
    return [kept[i] for i in np.random.default_rng(2).permutation(len(kept))]


def compose(rng: Rng, half: str, least: int = 24, most: int = 72) -> np.ndarray:
    """One to six sprites with a margin, at most 32 colors in all: RGBA, alpha 0 or 255."""
    sprites = load_sprites(half)
    across, down = ((1, 1), (1, 1), (2, 1), (2, 2), (3, 2))[rng.integers(5)]
    chosen = [sprites[rng.integers(len(sprites))] for _ in range(across * down)]
    step_x, step_y = max(s.shape[1] for s in chosen), max(s.shape[0] for s in chosen)
    margin = int(rng.integers(1, 7))
    width, height = (max(least, step * count + 2 * margin) for step, count in ((step_x, across), (step_y, down)))
    if max(width, height) > most:
        return compose(rng, half, least, most)
    out = np.zeros((height, width, 4), np.uint8)
    for i, sprite in enumerate(chosen):
        sprite = sprite[:, ::-1] if rng.random() < 0.5 else sprite
        inside = sprite[..., 3] > 127
        h, w = sprite.shape[:2]
        y, x = margin + i // across * step_y + (step_y - h), margin + i % across * step_x + (step_x - w) // 2
        out[y : y + h, x : x + w][inside] = (*[0] * 3, 255)
        out[y : y + h, x : x + w, :3][inside] = sprite[..., :3][inside]
    opaque = out[..., 3] > 0
    small = Image.fromarray(out[opaque][None, :, :3]).quantize(31, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    out[opaque, :3] = np.array(small.convert("RGB"))[0]
    return out


def stand(art: np.ndarray, ground: np.ndarray | tuple[int, int, int]) -> np.ndarray:
    """RGB: the art on a ground."""
    back = np.broadcast_to(np.asarray(ground, np.uint8), art[..., :3].shape)
    return np.where(art[..., 3:] > 0, art[..., :3], back)


# ---------------------------------------------------------------------------------------- steps
def resize(picture: np.ndarray, size: tuple[int, int], kernel: str) -> np.ndarray:
    return np.array(Image.fromarray(picture).resize(size, KERNELS[kernel]))


def enlarge(rng: Rng, rgb: np.ndarray, kernel: str, even: bool, least: float = 3) -> np.ndarray:
    """By a whole factor, or one that is not."""
    longer = max(rgb.shape[:2])
    low, high = max(least, SIDE[0] / longer), SIDE[1] / longer
    factor = rng.uniform(low, max(high, low + 1))
    if even:
        factor = max(2, round(factor))
    elif abs(factor - round(factor)) < 0.05:
        factor += 0.2
    return resize(rgb, (round(rgb.shape[1] * factor), round(rgb.shape[0] * factor)), kernel)


def jpeg(picture: np.ndarray, quality: int, subsampling: int = 0) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=quality, subsampling=subsampling)
    return np.array(Image.open(stream).convert("RGB"))


def add_noise(rng: Rng, picture: np.ndarray, sd: float) -> np.ndarray:
    return np.clip(np.rint(picture + rng.normal(0, sd, picture.shape)), 0, 255).astype(np.uint8)


def any_kernel(rng: Rng) -> str:
    return ("nearest", "bilinear", "bicubic", "lanczos")[rng.integers(4)]


def double(picture: np.ndarray) -> np.ndarray:
    """Scale2x, whose rounded corners are what learned enlargers make of pixel art."""
    wide = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
    up, low, left, right = wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:]
    same = lambda a, b: (a == b).all(-1, keepdims=True)
    out = picture.repeat(2, 0).repeat(2, 1)
    for y, x, a, b, c, d in ((0, 0, left, up, right, low), (0, 1, up, right, low, left), (1, 0, low, left, up, right), (1, 1, right, low, left, up)):
        out[y::2, x::2] = np.where(same(a, b) & ~same(a, d) & ~same(b, c), a, picture)
    return out


# ----------------------------------------------------------------------------------- categories
def kernel_of(name: str, even: bool) -> Make:
    return lambda rng, rgb: enlarge(rng, rgb, name, even)


def noisy(rng: Rng, rgb: np.ndarray) -> np.ndarray:
    return add_noise(rng, enlarge(rng, rgb, any_kernel(rng), rng.random() < 0.5), rng.uniform(2, 8))


def jpeg_twice(rng: Rng, rgb: np.ndarray) -> np.ndarray:
    """Saved, cut a little, and saved again, so that the two grids of blocks differ."""
    once = jpeg(enlarge(rng, rgb, any_kernel(rng), rng.random() < 0.5), int(rng.integers(70, 92)))
    return jpeg(np.ascontiguousarray(once[1:, 1:]), int(rng.integers(70, 92)))


def chroma(rng: Rng, rgb: np.ndarray) -> np.ndarray:
    return jpeg(enlarge(rng, rgb, "nearest", rng.random() < 0.5), int(rng.integers(60, 90)), 2)


def sharpened(rng: Rng, rgb: np.ndarray) -> np.ndarray:
    soft = Image.fromarray(enlarge(rng, rgb, ("bilinear", "bicubic", "lanczos")[rng.integers(3)], rng.random() < 0.5))
    return np.array(soft.filter(ImageFilter.UnsharpMask(rng.uniform(1, 3), int(rng.integers(60, 180)), 1)))


def screenshot(rng: Rng, rgb: np.ndarray) -> np.ndarray:
    """A whole enlargement that a desktop with a fractional scale enlarged again."""
    whole = enlarge(rng, rgb, "nearest", True, 3)
    factor = (1.25, 1.5, 1.75)[rng.integers(3)]
    return resize(whole, (round(whole.shape[1] * factor), round(whole.shape[0] * factor)), "bilinear")


def upscaled(rng: Rng, rgb: np.ndarray) -> np.ndarray:
    """Rounded corners, then a soft enlargement, then sharpened: what AI upscalers return."""
    twice = double(double(rgb))
    large = Image.fromarray(enlarge(rng, twice, "lanczos", rng.random() < 0.5, 1.5))
    return jpeg(np.array(large.filter(ImageFilter.UnsharpMask(1.5, 80, 1))), 92)


def cropped(rng: Rng, rgb: np.ndarray) -> np.ndarray:
    """A whole enlargement whose first and last cells are cut by less than half, as JPEG."""
    whole = enlarge(rng, rgb, "nearest", True, 4)
    cell = whole.shape[0] // rgb.shape[0]
    cut = rng.integers(0, max(1, (cell - 1) // 2), 4)
    return jpeg(np.ascontiguousarray(whole[cut[0] : whole.shape[0] - cut[1], cut[2] : whole.shape[1] - cut[3]]), 92)


def non_square(rng: Rng, rgb: np.ndarray) -> np.ndarray:
    """Cells twice as wide as high, or wider by a fraction."""
    base, ratio = rng.uniform(4, 7), (2.0, 1.5, 1.25, 0.5)[rng.integers(4)]
    return resize(rgb, (round(rgb.shape[1] * base * ratio), round(rgb.shape[0] * base)), "nearest")


def painted(mode: str) -> Make:
    """scenes.degrade() of a square: what a diffusion model does to cells."""
    def make(rng: Rng, rgb: np.ndarray) -> np.ndarray:
        return scenes.degrade(rng, rgb, mode, None if mode == "clean" else rng.uniform(7.5, max(8, min(14, SIDE[1] / len(rgb)))))[0]

    return make


CATEGORIES: dict[str, Make | None] = {
    "nearest even": kernel_of("nearest", True),
    "nearest uneven": kernel_of("nearest", False),
    "bilinear even": kernel_of("bilinear", True),
    "bilinear uneven": kernel_of("bilinear", False),
    "bicubic even": kernel_of("bicubic", True),
    "bicubic uneven": kernel_of("bicubic", False),
    "lanczos even": kernel_of("lanczos", True),
    "lanczos uneven": kernel_of("lanczos", False),
    "area uneven": kernel_of("area", False),
    "noise": noisy,
    "JPEG twice": jpeg_twice,
    "JPEG 4:2:0": chroma,
    "sharpened": sharpened,
    "screenshot": screenshot,
    "AI-like upscaled": upscaled,
    "cropped": cropped,
    "non-square": non_square,
    "painted clean": painted("clean"),
    "painted soft": painted("soft"),
    "painted offset": painted("offset"),
    "painted drift": painted("drift"),
    "painted warp": painted("warp"),
    "checkerboard": None,  # a baked pattern whose squares are not cells
    "small cells": None,  # 2 to 3 pixels, as JPEG
    "large cells": None,  # over 64 pixels
    "native": None,  # undamaged sprites, with alpha
    "native scene": None,  # undamaged, larger than 128 pixels, many colors, no alpha
    "native JPEG": None,  # art of 128 to 256 pixels, never enlarged, saved as JPEG
}


def png(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def as_jpeg(picture: np.ndarray, quality: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def tile_scene(rng: Rng, half: str) -> np.ndarray:
    """Many sprites on a ground of two colors: RGB, 128x192 to 256x256."""
    sprites = load_sprites(half)
    height, width = ((192, 128), (256, 256), (160, 240))[rng.integers(3)]
    out = np.empty((height, width, 3), np.uint8)
    out[:] = rng.integers(60, 230, 3)
    out[int(height * rng.uniform(0.5, 0.8)) :] = rng.integers(20, 200, 3)
    for _ in range(height * width // 900):
        sprite = sprites[rng.integers(len(sprites))]
        h, w = sprite.shape[:2]
        y, x = rng.integers(0, height - h), rng.integers(0, width - w)
        inside = sprite[..., 3] > 127
        out[y : y + h, x : x + w][inside] = sprite[..., :3][inside]
    return out


def square(art: np.ndarray) -> np.ndarray:
    side = max(art.shape[:2])
    out = np.zeros((side, side, 4), np.uint8)
    out[: art.shape[0], : art.shape[1]] = art
    return out


def opaque(rgb: np.ndarray) -> np.ndarray:
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def make_case(category: str, number: int, half: str) -> Case:
    """The same for the same arguments."""
    rng = np.random.default_rng([23, list(CATEGORIES).index(category), number, half == "judge"])
    if category.startswith("native"):
        if category == "native":
            art = compose(rng, half, 16)
            return Case(category, number, png(art), ".png", art, None, True)
        rgb = tile_scene(rng, half)
        if category == "native scene":
            return Case(category, number, png(rgb), ".png", opaque(rgb), None, True)
        return Case(category, number, as_jpeg(rgb, int(rng.integers(85, 96))), ".jpg", opaque(rgb), None)
    art = compose(rng, half, 16 if category == "large cells" else 24, 38 if category == "large cells" else 72)
    ground = GROUNDS[rng.integers(len(GROUNDS))]
    make = CATEGORIES[category]
    if category == "checkerboard":
        cell, tile = int(rng.integers(8, 13)), (8, 10, 16, 20)[rng.integers(4)]
        y, x = np.mgrid[0 : art.shape[0] * cell, 0 : art.shape[1] * cell] // tile
        board = np.where(((x + y) % 2)[..., None], 255, 204) * np.ones(3)
        picture = stand(art.repeat(cell, 0).repeat(cell, 1), board.astype(np.uint8))
        picture = jpeg(picture, 92)
        ground = (230, 230, 230)
    elif category == "small cells":
        factor = rng.uniform(2, 3)
        picture = jpeg(resize(stand(art, ground), (round(art.shape[1] * factor), round(art.shape[0] * factor)), "nearest"), 92)
    elif category == "large cells":
        cell = int(rng.integers(65, 73))
        picture = stand(art, ground).repeat(cell, 0).repeat(cell, 1)
        picture = jpeg(add_noise(rng, picture, 2), 90)
    else:
        assert make is not None
        if category.startswith("painted"):
            art = square(art)
        picture = make(rng, stand(art, ground))
    return Case(category, number, png(picture), ".png", art, ground)


# -------------------------------------------------------------------------------------- judging
def is_near(size: tuple[int, int], truth: tuple[int, int], within: int = 1) -> bool:
    return abs(size[0] - truth[0]) <= within and abs(size[1] - truth[1]) <= within


def measure_accuracy(case: Case, out: np.ndarray) -> float:
    """The share of right cells, the best of +-1 cell; 0 where the size is wrong.

    A cell of the art is right where the output is opaque and nearest to its very color among the
    art's and the ground's; a cell of the ground where it is transparent or has the ground's color.
    """
    truth = case.truth
    if out.shape[:2] != truth.shape[:2]:
        return 0.0
    inside = truth[..., 3] > 0
    palette = np.unique(truth[inside][:, :3], axis=0)
    grounds = [case.ground] if case.ground else []
    if case.category == "checkerboard":
        grounds = [(255, 255, 255), (204, 204, 204), (230, 230, 230)]
    entries = scenes.oklab(np.concatenate([palette, np.array(grounds, np.uint8).reshape(-1, 3)]))
    if len(palette) > 256:  # art of very many colors: near enough to the eye
        same = np.sqrt(((scenes.oklab(out[..., :3]) - scenes.oklab(truth[..., :3])) ** 2).sum(-1)) < 0.03
        return float((same & (out[..., 3] > 127) == inside).mean())
    exact = {tuple(c): i for i, c in reversed(list(enumerate(palette)))}
    wanted = np.full(truth.shape[:2], -1)
    wanted[inside] = [exact[tuple(c)] for c in truth[inside][:, :3]]
    snapped = ((scenes.oklab(out[..., :3])[:, :, None] - entries) ** 2).sum(-1).argmin(-1)
    # a ground whose color the art has, too: its first entry stands for both
    alias = np.arange(len(entries))
    for i, ground in enumerate(grounds):
        alias[len(palette) + i] = exact.get(tuple(ground), len(palette))
    snapped = alias[snapped]
    visible = out[..., 3] > 127
    best = 0.0
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            take = lambda plane: np.pad(plane, 1, mode="edge")[1 + dy : 1 + dy + truth.shape[0], 1 + dx : 1 + dx + truth.shape[1]]
            color, seen = take(snapped), take(visible)
            right = np.where(inside, seen & (color == wanted), ~seen | np.isin(color, alias[len(palette) :]))
            best = max(best, float(right.mean()))
    return best


def is_kept(case: Case, out: np.ndarray) -> bool:
    """Whether undamaged art came back bit for bit, invisible colors aside."""
    same = out.shape == case.truth.shape and np.array_equal(out[..., 3] > 0, case.truth[..., 3] > 0)
    return bool(same and np.array_equal(out[out[..., 3] > 0], case.truth[case.truth[..., 3] > 0]))
