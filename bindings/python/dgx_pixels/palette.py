# SPDX-License-Identifier: MIT OR Apache-2.0
"""Palettes: up to 256 colors in order."""

from __future__ import annotations

import ctypes
import html
import os
from collections.abc import Iterable, Iterator, Sequence
from ctypes import byref, c_int32, c_void_p
from typing import Union

from . import _abi
from ._lowlevel import Handle, choice, lib, params, path_bytes, take_bytes
from .image import Image, ImageLike

Color = tuple[int, int, int, int]  # R G B A, 0..255 each
# What every function that wants a palette takes: one, a name or file, or colors.
PaletteLike = Union["Palette", str, "os.PathLike[str]", Sequence[str | Sequence[int]]]


def _rgba(color: str | Sequence[int]) -> Color:
    if isinstance(color, str):
        digits = color.removeprefix("#")
        if len(digits) not in (6, 8):
            raise ValueError(f"'{color}' is no color: write '#RRGGBB' or '#RRGGBBAA'")
        color = list(bytes.fromhex(digits))
    if len(color) not in (3, 4) or not all(0 <= part <= 255 for part in color):
        raise ValueError(f"{color!r} is no color: give 3 or 4 numbers from 0 to 255")
    return color[0], color[1], color[2], color[3] if len(color) == 4 else 255


class Palette(Handle):
    """Up to 256 different colors in order; at most one is transparent.

    `len(p)`, `p[0]` and `for r, g, b, a in p` work; colors are (R, G, B, A), 0..255.
    """

    _free = "dgxp_palette_free"

    def __init__(self, colors: Iterable[str | Sequence[int]]) -> None:
        """Colors are "#RRGGBB" or (R, G, B); repeated ones are kept once."""
        rows = [_rgba(color) for color in colors]
        flat = (ctypes.c_uint8 * (4 * len(rows)))(*(part for row in rows for part in row))
        out = c_void_p()
        lib.dgxp_palette_create(flat, len(rows), byref(out))
        super().__init__(out.value)

    @classmethod
    def _of(cls, pointer: int | None) -> Palette:
        palette = cls.__new__(cls)
        Handle.__init__(palette, pointer)
        return palette

    @classmethod
    def load(cls, name_or_path: str | os.PathLike[str]) -> Palette:
        """A built-in palette by name ("pico-8") or a .hex, .gpl, .pal, .act, paint.net or PNG file."""
        out = c_void_p()
        lib.dgxp_palette_load(path_bytes(name_or_path), byref(out))
        return cls._of(out.value)

    @classmethod
    def decode(cls, data: bytes) -> Palette:
        """A palette file in memory."""
        out = c_void_p()
        lib.dgxp_palette_decode(data, len(data), byref(out))
        return cls._of(out.value)

    @classmethod
    def of(cls, source: PaletteLike) -> Palette:
        """A Palette of anything like one: a name, a file, a list of colors, a Palette itself."""
        if isinstance(source, Palette):
            return source
        return cls.load(source) if isinstance(source, (str, os.PathLike)) else cls(source)

    @classmethod
    def extract(cls, *images: ImageLike, colors: int | None = None, colors_max: int | None = None,
                method: str | int | None = None, merge: float | None = None) -> Palette:
        """The palette of one picture or of several together, each weighing the same.

        `colors` 1..256 at most; None finds as few as suffice, up to `colors_max` (32).  `merge` is the
        OKLab distance below which colors are one (0.02).
        """
        if not images:
            raise TypeError("extract() wants at least one picture")
        options = params(_abi.dgxp_palette_params, colors=colors, colors_max=colors_max,
                         method=choice("palette_method", method), merge=merge)
        histogram, out = c_void_p(), c_void_p()
        lib.dgxp_histogram_create(byref(histogram))
        try:
            for image in images:
                lib.dgxp_histogram_add(histogram, Image.of(image))
            lib.dgxp_histogram_extract(histogram, byref(options), byref(out))
        finally:
            lib.dgxp_histogram_free(histogram)
        return cls._of(out.value)

    @staticmethod
    def builtins() -> dict[str, str]:
        """The built-in palettes: name and one line with colors, author and licence."""
        count = c_int32()
        rows = lib.dgxp_palette_builtins(byref(count))
        return {rows[i].name.decode(): rows[i].help.decode() for i in range(count.value)}

    @property
    def name(self) -> str:
        return str(lib.dgxp_palette_name(self.handle).decode("utf-8", "replace"))

    @property
    def colors(self) -> list[Color]:
        count = len(self)
        data = lib.dgxp_palette_colors(self.handle)
        flat = [data[i] for i in range(4 * count)]
        return [(flat[i], flat[i + 1], flat[i + 2], flat[i + 3]) for i in range(0, 4 * count, 4)]

    @property
    def hex(self) -> list[str]:
        """["#RRGGBB", …]; a color that is not opaque has its alpha behind."""
        return ["#" + bytes(color[:3] if color[3] == 255 else color).hex() for color in self]

    def quantize(self, image: ImageLike, *, dither: str | int | None = None,
                 strength: float | None = None) -> Image:
        """Every pixel becomes its nearest color (OKLab); alpha becomes 0 or 255.

        `dither` is "bayer2", "bayer4" or "bayer8"; `strength` 0..1.
        """
        options = params(_abi.dgxp_quantize_params, dither=choice("dither", dither), strength=strength)
        out = c_void_p()
        lib.dgxp_quantize(Image.of(image), self.handle, byref(options), byref(out))
        return Image._of(out.value)

    def save(self, path: str | os.PathLike[str], format: str | int | None = None) -> None:
        """Write it; the suffix tells the format unless one of choices("palette_format") is given."""
        lib.dgxp_palette_save(self.handle, path_bytes(path), choice("palette_format", format))

    def encode(self, format: str | int) -> bytes:
        return take_bytes(lib.dgxp_palette_encode, self.handle, choice("palette_format", format))

    def __len__(self) -> int:
        return int(lib.dgxp_palette_count(self.handle))

    def __iter__(self) -> Iterator[Color]:
        return iter(self.colors)

    def __getitem__(self, index: int) -> Color:
        return self.colors[index]

    def __eq__(self, other: object) -> bool:
        """The same colors in the same order."""
        return self.colors == other.colors if isinstance(other, Palette) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if self.closed:
            return "<Palette, closed>"
        return f"<Palette {self.name or 'unnamed'}, {len(self)} colors>"

    def _repr_html_(self) -> str:
        """What Jupyter shows: a row of squares."""
        squares = "".join(
            f'<span title="{color}" style="display:inline-block;width:20px;height:20px;'
            f'background:{color}"></span>' for color in self.hex)
        return f"<div>{squares}<div>{html.escape(repr(self)[1:-1])}</div></div>"
