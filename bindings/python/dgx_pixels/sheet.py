# SPDX-License-Identifier: MIT OR Apache-2.0
"""Sprite sheets, animations and tilesets."""

from __future__ import annotations

import os
from collections.abc import Iterable
from ctypes import byref, c_double, c_void_p
from dataclasses import dataclass
from typing import Any

from . import _abi
from ._lowlevel import Handle, choice, choices, lib, params, path_bytes, take_bytes, text_bytes
from .image import Image, ImageLike


@dataclass(frozen=True)
class Tag:
    """A named run of frames, `first` and `last` included; `repeat` 0 plays for ever."""

    name: str
    first: int
    last: int
    direction: str = "forward"
    repeat: int = 0


@dataclass(frozen=True)
class Slice:
    """A named part of every frame, in its pixels; `center` is a 9-slice's middle (x, y, w, h)."""

    name: str
    x: int
    y: int
    width: int
    height: int
    center: tuple[int, int, int, int] | None = None
    pivot: tuple[int, int] | None = None


@dataclass(frozen=True)
class Place:
    """Where a frame lies on an atlas, and where that part sits in the whole frame; pixels."""

    x: int
    y: int
    width: int
    height: int
    source_x: int
    source_y: int
    source_width: int
    source_height: int


class Atlas(Handle):
    """A sheet's frames on one picture: `image`, and `places` in the order of the frames."""

    _free = "dgxp_atlas_free"

    def __init__(self, pointer: int | None, sheet: Sheet) -> None:
        super().__init__(pointer)
        self._sheet = sheet

    @property
    def image(self) -> Image:
        return Image._of(lib.dgxp_atlas_image(self.handle), self)

    @property
    def places(self) -> list[Place]:
        found = []
        for index in range(len(self._sheet)):
            place = params(_abi.dgxp_place)
            lib.dgxp_atlas_place(self.handle, index, byref(place))
            found.append(Place(place.x, place.y, place.width, place.height, place.source_x,
                               place.source_y, place.source_width, place.source_height))
        return found

    def describe(self, format: str | int = "aseprite-array", image: str = "sheet.png") -> str:
        """The text for an engine: "aseprite-array", "aseprite-hash", "tsj", "tsx", "ldtk", "bevy-ron".

        `image` is the picture's path as the text should name it.
        """
        return take_bytes(lib.dgxp_atlas_describe, self.handle, self._sheet.handle,
                          choice("atlas_format", format), text_bytes(image)).decode()

    def save(self, path: str | os.PathLike[str], format: str | int = "aseprite-array") -> None:
        """Write the picture to `path` (.png) and its description beside it (.json, .tsx, …)."""
        suffix = {"tsj": ".tsj", "tsx": ".tsx", "ldtk": ".ldtk.json", "bevy-ron": ".assets.ron"}
        names = {value: name for name, value in choices("atlas_format").items()}
        kind = names.get(choice("atlas_format", format), "")
        picture = os.fspath(path)
        text = self.describe(format, os.path.basename(picture))
        self.image.save(picture)
        with open(os.path.splitext(picture)[0] + suffix.get(kind, ".json"), "w") as file:
            file.write(text)


class Sheet(Handle):
    """Frames in order, tags over them and slices on them; `len(sheet)` counts frames."""

    _free = "dgxp_sheet_free"

    def __init__(self, frames: Iterable[ImageLike] = (), *, duration: int = 0) -> None:
        """`duration` of each frame in milliseconds; 0 is 100."""
        out = c_void_p()
        lib.dgxp_sheet_create(byref(out))
        super().__init__(out.value)
        for frame in frames:
            self.add(frame, duration=duration)

    @classmethod
    def _of(cls, pointer: int | None) -> Sheet:
        sheet = cls.__new__(cls)
        Handle.__init__(sheet, pointer)
        return sheet

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Sheet:
        """Read an .aseprite, GIF, APNG or PNG file, told by content."""
        out = c_void_p()
        lib.dgxp_sheet_load(path_bytes(path), byref(out))
        return cls._of(out.value)

    @classmethod
    def decode(cls, data: bytes) -> Sheet:
        out = c_void_p()
        lib.dgxp_sheet_decode(data, len(data), byref(out))
        return cls._of(out.value)

    @classmethod
    def load_sequence(cls, path: str | os.PathLike[str], *, duration: int = 0) -> Sheet:
        """The numbered PNGs that `path` ("walk_003.png") belongs to, or all PNGs of a folder."""
        out = c_void_p()
        lib.dgxp_sheet_load_sequence(path_bytes(path), duration, byref(out))
        return cls._of(out.value)

    @classmethod
    def cut(cls, image: ImageLike, *, align: str | int | None = None, **fields: int) -> Sheet:
        """Cut a picture into frames: by cells when `cell_width`, `columns` … are given, else by pieces.

        `align` is "auto", "feet", "center" or "none"; the rest are the fields of dgxp_cut_params.
        """
        options = params(_abi.dgxp_cut_params, align=choice("align", align), **fields)
        out = c_void_p()
        lib.dgxp_sheet_cut(Image.of(image), byref(options), byref(out))
        return cls._of(out.value)

    @classmethod
    def autotile(cls, inside: ImageLike, outside: ImageLike | None = None, *,
                 kind: str | int | None = None, edge: ImageLike | None = None,
                 **fields: int) -> Sheet:
        """A whole autotile set ("blob": 47 tiles, "corner": 16) of two seamless textures.

        `outside` None is transparent; the rest are the fields of dgxp_autotile_params.
        """
        line = Image.of(edge) if edge is not None else None
        options = params(_abi.dgxp_autotile_params, kind=choice("tileset", kind),
                         edge=line.handle if line else None, **fields)
        ground = Image.of(outside) if outside is not None else None
        out = c_void_p()
        lib.dgxp_autotile(Image.of(inside), ground.handle if ground else None, byref(options),
                          byref(out))
        return cls._of(out.value)

    def check_autotile(self) -> tuple[float, float]:
        """(mean, worst) step across the seams relative to inside the tiles; mean <= 1.2 is good."""
        mean, worst = c_double(), c_double()
        lib.dgxp_autotile_check(self.handle, byref(mean), byref(worst))
        return mean.value, worst.value

    def add(self, image: ImageLike, name: str | None = None, *, duration: int = 0) -> None:
        """Append a copy of a picture."""
        lib.dgxp_sheet_add_frame(self.handle, Image.of(image), text_bytes(name), duration)

    def add_tag(self, name: str, first: int, last: int, direction: str | int = "forward",
                repeat: int = 0) -> None:
        """Name a run of frames that are there already."""
        tag = params(_abi.dgxp_tag, **{"from": first, "to": last, "repeat": repeat},
                     direction=choice("direction", direction), name=text_bytes(name))
        lib.dgxp_sheet_add_tag(self.handle, byref(tag))

    def add_slice(self, slice: Slice) -> None:
        center, pivot = slice.center or (0, 0, 0, 0), slice.pivot or (0, 0)
        made = params(
            _abi.dgxp_slice, x=slice.x, y=slice.y, width=slice.width, height=slice.height,
            center_x=center[0], center_y=center[1], center_width=center[2], center_height=center[3],
            has_pivot=int(slice.pivot is not None), pivot_x=pivot[0], pivot_y=pivot[1],
            name=text_bytes(slice.name))
        lib.dgxp_sheet_add_slice(self.handle, byref(made))

    def __len__(self) -> int:
        return int(lib.dgxp_sheet_frame_count(self.handle))

    def __getitem__(self, index: int) -> Image:
        """The picture of a frame; it belongs to the sheet."""
        count = len(self)
        if not -count <= index < count:
            raise IndexError(f"frame {index} of {count}")
        return Image._of(lib.dgxp_sheet_frame(self.handle, index % count), self)

    @property
    def frames(self) -> list[Image]:
        return [self[i] for i in range(len(self))]

    @property
    def names(self) -> list[str]:
        return [lib.dgxp_sheet_frame_name(self.handle, i).decode() for i in range(len(self))]

    @property
    def durations(self) -> list[int]:
        """Milliseconds of each frame."""
        return [lib.dgxp_sheet_frame_duration(self.handle, i) for i in range(len(self))]

    @property
    def tags(self) -> list[Tag]:
        names = {value: name for name, value in choices("direction").items()}
        found = []
        for index in range(lib.dgxp_sheet_tag_count(self.handle)):
            tag = params(_abi.dgxp_tag)
            lib.dgxp_sheet_tag(self.handle, index, byref(tag))
            found.append(Tag(tag.name.decode(), getattr(tag, "from"), tag.to, names[tag.direction],
                             tag.repeat))
        return found

    @property
    def slices(self) -> list[Slice]:
        found = []
        for index in range(lib.dgxp_sheet_slice_count(self.handle)):
            got = params(_abi.dgxp_slice)
            lib.dgxp_sheet_slice(self.handle, index, byref(got))
            center = (got.center_x, got.center_y, got.center_width, got.center_height)
            found.append(Slice(got.name.decode(), got.x, got.y, got.width, got.height,
                               center if got.center_width else None,
                               (got.pivot_x, got.pivot_y) if got.has_pivot else None))
        return found

    def pack(self, *, layout: str | int | None = None, **fields: int) -> Atlas:
        """All frames on one picture; "grid" or "packed", the rest are dgxp_pack_params' fields."""
        options = params(_abi.dgxp_pack_params, layout=choice("layout", layout), **fields)
        out = c_void_p()
        lib.dgxp_sheet_pack(self.handle, byref(options), byref(out))
        return Atlas(out.value, self)

    def contact(self, **fields: int) -> Image:
        """A picture for people: every frame enlarged, with its index (dgxp_contact_params)."""
        options = params(_abi.dgxp_contact_params, **fields)
        out = c_void_p()
        lib.dgxp_sheet_contact(self.handle, byref(options), byref(out))
        return Image._of(out.value)

    def save(self, path: str | os.PathLike[str], **fields: Any) -> None:
        """Write all frames as one animation: .aseprite, .ase, .png or .apng (dgxp_sheet_params)."""
        options = params(_abi.dgxp_sheet_params, **fields)
        lib.dgxp_sheet_save(self.handle, path_bytes(path), byref(options))

    def encode(self, format: str | int, **fields: Any) -> bytes:
        """The same into memory; `format` is "aseprite" or "apng"."""
        options = params(_abi.dgxp_sheet_params, format=choice("sheet_format", format), **fields)
        return take_bytes(lib.dgxp_sheet_encode, self.handle, byref(options))

    def _repr_png_(self) -> bytes:
        return self.contact().encode(strip_text=True)

    def __repr__(self) -> str:
        return "<Sheet, closed>" if self.closed else f"<Sheet of {len(self)} frames>"
