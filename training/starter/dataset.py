# SPDX-License-Identifier: MIT OR Apache-2.0
"""Sprites, paper dolls and recoloured copies as arrays, with sampling weights."""

from __future__ import annotations

import collections
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from . import colours, objects
from .config import KINDS
from .dolls import load_parts, make_dolls
from .sprites import Sprite, load_sprites, read_manifest

# How often a kind is drawn.  Characters and monsters vary most, so they get most.
KIND_SHARE = {"character": 0.15, "monster": 0.23, "item": 0.25, "tile": 0.13, "icon": 0.07,
              "effect": 0.05, "prop": 0.12}
DOLL_SHARE = 0.75  # of the characters
ONE_BIT_WEIGHT = 0.5  # white pictograms: useful shapes, another style
RECOLOURED_COPIES = 3
RECOLOURED_WEIGHT = 0.3  # of each
# What people ask a game sprite model for first; many of these are rare in the data.
WANTED = {"dragon", "wolf", "dog", "cat", "spider", "knight", "skeleton", "goblin", "orc", "troll", "bat", "bear",
          "rat", "snake", "ghost", "zombie", "slime", "jelly", "imp", "demon", "crab", "eye", "eyeball", "elemental",
          "golem", "mummy", "vampire", "ogre", "bee", "beetle", "scorpion", "frog", "fish", "mushroom", "kraken",
          "dwarf", "elf", "thief", "merchant", "monk", "archer", "priest", "guard", "queen", "king", "pirate", "viking",
          "potion", "sword", "dagger", "axe", "shield", "bow", "arrow", "crossbow", "helmet", "cannon", "bomb", "rope",
          "boots", "gloves", "cloak", "armour", "ring", "amulet", "crown", "chest", "key", "coin", "gem", "ruby",
          "emerald", "diamond", "book", "scroll", "staff", "wand", "lantern", "torch", "candle", "hammer", "spear",
          "mace", "pickaxe", "shovel", "hourglass", "clock", "compass", "map", "feather", "bone", "skull", "egg",
          "apple", "bread", "meat", "cheese", "cherry", "tree", "bush", "flower", "rock", "log", "crystal",
          "door", "barrel", "crate", "sign", "statue", "fountain", "grave", "gravestone", "table", "chair", "bed", "cart",
          "heart", "star", "fire", "fireball", "lightning", "explosion", "smoke", "circle", "slash",
          "altar", "bridge", "tower", "ship", "boat"}
GROUNDS = {"grass", "dirt", "sand", "snow", "water", "lava", "ice", "stone", "brick", "bricks", "wood", "wooden",
           "cobble", "cobblestone", "marble", "ground"}
WANTED_ALONE, WANTED_LAST, WANTED_FIRST = 8.0, 4.0, 2.0  # "ghost", "blue ghost"; "cave troll"; "tree dead"
GROUND_WEIGHT = 4.0
TORN_TILE = 0.1  # weight of tiles with holes: edges and overlays, not what "water tile" asks for
# The everyday things beside the older set: it is known already, so it needs less to stay.
OBJECT_SHARE = 0.6
OBJECT_KIND_SHARE = {"character": 0.1, "monster": 0.27, "item": 0.35, "icon": 0.06, "effect": 0.05, "prop": 0.17}
FLAT_WEIGHT = 0.35  # of a drawing beside its outlined copy
OBJECT_COPIES = 2  # with turned hues, of each outlined one
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
        return torch.tensor([s.kind in FLIPPED_KINDS or s.kind == "prop" and s.source == objects.SOURCE
                             for s in self.sprites])


def recoloured(sprites: list[Sprite], rng: np.random.Generator, count: int = RECOLOURED_COPIES) -> list[Sprite]:
    """Copies with turned hues, so that a colour word means the colour on any shape."""
    copies = []
    for sprite in sprites:
        found = colours.dominant(sprite.pixels)
        chromatic = bool(found) and found[0] in colours.CHROMATIC
        if sprite.split != "train" or sprite.one_bit or not chromatic:
            continue
        for degrees in rng.uniform(40, 320, count):
            pixels = colours.rotate_hue(sprite.pixels, float(degrees))
            pixels[pixels[..., 3] == 0] = 0
            words = colours.dominant(pixels)
            if not words or words[0] == found[0] or words[0] not in colours.CHROMATIC:
                continue
            copies.append(replace(
                sprite, pixels=pixels, name=without_colours(sprite.name), colours=words, recoloured=True,
                tags=[without_colours(t) for t in sprite.tags],
                others=tuple(filter(None, map(without_colours, sprite.others)))))
    return copies


def without_colours(text: str) -> str:
    return " ".join(w for w in text.split() if w not in (*colours.WORDS, "gold", "golden", "gray"))


def wish(sprite: Sprite) -> float:
    """How often people ask for a sprite of the first set: a ghost more than a ghost moth."""
    words = without_colours(sprite.name).split()
    if sprite.kind == "tile":
        return GROUND_WEIGHT if GROUNDS & set(words) else 1
    if not words:
        return 1
    if words[-1] in WANTED:
        return WANTED_ALONE if len(words) == 1 else WANTED_LAST
    return WANTED_FIRST if words[0] in WANTED else 1


def weights(sprites: list[Sprite]) -> torch.Tensor:
    """1/sqrt(group size) inside a kind, then the shares of the kinds of each set, then those of the sets."""
    size = collections.Counter(s.group for s in sprites if s.split == "train")
    raw = np.zeros(len(sprites))
    for i, s in enumerate(sprites):
        if s.split == "train":
            raw[i] = size[s.group] ** -0.5 * s.wish
            raw[i] *= ONE_BIT_WEIGHT if s.one_bit else 1
            raw[i] *= RECOLOURED_WEIGHT if s.recoloured else 1
            raw[i] *= FLAT_WEIGHT if s.flat else 1
            raw[i] *= TORN_TILE if s.kind == "tile" and (s.pixels[..., 3] > 0).mean() < 0.7 else 1
            raw[i] *= 1 if s.source == objects.SOURCE else wish(s)
    kinds = np.array([s.kind for s in sprites])
    doll = np.array([s.source == "dolls" for s in sprites])
    thing = np.array([s.source == objects.SOURCE for s in sprites])
    for kind in KINDS:
        share_of_dolls = DOLL_SHARE if kind == "character" else 0
        for mask, share in ((doll, KIND_SHARE[kind] * share_of_dolls),
                            (~doll & ~thing, KIND_SHARE[kind] * (1 - share_of_dolls)),
                            (thing, OBJECT_KIND_SHARE.get(kind, 0))):
            mask = mask & (kinds == kind)
            if raw[mask].sum():
                raw[mask] *= share / raw[mask].sum()
    for mask, share in ((thing, OBJECT_SHARE), (~thing, 1 - OBJECT_SHARE)):
        if raw[mask].sum():
            raw[mask] *= share / raw[mask].sum()
    return torch.from_numpy(raw / raw.sum())


def load(folder: Path, dolls: int = 8000, seed: int = 0) -> SpriteSet:
    """The data set of a sprite folder; the same folder and seed give the same set."""
    rows = read_manifest(folder)
    sprites = load_sprites(folder, rows)
    sprites += recoloured(sprites, np.random.default_rng(seed))
    things = objects.load_objects(folder)
    outlined = objects.dressed(things)
    sprites += [*things, *outlined]
    sprites += recoloured([s for s in outlined if s.kind != "character"], np.random.default_rng(seed), OBJECT_COPIES)
    sprites += make_dolls(load_parts(folder, rows), dolls, seed)
    pixels = torch.from_numpy(np.stack([s.pixels for s in sprites])).permute(0, 3, 1, 2)
    return SpriteSet(sprites, pixels.contiguous(), weights(sprites))


def to_float(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 to the range -1..1 of the models."""
    return pixels.float() / 127.5 - 1
