# SPDX-License-Identifier: MIT OR Apache-2.0
"""Deploying in pure Python, side by side with the C library: the same files, reports and refusals."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import PIL.Image
import PIL.PngImagePlugin
import pytest

from dgx_pixels import BadFormat, DgxPixelsError, Image, Mismatch, Sheet, Slice, game as library, project
from dgx_pixels.project import beneath, png, texts

ROOT = Path(__file__).resolve().parents[2]

_spec = importlib.util.spec_from_file_location("deploy_cases", ROOT / "tests/python/test_deploy.py")
assert _spec and _spec.loader
cases = importlib.util.module_from_spec(_spec)  # the hostile targets of the C tests
_spec.loader.exec_module(cases)

CARGO = '[package]\nname = "game"\n[dependencies]\nbevy = { version = "0.19", features = ["file_watcher"] }\n'
DEPLOYERS: dict[str, Callable[..., dict[str, Any]]] = {"c": library.deploy, "python": project.deploy}


@pytest.fixture(params=["relative", "by path"])
def opening(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The second is how Windows works, where a name cannot be opened relative to a folder."""
    if request.param == "by path":
        monkeypatch.setattr(beneath, "RELATIVE", False)
    return str(request.param)


@pytest.fixture
def games(tmp_path: Path) -> dict[str, Path]:
    """Two projects of one shape, one for each deployer."""
    made = {}
    for who in DEPLOYERS:
        made[who] = tmp_path / who / "game"
        (made[who] / "assets").mkdir(parents=True)
        (made[who] / "Cargo.toml").write_text(CARGO)
    return made


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a project with its content, and every folder: state, history and lock too."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"a folder"
            for path in sorted(folder.rglob("*")) if not path.is_symlink()}


def both(games: dict[str, Path], files: Any, **options: Any) -> dict[str, Any]:
    """Deploy the same with both; the reports, but for the folder's name, and all files are equal."""
    told: dict[str, Any] = {}
    for who, deploy in DEPLOYERS.items():
        try:
            told[who] = deploy(files, project=games[who], **options)
            told[who].pop("project")
        except DgxPixelsError as error:
            told[who] = type(error), str(error).replace(str(games[who]), "GAME")
    assert told["c"] == told["python"]
    assert tree(games["c"]) == tree(games["python"])
    return dict(told["python"]) if isinstance(told["python"], dict) else {"refused": told["python"]}


def painted(color: int = 40, size: int = 16, **more: str) -> bytes:
    """A PNG with the metadata that ours have, and some that are hard to write down."""
    told = PIL.PngImagePlugin.PngInfo()
    told.add_text("dgx_pixels", json.dumps({"seed": 7, "guidance": 3.5, "eta": 0.1, "tiny": 1e-7, "huge": 1e20,
                                            "list": [], "none": None, "deep": {"yes": True, "one": 1.0}}))
    told.add_text("dgx_pixels_review", json.dumps({"state": "approved", "note": "\u00fc", "at": 1.5}))
    told.add_itxt("parameters", 'a "knight" \u00fc\u4e2d\\\nSteps: 2\t\x1b', zip=True)
    for name, text in more.items():
        told.add_text(name, text)
    image = PIL.Image.new("RGBA", (size, size), (0, 0, 0, 0))
    image.paste((200, color, 40, 255), (2, 2, size - 2, size - 2))
    out = io.BytesIO()
    image.save(out, "png", pnginfo=told)
    return out.getvalue()


# --------------------------------------------------------------------------------- the same files


def test_deployments_equal_the_librarys(games: dict[str, Path], tiny: Path, opening: str) -> None:
    first = both(games, {"knight.png": painted()}, to="sprites/")
    assert first["deployment"] == 1 and first["files"][0]["action"] == "new"
    assert both(games, {"knight.png": painted()}, to="sprites")["deployment"] == 0
    assert both(games, {"a.png": painted(9)}, to="sprites/knight.png")["files"][0]["action"] == "replaced"
    frames = [Image.decode(painted(color)) for color in (1, 2, 3)]
    sheet = Sheet(frames, duration=80)
    sheet.add_tag("walk", 0, 2, "pingpong", repeat=3)
    sheet.add_slice(Slice("body", 1, 2, 8, 9, center=(2, 2, 3, 3), pivot=(4, 9)))
    atlas = sheet.pack()
    files = {"walk.png": atlas.image.encode(), "walk.json": atlas.describe("aseprite-array", "walk.png").encode()}
    assert both(games, files, to="sprites/")["files"][1]["kind"] == "sheet"
    assert "not deployed" in both(games, {"walk.json": files["walk.json"]}, to="b/")["warnings"][0]
    assert both(games, {"t.png": painted(size=32)}, to="tiles/", tile=(16, 8),
                array=True)["files"][0]["layers"] == 8
    sheet_of = {"frames": [{"filename": "a", "frame": {"x": 0, "y": 0, "w": 8, "h": 8}, "duration": 83.6}],
                "meta": {"image": "walk.png", "size": {"w": 32, "h": 32}, "slices": None,
                         "frameTags": [{"name": "walk", "from": 0, "to": 0, "repeat": 3}]}}
    text = json.dumps(sheet_of).encode()
    assert both(games, {"other.json": text}, to="c/")["files"][0]["kind"] == "sheet"  # other exporters'
    [entry] = [entry for entry in json.loads((games["c"] / "dgx-pixels.lock.json").read_text())["assets"]
               if entry["path"] == "c/other.json"]
    assert (entry["frames"][0]["duration"], entry["tags"][0]["repeat"]) == (84, 3)
    for wrong in (b"0.2", b"70000", b"true", b'"9"'):
        assert "duration" in both(games, {"o.json": text.replace(b"83.6", wrong)}, to="c/")["refused"][1]
    assert "repeat" in both(games, {"o.json": text.replace(b"3}]", b"-3}]")}, to="c/")["refused"][1]
    assert both(games, {"odd.ron": b"(1)", "x.json": b"[1, 2.50]"}, meta="none")["files"]
    assert both(games, {"p.png": painted()}, sidecar=False, meta="none", dry_run=True)["deployment"] == 0
    for game in games.values():
        (game / "assets/sprites/knight.png.meta").write_text("mine")
        (game / "dgx-pixels.recipes/sprites/knight.json").write_text("mine")
        (game / "Cargo.toml").write_text('bevy = "0.19" # features = ["file_watcher"]\n')
    told = both(games, {"knight.png": painted(5)}, to="sprites/")
    assert len(told["warnings"]) == 3
    # Each takes back what the other wrote.
    c, python = games["c"], games["python"]
    for _ in range(8):
        undone = library.undo_deploy(python, force=True), project.undo_deploy(c, force=True)
        assert {**undone[0], "project": ""} == {**undone[1], "project": ""}
        assert tree(c) == tree(python)
    for game in games.values():
        assert not list((game / "assets").rglob("*")), "a folder that a deployment made is left"
        with pytest.raises(FileNotFoundError, match="no deployment to undo"):
            project.undo_deploy(game)


def shapes() -> dict[str, tuple[dict[str, bytes], dict[str, Any]]]:
    """What a name can stand for: files and options of a deployment whose picture is a.png."""
    def strip(count: int) -> dict[str, bytes]:
        atlas = Sheet([Image.decode(painted(color)) for color in range(count)]).pack()
        return {"a.png": atlas.image.encode(), "a.json": atlas.describe("aseprite-array", "a.png").encode()}

    return {"sprite": ({"a.png": painted()}, {}), "sheet": (strip(3), {}), "shorter": (strip(2), {}),
            "grid": ({"a.png": painted(size=32)}, {"tile": 16}),
            "array": ({"a.png": painted(size=32)}, {"tile": 16, "array": True}),
            "larger": ({"a.png": painted(size=64)}, {"tile": 16, "array": True}),
            "one": ({"a.png": painted()}, {"tile": 16, "array": True}),
            "finer": ({"a.png": painted(size=32)}, {"tile": 8, "array": True}),
            "data": ({"a.json": b"[1]"}, {})}


def follows(before: str, after: str) -> bool:
    """Whether a game that shows the one goes on with the other."""
    arrays, sheets = {"array", "larger", "one", "finer"}, {"sheet", "shorter"}
    tiles = {"one": 1, "array": 4, "larger": 16}
    if before in sheets:  # a picture alone must still hold the frames; together they are whole
        return after in sheets
    if before in arrays:
        return after == "data" or after == before or (
            after in tiles and before in tiles and tiles[after] >= tiles[before])
    return after not in arrays or before == "data"


def test_what_a_file_is_does_not_change_beneath_a_game(games: dict[str, Path], opening: str) -> None:
    told = shapes()
    for before in told:
        for after in told:
            name = f"{before}-{after}/"
            assert "refused" not in both(games, told[before][0], to=name, **told[before][1])
            outcome = both(games, told[after][0], to=name, **told[after][1])
            expected = follows(before, after) and not (before == "data" and after in ("sheet", "shorter"))
            assert ("refused" not in outcome) is expected, (before, after, outcome)
            if not expected:
                assert "`force`" in outcome["refused"][1]
                assert "refused" not in both(games, told[after][0], to=name, force=True, **told[after][1])


def test_refusals_equal_the_librarys(games: dict[str, Path], opening: str) -> None:
    for game in games.values():
        (game / "assets/mine.png").write_bytes(b"mine")
    for options in ({"to": "mine.png"}, {"to": "MINE.png"}, {"to": "x/", "tile": 5}):
        assert "refused" in both(games, {"knight.png": painted()}, **options), options
    assert "refused" in both(games, {"a.txt": b"x"})
    assert "refused" in both(games, {"A.png": painted(), "a.png": painted()})
    assert "refused" in both(games, {"a.png": painted(), "b.png": painted()}, to="c.png")
    assert "refused" in both(games, {"a.json": b"{}"}, to="c.png")
    assert both(games, {"knight.png": painted()}, to="mine.png", force=True)["files"][0]["action"] == "replaced"
    assert (games["python"] / "assets/mine.png").read_bytes() != b"mine"
    project.undo_deploy(games["python"])
    assert (games["python"] / "assets/mine.png").read_bytes() == b"mine"


def test_hostile_targets(tmp_path: Path, opening: str, full: bool, evidence: Any) -> None:
    """Those of the C tests: refused, nothing outside, nothing lost; the same sentence for a name."""
    game, outside = tmp_path / "game", tmp_path / "outside"
    (game / "assets").mkdir(parents=True)
    (game / "Cargo.toml").write_text(CARGO)
    outside.mkdir()
    refused = 0
    targets = [("name", name) for name in cases.names()] + list(cases.place_links(game, outside))

    def everything() -> dict[str, str]:
        return {name: value for name, value in cases.snapshot(tmp_path).items()
                if not name.startswith("game/.dgx-pixels")}

    before = everything()
    for what, target in targets:
        with pytest.raises(DgxPixelsError) as error:
            project.deploy({"knight.png": painted()}, project=game, to=target, force=what != "existing file")
        assert everything() == before, (what, target)
        if what == "name":
            with pytest.raises(type(error.value)) as same:
                library.deploy({"knight.png": painted()}, project=game, to=target)
            assert str(same.value) == str(error.value)
        refused += 1
    for state in (".dgx-pixels", ".dgx-pixels/staging", ".dgx-pixels/history", ".dgx-pixels/deploy.lock",
                  "dgx-pixels.lock.json", "assets"):
        other = tmp_path / "other"
        (other / "assets").mkdir(parents=True)
        (other / "Cargo.toml").write_text(CARGO)
        if state == "assets":
            (other / "assets").rmdir()
        (other / state).parent.mkdir(exist_ok=True)
        (other / state).symlink_to(outside)
        with pytest.raises(DgxPixelsError):
            project.deploy({"knight.png": painted()}, project=other)
        shutil.rmtree(other)
        assert everything() == before, state
        refused += 1
    assert refused > 250
    evidence(f"deploy in Python ({opening}): hostile targets", refused, "0 written outside, 0 files lost")


def test_a_hostile_lock_gives_no_licence(games: dict[str, Path]) -> None:
    for entry in ({"path": "../../x.png", "sha256": "0" * 64}, {"path": "mine.png", "sha256": 7},
                  {"path": "mine.png"}, "x", {"path": "con.png", "sha256": "0" * 64}):
        for game in games.values():
            (game / "dgx-pixels.lock.json").write_text(json.dumps({"format": 1, "assets": [entry]}))
        assert both(games, {"knight.png": painted()})["refused"][0] is BadFormat
    for text in ('{"format": 2, "assets": []}', '{"format": 1}', "[]"):
        for game in games.values():
            (game / "dgx-pixels.lock.json").write_text(text)
        assert both(games, {"knight.png": painted()})["refused"][0] is BadFormat


# ------------------------------------------------------------------------------ killed, at once


def test_killed_deployments_are_finished_by_either(games: dict[str, Path], full: bool,
                                                   evidence: Callable[[str, int, str], None]) -> None:
    """SIGKILL at random moments: whole files, .meta first; the next deployment (C) goes on."""
    game, dice, kills, number = games["python"], random.Random(7), 0, 0
    program = """
import sys
from dgx_pixels import project
print("ready", flush=True)
for line in sys.stdin:
    project.deploy([*sys.argv[2:]], project=sys.argv[1], to="s/")
    print("done", flush=True)
"""
    sources = [game.parent / f"s{i}.png" for i in range(4)]
    wanted = 100 if full else 8
    while kills < wanted:
        number += 1
        for i, source in enumerate(sources):
            source.write_bytes(painted(number % 250, 16 + i))
        process = subprocess.Popen(
            [sys.executable, "-c", program, game, *sources], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT / "bindings/python")})
        assert process.stdin and process.stdout and process.stdout.readline() == "ready\n"
        process.stdin.write("go\n")
        process.stdin.flush()
        time.sleep(dice.uniform(0.0, 0.04))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        process.stdin.close()
        process.stdout.close()
        for path in (game / "assets").rglob("*.png"):
            Image.load(path)
            assert path.with_name(path.name + ".meta").exists(), "the picture came before its .meta"
        if number % 2:
            library.deploy(sources, project=game, to="s/")
            assert not list((game / ".dgx-pixels/history").glob("*.pending.json"))
    project.deploy([*sources], project=game, to="s/")
    lock = json.loads((game / "dgx-pixels.lock.json").read_text())
    assert len(lock["assets"]) == 4
    for entry in lock["assets"]:
        assert cases.digest(game / "assets" / entry["path"]) == entry["sha256"]
    evidence("deploy in Python: SIGKILL at random moments", kills, "0 torn files, 0 refused afterwards")


def test_at_once_with_the_library(games: dict[str, Path]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    game = games["python"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: DEPLOYERS["c" if i % 2 else "python"](
            {f"s{i}.png": painted(i)}, project=game), range(16)))
    assert len(json.loads((game / "dgx-pixels.lock.json").read_text())["assets"]) == 16
    assert not list((game / ".dgx-pixels/staging").iterdir())


def test_a_failure_changes_nothing(games: dict[str, Path], monkeypatch: pytest.MonkeyPatch,
                                   opening: str) -> None:
    """The disk fails at each move in turn: all files are as they were."""
    game = games["python"]
    files = {"a.png": painted(1), "b.png": painted(2)}
    project.deploy(files, project=game)
    before = {name: data for name, data in tree(game).items() if "deploy.lock" not in name}
    moves = {"move_over": beneath.Folder.move_over, "move_new": beneath.Folder.move_new}
    for fail_at in range(1, 7):
        done = 0

        def broken(name: str, *arguments: Any) -> None:
            nonlocal done
            done += 1
            if done == fail_at:
                raise OSError(28, "No space left on device")
            moves[name](*arguments)

        for name in moves:
            monkeypatch.setattr(beneath.Folder, name, lambda *a, name=name: broken(name, *a))
        with pytest.raises(OSError, match="No space left"):
            project.deploy({"a.png": painted(3, x="y"), "c.png": painted(4, x="y"), "b.png": painted(5, x="y")},
                           project=game)
        assert {name: data for name, data in tree(game).items() if "deploy.lock" not in name} == before


# ---------------------------------------------------------------------------------- names, JSON


def test_names_that_are_one_file_elsewhere() -> None:
    for one, other in [("Hero.png", "hero.PNG"), ("stra\u00dfe", "STRASSE"), ("caf\u00e9", "cafe\u0301"),
                       ("\u212bng", "\u00e5ng"), ("\u03a3", "\u03c2")]:
        assert beneath.key(one) == beneath.key(other)
    assert beneath.key("hero") != beneath.key("hera")


@pytest.mark.parametrize("text", [
    '{"a": 1, "a": 2}', "[NaN]", "[1e999]", "[99999999999999999999]", '["\\ud800"]', '["\\u0000"]', "[1,]",
    "[01]", "\ufeff[]", '["\t"]', "[" * 40 + "]" * 40, "", '{"a"}', "nul", "[1] x"])
def test_json_is_read_as_strictly_as_by_the_library(text: str, games: dict[str, Path]) -> None:
    refused = both(games, {"a.json": b"[]"}) and {}
    for who, deploy in DEPLOYERS.items():
        with pytest.raises(DgxPixelsError) as error:
            deploy({"x.json": text.encode()}, project=games[who])
        refused[who] = type(error.value)
    assert refused["c"] is refused["python"]


# -------------------------------------------------------------------------------------- pictures


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def make_png(rng: numpy.random.Generator, width: int, height: int, depth: int, kind: int, interlace: int,
             clear: bool) -> bytes:
    """Random samples under random filters: every decoder must agree on what they are."""
    bits = depth * png.CHANNELS[kind]
    passes = [(width, height)]
    if interlace:
        passes = [((width - x + dx - 1) // dx, (height - y + dy - 1) // dy) for x, y, dx, dy in png.PASSES]
    raw = b"".join(bytes([rng.integers(5)]) + rng.bytes((columns * bits + 7) // 8)
                   for columns, rows in passes if columns > 0 for _ in range(rows))
    out = png.SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace))
    if kind == 3:
        out += chunk(b"PLTE", rng.bytes(3 * (1 << depth)))
    if clear and kind in (0, 2, 3):
        out += chunk(b"tRNS", rng.bytes(1 << depth) if kind == 3 else b"".join(
            struct.pack(">H", rng.integers(1 << min(depth, 3))) for _ in range(png.CHANNELS[kind])))
    packed = zlib.compress(raw)
    return out + chunk(b"IDAT", packed[:9]) + chunk(b"IDAT", packed[9:]) + chunk(b"IEND", b"")


def test_every_kind_of_png_is_decoded_as_by_libpng(full: bool, evidence: Any) -> None:
    rng, count = numpy.random.default_rng(7), 0
    for kind, depths in png.DEPTHS.items():
        for depth in depths:
            for interlace in (0, 1):
                for clear in (False, True):
                    for _ in range(20 if full else 2):
                        width, height = (int(side) for side in rng.integers(1, 24, 2))
                        data = make_png(rng, width, height, depth, kind, interlace, clear)
                        wanted = Image.decode(data)
                        got = png.decode("x", data)
                        assert (got.width, got.height) == (width, height)
                        assert got.rgba == wanted.tobytes(), (kind, depth, interlace, clear)
                        count += 1
    evidence("PNG in Python beside libpng: random pictures of every kind", count, "equal RGBA")


def test_broken_pngs_are_refused(games: dict[str, Path]) -> None:
    good, rng = painted(), random.Random(7)
    for at in range(8, len(good), 3):
        broken = bytearray(good)
        broken[at] ^= 1 << rng.randrange(8)
        with pytest.raises((BadFormat, Mismatch, DgxPixelsError)):
            png.decode("x", bytes(broken))
        with pytest.raises(BadFormat):
            png.decode("x", good[:at])


def test_previews_are_whole_pixels() -> None:
    shown = png.decode("x", png.enlarge(painted(size=20), 256))
    assert (shown.width, shown.height) == (240, 240) and not shown.texts
    wanted = numpy.asarray(Image.decode(painted(size=20)))
    assert (numpy.frombuffer(shown.rgba, numpy.uint8).reshape(240, 240, 4)
            == numpy.repeat(numpy.repeat(wanted, 12, 0), 12, 1)).all()


def test_numbers_are_written_as_by_the_library() -> None:
    assert texts.write([0.1, 1e20, 1e-7, 1.0, -2.5e-300, True, None, "\x1f/\u00fc"], indent=None) == (
        '[0.10000000000000001,1e20,9.9999999999999995e-8,1.0,-2.5e-300,true,null,"\\u001F/ü"]')
