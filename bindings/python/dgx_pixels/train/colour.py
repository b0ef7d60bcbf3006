# SPDX-License-Identifier: MIT OR Apache-2.0
"""OKLab, in which equal distances look equal (Ottosson 2020), as the library measures colours."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dataset import Pixels

NEAR = 0.02  # closer colours count as near duplicates in the quality report
TO_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                   [0.0883024619, 0.2817188376, 0.6299787005]])
TO_LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                   [0.0259040371, 0.7827717662, -0.8086757660]])


def oklab(rgb: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """[..., 3] of 0..255 sRGB to L, a, b."""
    x = rgb / 255.0
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    made: np.ndarray[Any, np.dtype[np.float64]] = np.cbrt(linear @ TO_LMS.T) @ TO_LAB.T
    return made


def distinct(pixels: Pixels) -> list[tuple[int, int, int]]:
    """The opaque colours, without those that a more frequent one looks like."""
    opaque = pixels[pixels[..., 3] >= 128][:, :3]
    values, counts = np.unique(opaque, axis=0, return_counts=True)
    kept: list[int] = []
    lab = oklab(values)
    for i in np.argsort(-counts, kind="stable"):
        if all(np.linalg.norm(lab[i] - lab[j]) >= NEAR for j in kept):
            kept.append(int(i))
    return [(int(r), int(g), int(b)) for r, g, b in values[kept]]
