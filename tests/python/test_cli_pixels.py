# SPDX-License-Identifier: MIT OR Apache-2.0
"""fix, palette, report, sheet and tileset as people use them; Pillow reads what comes out."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter
from PIL.PngImagePlugin import PngInfo

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/pixels"))

import art  # noqa: E402

GREEN = (60, 180, 90)
Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def sprite(seed: int = 1, size: int = 40, colors: int = 12) -> np.ndarray:
    return art.reduce_colors(art.procedural(seed, size), colors)


def scene(seed: int = 1, size: int = 40) -> np.ndarray:
    return art.on_background(sprite(seed, size), GREEN)


def enlarge(pixels: np.ndarray, scale: int) -> np.ndarray:
    return pixels.repeat(scale, 0).repeat(scale, 1)


def soften(pixels: np.ndarray, scale: int = 8, seed: int = 1) -> Image.Image:
    """What a model paints: enlarged, blurred, noisy."""
    image = Image.fromarray(enlarge(pixels, scale)).filter(ImageFilter.GaussianBlur(.1 * scale))
    noise = np.random.default_rng(seed).normal(0, 3, (*np.array(image).shape[:2], 3))
    return Image.fromarray(np.clip(np.array(image) + noise, 0, 255).astype(np.uint8))


def read(path: Path) -> np.ndarray:
    return np.array(Image.open(path).convert("RGBA"))


def colors_of(*pictures: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(int(v) for v in p[:3]) for picture in pictures
            for p in picture.reshape(-1, 4) if p[3]}


def good(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout


# ------------------------------------------------------------------------------------------- fix


@pytest.mark.parametrize("scale", [1, 2, 3, 5, 8, 13, 32])
def test_pixel_art_comes_out_exactly(cli: Cli, tmp_path: Path, scale: int) -> None:
    truth = sprite(scale)
    Image.fromarray(enlarge(truth, scale)).save(tmp_path / "in.png")
    good(cli("fix", tmp_path / "in.png", "-o", tmp_path / "out.png"))
    assert np.array_equal(read(tmp_path / "out.png"), truth)


def test_soft_picture_becomes_a_sprite(cli: Cli, tmp_path: Path) -> None:
    soften(scene()).save(tmp_path / "in.png")
    said = json.loads(good(cli("fix", tmp_path / "in.png", "-o", tmp_path / "out.png", "--colors",
                               8, "--json")))
    out = read(tmp_path / "out.png")
    assert out.shape == (48, 48, 4)
    assert set(np.unique(out[..., 3])) == {0, 255}
    assert len(colors_of(out)) <= 8
    assert out[0, 0, 3] == 0, "the background is still there"
    report = said[0]["report"]
    assert (report["width"], report["grid"]["width"]) == (48, 48)
    assert report["grid"]["kind"] == "cells" and abs(report["grid"]["cell_width"] - 8) < .05
    assert report["matte"]["colors"] and report["quality"]["score"] > 50
    assert said[0]["output"] == str(tmp_path / "out.png")


def test_background_can_stay_or_be_named(cli: Cli, tmp_path: Path) -> None:
    soften(scene()).save(tmp_path / "in.png")
    good(cli("fix", tmp_path / "in.png", "-o", tmp_path / "kept.png", "--background", "keep"))
    assert read(tmp_path / "kept.png")[..., 3].min() == 255
    Image.fromarray(enlarge(scene(), 4)).save(tmp_path / "flat.png")
    good(cli("fix", tmp_path / "flat.png", "-o", tmp_path / "named.png", "--background",
             "#%02x%02x%02x" % GREEN))
    assert read(tmp_path / "named.png")[0, 0].tolist() == [0, 0, 0, 0]


def test_forced_sizes_are_exact(cli: Cli, tmp_path: Path) -> None:
    soften(scene()).save(tmp_path / "in.png")
    for option, size in ((("--size", "48x32"), (48, 32)), (("--size", 20), (20, 20)),
                         (("--cell", 12), (32, 32)), (("--cell", "8x16"), (48, 24)),
                         (("--cell", 8, "--scale", 3), (144, 144))):
        good(cli("fix", tmp_path / "in.png", "-o", tmp_path / "out.png", *option))
        assert Image.open(tmp_path / "out.png").size == size, option


def test_palette_holds_with_every_clean_up(cli: Cli, tmp_path: Path) -> None:
    soften(scene()).save(tmp_path / "in.png")
    good(cli("fix", tmp_path / "in.png", "-o", tmp_path / "out.png", "--palette", "pico-8",
             "--orphans", "--jaggies", "--outline", "outer", "--trim", "--dither", "bayer2"))
    known = json.loads(good(cli("palette", "show", "pico-8", "--json")))["colors"]
    out = read(tmp_path / "out.png")
    assert {"#%02x%02x%02x" % c for c in colors_of(out)} <= set(known)
    assert out.shape[0] < 48 and out[:, 0, 3].any() and out[0, :, 3].any(), "it is not trimmed"


def test_metadata_survives_or_is_stripped(cli: Cli, tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("parameters", "a knight\nSteps: 20, Seed: 5")
    info.add_itxt("dgx_pixels", '{"prompt": "Ritter"}')
    soften(scene()).save(tmp_path / "in.png", pnginfo=info)
    good(cli("fix", tmp_path / "in.png", "-o", tmp_path / "out.png"))
    good(cli("fix", tmp_path / "in.png", "-o", tmp_path / "bare.png", "--strip"))
    kept = Image.open(tmp_path / "out.png")
    assert kept.text == {"parameters": "a knight\nSteps: 20, Seed: 5",  # type: ignore[attr-defined]
                         "dgx_pixels": '{"prompt": "Ritter"}'}
    assert not Image.open(tmp_path / "bare.png").text  # type: ignore[attr-defined]


def test_threads_change_nothing(cli: Cli, tmp_path: Path) -> None:
    for i in range(9):
        soften(scene(i), 6, i).save(tmp_path / f"{i}.png")
    made = []
    for jobs in (1, 4):
        out = tmp_path / f"j{jobs}"
        text = good(cli("fix", tmp_path / "?.png", "-o", out, "-j", jobs, "--json"))
        made.append(([(out / f"{i}.png").read_bytes() for i in range(9)],
                     text.replace(f"/j{jobs}/", "/")))
    assert made[0] == made[1]


def test_one_bad_file_stops_no_other(cli: Cli, tmp_path: Path) -> None:
    for i in range(3):
        Image.fromarray(scene(i)).save(tmp_path / f"{i}.png")
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:200])
    result = cli("fix", *(tmp_path / f"{i}.png" for i in range(3)), tmp_path / "none.png", "-o",
                 tmp_path / "out", "--json")
    said = json.loads(result.stdout)
    assert result.returncode == 1
    assert "1.png" in result.stderr and "none.png" in result.stderr
    assert [("error" in entry) for entry in said] == [False, True, False, True]
    assert [entry["error"]["status"] for entry in said if "error" in entry] == [
        "bad-format", "not-found"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["0.png", "2.png"]
    assert cli("fix", tmp_path / "none.png", "-o", tmp_path / "x.png").returncode == 3
    assert cli("fix", tmp_path / "1.png", "-o", tmp_path / "x.png").returncode == 4
    assert not (tmp_path / "x.png").exists()


def test_outputs_never_collide(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for path in (tmp_path / "s.png", tmp_path / "a/s.png"):
        Image.fromarray(scene()).save(path)
    before = (tmp_path / "s.png").read_bytes()
    both = cli("fix", tmp_path / "s.png", tmp_path / "a/s.png", "-o", tmp_path / "out/")
    assert both.returncode == 2 and "written twice" in both.stderr
    own = cli("fix", tmp_path / "s.png", "-o", tmp_path / "s.png")
    assert own.returncode == 2 and "overwrite" in own.stderr
    into = cli("fix", tmp_path / "s.png", "-o", tmp_path / "a/../")
    assert into.returncode == 2
    assert (tmp_path / "s.png").read_bytes() == before


@pytest.mark.parametrize("kind,part", [
    ("TIFF", "is a TIFF file"), ("ICO", "is an icon file"), ("PDF", "is a PDF file"),
    (b"", "is empty"), (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    (b"<!DOCTYPE html><html>", "is a web page"), (b"\x89PNG\n\x1a\n", "copied as text"),
    (b"anything else", "no picture that is read"), (b"\xff\xd8\xff\xe0junk", "not a sound JPEG"),
    (b"RIFF\x10\0\0\0WEBPVP8 ", "not a sound WebP"),
])
def test_other_files_are_named(cli: Cli, tmp_path: Path, kind: str | bytes, part: str) -> None:
    path = tmp_path / "in.png"
    if isinstance(kind, bytes):
        path.write_bytes(kind)
    else:
        Image.fromarray(scene()).save(path, kind)
    for words in (["fix", path, "-o", tmp_path / "out.png"], ["report", path]):
        result = cli(*words)
        assert result.returncode == 4 and "in.png: " in result.stderr, result.stderr
        assert part in result.stderr, result.stderr


def test_pipes_on_both_ends(build: Path, tmp_path: Path) -> None:
    program = build / "bin/dgx-pixels"
    stream = io.BytesIO()
    soften(scene()).save(stream, "PNG")

    def run(*words: object, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([program, *map(str, words)], input=data, capture_output=True,
                              check=False)

    piped = run("fix", "-", "-o", "-", data=stream.getvalue())
    assert piped.returncode == 0 and piped.stdout.startswith(b"\x89PNG"), piped.stderr
    (tmp_path / "in.png").write_bytes(stream.getvalue())
    assert run("fix", tmp_path / "in.png", "-o", tmp_path / "out.png").returncode == 0
    assert piped.stdout == (tmp_path / "out.png").read_bytes()
    assert run("fix", "-", "-o", f"{tmp_path}/made/", data=stream.getvalue()).returncode == 0
    assert (tmp_path / "made/stdin.png").read_bytes() == piped.stdout
    assert b"score" in run("report", "-", data=piped.stdout).stdout
    for words, part in ((["-", "-", "-o", "x/"], b"once"), (["-", "-o", "-"], b"is empty"),
                        (["-", "a.png", "-o", "x/", "--share-palette"], b"read")):
        failed = run("fix", *words)
        assert failed.returncode and part in failed.stderr, failed.stderr


@pytest.mark.needs_machine("terminals")
def test_sixels_show_the_picture(build: Path, tmp_path: Path) -> None:
    """A terminal that says it has sixels gets them; libsixel reads the sprite back."""
    assert shutil.which("sixel2png"), "sixel2png is not installed: run 'scripts/setup test'"
    truth = sprite(3, 24)
    Image.fromarray(truth).save(tmp_path / "in.png")
    for answer in (b"\x1b[?62;4;22c", b"\x1b[?62;22c"):
        main, terminal = pty.openpty()
        child = subprocess.Popen([build / "bin/dgx-pixels", "fix", tmp_path / "in.png", "-o",
                                  tmp_path / "out.png", "--show"], stdin=terminal, stdout=terminal,
                                 stderr=subprocess.DEVNULL, env={"TERM": "xterm-256color"})
        os.close(terminal)
        seen = b""
        with contextlib.suppress(OSError):  # a closed terminal ends in EIO
            while chunk := os.read(main, 65536):
                if b"\x1b[c" in chunk:
                    os.write(main, answer)
                seen += chunk
        os.close(main)
        assert child.wait(60) == 0
        found = re.search(rb"\x1bP.*?\x1b\\", seen, re.S)
        assert bool(found) == (b";4;" in answer) and (b"\xe2\x96" in seen) != bool(found)
        if found:
            subprocess.run(["sixel2png", "-o", tmp_path / "seen.png"], check=True,
                           input=found[0].replace(b"\r\n", b"\n"))
            shown = np.array(Image.open(tmp_path / "seen.png").convert("RGB")).astype(int)
            scale = shown.shape[1] // truth.shape[1]
            assert shown.shape == (24 * scale, 24 * scale, 3) and scale > 1
            inside = enlarge(truth[..., 3], scale) > 0
            away = np.abs(shown - enlarge(truth[..., :3], scale).astype(int)).max(-1)
            assert away[inside].max() <= 2  # a sixel's colors are percents


@pytest.mark.parametrize("words,part", [
    ([], "at least one picture"), (["in.png"], "-o"), (["in.png", "-o", "x", "--cell", "0.5"], "--cell"),
    (["in.png", "-o", "x", "--cell", "8y"], "--cell"), (["in.png", "-o", "x", "--colors", "0"], "256"),
    (["in.png", "-o", "x", "--colors", "many"], "auto"),
    (["in.png", "-o", "x", "--background", "#12345"], "#ff00ff"),
    (["in.png", "-o", "x", "--palette", "pico-8", "--colors", "4"], "exclude"),
    (["in.png", "-o", "x", "--rule", "best"], "median"),
    (["in.png", "-o", "x", "--size", "0x4"], "size"),
    (["in.png", "b.png", "-o", "x.png"], "--frames"), (["in.png", "-o", "x.jpg"], ".aseprite"),
])
def test_usage_is_explained(cli: Cli, words: list[str], part: str) -> None:
    result = cli("fix", *words)
    assert result.returncode == 2 and part in result.stderr, result.stderr


def frames_of(count: int = 4) -> list[Image.Image]:
    """A figure that steps to the right, the same canvas for all."""
    still = scene(3)
    return [soften(np.roll(still, i, 1), 8, i) for i in range(count)]


def test_folder_has_one_grid_and_palette(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "walk").mkdir()
    for i, frame in enumerate(frames_of(11)):
        frame.save(tmp_path / f"walk/step_{i}.png")
    said = json.loads(good(cli("fix", tmp_path / "walk", "-o", tmp_path / "out", "--colors", 6,
                               "--trim", "--json")))
    made = [read(tmp_path / f"out/step_{i}.png") for i in range(11)]
    assert len({m.shape for m in made}) == 1 and len(colors_of(*made)) <= 6
    assert said[0]["report"]["frames"] == 11 and len(said) == 1
    assert "flicker" in said[0]["report"]["quality"]["metrics"]
    assert said[0]["report"]["grid"]["kind"] == "cells"
    # the same on any number of threads, and as one animation in the frames' own order (10 after 9)
    good(cli("fix", tmp_path / "walk", "-o", tmp_path / "one.png", "--colors", 6, "--trim", "-j", 1))
    film = Image.open(tmp_path / "one.png")
    assert film.n_frames == 11  # type: ignore[attr-defined]
    for i in range(11):
        film.seek(i)
        assert np.array_equal(np.array(film.convert("RGBA")), made[i]), i
    good(cli("fix", tmp_path / "walk/step_3.png", "--frames", "-o", tmp_path / "two.png",
             "--colors", 6, "--trim"))
    assert (tmp_path / "two.png").read_bytes() == (tmp_path / "one.png").read_bytes()
    good(cli("fix", tmp_path / "walk", "-o", tmp_path / "own", "--separate", "--colors", 6))
    assert len(colors_of(*(read(p) for p in (tmp_path / "own").iterdir()))) > 6


def test_folder_of_finished_frames_stays(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for i in range(4):
        Image.fromarray(enlarge(np.roll(sprite(5), i, 0), 6)).save(tmp_path / f"in/{i}.png")
    good(cli("fix", tmp_path / "in", "-o", tmp_path / "out"))
    for i in range(4):
        assert np.array_equal(read(tmp_path / f"out/{i}.png"), np.roll(sprite(5), i, 0))


def test_folder_of_unrelated_pictures_is_no_animation(cli: Cli, tmp_path: Path) -> None:
    """Numbered files of one size, as every model writes them: each keeps its own colors."""
    (tmp_path / "in").mkdir()
    for i in range(5):
        soften(scene(20 + i), 12, i).resize((512, 512)).save(tmp_path / f"in/ComfyUI_{i:05}_.png")
    result = cli("fix", tmp_path / "in", "-o", tmp_path / "out")
    assert "do not look alike" in result.stderr and good(result)
    for i in range(5):
        good(cli("fix", tmp_path / f"in/ComfyUI_{i:05}_.png", "-o", tmp_path / "one.png"))
        assert np.array_equal(read(tmp_path / "one.png"), read(tmp_path / f"out/ComfyUI_{i:05}_.png"))
    together = cli("fix", tmp_path / "in", "-o", tmp_path / "film", "--frames", "--json")
    assert json.loads(good(together))[0]["report"]["frames"] == 5


def test_folder_of_mixed_sizes_is_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for i in (30, 40):
        Image.fromarray(sprite(1, i)).save(tmp_path / f"in/{i}.png")
    result = cli("fix", tmp_path / "in", "-o", tmp_path / "out")
    assert "one size" in result.stderr and good(result)
    assert {Image.open(p).size for p in (tmp_path / "out").iterdir()} == {(30, 30), (40, 40)}


def test_gif_in_animation_out(cli: Cli, tmp_path: Path) -> None:
    first, *rest = [soften(np.roll(scene(3), i, 1), 16, i).quantize(64) for i in range(4)]
    first.save(tmp_path / "walk.gif", save_all=True, append_images=rest, duration=[80, 90, 100, 110],
               loop=0)
    good(cli("fix", tmp_path / "walk.gif", "-o", tmp_path / "walk.png", "--colors", 7))
    film = Image.open(tmp_path / "walk.png")
    made, durations = [], []
    for i in range(film.n_frames):  # type: ignore[attr-defined]
        film.seek(i)
        made.append(np.array(film.convert("RGBA")))
        durations.append(film.info["duration"])
    assert durations == [80, 90, 100, 110] and made[0].shape == (48, 48, 4)
    assert len(colors_of(*made)) <= 7
    good(cli("fix", tmp_path / "walk.gif", "-o", tmp_path / "walk.aseprite", "--colors", 7))
    good(cli("sheet", "pack", tmp_path / "walk.aseprite", "-o", tmp_path / "sheet.png",
             "--columns", 4))
    assert np.array_equal(read(tmp_path / "sheet.png"), np.concatenate(made, 1))


@pytest.mark.parametrize("colors", [64, 256])
def test_soft_gif_is_no_sprite(cli: Cli, tmp_path: Path, colors: int) -> None:
    """Few colors alone do not make pixel art; a map of repeating tiles is some all the same."""
    soften(scene(3), 8).quantize(colors).save(tmp_path / "soft.gif")
    good(cli("fix", tmp_path / "soft.gif", "-o", tmp_path / "soft.png"))
    assert read(tmp_path / "soft.png").shape == (48, 48, 4)
    tiles = np.tile(np.concatenate([scene(4, 24), scene(5, 24)], 1), (8, 4, 1))
    Image.fromarray(tiles).save(tmp_path / "map.png")
    good(cli("fix", tmp_path / "map.png", "-o", tmp_path / "same.png"))
    assert np.array_equal(read(tmp_path / "same.png")[..., :3], tiles)


def test_shared_palette(cli: Cli, tmp_path: Path) -> None:
    for i in range(3):
        soften(scene(i), 8, i).save(tmp_path / f"{i}.png")
    good(cli("fix", tmp_path / "[0-2].png", "-o", tmp_path / "out", "--share-palette", "--colors", 9))
    assert len(colors_of(*(read(p) for p in (tmp_path / "out").iterdir()))) <= 9


def peak_memory(child: subprocess.Popen[bytes]) -> int:
    """KiB, until it ends.  (The peak that wait4() tells includes this process before exec.)"""
    peak = 0
    while child.poll() is None:
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{child.pid}/status").read_text()
            if "dgx-pixels" in status and (found := re.search(r"VmHWM:\s*(\d+)", status)):
                peak = max(peak, int(found[1]))
        time.sleep(.005)
    return peak


def test_many_files_need_little_memory(build: Path, tmp_path: Path) -> None:
    """Peak memory with 96 pictures is that of 12 and a little, as single files and as one set."""
    picture = soften(scene(), 10).resize((512, 512))
    for name, count in (("few", 12), ("many", 96)):
        (tmp_path / name).mkdir()
        for i in range(count):
            picture.save(tmp_path / name / f"{i:03}.png", compress_level=1)
    peaks: dict[tuple[str, str], int] = {}
    for mode in ("--separate", "-q"):
        for name in ("few", "many"):
            child = subprocess.Popen([build / "bin/dgx-pixels", "fix", tmp_path / name, "-o",
                                      tmp_path / f"{name}{mode}", "-j", "2", mode],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            peaks[mode, name] = peak_memory(child)
            assert child.wait() == 0
        assert len(list((tmp_path / f"many{mode}").iterdir())) == 96
    print(peaks)
    assert 1000 < peaks["--separate", "many"] < peaks["--separate", "few"] + 4096
    # the set looks for its grid in 16 frames at once, which is its bound
    assert peaks["-q", "many"] < peaks["-q", "few"] + (16 - 12) * 1024 * 1.5 + 4096


def test_interrupted_leaves_whole_files(build: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    picture = soften(scene(), 16)
    for i in range(60):
        picture.save(tmp_path / f"in/{i}.png", compress_level=1)
    child = subprocess.Popen([build / "bin/dgx-pixels", "fix", tmp_path / "in", "-o",
                              tmp_path / "out", "--separate", "-j", "1"], stdout=subprocess.DEVNULL)
    while child.poll() is None and not list(tmp_path.glob("out/*.png")):
        time.sleep(.01)
    child.send_signal(signal.SIGINT)
    assert child.wait(60) == 130
    made = list((tmp_path / "out").iterdir())
    assert 0 < len(made) < 60
    for path in made:
        assert path.suffix == ".png" and read(path).shape == (48, 48, 4)


# --------------------------------------------------------------------------------------- palette


def test_palettes_go_round(cli: Cli, tmp_path: Path) -> None:
    for i in range(2):
        Image.fromarray(sprite(i)).save(tmp_path / f"{i}.png")
    listed = json.loads(good(cli("palette", "list", "--json")))
    assert {"pico-8", "game-boy"} <= {entry["name"] for entry in listed}
    numbers = {"four": "4", "eight": "8"}
    told = [(entry["name"], numbers.get(word, word)) for entry in listed
            if (word := entry["help"].split()[0]) in numbers or word.isdigit()]  # "16 colors of …"
    assert {("pico-8", "16"), ("game-boy", "4")} <= set(told)
    for name, count in told:
        assert json.loads(good(cli("palette", "show", name, "--json")))["count"] == int(count), name
    good(cli("palette", "extract", tmp_path / "?.png", "--colors", 7, "-o", tmp_path / "p.gpl"))
    wanted = json.loads(good(cli("palette", "show", tmp_path / "p.gpl", "--json")))["colors"]
    truth = {"#%02x%02x%02x" % c for i in range(2) for c in colors_of(sprite(i))}
    assert 1 < len(wanted) <= 7 and set(wanted) <= truth, "not colors of the pictures"
    source = tmp_path / "p.gpl"
    for suffix in ("hex", "pal", "act", "txt", "png", "gpl"):
        target = tmp_path / f"again.{suffix}"
        good(cli("palette", "convert", source, "-o", target))
        assert json.loads(good(cli("palette", "show", target, "--json")))["colors"] == wanted, suffix
        source = target
    good(cli("palette", "map", tmp_path / "?.png", "-p", source, "-o", tmp_path / "mapped"))
    made = colors_of(*(read(p) for p in (tmp_path / "mapped").iterdir()))
    assert {"#%02x%02x%02x" % c for c in made} <= set(wanted)
    hexes = good(cli("palette", "convert", source, "-o", "-", "-f", "hex")).split()
    assert ["#" + h.lower() for h in hexes] == wanted


def test_palette_mistakes(cli: Cli, tmp_path: Path) -> None:
    assert cli("palette", "show", "no-such").returncode in (2, 3)
    assert cli("palette", "map", "x.png", "-o", "y.png").returncode == 2
    named = cli("palette", "map", tmp_path / "0.png", "-p", "pico-8", "-o", tmp_path / "y.jpg")
    assert named.returncode == 2 and ".png" in named.stderr and not (tmp_path / "y.jpg").exists()
    assert cli("palette", "extract", tmp_path / "none.png").returncode == 3
    assert cli("palette", "spin").returncode == 2 and cli("palette").returncode == 2
    assert cli("palette", "--help").returncode == 0


# ---------------------------------------------------------------------------------------- report


def test_report_tells_bad_from_good(cli: Cli, tmp_path: Path) -> None:
    Image.fromarray(np.pad(sprite(), ((2, 2), (2, 2), (0, 0)))).save(tmp_path / "good.png")
    bad = np.pad(sprite(), ((2, 2), (2, 2), (0, 0)))
    bad[bad[..., 3] > 0, 3] = 200
    Image.fromarray(bad).save(tmp_path / "bad.png")
    said = json.loads(good(cli("report", tmp_path / "good.png", tmp_path / "bad.png", "--json")))
    fine, poor = (entry["report"] for entry in said)
    assert fine["pass"] and not poor["pass"] and fine["score"] > poor["score"]
    assert "soft_alpha" in poor["warnings"]
    assert fine["metrics"]["colors"]["value"] == len(colors_of(sprite()))
    assert cli("report", tmp_path / "bad.png", "--strict").returncode == 1
    assert cli("report", tmp_path / "good.png", "--strict").returncode == 0
    assert "soft_alpha" in good(cli("report", tmp_path / "bad.png"))
    assert cli("report", tmp_path / "none.png").returncode == 3


# ------------------------------------------------------------------------------ sheets and tiles


def test_packing_keeps_pivots_and_tags(cli: Cli, tmp_path: Path) -> None:
    """A file of Aseprite's becomes a sheet with its slices; of two files' equal names the first one counts."""
    Image.fromarray(sprite(3, 28)).save(tmp_path / "a.png")
    for name, size in (("one", 28), ("two", 20)):
        Image.fromarray(sprite(3, size)).resize((28, 28), 0).save(tmp_path / "a.png")
        good(cli("sheet", "slice", tmp_path / "a.png", "-o", tmp_path / f"{name}.aseprite", "--align", "feet"))
    told = []
    for names in (["one"], ["one", "two"]):
        good(cli("sheet", "pack", *(tmp_path / f"{name}.aseprite" for name in names), "-o", tmp_path / "s.png"))
        told.append(json.loads((tmp_path / "s.json").read_text())["meta"]["slices"])
    assert told[0] == told[1] and [entry["name"] for entry in told[0]] == ["pivot"]
    assert "pivot" in told[0][0]["keys"][0]


def test_sheets_go_round(cli: Cli, tmp_path: Path) -> None:
    frames = [np.pad(sprite(i, 28), ((2, 2), (2, 2), (0, 0))) for i in range(5)]
    (tmp_path / "in").mkdir()
    for i, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"in/f{i}.png")
    said = json.loads(good(cli("sheet", "pack", tmp_path / "in", "-o", tmp_path / "s.png",
                               "--columns", 3, "--duration", 70, "-t", "walk:0-3:pingpong", "-t",
                               "die:4", "-d", "aseprite-array", "-d", "tsx", "-d", "bevy-ron",
                               "--json")))
    assert [Path(p).name for p in said["files"]] == ["s.png", "s.json", "s.tsx", "s.assets.ron"]
    told: dict[str, Any] = json.loads((tmp_path / "s.json").read_text())
    assert [f["duration"] for f in told["frames"]] == [70] * 5
    assert [(t["name"], t["from"], t["to"], t["direction"]) for t in told["meta"]["frameTags"]] == [
        ("walk", 0, 3, "pingpong"), ("die", 4, 4, "forward")]
    picture = read(tmp_path / "s.png")
    for frame, entry in zip(frames, told["frames"]):
        box = entry["frame"]
        assert np.array_equal(picture[box["y"]:box["y"] + box["h"], box["x"]:box["x"] + box["w"]],
                              frame)
    assert ElementTree.parse(tmp_path / "s.tsx").getroot().get("tilecount") in ("5", "6")
    good(cli("sheet", "slice", tmp_path / "s.png", "-o", tmp_path / "cut", "--cell", 32))
    for i, frame in enumerate(frames):
        assert np.array_equal(read(tmp_path / f"cut/s_{i:03}.png"), frame)
    whole = Image.fromarray(picture)
    whole.resize((whole.width + 3, whole.height)).save(tmp_path / "odd.png")
    rest = cli("sheet", "slice", tmp_path / "odd.png", "-o", tmp_path / "odd", "--cell", 32)
    assert rest.returncode == 0 and "3 at the right and 0 at the bottom" in rest.stderr
    good(cli("sheet", "contact", tmp_path / "in", "-o", tmp_path / "c.png", "--scale", 4, "--names"))
    assert Image.open(tmp_path / "c.png").width >= 2 * 4 * 32
    for words in (("-t", "walk"), ("-t", "x:0-9"), ("-d", "xml"), ("--scale", 2)):
        assert cli("sheet", "pack", tmp_path / "in", "-o", tmp_path / "x.png", *words).returncode == 2
    assert not (tmp_path / "x.png").exists()


def test_tilesets(cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    for name, base in (("grass", (60, 140, 60)), ("dirt", (120, 90, 60))):
        noise = rng.integers(0, 3, (16, 16, 1)) * 9
        Image.fromarray((np.array(base) + noise).astype(np.uint8)).save(tmp_path / f"{name}.png")
    for kind, count, size in (("blob", 47, (128, 96)), ("corner", 16, (64, 64))):
        good(cli("tileset", kind, tmp_path / "grass.png", tmp_path / "dirt.png", "-o",
                 tmp_path / f"{kind}.png"))
        assert Image.open(tmp_path / f"{kind}.png").size == size
        root = ElementTree.parse(tmp_path / f"{kind}.tsx").getroot()
        tiles = root.findall("./wangsets/wangset/wangtile")
        assert len(tiles) == count and len({tile.get("wangid") for tile in tiles}) == count
    assert cli("tileset", "blob", tmp_path / "grass.png").returncode == 2
    assert cli("tileset", "blob", tmp_path / "none.png", "-o", tmp_path / "x.png").returncode == 3


@pytest.mark.parametrize("words,said", [
    (("fix", "flat.png", "wide.png", "--frames", "-o", "out/"), "frame 1 (from 0) is 64x48"),
    (("report", "flat.png", "wide.png", "--frames"), "frame 1 (from 0) is 64x48"),
    (("sheet", "slice", "clear.png", "-o", "out/"), "clear.png: the picture is wholly transparent"),
    (("sheet", "slice", "flat.png", "--cell", "40", "-o", "out/"), "flat.png: a picture of 32x32 pixels has no room"),
    (("sheet", "slice", "flat.png", "--columns", "40", "-o", "out/"), "no room for 40x1 cells"),
    (("tileset", "blob", "wide.png", "flat.png", "-o", "tiles.png"), "multiples of the tile's 64"),
    (("sheet", "pack", "flat.png", "-o", "out.png", "-t", "walk:0-9"), "frames 0 to 9, counted from 0; there are 1"),
    (("palette", "map", "clear.png", "--palette", "none.hex", "-o", "out.png"), "none.hex"),
])
def test_errors_name_no_function_of_the_c_interface(cli: Cli, tmp_path: Path, words: tuple[str, ...],
                                                    said: str) -> None:
    """They are for C programmers; a person at the command line is told the file."""
    for name, size, color in (("flat", (32, 32), (255, 0, 0, 255)), ("wide", (64, 48), (255, 0, 0, 255)),
                              ("clear", (32, 32), (0, 0, 0, 0))):
        Image.new("RGBA", size, color).save(tmp_path / f"{name}.png")
    done = cli(*words, cwd=tmp_path)
    assert done.returncode in (2, 3, 4) and said in done.stderr, done.stderr
    assert "dgxp_" not in done.stderr


def test_the_librarys_sentences_pass_one_place() -> None:
    """args.c, where that name is taken off."""
    users = {path.name for path in (ROOT / "src/cli").glob("*.c") if "dgxp_last_error()" in path.read_text()}
    assert users == {"args.c"}


@pytest.mark.parametrize("colors", [1, 700, 5000])
def test_colors_are_counted_as_numpy_counts_them(cli: Cli, tmp_path: Path, colors: int) -> None:
    """More than the table begins with, in any order: it is merged and grown on the way."""
    draw = np.random.default_rng(colors)
    table = np.append(draw.integers(0, 256, (colors, 3)), np.full((colors, 1), 255), 1).astype(np.uint8)
    pixels = table[draw.integers(0, colors, (160, 160))]
    pixels[:20, :20, 3] = 0  # not counted
    Image.fromarray(pixels).save(tmp_path / "a.png")
    metrics = json.loads(cli("report", tmp_path / "a.png", "--json").stdout)[0]["report"]["metrics"]
    seen, counts = np.unique(pixels[pixels[..., 3] > 0], axis=0, return_counts=True)
    share = counts / counts.sum()
    assert metrics["colors"]["value"] == len(seen)
    assert metrics["color_entropy"]["value"] == pytest.approx(-(share * np.log2(share)).sum(), rel=1e-4, abs=1e-9)
