# SPDX-License-Identifier: MIT OR Apache-2.0
"""Pictures: RGBA, 8 bits, straight alpha, rows top-down."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from ctypes import byref, c_void_p
from typing import TYPE_CHECKING, Any, Union

from . import _abi
from ._lowlevel import Handle, document, lib, params, path_bytes, take_bytes, text_bytes
from .errors import NotFound

if TYPE_CHECKING:
    import numpy
    import PIL.Image

# What every function that wants a picture takes.
ImageLike = Union["Image", str, "os.PathLike[str]", bytes, "PIL.Image.Image", "numpy.ndarray[Any, Any]"]


class Image(Handle):
    """A picture with its text metadata: width x height pixels, [height, width, 4] bytes R G B A.

    `numpy.asarray(image)` and `image.pil()` look at the same memory, without a copy.  At most 16,384
    pixels a side.
    """

    _free = "dgxp_image_free"

    def __init__(self, width: int, height: int, rgba: bytes | None = None) -> None:
        """`rgba` has width * height * 4 bytes; None is transparent black."""
        if rgba is not None and len(rgba) != width * height * 4:
            raise ValueError(f"a {width}x{height} image has {width * height * 4} bytes, not {len(rgba)}")
        out = c_void_p()
        data = None if rgba is None else ctypes.cast(ctypes.c_char_p(rgba),
                                                     ctypes.POINTER(ctypes.c_uint8))
        lib.dgxp_image_create(width, height, data, byref(out))
        super().__init__(out.value)

    @classmethod
    def _of(cls, pointer: int | None, owner: object = None) -> Image:
        image = cls.__new__(cls)
        Handle.__init__(image, pointer, owner)
        return image

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Image:
        """Read a PNG file."""
        out = c_void_p()
        lib.dgxp_image_load(path_bytes(path), byref(out))
        return cls._of(out.value)

    @classmethod
    def decode(cls, png: bytes) -> Image:
        """Read a PNG in memory."""
        out = c_void_p()
        lib.dgxp_image_decode(png, len(png), byref(out))
        return cls._of(out.value)

    @classmethod
    def of(cls, source: ImageLike) -> Image:
        """An Image of anything like one: a path, PNG bytes, a PIL image, an array, an Image itself.

        Arrays are uint8 [height, width, 3 or 4] or [height, width] (grey).
        """
        if isinstance(source, Image):
            return source
        if isinstance(source, (str, os.PathLike)):
            return cls.load(source)
        if isinstance(source, (bytes, bytearray, memoryview)):
            return cls.decode(bytes(source))
        if hasattr(source, "convert") and hasattr(source, "tobytes"):  # PIL's
            picture: Any = source
            return cls(picture.width, picture.height, picture.convert("RGBA").tobytes())
        if hasattr(source, "__array_interface__") or hasattr(source, "__array__"):
            return cls._of_array(source)
        raise TypeError(f"{type(source).__name__} is no picture: give a path, PNG bytes, a PIL image "
                        "or a uint8 array [height, width, 4]")

    @classmethod
    def _of_array(cls, source: Any) -> Image:
        import numpy

        array = numpy.asarray(source)
        if array.dtype != numpy.uint8:
            raise TypeError(f"the array holds {array.dtype}, not uint8: scale to 0..255 and convert it")
        if array.ndim == 2:
            array = numpy.repeat(array[:, :, None], 3, axis=2)
        if array.ndim != 3 or array.shape[2] not in (3, 4):
            raise ValueError(f"the array has shape {array.shape}, not [height, width, 3 or 4]")
        if array.shape[2] == 3:
            array = numpy.concatenate([array, numpy.full_like(array[:, :, :1], 255)], axis=2)
        return cls(array.shape[1], array.shape[0], numpy.ascontiguousarray(array).tobytes())

    def copy(self) -> Image:
        out = c_void_p()
        lib.dgxp_image_copy(self.handle, byref(out))
        return Image._of(out.value)

    @property
    def width(self) -> int:
        return int(lib.dgxp_image_width(self.handle))

    @property
    def height(self) -> int:
        return int(lib.dgxp_image_height(self.handle))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.width, self.height

    def _address(self) -> int:
        pixels = lib.dgxp_image_pixels(self.handle)
        return ctypes.cast(pixels, c_void_p).value or 0

    def tobytes(self) -> bytes:
        """A copy of the pixels: height * width * 4 bytes."""
        return ctypes.string_at(self._address(), self.width * self.height * 4)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """For `numpy.asarray(image)`: uint8 [height, width, 4], no copy.

        Do not close the image while the array is in use; the array itself keeps it alive.
        """
        return {"version": 3, "shape": (self.height, self.width, 4), "typestr": "|u1",
                # What belongs to a result is for reading.
                "data": (self._address(), self._owner is not None)}

    def numpy(self) -> numpy.ndarray[Any, Any]:
        """uint8 [height, width, 4] over the same memory."""
        import numpy

        return numpy.asarray(self)

    def pil(self) -> PIL.Image.Image:
        """A PIL image over the same memory; PIL copies it when it is first changed."""
        import PIL.Image

        buffer: Any = (ctypes.c_uint8 * (self.width * self.height * 4)).from_address(self._address())
        buffer._image = self  # keeps the memory as long as PIL keeps the buffer
        return PIL.Image.frombuffer("RGBA", self.size, buffer, "raw", "RGBA", 0, 1)

    @property
    def text(self) -> dict[str, str]:
        """The text metadata, a copy: "parameters" is A1111's, "dgx-pixels" the recipe."""
        keys = [lib.dgxp_image_text_key(self.handle, i)
                for i in range(lib.dgxp_image_text_count(self.handle))]
        return {key.decode("latin-1"): (lib.dgxp_image_text(self.handle, key) or b"").decode(
            "utf-8", "replace") for key in keys}

    @property
    def recipe(self) -> dict[str, Any] | None:
        """How it was painted, from its metadata; None when it does not say."""
        try:
            made: dict[str, Any] = document(lib.dgxp_image_recipe, self.handle)
            return made
        except NotFound:
            return None

    def load_sidecar(self, path: str | os.PathLike[str]) -> None:
        """Give it back the texts that deploy() took out of the PNG at `path`."""
        lib.dgxp_image_load_sidecar(self.handle, path_bytes(path))

    def panel(self, name: str) -> bytes | None:
        """Aseprite's JSON with the nine parts of a panel that will be called `name`; None: it is none."""
        return take_bytes(lib.dgxp_panel_describe, self.handle, path_bytes(name)) or None

    def set_text(self, values: Mapping[str, str | None]) -> None:
        """Replace metadata by key; None removes."""
        for key, value in values.items():
            lib.dgxp_image_set_text(self.handle, key.encode("latin-1"), text_bytes(value))

    def encode(self, *, scale: int = 1, truecolor: bool = False, strip_text: bool = False) -> bytes:
        """A PNG in memory, enlarged by whole pixels; indexed when 256 colors suffice."""
        options = params(_abi.dgxp_png_params, scale=scale, truecolor=int(truecolor),
                         strip_text=int(strip_text))
        return take_bytes(lib.dgxp_image_encode, self.handle, byref(options))

    def save(self, path: str | os.PathLike[str], *, scale: int = 1, truecolor: bool = False,
             strip_text: bool = False) -> None:
        """Write a PNG; the file appears whole or not at all."""
        options = params(_abi.dgxp_png_params, scale=scale, truecolor=int(truecolor),
                         strip_text=int(strip_text))
        lib.dgxp_image_save(self.handle, path_bytes(path), byref(options))

    def preview(self, side: int = 256) -> bytes:
        """A PNG for eyes: enlarged by whole pixels to at most `side` pixels, no metadata."""
        return self.encode(scale=max(1, min(64, side // max(self.size))), strip_text=True)

    def _repr_png_(self) -> bytes:
        """What Jupyter shows: crisp, about 256 pixels."""
        return self.preview()

    def __eq__(self, other: object) -> bool:
        """The same size and the same bytes; metadata does not count."""
        if not isinstance(other, Image):
            return NotImplemented
        return self.size == other.size and self.tobytes() == other.tobytes()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "<Image, closed>" if self.closed else f"<Image {self.width}x{self.height}>"
