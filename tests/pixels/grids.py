# SPDX-License-Identifier: MIT OR Apache-2.0
"""Grid recovery through ctypes, for evaluate.py and bench_peers.py."""

from __future__ import annotations

import ctypes
import time

import numpy as np
from library import Library


class Params(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("width", ctypes.c_int32),
                ("height", ctypes.c_int32), ("cell_width", ctypes.c_double),
                ("cell_height", ctypes.c_double), ("prior", ctypes.c_double),
                ("non_square", ctypes.c_int32), ("snap", ctypes.c_int32),
                ("straight", ctypes.c_int32), ("at_border", ctypes.c_int32)]


class Candidate(ctypes.Structure):
    _fields_ = [("cell", ctypes.c_double), ("score", ctypes.c_double)]


class Info(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("kind", ctypes.c_int32),
                ("width", ctypes.c_int32), ("height", ctypes.c_int32),
                ("cell_width", ctypes.c_double), ("cell_height", ctypes.c_double),
                ("offset_x", ctypes.c_double), ("offset_y", ctypes.c_double),
                ("confidence", ctypes.c_double), ("bent", ctypes.c_int32),
                ("candidate_count", ctypes.c_int32), ("candidates", Candidate * 4)]


class Downscale(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("rule", ctypes.c_int32),
                ("detail", ctypes.c_double), ("alpha_threshold", ctypes.c_int32),
                ("soft_alpha", ctypes.c_int32)]


RULES = {"median": 1, "center": 2, "dominant": 3, "k-centroid": 4, "detail": 5}


class Grids(Library):
    def recover(self, pixels: np.ndarray, rule: str | None = None, beside: np.ndarray | None = None,
                **wanted: float) -> tuple[np.ndarray, Info, float]:
        """(sprite, what was found, seconds of this thread's processor without conversions).

        With `beside`, the sprite is that picture's, by the grid of `pixels`.
        """
        image, other = self.image(pixels), self.image(pixels if beside is None else beside)
        grid, sprite, info = ctypes.c_void_p(), ctypes.c_void_p(), Info(ctypes.sizeof(Info))
        params = Params(ctypes.sizeof(Params), **wanted)
        reduce = Downscale(ctypes.sizeof(Downscale), RULES[rule] if rule else 0)
        began = time.thread_time()
        self.check(self.lib.dgxp_grid_detect(image, ctypes.byref(params), ctypes.byref(grid)))
        self.check(self.lib.dgxp_downscale(other, grid, ctypes.byref(reduce), ctypes.byref(sprite)))
        spent = time.thread_time() - began
        self.check(self.lib.dgxp_grid_describe(grid, ctypes.byref(info)))
        out = self.pixels(sprite)
        for picture in (image, other, sprite):
            self.free(picture)
        self.lib.dgxp_grid_free(grid)
        return out, info, spent
