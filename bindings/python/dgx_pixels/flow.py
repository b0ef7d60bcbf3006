# SPDX-License-Identifier: MIT OR Apache-2.0
"""Several pictures that belong together, and pictures painted again: workflows and recipes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from ctypes import byref, c_void_p
from dataclasses import dataclass
from typing import Any

from . import _abi
from ._lowlevel import document, lib, params, path_bytes, take_document, text_bytes
from .errors import Cancelled, DgxPixelsError
from .image import Image, ImageLike
from .model import Cancel, Model, ProgressLike, Reporter, interruptible, show_progress


def load_workflow(path: str | os.PathLike[str], values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A workflow file, a ComfyUI graph or a PNG of ComfyUI's, its {placeholders} filled from `values`.

    A value that is no placeholder changes the request's field of that name.  Needs no model.
    """
    given = json.dumps(dict(values)).encode() if values else None
    made: dict[str, Any] = document(lib.dgxp_workflow_load, path_bytes(path), given)
    return made


def run_workflow(model: Model, workflow: Mapping[str, Any], output: str | os.PathLike[str], *,
                 name: str | None = None, progress: ProgressLike = False,
                 cancel: Cancel | None = None) -> dict[str, Any]:
    """Carry out a filled workflow: {"kind": "sprite" | "animation" | "tileset" | "batch", "request", …}.

    Files go into the folder `output`, called `name` or by the subject.  Returns {"files": [paths], …}.
    Ctrl-C stops within a step.
    """
    reporter = Reporter(show_progress() if progress is True else progress or None)
    token = cancel or Cancel()
    options = params(_abi.dgxp_workflow_params, output=path_bytes(output), name=text_bytes(name),
                     progress=reporter.callback, cancel=token.handle)
    out = c_void_p()
    with model._use() as handle, interruptible(token):
        try:
            lib.dgxp_workflow_run(handle, json.dumps(dict(workflow)).encode(), byref(options), byref(out))
        except Cancelled:
            if reporter.error is None:
                raise
    if reporter.error is not None:
        raise reporter.error
    made: dict[str, Any] = take_document(out)
    return made


@dataclass(frozen=True)
class Again:
    """What regen() made, and what differs here: {"recipe", "differs", "notes"}."""

    image: Image
    report: dict[str, Any]

    def _repr_png_(self) -> bytes:
        return self.image.preview()


def regen(model: Model, image: ImageLike, *, changes: Mapping[str, Any] | None = None, force: bool = False,
          init: ImageLike | None = None, mask: ImageLike | None = None, progress: ProgressLike = False,
          cancel: Cancel | None = None) -> Again:
    """Paint a picture again from its recipe: the same pixels, or with `changes` ({"seed": 8}) others.

    Hashes of weights, LoRAs and pictures are compared first: a Mismatch names what differs, unless `force`.
    """
    reporter = Reporter(show_progress() if progress is True else progress or None)
    token = cancel or Cancel()
    pictures = [Image.of(picture) if picture is not None else None for picture in (init, mask)]
    options = params(_abi.dgxp_regen_params, force=int(force),
                     changes=json.dumps(dict(changes)).encode() if changes else None,
                     init=pictures[0].handle if pictures[0] else None,
                     mask=pictures[1].handle if pictures[1] else None,
                     progress=reporter.callback, cancel=token.handle)
    report, out = c_void_p(), c_void_p()
    told: dict[str, Any] = {}
    with model._use() as handle, interruptible(token):
        try:
            lib.dgxp_regen(handle, Image.of(image), byref(options), byref(report), byref(out))
        except DgxPixelsError as error:
            if not (reporter.error and isinstance(error, Cancelled)):
                raise
        finally:
            if report.value:
                told = take_document(report)
    if reporter.error is not None:
        raise reporter.error
    return Again(Image._of(out.value), told)
