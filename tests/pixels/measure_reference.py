# SPDX-License-Identifier: MIT OR Apache-2.0
"""Where hand-made sprites lie: percentiles of the quality report's figures over the CC0 set.

usage: DGXP_TEST_DATA=FOLDER measure_reference.py [--build FOLDER] [--sprites N]
The 90th percentiles of orphans and jaggies stand in src/image/quality.h.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from art import cc0
from library import Library

SOURCES = ("crawl-cc0", "dungeontileset2", "grafxkid-slices", "kenney-raw", "superpowers",
           "rpgicons496", "cdogs", "cordon")
FIGURES = ("orphans", "jaggies", "mixels", "outline", "subject_share", "main_share", "colors",
           "near_duplicates")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=Path("build/release"))
    parser.add_argument("--sprites", type=int, default=1500)
    args = parser.parse_args()
    library = Library(next(p for p in (args.build / "lib/libdgxpixels.so",
                                       args.build / "libdgxpixels.so") if p.exists()))
    sprites = cc0(args.sprites, 1, SOURCES, 16)
    if not sprites:
        print("DGXP_TEST_DATA is not set or holds no sprites: nothing measured", file=sys.stderr)
        return 1
    rows, scores, passed = [], [], 0
    for _, sprite in sprites:
        report = library.quality(sprite)
        # Tiles fill their square: the figures of outlines are about sprites.
        if report["metrics"]["subject_share"]["value"] < .9:
            rows.append([report["metrics"][name]["value"] for name in FIGURES])
            scores.append(report["score"])
            passed += report["pass"]
    print(f"{len(rows)} sprites (of {len(sprites)}; the others fill their square)")
    print(f"score p10/p50 {np.percentile(scores, 10):.1f}/{np.percentile(scores, 50):.1f}, "
          f"pass {passed / len(rows):.3f}")
    for name, column in zip(FIGURES, np.array(rows).T):
        p = np.percentile(column, [10, 50, 90, 95, 99])
        print(f"{name:16} p10 {p[0]:.4f}  p50 {p[1]:.4f}  p90 {p[2]:.4f}  p95 {p[3]:.4f}  "
              f"p99 {p[4]:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
