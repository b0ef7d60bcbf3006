# SPDX-License-Identifier: MIT OR Apache-2.0
"""Print the GIF in tests/test_animation.c as hex: three frames by Pillow, (x + y + i) % 4 of
transparent, red, green and blue, shown for 70, 120 and 10 ms and cleared after it."""

from __future__ import annotations

import io

from PIL import Image


def make() -> bytes:
    frames = []
    for i in range(3):
        frame = Image.new("P", (6, 4), 0)
        frame.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
        frame.putdata([(x + y + i) % 4 for y in range(4) for x in range(6)])
        frames.append(frame)
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], duration=[70, 120, 10],
                   transparency=0, disposal=2, loop=0, optimize=False)
    return stream.getvalue()


if __name__ == "__main__":
    print(make().hex())
