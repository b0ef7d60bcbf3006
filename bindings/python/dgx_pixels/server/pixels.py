# SPDX-License-Identifier: MIT OR Apache-2.0
"""Everything without a model: fix, sheet, deploy, and the lists of what there is."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel

from .. import fixing, game, version
from .. import model as library
from .._lowlevel import choices
from ..image import Image
from ..palette import Palette
from ..sheet import Sheet
from .jobs import engine_of, find
from .models import model_names
from .schema import DeployBody, FixBody, ManyBody, SheetBody, decode_png

router = APIRouter(prefix="/api/v1", tags=["pixels"])


class Fixed(BaseModel):
    image: str
    width: int
    height: int
    report: dict[str, Any]


class Packed(BaseModel):
    image: str
    width: int
    height: int
    description: str
    places: list[dict[str, int]]


def base64_png(image: Image) -> str:
    return base64.b64encode(image.encode()).decode()


@router.post("/fix", operation_id="fix")
def fix(request: Request, body: FixBody) -> Fixed:
    """Any picture to true pixels: grid, alpha, palette, report.  Needs no model."""
    limit = request.app.state.settings.pixel_limit
    made = fixing.fix(Image.decode(decode_png(body.image, "image", limit)), **body.steps())
    return Fixed(image=base64_png(made.image), width=made.image.width, height=made.image.height,
                 report=made.report)


def decode_all(texts: list[str], field: str, limit: int) -> list[Image]:
    """Pictures that have no more pixels together than one may have."""
    images: list[Image] = []
    for index, text in enumerate(texts):
        images.append(Image.decode(decode_png(text, f"{field}.{index}", limit)))
        if sum(image.width * image.height for image in images) > limit:
            raise HTTPException(413, f"the {field} have more than {limit} pixels together")
    return images


class Palettes(BaseModel):
    colors: list[str]


class Frames(BaseModel):
    images: list[str]
    report: dict[str, Any]


@router.post("/palette", operation_id="share_palette")
def share_palette(request: Request, body: ManyBody) -> Palettes:
    """One palette for many pictures: give its colors to /fix of each, as `palette`."""
    images = decode_all(body.images, "images", request.app.state.settings.pixel_limit)
    made = fixing.share_palette(images, **body.steps())
    return Palettes(colors=[f"#{r:02x}{g:02x}{b:02x}" for r, g, b, alpha in made if alpha])


@router.post("/fix/frames", operation_id="fix_frames")
def fix_frames(request: Request, body: ManyBody) -> Frames:
    """The frames of one animation: one grid, one palette, one trim."""
    images = decode_all(body.images, "images", request.app.state.settings.pixel_limit)
    made = fixing.fix_frames(images, **body.steps())
    return Frames(images=[base64_png(frame.image) for frame in made], report=made[0].report)


@router.post("/sheet", operation_id="make_sheet")
def make_sheet(request: Request, body: SheetBody) -> Packed:
    """Frames on one picture, and the text that an engine reads."""
    limit = request.app.state.settings.pixel_limit
    sheet = Sheet(duration=body.duration)
    for image in decode_all(body.frames, "frames", limit):
        sheet.add(image, duration=body.duration)
    for tag in body.tags:
        sheet.add_tag(tag.name, tag.first, tag.last, tag.direction)
    atlas = sheet.pack(layout=body.layout, columns=body.columns, padding=body.padding)
    return Packed(image=base64_png(atlas.image), width=atlas.image.width, height=atlas.image.height,
                  description=atlas.describe(body.format, body.image_name),
                  places=[vars(place) for place in atlas.places])


def project_of(projects: tuple[Path, ...], name: str | None) -> Path:
    """A configured project by its folder's name; never by a client's path."""
    known = {project.name: project for project in projects}
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name not in known:
        raise HTTPException(404, f"no project '{name}': this server deploys into "
                            f"{', '.join(known) or 'none (start it with --project FOLDER)'}")
    return known[name]


@router.post("/deploy", operation_id="deploy")
def deploy(request: Request, body: DeployBody) -> dict[str, Any]:
    """A finished picture into a Bevy project on the server's own disk."""
    engine = engine_of(request)
    project = project_of(engine.settings.projects, body.project)
    row = find(request, body.job)
    if row.state != "done" or body.index >= len(row.images):
        raise HTTPException(409, f"the job is {row.state}, with {len(row.images)} pictures")
    name = f"{row.id}-{body.index}.png"
    data = engine.store.read(row.id, body.index)
    review = engine.store.review(row.id, body.index)
    if review:  # deploy takes it out of the picture again, into the sidecar
        picture = Image.decode(data)
        picture.set_text({"dgx_pixels_review": json.dumps(review)})
        data = picture.encode()
    to = body.to if body.to.endswith((".png", "/")) else body.to + "/"
    return game.deploy({name: data}, project=project, to=to, tile=body.tile,
                       array=body.array, force=body.force)


@router.get("/presets", operation_id="list_presets")
def presets() -> list[dict[str, Any]]:
    """What `kind` (and `style`, `speed`) may be."""
    return [{name: value for name, value in entry.items() if name != "path"}
            for entry in library.list_presets()]


@router.get("/models", operation_id="list_models")
def models() -> list[dict[str, Any]]:
    """What `model` may be."""
    return [{name: value for name, value in entry.items() if name != "path"}
            for entry in model_names().values()]


@router.get("/loras", operation_id="list_loras")
def loras() -> list[dict[str, Any]]:
    """What `loras[].name` may be."""
    return [{name: value for name, value in entry.items() if name != "path"}
            for entry in library.list_loras()]


@router.get("/palettes", operation_id="list_palettes")
def palettes() -> dict[str, str]:
    """What `palette` may be: names, and colors, author and licence of each."""
    return Palette.builtins()


@router.get("/capabilities", operation_id="capabilities")
def capabilities(request: Request) -> dict[str, Any]:
    """Limits of this server and the names that fields take."""
    settings = request.app.state.settings
    return {
        "version": version(),
        "samplers": list(choices("sampler")), "schedules": list(choices("schedule")),
        "tilings": list(choices("tiling")), "dithers": list(choices("dither")),
        "projects": [project.name for project in settings.projects],
        "limits": {"queue": settings.queue_limit, "batch": settings.batch_limit, "count": 16,
                   "body_bytes": settings.body_limit, "pixels": settings.pixel_limit}}
