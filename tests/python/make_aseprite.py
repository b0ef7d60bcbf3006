# SPDX-License-Identifier: MIT OR Apache-2.0
"""Small .aseprite files by a writer of our own tests, after aseprite's docs/ase-file-specs.md.

usage: make_aseprite.py    prints the one in tests/test_aseprite.c as hex
"""

from __future__ import annotations

import struct
import zlib


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<H", len(raw)) + raw


def chunk(kind: int, body: bytes) -> bytes:
    return struct.pack("<IH", len(body) + 6, kind) + body


def layer(name: str, flags: int = 3, kind: int = 0, level: int = 0, opacity: int = 255) -> bytes:
    return chunk(0x2004, struct.pack("<HHHHHHB3x", flags, kind, level, 0, 0, 0, opacity)
                 + text(name))


def cel(on: int, x: int, y: int, kind: int, body: bytes, opacity: int = 255, z: int = 0) -> bytes:
    return chunk(0x2005, struct.pack("<HhhBHh5x", on, x, y, opacity, kind, z) + body)


def raw(width: int, height: int, pixels: bytes) -> bytes:
    return struct.pack("<HH", width, height) + pixels


def packed(width: int, height: int, pixels: bytes) -> bytes:
    return raw(width, height, zlib.compress(pixels))


def palette(colors: list[tuple[int, int, int, int]]) -> bytes:
    entries = b"".join(struct.pack("<H4B", 0, *color) for color in colors)
    return chunk(0x2019, struct.pack("<III8x", len(colors), 0, len(colors) - 1) + entries)


def file(width: int, height: int, depth: int, frames: list[tuple[int, list[bytes]]]) -> bytes:
    body = b""
    for duration, chunks in frames:
        data = b"".join(chunks)
        body += struct.pack("<IHHH2xI", len(data) + 16, 0xF1FA, len(chunks), duration,
                            len(chunks)) + data
    return struct.pack("<IHHHHHIH8xB3xHBBhhHH84x", 128 + len(body), 0xA5E0, len(frames), width,
                       height, depth, 1, 100, 0, 3, 1, 1, 0, 0, 16, 16) + body


def small() -> bytes:
    """Indexed: an old palette, a hidden layer, a raw cel and a cel linked to it, a tag."""
    colors = chunk(4, struct.pack("<HBB", 1, 0, 3) + bytes([0, 0, 0, 255, 0, 0, 0, 255, 0]))
    tag = chunk(0x2018, struct.pack("<H8x", 1) + struct.pack("<HHBH6x3Bx", 0, 1, 2, 3, 0, 0, 0)
                + text("go"))
    return file(3, 3, 8, [
        (80, [colors, layer("a"), layer("b", flags=2), cel(0, 1, 0, 0, raw(2, 2, b"\1\2\0\1")),
              cel(1, 0, 0, 0, raw(1, 1, b"\2")), tag]),
        (90, [cel(0, 0, 1, 1, struct.pack("<H", 0))]),
    ])


if __name__ == "__main__":
    print(small().hex())
