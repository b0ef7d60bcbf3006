# SPDX-License-Identifier: MIT OR Apache-2.0
"""The body of POST /api/v1/generate.  Made by scripts/make_settings.py from src/diffusion/setting.c; do not edit."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from .schema import (Asked, Background, Canvases, Fields, Hex, Loras, LoraUses, ModelName, Number,
                     Picture, Prompt, Size, Slug, Text, Whole, Words)


class GenerateBody(Asked):
    """What to paint: `prompt`, or `kind` and `subject`; everything else has the model's own default.

    A recipe is a request: post it as it stands.  With a kind and no subject `prompt` is the subject.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, json_schema_extra={
        "examples": [{"prompt": "knight sprite", "style": "16bit"},
                     {"subject": "medieval knight", "kind": "character", "size": "32x32", "seed": 7}]})

    kind: Slug | None = Field(
        None, description="a preset: character, monster, item, tile, icon, effect … with the subject")
    subject: Prompt | None = Field(
        None, description="what the preset paints: \"medieval knight\"")
    style: Slug | None = Field(
        None, description="with a kind: 8bit, 16bit, 32bit, gameboy, nes, 1bit")
    speed: Slug | None = Field(
        None, description="with a kind: fast, balanced, quality")
    view: Slug | None = Field(
        None, description="with a kind: front, side, back, three-quarter, top-down")
    facing: Slug | None = Field(
        None, description="with a kind: south (to the viewer), south-east, east … eight of them")
    outline: Slug | None = Field(
        None, description="with a kind: none, black, colored, inner")
    shading: Slug | None = Field(
        None, description="with a kind: flat, simple, soft, dithered")
    detail: Slug | None = Field(
        None, description="with a kind: low, medium, high")
    isometric: Slug | None = Field(
        None, description="with a kind: no, yes")
    fields: Fields | None = Field(
        None, description="with a kind: fields of presets of your own, {\"name\": \"value\"}")
    prompt: Words = Field(
        None, description="the whole prompt in A1111's grammar: (word:1.2), [word], BREAK, <lora:NAME:0.8>", validate_default=True)
    negative_prompt: Text | None = Field(
        None, description="what should not be there")
    seed: Whole | None = Field(
        None, description="the same seed paints the same picture; one is drawn when it is not given", ge=0, le=9007199254740975)
    canvas: Canvases | None = Field(
        None, description="what the model paints, for experts")
    size: Size | None = Field(
        None, description="sprite pixels that come out")
    steps: Whole | None = Field(
        None, description="how often the picture is refined; the model's own when it is not given", ge=1, le=200)
    guidance: Number | None = Field(
        None, description="how strictly the words are followed; 1 or less ignores the negative prompt and "
        "is twice as fast", ge=0, le=100)
    guidance_rescale: Number | None = Field(
        None, description="against burnt colours", ge=0, le=1)
    cfg_start: Number | None = Field(
        None, description="guidance begins after this share of the steps: 0.2 leaves the first ones to the "
        "words alone", ge=0, le=1)
    cfg_stop: Number | None = Field(
        None, description="guidance ends after this share of the steps: 0.6 saves 20 %", ge=0, le=1)
    sampler: Literal["auto", "euler", "euler-a", "dpmpp-2m", "dpmpp-2m-sde", "ddim", "lcm", "tcd"] | None = Field(
        None, description="how a step is made of the model's answer")
    schedule: Literal["auto", "normal", "karras", "exponential"] | None = Field(
        None, description="how the noise falls from step to step")
    spacing: Literal["auto", "leading", "trailing", "linspace"] | None = Field(
        None, description="which of the training's steps are taken")
    tiling: Literal["none", "x", "y", "xy"] | None = Field(
        None, description="along which axes the picture goes on at the other side")
    temperature: Number | None = Field(
        None, description="below 1 surfaces come out smoother", ge=0, le=1)
    eta: Number | None = Field(
        None, description="noise of ddim and tcd", ge=0, le=1)
    best_of: Whole | None = Field(
        None, description="paint so many candidates, each of a seed of its own, and keep the one that the "
        "quality report likes best", ge=1, le=16)
    panel: Number | None = Field(
        None, description="the picture is a frame that is stretched in nine parts: how much of a side each "
        "border takes", ge=0, le=0.49)
    init: Picture | None = Field(
        None, description="the picture to start from")
    strength: Number | None = Field(
        None, description="with init: 0 keeps it, 1 ignores it", ge=0, le=1)
    mask: Picture | None = Field(
        None, description="with init: white is painted anew, black stays")
    palette: str | list[Hex] | dict[str, Any] | None = Field(
        None, description="these colors and no others: a built-in palette's name, or a file")
    colors: Whole | None = Field(
        None, description="at most so many colors, found in the picture", ge=1, le=256)
    background: Background | None = Field(
        None, description="what becomes transparent: auto, keep, #rrggbb")
    as_painted: bool | None = Field(
        None, description="no palette, matte and clean-up: only size and hard alpha", strict=True)
    finish: dict[str, Any] | None = Field(
        None, description="the pixel steps after painting, over the preset's or the model's own: "
        "{\"palette\": \"pico-8\"} …")
    lora: Loras | None = Field(
        None, description="adapters as people write them: NAME:WEIGHT, or NAME:WEIGHT:TEXT_WEIGHT, and a "
        "comma")
    loras: LoraUses | None = Field(
        None, description="adapters: [{\"name\": \"style\", \"weight\": 0.8}]; \"unet\" and \"text\" where the parts "
        "differ")
    parity: bool | None = Field(
        None, description="diffusers' rule for '!', for comparisons only", strict=True)
    format: Any = Field(
        None, description="told by recipes: the recipe's format")
    version: Any = Field(
        None, description="told by recipes: of the library")
    unread: Any = Field(
        None, description="told by recipes: words of the prompt that the model was never shown, and what "
        "they may be slips of")
    embeddings: Any = Field(
        None, description="told by recipes: the textual inversions that the prompts name")
    init_pixels: Any = Field(
        None, description="told by recipes: init's SHA-256")
    mask_pixels: Any = Field(
        None, description="told by recipes: mask's SHA-256")
    model: ModelName = Field(None, description="as /api/v1/models lists them; a recipe's own is not looked at")
    batch: Any = Field(
        None, description="told by recipes: its place in its call")
    chosen: Any = Field(
        None, description="told by recipes: of how many candidates it is the best, and its quality")
    count: Whole = Field(1, ge=1, le=16, description="pictures, with seeds seed, seed+1, …")
