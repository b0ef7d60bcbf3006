# SPDX-License-Identifier: MIT OR Apache-2.0
"""Prints `name width height crc32(RGBA)` of every sound PngSuite file, as Pillow decodes it.

Pillow hands out 16-bit grey as 16-bit samples and clips them when asked for RGBA, and it compares
the grey of tRNS before it scales 1, 2 and 4 bits to 8.  So for those two kinds the samples are
Pillow's and the last step is the specification's: the high byte, and tRNS scaled like the samples.

    python tests/pixels/pngsuite_golden.py FOLDER > tests/pngsuite.txt
"""

import pathlib
import sys
import zlib

import numpy as np
from PIL import Image


def decode(path):
    image = Image.open(path)
    depth = path.read_bytes()[24]
    hidden = image.info.get("transparency")
    if image.mode.startswith("I;16"):
        samples = np.array(image)
        grey = (samples >> 8).astype(np.uint8)
    elif image.mode == "L" and isinstance(hidden, int):
        grey = np.array(image)
        samples = grey.astype(int) * (2**depth - 1) // 255
    else:
        return np.array(image.convert("RGBA"))
    alpha = np.where(samples == hidden, 0, 255).astype(np.uint8) if hidden is not None else np.full_like(grey, 255)
    return np.stack([grey, grey, grey, alpha], -1)


for path in sorted(pathlib.Path(sys.argv[1]).glob("*.png")):
    if not path.name.startswith("x"):
        pixels = decode(path)
        print(path.name, pixels.shape[1], pixels.shape[0], f"{zlib.crc32(pixels.tobytes()):08x}")
