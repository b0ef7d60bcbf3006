# SPDX-License-Identifier: MIT OR Apache-2.0
"""The library in a host of another locale: decimal commas, a Turkish i, letters above 127 in one byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from batches import STUB
from PIL import Image

FULL = os.environ.get("DGXP_FULL") == "1"
# Turkish in Latin-5 has all three at once; a full run takes each by itself too.
LOCALES = ["tr_TR.ISO-8859-9"] + (["de_DE.UTF-8", "tr_TR.UTF-8", "de_DE.ISO-8859-1"] if FULL else [])
# A host that takes its user's locale before it calls us, as every program with a window does.
HOST = """#include <locale.h>
#include <stdlib.h>
__attribute__((constructor)) static void begin(void) { if (!setlocale(LC_ALL, "")) abort(); }
"""
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", params=LOCALES)
def abroad(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a program whose host has another locale, made here by localedef."""
    folder = tmp_path_factory.mktemp("locales")
    language, _, charset = request.param.partition(".")
    subprocess.run(["localedef", "-c", "-i", language, "-f", charset, folder / request.param], check=True,
                   capture_output=True)
    (folder / "host.c").write_text(HOST)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "host.so", folder / "host.c"], check=True)
    return {**os.environ, "LOCPATH": str(folder), "LC_ALL": request.param, "LD_PRELOAD": str(folder / "host.so"),
            "PYTHONUTF8": "1"}


def test_the_host_is_abroad(abroad: dict[str, str]) -> None:
    """Else the tests below would show nothing."""
    seen = subprocess.run([sys.executable, "-c", "import ctypes\nc = ctypes.CDLL(None)\nc.strtod.restype = ctypes.c_double\n"
                           "print(c.strtod(b'5,5', None), c.toupper(ord('i')), c.isalpha(0xe4))"],
                          env=abroad, capture_output=True, text=True, check=True).stdout.split()
    assert seen[0] == "5.5"
    if "ISO-8859" in abroad["LC_ALL"]:
        assert seen[2] != "0"


def test_c_suites(build: Path, abroad: dict[str, str]) -> None:
    # `number` makes a locale of its own; a run that is not full leaves out those that only reckon with pixels.
    left_out = "number" if FULL else "number|fix|grid|quantize|matte|cleanup|downscale|quality|pieces|autotile|animation|limits|fuzz_.*"
    done = subprocess.run(["ctest", "--test-dir", build, "-E", f"^({left_out})$", "-j", str(os.cpu_count()), "--output-on-failure",
                           "--no-tests=error"], env=abroad, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-4000:]


PAINT = """
import json
import dgx_pixels
from dgx_pixels.batch import Batch
with dgx_pixels.Model.load("tiny", threads=1) as model:
    result = model.generate("IRIDESCENT (knight:1.25)", guidance=5.5, steps=1, canvas=(64, 64), seed=3)
    result.save("a.png")
    try:
        result.image.save("x.GIF")  # "gif" in every locale, so no PNG is written under that name
    except dgx_pixels.DgxPixelsError as error:
        assert "name it .png" in str(error)
with Batch(manifest="l.csv", matrix=["eta=0.25,0.5"], dry_run=True) as batch:
    print(json.dumps(batch.describe()["wishes"]))
"""


def test_a_host_that_paints(build: Path, tiny: Path, abroad: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text('subject,guidance\n"İris ïs IN äRMS",2.5\n', encoding="utf-8")
    env = {**abroad, **STUB, "DGX_PIXELS_LIBRARY": str(build / "lib/libdgxpixels.so"),
           "PYTHONPATH": str(ROOT / "bindings/python"),
           **{name: os.environ[name] for name in ("DGX_PIXELS_MODELS", "XDG_CONFIG_HOME")}}
    done = subprocess.run([sys.executable, "-c", PAINT], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    info = Image.open(tmp_path / "a.png").info
    assert "CFG scale: 5.5," in info["parameters"] and json.loads(info["dgx_pixels"])["guidance"] == 5.5
    assert "(knight:1.25)" in info["parameters"]
    wishes = json.loads(done.stdout)
    assert [wish["request"]["eta"] for wish in wishes] == [0.25, 0.5] and wishes[0]["request"]["guidance"] == 2.5
    assert all(wish["name"].isascii() and wish["name"].islower() for wish in wishes)
    assert not (tmp_path / "x.GIF").exists()


# One line a command; {list}, {game} and the like are made below, and every file that comes out is compared.
LINES = (
    "generate ISLAND-ïris --seed 3 --steps 2 --guidance 5.5 -o a.png", "info a.png --json",
    "generate character IDOL --seed 3 --steps 2 -o k.png", "regen k.png -o again.png",
    "fix k.png -o fixed.png --colors 6", "report k.png --json", "palette extract k.png -o k.hex --colors 5",
    "palette map k.png -o mapped.png --palette k.hex", "sheet pack k.png again.png -o sheet.png",
    "sheet contact k.png again.png -o contact.png", "motion k.png --motion idle -o idle.gif",
    "recolor k.png --variants 2 -o colors", "normal k.png -o normal.png", "tileset corner k.png -o tiles.png",
    "batch l.csv -o batch --matrix eta=0.25,0.5", "run w.json -o flow", "presets", "presets character", "models", "lora list",
    "init new", "deploy --project game k.png --to sprites", "build --project game --dry-run", "doctor --help",
    "bench --help", "trust --help", "resident --help", "deploy --project game k.png --to ../I", "fix a.TİF -o x.png", "generate --stepz 3 x")


def say_all(build: Path, env: dict[str, str], folder: Path) -> tuple[list[object], dict[str, bytes]]:
    """What every command answers and writes."""
    (folder / "game/assets").mkdir(parents=True)
    (folder / "new").mkdir()
    (folder / "game/Cargo.toml").write_text('[package]\nname = "game"\nversion = "0.1.0"\n[dependencies]\nbevy = "0.19"\n')
    (folder / "game/dgx-pixels.json").write_text('{"format": 1, "folders": {}, "assets": []}')
    (folder / "l.csv").write_text('subject,guidance,steps\n"İris ïs IN äRMS",2.5,1\nIDOL,1.5,1\n', encoding="utf-8")
    (folder / "w.json").write_text('{"format": "dgx-pixels-workflow", "version": 1, "kind": "sprite", "request": '
                                   '{"prompt": "INK", "seed": 4, "steps": 1, "guidance": 2.5}}')
    told: list[object] = []
    for line in LINES:
        done = subprocess.run([build / "bin/dgx-pixels", *line.split()], env={**env, **STUB}, cwd=folder,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=600)
        said = done.stdout if not line.startswith(("generate", "regen", "batch", "run")) else b""  # they tell seconds
        wrong = done.stderr if done.returncode not in (0, 1) else b""
        told.append((line, done.returncode, said.replace(bytes(folder), b"."), wrong.replace(bytes(folder), b".")))
    pictures = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*"))
                if path.suffix in (".png", ".gif", ".hex", ".tsx", ".ron") and path.is_file()}
    return told, pictures


def test_every_command(build: Path, tiny: Path, abroad: dict[str, str], tmp_path: Path) -> None:
    """The same answers and the same bytes as at home; the program itself never takes its user's locale."""
    user = {name: value for name, value in abroad.items() if name != "LD_PRELOAD"}
    listed = subprocess.run([build / "bin/dgx-pixels", "--help"], text=True, capture_output=True, check=True).stdout
    commands = {line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2:3].isalpha()
                and "   " in line} - {"dgx-pixels"}
    assert commands <= {line.split()[0] for line in LINES}, commands - {line.split()[0] for line in LINES}
    home, there = (say_all(build, {**os.environ, **env}, tmp_path / name)
                   for name, env in (("home", {"LC_ALL": "C"}), ("there", user)))
    for here, other in zip(home[0], there[0], strict=True):
        assert here == other
    assert sum(told[1] != 0 for told in home[0]) == 3, [told for told in home[0] if told[1]]  # the last three lines
    assert set(home[1]) == set(there[1]) and len(home[1]) > 12, sorted(home[1])
    for name, data in home[1].items():
        assert data == there[1][name], name
