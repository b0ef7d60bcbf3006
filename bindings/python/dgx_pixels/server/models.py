# SPDX-License-Identifier: MIT OR Apache-2.0
"""Resident models of one device, the least recently used leaving first."""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import model as library
from ..errors import NotFound
from ..model import Model
from . import sizes


def model_names() -> dict[str, dict[str, Any]]:
    """The models that clients may ask for: those in the models folders, by name."""
    # One whose name another has too is told by its path, which clients neither see nor use.
    return {entry["name"]: entry for entry in library.list_models() if "/" not in entry["name"]}


def model_path(name: str | None) -> str | None:
    """Where a listed name lies: a folder of the working folder that is called so is not meant."""
    known = model_names() if name is not None else {}
    return str(known[name]["path"]) if name in known else name


@lru_cache(16)
def described(name: str | None) -> Model:
    """A model without weights, which can say what a job comes to."""
    return Model.load(model_path(name), describe_only=True)


@lru_cache(64)
def sprite_limit(name: str | None) -> int:
    """The largest side of a sprite that other services' clients get from this model: what it is made for.

    Clients that only know 256, 512 and 1024 get that size, enlarged; a larger canvas shows things twice.
    """
    with Model.load(model_path(name), describe_only=True) as model:
        held = max(model.info["canvas"]["native"]) // int(model.info["pixel_scale"])
    return min(int(held), sizes.SPRITE)


class Models:
    """For one worker thread."""

    def __init__(self, device: str | None, default: str | None, memory_limit: int) -> None:
        self.device = device
        self.default = default
        self.memory_limit = memory_limit
        self.resident: OrderedDict[str | None, Model] = OrderedDict()

    def get(self, name: str | None) -> Model:
        """The open model; opens it, and closes others to make room."""
        name = name or self.default
        if name in self.resident:
            self.resident.move_to_end(name)
            return self.resident[name]
        if name is not None and name != self.default and name not in model_names():
            raise NotFound(f"no model '{name}': GET /api/v1/models lists them")
        model = Model.load(model_path(name), device=self.device)
        self.resident[name] = model
        while len(self.resident) > 1 and self._too_much():
            self.resident.popitem(last=False)[1].close()
        return model

    def _too_much(self) -> bool:
        if not self.memory_limit:
            return len(self.resident) > 2
        total = 0
        for model in self.resident.values():
            memory = model.info.get("memory", {})
            total += (memory.get("mapped_mib", 0) + memory.get("host_mib", 0)
                      + memory.get("device_mib", 0)) << 20
        return total > self.memory_limit

    def close(self) -> None:
        for model in self.resident.values():
            model.close()
        self.resident.clear()


def display_name(model: Model) -> str:
    return Path(str(model.info.get("path", "model"))).name
