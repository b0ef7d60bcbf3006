# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a finished sprite becomes by its own pixels: motions, other colors, a normal map.  No model."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, StringConstraints

from ..image import Image
from ..motion import list_motions, normals
from ..motion import motion as move
from ..motion import normal as map_normals
from ..motion import recolor as take_colors
from .pixels import base64_png
from .schema import Body, Picture, Whole, decode_png

router = APIRouter(prefix="/api/v1", tags=["pixels"])

# Names only: the library would take a path for a file of the server's.
Names = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}(,[a-z0-9][a-z0-9-]{0,62}){0,63}$")]
Ramps = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00]*$")]


class NormalFields(Body):
    strength: Whole = Field(100, ge=10, le=400, description="how steep all is, percent")
    no_shading: bool = Field(False, description="by outline, lines and faces alone")
    y_down: bool = Field(False, description="green points downwards, as Direct3D's maps have it")


class MotionBody(Body):
    """A still sprite to be animated."""

    image: Picture
    motions: Names = Field("idle", description="names with commas (GET /api/v1/motions), or all")
    facing: Literal["front", "back", "right", "left"] = "front"
    frames: Whole | None = Field(None, ge=2, le=12, description="of each motion")
    reach: Whole = Field(100, ge=25, le=400, description="how far everything moves, percent")
    speed: Whole = Field(100, ge=10, le=1000, description="percent")
    seed: Whole = Field(0, ge=0, le=(1 << 53) - 1, description="of the order in which pixels dissolve")
    keep_canvas: bool = Field(False, description="frames have the sprite's size; what leaves it is cut")
    normal: NormalFields | None = Field(None, description="also every frame's normal map, {} as it comes")
    image_name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = Field(
        "sheet.png", description="what the description calls the picture")


class RecolorBody(Body):
    """A sprite to come in other colors."""

    image: Picture
    map: Ramps | None = Field(None, description="ramps by name or #rrggbb: red=blue,gold=silver")
    variant: Whole = Field(0, ge=0, le=1000, description="every ramp takes another hue; 0: only what map says")
    keep_skin: bool = False
    move_outline: bool = False


class NormalBody(NormalFields):
    """A sprite to be lit."""

    image: Picture


class Moving(BaseModel):
    image: str
    width: int
    height: int
    description: str
    normal: str | None
    aseprite: str
    report: dict[str, Any]


class Made(BaseModel):
    image: str
    width: int
    height: int
    report: dict[str, Any]


def picture_of(request: Request, text: str) -> Image:
    return Image.decode(decode_png(text, "image", request.app.state.settings.pixel_limit))


def made_of(image: Image, report: dict[str, Any]) -> Made:
    return Made(image=base64_png(image), width=image.width, height=image.height, report=report)


@router.post("/motion", operation_id="motion")
def motion(request: Request, body: MotionBody) -> Moving:
    """Idle, walk, hit, death … by the sprite's own pixels: a sheet, Aseprite's JSON of it, an .aseprite file."""
    made = move(picture_of(request, body.image), body.motions, facing=body.facing, frames=body.frames or 0,
                        reach=body.reach, speed=body.speed, seed=body.seed, keep_canvas=body.keep_canvas)
    atlas = made.sheet.pack()
    maps = normals(made.sheet, **body.normal.model_dump()).pack() if body.normal else None
    return Moving(image=base64_png(atlas.image), width=atlas.image.width, height=atlas.image.height,
                  description=atlas.describe("aseprite-array", body.image_name), report=made.report,
                  normal=base64_png(maps.image) if maps else None,
                  aseprite=base64.b64encode(made.sheet.encode("aseprite")).decode())


@router.get("/motions", operation_id="list_motions")
def motions_there_are() -> list[dict[str, Any]]:
    """What `motions` may name, and what each does."""
    return list_motions()


@router.post("/recolor", operation_id="recolor")
def recolor(request: Request, body: RecolorBody) -> Made:
    """Team colors and variants: the sprite's ramps in other hues, every shade as light as it was."""
    made = take_colors(picture_of(request, body.image), body.map, variant=body.variant,
                         keep_skin=body.keep_skin, move_outline=body.move_outline)
    return made_of(made.image, made.report)


@router.post("/normal", operation_id="normal")
def normal(request: Request, body: NormalBody) -> Made:
    """A normal map for lights in 2D: R x, G y upwards, B z."""
    made = map_normals(picture_of(request, body.image), strength=body.strength, no_shading=body.no_shading,
                        y_down=body.y_down)
    return made_of(made.image, made.report)
