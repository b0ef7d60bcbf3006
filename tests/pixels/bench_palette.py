# SPDX-License-Identifier: MIT OR Apache-2.0
"""Quantisers side by side on sprites recovered from a soft canvas: error, recall, time.

usage: bench_palette.py [--build FOLDER] [--scenes N] [--bars]
Error is the mean OKLab distance to the true sprite, recall the share of true colors that have an
output color within 0.03, `self` the error to the quantiser's own input.  The last table is the art
as it was drawn, with all its colors (sprites of more than 16): there `self` has bars.  With --bars it
fails when ours misses them (.015 at K=16, .008 at K=32) or exceeds K anywhere.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from art import cc0, delta, oklab, procedural, recovered, scenes
from library import Library

Method = Callable[[np.ndarray, int], tuple[np.ndarray, float]]
BARS = {16: .015, 32: .008}


def by_library(library: Library, rgba: np.ndarray, k: int, method: int) -> tuple[np.ndarray, float]:
    image = library.image(rgba)
    start = time.perf_counter()
    palette = library.extract(image, k, method)
    out = library.quantize(image, palette)
    elapsed = time.perf_counter() - start
    library.lib.dgxp_palette_free(palette)
    library.free(image)
    return out, elapsed


def by_pillow(rgba: np.ndarray, k: int, method: Image.Quantize, rounds: int) -> tuple[np.ndarray, float]:
    """Only the opaque pixels, as one row: a background would take a color away from Pillow."""
    opaque = rgba[..., 3] >= 128
    row = Image.fromarray(np.ascontiguousarray(rgba[opaque][None, :, :3]))
    start = time.perf_counter()
    small = row.quantize(k, method, rounds, dither=Image.Dither.NONE).convert("RGB")
    elapsed = time.perf_counter() - start
    out = np.zeros_like(rgba)
    out[opaque, :3] = np.array(small)[0]
    out[opaque, 3] = 255
    return out, elapsed


def count_colors(rgba: np.ndarray) -> int:
    return len(np.unique(rgba[rgba[..., 3] >= 128][:, :3], axis=0))


def compare(title: str, cases: list[tuple[np.ndarray, np.ndarray]], methods: dict[str, Method],
            counts: tuple[int, ...], bars: dict[int, float]) -> list[tuple[str, str, str, int, bool]]:
    """One table; returns (scenes, K, text, count, missed) of ours.

    The text is error / recall / error to its own input.
    """
    rows = []
    print(f"\n{len(cases)} scenes {title}: error / recall / self / ms")
    for name, method in methods.items():
        cells = []
        for k in counts:
            mean = np.mean([measure_case(*case, k, method, name) for case in cases], 0)
            cells.append(f"k={k} {mean[0]:.4f}/{mean[1]:.2f}/{mean[2]:.4f}/{mean[3]:.1f}")
            if name.startswith("ours"):
                text = f"{mean[0]:.4f}/{mean[1]:.2f}/{mean[2]:.4f}"
                rows.append((title, f"K={k}", text, len(cases), bool(mean[2] > bars.get(k, 1))))
        print(f"{name:22} " + "   ".join(cells))
    return rows


def measure_case(truth: np.ndarray, rgba: np.ndarray, k: int, method: Method,
            name: str) -> tuple[float, float, float, float]:
    out, elapsed = method(rgba, k)
    opaque = truth[..., 3] >= 128
    colors = np.unique(out[opaque][:, :3], axis=0)
    true = np.unique(truth[opaque][:, :3], axis=0)
    assert len(colors) <= k, (name, k, len(colors))
    apart = np.sqrt(((oklab(true)[:, None] - oklab(colors)[None]) ** 2).sum(-1))
    return (float(delta(out[opaque], truth[opaque]).mean()), float((apart.min(1) < .03).mean()),
            float(delta(out[opaque], rgba[opaque]).mean()), elapsed * 1e3)


def measure(library: Library, count: int) -> list[tuple[str, str, str, int, bool]]:
    """Prints the tables; returns what compare() does."""
    methods: dict[str, Method] = {
        "ours (OKLab)": lambda rgba, k: by_library(library, rgba, k, 0),
        "libimagequant 1": lambda rgba, k: by_library(library, rgba, k, 1),
        "PIL median cut": lambda rgba, k: by_pillow(rgba, k, Image.Quantize.MEDIANCUT, 0),
        "PIL max coverage": lambda rgba, k: by_pillow(rgba, k, Image.Quantize.MAXCOVERAGE, 0),
        "PIL fast octree": lambda rgba, k: by_pillow(rgba, k, Image.Quantize.FASTOCTREE, 0),
        "PIL median cut+kmeans": lambda rgba, k: by_pillow(rgba, k, Image.Quantize.MEDIANCUT, 10),
    }
    rows = []
    for size in (64, 96):
        cases = []
        for index, truth in enumerate(scenes(size, count)):
            rgb = recovered(np.where(truth[..., 3:] >= 128, truth[..., :3], 128), index)
            cases.append((truth, np.dstack([rgb, truth[..., 3]])))
        rows += compare(f"{size}x{size}, recovered from a soft canvas", cases, methods, (8, 16, 32), {})
    drawn = [procedural(i, 64) for i in range(count)]
    drawn += [sprite for _, sprite in cc0(count * 8, 3) if count_colors(sprite) > 16]
    rows += compare("as drawn", [(art, art) for art in drawn], methods, (16, 32), BARS)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=Path("build/release"))
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--bars", action="store_true")
    args = parser.parse_args()
    rows = measure(Library(args.build / "lib/libdgxpixels.so"), args.scenes)
    return bool(args.bars and any(row[-1] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
