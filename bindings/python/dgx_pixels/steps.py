# SPDX-License-Identifier: MIT OR Apache-2.0
"""The steps of fix() one by one, for pictures that want them in another order.  No model, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import byref, c_double, c_float, c_int32, c_void_p
from typing import Any

from . import _abi
from ._lowlevel import Handle, choice, lib, params
from .fixing import _color, _step
from .image import Image, ImageLike


class Grid(Handle):
    """The cells of a picture.  Grid.detect() finds them."""

    _free = "dgxp_grid_free"

    @classmethod
    def detect(cls, images: ImageLike | Sequence[ImageLike], **fields: Any) -> Grid:
        """Of one picture, or one grid for all frames of an animation.

        `fields` are those of dgxp_grid_params: `cell_width`, `width`, `at_border` …
        """
        options, out = params(_abi.dgxp_grid_params, **fields), c_void_p()
        if isinstance(images, (list, tuple)):
            frames = [Image.of(image) for image in images]
            table = (c_void_p * len(frames))(*(frame.handle for frame in frames))
            lib.dgxp_grid_detect_frames(table, len(frames), byref(options), byref(out))
        else:
            lib.dgxp_grid_detect(Image.of(images), byref(options), byref(out))  # type: ignore[arg-type]
        return cls(out.value)

    @property
    def info(self) -> dict[str, Any]:
        """Width and height in cells, a cell's size and offset in pixels, confidence, runners-up."""
        told = params(_abi.dgxp_grid_info)
        lib.dgxp_grid_describe(self, byref(told))
        names = [field[0] for field in _abi.dgxp_grid_info._fields_ if field[0] not in ("struct_size", "candidates")]
        return {**{name: getattr(told, name) for name in names}, "candidates": [
            {"cell": row.cell, "score": row.score} for row in told.candidates[:told.candidate_count]]}

    def downscale(self, image: ImageLike, *, rule: str | int | None = None) -> Image:
        """One pixel a cell."""
        options, out = params(_abi.dgxp_downscale_params, rule=choice("cell_rule", rule)), c_void_p()
        lib.dgxp_downscale(Image.of(image), self, byref(options), byref(out))
        return Image._of(out.value)

    def residual(self, image: ImageLike, sprite: ImageLike) -> float:
        """How far the picture is from its sprite enlarged: mean OKLab distance, below 0.03 good."""
        out = c_double()
        lib.dgxp_grid_residual(Image.of(image), self, Image.of(sprite), byref(out))
        return out.value


def _fields(struct: Any) -> dict[str, Any]:
    return {field[0]: getattr(struct, field[0]) for field in struct._fields_ if field[0] != "struct_size"}


def matte(image: ImageLike, *, background: str = "auto", **fields: Any) -> tuple[Image, dict[str, Any]]:
    """Take the background out: "auto", "keep" or "#rrggbb"; and what was found (dgxp_matte_report)."""
    given = {"background": choice("background", background)} if not background.startswith("#") else {
        "background": choice("background", "color"), "color": _color(background)}
    report, out = params(_abi.dgxp_matte_report), c_void_p()
    options = params(_abi.dgxp_matte_params, **{**given, **fields})
    lib.dgxp_matte(Image.of(image), byref(options), byref(report), byref(out))
    return Image._of(out.value), _fields(report)


def remove_orphans(image: ImageLike, distance: float = 0.0) -> tuple[Image, int]:
    """Lone pixels take their neighbours' color; and how many did."""
    changed, out = c_int32(), c_void_p()
    lib.dgxp_cleanup_orphans(Image.of(image), c_float(distance), byref(changed), byref(out))
    return Image._of(out.value), changed.value


def remove_jaggies(image: ImageLike) -> tuple[Image, int]:
    """Doubled corners of thin dark lines go; and how many did."""
    changed, out = c_int32(), c_void_p()
    lib.dgxp_cleanup_jaggies(Image.of(image), byref(changed), byref(out))
    return Image._of(out.value), changed.value


def outline(image: ImageLike, **fields: Any) -> tuple[Image, int]:
    """A line around the subject; the fields of dgxp_outline_params, `kind` by name."""
    changed, out = c_int32(), c_void_p()
    lib.dgxp_cleanup_outline(Image.of(image), _step(_abi.dgxp_outline_params, fields, kind="outline"),
                             byref(changed), byref(out))
    return Image._of(out.value), changed.value


def trim(image: ImageLike, **fields: Any) -> tuple[Image, dict[str, Any]]:
    """Cut empty borders off; and where the pivot is (dgxp_trim_report)."""
    report, out = params(_abi.dgxp_trim_report), c_void_p()
    lib.dgxp_cleanup_trim(Image.of(image), _step(_abi.dgxp_trim_params, fields, pivot="pivot"), byref(report),
                          byref(out))
    return Image._of(out.value), _fields(report)
