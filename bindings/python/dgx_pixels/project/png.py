# SPDX-License-Identifier: MIT OR Apache-2.0
"""PNG files in pure Python: pixels as a game holds them, texts, and the same file without its texts."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import BadFormat, LimitExceeded

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIDE_MAX, PIXELS_MAX, TEXT_MAX, TEXTS_MAX = 16384, 1 << 28, 8 << 20, 256
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
# Adam7: first column and row, and the steps, of each pass.
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
# Chunks that tell about the making of a picture; none of them changes a pixel.
TELLING = frozenset([b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"])


@dataclass(frozen=True)
class Picture:
    """RGBA, 8 bits, straight alpha, rows top-down: what the C library and Bevy read."""

    width: int
    height: int
    rgba: bytes
    texts: dict[str, str]
    told: int  # how many texts the file has, those with keys that no JSON takes too


def chunks(name: str, data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content, checksums checked; ends behind IEND."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        if size > len(data) - at - 12:
            break
        body = data[at + 8:at + 8 + size]
        if zlib.crc32(kind + body) != int.from_bytes(data[at + 8 + size:at + 12 + size], "big"):
            raise BadFormat(f"{name}: not a sound PNG file: {kind.decode('latin-1')}: CRC error")
        yield kind, body
        if kind == b"IEND":
            return
        at += 12 + size
    raise BadFormat(f"{name}: not a sound PNG file: the file ends too early")


def strip(data: bytes) -> bytes:
    """The same file without the chunks that tell; `data` was decoded before."""
    kept, at = [SIGNATURE], len(SIGNATURE)
    while at + 12 <= len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind not in TELLING:
            kept.append(data[at:at + 12 + size])
        if kind == b"IEND":
            break
        at += 12 + size
    return b"".join(kept)


# ------------------------------------------------------------------------------------------ texts


def _is_key(key: bytes) -> bool:
    return (1 <= len(key) <= 79 and key == key.strip(b" ") and b"  " not in key
            and not any(c < 32 or 126 < c < 161 for c in key))


def _inflate(name: str, data: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(data, TEXT_MAX + 1)
    except zlib.error as error:
        raise BadFormat(f"{name}: not a sound PNG file: a text: {error}") from None
    return text


def _text(name: str, kind: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Key and text of a chunk, both as bytes."""
    key, _, rest = body.partition(b"\0")
    if kind == b"zTXt":
        rest = _inflate(name, rest[1:])
    elif kind == b"iTXt":
        packed, rest = rest[:1], rest[2:]
        rest = rest.partition(b"\0")[2].partition(b"\0")[2]
        rest = _inflate(name, rest) if packed == b"\x01" else rest
    return key, rest.partition(b"\0")[0]


def _read_texts(name: str, found: list[tuple[bytes, bytes]]) -> tuple[dict[str, str], int]:
    texts: dict[bytes, str] = {}
    for kind, body in found:
        key, data = _text(name, kind, body)
        if not _is_key(key) or len(data) > TEXT_MAX or (key not in texts and len(texts) >= TEXTS_MAX):
            continue
        try:
            texts[key] = data.decode()  # several painters write UTF-8 where Latin-1 is the rule
        except UnicodeDecodeError:
            texts[key] = data.decode("latin-1")
    named = {}
    for key, text in texts.items():
        try:
            named[key.decode()] = text
        except UnicodeDecodeError:
            continue
    return named, len(texts)


# ----------------------------------------------------------------------------------------- pixels


def _unfilter(raw: bytes, at: int, stride: int, height: int, step: int, name: str) -> list[bytes]:
    """Rows of one pass; `step` is the bytes of a pixel."""
    rows, above = [], bytes(stride)
    for _ in range(height):
        kind, row = raw[at], bytearray(raw[at + 1:at + 1 + stride])
        at += 1 + stride
        if kind == 1:
            for i in range(step, stride):
                row[i] = (row[i] + row[i - step]) & 255
        elif kind == 2:
            row = bytearray((a + b) & 255 for a, b in zip(row, above, strict=True))
        elif kind == 3:
            for i in range(stride):
                left = row[i - step] if i >= step else 0
                row[i] = (row[i] + (left + above[i]) // 2) & 255
        elif kind == 4:
            for i in range(stride):
                a, b, c = (row[i - step], above[i], above[i - step]) if i >= step else (0, above[i], 0)
                p = a + b - c
                x, y, z = abs(p - a), abs(p - b), abs(p - c)
                row[i] = (row[i] + (a if x <= y and x <= z else b if y <= z else c)) & 255
        elif kind:
            raise BadFormat(f"{name}: not a sound PNG file: bad adaptive filter value")
        above = bytes(row)
        rows.append(above)
    return rows


class _Colors:
    """From the samples of a row to RGBA, as libpng expands them: 16 bits lose their low byte."""

    def __init__(self, name: str, depth: int, kind: int, palette: bytes, clear: bytes) -> None:
        self.depth, self.kind = depth, kind
        self.clear = clear
        if kind == 3:
            if not palette or len(palette) % 3:
                raise BadFormat(f"{name}: not a sound PNG file: no palette")
            self.table = [palette[i:i + 3] + (clear[i // 3:i // 3 + 1] or b"\xff")
                          for i in range(0, len(palette), 3)]
            self.table += [b"\0\0\0\xff"] * (256 - len(self.table))

    def _samples(self, row: bytes, width: int) -> list[int]:
        """Of one channel with fewer than 8 bits."""
        depth, mask = self.depth, (1 << self.depth) - 1
        return [row[x * depth >> 3] >> (8 - depth - (x * depth & 7)) & mask for x in range(width)]

    def row(self, row: bytes, width: int) -> bytes:
        kind, depth = self.kind, self.depth
        if kind == 6:
            return row if depth == 8 else row[::2]
        if kind == 3:
            indices = row[:width] if depth == 8 else self._samples(row, width)
            return b"".join([self.table[i] for i in indices])
        out = bytearray(b"\xff" * (width * 4))
        count = CHANNELS[kind]
        wide = 2 if depth == 16 else 1
        if depth < 8:
            values = self._samples(row, width)
            grey = bytes(value * (255 // ((1 << depth) - 1)) for value in values)
            planes = [grey]
            keys: list[tuple[int, ...]] = [(value,) for value in values] if self.clear else []
        else:
            planes = [row[wide * c::wide * count] for c in range(count)]
            keys = []
            if self.clear and kind in (0, 2):
                size = wide * count
                whole = [row[i:i + size] for i in range(0, width * size, size)]
                keys = [struct.unpack(f">{count}{'H' if wide == 2 else 'B'}", pixel) for pixel in whole]
        for c in range(3):
            out[c::4] = planes[c if kind == 2 else 0]
        if kind == 4:
            out[3::4] = planes[1]
        if keys:
            wanted = struct.unpack(f">{count}H", self.clear[:2 * count])
            if depth < 16:
                wanted = tuple(value & ((1 << depth) - 1) for value in wanted)
            out[3::4] = bytes(0 if pixel == wanted else 255 for pixel in keys)
        return bytes(out)


def _header(name: str, data: bytes) -> tuple[int, int, int, int, int]:
    if data[:8] != SIGNATURE:
        raise BadFormat(f"{name}: not a PNG file: no PNG signature at its begin")
    if len(data) < 33 or data[8:16] != b"\0\0\0\rIHDR":
        raise BadFormat(f"{name}: no IHDR chunk of 13 bytes at its begin")
    width, height, depth, kind, packing, filtering, interlace = struct.unpack(">IIBBBBB", data[16:29])
    if not width or not height:
        raise BadFormat(f"{name}: IHDR says {width}x{height} pixels")
    if width > SIDE_MAX or height > SIDE_MAX or width * height > PIXELS_MAX:
        raise LimitExceeded(f"{name}: {width}x{height} pixels; at most {SIDE_MAX} a side")
    if depth not in DEPTHS.get(kind, ()) or packing or filtering or interlace > 1:
        raise BadFormat(f"{name}: not a sound PNG file: Invalid IHDR data")
    return width, height, depth, kind, interlace


def decode(name: str, data: bytes) -> Picture:
    """Every kind of PNG; `name` is what errors call it."""
    width, height, depth, kind, interlace = _header(name, data)
    bits = depth * CHANNELS[kind]
    passes = [(x, y, dx, dy, (width - x + dx - 1) // dx, (height - y + dy - 1) // dy)
              for x, y, dx, dy in (PASSES if interlace else ((0, 0, 1, 1),))]
    passes = [part for part in passes if part[4] > 0 and part[5] > 0]
    total = sum((1 + (columns * bits + 7) // 8) * rows for *_, columns, rows in passes)
    palette, clear, packed = b"", b"", []
    told: list[tuple[bytes, bytes]] = []
    for what, body in chunks(name, data):
        if what == b"PLTE":
            palette = body
        elif what == b"tRNS" and kind in (0, 2, 3):
            clear = body if kind == 3 or len(body) == 2 * CHANNELS[kind] else b""
        elif what == b"IDAT":
            packed.append(body)
        elif what in (b"tEXt", b"zTXt", b"iTXt"):
            told.append((what, body))
    try:
        raw = zlib.decompressobj().decompress(b"".join(packed), total)
    except zlib.error as error:
        raise BadFormat(f"{name}: not a sound PNG file: {error}") from None
    if len(raw) < total:
        raise BadFormat(f"{name}: not a sound PNG file: Not enough compressed data")
    colors = _Colors(name, depth, kind, palette, clear)
    texts, count = _read_texts(name, told)
    rgba, at = bytearray(width * height * 4), 0
    for x, y, dx, dy, columns, rows in passes:
        stride = (columns * bits + 7) // 8
        for row, line in enumerate(_unfilter(raw, at, stride, rows, max(1, bits // 8), name)):
            pixels = colors.row(line, columns)
            begin = ((y + row * dy) * width + x) * 4
            for c in range(4) if dx > 1 else ():
                rgba[begin + c:begin + c + (columns - 1) * dx * 4 + 1:dx * 4] = pixels[c::4]
            if dx == 1:
                rgba[begin:begin + columns * 4] = pixels
        at += (1 + stride) * rows
    return Picture(width, height, bytes(rgba), texts, count)


def encode(width: int, height: int, rgba: bytes) -> bytes:
    """RGBA as a PNG file, unfiltered."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + rgba[y * width * 4:(y + 1) * width * 4] for y in range(height))
    return (SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows, 6)) + chunk(b"IEND", b""))


def enlarge(data: bytes, side: int) -> bytes:
    """Whole pixels, at most `side`, no metadata: a preview for eyes."""
    picture = decode("the picture", data)
    scale = max(1, side // max(picture.width, picture.height))
    width, height = picture.width, picture.height
    rows = []
    for y in range(height):
        line = picture.rgba[y * width * 4:(y + 1) * width * 4]
        wide = bytearray(len(line) * scale)
        for c in range(4):
            plane = line[c::4]
            for i in range(scale):
                wide[4 * i + c::4 * scale] = plane
        rows.append(bytes(wide) * scale)
    return encode(width * scale, height * scale, b"".join(rows))
