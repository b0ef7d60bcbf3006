# SPDX-License-Identifier: MIT OR Apache-2.0
"""Images, fix, palettes and sheets through the pleasant face, beside Pillow and NumPy."""

from __future__ import annotations

import gc
import io
import resource
from pathlib import Path

import numpy
import PIL.Image
import pytest

import dgx_pixels
from dgx_pixels import Image, Palette, Sheet, Slice, fix, fix_frames, quality

KNIGHT = numpy.zeros((16, 16, 4), numpy.uint8)
KNIGHT[4:14, 5:11] = (90, 100, 160, 255)
KNIGHT[2:6, 6:10] = (240, 200, 160, 255)
KNIGHT[13, 5:11] = (30, 30, 40, 255)


def enlarged(sprite: numpy.ndarray, by: int) -> numpy.ndarray:  # type: ignore[type-arg]
    return numpy.repeat(numpy.repeat(sprite, by, 0), by, 1)


def test_pixels_are_shared_without_a_copy() -> None:
    image = Image.of(KNIGHT)
    array = numpy.asarray(image)
    assert (array == KNIGHT).all() and array.flags.writeable
    array[0, 0] = (1, 2, 3, 255)
    assert image.tobytes()[:4] == b"\x01\x02\x03\xff"
    picture = image.pil()
    assert picture.mode == "RGBA" and picture.getpixel((0, 0)) == (1, 2, 3, 255)
    del image
    gc.collect()
    assert tuple(array[0, 0]) == picture.getpixel((0, 0)) == (1, 2, 3, 255)


@pytest.mark.parametrize("form", ["path", "bytes", "pil", "palette image", "rgb", "grey"])
def test_pictures_come_in_many_forms(form: str, tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(KNIGHT)
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    path = tmp_path / "knight.png"
    path.write_bytes(buffer.getvalue())
    opaque = KNIGHT.copy()
    opaque[..., 3] = 255
    grey = opaque.copy()
    grey[..., :3] = 7
    source, wanted = {
        "path": (path, KNIGHT), "bytes": (buffer.getvalue(), KNIGHT), "pil": (picture, KNIGHT),
        "palette image": (PIL.Image.fromarray(opaque).convert("RGB").quantize(8), opaque),
        "rgb": (opaque[..., :3], opaque), "grey": (grey[..., 0], grey)}[form]
    assert (numpy.asarray(Image.of(source)) == wanted).all()


def test_wrong_pictures_are_refused_with_words() -> None:
    with pytest.raises(TypeError, match="float64"):
        Image.of(KNIGHT.astype(float))
    with pytest.raises(ValueError, match="shape"):
        Image.of(KNIGHT[None])
    with pytest.raises(TypeError, match="int is no picture"):
        Image.of(7)  # type: ignore[arg-type]
    with pytest.raises(dgx_pixels.BadFormat) as caught:
        Image.decode(b"neither a PNG nor another picture")
    assert isinstance(caught.value, ValueError) and caught.value.status == "bad-format"
    with pytest.raises(FileNotFoundError, match="nowhere.png"):
        Image.load("/nowhere.png")
    with pytest.raises(ValueError, match="1024 bytes, not 3"):
        Image(16, 16, b"abc")


def test_saved_pictures_are_what_pillow_reads(tmp_path: Path) -> None:
    image = Image.of(KNIGHT)
    image.set_text({"parameters": "a knight", "Comment": "größer"})
    image.save(tmp_path / "knight.png", scale=3)
    with PIL.Image.open(tmp_path / "knight.png") as read:
        assert read.size == (48, 48) and read.info["parameters"] == "a knight"
        assert (numpy.asarray(read.convert("RGBA")) == enlarged(KNIGHT, 3)).all()
    assert Image.load(tmp_path / "knight.png").text == {"parameters": "a knight", "Comment": "größer"}
    shown = PIL.Image.open(io.BytesIO(image._repr_png_()))
    assert shown.size == (256, 256), "Jupyter shows it enlarged by whole pixels"


def test_a_closed_handle_refuses() -> None:
    with Image.of(KNIGHT) as image:
        assert image.size == (16, 16)
    image.close()
    with pytest.raises(ValueError, match="closed"):
        image.width
    assert repr(image) == "<Image, closed>"


def test_fix_recovers_an_enlarged_sprite() -> None:
    fixed = fix(enlarged(KNIGHT, 11))
    assert (numpy.asarray(fixed.image) == KNIGHT).all()
    assert fixed.report["grid"]["kind"] == "flat"
    recolored = fix(enlarged(KNIGHT, 11), palette="pico-8", trim={"padding": 1}, outline=True)
    allowed = set(Palette.load("pico-8").hex)
    assert set(recolored.palette) <= allowed
    assert recolored.report["trim"]["width"] == 16
    with pytest.raises(ValueError, match="no background 'nothing'|is no color|invalid literal"):
        fix(KNIGHT, background="nothing")
    with pytest.raises(TypeError, match="fix_frames"):
        fix([KNIGHT, KNIGHT])  # type: ignore[list-item]


def test_frames_share_one_grid_and_palette() -> None:
    moved = numpy.roll(KNIGHT, 1, axis=1)
    first, second = fix_frames([enlarged(KNIGHT, 6), enlarged(moved, 6)], colors=2)
    assert first.image.size == second.image.size == (16, 16)
    assert len(first.palette) == 2 and first.report == second.report
    with pytest.raises(TypeError, match="colours"):
        fix_frames([KNIGHT], colours=2)


def test_quality_tells_good_from_bad() -> None:
    noise = numpy.random.default_rng(1).integers(0, 256, (16, 16, 4), numpy.uint8)
    good, bad = quality(KNIGHT), quality(noise, colors=16)
    assert good["pass"] and not bad["pass"] and good["score"] > bad["score"]


def test_palettes_behave_like_lists(tmp_path: Path) -> None:
    palette = Palette(["#ff0000", (0, 255, 0), "0000ff80", "#FF0000"])
    assert len(palette) == 3 and palette[1] == (0, 255, 0, 255)
    assert palette.hex == ["#ff0000", "#00ff00", "#0000ff80"]
    Palette(["#102030", "#405060"]).save(tmp_path / "two.gpl")
    assert Palette.load(tmp_path / "two.gpl").hex == ["#102030", "#405060"]
    assert Palette.decode(Palette(["#102030"]).encode("jasc")) == Palette(["#102030"])
    assert set(Palette.extract(KNIGHT, numpy.roll(KNIGHT, 3, 1)).hex) == {"#5a64a0", "#f0c8a0", "#1e1e28"}
    assert "pico-8" in Palette.builtins() and "background:#102030" in Palette(["#102030"])._repr_html_()
    with pytest.raises(ValueError, match="no color"):
        Palette(["red"])
    two = Palette(["#ffffff", "#000000"]).quantize(KNIGHT, dither="bayer4")
    assert set(map(tuple, numpy.asarray(two).reshape(-1, 4)[:, :3])) <= {(0, 0, 0), (255, 255, 255)}


def test_sheets_keep_frames_tags_and_slices(tmp_path: Path) -> None:
    sheet = Sheet([KNIGHT, numpy.roll(KNIGHT, 1, 0)], duration=120)
    sheet.add_tag("walk", 0, 1, "pingpong", 3)
    sheet.add_slice(Slice("hand", 1, 2, 3, 4, pivot=(1, 1)))
    sheet.save(tmp_path / "walk.aseprite")
    read = Sheet.load(tmp_path / "walk.aseprite")
    assert read.tags == sheet.tags and read.slices == sheet.slices
    assert read.durations == [120, 120] and (numpy.asarray(read[1]) == numpy.roll(KNIGHT, 1, 0)).all()
    with pytest.raises(IndexError):
        read[2]
    atlas = sheet.pack(columns=2, padding=1)
    assert atlas.image.size == (33, 16) and atlas.places[1].x == 17
    atlas.save(tmp_path / "walk.png", "tsx")
    assert "<tileset" in (tmp_path / "walk.tsx").read_text()
    cut = Sheet.cut(atlas.image, cell_width=16, cell_height=16, spacing=1, align="none")
    assert (numpy.asarray(cut[0]) == KNIGHT).all() and len(cut) == 2
    assert PIL.Image.open(io.BytesIO(sheet.encode("apng"))).n_frames == 2


def test_autotiles_join() -> None:
    grass = numpy.random.default_rng(2).integers(90, 110, (16, 16, 4), numpy.uint8)
    grass[..., 3] = 255
    sheet = Sheet.autotile(grass, kind="blob", tile=16)
    mean, _worst = sheet.check_autotile()
    assert len(sheet) == 47 and mean < 3


def test_handles_do_not_leak(full: bool, evidence) -> None:  # type: ignore[no-untyped-def]
    cycles = 10_000 if full else 2_000

    def one(i: int) -> None:
        image = Image.of(KNIGHT)
        numpy.asarray(image)
        with Palette.extract(image) as palette, palette.quantize(image):
            Sheet([image])[0].tobytes()
        if i % 10 == 0:
            with pytest.raises(dgx_pixels.DgxPixelsError):
                Image.decode(b"nothing")

    for i in range(500):
        one(i)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for i in range(cycles):
        one(i)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 1024, f"{grown} KiB more after {cycles} cycles"
    evidence("Python handles made and closed without growth", cycles, f"{grown} KiB more")
