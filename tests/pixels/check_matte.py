# SPDX-License-Identifier: MIT OR Apache-2.0
"""The matte against known silhouettes, on sprites recovered from soft and warped canvases.

usage: check_matte.py [--build FOLDER] [--scenes N] [--bars]
accuracy: cells whose alpha is right; left: background kept; eaten: subject removed (both as shares
of what they are); beside: background-colored cells next to transparency.  With --bars it fails
below .995 on magenta and green, .98 on neutral backgrounds, above .5 % eaten (means), or with any
beside.  Canvases are recovered at their true size, so that warped ones need the grid's bent lines;
accuracy holds that to account as well.  What is left or eaten is the matte's own doing: it is told
from the silhouette as the same grid sees it, for a subject of a few cells in an empty picture may
lie one cell off.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from art import cc0, delta, on_background, procedural, soft_canvas
from grids import Grids

BACKGROUNDS = {"magenta": (255, 0, 255), "green": (0, 177, 64), "grey": (128, 128, 128),
               "white": (255, 255, 255), "dark": (40, 44, 70)}
BARS = {"magenta": .995, "green": .995, "grey": .98, "white": .98, "dark": .98}


def beside(alpha: np.ndarray, rgb: np.ndarray, back: tuple[int, int, int]) -> int:
    """Opaque cells within 0.05 of the background that share an edge with transparency."""
    clear = np.pad(alpha == 0, 1)
    touching = clear[:-2, 1:-1] | clear[2:, 1:-1] | clear[1:-1, :-2] | clear[1:-1, 2:]
    near = delta(rgb, np.array(back, np.uint8)) < .05
    return int((touching & near & (alpha > 0)).sum())


def measure(library: Grids, count: int) -> list[tuple[str, str, str, int, bool]]:
    """Prints a line for each row; returns (scenes, background, text, count, missed) of each.

    The text is accuracy / background left / subject eaten.
    """
    sprites = [sprite for _, sprite in cc0(count * 4, 5)]
    cases = {"procedural": [procedural(900 + i, 48, eyes=False) for i in range(count)],
             "cc0": sprites}
    measured = []
    for kind, arts in cases.items():
        for name, color in BACKGROUNDS.items():
            for warp in (0, .25):
                rows = []
                for index, art in enumerate(arts):
                    # A subject of the background's own color cannot be told from it by anyone.
                    art = art.copy()
                    same = (art[..., 3] >= 128) & (delta(art, np.array(color, np.uint8)) < .1)
                    if same.any():
                        continue
                    truth = np.pad(art[..., 3] >= 128, 4)
                    canvas = soft_canvas(on_background(art, color), index, warp=warp)
                    shape = soft_canvas(truth[..., None].repeat(3, 2) * np.uint8(255), index, warp=warp)
                    h, w = truth.shape
                    sprite, _, _ = library.recover(canvas, width=w, height=h)
                    out = library.matte(sprite)
                    got = out[..., 3] > 0
                    assert set(np.unique(out[..., 3])) <= {0, 255}
                    seen = library.recover(canvas, beside=shape, width=w, height=h)[0][..., 0] >= 128
                    rows.append(((got == truth).mean(), (got & ~seen).sum() / (~seen).sum(),
                                 (seen & ~got).sum() / max(1, seen.sum()),
                                 beside(out[..., 3], out[..., :3], color)))
                if not rows:
                    continue
                mean = np.mean(rows, 0)
                bad = mean[3] > 0 or mean[0] < BARS[name] or mean[2] > .005
                print(f"{kind:11} {name:8} warp {warp:4}: {len(rows):3} scenes  accuracy "
                      f"{mean[0]:.4f}  left {mean[1]:.4f}  eaten {mean[2]:.4f}  beside "
                      f"{mean[3]:.2f}{'  MISSED' if bad else ''}")
                text = f"{mean[0]:.4f}/{mean[1]:.4f}/{mean[2]:.4f}"
                group = f"{kind}, {'warped' if warp else 'soft'}"
                measured.append((group, name, text, len(rows), bool(bad)))
    return measured


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=Path("build/release"))
    parser.add_argument("--scenes", type=int, default=16)
    parser.add_argument("--bars", action="store_true")
    args = parser.parse_args()
    rows = measure(Grids(args.build / "lib/libdgxpixels.so"), args.scenes)
    return bool(args.bars and any(row[-1] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
