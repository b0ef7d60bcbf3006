# SPDX-License-Identifier: MIT OR Apache-2.0
"""From a prompt to pixels on the screen of a running game, and what a shipped game links."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from pathlib import Path

from conftest import ROOT, Painter
from PIL import Image
from running import Game

# What examples/bevy-game/src/main.rs says: its scale, and the colour behind everything.
SCALE, BACKGROUND = 4, (34, 32, 52, 255)
HERO = "sprites/hero.png"


def expected(sprite: Path) -> Image.Image:
    """What must stand on the screen: the sprite over the background, each pixel a square."""
    image = Image.open(sprite).convert("RGBA")
    assert set(image.getchannel("A").tobytes()) <= {0, 255}, "hard alpha"
    over = Image.new("RGBA", image.size, BACKGROUND)
    over.alpha_composite(image)
    return over.resize((image.width * SCALE, image.height * SCALE), Image.Resampling.NEAREST)


def pixels(image: Image.Image) -> list[bytes]:
    data = image.tobytes()
    return [data[i : i + 4] for i in range(0, len(data), 4)]


def difference(shot: Image.Image, wanted: Image.Image) -> int:
    """How many pixels differ inside the hero's rectangle, which is in the middle of the window."""
    left, top = (shot.width - wanted.width) // 2, (shot.height - wanted.height) // 2
    seen = shot.crop((left, top, left + wanted.width, top + wanted.height))
    return sum(a != b for a, b in zip(pixels(seen), pixels(wanted)))


def decoded_hash(path: Path) -> str:
    return hashlib.sha256(Image.open(path).convert("RGBA").tobytes()).hexdigest()


def test_prompt_to_screenshot(game: Game, painter: Painter, tmp_path: Path) -> None:
    """Paint into the game, see; paint again, see the new pixels and not the old ones."""
    hero = game.project / "assets" / HERO
    game.wait(HERO, 1)
    shots, wanted = [], []
    for seed in (7, 8):
        said = painter.generate("medieval knight", seed, "--deploy",
                                "--project", game.project, "--to", HERO)
        assert HERO in said
        held = game.wait_for_hash(HERO, decoded_hash(hero))
        assert held["state"] == "loaded"
        assert (held["width"], held["height"]) == Image.open(hero).size
        shots.append(game.screenshot(tmp_path / f"shot-{seed}.png"))
        wanted.append(expected(hero))
        assert difference(shots[-1], wanted[-1]) == 0, "pixels inside the sprite's rectangle"
    assert wanted[0].tobytes() != wanted[1].tobytes()
    assert difference(shots[1], wanted[0]) > 0, "the comparison cannot fail"
    assert difference(shots[0], wanted[1]) > 0, "the comparison cannot fail"


def test_deploy_asks_the_game(game: Game, painter: Painter, tmp_path: Path) -> None:
    """`deploy --confirm` is told by the running game that it holds the new pixels."""
    game.wait(HERO, 1)
    painter.generate("medieval knight", 9, "-o", tmp_path / "hero.png")
    said = painter.run("deploy", tmp_path / "hero.png", "--project", game.project, "--to", "sprites/",
                       "--confirm", "--brp", f"http://127.0.0.1:{game.port}/")
    assert "the game has the new pixels" in said
    assert game.image(HERO)["hash"] == decoded_hash(game.project / "assets" / HERO)


def test_a_clip_plays(game: Game, tmp_path: Path) -> None:
    """The knight's frames change from screenshot to screenshot, each one being a frame of the sheet."""
    game.wait("sprites/knight.png", 1)
    sheet = json.loads((game.project / "assets/sprites/knight.json").read_text())
    picture = Image.open(game.project / "assets/sprites/knight.png").convert("RGBA")
    frames = []
    for frame in sheet["frames"]:
        box = frame["frame"]
        cut = picture.crop((box["x"], box["y"], box["x"] + box["w"], box["y"] + box["h"]))
        cut.save(tmp_path / "frame.png")
        frames.append(expected(tmp_path / "frame.png"))
    game.drawn(tmp_path / "first.png")
    seen = set()
    for number in range(12):
        shot = game.screenshot(tmp_path / f"clip-{number}.png")
        # main.rs: 220 left of the middle, standing on the floor of 16 sprite pixels.
        left = shot.width // 2 - 220 - frames[0].width // 2
        top = shot.height - 16 * SCALE - frames[0].height
        cut = shot.crop((left, top, left + frames[0].width, top + frames[0].height))
        matching = [i for i, frame in enumerate(frames) if frame.tobytes() == cut.tobytes()]
        assert matching, f"screenshot {number} shows no frame of the sheet"
        seen.add(matching[0])
        time.sleep(0.07)
    assert len(seen) > 1, "the clip stands still"


def test_a_still_sprite_runs_in_the_game(game: Game, painter: Painter, tmp_path: Path) -> None:
    """`motion --deploy` over the knight's sheet: three screenshots show frames of the hero's own run."""
    game.wait("sprites/knight.json", 0)
    before = game.wait("sprites/knight.png", 1)["generation"]
    painter.run("motion", game.project / "assets" / HERO, "-m", "run", "--deploy", "--to", "sprites/knight.png",
                "--project", game.project)
    game.wait("sprites/knight.png", before + 1)
    game.wait_for_hash("sprites/knight.png", decoded_hash(game.project / "assets/sprites/knight.png"))
    sheet = json.loads((game.project / "assets/sprites/knight.json").read_text())
    assert [tag["name"] for tag in sheet["meta"]["frameTags"]] == ["run"]
    picture = Image.open(game.project / "assets/sprites/knight.png").convert("RGBA")
    frames = []
    for frame in sheet["frames"]:
        box = frame["frame"]
        cut = picture.crop((box["x"], box["y"], box["x"] + box["w"], box["y"] + box["h"]))
        cut.save(tmp_path / "frame.png")
        frames.append(expected(tmp_path / "frame.png"))
    middle = 16 * SCALE + 28 * SCALE // 2  # main.rs: where the old sheet's middle stood
    end, shots, seen = time.monotonic() + 600, 0, set()
    while len(seen) < 3:
        assert time.monotonic() < end, f"frames {seen} of {len(frames)} in {shots} screenshots"
        shot = game.screenshot(tmp_path / f"run-{shots}.png")
        left = shot.width // 2 - 220 - frames[0].width // 2
        top = shot.height - middle - frames[0].height // 2
        cut = shot.crop((left, top, left + frames[0].width, top + frames[0].height))
        above = [i for i, frame in enumerate(frames) if stands_on(cut, frame)]
        seen |= set(above[:1])
        shots += 1
        time.sleep(0.07)


def stands_on(shot: Image.Image, frame: Image.Image) -> bool:
    """Every pixel of the frame above the floor's two upper tiles is as it is drawn."""
    return all(a == b for a, b in zip(pixels(shot), pixels(frame)) if b != bytes(BACKGROUND))


def columns(shot: Image.Image, x: int) -> tuple[float, float]:
    """How light the left and the right half of a hero-sized box around `x` of the middle are."""
    width, height = Image.open(ROOT / "examples/bevy-game/assets" / HERO).size
    left, top = shot.width // 2 + x - width * SCALE // 2, (shot.height - height * SCALE) // 2
    sums = []
    for half in (0, 1):
        from_x = left + half * width * SCALE // 2
        part = shot.crop((from_x, top, from_x + width * SCALE // 2, top + height * SCALE)).convert("L")
        sums.append(sum(part.tobytes()) / (part.width * part.height))
    return sums[0], sums[1]


def test_a_lamp_lights_the_hero_from_two_sides(game: Game, tmp_path: Path) -> None:
    """The normal map in the plugin's material: the side that the lamp stands at is lighter in each screenshot."""
    game.wait("sprites/hero.n.png", 1)
    game.drawn(tmp_path / "first.png")
    halves = []
    for x in (-60.0, 340.0):
        game.ask("world.mutate_resources", {"resource": "bevy_game::Lamp", "path": ".place.x", "value": x})
        time.sleep(0.5)
        shot = game.screenshot(tmp_path / f"lamp-{x}.png")
        halves.append(columns(shot, 140))
    left, right = halves
    assert left[0] - left[1] > right[0] - right[1] + 10, halves
    assert left[0] > right[0] and left[1] < right[1], halves


def test_a_colorway_by_the_strip(game: Game, build: Path, tmp_path: Path) -> None:
    """The palette-swap material draws what `recolor` would have written, to the pixel."""
    game.wait("sprites/hero-teams.png", 1)
    game.drawn(tmp_path / "first.png")
    subprocess.run([build / "bin/dgx-pixels", "recolor", game.project / "assets" / HERO, "--variants", "1",
                    "--keep-skin", "-o", tmp_path], check=True, capture_output=True)
    wanted = expected(tmp_path / "hero-1.png")
    seen = game.screenshot(tmp_path / "teams.png")
    left, top = seen.width // 2 + 240 - wanted.width // 2, (seen.height - wanted.height) // 2
    box = (left, top, left + wanted.width, top + wanted.height)
    end = time.monotonic() + 600  # its shader is compiled after the others
    while seen.crop(box).tobytes() != wanted.tobytes():
        assert time.monotonic() < end, game.log.read_text()[-2000:]
        time.sleep(0.2)
        seen = game.screenshot(tmp_path / "teams.png")


def test_stock_methods_tell_it_too(game: Game) -> None:
    """Without the plugin's own methods: the reflected resource, and the methods of bevy_brp_extras."""
    game.wait(HERO, 1)
    name = "dgx_pixels_bevy::reloads::DgxPixelsReloads"
    value = game.ask("world.get_resources", {"resource": name})["value"]
    assert value["images"][HERO]["hash"] == game.image(HERO)["hash"]
    methods = {method["name"] for method in game.ask("rpc.discover")["methods"]}
    assert {"dgx_pixels/status", "dgx_pixels/reload", "brp_extras/screenshot"} <= methods


def test_reload_by_hand(game: Game) -> None:
    """`dgx_pixels/reload` counts on; a path that the game does not hold does nothing."""
    before = game.wait(HERO, 1)["generation"]
    assert game.ask("dgx_pixels/reload", {"path": HERO}) == {"path": HERO, "known": True}
    assert game.wait(HERO, before + 1)["state"] == "loaded"
    nothing = {"path": "sprites/nothing.png", "known": False}
    assert game.ask("dgx_pixels/reload", {"path": "sprites/nothing.png"}) == nothing
    status = game.ask("dgx_pixels/status")
    assert status["watching"] is True and {HERO} < {image["path"] for image in status["images"]}


def test_the_game_links_nothing_of_ours() -> None:
    """`cargo tree` names neither crate that needs the library, and the program does not ask for it."""
    tree = subprocess.run(["cargo", "tree", "--locked", "--prefix", "none", "-e", "normal,build",
                           "--manifest-path", ROOT / "examples/bevy-game/Cargo.toml"],
                          text=True, capture_output=True, check=True).stdout
    crates = {line.split()[0] for line in tree.splitlines() if line}
    assert {"dgx-pixels-bevy", "dgx-pixels-build", "bevy"} <= crates
    assert not {"dgx-pixels", "dgx-pixels-sys"} & crates
    program = Path(os.environ["CARGO_TARGET_DIR"]) / "debug/bevy-game"
    needed = subprocess.run(["readelf", "-d", program], text=True, capture_output=True, check=True).stdout
    assert "NEEDED" in needed and "dgxpixels" not in needed
