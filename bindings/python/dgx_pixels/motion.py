# SPDX-License-Identifier: MIT OR Apache-2.0
"""A still sprite moves, comes in other colors and takes light, by its own pixels.  No model, no torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from ctypes import byref, c_void_p
from dataclasses import dataclass
from typing import Any

from . import _abi
from ._lowlevel import choice, document, lib, params, path_bytes, take_document, text_bytes
from .image import Image, ImageLike
from .sheet import Sheet


@dataclass(frozen=True)
class Moved:
    """What motion() made: the frames with a tag a motion, and the document of dgxp_motion()."""

    sheet: Sheet
    report: dict[str, Any]

    def _repr_png_(self) -> bytes:
        return self.sheet._repr_png_()


def motion(sprite: ImageLike, motions: str | Sequence[str] = "idle", *, facing: str | int | None = None,
           folder: str | os.PathLike[str] | None = None, keep_canvas: bool = False,
           **fields: int) -> Moved:
    """Animate a finished sprite: "idle", "walk", "hit", "death" … or the paths of your own.

    "all" is every motion that this sprite can do.  `facing` is "front", "back", "right" or "left"; the
    rest are the fields of dgxp_motion_params: `frames`, `reach`, `speed`, `seed`.
    """
    names = motions if isinstance(motions, str) else ",".join(motions)
    options = params(_abi.dgxp_motion_params, motions=text_bytes(names), facing=choice("facing", facing),
                     folder=path_bytes(folder) if folder is not None else None,
                     keep_canvas=int(keep_canvas), **fields)
    report, out = c_void_p(), c_void_p()
    lib.dgxp_motion(Image.of(sprite), byref(options), byref(report), byref(out))
    return Moved(Sheet._of(out.value), take_document(report))


def list_motions(folder: str | os.PathLike[str] | None = None) -> list[dict[str, Any]]:
    """The motions there are: name, help, frames, ms, grounded, loops, area."""
    found: list[dict[str, Any]] = document(
        lib.dgxp_list_motions, path_bytes(folder) if folder is not None else None)
    return found


@dataclass(frozen=True)
class Recolored:
    """What recolor() made, and its ramps (the document of dgxp_recolor())."""

    image: Image
    report: dict[str, Any]

    def _repr_png_(self) -> bytes:
        return self.image.preview()


def recolor(sprite: ImageLike, map: str | dict[str, str] | None = None, *, variant: int = 0,
            keep_skin: bool = False, move_outline: bool = False) -> Recolored:
    """A colorway: ramps by name or color ({"red": "blue"}), or `variant` 1, 2 … of the whole sprite."""
    text = ",".join(f"{a}={b}" for a, b in map.items()) if isinstance(map, dict) else map
    options = params(_abi.dgxp_recolor_params, variant=variant, keep_skin=int(keep_skin),
                     move_outline=int(move_outline), map=text_bytes(text))
    report, out = c_void_p(), c_void_p()
    lib.dgxp_recolor(Image.of(sprite), byref(options), byref(report), byref(out))
    return Recolored(Image._of(out.value), take_document(report))


@dataclass(frozen=True)
class NormalMap:
    """What normal() made: `image` has R x, G y, B z, and the document of dgxp_normal()."""

    image: Image
    report: dict[str, Any]

    def _repr_png_(self) -> bytes:
        return self.image.preview()


def normal(sprite: ImageLike, *, strength: int = 0, no_shading: bool = False, y_down: bool = False) -> NormalMap:
    """A normal map of a finished sprite, for lights in 2D: by its outline, its flat faces and its shading.

    `strength` is percent (100); `y_down` for engines whose green points downwards.
    """
    options = params(_abi.dgxp_normal_params, strength=strength, no_shading=int(no_shading),
                     y_down=int(y_down))
    report, out = c_void_p(), c_void_p()
    lib.dgxp_normal(Image.of(sprite), byref(options), byref(report), byref(out))
    return NormalMap(Image._of(out.value), take_document(report))


def normals(sheet: Sheet, *, strength: int = 0, no_shading: bool = False, y_down: bool = False) -> Sheet:
    """The same of every frame, with the sheet's names, durations, tags and slices."""
    options = params(_abi.dgxp_normal_params, strength=strength, no_shading=int(no_shading),
                     y_down=int(y_down))
    out = c_void_p()
    lib.dgxp_sheet_normal(sheet, byref(options), byref(out))
    return Sheet._of(out.value)
