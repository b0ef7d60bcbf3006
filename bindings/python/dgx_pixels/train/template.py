# SPDX-License-Identifier: MIT OR Apache-2.0
"""The run file that `init` writes: every field with its help, and starting points for a base."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from .settings import SECTIONS

# What the starter is asked for, so that a style leaves its shapes alone; none is a prompt of its card.
STARTER_PROMPTS = ["soldier with spear, character", "princess, character", "thief with dagger, character",
                   "pirate, character", "farmer, character", "rat, monster", "demon, monster",
                   "beetle, monster", "blue jelly, monster", "vampire, monster", "green potion, item",
                   "silver sword, item", "crossbow, item", "gloves, item", "crown, item", "cake, item",
                   "ice spell, icon", "poison cloud, effect", "barrel, prop", "statue, prop"]
# What differs from the defaults, which are SDXL's.
STARTING_POINTS: dict[str, dict[str, dict[str, Any]]] = {
    "sdxl": {"run": {"base": "sdxl"}, "data": {"canvas": [1024, 1024]},
             "train": {"gradient_checkpointing": True, "min_snr": 5.0}},
    # No trigger words: its small text encoder takes them for a wish (docs/training.md).
    "starter": {"run": {"base": "starter", "trigger": ""}, "data": {"views": 8, "keep_prompts": STARTER_PROMPTS},
                "adapter": {"kind": "locon", "rank": 4, "alpha": 4.0},
                "train": {"steps": 80, "keep_from": 0.6, "batch": 16, "rate": 3e-3, "schedule": "hold", "min_snr": 0.0,
                          "save_every": 40, "sample_every": 80},
                "evaluate": {"weights": [0.5, 1.0]}},
}


def literal(value: Any) -> str:
    """A value as TOML; JSON's strings are TOML's basic strings."""
    import json

    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {literal(v)}" for k, v in value.items()) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = f"{value:g}"
        return text if any(c in text for c in ".e") else f"{text}.0"
    return str(value)


def write(name: str, base: str, folder: str, trigger: str | None) -> str:
    """The template for a base: "sdxl", "starter", or any other name or path, with SDXL's numbers."""
    start = STARTING_POINTS.get(base, STARTING_POINTS["sdxl"])
    if trigger is None:
        trigger = start["run"].get("trigger", f"{name} style")
    given = {"run": {"name": name, "base": base, "trigger": trigger}, "data": {"folder": folder}}
    lines = ["# A training run of dgx-pixels-train.  Paths are relative to this file.",
             "# Lines that begin with # show the defaults."]
    for section, kind in SECTIONS.items():
        lines += ["", f"[{section}]"]
        for option in fields(kind):
            chosen = {**start.get(section, {}), **given.get(section, {})}
            about = option.metadata["help"]
            choices = ", ".join(option.metadata["choices"])
            if about or choices:
                lines.append("# " + (f"{about} ({choices})" if about and choices else about or choices))
            if option.name in chosen:
                lines.append(f"{option.name} = {literal(chosen[option.name])}")
            else:
                default = option.default if option.default is not MISSING else (
                    option.default_factory() if option.default_factory is not MISSING else "")
                lines.append(f"#{option.name} = {literal(default)}")
    return "\n".join(lines) + "\n"
