# SPDX-License-Identifier: MIT OR Apache-2.0
"""Sprites, paper dolls and recoloured copies as arrays, with sampling weights."""

from __future__ import annotations

import collections
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from . import colours
from .config import KINDS
from .dolls import load_parts, make_dolls
from .sprites import Sprite, load_sprites, read_manifest

# How often a kind is drawn.  Characters and monsters vary most, so they get most.
KIND_SHARE = {"character": 0.15, "monster": 0.24, "item": 0.25, "tile": 0.09, "icon": 0.09,
              "effect": 0.05, "prop": 0.13}
DOLL_SHARE = 0.75  # of the characters
ONE_BIT_WEIGHT = 0.5  # white pictograms: useful shapes, another style
RECOLOURED_COPIES = 3
RECOLOURED_WEIGHT = 0.3  # of each
# What people ask a game sprite model for first; many of these are rare in the data.
WANTED = {"dragon", "wolf", "dog", "spider", "knight", "skeleton", "goblin", "orc", "troll", "bat",
          "rat", "snake", "ghost", "zombie", "slime", "jelly", "imp", "demon", "crab", "bear",
          "eye", "elemental", "potion", "sword", "dagger", "axe", "shield", "bow", "helmet",
          "boots", "ring", "amulet", "crown", "chest", "key", "coin", "gem", "book", "scroll",
          "staff", "wand", "apple", "bread", "meat", "tree", "door", "fountain", "heart",
          "fire", "lightning", "explosion", "circle", "lava", "brick", "stone", "wood", "grass",
          "water", "dirt", "ice", "marble", "hammer", "spear", "mace"}
WANTED_WEIGHT = 4.0
TORN_TILE = 0.1  # weight of tiles with holes: edges and overlays, not what "water tile" asks for
FLIPPED_KINDS = ("monster", "tile", "effect")  # the others have a usual direction


@dataclass
class SpriteSet:
    """The whole data set; `sprites[i]` belongs to `pixels[i]` and `weight[i]`."""

    sprites: list[Sprite]
    pixels: torch.Tensor  # [n, 4, SIZE, SIZE] uint8
    weight: torch.Tensor  # [n] float64, 0 for val, sums to 1

    @property
    def val(self) -> list[int]:
        return [i for i, s in enumerate(self.sprites) if s.split == "val"]

    def flippable(self) -> torch.Tensor:
        return torch.tensor([s.kind in FLIPPED_KINDS for s in self.sprites])


def recoloured(sprites: list[Sprite], rng: np.random.Generator) -> list[Sprite]:
    """Copies with turned hues, so that a colour word means the colour on any shape."""
    copies = []
    for sprite in sprites:
        found = colours.dominant(sprite.pixels)
        chromatic = bool(found) and found[0] in colours.CHROMATIC
        if sprite.split != "train" or sprite.one_bit or not chromatic:
            continue
        for degrees in rng.uniform(40, 320, RECOLOURED_COPIES):
            pixels = colours.rotate_hue(sprite.pixels, float(degrees))
            pixels[pixels[..., 3] == 0] = 0
            words = colours.dominant(pixels)
            if not words or words[0] == found[0] or words[0] not in colours.CHROMATIC:
                continue
            copies.append(Sprite(
                pixels=pixels, kind=sprite.kind, name=without_colours(sprite.name),
                tags=[without_colours(t) for t in sprite.tags], colours=words, group=sprite.group,
                split="train", small=sprite.small, recoloured=True, source=sprite.source))
    return copies


def without_colours(text: str) -> str:
    return " ".join(w for w in text.split() if w not in (*colours.WORDS, "gold", "golden", "gray"))


def weights(sprites: list[Sprite]) -> torch.Tensor:
    """1/sqrt(group size) inside a kind, then the shares of the kinds."""
    size = collections.Counter(s.group for s in sprites if s.split == "train")
    raw = np.zeros(len(sprites))
    for i, s in enumerate(sprites):
        if s.split == "train":
            raw[i] = size[s.group] ** -0.5
            raw[i] *= ONE_BIT_WEIGHT if s.one_bit else 1
            raw[i] *= RECOLOURED_WEIGHT if s.recoloured else 1
            raw[i] *= TORN_TILE if s.kind == "tile" and (s.pixels[..., 3] > 0).mean() < 0.7 else 1
            raw[i] *= WANTED_WEIGHT if WANTED & set(s.name.split()) else 1
    kinds = np.array([s.kind for s in sprites])
    doll = np.array([s.source == "dolls" for s in sprites])
    for kind in KINDS:
        for of_dolls in (False, True):
            mask = (kinds == kind) & (doll == of_dolls)
            share = KIND_SHARE[kind]
            if kind == "character":
                share *= DOLL_SHARE if of_dolls else 1 - DOLL_SHARE
            if raw[mask].sum():
                raw[mask] *= share / raw[mask].sum()
    return torch.from_numpy(raw / raw.sum())


def load(folder: Path, dolls: int = 8000, seed: int = 0) -> SpriteSet:
    """The data set of a sprite folder; the same folder and seed give the same set."""
    rows = read_manifest(folder)
    sprites = load_sprites(folder, rows)
    sprites += recoloured(sprites, np.random.default_rng(seed))
    sprites += make_dolls(load_parts(folder, rows), dolls, seed)
    pixels = torch.from_numpy(np.stack([s.pixels for s in sprites])).permute(0, 3, 1, 2)
    return SpriteSet(sprites, pixels.contiguous(), weights(sprites))


def to_float(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 to the range -1..1 of the models."""
    return pixels.float() / 127.5 - 1
