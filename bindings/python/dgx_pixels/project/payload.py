# SPDX-License-Identifier: MIT OR Apache-2.0
"""One file on its way into a game: without metadata, with its .meta, sidecar and lock entry."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

from ..errors import BadFormat, LimitExceeded, Mismatch, Unsupported
from . import png, texts
from .texts import Field

PLAIN = ("aseprite", "ase", "tsx", "tsj", "tmx", "tmj", "ldtk", "ron", "gif", "apng")
FRAMES_MAX, NAME_MAX, SIDE_MAX = 65535, 1024, 16384
DIRECTIONS = ("forward", "reverse", "pingpong", "pingpong_reverse")

# Every field of ImageLoaderSettings that Bevy 0.17 to 0.19 require in a .meta.
META = """(
    meta_format_version: "1.0",
    asset: Load(
        loader: "bevy_image::image_loader::ImageLoader",
        settings: (
            format: FromExtension,
            is_srgb: %s,
            sampler: Descriptor(ImageSamplerDescriptor(
                address_mode_u: ClampToEdge,
                address_mode_v: ClampToEdge,
                address_mode_w: ClampToEdge,
                mag_filter: Nearest,
                min_filter: Nearest,
                mipmap_filter: Nearest,
                lod_min_clamp: 0.0,
                lod_max_clamp: 32.0,
                compare: None,
                anisotropy_clamp: 1,
                border_color: None,
                label: None,
            )),
            asset_usage: RenderAssetUsages("RENDER_WORLD | MAIN_WORLD"),
%s        ),
    ),
)
"""
# `array_layout` is optional there, and its grid is 0.19's.
TILES = "            array_layout: Some(GridSize(tile_width_pixels: %d, tile_height_pixels: %d)),\n"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def suffix(name: str) -> str:
    """Lower-case, without its dot; "" when the name has none."""
    _, dot, end = name.rpartition("/")[2].rpartition(".")
    return end.lower() if dot else ""


@dataclass
class Payload:
    """`meta` and `sidecar` are None when there is none; `pixels` is "" of what is no picture."""

    path: str  # below the assets
    data: bytes
    entry: dict[str, Any]  # for the lock file, without "meta" and "sidecar"
    meta: bytes | None = None
    sidecar: bytes | None = None
    pixels: str = ""  # SHA-256 of the decoded RGBA8, as the game holds it
    layers: int = 1

    @property
    def meta_path(self) -> str:
        return f"{self.path}.meta"

    @property
    def sidecar_path(self) -> str:
        """Outside the assets, which games load by the folder and ship to players."""
        return f"dgx-pixels.recipes/{self.path.rpartition('.')[0]}.json"


def _entry(path: str, kind: str, data: bytes) -> dict[str, Any]:
    return {"path": path, "kind": kind, "sha256": sha256(data), "bytes": len(data)}


# --------------------------------------------------------------------------------------- pictures


def _hash_pixels(picture: png.Picture, width: int, height: int) -> tuple[str, int]:
    """Rows top-down, of an array one tile after the other; and how many tiles."""
    digest, layers, stride = hashlib.sha256(), 0, picture.width * 4
    for y in range(0, picture.height - height + 1, height):
        for x in range(0, picture.width - width + 1, width):
            for row in range(y, y + height):
                begin = row * stride + x * 4
                digest.update(picture.rgba[begin:begin + width * 4])
            layers += 1
    return digest.hexdigest(), layers


# Texts of ours that are JSON stand in the sidecar as such.
DOCUMENTS = {"dgx_pixels": "recipe", "dgx_pixels_review": "review"}


def _sidecar(payload: Payload, picture: png.Picture) -> bytes:
    document: dict[str, Any] = {"format": 1, "image": payload.path.rpartition("/")[2],
                                "sha256": sha256(payload.data)}
    others = dict(picture.texts)
    for key, name in DOCUMENTS.items():
        if key in others:
            try:
                document[name] = texts.parse(key, others[key].encode())
                del others[key]
            except (BadFormat, LimitExceeded):
                pass  # a text like any other
    document["texts"] = others
    return (texts.write(document) + "\n").encode()


def _picture(name: str, path: str, data: bytes, tile: tuple[int, int], array: bool, meta: bool,
             sidecar: bool) -> Payload:
    picture = png.decode(name, data)
    width, height = tile
    stripped = png.strip(data)
    payload = Payload(path, stripped, _entry(path, "tileset" if width else "image", stripped))
    payload.entry.update(width=picture.width, height=picture.height)
    if width:
        if picture.width % width or picture.height % height:
            raise Mismatch(
                f"{name}: {picture.width}x{picture.height} pixels are not a whole number of "
                f"{width}x{height} tiles; a tile set for the game has no padding and no margin")
        payload.entry.update(tile_width=width, tile_height=height, columns=picture.width // width,
                             rows=picture.height // height)
    array = array and width > 0
    if array:
        payload.entry["array"] = True
    if "dgx_pixels" in picture.texts:
        payload.entry["recipe"] = sha256(picture.texts["dgx_pixels"].encode())
    payload.pixels, payload.layers = _hash_pixels(picture, width if array else picture.width,
                                                  height if array else picture.height)
    if sidecar and picture.told:
        payload.sidecar = _sidecar(payload, picture)
    if meta or array:
        # One tile makes no array: Bevy refuses to load a grid of 1x1.
        layout = TILES % (width, height) if payload.layers > 1 else ""
        colors = "false" if payload.path.lower().endswith(".n.png") else "true"  # directions are no colors
        payload.meta = (META % (colors, layout)).encode()
    return payload


# ----------------------------------------------------------------------------------------- sheets


def _box(parent: Field | None, name: str, names: tuple[str, ...], theirs: tuple[str, ...],
         default: tuple[int, ...] | None = None) -> dict[str, int]:
    """Some of x, y, w, h of a member, under our names."""
    box = parent.object(name, needed=default is None) if parent else None
    if box is None:
        assert default is not None
        return dict(zip(names, default, strict=True))
    return {ours: box.integer(key, -SIDE_MAX, SIDE_MAX) for ours, key in zip(names, theirs, strict=True)}


def _frame(frame: Field, name: str | None) -> dict[str, Any]:
    own = frame.text("filename", NAME_MAX, "") if name is None else name
    place = _box(frame, "frame", ("x", "y", "width", "height"), ("x", "y", "w", "h"))
    # Aseprite's are whole; exporters of others write 83.3.
    duration = math.floor(frame.number("duration", 1, 65535, 100) + 0.5)
    corner = _box(frame, "spriteSourceSize", ("source_x", "source_y"), ("x", "y"), (0, 0))
    whole = _box(frame, "sourceSize", ("source_width", "source_height"), ("w", "h"),
                 (place["width"], place["height"]))
    return {"name": own, **place, "duration": duration, **corner, **whole}


def _frames(root: Field) -> list[dict[str, Any]]:
    if isinstance(root.value["frames"], list):
        found = [_frame(frame.of(dict, "an object"), None) for frame in root.array("frames", FRAMES_MAX)]
    else:
        frames = root.object("frames")
        assert frames
        members = ((name, frames.object(name)) for name in frames.value)
        found = [_frame(frame, name) for name, frame in members if frame]
    if not found:
        raise root.refuse("has no frames")
    return found


def _repeat(tag: Field) -> int:
    """Aseprite writes a number as text, others write the number."""
    value = tag.member("repeat", needed=False)
    if value and type(value.value) is int:
        return tag.integer("repeat", 0, 65535)
    return _leading_number(tag.text("repeat", 16, "0"))


def _leading_number(text: str) -> int:
    """As strtol() reads it: what begins with no digit is 0."""
    digits = ""
    for character in text.strip():
        if not (character.isascii() and character.isdigit() or not digits and character in "+-"):
            break
        digits += character
    return int(digits) if digits.strip("+-") else 0


def _tag(tag: Field, frames: int) -> dict[str, Any]:
    name = tag.text("name", NAME_MAX)
    first = tag.integer("from", 0, frames - 1)
    return {"name": name, "from": first, "to": tag.integer("to", first, frames - 1),
            "direction": tag.choice("direction", DIRECTIONS), "repeat": _repeat(tag)}


def _slice(found: Field) -> dict[str, Any]:
    name = found.text("name", NAME_MAX)
    keys = found.array("keys", FRAMES_MAX)
    if not keys:
        raise Field(found.file, None, f"{found.path}.keys").refuse("is empty")
    first = keys[0].of(dict, "an object")  # the first key counts, as when .aseprite is read
    told: dict[str, Any] = {"name": name, **_box(first, "bounds", ("x", "y", "width", "height"),
                                                 ("x", "y", "w", "h"))}
    for what, sides in (("pivot", "xy"), ("center", "xywh")):
        point = first.object(what, needed=False)
        if point:
            told[what] = [point.integer(side, -SIDE_MAX, SIDE_MAX) for side in sides]
    return told


def _sheet(name: str, path: str, document: Any) -> dict[str, Any]:
    root = Field(name, document)
    meta = root.object("meta")
    assert meta
    image = meta.text("image", NAME_MAX)
    if "/" in image:
        raise meta.refuse(f"names the image '{image}'; a sheet and its image lie in one folder",
                          Unsupported)
    size = _box(meta, "size", ("width", "height"), ("w", "h"))
    frames = _frames(root)
    return {"image": path[:len(path) - len(path.rpartition("/")[2])] + image, **size, "frames": frames,
            "tags": [_tag(tag.of(dict, "an object"), len(frames))
                     for tag in meta.array("frameTags", FRAMES_MAX, needed=False)],
            "slices": [_slice(item.of(dict, "an object"))
                       for item in meta.array("slices", FRAMES_MAX, needed=False)]}


def _is_sheet(document: Any) -> bool:
    return (isinstance(document, dict) and isinstance(document.get("frames"), (list, dict))
            and isinstance(document.get("meta"), dict))


def make(name: str, path: str, data: bytes, *, tile: tuple[int, int], array: bool, meta: bool,
         sidecar: bool) -> Payload:
    """What is deployed as `path` of a file's content; `name` is what errors call the file."""
    end = suffix(path)
    if end == "png":
        return _picture(name, path, data, tile, array, meta, sidecar)
    if end == "json":
        document = texts.parse(name, data)
        if _is_sheet(document):
            return Payload(path, data, {**_entry(path, "sheet", data), **_sheet(name, path, document)})
    elif end not in PLAIN:
        raise Unsupported(f"{name}: not a kind of file that is deployed: png, json, {', '.join(PLAIN)}")
    return Payload(path, data, _entry(path, "file", data))
