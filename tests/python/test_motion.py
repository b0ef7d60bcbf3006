# SPDX-License-Identifier: MIT OR Apache-2.0
"""Every shipped motion on sprites that we did not draw (CC0), and what the program writes of them."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

DATA = Path(os.environ.get("DGXP_TEST_DATA", "/nowhere")) / "sprites-cc0.tar.gz"
WANTED = ("character", "monster", "prop", "item")


def sprites(count: int) -> Iterator[tuple[str, np.ndarray]]:
    """`count` sprites of 16 to 64 pixels, chosen by chance once and for all."""
    with tarfile.open(DATA) as archive:
        manifest = archive.extractfile("manifest.jsonl")
        assert manifest
        rows = [json.loads(line) for line in manifest]
        fits = [row for row in rows if row["category"] in WANTED and row["semi"] == 0
                and min(row["size"]) >= 16 and max(row["size"]) <= 64]
        chosen = {row["file"] for row in random.Random(21).sample(fits, count)}
        for member in archive:
            if member.name in chosen:
                file = archive.extractfile(member)
                assert file
                yield member.name, np.asarray(Pictures.open(io.BytesIO(file.read())).convert("RGBA"))


def colors(pixels: np.ndarray) -> np.ndarray:
    flat = np.ascontiguousarray(pixels).reshape(-1, 4)
    return np.unique(flat[flat[:, 3] > 0].view(np.uint32))


def test_every_motion_of_strangers_sprites(full: bool, evidence: Callable[[str, int, str], None]) -> None:
    if not DATA.exists():
        pytest.skip("needs sprites-cc0.tar.gz in DGXP_TEST_DATA")
    from dgx_pixels import list_motions, motion

    said = {row["name"]: row for row in list_motions()}
    seen: dict[str, int] = {}
    for count, (name, sprite) in enumerate(sprites(50 if full else 8)):
        moved = motion(sprite, "all", facing=("front", "right", "left", "back")[count % 4])
        own, solid = colors(sprite), (sprite[..., 3] >= 128)
        feet = moved.report["pivot"][1] - 1
        for row in moved.report["motions"]:
            data = said[row["row"]]  # in profile, or of a wide sprite, one of its own may take the name
            seen[row["name"]] = seen.get(row["name"], 0) + 1
            for index in range(row["from"], row["to"] + 1):
                frame = np.asarray(moved.sheet[index])
                what = f"{name}: {row['name']} {index - row['from']}"
                assert np.isin(colors(frame), own).all(), f"{what} has a new color"
                area = (frame[..., 3] >= 128).sum() / solid.sum()
                assert data["area"][0] - 1e-9 <= area <= data["area"][1] + 1e-9, f"{what}: area {area}"
                if row["grounded"]:
                    assert np.where((frame[..., 3] >= 128).any(1))[0].max() == feet, f"{what}: feet"
            if row["grounded"]:
                first = np.asarray(moved.sheet[row["from"]])
                left = (first.shape[1] - sprite.shape[1]) // 2
                top = feet - np.where(solid.any(1))[0].max()
                part = first[top:top + sprite.shape[0], left:left + sprite.shape[1]]
                assert (part[sprite[..., 3] > 0] == sprite[sprite[..., 3] > 0]).all(), name
                assert (first[..., 3] > 0).sum() == (sprite[..., 3] > 0).sum(), name
    assert len(seen) >= 18, seen
    evidence("motions: colors a subset, feet on one row, area as the data say",
             sum(seen.values()), f"{len(seen)} motions")


def test_the_program_writes_every_format(build: Path, tmp_path: Path) -> None:
    pixels = np.zeros((24, 16, 4), np.uint8)
    pixels[2:10, 4:12] = (240, 190, 150, 255)
    pixels[10:18, 3:13] = (180, 40, 40, 255)
    pixels[18:24, 4:7] = pixels[18:24, 9:12] = (40, 40, 90, 255)
    Pictures.fromarray(pixels).save(tmp_path / "hero.png")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([build / "bin/dgx-pixels", "motion", *words], cwd=tmp_path, text=True,
                              capture_output=True)

    done = run("hero.png", "-m", "idle,walk", "-m", "hit", "-o", "hero.png.out.png", "-d", "aseprite-array",
               "-d", "bevy-ron", "--contact", "look.png")
    assert done.returncode == 0, done.stderr
    sheet = json.loads((tmp_path / "hero.png.out.json").read_text())
    tags = {tag["name"]: tag for tag in sheet["meta"]["frameTags"]}
    assert list(tags) == ["idle", "walk", "hit"] and tags["hit"]["repeat"] == "1"
    assert [frame["duration"] for frame in sheet["frames"]][:4] == [400, 150, 400, 150]
    assert Pictures.open(tmp_path / "look.png").width > 300
    assert run("hero.png", "-m", "walk", "-o", "hero.apng", "--scale", "2").returncode == 0
    with Pictures.open(tmp_path / "hero.apng") as played:
        assert played.n_frames == 4 and played.info["duration"] == 150  # type: ignore[attr-defined]
    assert run("hero.png", "-m", "walk", "-o", "hero.gif", "--scale", "2").returncode == 0
    with Pictures.open(tmp_path / "hero.gif") as played, Pictures.open(tmp_path / "hero.apng") as other:
        assert played.n_frames == 4 and played.info["loop"] == 0  # type: ignore[attr-defined]
        for index in range(4):
            played.seek(index)
            other.seek(index)
            assert played.info["duration"] == 150
            one, two = (np.asarray(picture.convert("RGBA")) for picture in (played, other))
            assert (one[..., 3] == two[..., 3]).all() and (one[one[..., 3] > 0] == two[one[..., 3] > 0]).all()
    assert run("hero.png", "-m", "all", "-o", "hero.aseprite").returncode == 0
    assert (tmp_path / "hero.aseprite").read_bytes()[4:6] == b"\xe0\xa5"
    again = (tmp_path / "hero.aseprite").read_bytes()
    assert run("hero.png", "-m", "all", "-o", "hero.aseprite").returncode == 0
    assert (tmp_path / "hero.aseprite").read_bytes() == again
    wrong = run("hero.png", "-m", "dance", "-o", "no.aseprite")
    assert wrong.returncode == 3 and "there are: appear,attack" in wrong.stderr
    assert not (tmp_path / "no.aseprite").exists()
    assert "walks towards us" in run("--list").stdout


def test_colorways_of_the_program(build: Path, tmp_path: Path) -> None:
    """Variants of one sprite: all different, clear pixels clear, and the strip says what became of what."""
    pixels = np.zeros((16, 16, 4), np.uint8)
    for row, color in enumerate(((24, 20, 32), (92, 28, 28), (144, 40, 40), (200, 56, 56), (216, 160, 40))):
        pixels[3 * row:3 * row + 3, 2:14] = (*color, 255)
    Pictures.fromarray(pixels).save(tmp_path / "hero.png")
    done = subprocess.run([build / "bin/dgx-pixels", "recolor", "hero.png", "--variants", "8", "-o", "out",
                           "--strip", "strip.png"], cwd=tmp_path, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    made = [np.asarray(Pictures.open(tmp_path / f"out/hero-{i}.png").convert("RGBA")) for i in range(1, 9)]
    assert len({image.tobytes() for image in made}) == 8
    strip = np.asarray(Pictures.open(tmp_path / "strip.png").convert("RGBA"))
    assert strip.shape == (9, 5, 4)
    for row, image in enumerate(made, 1):
        assert (image[..., 3] == pixels[..., 3]).all()
        table = {strip[0, i].tobytes(): strip[row, i].tobytes() for i in range(5)}
        for y in range(15):
            assert table[pixels[y, 5].tobytes()] == image[y, 5].tobytes()
    wrong = subprocess.run([build / "bin/dgx-pixels", "recolor", "hero.png", "--map", "red=bleu", "-o", "no.png"],
                           cwd=tmp_path, text=True, capture_output=True)
    assert wrong.returncode == 2 and "'bleu' is no color" in wrong.stderr and not (tmp_path / "no.png").exists()


def test_normal_maps_of_the_program(build: Path, tmp_path: Path) -> None:
    """The map of a sheet lies as the sheet does, and what Python makes is what the program writes."""
    from dgx_pixels import Sheet, normal, normals

    y, x = np.mgrid[:24, :24] - 11.5
    pixels = np.zeros((24, 24, 4), np.uint8)
    ball = x * x + y * y < 110
    tones = np.array([(64, 64, 72), (104, 104, 112), (144, 144, 152), (184, 184, 192), (224, 224, 232)], np.uint8)
    lit = np.clip((-x - y + 14) / 30 * 5, 0, 4).astype(int)
    pixels[ball, :3], pixels[ball, 3] = tones[lit[ball]], 255
    Pictures.fromarray(pixels).save(tmp_path / "ball.png")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([build / "bin/dgx-pixels", *words], cwd=tmp_path, text=True, capture_output=True)

    def read(name: str) -> np.ndarray:
        return np.asarray(Pictures.open(tmp_path / name).convert("RGBA"))

    done = run("normal", "ball.png", "-o", "ball.n.png", "--report")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stderr)
    assert abs(report["light"] - 315) < 15 and report["faces"] == 0
    made = normal(pixels)
    assert made.report == report
    assert (np.asarray(made.image) == read("ball.n.png")).all()
    map_ = read("ball.n.png")
    assert map_[12, 3, 0] < 60 < 200 < map_[12, 20, 0] and map_[3, 12, 1] > 200 > 60 > map_[20, 12, 1]

    assert run("motion", "ball.png", "-m", "idle,squash", "--keep-canvas", "-o", "sheet.png", "--normal",
               "sheet.n.png").returncode == 0
    sheet, maps = read("sheet.png"), read("sheet.n.png")
    assert sheet.shape == maps.shape and (sheet[..., 3] == maps[..., 3]).all()
    assert run("normal", "sheet.png", "--cell", "24x24", "-o", "again.png").returncode == 0
    assert (read("again.png")[sheet[..., 3] > 0] == maps[sheet[..., 3] > 0]).all()
    assert run("motion", "ball.png", "-m", "idle,squash", "-o", "a.aseprite", "--normal", "n.aseprite").returncode == 0
    one, other = normals(Sheet.load(tmp_path / "a.aseprite")), Sheet.load(tmp_path / "n.aseprite")
    assert [t.name for t in other.tags] == ["idle", "squash"]
    assert len(one) == len(other) == 10
    for i in range(len(one)):
        a, b = np.asarray(one[i]), np.asarray(other[i])
        assert (a[a[..., 3] > 0] == b[a[..., 3] > 0]).all()


def test_no_command_writes_over_its_source(build: Path, tmp_path: Path) -> None:
    pixels = np.full((16, 16, 4), (200, 56, 56, 255), np.uint8)
    Pictures.fromarray(pixels).save(tmp_path / "hero.png")
    Pictures.fromarray(pixels).save(tmp_path / "hero-1.png")
    before = (tmp_path / "hero.png").read_bytes()
    os.link(tmp_path / "hero-1.png", tmp_path / "link.png")
    for words in (("motion", "hero.png", "-o", "hero.png"),
                  ("motion", "hero.png", "-o", "new.png", "--contact", "./hero.png"),
                  ("motion", "hero.png", "-o", "new.png", "--normal", "hero.png"),
                  ("recolor", "hero.png", "--map", "red=blue", "-o", "hero.png"),
                  ("recolor", "link.png", "--variants", "2", "-o", ".", "--strip", "hero-1.png"),
                  ("recolor", "hero.png", "--map", "red=blue", "-o", "new.png", "--strip", "new.png"),
                  ("normal", "hero.png", "-o", "hero.png"),
                  ("sheet", "pack", "hero.png", "-o", "hero.png"),
                  ("sheet", "slice", "hero.png", "-o", "hero.png"),
                  ("sheet", "contact", "hero.png", "-o", "hero.png"),
                  ("tileset", "blob", "hero.png", "-o", "hero.png")):
        done = subprocess.run([build / "bin/dgx-pixels", *words], cwd=tmp_path, text=True, capture_output=True)
        assert done.returncode == 2, (words, done.stderr)
        assert "would overwrite its source" in done.stderr or "written twice" in done.stderr, done.stderr
        assert (tmp_path / "hero.png").read_bytes() == before and not (tmp_path / "new.png").exists()


def lightness(color: str) -> float:
    """OKLab's L by its definition (https://bottosson.github.io/posts/oklab/), in double."""
    bytes_ = np.array([int(color[i:i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(bytes_ <= 0.04045, bytes_ / 12.92, ((bytes_ + 0.055) / 1.055) ** 2.4)
    cones = np.cbrt(np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                              [0.0883024619, 0.2817188376, 0.6299787005]]) @ linear)
    return float(np.array([0.2104542553, 0.7936177850, -0.0040720468]) @ cones)


def test_colorways_of_strangers_sprites(full: bool, evidence: Callable[[str, int, str], None]) -> None:
    """Eight colorways: in every ramp what was lighter is lighter, and what is kept stays to the byte."""
    if not DATA.exists():
        pytest.skip("needs sprites-cc0.tar.gz in DGXP_TEST_DATA")
    from dgx_pixels import recolor

    ramps, apart, count = 0, 0.0, 50 if full else 20
    for name, sprite in sprites(count):
        made = set()
        for variant in range(1, 9):
            out = recolor(sprite, variant=variant, keep_skin=bool(variant % 2))
            pixels = np.asarray(out.image)
            table: dict[str, str] = {}
            for ramp in [*out.report["ramps"], out.report["kept"]]:
                assert len(ramp["from"]) == len(ramp["to"])
                table.update(zip(ramp["from"], ramp["to"], strict=True))
            for ramp in out.report["ramps"]:
                before, after = ([lightness(color) for color in ramp[side]] for side in ("from", "to"))
                assert before == sorted(before), f"{name}: {ramp}"
                for i in range(1, len(after)):  # alike to a byte's rounding may fall together
                    assert after[i] >= after[i - 1] - 1e-6, f"{name} {variant}: {ramp}"
                apart = max([apart, *(abs(a - b) for a, b in zip(before, after, strict=True))])
                ramps += 1
            assert out.report["kept"]["from"] == out.report["kept"]["to"]
            for y, x in np.argwhere(sprite[..., 3] > 0)[::7]:
                old, new = ("#" + image[y, x, :3].tobytes().hex() for image in (sprite, pixels))
                assert table[old] == new, f"{name} {variant}: {old} became {new}"
            assert (pixels[..., 3] == sprite[..., 3]).all()
            made.add(pixels.tobytes())
        assert len(made) >= 7, f"{name}: {len(made)} colorways of 8 differ"
    evidence("colorways: the order of light in every ramp", ramps, f"lightness moves by {apart:.3f} at most")
