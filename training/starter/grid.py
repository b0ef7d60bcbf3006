# SPDX-License-Identifier: MIT OR Apache-2.0
"""Contact sheets of sprites as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

BACKGROUND = (88, 104, 124, 255)


def save_grid(path: Path, rows: Sequence[np.ndarray], columns: int, scale: int = 4,
              labels: Sequence[str] | None = None) -> None:
    """Writes sprites [n, h, w, 4] of each row of `rows` in lines of `columns`."""
    sprites = [s for row in rows for s in padded(row, columns)]
    side = sprites[0].shape[0] * scale + 4
    line = side + (12 if labels else 0)
    sheet = Image.new("RGBA", (columns * side, -(-len(sprites) // columns) * line), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for i, pixels in enumerate(sprites):
        x, y = i % columns * side, i // columns * line
        tile = Image.fromarray(pixels).resize((side - 4, side - 4), Image.Resampling.NEAREST)
        sheet.alpha_composite(tile, (x + 2, y + 2))
        if labels and i < len(labels):
            draw.text((x + 2, y + side - 2), labels[i][: side // 6], fill="white")
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.convert("RGB").save(path)


def padded(row: np.ndarray, columns: int) -> list[np.ndarray]:
    """A row filled up to whole lines with empty sprites."""
    missing = -len(row) % columns
    return [*row, *[np.zeros_like(row[0])] * missing]
