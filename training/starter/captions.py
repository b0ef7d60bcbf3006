# SPDX-License-Identifier: MIT OR Apache-2.0
"""Many phrasings of what a sprite shows, from its name, tags, colours and kind.

A person asks for "potion", "a red potion", "potion, item" or "stone wall tile"; so the
order, the separators, the kind word and the spelling all vary, and every part may be
missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from .sprites import Sprite

KIND_WORDS = {"character": ("character",), "monster": ("monster",), "item": ("item",),
              "tile": ("tile", "tile", "terrain tile"), "icon": ("icon",),
              "effect": ("effect", "effect", "magic effect"), "prop": ("prop", "object")}
# Tags that repeat the kind, or say where a file came from instead of what it shows.
SILENT = {"character", "monster", "item", "terrain tile", "terrain", "tile", "icon", "effect",
          "magic effect", "prop", "object", "dungeon object", "dungeon feature", "misc", "doll only",
          "1-bit icon", "gui", "features", "components", "startup", "studio", "uncollected runes",
          "fx", "player", "western fps 2d", "top down shooter", "rpg battle system", "software",
          "ninja adventure", "prehistoric platformer", "space shooter", "backgrounds"}
RENAMED = {"medieval fantasy": "medieval", "skill icon": "skill", "faceset": "portrait",
           "spectral ghost": "ghost", "ice simulacrum": "ice", "boss character": "boss"}
SYNONYMS = {"wizard": ("mage", "sorcerer"), "rogue": ("thief", "assassin"),
            "warrior": ("fighter", "soldier"), "priest": ("cleric",), "ranger": ("archer",),
            "princess": ("queen", "royal lady"), "pirate": ("buccaneer", "corsair", "sailor"),
            "farmer": ("peasant", "villager"), "miner": ("digger",), "santa": ("santa claus",),
            "plate armour": ("armour",), "magic rod": ("rod",), "leather armour": ("leather",)}
MEDIEVAL = {"knight", "king", "archer", "warrior", "priest", "ranger"}
SPELLINGS = {"grey": "gray", "armour": "armor"}
# What people call a thing of this colour; the data says "brown door".
MATERIALS = {"brown": {"wooden": {"door", "chest", "shield", "table", "crate", "barrel", "sign", "staff", "club",
                                  "bow", "floor", "wall", "bridge", "chair", "bed", "gate", "box", "fence"},
                       "leather": {"boots", "armour", "gloves", "cap", "jacket", "hat", "belt", "bag", "shoes"}},
             "grey": {"stone": {"wall", "floor", "statue", "brick", "altar", "stairs", "pillar"},
                      "iron": {"sword", "axe", "shield", "helmet", "mace", "hammer", "dagger", "key", "door"}},
             "yellow": {"golden": {"sword", "ring", "key", "crown", "coin", "amulet", "helmet", "shield", "armour",
                                   "statue", "chest", "axe", "staff"}}}
STRANGE = 0.25  # of the captions hold a word that means nothing, so that the kind decides what is painted
STRANGE_OBJECT = 0.06
OTHER, WIDER = 0.35, 0.05  # of the captions of everyday things name them by another word, or by a keyword
FLAT = 0.85  # of the captions of a sprite without outline say so, so that the plain wish has one
SYLLABLES = ("ba", "dor", "ek", "fen", "gra", "hul", "ith", "jor", "ka", "lum", "mor", "nash", "ob", "pir", "quel",
             "ras", "sil", "tor", "ul", "var", "wyn", "xan", "yor", "zin", "thra", "shi", "ou", "ae", "bel", "mak")
DIRECTIONS = {"n", "e", "s", "w", "ne", "nw", "se", "sw", "a", "b", "c", "d", "f", "m"}


def clean(text: str) -> str:
    """Lower case without digits and the direction letters of tile sets."""
    words = re.findall(r"[a-z]+(?:-[a-z]+)*", text.lower().replace("gray", "grey"))
    kept = [w for w in words if w not in DIRECTIONS]
    return " ".join(kept or words)


def tags_of(sprite: Sprite) -> list[str]:
    """The informative tags, without what the name says already."""
    said = set(clean(sprite.name).split())
    found: list[str] = []
    for tag in sprite.tags:
        tag = RENAMED.get(tag, tag)
        if tag in SILENT:
            continue
        tag = clean(tag)
        if tag and tag not in found and not set(tag.split()) <= said:
            found.append(tag)
    return found


def caption(sprite: Sprite, rng: np.random.Generator) -> str:
    told = {"dolls": doll_caption, "objects": object_caption}.get(sprite.source, plain_caption)
    text = told(sprite, rng)
    for british, american in SPELLINGS.items():
        if rng.random() < 0.3:
            text = text.replace(british, american)
    return text


def plain_caption(sprite: Sprite, rng: np.random.Generator) -> str:
    name, tags = clean(sprite.name), tags_of(sprite)
    if tags and rng.random() < 0.12:
        name = tags.pop(int(rng.integers(len(tags))))  # "slime" alone instead of "azure jelly"
    tags = [t for t in tags if rng.random() < 0.6]
    colour = [material(c, name) if rng.random() < 0.35 else c for c in colour_words(sprite, name, rng)]
    unknown = rng.random() < STRANGE
    name = strange(name, rng) if unknown else name
    kind = rng.choice(KIND_WORDS[sprite.kind]) if unknown or rng.random() < 0.8 else ""
    marks = ["small"] * sprite.small + ["1-bit"] * sprite.one_bit
    head = " ".join([*marks, *colour, name]).strip()
    if rng.random() < 0.45:
        phrase = " ".join([head, *tags[:1], kind]).strip()
        return article(phrase) if rng.random() < 0.15 else phrase
    rng.shuffle(tags)
    return ", ".join(p for p in [head, *tags, kind] if p)


def object_caption(sprite: Sprite, rng: np.random.Generator) -> str:
    """Everyday things: the name or another word for it, seldom a wider one; the kind word that somebody's preset adds."""
    name, tags = clean(sprite.name), tags_of(sprite)
    if sprite.others and rng.random() < OTHER:
        name = str(rng.choice(sprite.others))
    elif tags and rng.random() < WIDER:
        name = tags.pop(int(rng.integers(len(tags))))
    tags = [t for t in tags if rng.random() < 0.25][:2]
    colour = [material(c, name) if rng.random() < 0.35 else c for c in colour_words(sprite, name, rng)]
    unknown = rng.random() < STRANGE_OBJECT
    name = strange(name, rng) if unknown else name
    kind = rng.choice(sprite.kind_words) if unknown or rng.random() < 0.8 else ""
    look = ["flat"] if sprite.flat and rng.random() < FLAT else []
    head = " ".join([*look, *colour, name])
    if rng.random() < 0.25:
        phrase = " ".join([head, kind]).strip()
        return article(phrase) if rng.random() < 0.3 else phrase
    return ", ".join(p for p in [head, *tags, kind] if p)


def colour_words(sprite: Sprite, name: str, rng: np.random.Generator) -> list[str]:
    if not sprite.colours or set(sprite.colours) & set(name.split()):
        return []
    if sprite.recoloured:
        return sprite.colours[:1 if rng.random() < 0.8 else 2]
    draw = rng.random()
    return sprite.colours[:2] if draw < 0.12 else sprite.colours[:1] if draw < 0.5 else []


def material(colour: str, name: str) -> str:
    """The material of a thing where its colour tells it, else the colour."""
    words = set(name.split())
    return next((m for m, nouns in MATERIALS.get(colour, {}).items() if words & nouns), colour)


def strange(name: str, rng: np.random.Generator) -> str:
    """The name with one word, or all of it, made up."""
    made = "".join(rng.choice(SYLLABLES, int(rng.integers(1, 4))))
    words = name.split()
    if rng.random() < 0.5 or not words:
        return made
    words[int(rng.integers(len(words)))] = made
    return " ".join(words)


def doll_caption(sprite: Sprite, rng: np.random.Generator) -> str:
    base, *parts = [swap(t, rng) for t in sprite.tags]
    role = sprite.name
    if role and rng.random() < 0.25:
        role = str(rng.choice(SYNONYMS.get(role, (role,))))
    if sprite.name in MEDIEVAL and rng.random() < 0.3:
        role = f"medieval {role}"
    if role and rng.random() < 0.35:
        return f"{role} character" if rng.random() < 0.6 else role
    keep = rng.uniform(0.25, 0.9)
    parts = [p for p in parts if rng.random() < keep]
    heads = [role] if role and rng.random() < 0.9 else []
    if not heads or rng.random() < 0.6:
        heads = [f"{base} {heads[0]}"] if heads and rng.random() < 0.5 else [*heads, base]
    if parts and rng.random() < 0.3:
        return f"{heads[0]} with {' and '.join(parts[:2])}"
    tail = ["character"] if rng.random() < 0.8 else []
    return ", ".join([*heads, *parts, *tail])


def swap(phrase: str, rng: np.random.Generator) -> str:
    """Now and then a synonym of the noun of a part."""
    for noun, others in SYNONYMS.items():
        if phrase.endswith(noun) and rng.random() < 0.3:
            return phrase.removesuffix(noun) + str(rng.choice(others))
    return phrase


def article(phrase: str) -> str:
    return ("an " if phrase[:1] in "aeiou" else "a ") + phrase


def variants(sprites: Sequence[Sprite], count: int, seed: int) -> list[list[str]]:
    """`count` captions of every sprite, the same for the same seed."""
    rng = np.random.default_rng(seed)
    return [[caption(s, rng) for _ in range(count)] for s in sprites]


def words_read(sprites: Sequence[Sprite]) -> list[str]:
    """Every word that captions of the drawn ones can hold, made-up ones apart, in the order of the alphabet."""
    texts = {"small", "flat", "1-bit", "with", "medieval", "pixel", *SYNONYMS}
    texts.update(t for several in SYNONYMS.values() for t in several)
    for sprite in sprites:
        if sprite.split == "train":
            texts.update([sprite.name, *sprite.tags, *tags_of(sprite), *sprite.others, *sprite.colours],
                         sprite.kind_words or KIND_WORDS[sprite.kind],
                         (material(c, clean(sprite.name)) for c in sprite.colours))
    said = {w for text in texts if text not in SILENT for w in re.findall("[a-z]+", clean(text))}
    for british, american in SPELLINGS.items():
        said |= {w.replace(british, american) for w in said}
    return sorted(w for w in said if len(w) > 1)


def fixed_caption(sprite: Sprite) -> str:
    """The full caption of a held-out sprite, the same every time."""
    if sprite.source == "dolls":
        base, *parts = sprite.tags
        return ", ".join([*([sprite.name] if sprite.name else []), base, *parts[:4], "character"])
    name = clean(sprite.name)
    colour = [c for c in sprite.colours[:1] if c not in name.split()]
    marks = ["flat"] * sprite.flat + ["small"] * sprite.small + ["1-bit"] * sprite.one_bit
    head = " ".join([*marks, *colour, name])
    if sprite.kind_words:
        return f"{head}, {sprite.kind_words[0]}"
    return ", ".join([head, *tags_of(sprite), KIND_WORDS[sprite.kind][0]])
