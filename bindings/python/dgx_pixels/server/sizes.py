# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the sizes of other services mean here.

Up to the side that the model is made for, and at most 256, they are sprite pixels.  Larger ones are the
whole enlargement of the largest such sprite that divides them.
"""

from __future__ import annotations

SPRITE = 256
LIMIT = 4096
COLORS = 32  # of a picture for a client that cannot say how many: what it gets is finished all the same


def split(width: int, height: int, most: int = SPRITE) -> tuple[int, int, int] | None:
    """(sprite width, sprite height, scale), or None when no sprite divides them."""
    for scale in range(1, LIMIT // 8 + 1):
        if width % scale == 0 and height % scale == 0 and max(width, height) // scale <= most:
            return (width // scale, height // scale, scale) if min(width, height) // scale >= 8 else None
    return None


def nearest(width: int, height: int, most: int = SPRITE) -> tuple[int, int]:
    """The nearest size that split() takes."""
    width, height = min(max(width, 8), LIMIT), min(max(height, 8), LIMIT)
    # Multiples of the smallest scale that fits both are always allowed.
    scale = -(-max(width, height) // most)
    sides = [max(8, round(side / scale)) * scale for side in (width, height)]
    return sides[0], sides[1]


def explain(width: int, height: int, most: int = SPRITE) -> str:
    near = nearest(width, height, most)
    return (f"{width}x{height} is no size here: up to {most} it is sprite pixels, above a whole "
            f"enlargement of such a sprite (at least 8 pixels a side); the nearest is {near[0]}x{near[1]}")
