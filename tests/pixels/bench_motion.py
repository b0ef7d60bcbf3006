# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a frame of a motion costs beside writing it as a PNG, in one run on CC0 sprites.

    DGXP_TEST_DATA=… python tests/pixels/bench_motion.py --build build/release [--sprites 20]
"""

from __future__ import annotations

import argparse
import io
import os
import pathlib
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/python"), str(ROOT / "bindings/python")]


def best(*works: Callable[[], object]) -> list[float]:
    """Seconds of this thread's processor time for each, the least of seven in turn: other programs only make
    it more."""
    least = [float("inf")] * len(works)
    for _ in range(7):
        for index, work in enumerate(works):
            began = time.thread_time()
            work()
            least[index] = min(least[index], time.thread_time() - began)
    return least


def write_ours(images: list[Any]) -> None:
    for image in images:
        image.encode()


def write_pillows(arrays: list[np.ndarray]) -> None:
    for array in arrays:
        Image.fromarray(array).save(io.BytesIO(), "PNG")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--sprites", type=int, default=20)
    words = parser.parse_args()
    os.environ["DGX_PIXELS_LIBRARY"] = str(words.build.resolve() / "lib/libdgxpixels.so")
    from test_motion import sprites

    import dgx_pixels

    ours, pillows, normals = [], [], []
    frames = 0
    for _, pixels in sprites(words.sprites):
        sprite = dgx_pixels.Image.of(np.ascontiguousarray(pixels))
        sheet = dgx_pixels.motion(sprite, "all").sheet
        images = [sheet[index] for index in range(len(sheet))]
        arrays = [np.asarray(image) for image in images]
        moved, written, pillow, normal = best(
            partial(dgx_pixels.motion, sprite, "all"), partial(write_ours, images),
            partial(write_pillows, arrays), partial(dgx_pixels.normal, sprite))
        normals.append(normal)
        ours.append(moved / written)
        pillows.append(moved / pillow)
        frames += len(sheet)
    print(f"{frames} frames of {len(ours)} sprites, median and worst of the sprites")
    print(f"a frame / its PNG by this library: {statistics.median(ours):.2f}, {max(ours):.2f}")
    print(f"a frame / its PNG by Pillow:       {statistics.median(pillows):.2f}, {max(pillows):.2f}")
    print(f"a normal map: {1e3 * statistics.median(normals):.2f} ms, {1e3 * max(normals):.2f} ms")


if __name__ == "__main__":
    main()
