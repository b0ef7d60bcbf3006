# SPDX-License-Identifier: MIT OR Apache-2.0
"""The picture that the engine's tests paint over, its mask, and how near two pictures are."""

from __future__ import annotations

import numpy as np

SIDE = 64
CANVAS = (SIDE, SIDE)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)


def picture() -> np.ndarray:
    """A smooth opaque picture with something in it."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    rgb = np.stack([x, y, 0.5 + 0.5 * np.sin(9 * (x + y))], -1)
    return np.concatenate([(rgb * 255).astype(np.uint8), np.full((*CANVAS, 1), 255, np.uint8)], -1)


def mask() -> np.ndarray:
    """White where it is painted anew, along the borders of latent pixels."""
    values = np.zeros((*CANVAS, 4), np.uint8)
    values[..., 3] = 255
    values[16:48, 24:64, :3] = 255
    return values
