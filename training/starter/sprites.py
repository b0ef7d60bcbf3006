# SPDX-License-Identifier: MIT OR Apache-2.0
"""Reads the sprite folder: manifest rows to 32x32 RGBA arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from .config import SIZE

# Later work shows the model learning these two as new styles.
LEFT_OUT = {"nouns", "grafxkid"}
KIND_OF = {"character": "character", "monster": "monster", "item": "item", "terrain": "tile",
           "icon": "icon", "effect": "effect", "prop": "prop"}
# Whose figures all look the same way: told, so that the other way can be asked for.
VIEWS = {"0x72-dungeon2": ["side view", "facing east"]}
# Names that say no more than the kind: such a caption teaches nothing but noise.
NAMELESS = {"item", "weapon", "monster", "character", "background element", "element", "object",
            "effect", "prop", "icon", "fx", "tile", "faceset", "doll only", ""}


@dataclass
class Sprite:
    """One training picture and what is known about it."""

    pixels: np.ndarray  # [SIZE, SIZE, 4] uint8, hard alpha, colour 0 where transparent
    kind: str
    name: str
    tags: list[str]
    colours: list[str]
    group: str
    split: str
    small: bool = False  # drawn for 16x16 and padded
    one_bit: bool = False
    recoloured: bool = False
    source: str = ""
    kind_words: tuple[str, ...] = ()  # of its captions, where the kind has more than its usual ones
    others: tuple[str, ...] = ()  # names that mean the same
    flat: bool = False  # without the dark outline that sprites of games have
    wish: float = 1.0  # how often it is drawn beside others of its kind
    extra: dict[str, str] = field(default_factory=dict)


def read_manifest(folder: Path) -> list[dict]:
    with open(folder / "manifest.jsonl", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [r for r in rows if r["source"] not in LEFT_OUT]


def load_pixels(path: Path) -> np.ndarray:
    """RGBA with hard alpha and no colour under transparent pixels."""
    pixels = np.asarray(Image.open(path).convert("RGBA")).copy()
    opaque = pixels[..., 3] >= 128
    pixels[..., 3] = np.where(opaque, 255, 0)
    pixels[~opaque] = 0
    return pixels


def fit(pixels: np.ndarray, kind: str) -> np.ndarray | None:
    """Places a picture on the canvas without scaling it, or None if it does not fit."""
    height, width = pixels.shape[:2]
    opaque = pixels[..., 3] > 0
    if opaque.sum() < 12:
        return None
    if kind == "tile" and opaque.all() and height == width == SIZE // 2:
        return np.tile(pixels, (2, 2, 1))  # a floor of four equal tiles keeps its pixel size
    if (height, width) != (SIZE, SIZE):
        rows, columns = np.where(opaque.any(1))[0], np.where(opaque.any(0))[0]
        pixels = pixels[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
        height, width = pixels.shape[:2]
        if height > SIZE or width > SIZE:
            return None
    canvas = np.zeros((SIZE, SIZE, 4), np.uint8)
    top, left = (SIZE - height) // 2, (SIZE - width) // 2
    canvas[top:top + height, left:left + width] = pixels
    return canvas


def extent(pixels: np.ndarray) -> int:
    """The longer side of the box around the opaque pixels."""
    opaque = pixels[..., 3] > 0
    rows, columns = np.where(opaque.any(1))[0], np.where(opaque.any(0))[0]
    return int(max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1)


def load_sprites(folder: Path, rows: list[dict]) -> list[Sprite]:
    """All stand-alone sprites; worn equipment is left to the paper dolls."""
    found = []
    for row in rows:
        kind = KIND_OF.get(row["category"])
        if kind is None or row["layer"] == "base" or row["name"].strip() in NAMELESS:
            continue
        pixels = fit(load_pixels(folder / row["file"]), kind)
        if pixels is None:
            continue
        found.append(Sprite(
            pixels=pixels, kind=kind, name=row["name"].strip(),
            tags=[*row["tags"], *(VIEWS.get(row["source"], []) if row["category"] == "character" else [])],
            colours=list(row["colour_words"]), group=row["group"], split=row["split"],
            small=extent(pixels) <= 20 and max(row["size"]) != SIZE,
            one_bit="1-bit icon" in row["tags"], source=row["source"]))
    return found
