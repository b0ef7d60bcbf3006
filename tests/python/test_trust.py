# SPDX-License-Identifier: MIT OR Apache-2.0
"""Small files of strangers: what they may take of memory, and what reaches the terminal.

docs/security.md says what is promised; the inputs are made here or lie in the shared cases.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

MEBIBYTE = 1 << 20


# A child begins with the memory of the process that forks it, which must be small to measure little.
MEASURE = """
import json, resource, subprocess, sys
ended = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, capture_output=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps([ended.returncode, peak, ended.stderr.decode(errors="replace")]))
"""


def run_measured(program: Path, *words: object) -> tuple[int, int, str]:
    """Exit code, peak memory in bytes, what it said on stderr."""
    printed = subprocess.run([sys.executable, "-S", "-c", MEASURE, program, *map(str, words)],
                             capture_output=True, text=True, check=True).stdout
    code, peak, said = json.loads(printed)
    return code, peak, said


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return (len(body).to_bytes(4, "big") + kind + body
            + zlib.crc32(kind + body).to_bytes(4, "big"))


def make_bombs(folder: Path) -> list[Path]:
    """Few bytes, 16384x16384 or 8192x8192 pixels."""
    header = (16384).to_bytes(4, "big") * 2 + b"\x01\0\0\0\0"
    png = (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
           + png_chunk(b"IDAT", zlib.compress(bytes(2049 * 16384), 9)) + png_chunk(b"IEND", b""))
    gif = (b"GIF89a\0\x20\0\x20\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;")
    header = (8192).to_bytes(4, "big") * 2 + b"\x08\0\0\0\0"
    apng = (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
            + png_chunk(b"acTL", b"\0\0\0\x01\0\0\0\0") + png_chunk(b"IDAT", zlib.compress(b""))
            + png_chunk(b"fcTL", bytes(7) + b"\x01" + bytes(3) + b"\x01" + bytes(11) + b"\x0a\0\0")
            + png_chunk(b"IEND", b""))
    ase = ((144).to_bytes(4, "little") + b"\xe0\xa5\x01\0\0\x20\0\x20\x20\0" + bytes(114)
           + b"\x10\0\0\0\xfa\xf1\0\0\x64\0" + bytes(6))
    paths = []
    for name, data in (("a.png", png), ("b.gif", gif), ("c.png", apng), ("d.aseprite", ase)):
        (folder / name).write_bytes(data)
        paths.append(folder / name)
    return paths


def test_small_files_take_little_memory(build: Path, tmp_path: Path) -> None:
    program = build / "bin/dgx-pixels"
    shared = os.environ.get("DGXP_TEST_DATA")
    cases = sorted(Path(shared).parent.glob("cases/security/*.*")) if shared else []
    for path in [*make_bombs(tmp_path), *cases]:
        code, peak, said = run_measured(program, "info", path)
        assert peak < 64 * MEBIBYTE, f"info {path.name}: {peak >> 20} MiB"
        assert code in (0, 4), f"info {path.name}: {said}"
        for words in (("sheet", "contact", path, "-o", tmp_path / "o.png"),
                      ("fix", path, "-o", tmp_path / "o.png", "--overwrite"),
                      ("palette", "extract", path, "-o", tmp_path / "o.hex"),
                      ("report", path)):
            code, peak, said = run_measured(program, *words)
            assert peak < 128 * MEBIBYTE, f"{words}: {peak >> 20} MiB: {said}"
            assert code >= 0, f"{words}: ended by signal {-code}"


def test_the_budget_can_be_raised(cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    gif = make_bombs(tmp_path)[1]
    gif.write_bytes(gif.read_bytes().replace(b"\0\x20\0\x20", b"\x08\0\x08\0"))  # 8x8
    words = ("sheet", "contact", gif, "-o", tmp_path / "o.png")
    refused = cli(*words, env={"DGX_PIXELS_MAX_PIXELS": "63"})
    assert refused.returncode == 4 and "DGX_PIXELS_MAX_PIXELS" in refused.stderr
    assert cli(*words, env={"DGX_PIXELS_MAX_PIXELS": "64"}).returncode == 0
    assert cli(*words, env={"DGX_PIXELS_MAX_PIXELS": "many"}).returncode == 2


@pytest.mark.parametrize("command", [["info"], ["info", "--json"], ["report"], ["sheet", "contact"]])
def test_no_escape_code_reaches_the_terminal(cli, tmp_path: Path,  # type: ignore[no-untyped-def]
                                             command: list[str]) -> None:
    """Neither from a text inside a file, nor from its name, nor from bytes that are no UTF-8."""
    text = b"Comment\0\x1b]0;owned\x07\x1b[31mhello\x1b[2J\x9b31m"
    png = (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", b"\0\0\0\x01\0\0\0\x01\x08\0\0\0\0")
           + png_chunk(b"tEXt", text) + png_chunk(b"IDAT", zlib.compress(b"\0\0"))
           + png_chunk(b"IEND", b""))
    named = tmp_path / "x\x1b[31m.png"
    named.write_bytes(png)
    for path in (named, tmp_path / "no\x1b[2Jsuch\x07.png"):
        result = cli(*command, path)
        shown = (result.stdout + result.stderr).encode()
        assert shown, command
        assert not any(byte < 32 and byte not in (9, 10) for byte in shown), shown
        assert b"\xc2\x9b" not in shown and b"\x7f" not in shown, shown
