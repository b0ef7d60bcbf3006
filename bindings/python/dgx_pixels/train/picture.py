# SPDX-License-Identifier: MIT OR Apache-2.0
"""Contact sheets: sprites in rows, enlarged by whole pixels, with words below and coloured frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import PIL.Image
import PIL.ImageDraw

from .dataset import Pixels
from .files import written

BACKGROUND = (88, 104, 124, 255)
LINE = 12  # pixels a line of words
COLOURS = {"error": "#ff5050", "warning": "#ffd040"}


@dataclass(frozen=True)
class Tile:
    pixels: Pixels
    words: tuple[str, ...] = ()
    mark: str = ""  # a severity


def write(path: Path, tiles: Sequence[Tile], columns: int, side: int = 132) -> None:
    """Each picture in a square of `side`; larger ones are made smaller."""
    lines = max((len(t.words) for t in tiles), default=0)
    width, height = side + 8, side + 8 + LINE * lines
    rows = -(-len(tiles) // columns)
    sheet = PIL.Image.new("RGBA", (columns * width, max(1, rows) * height), BACKGROUND)
    draw = PIL.ImageDraw.Draw(sheet)
    for i, tile in enumerate(tiles):
        x, y = i % columns * width, i // columns * height
        if tile.pixels.size:
            picture = PIL.Image.fromarray(tile.pixels)
            factor = side // max(picture.size)
            if factor:
                picture = picture.resize((picture.width * factor, picture.height * factor),
                                         PIL.Image.Resampling.NEAREST)
            else:
                picture.thumbnail((side, side))
            sheet.alpha_composite(picture, (x + 4 + (side - picture.width) // 2,
                                            y + 4 + (side - picture.height) // 2))
        if tile.mark:
            draw.rectangle((x + 1, y + 1, x + width - 3, y + side + 6), outline=COLOURS[tile.mark], width=2)
        for n, words in enumerate(tile.words):
            draw.text((x + 4, y + side + 6 + LINE * n), words[:side // 6],
                      fill=COLOURS.get(tile.mark, "white"))
    with written(path) as part:
        sheet.convert("RGB").save(part, format="PNG")
