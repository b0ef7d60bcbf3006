# SPDX-License-Identifier: MIT OR Apache-2.0
"""Adapters: reading them, and merging them into a model for more than one job.

A single job wears adapters with `generate(…, loras={"pixel-style": 0.8})`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ctypes import byref, c_void_p
from typing import Any

from . import _abi
from ._lowlevel import Handle, document, lib, path_bytes
from .model import Model


class Lora(Handle):
    """An adapter file, read and checked.  Any number of threads may use one."""

    _free = "dgxp_lora_free"

    def __init__(self, name_or_path: str | os.PathLike[str], model: Model | None = None) -> None:
        """A path, or a name found in the models folders' `loras/` and then in the model's own."""
        out = c_void_p()
        lib.dgxp_lora_load(path_bytes(name_or_path), model, byref(out))
        super().__init__(out.value)

    @property
    def info(self) -> dict[str, Any]:
        """Kind, base, ranks, modules by component, alpha, trigger words, training metadata."""
        made: dict[str, Any] = document(lib.dgxp_lora_describe, self)
        return made


def lora_info(name_or_path: str | os.PathLike[str]) -> dict[str, Any]:
    """What an adapter file is; needs no model and no torch."""
    with Lora(name_or_path) as lora:
        return lora.info


def set_loras(model: Model, loras: Mapping[Lora, float] | None = None, *,
              partial: bool = False) -> dict[str, Any]:
    """Merge adapters into a model's weights, in place of those set before; none restores every byte.

    Strict: an adapter of which a part fits nowhere is refused, unless `partial`.  Returns the report.
    """
    uses = list((loras or {}).items())
    table = (_abi.dgxp_lora_use * len(uses))()
    for row, (lora, weight) in zip(table, uses, strict=True):
        row.lora, row.unet, row.text_1, row.text_2 = lora.handle, weight, weight, weight
    made: dict[str, Any] = document(lib.dgxp_model_set_loras, model, table, len(uses), int(partial))
    return made
