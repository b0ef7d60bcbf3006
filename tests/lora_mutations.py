# SPDX-License-Identifier: MIT OR Apache-2.0
"""Broken adapter files, each with the status that it must be refused with.

A mutator takes a sound file, as header and data, and a random generator; it returns the bytes of the
broken one.  `mutations(sound, count)` deals them out in turn, each time drawn anew.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass
class Sound:
    """A file that the model takes: {name: {dtype, shape, data_offsets}} and the data behind it."""

    header: dict[str, Any]
    data: bytes

    @classmethod
    def read(cls, raw: bytes) -> Sound:
        size = struct.unpack("<Q", raw[:8])[0]
        return cls(json.loads(raw[8 : 8 + size]), raw[8 + size :])

    def names(self, part: str = "") -> list[str]:
        return [n for n in self.header if n != "__metadata__" and part in n]

    def bytes_of(self, name: str) -> bytes:
        begin, end = self.header[name]["data_offsets"]
        return self.data[begin:end]


def pack(tensors: dict[str, tuple[str, list[int], bytes]]) -> bytes:
    header, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    return join(header, data)


def join(header: dict[str, Any] | bytes, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def unpack(sound: Sound) -> dict[str, tuple[str, list[int], bytes]]:
    return {n: (sound.header[n]["dtype"], list(sound.header[n]["shape"]), sound.bytes_of(n))
            for n in sound.names()}


Mutator = Callable[[Sound, random.Random], bytes]
MUTATORS: list[tuple[str, str, Mutator]] = []


def mutator(status: str) -> Callable[[Mutator], Mutator]:
    def register(function: Mutator) -> Mutator:
        MUTATORS.append((function.__name__, status, function))
        return function

    return register


# --------------------------------------------------------------------------- the file as such


@mutator("bad-format")
def cut_short(sound: Sound, draw: random.Random) -> bytes:
    raw = join(sound.header, sound.data)
    return raw[: draw.randrange(len(raw))]


@mutator("bad-format")
def trailing_bytes(sound: Sound, draw: random.Random) -> bytes:
    return join(sound.header, sound.data + draw.randbytes(draw.randint(1, 64)))


@mutator("limit")
def header_longer_than_allowed(sound: Sound, draw: random.Random) -> bytes:
    return struct.pack("<Q", draw.randint(17 << 20, 2**63)) + join(sound.header, sound.data)[8:]


@mutator("bad-format")
def header_is_no_json(sound: Sound, draw: random.Random) -> bytes:
    text = bytearray(json.dumps(sound.header).encode())
    at = draw.choice([i for i, byte in enumerate(text) if byte in b"{}[]:,"])
    text[at] = draw.choice(b"x!;")
    return join(bytes(text), sound.data)


@mutator("bad-format")
def offsets_leave_the_file(sound: Sound, draw: random.Random) -> bytes:
    header = json.loads(json.dumps(sound.header))
    entry = header[draw.choice(sound.names())]
    entry["data_offsets"][1] += draw.choice([1, 1000, 2**40, 2**63 - 1 - entry["data_offsets"][1]])
    return join(header, sound.data)


@mutator("bad-format")
def offsets_overlap(sound: Sound, draw: random.Random) -> bytes:
    header = json.loads(json.dumps(sound.header))
    one, two = draw.sample(sound.names(".lora_"), 2)
    header[one]["data_offsets"] = header[two]["data_offsets"]
    return join(header, sound.data)


@mutator("bad-format")
def shape_of_another_size(sound: Sound, draw: random.Random) -> bytes:
    header = json.loads(json.dumps(sound.header))
    shape = header[draw.choice(sound.names(".lora_"))]["shape"]
    shape[draw.randrange(len(shape))] += draw.choice([1, -1, 7, 2**32])
    return join(header, sound.data)


@mutator("bad-format")
def shape_is_no_number(sound: Sound, draw: random.Random) -> bytes:
    header = json.loads(json.dumps(sound.header))
    header[draw.choice(sound.names(".lora_"))]["shape"][0] = draw.choice([-4, 1.5, "4", None, [4]])
    return join(header, sound.data)


@mutator("bad-format")
def name_twice(sound: Sound, draw: random.Random) -> bytes:
    text = json.dumps(sound.header)
    name = draw.choice(sound.names())
    entry = json.dumps({name: sound.header[name]})[1:-1]
    return join(f"{text[:-1]}, {entry}}}".encode(), sound.data)


# ------------------------------------------------------------------------------- what is in it


@mutator("bad-format")
def not_finite(sound: Sound, draw: random.Random) -> bytes:
    tensors = unpack(sound)
    name = draw.choice(sound.names(".lora_"))
    dtype, shape, raw = tensors[name]
    count = len(raw) // 4
    values = list(struct.unpack(f"<{count}f", raw))
    values[draw.randrange(count)] = draw.choice([float("nan"), float("inf"), float("-inf")])
    tensors[name] = (dtype, shape, struct.pack(f"<{count}f", *values))
    return pack(tensors)


@mutator("bad-format")
def half_of_a_pair(sound: Sound, draw: random.Random) -> bytes:
    tensors = unpack(sound)
    del tensors[draw.choice(sound.names(".lora_"))]
    return pack(tensors)


@mutator("bad-format")
def ranks_differ(sound: Sound, draw: random.Random) -> bytes:
    tensors = unpack(sound)
    name = draw.choice(sound.names(".lora_down"))
    dtype, shape, raw = tensors[name]
    tensors[name] = (dtype, [shape[0] * 2, *shape[1:]], raw * 2)
    return pack(tensors)


@mutator("bad-format")
def alpha_is_no_number(sound: Sound, draw: random.Random) -> bytes:
    tensors = unpack(sound)
    name = draw.choice(sound.names(".alpha"))
    tensors[name] = draw.choice([
        ("F32", [2], struct.pack("<2f", 1, 1)), ("F32", [], struct.pack("<f", float("nan"))),
        ("F32", [], struct.pack("<f", 1e30)), ("BOOL", [], b"\1"), ("F32", [0], b"")])
    return pack(tensors)


@mutator("unsupported")
def integers(sound: Sound, draw: random.Random) -> bytes:
    tensors = unpack(sound)
    name = draw.choice(sound.names(".lora_"))
    tensors[name] = ("I32", *tensors[name][1:])
    return pack(tensors)


@mutator("unsupported")
def no_adapter_at_all(sound: Sound, draw: random.Random) -> bytes:
    return pack({f"some.{draw.random()}.thing": ("F32", [1], b"\0\0\0\0")})


@mutator("unsupported")
def another_file(sound: Sound, draw: random.Random) -> bytes:
    start = draw.choice([b"PK\3\4", b"<!DOCTYPE html><html>", b"\x89PNG\r\n\x1a\n", b"GGUF",
                         b"version https://git-lfs.github.com/spec/v1\n"])
    return start + draw.randbytes(draw.randint(40, 400))


# ------------------------------------------------------------------------- what the model lacks


@mutator("mismatch")
def module_without_a_place(sound: Sound, draw: random.Random) -> bytes:
    tensors = unpack(sound)
    key = draw.choice(sound.names(".lora_down")).removesuffix(".lora_down.weight")
    return pack({(f"{key}x{n.removeprefix(key)}" if n.startswith(f"{key}.") else n): value
                 for n, value in tensors.items()})


@mutator("mismatch")
def module_of_another_shape(sound: Sound, draw: random.Random) -> bytes:
    tensors = unpack(sound)
    name = draw.choice(sound.names(".lora_down"))
    dtype, shape, raw = tensors[name]
    tensors[name] = (dtype, [shape[0], shape[1] * 2, *shape[2:]], raw * 2)
    return pack(tensors)


@mutator("mismatch")
def one_module_by_two_names(sound: Sound, draw: random.Random) -> bytes:
    tensors = unpack(sound)
    key = draw.choice(sound.names("lora_unet_down_blocks")).split(".")[0]
    for name in [n for n in tensors if n.startswith(f"{key}.")]:
        tensors["lycoris_" + name.removeprefix("lora_unet_")] = tensors[name]
    return pack(tensors)


@mutator("unsupported")
def a_kind_that_is_not_supported(sound: Sound, draw: random.Random) -> bytes:
    tensors = unpack(sound)
    key = draw.choice(sound.names(".lora_down")).split(".")[0]
    tensors[f"{key}.{draw.choice(['oft_blocks', 'a1.weight', 'on_input', 'something'])}"] = (
        "F32", [1], b"\0\0\0\0")
    return pack(tensors)


def mutations(sound: Sound, count: int, seed: int = 1) -> Iterator[tuple[str, str, bytes]]:
    """(mutator, status, bytes of the broken file)."""
    draw = random.Random(seed)
    for i in range(count):
        name, status, function = MUTATORS[i % len(MUTATORS)]
        yield name, status, function(sound, draw)
