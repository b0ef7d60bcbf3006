# SPDX-License-Identifier: MIT OR Apache-2.0
"""The promise of a stable ABI: sized structs may grow, and programs built before still run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from PIL import Image
from test_deploy import CARGO, snapshot

ROOT = Path(__file__).resolve().parents[2]
STRUCT = re.compile(r"typedef struct dgxp_(\w+) \{\n    uint32_t struct_size;.*?\n\} dgxp_\1;", re.S)
FROM_US = {"progress", "batch_progress"}  # what callbacks are shown: their struct_size only tells


def sized_structs() -> set[str]:
    return {name for path in (ROOT / "include").rglob("*.h") for name in STRUCT.findall(path.read_text())}


def test_every_sized_struct_is_tried_at_every_size() -> None:
    """tests/test_params.c has each struct of the header, as one that is read, filled, or both."""
    text = (ROOT / "tests/test_params.c").read_text()
    tried = set(re.findall(r"\b(?:GIVEN|FILLED)\((\w+)\)", text)) - {"name"}
    assert tried == sized_structs() - FROM_US and len(tried) > 30


def widen(root: Path) -> None:
    """One more field in each sized struct, larger than any gap at its end."""
    widened = set()
    for path in (root / "include").rglob("*.h"):
        def grow(match: re.Match[str]) -> str:
            widened.add(match[1])
            return re.sub(r"\n\} (dgxp_\w+;)$", r"\n    int64_t dgxp_added[2];\n} \1", match[0])

        path.write_text(STRUCT.sub(grow, path.read_text()))
    assert widened == sized_structs()


def walk(build: Path, folder: Path, library: Path, config: Path) -> dict[str, str]:
    """What the installed program makes with `library`: all that it prints and writes."""
    game = folder / "game"
    (game / "assets").mkdir(parents=True)
    (game / "Cargo.toml").write_text(CARGO)
    picture = Image.new("RGBA", (96, 96), (40, 90, 160, 255))
    for x in range(3, 9):
        picture.paste((200, 20 * x, 40, 255), (8 * x, 24, 8 * x + 8, 72))
    picture.save(folder / "raw.png")
    Image.new("RGBA", (32, 32), (60, 160, 60, 255)).save(folder / "grass.png")
    (folder / "list.txt").write_text("a slime\na bat --seed 4\n")
    small = ["-m", "tiny", "--set", "steps=2", "--set", "canvas=64x64", "-q"]
    commands = [
        ["fix", "raw.png", "-o", "fixed.png", "--outline", "outer", "--trim", "--json"],
        ["palette", "extract", "raw.png", "-o", "found.gpl"],
        ["palette", "map", "raw.png", "-p", "pico-8", "-o", "mapped.png"],
        ["sheet", "slice", "fixed.png", "--cell", "8x8", "-o", "cells.aseprite"],
        ["sheet", "pack", "cells.aseprite", "-o", "packed.png"],
        ["tileset", "blob", "grass.png", "-o", "blob.png"],
        ["generate", "a knight", *small[:2], "--canvas", "64x64", "--steps", "2", "-s", "7", "-q",
         "-o", "knight.png"],
        ["regen", "knight.png", "-o", "again.png"],
        ["batch", "list.txt", *small, "-s", "3", "-o", "batch"],
        ["run", ROOT / "workflows/sprite.json", *small, "--set", "subject=bat", "--set", "seed=5", "-o",
         "."],
        ["deploy", "knight.png", "--to", "sprites/", "-p", "game"],
        ["info", "knight.png"],
    ]
    seen = {}
    for words in commands:
        done = subprocess.run([build / "bin/dgx-pixels", *words], text=True, capture_output=True,
                              cwd=folder, stdin=subprocess.DEVNULL,
                              env={**os.environ, "LD_LIBRARY_PATH": str(library),
                                   "DGX_PIXELS_BACKEND": str(build / "lib/libdgxpixels_stub.so"),
                                   "XDG_CACHE_HOME": str(folder.parent / "cache")})
        assert done.returncode == 0, (words, done.stderr)
        seen[f"{words[0]} {len(seen)}"] = done.stdout
    journals = "batch/.dgx-pixels"
    return {**seen, **{name: what for name, what in snapshot(folder).items() if journals not in name}}


def test_programs_of_today_run_with_a_library_that_knows_more(build: Path, tiny: Path,
                                                              tmp_path: Path) -> None:
    """The program of this build, on its own library and on one whose structs have each grown."""
    wide = tmp_path / "wide"
    for name in ("include", "src", "shim", "cmake", "models", "presets", "workflows", "CMakeLists.txt"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(
            source, wide / name, **({"symlinks": True} if source.is_dir() else {}))
    widen(wide)
    subprocess.run(["cmake", "-S", wide, "-B", wide / "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                    "-DCMAKE_C_FLAGS=-O0 -g0 -Wno-missing-field-initializers", "-DDGXP_TORCH=OFF",
                    "-DDGXP_TESTS=OFF"], check=True, capture_output=True)
    subprocess.run(["ninja", "-C", wide / "build", "dgxpixels"], check=True, capture_output=True)
    own = walk(build, tmp_path / "own", build / "lib", tmp_path / "config")
    wider = walk(build, tmp_path / "wider", wide / "build/lib", tmp_path / "config")
    assert own == wider and len(own) > 30
