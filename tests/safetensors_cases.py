# SPDX-License-Identifier: MIT OR Apache-2.0
"""Safetensors files, whole and broken in every way, judged by the format's own reader.

    python tests/safetensors_cases.py > tests/safetensors_cases.txt

One case a line: name, the reference reader's verdict ("ok" or its error), our status, a part of our
sentence, and the file in hexadecimal; separated by tabs.  "stricter" before our status: the
reference accepts it and we do not, on purpose.
"""

from __future__ import annotations

import json
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import safetensors
import torch
from safetensors import safe_open
from safetensors.torch import save

LIMIT = 3000  # bytes of a case; larger ones are made by the C suite itself

F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def raw(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def made(entries: dict | str, data: int = 0, pad: str = "") -> bytes:
    text = entries if isinstance(entries, str) else json.dumps(entries, separators=(",", ":"))
    return raw((text + pad).encode(), bytes(range(256))[:data] if data < 256 else bytes(data))


def entry(**changes: object) -> dict:
    return {"a": {**F32, **changes}}


def written() -> Iterator[tuple[str, bytes]]:
    """By the real package."""
    kinds = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32,
             torch.int16, torch.int8, torch.uint8, torch.bool, torch.float8_e4m3fn,
             torch.float8_e5m2]  # fmt: skip
    tensors = {f"t{i}": torch.ones(2, 3).to(kind) for i, kind in enumerate(kinds)}
    yield "written-all-dtypes", save(tensors, {"format": "pt", "snow": "☃"})
    yield "written-scalar", save({"s": torch.tensor(1.5)})
    yield "written-empty-axis", save({"e": torch.zeros(0, 4), "f": torch.ones(1)})
    yield "written-nothing", save({})


def cases() -> Iterator[tuple[str, str, str, bytes]]:
    for name, content in written():
        yield name, "ok", "", content
    two = {"a": F32, "b": {**F32, "data_offsets": [8, 16]}}
    yield "two", "ok", "", made(two, 16)
    yield "two-out-of-order", "ok", "", made(dict(reversed(two.items())), 16)
    yield "blanks-before", "ok", "", made(" \n" + json.dumps(two), 16)
    yield "blanks-behind", "ok", "", made(two, 16, "   ")
    yield "metadata", "ok", "", made({"__metadata__": {"k": "v"}, **two}, 16)
    yield "rank-0", "ok", "", made(entry(shape=[], data_offsets=[0, 4]), 4)
    yield "rank-8", "ok", "", made(entry(shape=[1] * 7 + [2]), 8)
    yield "empty-between", "ok", "", made(
        {"a": F32, "e": {"dtype": "F32", "shape": [0], "data_offsets": [8, 8]},
         "b": {**F32, "data_offsets": [8, 16]}}, 16)  # fmt: skip

    bad = "bad-format"
    yield "no-bytes", bad, "has 0 bytes", b""
    yield "seven-bytes", bad, "has 7 bytes", b"\0" * 7
    yield "length-behind-end", bad, "but only 2 follow", raw(b"{}", length=3)
    yield "length-100-million-and-1", "limit", "the limit is 16777216", raw(b"{}", length=100_000_001)
    yield "length-2-to-64", "limit", "18446744073709551615 bytes", raw(b"{}", length=2**64 - 1)
    yield "length-overflows", "limit", "the limit is", raw(b"{}", length=2**64 - 8)
    yield "length-0", bad, "not a JSON object", raw(b"")
    yield "not-json", bad, "not valid JSON", raw(b"{nope}")
    yield "not-an-object", bad, "not a JSON object", raw(b"[1]")
    yield "not-utf-8", bad, "not valid JSON", raw(b'{"\xff\xfe":1}')
    yield "nul-padding", bad, "byte 0x00", made(two, 16, "\0\0")
    yield "second-value", bad, "not valid JSON", made(json.dumps(two) + "{}", 16)
    yield "cut-json", bad, "not valid JSON", raw(json.dumps(two).encode()[:-1], bytes(16))
    text = json.dumps(F32)
    yield "duplicate-name", "stricter bad-format", "duplicate", made('{"a":%s,"a":%s}' % (text, text), 8)
    yield "duplicate-field", bad, "duplicate", made(
        '{"a":{"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,8]}}', 8)
    yield "deep", "limit", "nested deeper", made('{"a":' + "[" * 40 + "]" * 40 + "}")
    yield "metadata-number", bad, "'k' is not text", made({"__metadata__": {"k": 1}})
    yield "metadata-list", bad, "__metadata__ is not an object", made({"__metadata__": []})
    yield "entry-number", bad, "not described by an object", made({"a": 1})
    yield "entry-extra", "ok", "", made(entry(extra=1), 8)
    yield "no-dtype", bad, "has no dtype", made({"a": {"shape": [2], "data_offsets": [0, 8]}}, 8)
    yield "no-shape", bad, "has no shape", made({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, 8)
    yield "no-offsets", bad, "data_offsets", made({"a": {"dtype": "F32", "shape": [2]}}, 8)
    yield "dtype-unknown", "unsupported", "dtype 'F31'", made(entry(dtype="F31"), 8)
    yield "dtype-number", bad, "has no dtype", made(entry(dtype=32), 8)
    yield "axis-negative", bad, "axis 0 is not a whole", made(entry(shape=[-2]), 8)
    yield "axis-float", bad, "axis 0 is not a whole", made(entry(shape=[2.0]), 8)
    yield "axis-text", bad, "axis 0 is not a whole", made(entry(shape=["2"]), 8)
    yield "shape-overflows", bad, "more than 2^64", made(entry(shape=[2**32, 2**32]), 8)
    yield "bytes-overflow", bad, "more than 2^64", made(entry(shape=[2**62, 1]), 8)
    yield "axis-beyond-64-bits", bad, "not valid JSON", made('{"a":{"dtype":"F32","shape":'
          '[18446744073709551616],"data_offsets":[0,8]}}', 8)  # fmt: skip
    yield "offsets-one", bad, "not two whole", made(entry(data_offsets=[0]), 8)
    yield "offsets-three", bad, "not two whole", made(entry(data_offsets=[0, 8, 8]), 8)
    yield "offsets-negative", bad, "not two whole", made(entry(data_offsets=[-8, 0]), 8)
    yield "offsets-backwards", bad, "before its begin", made(entry(data_offsets=[8, 0]), 8)
    yield "too-few-bytes", bad, "needs 8", made(entry(data_offsets=[0, 4]), 4)
    yield "too-many-bytes", bad, "needs 8", made(entry(data_offsets=[0, 12]), 12)
    yield "first-not-at-0", bad, "a hole", made(entry(data_offsets=[4, 12]), 12)
    yield "hole", bad, "a hole", made({"a": F32, "b": {**F32, "data_offsets": [9, 17]}}, 17)
    yield "overlap", bad, "overlap", made({"a": F32, "b": {**F32, "data_offsets": [4, 12]}}, 12)
    yield "same-bytes", bad, "overlap", made({"a": F32, "b": F32}, 8)
    yield "file-cut", bad, "has 15 bytes of data", made(two, 15)
    yield "file-tail", bad, "has 1 bytes behind", made(two, 17)
    yield "tail-without-tensors", bad, "no tensors", made({}, 5)
    yield "rank-9", "stricter limit", "has 9 axes", made(entry(shape=[1] * 8 + [2]), 8)
    yield "name-1025", "stricter limit", "1025 bytes", made({"n" * 1025: F32}, 8)
    yield "nul-in-name", "stricter bad-format", "not valid JSON", made({"a\0b": F32}, 8)


def judge(content: bytes) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.safetensors"
        path.write_bytes(content)
        try:
            with safe_open(path, "pt") as file:
                list(file.keys())
            return "ok"
        except Exception as error:  # its own class, OSError for what cannot be mapped
            return " ".join(str(error).split()).replace("\t", " ").encode("ascii", "replace").decode()


def main() -> None:
    print(f"# safetensors {safetensors.__version__}: python tests/safetensors_cases.py")
    wrong: list[str] = []
    for name, ours, part, content in cases():
        verdict = judge(content)
        agree = (verdict == "ok") == (ours == "ok")
        if agree == ours.startswith("stricter"):
            wrong.append(f"{name}: the reference says '{verdict}', ours is '{ours}'")
        if len(content) > LIMIT:
            wrong.append(f"{name}: {len(content)} bytes are too many for a line")
        print(name, verdict[:120], ours, part, content.hex(), sep="\t")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
