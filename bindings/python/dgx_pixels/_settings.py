# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a picture can be asked for.  Made by scripts/make_settings.py from src/diffusion/setting.c; do not edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from .image import ImageLike


class JobOptions(TypedDict, total=False):
    """The options of Job, for generate()."""

    style: str | None
    speed: str | None
    view: str | None
    facing: str | None
    outline: str | None
    shading: str | None
    detail: str | None
    isometric: str | None
    fields: Mapping[str, str] | Sequence[tuple[str, str]] | None
    negative_prompt: str | None
    seed: int | None
    canvas: tuple[int, int] | list[int] | int | str | None
    size: tuple[int, int] | list[int] | int | str | None
    steps: int | None
    guidance: float | None
    guidance_rescale: float | None
    cfg_start: float | None
    cfg_stop: float | None
    sampler: str | int | None
    schedule: str | int | None
    spacing: str | int | None
    tiling: str | int | None
    temperature: float | None
    eta: float | None
    best_of: int | None
    panel: float | None
    init: ImageLike | None
    strength: float | None
    mask: ImageLike | None
    palette: str | Sequence[str] | Mapping[str, Any] | None
    colors: int | None
    background: str | None
    as_painted: bool | None
    finish: Mapping[str, Any] | None
    lora: str | None
    loras: Mapping[str, float] | Sequence[tuple[str, float]] | Sequence[Mapping[str, Any]] | None
    parity: bool | None


@dataclass(frozen=True)
class JobFields:
    """Each setting by its name; None is the model's or the preset's own.

    style: with a kind: 8bit, 16bit, 32bit, gameboy, nes, 1bit
    speed: with a kind: fast, balanced, quality
    view: with a kind: front, side, back, three-quarter, top-down
    facing: with a kind: south (to the viewer), south-east, east … eight of them
    outline: with a kind: none, black, colored, inner
    shading: with a kind: flat, simple, soft, dithered
    detail: with a kind: low, medium, high
    isometric: with a kind: no, yes
    fields: with a kind: fields of presets of your own, {"name": "value"}
    negative_prompt: what should not be there
    seed: the same seed paints the same picture; one is drawn when it is not given (0..2^53-1)
    canvas: what the model paints, for experts (1..4096)
    size: sprite pixels that come out (1..4096)
    steps: how often the picture is refined; the model's own when it is not given (1..1000)
    guidance: how strictly the words are followed; 1 or less ignores the negative prompt and is twice as
        fast (0..100)
    guidance_rescale: against burnt colours (0..1)
    cfg_start: guidance begins after this share of the steps: 0.2 leaves the first ones to the words
        alone (0..1)
    cfg_stop: guidance ends after this share of the steps: 0.6 saves 20 % (0..1)
    sampler: how a step is made of the model's answer (auto, euler, euler-a, dpmpp-2m, dpmpp-2m-sde,
        ddim, lcm, tcd)
    schedule: how the noise falls from step to step (auto, normal, karras, exponential)
    spacing: which of the training's steps are taken (auto, leading, trailing, linspace)
    tiling: along which axes the picture goes on at the other side (none, x, y, xy)
    temperature: below 1 surfaces come out smoother (0..1)
    eta: noise of ddim and tcd (0..1)
    best_of: paint so many candidates, each of a seed of its own, and keep the one that the quality
        report likes best (1..64)
    panel: the picture is a frame that is stretched in nine parts: how much of a side each border takes
        (0..0.49)
    init: the picture to start from
    strength: with init: 0 keeps it, 1 ignores it (0..1)
    mask: with init: white is painted anew, black stays
    palette: these colors and no others: a built-in palette's name, or a file
    colors: at most so many colors, found in the picture (1..256)
    background: what becomes transparent: auto, keep, #rrggbb
    as_painted: no palette, matte and clean-up: only size and hard alpha
    finish: the pixel steps after painting, over the preset's or the model's own: {"palette": "pico-8"}
        …
    lora: adapters as people write them: NAME:WEIGHT, or NAME:WEIGHT:TEXT_WEIGHT, and a comma
    loras: adapters: [{"name": "style", "weight": 0.8}]; "unet" and "text" where the parts differ
    parity: diffusers' rule for '!', for comparisons only
    """

    prompt: str | None = None
    kind: str | None = None
    style: str | None = None
    speed: str | None = None
    view: str | None = None
    facing: str | None = None
    outline: str | None = None
    shading: str | None = None
    detail: str | None = None
    isometric: str | None = None
    fields: Mapping[str, str] | Sequence[tuple[str, str]] | None = None
    negative_prompt: str | None = None
    seed: int | None = None
    canvas: tuple[int, int] | list[int] | int | str | None = None
    size: tuple[int, int] | list[int] | int | str | None = None
    steps: int | None = None
    guidance: float | None = None
    guidance_rescale: float | None = None
    cfg_start: float | None = None
    cfg_stop: float | None = None
    sampler: str | int | None = None
    schedule: str | int | None = None
    spacing: str | int | None = None
    tiling: str | int | None = None
    temperature: float | None = None
    eta: float | None = None
    best_of: int | None = None
    panel: float | None = None
    init: ImageLike | None = None
    strength: float | None = None
    mask: ImageLike | None = None
    palette: str | Sequence[str] | Mapping[str, Any] | None = None
    colors: int | None = None
    background: str | None = None
    as_painted: bool | None = None
    finish: Mapping[str, Any] | None = None
    lora: str | None = None
    loras: Mapping[str, float] | Sequence[tuple[str, float]] | Sequence[Mapping[str, Any]] | None = None
    parity: bool | None = None


# In the order of recipes.
NAMES = (
    "style", "speed", "view", "facing", "outline", "shading", "detail", "isometric", "fields",
    "negative_prompt", "seed", "canvas", "size", "steps", "guidance", "guidance_rescale", "cfg_start",
    "cfg_stop", "sampler", "schedule", "spacing", "tiling", "temperature", "eta", "best_of", "panel",
    "init", "strength", "mask", "palette", "colors", "background", "as_painted", "finish", "lora",
    "loras", "parity",
)
# Jobs of one call may differ in these.
VARIES = frozenset((
    "subject", "view", "facing", "outline", "shading", "detail", "isometric", "fields", "prompt",
    "negative_prompt", "seed", "init", "mask", "palette", "colors", "background", "as_painted",
    "finish", "unread", "embeddings", "init_pixels", "mask_pixels", "batch", "chosen",
))
# What recipes tell and nobody asks for.
TOLD = (
    "format", "version", "unread", "embeddings", "init_pixels", "mask_pixels", "model", "batch",
    "chosen",
)
# With one of these what is asked for is a subject, not a whole prompt.
REFINES = ("kind", "style", "speed", "fields", "view", "facing", "outline", "shading", "detail", "isometric")
# An old name, and what it is called now.
RENAMED = {
    "negative": "negative_prompt", "cfg": "guidance", "cfg_scale": "guidance", "width": "size",
    "height": "size", "num_steps": "steps", "scheduler": "schedule", "denoise": "strength",
    "denoising_strength": "strength", "init_image": "init", "mask_image": "mask", "rescale":
    "guidance_rescale",
}
