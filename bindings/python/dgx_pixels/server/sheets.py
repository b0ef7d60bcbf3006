# SPDX-License-Identifier: MIT OR Apache-2.0
"""Sheets cut, tile sets composed, sprites measured and shown: as the command line does, without a model."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from .. import fixing
from ..image import Image
from ..sheet import Sheet
from .pixels import Packed, base64_png, decode_all
from .schema import Body, Hex, Picture, Whole, decode_png, palette_of

router = APIRouter(prefix="/api/v1", tags=["pixels"])


class ReportBody(Body):
    """Finished sprites to be measured, or the frames of one animation."""

    images: list[Picture] = Field(min_length=1, max_length=1024)
    colors: Whole = Field(0, ge=0, le=256, description="at most so many are wanted; 0: no limit")
    palette: str | list[Hex] | None = Field(None, max_length=256, description="every opaque color must be in it")
    source: Picture | None = Field(None, description="what it was recovered from")
    tile: bool = Field(False, description="a seamless tile: the seam counts, framing does not")
    background: bool = Field(False, description="a scene: framing does not count")


class SliceBody(Body):
    """A sheet to be cut into frames: by cells, by columns and rows, else by the pieces that touch nothing else."""

    image: Picture
    cell_width: Whole = Field(0, ge=0, le=4096, description="pixels; one alone is both")
    cell_height: Whole = Field(0, ge=0, le=4096)
    columns: Whole = Field(0, ge=0, le=1024)
    rows: Whole = Field(0, ge=0, le=1024)
    margin: Whole = Field(0, ge=0, le=1024, description="around the cells")
    spacing: Whole = Field(0, ge=0, le=1024, description="between the cells")
    align: Literal["auto", "feet", "center", "none"] = "auto"
    keep_empty: bool = Field(False, description="empty cells are frames too")
    least: Whole = Field(0, ge=0, le=1 << 24, description="smaller pieces join the nearest; 0: 1/16 of the largest")
    padding: Whole = Field(0, ge=0, le=256, description="around aligned frames")


class ContactBody(Body):
    """Sprites to be shown on one picture, for people."""

    images: list[Picture] = Field(min_length=1, max_length=1024)
    columns: Whole = Field(0, ge=0, le=256, description="0: nearly square")
    scale: Whole = Field(0, ge=0, le=64, description="0: frames of about 128 pixels")
    no_labels: bool = Field(False, description="nothing under each")


class TilesetBody(Body):
    """A whole autotile set of one or two seamless textures."""

    inside: Picture
    outside: Picture | None = Field(None, description="else transparent")
    edge: Picture | None = Field(None, description="an upper edge drawn by hand, as wide as the tile")
    kind: Literal["blob", "corner"] = Field("blob", description="47 tiles for the eight neighbours, or 16 for corners")
    tile: Whole = Field(0, ge=0, le=256, description="pixels a side, even; 0: the inside's width")
    border: Whole = Field(0, ge=0, le=127, description="how far inside its cell the terrain ends; 0: tile/8")
    rough: Whole = Field(0, ge=0, le=127, description="how many pixels the edge varies")
    seed: Whole = Field(0, ge=0, le=(1 << 53) - 1, description="of the rough edge")
    no_outline: bool = Field(False, description="no line along the edge")
    format: Literal["tsx", "tsj", "ldtk", "bevy-ron", "aseprite-array", "aseprite-hash"] = "tsx"
    padding: Whole = Field(0, ge=0, le=256)
    margin: Whole = Field(0, ge=0, le=256)
    extrude: Whole = Field(0, ge=0, le=16, description="edge pixels copied outwards, against bleeding")


class Cut(BaseModel):
    images: list[str]
    names: list[str]


class Shown(BaseModel):
    image: str
    width: int
    height: int


def limit_of(request: Request) -> int:
    return int(request.app.state.settings.pixel_limit)


def one(text: str | None, field: str, limit: int) -> Image | None:
    return Image.decode(decode_png(text, field, limit)) if text is not None else None


@router.post("/report", operation_id="report")
def report(request: Request, body: ReportBody) -> dict[str, Any]:
    """How good a sprite is: colors, alpha, lone pixels, mixels, framing, of an animation its flicker."""
    limit = limit_of(request)
    return fixing.quality(
        decode_all(body.images, "images", limit), colors=body.colors, palette=palette_of(body.palette),
        source=one(body.source, "source", limit), tile=body.tile, background=body.background)


@router.post("/slice", operation_id="slice_sheet")
def slice_sheet(request: Request, body: SliceBody) -> Cut:
    """A sheet's frames, feet aligned."""
    fields = {**body.model_dump(exclude={"image", "align"}), "keep_empty": int(body.keep_empty)}
    sheet = Sheet.cut(Image.decode(decode_png(body.image, "image", limit_of(request))), align=body.align, **fields)
    return Cut(images=[base64_png(frame) for frame in sheet.frames], names=sheet.names)


@router.post("/contact", operation_id="contact_sheet")
def contact_sheet(request: Request, body: ContactBody) -> Shown:
    """Many sprites on one enlarged, numbered picture."""
    sheet = Sheet(decode_all(body.images, "images", limit_of(request)))
    made = sheet.contact(columns=body.columns, scale=body.scale, no_labels=int(body.no_labels))
    return Shown(image=base64_png(made), width=made.width, height=made.height)


@router.post("/tileset", operation_id="make_tileset")
def make_tileset(request: Request, body: TilesetBody) -> Packed:
    """The set on one picture, with Tiled's wangset or another engine's description."""
    limit = limit_of(request)
    sheet = Sheet.autotile(
        Image.decode(decode_png(body.inside, "inside", limit)), one(body.outside, "outside", limit), kind=body.kind,
        edge=one(body.edge, "edge", limit), tile=body.tile, border=body.border, rough=body.rough, seed=body.seed,
        no_outline=int(body.no_outline))
    atlas = sheet.pack(padding=body.padding, margin=body.margin, extrude=body.extrude)
    return Packed(image=base64_png(atlas.image), width=atlas.image.width, height=atlas.image.height,
                  description=atlas.describe(body.format, "tileset.png"),
                  places=[vars(place) for place in atlas.places])
