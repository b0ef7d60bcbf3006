# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes the pictures of docs/motion.md of CC0 sprites: motions, colorways, normal maps.

    DGXP_TEST_DATA=… python docs/img/motions.py --build build/release [--to docs/img]
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from collections.abc import Sequence

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/python"), str(ROOT / "bindings/python")]
GROUND = (60, 60, 70)
MOTIONS = ["idle", "bob", "float", "hop", "walk", "run", "hit", "squash", "sway", "spin", "attack", "cast",
           "death", "collapse", "dissolve", "appear", "turn-quarter", "turn"]


def place(cells: Sequence[np.ndarray], size: int, room: int = 0) -> np.ndarray:
    """Sprites side by side in squares of `size`, enlarged so that the first takes `room` of it."""
    row = np.full((size, size * len(cells), 3), GROUND, np.uint8)
    for index, cell in enumerate(cells):
        scale = max(1, (room or size - 2) // max(cells[0].shape[:2]))
        large = cell.repeat(scale, 0).repeat(scale, 1).astype(float)
        aside, above = max(0, large.shape[1] - size), max(0, large.shape[0] - size)
        large = large[above:, aside // 2:large.shape[1] - aside + aside // 2]
        height, width = large.shape[:2]
        top, left = size - height, index * size + (size - width) // 2
        part = row[top:top + height, left:left + width]
        alpha = large[..., 3:] / 255
        part[...] = part * (1 - alpha) + large[..., :3] * alpha
    return row


def save(rows: list[np.ndarray], path: pathlib.Path, columns: int = 1) -> None:
    while len(rows) % columns:
        rows.append(np.full_like(rows[0], GROUND))
    picture = np.concatenate([np.concatenate(rows[i::columns]) for i in range(columns)], 1)
    Image.fromarray(picture).quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path, picture.shape[1], "x", picture.shape[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--to", type=pathlib.Path, default=ROOT / "docs/img")
    words = parser.parse_args()
    os.environ["DGX_PIXELS_LIBRARY"] = str(words.build.resolve() / "lib/libdgxpixels.so")
    from test_motion import sprites

    from dgx_pixels import motion, normal, recolor

    found = [np.ascontiguousarray(sprite) for _, sprite in sprites(24)]
    ten = [found[i] for i in (0, 3, 4, 5, 6, 13, 14, 21, 22, 23)]
    rows = []
    for sprite in ten:
        cells = [sprite]
        for name in MOTIONS:
            sheet = motion(sprite, name).sheet
            frames = [np.asarray(sheet[i]) for i in range(len(sheet))]
            away = [int((frame != frames[0]).any(2).sum()) for frame in frames]
            cells.append(frames[int(np.argsort(away)[len(away) * 2 // 3])])  # one that shows it
        rows.append(place(cells, 84, 64))
    save(rows, words.to / "motions.png")
    save([place([s, *(np.asarray(recolor(s, variant=i).image) for i in range(1, 9))], 48) for s in found[:20]],
         words.to / "colorways.png", 2)
    rows = []
    for sprite in ten:
        map_ = np.asarray(normal(sprite).image)
        surface = (map_[..., :3].astype(float) - 128) / 127
        cells = [sprite, map_]
        for light in ((-0.8, 0.3, 0.5), (0.8, 0.3, 0.5)):
            lit = sprite.copy()
            strength = np.clip(surface @ (np.array(light) / np.linalg.norm(light)), 0, 1)[..., None]
            lit[..., :3] = np.clip(sprite[..., :3] * (0.25 + 1.1 * strength), 0, 255)
            cells.append(lit)
        rows.append(place(cells, 66))
    save(rows, words.to / "normal.png", 2)


if __name__ == "__main__":
    main()
