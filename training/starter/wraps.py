# SPDX-License-Identifier: MIT OR Apache-2.0
"""Tiles that wrap: which sprites do, and the UNet as `--tiling xy` runs it while it is trained on them.

Painted wrapped round, a network that only ever saw borders of zeros loses what it counted from them: bricks became
textures.  So some batches hold tiles alone, rolled by any number of pixels, and every convolution goes on at the
opposite edge.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

SEAM = 2.0  # looked at: bricks and carved stones stay below, shores begin at 2.2


def seam(pixels: np.ndarray) -> float:
    """The step across the opposite edges of [h, w, 4], by the largest between two lines inside; the worse axis."""
    colour = pixels[..., :3].astype(np.float32)
    worst = 0.0
    for axis in (0, 1):
        inside = np.abs(np.diff(colour, axis=axis)).mean((1 - axis, 2))
        across = np.abs(colour.take(0, axis) - colour.take(-1, axis)).mean()
        worst = max(worst, float(across / max(inside.max(), 1)))
    return worst


def does(kind: str, pixels: np.ndarray) -> bool:
    return kind == "tile" and bool((pixels[..., 3] > 0).all()) and seam(pixels) <= SEAM


def rolled(x: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    """Pictures [n, c, h, w] moved round by `by` [n, 2] (down, right)."""
    n, c, h, w = x.shape
    rows = (torch.arange(h, device=x.device) - by[:, :1]) % h
    columns = (torch.arange(w, device=x.device) - by[:, 1:]) % w
    x = x.gather(2, rows[:, None, :, None].expand(n, c, h, w))
    return x.gather(3, columns[:, None, None, :].expand(n, c, h, w))


@contextmanager
def wrapped(unet: torch.nn.Module, on: bool) -> Iterator[None]:
    """Within it every convolution that pads goes on at the opposite edge."""
    padding = [m for m in unet.modules() if isinstance(m, torch.nn.Conv2d) and tuple(m.padding) != (0, 0)] if on else []
    for module in padding:
        module.padding_mode = "circular"
    try:
        yield
    finally:
        for module in padding:
            module.padding_mode = "zeros"
