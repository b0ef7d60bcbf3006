# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the sizes of other services mean here.

Up to 256 a side they are sprite pixels.  Larger ones are the whole enlargement of the largest sprite of at
most 256 pixels a side that divides them.
"""

from __future__ import annotations

SPRITE = 256
LIMIT = 4096


def split(width: int, height: int) -> tuple[int, int, int] | None:
    """(sprite width, sprite height, scale), or None when no sprite divides them."""
    for scale in range(1, LIMIT // 8 + 1):
        if width % scale == 0 and height % scale == 0 and max(width, height) // scale <= SPRITE:
            return (width // scale, height // scale, scale) if min(width, height) // scale >= 8 else None
    return None


def nearest(width: int, height: int) -> tuple[int, int]:
    """The nearest size that split() takes."""
    width, height = min(max(width, 8), LIMIT), min(max(height, 8), LIMIT)
    # Multiples of the smallest scale that fits both are always allowed.
    scale = -(-max(width, height) // SPRITE)
    sides = [max(8, round(side / scale)) * scale for side in (width, height)]
    return sides[0], sides[1]


def explain(width: int, height: int) -> str:
    near = nearest(width, height)
    return (f"{width}x{height} is no size here: up to {SPRITE} it is sprite pixels, above a whole "
            f"enlargement of such a sprite (at least 8 pixels a side); the nearest is {near[0]}x{near[1]}")
