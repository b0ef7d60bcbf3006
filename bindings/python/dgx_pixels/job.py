# SPDX-License-Identifier: MIT OR Apache-2.0
"""What to paint."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from ctypes import byref, c_char_p, c_void_p
from dataclasses import dataclass
from typing import Any, TypedDict

from . import _abi
from ._lowlevel import Handle, choice, lib, params, text_bytes
from .image import Image, ImageLike


class JobOptions(TypedDict, total=False):
    """The options of Job, for generate()."""

    seed: int | None
    size: tuple[int, int] | None
    canvas: tuple[int, int] | None
    steps: int | None
    guidance: float | None
    guidance_rescale: float | None
    cfg_stop: float | None
    sampler: str | int | None
    schedule: str | int | None
    spacing: str | int | None
    eta: float | None
    temperature: float | None
    negative: str | None
    tiling: str | int | None
    init: ImageLike | None
    strength: float
    mask: ImageLike | None
    style: str | None
    speed: str | None
    fields: Sequence[tuple[str, str]] | Mapping[str, str]
    loras: Sequence[tuple[str, float]] | Mapping[str, float]
    finish: Mapping[str, Any] | None
    as_painted: bool


class BuiltJob(Handle):
    """A dgxp_job."""

    _free = "dgxp_job_free"


@dataclass(frozen=True)
class Job:
    """One picture to paint.  None everywhere means the model's or the preset's own setting.

    prompt    A1111's grammar: (word:1.2), [word], BREAK; the subject when `kind` is given
    kind      a preset: "character", "tile" …
    seed      0..2^53-1; None draws one, told in the recipe
    size      (width, height) of the sprite, in its pixels
    canvas    (width, height) that the model paints; for experts
    steps     1..1000
    guidance  0..100; 1 or less ignores the negative prompt and is twice as fast
    temperature  0..1; below 1 surfaces come out smoother
    sampler, schedule, spacing, tiling   names, as `choices("sampler")` lists them
    negative  what should not be there
    init      a picture to start from; `strength` 0..1 is the share that is painted anew
    mask      white paints anew, black keeps the init picture
    style, speed, fields   a preset's: "16bit", "fast", {"view": "side"}; of kind "character" unless you say one
    loras     adapters by name or path with their weight: {"pixel-style": 0.8}
    finish    pixel steps after painting, over the preset's or the model's own: {"palette": "pico-8"} …
    as_painted   no pixel steps at all: only the size, and hard alpha
    """

    prompt: str
    kind: str | None = None
    seed: int | None = None
    size: tuple[int, int] | None = None
    canvas: tuple[int, int] | None = None
    steps: int | None = None
    guidance: float | None = None
    guidance_rescale: float | None = None
    cfg_stop: float | None = None
    sampler: str | int | None = None
    schedule: str | int | None = None
    spacing: str | int | None = None
    eta: float | None = None
    temperature: float | None = None
    negative: str | None = None
    tiling: str | int | None = None
    init: ImageLike | None = None
    strength: float = 0.75
    mask: ImageLike | None = None
    style: str | None = None
    speed: str | None = None
    fields: Sequence[tuple[str, str]] | Mapping[str, str] = ()
    loras: Sequence[tuple[str, float]] | Mapping[str, float] = ()
    finish: Mapping[str, Any] | None = None
    as_painted: bool = False

    def build(self, model: int) -> BuiltJob:
        """The C job for a model's handle; every setter checks its range at once."""
        out = c_void_p()
        if self.style is not None or self.speed is not None or self.fields:
            self._create_styled(model, out)
        elif self.kind is None:
            lib.dgxp_job_create(text_bytes(self.prompt), byref(out))
        else:
            lib.dgxp_job_create_preset(model, text_bytes(self.kind), text_bytes(self.prompt),
                                       byref(out))
        built = BuiltJob(out.value)
        try:
            self._fill(built.handle)
        except BaseException:
            built.close()
            raise
        return built

    def _create_styled(self, model: int, out: c_void_p) -> None:
        create = lib.dgxp_job_create_styled
        rows = [f"{name}={value}".encode() for name, value in dict(self.fields).items()]
        table = (c_char_p * len(rows))(*rows)
        options = params(
            _abi.dgxp_preset_params, field_count=len(rows), fields=table if rows else None,
            kind=text_bytes(self.kind), subject=text_bytes(self.prompt),
            style=text_bytes(self.style), speed=text_bytes(self.speed))
        create(model, byref(options), byref(out))

    def _fill(self, job: int) -> None:
        plain: dict[str, Any] = {
            "steps": self.steps, "guidance": self.guidance, "guidance_rescale": self.guidance_rescale,
            "cfg_stop": self.cfg_stop, "eta": self.eta, "temperature": self.temperature,
            "negative_prompt": text_bytes(self.negative)}
        for name, value in plain.items():
            if value is not None:
                getattr(lib, f"dgxp_job_set_{name}")(job, value)
        if self.seed is not None:
            if not 0 <= self.seed < 2**53:
                raise ValueError(f"seed {self.seed}: it is 0..2^53-1")
            lib.dgxp_job_set_seed(job, self.seed)
        for name in ("size", "canvas"):
            pair = getattr(self, name)
            if pair is not None:
                getattr(lib, f"dgxp_job_set_{name}")(job, *pair)
        for name in ("sampler", "schedule", "spacing", "tiling"):
            value = getattr(self, name)
            if value is not None:
                getattr(lib, f"dgxp_job_set_{name}")(job, choice(name, value))
        for lora, weight in dict(self.loras).items():
            lib.dgxp_job_add_lora(job, os.fsencode(lora), weight, weight)
        if self.as_painted:
            lib.dgxp_job_set_finish(job, None)
        if self.finish is not None:
            lib.dgxp_job_set_finish(job, json.dumps(dict(self.finish)).encode())
        if self.init is not None:
            lib.dgxp_job_set_init_image(job, Image.of(self.init), self.strength)
        if self.mask is not None:
            lib.dgxp_job_set_mask(job, Image.of(self.mask))
