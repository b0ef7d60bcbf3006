# SPDX-License-Identifier: MIT OR Apache-2.0
"""Sheets, animations and tilesets as programs that we did not write read and write them."""

from __future__ import annotations

import ctypes as c
import io
import json
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import apng
import machine
import make_aseprite as ase
import numpy as np
import pytest
from dgxp import DgxpError, Library
from PIL import Image
from pytiled_parser.parsers.json import tileset as tsj
from pytiled_parser.parsers.tmx import tileset as tsx
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
ARRAY, HASH, TSJ, TSX, LDTK, RON = range(6)
ASEPRITE, APNG = 1, 2


class Tag(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("first", c.c_int32), ("last", c.c_int32),
                ("direction", c.c_int32), ("repeat", c.c_int32), ("name", c.c_char_p)]


class Slice(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), *((name, c.c_int32) for name in (
        "x", "y", "width", "height", "center_x", "center_y", "center_width", "center_height",
        "has_pivot", "pivot_x", "pivot_y")), ("name", c.c_char_p)]


class SaveParams(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), *((name, c.c_int32) for name in (
        "format", "scale", "truecolor", "plays"))]


class PackParams(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), *((name, c.c_int32) for name in (
        "layout", "columns", "padding", "margin", "extrude", "power_of_two", "no_trim", "bleed"))]


class TileParams(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), *((name, c.c_int32) for name in (
        "kind", "tile", "border", "rough", "no_outline")), ("outline_color", c.c_uint8 * 4),
        ("seed", c.c_uint64), ("edge", c.c_void_p)]


def sized(of: type[c.Structure], /, **values: object) -> c.Structure:
    made = of(**values)
    made.struct_size = c.sizeof(of)
    return made


class Sheet:
    """A dgxp_sheet."""

    def __init__(self, library: Library, handle: c.c_void_p) -> None:
        self.library, self.handle = library, handle

    @classmethod
    def of(cls, library: Library, frames: list[np.ndarray], durations: list[int]) -> Sheet:
        sheet = cls(library, c.c_void_p())
        library.check(library.c.dgxp_sheet_create(c.byref(sheet.handle)))
        for pixels, duration in zip(frames, durations, strict=True):
            image = library.image(pixels)
            library.check(library.c.dgxp_sheet_add_frame(sheet.handle, image, None, duration))
            library.c.dgxp_image_free(image)
        return sheet

    @classmethod
    def decode(cls, library: Library, data: bytes) -> Sheet:
        sheet = cls(library, c.c_void_p())
        library.check(library.c.dgxp_sheet_decode(data, c.c_size_t(len(data)),
                                                  c.byref(sheet.handle)))
        return sheet

    def add(self, what: c.Structure) -> None:
        name = "tag" if isinstance(what, Tag) else "slice"
        self.library.check(getattr(self.library.c, f"dgxp_sheet_add_{name}")(self.handle,
                                                                            c.byref(what)))

    def frames(self) -> list[np.ndarray]:
        count = self.library.c.dgxp_sheet_frame_count(self.handle)
        return [self.library.pixels(self.library.c.dgxp_sheet_frame(self.handle, i))
                for i in range(count)]

    def durations(self) -> list[int]:
        count = self.library.c.dgxp_sheet_frame_count(self.handle)
        return [self.library.c.dgxp_sheet_frame_duration(self.handle, i) for i in range(count)]

    def encode(self, **params: int) -> bytes:
        data, size = c.POINTER(c.c_uint8)(), c.c_size_t()
        self.library.check(self.library.c.dgxp_sheet_encode(
            self.handle, c.byref(sized(SaveParams, **params)), c.byref(data), c.byref(size)))
        made = c.string_at(data, size.value)
        self.library.c.dgxp_bytes_free(data)
        return made

    def pack(self, kind: int, image: str, **params: int) -> tuple[np.ndarray, str]:
        atlas, data, size = c.c_void_p(), c.POINTER(c.c_uint8)(), c.c_size_t()
        self.library.check(self.library.c.dgxp_sheet_pack(
            self.handle, c.byref(sized(PackParams, **params)), c.byref(atlas)))
        page = self.library.pixels(self.library.c.dgxp_atlas_image(atlas))
        self.library.check(self.library.c.dgxp_atlas_describe(
            atlas, self.handle, kind, image.encode(), c.byref(data), c.byref(size)))
        described = c.string_at(data, size.value).decode()
        self.library.c.dgxp_bytes_free(data)
        self.library.c.dgxp_atlas_free(atlas)
        return page, described

    def __del__(self) -> None:
        self.library.c.dgxp_sheet_free(self.handle)


@pytest.fixture(scope="module")
def library(build: Path) -> Library:
    made = Library(build)
    made.c.dgxp_sheet_frame.restype = made.c.dgxp_atlas_image.restype = c.c_void_p
    return made


def art(count: int, width: int, height: int, colors: int, seed: int) -> list[np.ndarray]:
    """Frames of few colours with transparent ground."""
    rng = np.random.default_rng(seed)
    palette = np.concatenate([np.zeros((1, 4)), np.c_[rng.integers(0, 256, (colors, 3)),
                                                      np.full(colors, 255)]]).astype(np.uint8)
    return [palette[rng.integers(0, colors + 1, (height, width))] for _ in range(count)]


# ------------------------------------------------------------------------------------- .aseprite


@pytest.fixture(scope="module")
def read_aseprite(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """The crate asefile, which shares no code with us."""
    if os.environ.get("SKIP_RUST") == "1":
        pytest.skip("SKIP_RUST=1: .aseprite files are not compared with the crate asefile")
    if not shutil.which("cargo"):
        machine.absent("Rust", ".aseprite files beside the crate asefile are", "install it from https://rustup.rs")
    target = ROOT / "build/readers"
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], check=True,
                   cwd=ROOT / "tests/readers/asefile", timeout=900,
                   env={**os.environ, "CARGO_TARGET_DIR": str(target)})
    folder = tmp_path_factory.mktemp("aseprite")

    def read(data: bytes) -> tuple[list[str], np.ndarray]:
        (folder / "in.aseprite").write_bytes(data)
        lines = subprocess.run(
            [target / "release/read-aseprite", folder / "in.aseprite", folder / "out"], text=True,
            check=True, capture_output=True).stdout.splitlines()
        width, height = map(int, lines[0].split()[1:])
        raw = np.frombuffer((folder / "out").read_bytes(), np.uint8)
        return lines[1:], raw.reshape(-1, height, width, 4)

    return read


@pytest.mark.parametrize("truecolor", [0, 1])
@pytest.mark.parametrize("colors", [3, 255, 400])
def test_aseprite_as_asefile_reads_it(library: Library, read_aseprite, truecolor: int,  # type: ignore
                                      colors: int) -> None:
    frames = art(4, 37, 23, colors, colors)
    frames[2] = frames[1]
    frames[3] = np.zeros_like(frames[3])
    sheet = Sheet.of(library, frames, [40, 50, 60, 65535])
    sheet.add(sized(Tag, first=0, last=2, direction=2, repeat=0, name="gehen ö".encode()))
    sheet.add(sized(Slice, x=1, y=2, width=30, height=20, center_x=4, center_y=5, center_width=6,
                    center_height=7, has_pivot=1, pivot_x=-3, pivot_y=20, name=b"box"))
    lines, seen = read_aseprite(sheet.encode(format=ASEPRITE, truecolor=truecolor))
    indexed = not truecolor and colors <= 255
    assert lines[0] == f"indexed {str(indexed).lower()}"
    assert "layer true Sprite" in lines
    assert [line for line in lines if line.startswith("frame")] == [
        "frame 40", "frame 50", "frame 60", "frame 65535"]
    assert "tag 0 2 PingPong gehen ö" in lines
    assert "slice (1, 2) (30, 20) Some((4, 5, 6, 7)) Some((-3, 20)) box" in lines
    assert np.array_equal(seen, np.stack(frames))


def layered(depth: int) -> bytes:
    """Every kind of cel, opacity, groups, hidden and reordered layers, at one depth."""
    rng = np.random.default_rng(depth)
    size = depth // 8

    def pixels(width: int, height: int) -> bytes:
        if depth == 8:
            return bytes(rng.integers(0, 16, width * height).astype(np.uint8))
        return rng.integers(0, 256, width * height * size, np.uint8).tobytes()

    colors = [(int(r), int(g), int(b), 255) for r, g, b in rng.integers(0, 256, (16, 3))]
    layers = [ase.layer("ground", flags=3 | 8), ase.layer("group", kind=1),
              ase.layer("child", level=1, opacity=200), ase.layer("off", flags=2, kind=1),
              ase.layer("child of off", level=1), ase.layer("top", opacity=99)]
    first = [ase.cel(0, 0, 0, 2, ase.packed(12, 9, pixels(12, 9))),
             ase.cel(2, -2, 3, 0, ase.raw(8, 8, pixels(8, 8)), opacity=150),
             ase.cel(4, 0, 0, 2, ase.packed(12, 9, pixels(12, 9))),
             ase.cel(5, 6, -1, 2, ase.packed(9, 7, pixels(9, 7)))]
    linked = struct.pack("<H", 0)
    second = [ase.cel(0, 0, 0, 1, linked), ase.cel(2, -2, 3, 1, linked, opacity=150)]
    return ase.file(12, 9, depth, [(70, [ase.palette(colors), *layers, *first]), (80, second)])


@pytest.mark.parametrize("depth", [8, 16, 32])
def test_we_read_what_asefile_reads(library: Library, read_aseprite, depth: int) -> None:  # type: ignore
    data = layered(depth)
    _, seen = read_aseprite(data)
    ours = np.stack(Sheet.decode(library, data).frames())
    clear = (ours[..., 3] == 0) & (seen[..., 3] == 0)
    difference = np.abs(ours.astype(int) - seen.astype(int)).max(axis=-1)
    assert difference[~clear].max() <= 1, "more than the rounding of one blend"
    assert (~clear).mean() > 0.5


def test_z_index_moves_a_cel(library: Library) -> None:
    """asefile 0.3 does not know z-indices; the rule is that of the format's document."""
    red, blue = bytes([255, 0, 0, 255]), bytes([0, 0, 255, 255])
    layers = [ase.layer("low"), ase.layer("high")]
    for z, expected in ((0, blue), (1, blue), (2, red)):
        frame = [*layers, ase.cel(0, 0, 0, 0, ase.raw(1, 1, red), z=z),
                 ase.cel(1, 0, 0, 0, ase.raw(1, 1, blue))]
        shown = Sheet.decode(library, ase.file(1, 1, 32, [(100, frame)])).frames()[0]
        # layer 0 with z 1 ties with layer 1 and z 0; then the larger z is in front
        assert shown.tobytes() == (red if z == 1 else expected)


# ------------------------------------------------------------------------------------ animation


def test_apng_as_pillow_and_apng_read_it(library: Library) -> None:
    frames, durations = art(5, 31, 17, 9, 1), [20, 40, 333, 1, 65535]
    for scale in (1, 3):
        data = Sheet.of(library, frames, durations).encode(format=APNG, scale=scale, plays=4)
        image = Image.open(io.BytesIO(data))
        assert (image.n_frames, image.info["loop"]) == (5, 4)
        for i, frame in enumerate(frames):
            image.seek(i)
            large = frame.repeat(scale, 0).repeat(scale, 1)
            assert np.array_equal(np.asarray(image.convert("RGBA")), large)
            assert image.info["duration"] == durations[i]
        parts = apng.APNG.from_bytes(data)
        assert parts.num_plays == 4
        for frame, (png, control) in zip(frames, parts.frames, strict=True):
            alone = np.asarray(Image.open(io.BytesIO(png.to_bytes())).convert("RGBA"))
            assert np.array_equal(alone, frame.repeat(scale, 0).repeat(scale, 1))
            assert (control.width, control.delay_den) == (31 * scale, 1000)


def compose(data: bytes) -> list[np.ndarray]:
    """The frames of an APNG of hard alpha by the letter of its specification, parsed by `apng`."""
    shown, canvas = [], None
    for png, control in apng.APNG.from_bytes(data).frames:
        part = np.asarray(Image.open(io.BytesIO(png.to_bytes())).convert("RGBA"))
        canvas = np.zeros_like(part) if canvas is None else canvas
        before = canvas.copy()
        place = canvas[control.y_offset:, control.x_offset:][:control.height, :control.width]
        place[...] = np.where((part[..., 3:] > 0) | (control.blend_op == 0), part, place)
        shown.append(canvas.copy())
        if control.depose_op == 1:
            place[...] = 0
        elif control.depose_op == 2:
            canvas = before
    return shown


@pytest.mark.parametrize("disposal", [0, 1, 2])
@pytest.mark.parametrize("blend", [0, 1])
def test_we_read_pillows_apng(library: Library, disposal: int, blend: int) -> None:
    frames = art(6, 20, 16, 5, disposal)
    for frame in frames[1:]:
        frame[:9] = frames[0][:9]  # so that Pillow writes partial frames
    images = [Image.fromarray(frame) for frame in frames]
    stream = io.BytesIO()
    images[0].save(stream, "PNG", save_all=True, append_images=images[1:], duration=70,
                   disposal=disposal, blend=blend)
    ours, reader = Sheet.decode(library, stream.getvalue()), Image.open(stream)
    assert set(ours.durations()) == {70}
    for i, (mine, expected) in enumerate(zip(ours.frames(), compose(stream.getvalue()),
                                             strict=True)):
        # A second PREVIOUS in a row puts back what the first did; Pillow 13 puts back too much.
        if disposal != 2:
            reader.seek(i)
            expected = np.asarray(reader.convert("RGBA"))
        clear = (mine[..., 3] == 0) & (expected[..., 3] == 0)
        assert np.array_equal(mine[~clear], expected[~clear])


def test_we_read_files_of_apng(library: Library, tmp_path: Path) -> None:
    frames = art(3, 9, 8, 4, 5)
    parts = apng.APNG()
    for i, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"{i}.png")
        parts.append_file(tmp_path / f"{i}.png", delay=1, delay_den=25)
    sheet = Sheet.decode(library, parts.to_bytes())
    assert sheet.durations() == [40] * 3
    assert all(map(np.array_equal, sheet.frames(), frames))


@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
@pytest.mark.parametrize("interlace", [0, 1])
def test_we_read_pillows_gif(library: Library, disposal: int, interlace: int) -> None:
    images, pixels = [], np.random.default_rng(disposal).integers(0, 8, (5, 19, 23), np.uint8)
    for frame in pixels:
        frame[:8] = pixels[0][:8]
        image = Image.fromarray(frame, "P")
        image.putpalette([value for i in range(8) for value in (i * 30, 255 - i * 20, i * 9)])
        images.append(image)
    stream = io.BytesIO()
    images[0].save(stream, "GIF", save_all=True, append_images=images[1:], duration=90,
                   disposal=disposal, transparency=0, interlace=interlace, optimize=False)
    reader, ours = Image.open(stream), Sheet.decode(library, stream.getvalue())
    assert ours.durations() == [90] * 5
    for i, mine in enumerate(ours.frames()):
        reader.seek(i)
        theirs = np.asarray(reader.convert("RGBA"))
        clear = (mine[..., 3] == 0) & (theirs[..., 3] == 0)
        assert np.array_equal(mine[~clear], theirs[~clear]), f"frame {i}"


# ------------------------------------------------------------------------------------- engines


def test_aseprite_json_has_the_documented_keys(library: Library) -> None:
    sheet = Sheet.of(library, art(6, 16, 24, 4, 2), [100] * 6)
    sheet.add(sized(Tag, first=1, last=4, direction=3, repeat=2, name=b"run"))
    sheet.add(sized(Slice, width=16, height=24, has_pivot=1, pivot_x=8, pivot_y=24, name=b"pivot"))
    box = {"x": int, "y": int, "w": int, "h": int}
    shape = {"filename": str, "frame": box, "rotated": bool, "trimmed": bool,
             "spriteSourceSize": box, "sourceSize": {"w": int, "h": int}, "duration": int}

    def check(value: object, wanted: object, path: str = "") -> None:
        if isinstance(wanted, dict):
            assert isinstance(value, dict) and value.keys() == wanted.keys(), path
            for key in wanted:
                check(value[key], wanted[key], f"{path}.{key}")
        else:
            assert type(value) is wanted, path

    for layout in (0, 1):
        page, text = sheet.pack(ARRAY, "art/hero.png", layout=layout, padding=1)
        told = json.loads(text)
        for i, frame in enumerate(told["frames"]):
            check(frame, shape)
            at, source = frame["frame"], frame["spriteSourceSize"]
            part = page[at["y"]:at["y"] + at["h"], at["x"]:at["x"] + at["w"]]
            whole = np.zeros((frame["sourceSize"]["h"], frame["sourceSize"]["w"], 4), np.uint8)
            whole[source["y"]:source["y"] + source["h"],
                  source["x"]:source["x"] + source["w"]] = part
            assert np.array_equal(whole, sheet.frames()[i])
        hashed = json.loads(sheet.pack(HASH, "art/hero.png", layout=layout, padding=1)[1])
        assert list(hashed["frames"]) == [frame.pop("filename") for frame in told["frames"]]
        assert list(hashed["frames"].values()) == told["frames"]
        meta = told["meta"]
        assert (meta["image"], meta["format"], meta["scale"]) == ("hero.png", "RGBA8888", "1")
        assert meta["size"] == {"w": page.shape[1], "h": page.shape[0]}
        assert meta["frameTags"] == [{"name": "run", "from": 1, "to": 4, "repeat": "2",
                                      "direction": "pingpong_reverse", "color": "#000000ff"}]
        assert meta["slices"][0]["keys"] == [{
            "frame": 0, "bounds": {"x": 0, "y": 0, "w": 16, "h": 24}, "pivot": {"x": 8, "y": 24}}]


def tileset(library: Library, kind: int, two: bool) -> Sheet:
    inside = library.image(art(1, 16, 16, 200, 3)[0] | np.array([0, 0, 0, 255], np.uint8))
    outside = library.image(np.full((16, 16, 4), 255, np.uint8)) if two else None
    sheet = Sheet(library, c.c_void_p())
    library.check(library.c.dgxp_autotile(inside, outside, c.byref(sized(TileParams, kind=kind)),
                                          c.byref(sheet.handle)))
    for image in (inside, outside):
        library.c.dgxp_image_free(image)
    return sheet


@pytest.mark.parametrize("kind,two", [(0, False), (0, True), (1, False), (1, True)])
def test_tilesets_as_pytiled_parser_reads_them(library: Library, kind: int, two: bool,
                                               tmp_path: Path) -> None:
    sheet = tileset(library, kind, two)
    sheet.add(sized(Tag, first=2, last=4, direction=2, name=b"waves & <foam>"))
    page, text = sheet.pack(TSJ, "land.png", extrude=1, padding=1)
    columns, rows = (8, 6) if kind == 0 else (4, 4)
    assert page.shape == (rows * 19 - 1, columns * 19 - 1, 4)
    Image.fromarray(page).save(tmp_path / "land.png")
    (tmp_path / "land.tsx").write_text(sheet.pack(TSX, "land.png", extrude=1, padding=1)[1])
    xml = ElementTree.parse(tmp_path / "land.tsx").getroot()
    for read in (tsj.parse(json.loads(text), 1, "utf-8", tmp_path / "land.tsj"),
                 tsx.parse(xml, 1, "utf-8", tmp_path / "land.tsx")):
        assert (read.name, read.tile_width, read.tile_height) == ("land", 16, 16)
        assert (read.columns, read.tile_count) == (columns, columns * rows)
        assert (read.spacing, read.margin) == (3, 1)
        assert (read.image_width, read.image_height) == page.shape[1::-1]
        assert [frame.tile_id for frame in read.tiles[2].animation] == [2, 3, 4, 3]
        assert {frame.duration for frame in read.tiles[2].animation} == {100}
        wang = read.wang_sets[0]
        assert wang.wang_type == ("corner" if kind else "mixed")
        assert len(wang.wang_colors) == (2 if kind and two else 1)
        assert len(wang.wang_tiles) == (16 if kind else 47)
        for index, tile in wang.wang_tiles.items():
            mask = int(re.fullmatch(r"mask (\d+)", read.tiles[index].properties["name"])[1])
            if kind == 0:
                expected = [mask >> i & 1 for i in range(8)]
            else:  # corners only, at the odd places: top right, bottom right, bottom left, top left
                bits = [mask >> i & 1 for i in (1, 2, 3, 0)]
                other = 2 if two else 0
                expected = [v for bit in bits for v in (0, 1 if bit else other)]
            assert list(tile.wang_id) == expected


def test_ldtk_fragment_has_the_documented_keys(library: Library) -> None:
    """Required fields of a tileset definition, ldtk.io/json (format 1.5.3)."""
    page, text = tileset(library, 0, False).pack(LDTK, "art/2nd land.png")
    told = json.loads(text)
    assert told.keys() >= {
        "__cHei", "__cWid", "cachedPixelData", "customData", "embedAtlas", "enumTags",
        "identifier", "padding", "pxHei", "pxWid", "relPath", "savedSelections", "spacing", "tags",
        "tagsSourceEnumUid", "tileGridSize", "uid"}
    assert (told["pxWid"], told["pxHei"]) == page.shape[1::-1]
    assert (told["__cWid"], told["__cHei"], told["tileGridSize"]) == (8, 6, 16)
    assert re.fullmatch(r"[A-Z_][A-Za-z0-9_]*", told["identifier"])
    assert told["customData"][1] == {"tileId": 1, "data": "mask 1"}


def test_bevy_ron_describes_the_grid(library: Library) -> None:
    """Names and types of bevy_asset_loader 0.27's StandardDynamicAsset."""
    sheet = Sheet.of(library, art(5, 16, 24, 4, 2), [100] * 5)
    page, text = sheet.pack(RON, 'art/my "hero".png', columns=3, padding=2, margin=1)
    fields = dict(re.findall(r"(\w+): (\d+),", text))
    assert text.startswith('({\n    "image.my \\"hero\\"": Image(\n')
    assert '"layout.my \\"hero\\"": TextureAtlasLayout(' in text
    assert 'path: "art/my \\"hero\\".png",\n        sampler: Nearest' in text
    grid = {key: int(value) for key, value in fields.items()}
    assert grid == {"tile_size_x": 16, "tile_size_y": 24, "columns": 3, "rows": 2, "padding_x": 2,
                    "padding_y": 2, "offset_x": 1, "offset_y": 1}
    for i, frame in enumerate(sheet.frames()):  # TextureAtlasLayout::from_grid
        x, y = 1 + i % 3 * 18, 1 + i // 3 * 26
        assert np.array_equal(page[y:y + 24, x:x + 16], frame)


def test_tiled_refuses_a_packed_layout(library: Library) -> None:
    sheet = Sheet.of(library, art(2, 8, 8, 4, 2), [100] * 2)
    with pytest.raises(DgxpError, match="grid"):
        sheet.pack(TSX, "a.png", layout=1)
