# SPDX-License-Identifier: MIT OR Apache-2.0
"""The promise of a stable ABI: sized structs may grow, and programs built before still run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from test_deploy import CARGO, snapshot

ROOT = Path(__file__).resolve().parents[2]
STRUCT = re.compile(r"typedef struct dgxp_(\w+) \{\n    uint32_t struct_size;.*?\n\} dgxp_\1;", re.S)
FROM_US = {"progress", "batch_progress", "game_answer"}  # what callbacks are shown: their struct_size only tells


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
    for name in ("include", "src", "shim", "plugins", "cmake", "models", "presets", "workflows", "CMakeLists.txt"):
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


ABI = [sys.executable, ROOT / "scripts/make_abi.py"]


def test_the_dump_is_what_the_header_says() -> None:
    """tests/abi.txt is committed: nobody changes the ABI without seeing it."""
    done = subprocess.run([*ABI, "--check"], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("before,after,said", [
    ("DGXP_API dgxp_status dgxp_project_init(const char *folder);", "", "dgxp_project_init was"),
    ("    DGXP_ERR_LIMIT = 7", "    DGXP_ERR_LIMIT = 70", "DGXP_ERR_LIMIT was 7, is 70"),
    ("    int32_t scale;      /* integer", "    int64_t scale;      /* integer", "truecolor was 8"),
    ("    const char *help; /* one line */", "    const char *help, *more; /* one line */",
     "size dgxp_choice was 24, is 32"),  # without struct_size nothing may be added
    ("} dgxp_quantize_params;", "    double gap;\n} dgxp_quantize_params;", None),
    ("} dgxp_workflow_params;", "    int32_t late;\n} dgxp_workflow_params;", None),
])
def test_what_breaks_programs_is_named(before: str, after: str, said: str | None, tmp_path: Path) -> None:
    """A removal or a change is told; an appended field of a sized struct is only new."""
    include = Path(shutil.copytree(ROOT / "include", tmp_path / "include"))
    [path] = [path for path in include.rglob("*.h") if before in path.read_text()]
    path.write_text(path.read_text().replace(before, after, 1))
    done = subprocess.run([*ABI, "--check"], text=True, capture_output=True,
                          env={**os.environ, "DGXP_INCLUDE": str(include)})
    assert done.returncode == 1
    assert (said in done.stderr) if said else ("breaks" not in done.stderr and "new: " in done.stderr)


def test_exports_have_a_version(build: Path) -> None:
    printed = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions",
                              build / "lib/libdgxpixels.so"], text=True, capture_output=True,
                             check=True).stdout
    names = [line.split()[-1] for line in printed.splitlines() if " T " in line]
    assert len(names) > 100 and {name.split("@@")[-1] for name in names} == {"DGXPIXELS_0"}
