# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the tests of batches share: starting one, reading its folder, comparing it."""

from __future__ import annotations

import json
import os
import subprocess
import zlib
from pathlib import Path

STUB = {"DGX_PIXELS_BACKEND": "stub"}
SMALL = ("-m", "tiny", "--set", "steps=1", "--set", "canvas=64x64", "-q")


def wishes(path: Path, count: int) -> Path:
    """A manifest of `count` different lines."""
    path.write_text("".join(f"a {color} slime number {i}\n" for i, color in
                            zip(range(count), ["red", "green", "{blue|pale}"] * count,
                                strict=False)))
    return path


def start(build: Path, *words: object, env: dict[str, str] | None = None,
          **options: object) -> subprocess.Popen[str]:
    """`dgx-pixels batch …` on the stub backend, not waited for."""
    return subprocess.Popen(
        [str(build / "bin/dgx-pixels"), "batch", *map(str, words)], text=True,
        env={**os.environ, **STUB, **(env or {})},
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
           "stderr": subprocess.PIPE, **options})  # type: ignore[call-overload]


def run(build: Path, *words: object, env: dict[str, str] | None = None,
        **options: object) -> subprocess.CompletedProcess[str]:
    process = start(build, *words, env=env, **options)
    out, error = process.communicate(timeout=1200)
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


def pictures(folder: Path) -> dict[str, bytes]:
    """Every file of an output folder by name, the state's folder apart."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".dgx-pixels"}


def records(folder: Path) -> list[dict]:
    """The intact records of every journal, read by a second implementation of its format."""
    found = []
    for path in sorted((folder / ".dgx-pixels").glob("journal-*.jsonl")):
        for line in path.read_bytes().split(b"\n")[:-1]:  # a line without its end is not whole
            head, tail = b'{"record":', b',"crc":"'
            if not line.startswith(head) or line[-18:-10] != tail or line[-2:] != b'"}':
                continue
            body = line[len(head):-18]
            if line[-10:-2].decode(errors="replace") == f"{zlib.crc32(body):08x}":
                found.append(json.loads(body))
    return found


def check_once(folder: Path, count: int) -> None:
    """Every picture has exactly one record, and nothing half done is left."""
    done = [entry["picture"] for record in records(folder) for entry in record["pictures"]]
    assert sorted(done) == list(range(1, count + 1)), "a line was lost or done twice"
    left = sorted(path.name for path in (folder / ".dgx-pixels").iterdir()
                  if not path.name.startswith(("journal-", "shard-")))
    assert left == ["batch.json", "claims", "lock"], left
