# SPDX-License-Identifier: MIT OR Apache-2.0
"""dgx-pixels.json: `init`, `build`, and what `generate` takes from it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
STUB = {"DGX_PIXELS_BACKEND": "stub"}
Run = Callable[..., "subprocess.CompletedProcess[str]"]
PROJECT = {
    "format": 1, "model": "tiny",
    "defaults": {"size": [16, 16], "steps": 2, "style": "8bit"},
    "folders": {"*": "sprites/", "item": "things/"},
    "assets": [
        {"path": "sprites/knight.png", "kind": "character", "subject": "medieval knight"},
        {"path": "things/potion.png", "kind": "item", "subject": "red potion", "seed": 7},
        {"path": "tiles/cave.png", "kind": "tile", "subject": "cave", "tile": [8, 8]},
    ],
}


@pytest.fixture
def game(tmp_path: Path, tiny: Path) -> Path:
    folder = tmp_path / "game"
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text('[dependencies]\nbevy = { features = ["file_watcher"] }\n')
    write(folder, PROJECT)
    return folder


def write(game: Path, project: object) -> None:
    (game / "dgx-pixels.json").write_text(json.dumps(project))


def asset(**fields: object) -> dict[str, object]:
    return {"assets": [{"path": "x.png", "subject": "x", **fields}]}


def build_it(cli: Run, game: Path, *words: str) -> tuple[dict[str, str], dict[str, object]]:
    """The state of each asset before, and the whole report."""
    done = cli("build", "--json", *words, cwd=game / "src", env=STUB)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    return {file["path"]: file["state"] for file in report["files"]}, report


def test_builds_what_is_missing_or_changed(cli: Run, game: Path) -> None:
    done = cli("build", "--dry-run", "--json", cwd=game, env={"DGX_PIXELS_BACKEND": "/nowhere.so"})
    assert json.loads(done.stdout)["due"] == 3 and not (game / "assets").exists(), done.stderr
    states, report = build_it(cli, game)
    assert set(states.values()) == {"missing"} and report["made"] == 3
    lock = {entry["path"]: entry
            for entry in json.loads((game / "dgx-pixels.lock.json").read_text())["assets"]}
    assert all(len(entry["wish"]) == 64 and len(entry["recipe"]) == 64 for entry in lock.values())
    assert lock["tiles/cave.png"]["kind"] == "tileset" and lock["tiles/cave.png"]["columns"] == 2
    with Image.open(game / "assets/sprites/knight.png") as image:
        assert image.size == (16, 16) and len(image.convert("RGBA").getcolors()) <= 9
    before = {path: (game / "assets" / path).read_bytes() for path in lock}

    states, report = build_it(cli, game)
    assert set(states.values()) == {"current"} and report["made"] == 0

    project = json.loads(json.dumps(PROJECT))
    project["assets"][1]["subject"] = "blue potion"
    write(game, project)
    states, report = build_it(cli, game)
    assert report["made"] == 1 and states["things/potion.png"] == "changed"
    after = {path: (game / "assets" / path).read_bytes() for path in lock}
    assert [path for path in lock if before[path] != after[path]] == ["things/potion.png"]

    (game / "assets/tiles/cave.png").unlink()
    states, _ = build_it(cli, game)
    assert states["tiles/cave.png"] == "missing"
    assert (game / "assets/tiles/cave.png").read_bytes() == before["tiles/cave.png"]

    (game / "assets/sprites/knight.png").write_bytes(b"mine")
    states, report = build_it(cli, game)
    assert states["sprites/knight.png"] == "edited" and "by hand" in str(report["warnings"])
    assert (game / "assets/sprites/knight.png").read_bytes() == b"mine"
    assert build_it(cli, game, "--force")[1]["made"] == 1
    assert (game / "assets/sprites/knight.png").read_bytes() == before["sprites/knight.png"]

    project["assets"] = project["assets"][1:]
    write(game, project)
    assert "no longer wished for" in str(build_it(cli, game)[1]["warnings"])
    assert (game / "assets/sprites/knight.png").exists()


def test_an_edited_preset_makes_its_assets_anew(cli: Run, game: Path) -> None:
    (game / "presets").mkdir()
    own = game / "presets/item.json"
    shutil.copy(ROOT / "presets/item.json", own)
    assert build_it(cli, game)[1]["made"] == 3
    own.write_text(own.read_text().replace("single object", "one object"))
    states, report = build_it(cli, game)
    assert report["made"] == 1 and states["things/potion.png"] == "changed"


def test_a_picture_that_was_deployed_by_hand_stays(cli: Run, game: Path, tmp_path: Path) -> None:
    Image.new("RGBA", (16, 16), "red").save(tmp_path / "knight.png")
    assert cli("deploy", tmp_path / "knight.png", "--to", "sprites/", cwd=game).returncode == 0
    before = (game / "assets/sprites/knight.png").read_bytes()
    states, report = build_it(cli, game)
    assert states["sprites/knight.png"] == "edited" and report["made"] == 2
    assert "sprites/knight.png" in str(report["warnings"])
    assert (game / "assets/sprites/knight.png").read_bytes() == before
    assert build_it(cli, game, "--force")[1]["made"] == 1


def test_a_clone_builds_nothing(cli: Run, game: Path, tiny: Path) -> None:
    """Wherever it lies: the model's path is hashed as it is written."""
    (game / "models").mkdir()
    (game / "models/own.safetensors").symlink_to(tiny / "tiny.safetensors")
    write(game, {**PROJECT, "model": "models/own.safetensors"})
    assert build_it(cli, game)[1]["made"] == 3
    assert build_it(cli, game.rename(game.with_name("clone")))[1]["made"] == 0


def test_animations_and_tile_sets(cli: Run, game: Path) -> None:
    """Several files, one wish: the lock knows frames, tags and tiles, and each file counts."""
    slime = {"path": "sprites/slime.png", "kind": "character", "subject": "slime", "animation": {
        "duration": 120, "tags": [{"name": "idle"}],
        "frames": [{}, {"subject": "slime, jumping", "strength": 0.6}, {"duration": 80}]}}
    ground = {"path": "tiles/ground.png", "kind": "tileset", "subject": "grass",
              "tileset": {"outside": {"subject": "water"}}}
    project = {"format": 1, "model": "tiny", "defaults": {"size": [16, 16], "steps": 4},
               "assets": [slime, ground]}
    write(game, project)
    states, report = build_it(cli, game)
    assert report["made"] == 2 and set(states.values()) == {"missing"}
    paths = ["sprites/slime.aseprite", "sprites/slime.json", "sprites/slime.png", "tiles/ground.png",
             "tiles/ground.tsx"]
    assert sorted(states) == paths
    lock = {entry["path"]: entry
            for entry in json.loads((game / "dgx-pixels.lock.json").read_text())["assets"]}
    assert [lock[path]["kind"] for path in paths] == ["file", "sheet", "image", "tileset", "file"]
    assert lock[paths[0]]["wish"] == lock[paths[1]]["wish"] == lock[paths[2]]["wish"] != lock[paths[3]]["wish"]
    about = json.loads(cli("info", game / "assets/sprites/slime.aseprite", "--json").stdout)
    assert (about["type"], about["frames"], about["duration_ms"]) == ("aseprite", 3, 320)
    assert about["tags"] == [{"name": "idle", "from": 0, "to": 2}]
    sheet = lock["sprites/slime.json"]
    assert [frame["duration"] for frame in sheet["frames"]] == [120, 120, 80]
    assert [(tag["name"], tag["from"], tag["to"]) for tag in sheet["tags"]] == [("idle", 0, 2)]
    with Image.open(game / "assets/sprites/slime.png") as image:
        cells = [image.convert("RGBA").crop((f["x"], f["y"], f["x"] + f["width"], f["y"] + f["height"]))
                 for f in sheet["frames"]]
    assert len({cell.tobytes() for cell in cells}) == 3 and all(cell.getbbox() for cell in cells)
    tiles = lock["tiles/ground.png"]
    assert (tiles["tile_width"], tiles["columns"] * tiles["rows"]) == (16, 48)
    assert "array_layout" not in (game / "assets/tiles/ground.png.meta").read_text()
    assert int(ElementTree.parse(game / "assets/tiles/ground.tsx").getroot().get("tilecount", "0")) >= 47
    before = {path: (game / "assets" / path).read_bytes() for path in paths}

    states, report = build_it(cli, game)
    assert report["made"] == 0 and set(states.values()) == {"current"} and not report["warnings"]
    (game / "assets/sprites/slime.json").unlink()
    states, report = build_it(cli, game)
    assert states["sprites/slime.json"] == "missing" and report["made"] == 1
    assert {path: (game / "assets" / path).read_bytes() for path in paths} == before
    slime["animation"]["duration"] = 90  # type: ignore[index]
    write(game, project)
    states, report = build_it(cli, game)
    assert report["made"] == 1 and states["sprites/slime.png"] == "changed"
    (game / "assets/tiles/ground.tsx").write_text("{}")
    ground["subject"] = "sand"
    write(game, project)
    states, report = build_it(cli, game)
    assert states["tiles/ground.png"] == "edited" and "tiles/ground.tsx" in str(report["warnings"])
    assert (game / "assets/tiles/ground.png").read_bytes() == before["tiles/ground.png"]
    write(game, {**project, "assets": [slime]})
    assert str(build_it(cli, game)[1]["warnings"]).count("no longer wished for") == 2  # the tiles' two


def test_a_stopped_build_goes_on(build: Path, cli: Run, game: Path) -> None:
    process = subprocess.Popen([build / "bin/dgx-pixels", "build"], cwd=game, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE,
                               env={**os.environ, **STUB, "DGXP_STUB_DELAY_MS": "300"})
    first = game / "assets/sprites/knight.png"
    while not first.exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=600)
    assert process.returncode == 130
    states, report = build_it(cli, game)
    assert states["sprites/knight.png"] == "current" and 0 < report["made"] < 3


def test_a_sprite_moves_in_other_colors_with_a_normal_map(cli: Run, game: Path) -> None:
    """What `recolor`, `motion` and `normal` make of the painted sprite is what the program makes of it."""
    plain = {"path": "sprites/slime.png", "kind": "character", "subject": "slime", "seed": 5}
    moved = {**plain, "path": "sprites/moved.png", "motion": {"motions": "idle,hit", "speed": 200},
             "recolor": {"variant": 2}, "normal": True}
    mapped = {**plain, "path": "sprites/mapped.png", "normal": {"strength": 150}}
    project = {"format": 1, "model": "tiny", "defaults": {"size": [16, 16], "steps": 4},
               "assets": [plain, moved, mapped]}
    write(game, project)
    states, report = build_it(cli, game)
    paths = ["sprites/mapped.n.png", "sprites/mapped.png", "sprites/moved.aseprite", "sprites/moved.json",
             "sprites/moved.n.png", "sprites/moved.png", "sprites/slime.png"]
    assert report["made"] == 3 and sorted(states) == paths
    sprites = game / "assets/sprites"
    for name, linear in (("moved.n.png", True), ("mapped.n.png", True), ("moved.png", False)):
        assert ("is_srgb: false" in (sprites / f"{name}.meta").read_text()) is linear
    assert cli("recolor", sprites / "slime.png", "--variants", "2", "-o", game).returncode == 0
    assert cli("motion", game / "slime-2.png", "-m", "idle,hit", "--speed", "200", "-o", game / "m.png",
               "--normal", game / "m.n.png").returncode == 0
    assert cli("normal", sprites / "slime.png", "--strength", "150", "-o", game / "p.n.png").returncode == 0

    for one, other in (("moved.png", "m.png"), ("moved.n.png", "m.n.png"), ("mapped.n.png", "p.n.png"),
                       ("mapped.png", "assets/sprites/slime.png")):
        assert read(sprites / one) == read(game / other), one
    assert json.loads((sprites / "moved.json").read_text())["frames"] == json.loads(
        (game / "m.json").read_text())["frames"]
    states, report = build_it(cli, game)
    assert report["made"] == 0 and set(states.values()) == {"current"} and not report["warnings"]
    moved["motion"]["speed"] = 100  # type: ignore[index]
    write(game, project)
    states, report = build_it(cli, game)
    assert report["made"] == 1 and states["sprites/moved.json"] == "changed"
    (sprites / "mapped.n.png").unlink()
    states, report = build_it(cli, game)
    assert report["made"] == 1 and states["sprites/mapped.n.png"] == "missing"


def read(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.convert("RGBA").tobytes()


def test_a_preset_says_what_becomes_of_the_sprite(cli: Run, game: Path) -> None:
    """Kind and style may have the steps; a wish's own win, and null takes one out.  A workflow does the same."""
    section = {"*": {"prompt": "{subject}"}}
    own = {"format": 1, "name": "walker", "help": "walks", "models": section, "motion": "idle,hit", "normal": True}
    style = {"format": 1, "name": "team", "help": "in its color", "models": {"*": {}}, "recolor": {"variant": 2}}
    (game / "presets/styles").mkdir(parents=True)
    (game / "presets/walker.json").write_text(json.dumps(own))
    (game / "presets/styles/team.json").write_text(json.dumps(style))
    stander = {key: own[key] for key in ("format", "help", "models")} | {"name": "stander"}
    (game / "presets/stander.json").write_text(json.dumps(stander))
    base = {"kind": "walker", "subject": "slime", "seed": 5}
    said = {"motion": "idle,hit", "normal": True, "recolor": {"variant": 2}}
    assets = [{**base, "path": "by.png", "style": "team"},
              {**base, **said, "path": "own.png", "kind": "stander"},
              {**base, "path": "still.png", "motion": None, "normal": False}]
    write(game, {"format": 1, "model": "tiny", "defaults": {"size": [16, 16], "steps": 2}, "assets": assets})
    states, report = build_it(cli, game)
    assert sorted(states) == ["by.aseprite", "by.json", "by.n.png", "by.png", "own.aseprite", "own.json",
                              "own.n.png", "own.png", "still.png"]
    for end in ("png", "n.png"):
        assert read(game / f"assets/by.{end}") == read(game / f"assets/own.{end}")
    flow = {"format": "dgx-pixels-workflow", "version": 1, "kind": "sprite", "name": "flow", "model": "tiny",
            "request": {**base, "style": "team", "size": [16, 16], "steps": 2}}
    (game / "flow.json").write_text(json.dumps(flow))
    done = cli("run", game / "flow.json", "-o", game / "out", cwd=game, env=STUB)
    assert done.returncode == 0, done.stderr
    assert read(game / "out/flow.n.png") == read(game / "assets/by.n.png")
    done = cli("presets", "walker", cwd=game)
    assert 'then motion: "idle,hit"' in done.stdout, done.stdout + done.stderr
    done = cli("generate", "walker", "slime", "--model", "tiny", "--size", "16", "--steps", "2", "-o", game / "s.png",
               cwd=game, env=STUB)
    assert done.returncode == 0 and "'walker' goes on with motion" in done.stderr, done.stderr
    own["motion"] = {"motions": "idle", "speed": 5}
    (game / "presets/walker.json").write_text(json.dumps(own))
    done = cli("build", cwd=game, env=STUB)
    assert done.returncode != 0 and "walker.json: field 'motion.speed' is 5" in done.stderr, done.stderr


def test_a_wish_is_made_of_a_picture_that_is_there(cli: Run, game: Path) -> None:
    """Its own, or another wish's; without a model; anew when that picture or the wish is another one."""
    moved = {"path": "hero-moves.png", "from": "hero.png", "motion": "idle,hit", "normal": True}
    painted = {"path": "slime.png", "kind": "character", "subject": "slime"}
    other = {"path": "slime-2.png", "from": "slime.png", "recolor": {"variant": 2}}
    project = {"format": 1, "model": "/nowhere", "defaults": {"size": [16, 16], "steps": 2}, "assets": [moved]}
    write(game, project)
    done = cli("build", cwd=game, env=STUB)
    assert done.returncode == 3 and "assets[0]: is made from 'hero.png', which is not in" in done.stderr
    pixels = Image.new("RGBA", (12, 16))
    pixels.paste((200, 40, 40, 255), (2, 1, 10, 16))
    pixels.paste((240, 200, 40, 255), (4, 3, 8, 6))
    (game / "assets").mkdir()
    pixels.save(game / "assets/hero.png")
    lacking = {"path": "hero-2.png", "from": "hero.png", "recolor": "green=blue"}
    write(game, {**project, "assets": [lacking]})
    done = cli("build", cwd=game, env=STUB)
    assert done.returncode == 3 and "hero-2: dgxp_recolor: map: the sprite has no ramp like 'green'" in done.stderr
    write(game, project)
    states, report = build_it(cli, game)
    assert sorted(states) == ["hero-moves.aseprite", "hero-moves.json", "hero-moves.n.png", "hero-moves.png"]
    assert cli("motion", game / "assets/hero.png", "-m", "idle,hit", "-o", game / "m.png").returncode == 0
    assert read(game / "assets/hero-moves.png") == read(game / "m.png")
    assert set(build_it(cli, game)[0].values()) == {"current"}
    pixels.paste((40, 40, 200, 255), (4, 3, 8, 6))
    pixels.save(game / "assets/hero.png")
    states, report = build_it(cli, game)
    assert set(states.values()) == {"changed"} and report["made"] == 1

    write(game, {**project, "model": "tiny", "assets": [other, painted]})
    done = cli("build", cwd=game, env=STUB)
    assert done.returncode == 4 and "assets[0]: is made from 'slime.png', which stands below" in done.stderr
    write(game, {**project, "model": "tiny", "assets": [painted, other]})
    assert build_it(cli, game)[1]["made"] == 2
    assert set(build_it(cli, game)[0].values()) == {"current"}
    first = read(game / "assets/slime-2.png")
    write(game, {**project, "model": "tiny", "assets": [{**painted, "seed": 77}, other]})
    states, report = build_it(cli, game)
    assert states["slime-2.png"] == "changed" and report["made"] == 2
    assert read(game / "assets/slime-2.png") != first
    assert set(build_it(cli, game)[0].values()) == {"current"}


@pytest.mark.parametrize("change,said", [
    ({"format": 2}, "format"),
    ({"colour": 1}, "colour"),
    ({"model": 7}, "model"),
    ({"folders": {"item": "../out"}}, "folders"),
    ({"defaults": {"style": "64bit", "kind": "item"}}, "64bit"),
    ({"defaults": {"speeed": "fast"}}, "speeed"),
    ({"assets": [{"path": "../x.png", "subject": "x"}]}, "../x.png"),
    ({"assets": [{"path": "x.gif", "subject": "x"}]}, "x.gif"),
    ({"assets": [{"path": "x.png"}]}, "subject"),
    ({"assets": [{"path": "x.png", "kind": "itme", "subject": "x"}]}, "itme"),
    ({"assets": [{"path": "x.png", "subject": "x", "steps": 0}]}, "steps"),
    ({"assets": [{"path": "x.png", "subject": "x"}, {"path": "X.png", "subject": "y"}]}, "another"),
    ({"assets_folder": "../assets"}, "assets_folder"),
    (asset(kind="animation"), "without frames"),
    (asset(animation={"frames": []}), "no frame"),
    (asset(animation={"frames": [{"stpes": 1}]}), "stpes"),
    (asset(animation={"frames": [{}], "speed": 3}), "unknown field 'speed'"),
    (asset(animation={"frames": [{}], "tags": [{"name": "a", "to": 1}]}), "tags[0].to"),
    (asset(animation={"frames": [{}]}, tileset={}), "at once"),
    (asset(tileset={"set": "none"}), "none"),
    (asset(motion="dance"), "no motion 'dance'"),
    (asset(motion={"motion": "idle"}), "unknown field 'motion'"),
    (asset(motion=["idle"]), "must be text like"),
    (asset(motion={"frames": 13}), "motion.frames"),
    (asset(motion={"facing": "up"}), "motion.facing"),
    (asset(recolor={"map": "red=bleu"}), "'bleu' is no color"),
    (asset(recolor={"variant": 1001}), "recolor.variant"),
    (asset(normal={"strength": 1}), "normal.strength"),
    (asset(normal=3), "normal"),
    (asset(motion="idle", animation={"frames": [{}]}), "which are of sprites"),
    (asset(recolor={}, tileset={}), "which are of sprites"),
    ({"assets": [{"path": "x.png", "from": "../y.png", "motion": "idle"}]}, "another picture inside assets/"),
    ({"assets": [{"path": "x.png", "from": "x.png", "motion": "idle"}]}, "another picture inside assets/"),
    ({"assets": [{"path": "x.png", "from": "y.png"}]}, "nothing is done with it"),
    ({"assets": [{"path": "x.png", "from": "y.png", "motion": "dance"}]}, "no motion 'dance'"),
    (asset(**{"from": "y.png", "motion": "idle"}), "so it has no 'subject'"),
    (asset(tileset={"outside": {"subjct": "y"}}), "subjct"),
    (asset(tileset={"rough": 65}), "rough"),
])
def test_mistakes_are_named(cli: Run, game: Path, change: dict[str, object], said: str) -> None:
    write(game, {**PROJECT, **change})
    done = cli("build", cwd=game, env=STUB)
    assert done.returncode in (2, 3, 4) and said in done.stderr, done.stderr
    assert "dgx-pixels.json" in done.stderr or "assets_folder" in said, done.stderr
    assert not (game / "assets").exists()


def test_generate_takes_the_projects_defaults_and_options_win(cli: Run, game: Path) -> None:
    done = cli("generate", "item", "key", "--dry-run", "--json", cwd=game / "src")
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)
    assert (job["style"], job["steps"], job["size"]) == ("8bit", 2, [16, 16])
    job = json.loads(cli("generate", "item", "key", "--style", "1bit", "--steps", "3", "--size", "8",
                         "--dry-run", "--json", cwd=game).stdout)
    assert (job["style"], job["steps"], job["size"]) == ("1bit", 3, [8, 8])
    done = cli("generate", "item", "key", "--deploy", cwd=game, env=STUB)
    assert 'load("things/key.png")' in done.stdout, done.stderr


def test_generate_begins_with_all_of_the_defaults(cli: Run, game: Path) -> None:
    """Not only with those that are options of the same name: it paints what build would."""
    defaults = {"kind": "item", "size": [16, 16], "steps": 3, "seed": 5, "sampler": "ddim", "eta": 0.5,
                "schedule": "normal", "spacing": "trailing", "tiling": "x", "cfg_stop": 0.5,
                "guidance": 3, "guidance_rescale": 0.25, "style": "1bit", "view": "side",
                "finish": {"outline": "outer"}, "negative_prompt": "dull"}
    write(game, {**PROJECT, "defaults": defaults,
                 "assets": [{"path": "things/key.png", "subject": "key"}]})
    job = json.loads(cli("generate", "key", "--dry-run", "--json", cwd=game).stdout)
    assert {name: job[name] for name in defaults if name not in ("finish", "view")} == {
        **{name: value for name, value in defaults.items() if name not in ("finish", "view")}}
    assert job["finish"]["outline"] == "outer" and "side view" in job["prompt"]
    assert build_it(cli, game)[1]["made"] == 1
    assert cli("generate", "key", "-o", game / "key.png", cwd=game, env=STUB).returncode == 0
    with Image.open(game / "key.png") as one, Image.open(game / "assets/things/key.png") as other:
        assert one.convert("RGBA").tobytes() == other.convert("RGBA").tobytes()
    job = json.loads(cli("generate", "key", "--style", "8bit", "--sampler", "euler", "-s", "9", "--view",
                         "front", "--dry-run", "--json", cwd=game).stdout)
    assert (job["style"], job["sampler"], job["seed"], job["eta"]) == ("8bit", "euler", 9, 0.5)
    assert "front view" in job["prompt"] and "side" not in job["prompt"]


def test_init_writes_what_build_reads(cli: Run, tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "Cargo.toml").write_text("[package]\n")
    assert cli("init", cwd=tmp_path).returncode == 0
    done = cli("build", "--dry-run", "--json", cwd=tmp_path)
    assert done.returncode == 0 and json.loads(done.stdout)["due"] == 3, done.stderr
    done = cli("init", cwd=tmp_path)
    assert done.returncode == 2 and "already" in done.stderr


CALLS = ["rename", "renameat", "renameat2", "linkat", "unlinkat", "fsync", "write", "pwrite64"]


@pytest.mark.parametrize("call", CALLS)
def test_a_build_killed_anywhere_knows_its_own_files(cli: Run, build: Path, game: Path, tmp_path: Path,
                                                     call: str, full: bool, evidence) -> None:  # type: ignore[no-untyped-def]
    """Killed at its Nth rename, link, write …: the next build calls no file of ours edited by hand."""
    strace = shutil.which("strace")
    assert strace, "strace is missing: run scripts/setup test"
    project = json.loads(json.dumps(PROJECT))
    project["assets"] = project["assets"][:2]
    words = [strace, "-f", "-qq", "-o", tmp_path / "trace", "-e", f"trace={call}", "-e"]
    environment = {**os.environ, **STUB}
    kills = 0
    for number in range(1, 400):
        if call == "write" and not full and number % 5:
            continue
        project["assets"][0]["subject"] = f"knight {number}"  # so that a file is replaced, too
        write(game, project)
        killed = subprocess.run(
            [*words, f"inject={call}:signal=KILL:when={number}", build / "bin/dgx-pixels", "build",
             "--quiet"], cwd=game, env=environment, capture_output=True, text=True, check=False)
        if killed.returncode == 0:
            break
        assert killed.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), killed.stderr
        kills += 1
        _, report = build_it(cli, game)
        assert not [word for word in report["warnings"] if "edited" in str(word)], (number, report)
        states, report = build_it(cli, game)
        assert set(states.values()) == {"current"}, (number, states)
        left = list((game / ".dgx-pixels").rglob("*pending*"))
        assert not left and not list((game / ".dgx-pixels/staging").iterdir()), (number, left)
    else:
        pytest.fail("the build never got through")
    evidence(f"build: killed at each {call}", kills, "the next build knew every file")
