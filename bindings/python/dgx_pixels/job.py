# SPDX-License-Identifier: MIT OR Apache-2.0
"""What to paint: a request, and the pictures beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from ctypes import byref, c_void_p
from dataclasses import dataclass
from typing import Any

from . import _abi
from ._lowlevel import Handle, choices, lib, params, path_bytes, text_bytes
from ._settings import NAMES, REFINES, JobFields, JobOptions
from .image import Image, ImageLike

__all__ = ["BuiltJob", "Job", "JobOptions"]
PICTURES = ("init", "mask")


class BuiltJob(Handle):
    """A dgxp_job."""

    _free = "dgxp_job_free"


def _plain(name: str, value: Any) -> Any:
    """A keyword's value as a request has it."""
    if name == "loras" and isinstance(value, Mapping):
        value = value.items()
    if name == "loras":
        return [dict(lora) if isinstance(lora, Mapping) else {"name": os.fspath(lora[0]), "weight": lora[1]}
                for lora in value]
    if name in ("sampler", "schedule", "spacing", "tiling") and isinstance(value, int):
        return {number: known for known, number in choices(name).items()}.get(value, value)
    if name == "fields":
        return dict(value)
    return value


@dataclass(frozen=True)
class Job(JobFields):
    """One picture to paint.  `prompt` is the subject when a `kind` is given, else the whole prompt.

    Everything else is a keyword (docs/settings.md): seed, size, steps, negative_prompt, loras …; `init` and
    `mask` are pictures.  The library checks all of it when the job meets its model.
    """

    asked: Mapping[str, Any] | None = None
    folder: str | os.PathLike[str] | None = None

    @classmethod
    def of(cls, asked: Mapping[str, Any], *, init: ImageLike | None = None, mask: ImageLike | None = None,
           folder: str | os.PathLike[str] | None = None, **options: Any) -> Job:
        """From a request or a recipe as it stands; `options` are laid over it.

        Paths in it begin at `folder`; `init` and `mask` take the place of those that it names.
        """
        return cls(asked=asked, init=init, mask=mask, folder=folder, **options)

    def request(self) -> dict[str, Any]:
        """The request in JSON's terms, without the pictures beside it."""
        made = dict(self.asked or {})
        if self.kind is not None:
            made["kind"] = self.kind
        if self.prompt is not None:
            text_bytes(self.prompt)
            refined = any(getattr(self, name) for name in REFINES)
            made["subject" if refined else "prompt"] = self.prompt
        for name in NAMES:
            value = getattr(self, name)
            if value is not None and name not in PICTURES:
                made[name] = _plain(name, value)
        return made

    def build(self, model: int) -> BuiltJob:
        """The C job for a model's handle."""
        out = c_void_p()
        beside: dict[str, Any] = {name: Image.of(value) for name in PICTURES
                                  if (value := getattr(self, name)) is not None}
        options = params(_abi.dgxp_request_params, folder=path_bytes(self.folder) if self.folder else None,
                         **{name: image.handle for name, image in beside.items()})
        lib.dgxp_job_request(model, json.dumps(self.request()).encode(), byref(options), byref(out))
        return BuiltJob(out.value)
