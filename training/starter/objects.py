# SPDX-License-Identifier: MIT OR Apache-2.0
"""The second set: everyday things in 32x32, their kinds and other words, and the dress of a game."""

from __future__ import annotations

import json
import tomllib
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from . import colours
from .config import SIZE
from .sprites import Sprite, fit, load_pixels

SOURCE = "objects"
TABLE = tomllib.loads((Path(__file__).parent / "things.toml").read_text("utf-8"))
WORDS: dict[str, list[str]] = TABLE["words"]
WANTED, UNSEEN = set(TABLE["wanted"]["names"]), set(TABLE["unseen"]["names"])
ASKED: dict[str, str] = TABLE["asked"]
WANTED_WEIGHT: float = TABLE["wanted"]["weight"]
# Kind of the judge, and the kind words of captions: what a preset appends comes first.
KINDS_OF = {
    "item": ("item", ("item", "item", "item", "icon", "object")),
    "vehicle": ("prop", ("item", "item", "prop", "vehicle", "object")),
    "building": ("prop", ("item", "item", "prop", "building", "object")),
    "object": ("prop", ("item", "item", "prop", "object")),
    "landscape": ("prop", ("item", "prop", "landscape")),
    "plant": ("prop", ("item", "item", "prop", "plant", "object")),
    "animal": ("monster", ("monster", "monster", "monster", "animal", "creature", "character")),
    "portrait": ("character", ("character", "character", "portrait", "face")),
    "icon": ("icon", ("icon", "icon", "item")),
}
CREATURES = {"robot", "alien", "alien monster", "ghost", "goblin", "ogre", "skull", "snowman", "snowman without snow"}
FORCES = {"fire", "collision", "high voltage", "sparkles", "dizzy", "tornado", "water wave", "comet", "shooting star",
          "snowflake", "cloud with lightning", "droplet"}
CREATURE_WORDS = ("monster", "monster", "character", "item", "icon")
FORCE_WORDS = ("effect", "icon", "item", "prop")
# Faces are a fifth of the drawings and nobody's game: each is drawn seldom.
FACE_WEIGHT = 0.15
VARIANT_WEIGHT = 0.3  # "man cook" and "woman cook" beside "cook"
MANY = 3  # drawings of one thing: with so many, one can be spared for the held-out list
HELD_THINGS = 0.3  # of such things lose one to it
OUTLINE = 0.32  # of the brightness of the pixels beside it


def group_of(thing: str) -> str:
    """The group of a thing's drawings, by its name in the set."""
    return f"{SOURCE}/{thing}"


def plain(text: str) -> str:
    """Latin letters without marks: piñata becomes pinata, the apostrophe of woman’s goes."""
    flat = unicodedata.normalize("NFKD", text)
    return "".join(c for c in flat if not unicodedata.combining(c)).replace("’s", "").replace("'s", "")


def without_unseen(tags: Sequence[str]) -> list[str]:
    """Keywords that hold no word of the held-out list."""
    return [t for t in tags if not UNSEEN & set(t.lower().split())]


def split_of(name: str, drawings: Sequence[str], rng: np.random.Generator) -> dict[str, str]:
    """Each drawing's split: a held-out thing keeps its other drawings, so its word is known and the drawing is new."""
    if name in UNSEEN:
        return dict.fromkeys(drawings, "unseen")
    splits = dict.fromkeys(drawings, "train")
    if len(drawings) >= MANY and rng.random() < HELD_THINGS:
        splits[drawings[int(rng.integers(len(drawings)))]] = "val"
    return splits


def kinds(name: str, category: str) -> tuple[str, tuple[str, ...]]:
    if name in CREATURES:
        return "monster", CREATURE_WORDS
    if name in FORCES:
        return "effect", FORCE_WORDS
    return KINDS_OF[category]


def weight(name: str, category: str) -> float:
    """How often a thing is drawn beside the others of its kind."""
    if name in WANTED:
        return WANTED_WEIGHT
    if category == "icon" and "face" in name.split() or name.startswith(("face", "smil", "grin", "kiss")):
        return FACE_WEIGHT
    if category == "portrait" and (name.split()[0].rstrip(":") in ("man", "woman", "person", "pregnant")):
        return VARIANT_WEIGHT
    return 1.0


def load_objects(folder: Path) -> list[Sprite]:
    """Every drawing of `folder`/objects; none if the set is not there."""
    path = folder / "objects" / "manifest.jsonl"
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    drawings: dict[str, list[str]] = {}
    for row in rows:
        drawings.setdefault(row["group"], []).append(row["file"])
    rng = np.random.default_rng(7)
    split: dict[str, str] = {}
    for name in sorted(drawings):
        split |= split_of(name, sorted(drawings[name]), rng)
    found = []
    for row in rows:
        kind, said = kinds(row["name"], row["category"])
        pixels = fit(load_pixels(folder / row["file"]), kind)
        if pixels is None:
            continue
        found.append(Sprite(
            pixels=pixels, kind=kind, name=plain(row["name"]), tags=[plain(t) for t in without_unseen(row["tags"])],
            colours=colours.dominant(pixels), group=group_of(row["group"]), split=split[row["file"]],
            source=SOURCE, kind_words=said, others=tuple(WORDS.get(row["name"], ())), flat=True,
            wish=weight(row["name"], row["category"])))
    return found


def outlined(pixels: np.ndarray) -> np.ndarray | None:
    """The dress of a game: one dark pixel around the figure, tinted by what it borders; None where it has no room."""
    opaque = pixels[..., 3] > 0
    if opaque.all() or any(edge.any() for edge in (opaque[0], opaque[-1], opaque[:, 0], opaque[:, -1])):
        return None
    total = np.zeros((SIZE, SIZE, 3), np.float32)
    count = np.zeros((SIZE, SIZE, 1), np.float32)
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        near = np.roll(opaque, step, axis)[..., None]
        total += np.roll(pixels[..., :3], step, axis) * near
        count += near
    ring = ~opaque & (count[..., 0] > 0)
    out = pixels.copy()
    out[ring, :3] = (total[ring] / count[ring] * OUTLINE).round().astype(np.uint8)
    out[ring, 3] = 255
    return out


def dressed(sprites: Sequence[Sprite]) -> list[Sprite]:
    """Outlined copies of the drawings that have room for it."""
    copies = []
    for sprite in sprites:
        pixels = outlined(sprite.pixels)
        if pixels is not None:
            copies.append(Sprite(**(vars(sprite) | {"pixels": pixels, "flat": False})))
    return copies
