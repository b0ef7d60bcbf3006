# SPDX-License-Identifier: MIT OR Apache-2.0
"""The library's pixel steps for measurements, by ctypes, without the Python package."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from typing import Any

import numpy as np


class _Palette(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("colors", ctypes.c_int32),
                ("colors_max", ctypes.c_int32), ("method", ctypes.c_int32),
                ("merge", ctypes.c_float)]


class _Matte(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("background", ctypes.c_int32),
                ("color", ctypes.c_uint32), ("tolerance", ctypes.c_float),
                ("keep_holes", ctypes.c_int32), ("keep_specks", ctypes.c_int32),
                ("keep_fringe", ctypes.c_int32), ("open_holes", ctypes.c_int32)]


class Library:
    def __init__(self, path: Path) -> None:
        self.lib = ctypes.CDLL(str(path))
        for name in ("last_error", "image_pixels", "palette_colors", "document_text"):
            getattr(self.lib, f"dgxp_{name}").restype = ctypes.c_void_p

    def check(self, status: int) -> None:
        if status:
            text = ctypes.string_at(self.lib.dgxp_last_error()).decode()
            raise RuntimeError(f"status {status}: {text}")

    def image(self, pixels: np.ndarray) -> ctypes.c_void_p:
        """A dgxp_image of RGB or RGBA bytes; give it to free()."""
        if pixels.shape[2] == 3:
            pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
        data = np.ascontiguousarray(pixels, np.uint8)
        out = ctypes.c_void_p()
        self.check(self.lib.dgxp_image_create(data.shape[1], data.shape[0],
                                              data.ctypes.data_as(ctypes.c_void_p),
                                              ctypes.byref(out)))
        return out

    def pixels(self, image: ctypes.c_void_p) -> np.ndarray:
        width, height = self.lib.dgxp_image_width(image), self.lib.dgxp_image_height(image)
        raw = ctypes.string_at(self.lib.dgxp_image_pixels(image), width * height * 4)
        return np.frombuffer(raw, np.uint8).reshape(height, width, 4).copy()

    def free(self, image: ctypes.c_void_p) -> None:
        self.lib.dgxp_image_free(image)

    def extract(self, image: ctypes.c_void_p, colors: int, method: int = 0,
                merge: float = 0) -> ctypes.c_void_p:
        params = _Palette(ctypes.sizeof(_Palette), colors, 0, method, merge)
        out = ctypes.c_void_p()
        self.check(self.lib.dgxp_palette_extract(image, ctypes.byref(params), ctypes.byref(out)))
        return out

    def load(self, name: str) -> ctypes.c_void_p:
        out = ctypes.c_void_p()
        self.check(self.lib.dgxp_palette_load(name.encode(), ctypes.byref(out)))
        return out

    def colors(self, palette: ctypes.c_void_p) -> np.ndarray:
        count = self.lib.dgxp_palette_count(palette)
        raw = ctypes.string_at(self.lib.dgxp_palette_colors(palette), count * 4)
        return np.frombuffer(raw, np.uint8).reshape(count, 4).copy()

    def quantize(self, image: ctypes.c_void_p, palette: ctypes.c_void_p) -> np.ndarray:
        out = ctypes.c_void_p()
        self.check(self.lib.dgxp_quantize(image, palette, None, ctypes.byref(out)))
        pixels = self.pixels(out)
        self.free(out)
        return pixels

    def matte(self, pixels: np.ndarray, **settings: Any) -> np.ndarray:
        params = _Matte(ctypes.sizeof(_Matte), **settings)
        image, out = self.image(pixels), ctypes.c_void_p()
        self.check(self.lib.dgxp_matte(image, ctypes.byref(params), None, ctypes.byref(out)))
        result = self.pixels(out)
        self.free(image)
        self.free(out)
        return result

    def quality(self, pixels: np.ndarray) -> dict[str, Any]:
        image, out = self.image(pixels), ctypes.c_void_p()
        array = (ctypes.c_void_p * 1)(image)
        self.check(self.lib.dgxp_quality(array, 1, None, ctypes.byref(out)))
        report = json.loads(ctypes.string_at(self.lib.dgxp_document_text(out)))
        self.lib.dgxp_document_free(out)
        self.free(image)
        assert isinstance(report, dict)
        return report
