# SPDX-License-Identifier: MIT OR Apache-2.0
"""Paper dolls: dressed characters composed from aligned 32x32 layers.

Two thirds of the dolls are dressed for a role, so that "knight" or "wizard" is never
rare; the others take any parts.  The role word of a caption is given by rule from the
parts, never from the recipe that picked them.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import colours
from .config import SIZE
from .sprites import Sprite, load_pixels

ORDER = ("cloak", "base", "boots", "legs", "body", "gloves", "hand1", "hand2", "hair", "head")
OPTIONAL = {"cloak": 0.4, "boots": 0.75, "legs": 0.75, "gloves": 0.45, "hand1": 0.8,
            "hand2": 0.4, "hair": 0.45, "head": 0.5}

# Bases that the clothes were drawn for, and how often each is taken.
BASES = {"human": 10, "elf": 4, "deep elf": 2, "dwarf": 4, "deep dwarf": 1, "orc": 4,
         "halfling": 2, "demigod": 2, "vampire": 2, "ghoul": 1, "gnoll": 2, "minotaur": 2,
         "kobold": 1, "tengu": 1, "oni": 2, "demonspawn": 2, "draconian": 2, "gnome": 2,
         "mummy": 1, "merfolk": 1}
SPELLING = {"lorc": "orc", "tengu wingless": "tengu", "tengu winged": "tengu"}

# Words of file names that say nothing a person would write.
NOISE = {"slant", "one", "two", "three", "four", "five", "middle", "short", "art", "f", "m", "l",
         "dd", "rb", "and", "susp", "onep", "pj", "ethn", "op", "fe", "dim", "fem"}
# Parts named after persons, books or artefacts: captioned by what they are.
PLAIN = {
    "body": {"aragorn": "leather coat", "arwen": "dress", "boromir": "coat", "frodo": "coat",
             "gandalf": "robe", "gil galad": "chain mail", "gimli": "leather armour",
             "isildur": "plate armour", "justicar": "plate armour", "legolas": "leather armour",
             "maxwell": "plate armour", "merry": "coat", "pipin": "coat", "sam": "coat",
             "saruman": "robe", "kryias": "chain mail", "half plate": "plate armour",
             "plate": "plate armour", "bplate": "breastplate", "armour blue gold": "plate armour",
             "banded": "plate armour", "metal": "plate armour", "dragonarm": "dragon armour",
             "dragonsc": "dragon scales", "green chain": "chain mail", "mesh": "mesh shirt",
             "robe": "robe", "monk": "robe", "leather": "leather armour", "shirt": "shirt",
             "jacket": "leather jacket", "coat": "coat", "dress": "dress", "vest": "vest",
             "animal skin": "fur", "karate": "karate suit", "armour mummy": "golden armour",
             "skirt": "skirt", "bikini": "bikini", "arcanist": "robe", "vines": "leaf robe",
             "faerie": "dragon armour", "occultist": "scale armour", "orange crystal":
             "crystal armour", "swamp witch": "dress", "slit": "dress", "china": "dress",
             "": "clothes"},
    "head": {"wizard": "wizard hat", "gandalf": "wizard hat", "helm": "helmet",
             "fhelm": "full helmet", "full": "full helmet", "iron": "full helmet",
             "chain": "chain hood", "viking": "viking helmet", "horned": "horned helmet",
             "horn": "horned helmet", "hood": "hood", "crown": "crown", "cap": "cap",
             "band": "headband", "bandana": "bandana", "feather": "feather hat",
             "turban": "turban", "taiso": "headband", "ninja": "ninja mask", "hat": "hat",
             "cone": "pointed hat", "straw": "straw hat", "santa": "santa hat", "clown":
             "clown face", "dragonhelm": "dragon helmet", "isildur": "full helmet",
             "healer": "headband", "wing": "winged helmet", "yellow wing": "winged helmet",
             "": "hat"},
    "hand1": {"sword": "sword", "great sword": "great sword", "long sword": "long sword",
              "short sword": "short sword", "blade": "sword", "sabre": "sword",
              "scimitar": "scimitar", "katana": "katana", "rapier": "rapier",
              "falchion": "sword", "cutlass": "sword", "broadsword": "sword",
              "aragorn": "sword", "arwen": "sword", "boromir": "sword", "frodo": "sword",
              "gandalf": "staff", "saruman": "staff", "legolas": "bow", "gimli": "axe",
              "axe": "axe", "battleaxe": "great axe", "great axe": "great axe",
              "bow": "bow", "shortbow": "bow", "orcbow": "bow", "great bow": "bow",
              "arbalest": "crossbow", "crossbow": "crossbow", "sniper": "crossbow",
              "dagger": "dagger", "knife": "dagger", "athame": "dagger", "staff": "staff",
              "quarterstaff": "staff", "rod": "magic rod", "sceptre": "sceptre",
              "spear": "spear", "lance": "lance", "pike": "spear", "partisan": "spear",
              "halberd": "halberd", "glaive": "halberd", "bardiche": "halberd",
              "trident": "trident", "mace": "mace", "flail": "flail", "morningstar": "mace",
              "eveningstar": "mace", "hammer": "hammer", "club": "club", "whip": "whip",
              "scythe": "scythe", "sickle": "sickle", "sling": "sling", "fire": "magic fire",
              "light": "magic light", "scourge": "whip", "pick axe": "pickaxe",
              "fork": "pitchfork", "hook": "hook", "wand": "wand", "torch": "torch",
              "": "weapon"},
    "hand2": {"shield": "shield", "kite shield": "shield", "tower shield": "tower shield",
              "buckler": "buckler", "book": "book", "orb": "orb", "torch": "torch",
              "lantern": "lantern", "fire": "magic fire", "light": "magic light",
              "dagger": "dagger", "rapier": "rapier", "sword": "sword", "mace": "mace",
              "skull": "skull", "club": "club", "flail": "flail", "": ""},
    "legs": {"pants": "pants", "skirt": "skirt", "metal": "leg armour", "leg armour":
             "leg armour", "trouser": "pants", "loincloth": "loincloth", "belt": "belt",
             "": "pants"},
    "boots": {"hooves": "hooves", "slippers": "slippers", "": "boots"},
    "gloves": {"claws": "claws", "gauntlet": "gauntlets", "": "gloves"},
    "hair": {"pigtail": "pigtails", "pigtails": "pigtails", "ponytail": "ponytail",
             "fem": "long hair", "elf": "long hair", "arwen": "long hair", "": "hair"},
    "cloak": {"scarf": "scarf", "": "cloak"},
}
METAL = {"plate armour", "chain mail", "breastplate", "golden armour", "dragon armour",
         "scale armour"}
BLADES = {"sword", "great sword", "long sword", "lance", "mace", "halberd", "great axe"}
STAVES = {"staff", "magic rod", "sceptre", "magic fire", "magic light", "wand"}
HELMETS = {"helmet", "full helmet", "winged helmet", "dragon helmet", "chain hood"}

# What a role wears, by the plain nouns above; a layer that is absent is left to chance.
WARDROBE: dict[str, dict[str, set[str]]] = {
    "knight": {"body": {"plate armour", "breastplate"}, "legs": {"leg armour"},
               "boots": {"boots"}, "gloves": {"gauntlets", "gloves"}, "head": HELMETS,
               "hand1": {"sword", "long sword", "great sword", "lance"}, "hand2": {"shield"}},
    "wizard": {"body": {"robe"}, "head": {"wizard hat"}, "hand1": STAVES, "hand2": {"book", "orb"}},
    "ranger": {"body": {"leather armour", "leather coat", "leather jacket"}, "legs": {"pants"},
               "boots": {"boots"}, "hand1": {"bow", "crossbow"}, "head": {"hood", "feather hat"}},
    "rogue": {"body": {"leather armour", "shirt", "coat"}, "legs": {"pants"}, "boots": {"boots"},
              "head": {"hood"}, "hand1": {"dagger", "short sword"}},
    "barbarian": {"body": {"fur"}, "hand1": {"axe", "great axe", "club", "hammer"},
                  "head": {"horned helmet", "viking helmet"}, "boots": {"boots"}},
    "warrior": {"body": {"chain mail", "leather armour", "breastplate"}, "legs": {"pants"},
                "boots": {"boots"}, "hand1": {"axe", "spear", "sword", "hammer"},
                "head": {"helmet"}, "hand2": {"shield", "buckler"}},
    "viking": {"body": {"chain mail", "leather armour", "fur"}, "head": {"viking helmet"},
               "hand1": {"axe", "great axe"}, "hand2": {"shield"}, "boots": {"boots"}},
    "king": {"body": {"robe", "plate armour"}, "head": {"crown"}, "cloak": {"cloak"},
             "hand1": {"sceptre", "sword"}},
    "priest": {"body": {"robe"}, "hand1": {"mace", "sceptre"}, "hand2": {"book"}},
    "ninja": {"body": {"shirt", "karate suit"}, "head": {"ninja mask"}, "legs": {"pants"},
              "hand1": {"katana", "dagger"}},
    "monk": {"body": {"karate suit", "robe"}, "hand1": set(), "hand2": set(), "head": set()},
    "witch": {"body": {"dress"}, "head": {"wizard hat", "pointed hat"}, "hand1": STAVES},
    "princess": {"body": {"dress"}, "head": {"crown"}, "hair": {"long hair", "pigtails"}, "hand1": set(), "hand2": set()},
    "pirate": {"body": {"coat", "vest", "shirt"}, "head": {"bandana", "hat"}, "legs": {"pants"}, "boots": {"boots"},
               "hand1": {"scimitar", "hook", "rapier"}, "hand2": set()},
    "farmer": {"body": {"shirt", "vest"}, "head": {"straw hat"}, "legs": {"pants"}, "boots": {"boots"},
               "hand1": {"pitchfork", "sickle", "scythe"}, "hand2": set()},
    "miner": {"body": {"shirt", "vest", "leather jacket"}, "head": {"helmet", "cap"}, "legs": {"pants"},
              "boots": {"boots"}, "hand1": {"pickaxe"}, "hand2": {"lantern"}},
    "samurai": {"body": {"scale armour", "chain mail", "robe"}, "hand1": {"katana"}, "head": {"horned helmet"}},
    "santa": {"body": {"coat", "robe"}, "head": {"santa hat"}, "boots": {"boots"}, "hand1": set(), "hand2": set()},
    "hunter": {"body": {"fur", "leather jacket", "vest"}, "head": {"hat", "feather hat", "cap"},
               "hand1": {"crossbow", "bow"}, "legs": {"pants"}, "boots": {"boots"}},
}
ALWAYS = {"knight": {"body", "legs", "head", "hand1", "boots", "gloves"}, "princess": {"body", "head", "hair"},
          "pirate": {"head", "hand1"}, "farmer": {"head", "hand1"}, "miner": {"hand1"}, "samurai": {"head", "hand1"},
          "santa": {"head"}}
SHARE_DRESSED = 0.65


@dataclass(frozen=True)
class Part:
    layer: str
    file: str
    noun: str  # what it is, without colour
    colour: str  # measured, or ""
    pixels: np.ndarray

    @property
    def phrase(self) -> str:
        return f"{self.colour} {self.noun}".strip()


def plain_noun(layer: str, name: str) -> str:
    """The plain noun of a part: the longest key that is in its name."""
    table = PLAIN[layer]
    hits = [k for k in table if k and re.search(rf"\b{k}\b", name)]
    return table[max(hits, key=len)] if hits else table[""]


def base_noun(name: str) -> str | None:
    name = SPELLING.get(name, name)
    hits = [b for b in BASES if name == b or name.startswith(b + " ")]
    name = max(hits, key=len) if hits else re.sub(r" [fm]$", "", name)
    name = SPELLING.get(name, name)
    return name if name in BASES else None


def load_parts(folder: Path, rows: list[dict]) -> dict[str, list[Part]]:
    parts: dict[str, list[Part]] = {layer: [] for layer in ORDER}
    for row in rows:
        layer = row["layer"]
        if layer not in parts or tuple(row["size"]) != (SIZE, SIZE) or row["split"] != "train":
            continue
        noun = base_noun(row["name"]) if layer == "base" else plain_noun(layer, row["name"])
        if not noun:
            continue
        pixels = load_pixels(folder / row["file"])
        if pixels[..., 3].sum() < 4 * 255:
            continue
        found = colours.dominant(pixels)
        parts[layer].append(Part(layer, row["file"], noun, found[0] if found else "", pixels))
    return parts


def role_of(worn: dict[str, Part]) -> str:
    """The role by rule, "" when the parts fit none."""
    noun = {layer: part.noun for layer, part in worn.items()}
    body, head, hand = noun.get("body", ""), noun.get("head", ""), noun.get("hand1", "")
    if head == "crown":
        return "princess" if body in {"dress", "skirt"} else "king"
    if head == "santa hat":
        return "santa"
    if head == "straw hat" and body not in METAL:
        return "farmer"
    if hand == "pickaxe":
        return "miner"
    if hand == "katana" and head == "horned helmet":
        return "samurai"
    if hand in {"scimitar", "hook", "rapier"} and head in {"bandana", "hat"}:
        return "pirate"
    if head == "ninja mask":
        return "ninja"
    if head == "viking helmet":
        return "viking"
    if body in METAL and hand in BLADES:
        return "knight" if body in {"plate armour", "breastplate"} else "warrior"
    if body == "dress" and head in {"wizard hat", "pointed hat"}:
        return "witch"
    if body in {"robe", "leaf robe"} and (hand in STAVES or head == "wizard hat"):
        return "wizard"
    if body == "robe" and hand == "mace":
        return "priest"
    if hand in {"bow", "crossbow"}:
        return "ranger" if head == "hood" or body.startswith("leather") else "archer"
    if body == "fur" and hand in {"axe", "great axe", "club", "hammer"}:
        return "barbarian"
    if hand == "dagger" and (head == "hood" or body.startswith("leather")):
        return "rogue"
    if body == "karate suit" and not hand:
        return "monk"
    if body in METAL or (hand in {"axe", "spear", "sword"} and body == "leather armour"):
        return "warrior"
    return ""


def dress(parts: dict[str, list[Part]], rng: np.random.Generator) -> dict[str, Part]:
    """Picks the parts of one doll."""
    role = rng.choice(list(WARDROBE)) if rng.random() < SHARE_DRESSED else ""
    if role and rng.random() < 0.15:
        role = "knight"
    wardrobe = WARDROBE.get(role, {})
    weights = np.array([BASES[p.noun] / sum(q.noun == p.noun for q in parts["base"])
                        for p in parts["base"]])
    if role:  # a role is learned on people first
        weights *= [4.0 if p.noun == "human" else 1.0 for p in parts["base"]]
    worn = {"base": parts["base"][rng.choice(len(weights), p=weights / weights.sum())]}
    for layer in ORDER:
        if layer == "base":
            continue
        wanted = wardrobe.get(layer)
        sure = layer == "body" or layer in ALWAYS.get(role, set())
        chance = 0.9 if wanted and layer in ("head", "hand1") else OPTIONAL.get(layer, 1.0)
        if not sure and rng.random() > chance:
            continue
        choices = [p for p in parts[layer] if wanted is None or p.noun in wanted]
        if role == "knight" and layer in ("boots", "gloves", "legs"):
            choices = [p for p in choices if p.colour in ("grey", "white", "blue", "black")] or choices
        if choices:
            worn[layer] = choices[rng.integers(len(choices))]
    if "head" in worn and worn["head"].noun in HELMETS | {"hood", "wizard hat", "ninja mask"}:
        worn.pop("hair", None)
    return worn


def compose(worn: dict[str, Part]) -> np.ndarray:
    canvas = np.zeros((SIZE, SIZE, 4), np.uint8)
    for layer in ORDER:
        if layer in worn:
            pixels = worn[layer].pixels
            canvas = np.where(pixels[..., 3:] > 0, pixels, canvas)
    return canvas


def make_dolls(parts: dict[str, list[Part]], count: int, seed: int) -> list[Sprite]:
    """A reproducible list of different dolls; one in twenty combinations belongs to val."""
    rng = np.random.default_rng(seed)
    seen: set[str] = set()
    dolls: list[Sprite] = []
    while len(dolls) < count:
        worn = dress(parts, rng)
        key = hashlib.sha256("|".join(sorted(p.file for p in worn.values())).encode()).hexdigest()
        if key in seen:
            continue
        seen.add(key)
        role = role_of(worn)
        tags = [worn["base"].noun]
        tags += [worn[l].phrase for l in ("body", "head", "hand1", "hand2", "cloak", "boots",
                                          "legs", "gloves", "hair") if l in worn and worn[l].noun]
        dolls.append(Sprite(
            pixels=compose(worn), kind="character", name=role, tags=tags, colours=[],
            group=f"doll/{role}", split="val" if int(key[:8], 16) % 20 == 0 else "train",
            source="dolls", extra={"key": key, "body": worn["body"].phrase}))
    return dolls
