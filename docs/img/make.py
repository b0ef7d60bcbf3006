# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes the pictures of docs/pixels.md with the tools themselves.

    python docs/img/make.py --build build/release
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests/pixels"))

import art  # noqa: E402
import scenes  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    build = parser.parse_args().build

    def run(*words):
        subprocess.run([build / "bin/dgx-pixels", *map(str, words)], check=True, stdout=subprocess.DEVNULL)

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        canvas, _ = scenes.degrade(np.random.default_rng(5), art.on_background(art.reduce_colors(art.procedural(12, 40), 16), (94, 137, 158), 4), "warp", 8.6)
        Image.fromarray(canvas).save(folder / "painted.png")
        Image.fromarray(canvas).quantize(160, kmeans=2).save(HERE / "fix-before.png", optimize=True)
        steps = {
            "cells": ["--background", "keep", "--colors", "keep"],
            "background": ["--colors", "keep"],
            "palette": ["--colors", "12"],
            "outline": ["--colors", "12", "--outline", "outer"],
        }
        for name, options in steps.items():
            run("fix", folder / "painted.png", "-o", folder / f"{name}.png", "-q", *options)
        run("fix", folder / "painted.png", "-o", HERE / "fix-after.png", "--colors", "12", "--scale", "9", "-q")
        run("sheet", "contact", *(folder / f"{name}.png" for name in steps), "-o", HERE / "fix-steps.png", "--columns", "4", "--scale", "4", "--names")
        rng = np.random.default_rng(3)
        for name, base in (("grass", (78, 140, 66)), ("dirt", (134, 100, 66))):
            noise = (rng.random((16, 16, 1)) < 0.18) * 22
            Image.fromarray((np.array(base) - noise).clip(0, 255).astype(np.uint8)).save(folder / f"{name}.png")
        run("tileset", "blob", folder / "grass.png", folder / "dirt.png", "-o", folder / "blob.png", "--rough", "1", "-d", "none")
        tiles = Image.open(folder / "blob.png").convert("RGBA")
        tiles.resize((tiles.width * 3, tiles.height * 3), Image.Resampling.NEAREST).save(HERE / "tileset-blob.png", optimize=True)
    return 0


sys.exit(main())
