# SPDX-License-Identifier: MIT OR Apache-2.0
"""Presets: what kinds, styles, speeds and fields make of a subject, and what they refuse."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
STUB = {"DGX_PIXELS_BACKEND": "stub"}
KINDS = ["animation", "character", "effect", "icon", "item", "monster", "panel", "portrait", "tile",
         "tileset"]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def expand(cli: Run, *words: object, env: dict[str, str] | None = None) -> dict[str, object]:
    done = cli("generate", *words, "-m", "tiny", "--size", "16", "--dry-run", "--json",
               env={"DGX_PIXELS_BACKEND": "/nowhere.so", **(env or {})})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_built_in_preset_keeps_the_contract(cli: Run, tiny: Path) -> None:
    listed = json.loads(cli("presets", "--json").stdout)
    groups: dict[str, set[str]] = {}
    for preset in listed:
        groups.setdefault(preset["group"], set()).add(preset["name"])
    assert groups["kind"] == set(KINDS)
    assert groups["style"] == {"8bit", "16bit", "32bit", "gameboy", "nes", "1bit"}
    assert groups["speed"] == {"fast", "balanced", "quality"}
    assert groups["field"] == {"view", "facing", "outline", "shading", "detail", "isometric"}
    tried: set[tuple[str, str]] = set()
    for kind in KINDS:
        contract = json.loads(cli("presets", kind, "--json").stdout)
        assert set(contract["styles"]) == groups["style"]
        assert "{subject}" in contract["models"]["*"]["prompt"]
        for name, field in contract["fields"].items():
            assert field["default"] is None or field["default"] in field["choices"], (kind, name)
            for value in {*field["choices"]} - {v for n, v in tried if n == name}:
                tried.add((name, value))
                expand(cli, kind, "thing", f"--{name}", value)
    assert len(tried) == 26
    assert len(json.loads(cli("presets", "character", "--json").stdout)["fields"]["facing"]["choices"]) == 8


def test_kind_style_speed_and_fields_lie_over_each_other(cli: Run, tiny: Path) -> None:
    job = expand(cli, "monster", "green slime", "--style", "16bit", "--speed", "quality", "--facing",
                 "west", "--outline", "black")
    assert job["prompt"] == (
        "pixel art, green slime, monster, full body, side view, facing left, black outline, "
        "16-bit console game sprite, simple, flat colors, plain background")
    assert (job["kind"], job["style"], job["speed"]) == ("monster", "16bit", "quality")
    assert job["fields"] == {"facing": "west", "outline": "black"}
    assert (job["sampler"], job["schedule"], job["steps"]) == ("dpmpp-2m", "karras", 40)
    assert job["finish"]["colors"] == 16 and job["finish"]["outline"] == "outer"
    assert "realistic" in str(job["negative_prompt"])
    other = expand(cli, "monster", "green slime", "--style", "8bit", "--speed", "quality", "--steps",
                   "3", "--colors", "5", "--negative-prompt", "blue")
    assert (other["steps"], other["finish"]["colors"], other["negative_prompt"]) == (3, 5, "blue")
    assert expand(cli, "item", "sword", "--as-painted").get("finish") is None


def test_adapters_that_are_not_there(cli: Run, tiny: Path, tmp_path: Path) -> None:
    """An optional one is left out, and `fast` then has settings of its own; a needed one is named."""
    job = expand(cli, "item", "sword", "--speed", "fast")
    assert (job["sampler"], job["steps"], job["guidance"]) == ("dpmpp-2m", 10, 5.0)
    (tmp_path / "ship.json").write_text(json.dumps({
        "format": 1, "name": "ship", "help": "x",
        "models": {"*": {"prompt": "{subject}", "loras": [{"name": "ships-xl"}]}}}))
    done = cli("generate", "ship", "red", "-m", "tiny", "--dry-run",
               env={"DGX_PIXELS_PRESETS": str(tmp_path)})
    assert done.returncode == 3 and "ships-xl" in done.stderr


def test_estimate_is_told_and_learns(cli: Run, tiny: Path, tmp_path: Path) -> None:
    words = ("generate", "item", "red potion", "-m", "tiny", "--size", "16", "--steps", "2")
    guess = json.loads(cli(*words, "--dry-run", "--json").stdout)
    [entry] = guess["estimate"]
    assert entry["seconds"] > 0 and entry["memory_mib"] > 0 and "guess" in entry["basis"]
    assert cli(*words, "-o", tmp_path / "a.png", env=STUB).returncode == 0
    [entry] = json.loads(cli(*words, "--dry-run", "--json").stdout)["estimate"]
    assert entry["seconds"] > 0 and "measured" in entry["basis"] and entry["device"] == "cpu"


@pytest.mark.parametrize("style,colors", [("8bit", 8), ("16bit", 16), ("32bit", 48), ("gameboy", 4),
                                          ("nes", 55), ("1bit", 2)])
def test_styles_hold_on_the_pixels(cli: Run, tiny: Path, tmp_path: Path, style: str,
                                   colors: int) -> None:
    out = tmp_path / "a.png"
    done = cli("generate", "character", "knight", "-m", "tiny", "--size", "32", "--steps", "2", "-s", "7",
               "--style", style, "-o", out, env=STUB)
    assert done.returncode == 0, done.stderr
    with Image.open(out) as image:
        recipe = json.loads(image.text["dgx_pixels"])
        pixels = image.convert("RGBA").get_flattened_data()
    assert image.size == (32, 32)
    assert {pixel[3] for pixel in pixels} <= {0, 255}
    seen = {f"#{r:02x}{g:02x}{b:02x}" for r, g, b, a in pixels if a}
    assert 0 < len(seen) <= colors
    if "palette" in recipe["finish"]:  # the recipe needs no file to be painted again
        assert seen <= set(recipe["finish"]["palette"]["colors"])


@pytest.mark.parametrize("words,said", [
    (("dragonfly", "blue"), "character"),
    (("character", "knight", "--style", "64bit"), "gameboy"),
    (("character", "knight", "--speed", "warp"), "balanced"),
    (("character", "knight", "--view", "inside"), "three-quarter"),
    (("icon", "sword", "--facing", "west"), "outline"),
    (("character", "knight", "--field", "view"), "NAME=VALUE"),
    (("character", "knight", "--field", "mood=sad"), "no such field"),
    (("character", "knight", "--size", "300"), "8 to 128"),
    (("tileset", "grass", "--size", "33"), "steps of 2"),
    (("character", "knight", "--palette", "pico-9"), "pico-9"),
    (("character", "knight", "--background", "blue"), "auto, keep"),
    (("character",), "say of what"),
    (("../character", "knight"), "no preset"),
])
def test_refusals_teach(cli: Run, tiny: Path, words: tuple[str, ...], said: str) -> None:
    done = cli("generate", *words, "-m", "tiny", "--dry-run")
    assert done.returncode in (2, 3, 4) and said in done.stderr, done.stderr


def test_own_presets_come_first_and_are_checked(cli: Run, tiny: Path, tmp_path: Path) -> None:
    own = tmp_path / "presets"
    shutil.copytree(ROOT / "presets/fields", own / "fields")
    preset = {"format": 1, "name": "ship", "help": "a space ship", "fields": {"view": "top-down"},
              "finish": {"colors": 6},
              "models": {"*": {"prompt": "{subject} {ship} from {words}", "size": [32, 32]}}}
    (own / "ship.json").write_text(json.dumps(preset))
    env = {"DGX_PIXELS_PRESETS": str(own)}
    job = expand(cli, "ship", "red", env=env)
    assert job["prompt"] == "red {ship} from , top-down view" and job["finish"]["colors"] == 6
    for change, said in [({"format": 2}, "format"), ({"name": "boat"}, "boat"), ({"models": {}}, "models.*"),
                         ({"finish": {"colour": 1}}, "colour"), ({"help": 7}, "help"),
                         ({"models": {"*": {"prompt": "x", "steps": 0}}}, "steps"),
                         ({"fields": {"mood": None}}, "mood"), ({"sizes": {"min": 9}}, "max")]:
        (own / "ship.json").write_text(json.dumps({**preset, **change}))
        done = cli("generate", "ship", "red", "-m", "tiny", "--dry-run", "--field",
                   "mood=sad" if "fields" in change else "view=side", env=env)
        assert done.returncode in (3, 4) and said in done.stderr, (change, done.stderr)


def test_panel_tells_its_nine_parts(cli: Run, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "menu.png"
    done = cli("generate", "panel", "oak", "-m", "tiny", "--size", "24", "--steps", "1", "-o", out,
               env=STUB)
    assert done.returncode == 0, done.stderr
    sheet = json.loads((tmp_path / "menu.json").read_text())
    [panel] = sheet["meta"]["slices"]
    assert sheet["meta"]["image"] == "menu.png"
    assert panel["keys"][0]["center"] == {"x": 8, "y": 8, "w": 8, "h": 8}


def test_generate_deploys_and_the_next_one_replaces(cli: Run, tiny: Path, tmp_path: Path) -> None:
    game = tmp_path / "game"
    game.mkdir()
    (game / "Cargo.toml").write_text('[dependencies]\nbevy = { features = ["file_watcher"] }\n')
    words = ("generate", "item", "red potion", "-m", "tiny", "--size", "16", "--steps", "1", "--deploy")
    seen = []
    for seed in ("1", "2"):
        done = cli(*words, "-s", seed, env=STUB, cwd=game)
        assert done.returncode == 0, done.stderr
        assert 'asset_server.load("sprites/red-potion.png")' in done.stdout
        seen.append((game / "assets/sprites/red-potion.png").read_bytes())
    assert seen[0] != seen[1]
    sidecar = json.loads((game / "dgx-pixels.recipes/sprites/red-potion.json").read_text())
    assert sidecar["recipe"]["seed"] == 2 and sidecar["recipe"]["subject"] == "red potion"
    (game / "assets/sprites/red-potion.png").write_bytes(b"mine")
    done = cli(*words, env={**STUB, "DGXP_STUB_DELAY_MS": "60000"}, cwd=game, timeout=600)
    assert done.returncode == 4 and "changed since" in done.stderr, "painted before it was refused"
