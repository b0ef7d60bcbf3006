# SPDX-License-Identifier: MIT OR Apache-2.0
"""OpenAI's image interface, as far as it makes sense for sprites."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import struct
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ..image import Image
from . import sizes
from .asked import GenerateBody
from .jobs import accept, engine_of, fail_if_not_done, wait
from .models import model_names, sprite_limit
from .schema import BadField, Number, Prompt, Text, Whole, decode_png
from .store import Row

router = APIRouter(prefix="/v1", tags=["OpenAI"])


def error(status: int, message: str, field: str | None = None,
          headers: dict[str, str] | None = None) -> Response:
    """OpenAI's own form of an error."""
    status = 400 if status == 422 else status
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = {"error": {"message": message, "type": kind, "param": field, "code": None}}
    return Response(json.dumps(body), status, headers, media_type="application/json")


class ImageRequest(BaseModel):
    """Beside OpenAI's fields, `seed`, `num_inference_steps`, `negative_prompt`, `guidance_scale`."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, json_schema_extra={
        "examples": [{"prompt": "a red potion", "size": "512x512", "response_format": "b64_json"}]})

    prompt: Prompt
    model: Annotated[str, StringConstraints(max_length=128)] | None = Field(
        None, description="as GET /v1/models lists them; default: this server's own")
    n: Whole | None = Field(None, ge=1, le=10)
    size: Annotated[str, StringConstraints(pattern=r"^(auto|[0-9]{1,4}x[0-9]{1,4})$")] | None = None
    response_format: Literal["url", "b64_json"] | None = None
    output_format: Literal["png"] | None = None
    background: Literal["transparent", "auto"] | None = None
    stream: Literal[False] | None = None
    user: Annotated[str, StringConstraints(max_length=512)] | None = None
    quality: Annotated[str, StringConstraints(max_length=32)] | None = Field(
        None, description="taken, without effect; so are style, moderation and user")
    style: Annotated[str, StringConstraints(max_length=32)] | None = None
    moderation: Annotated[str, StringConstraints(max_length=32)] | None = None
    seed: Whole | None = Field(None, ge=0, le=2**53 - 17)
    num_inference_steps: Whole | None = Field(None, ge=1, le=200)
    negative_prompt: Text | None = None
    guidance_scale: Number | None = Field(None, ge=0, le=100)


class ImageData(BaseModel):
    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None = None


class ImagesResponse(BaseModel):
    created: int
    data: list[ImageData]
    output_format: Literal["png"] = "png"
    background: Literal["transparent"] = "transparent"
    size: str


async def to_model(name: str | None) -> str | None:
    """Ours of that name; OpenAI's own names mean this server's default."""
    if name in await asyncio.to_thread(model_names):
        return name
    if name and not name.startswith(("dall-e", "gpt-image", "dgx-pixels")):
        raise BadField("model", f"no model '{name}': GET /v1/models lists them", 404)
    return None


async def to_size(request: Request, model: str | None, size: str) -> tuple[list[int], int]:
    """The sprite's size, and how often it is enlarged to be of that `size`."""
    width, height = (int(side) for side in re.findall(r"\d+", size))
    most = await asyncio.to_thread(sprite_limit, model or engine_of(request).settings.model)
    parts = sizes.split(width, height, most)
    if parts is None:
        raise BadField("size", sizes.explain(width, height, most))
    return [parts[0], parts[1]], parts[2]


async def paint(request: Request, asked: dict[str, Any], scale: int, by_url: bool) -> ImagesResponse:
    row = await wait(request, await accept(request, GenerateBody(**{
        "colors": sizes.COLORS, **{name: value for name, value in asked.items() if value is not None}})))
    fail_if_not_done(row)
    data = await asyncio.to_thread(all_data, request, row, scale, by_url)
    first = row.images[0]
    return ImagesResponse(created=int(row.created), data=data,
                          size=f"{first['width'] * scale}x{first['height'] * scale}")


def all_data(request: Request, row: Row, scale: int, by_url: bool) -> list[ImageData]:
    made = []
    for index in range(len(row.images)):
        if by_url:
            path = f"api/v1/jobs/{row.id}/images/{index}.png"
            made.append(ImageData(url=f"{request.base_url}{path}" + (f"?scale={scale}" if scale > 1 else "")))
        else:
            png = engine_of(request).store.read(row.id, index)
            png = Image.decode(png).encode(scale=scale) if scale > 1 else png
            made.append(ImageData(b64_json=base64.b64encode(png).decode()))
    return made


@router.post("/images/generations", operation_id="openai_generate", response_model_exclude_none=True)
async def generations(request: Request, body: ImageRequest) -> ImagesResponse:
    """Sizes up to what the model is made for are sprite pixels; larger ones enlarge such a sprite whole."""
    asked: dict[str, Any] = {
        "prompt": body.prompt, "count": body.n, "seed": body.seed, "steps": body.num_inference_steps,
        "negative_prompt": body.negative_prompt, "guidance": body.guidance_scale,
        "model": await to_model(body.model)}
    scale = 1
    if body.size and body.size != "auto":
        asked["size"], scale = await to_size(request, asked["model"], body.size)
    return await paint(request, asked, scale, body.response_format == "url")


def mask_of(mask: bytes, limit: int) -> str:
    """OpenAI's masks are transparent where a picture is painted anew; ours are white there."""
    image = Image.decode(decode_png(base64.b64encode(mask).decode(), "mask", limit))
    painted = image.tobytes()[3::4].translate(bytes(128 * [255] + 128 * [0]))
    if 255 not in painted:
        raise BadField("mask", "has no transparent pixel; it must be transparent where the picture is painted anew")
    white = bytearray(4 * len(painted))
    white[0::4] = white[1::4] = white[2::4] = painted
    white[3::4] = b"\xff" * len(painted)
    return base64.b64encode(Image(image.width, image.height, bytes(white)).encode()).decode()


# Fields of OpenAI's that are taken without effect.
EDIT_IGNORED = frozenset({"quality", "style", "moderation", "user", "input_fidelity", "output_compression",
                          "partial_images", "safety_identifier"})
EDIT_KNOWN = EDIT_IGNORED | {
    "prompt", "image", "image[]", "mask", "model", "n", "size", "response_format", "output_format", "background",
    "stream", "seed", "num_inference_steps", "negative_prompt", "guidance_scale", "strength"}


@router.post("/images/edits", operation_id="openai_edit", response_model_exclude_none=True)
async def edits(
        request: Request, prompt: Annotated[Prompt, Form()],
        image: Annotated[list[UploadFile], File(description="one picture")] = [],  # noqa: B006
        images: Annotated[list[UploadFile], File(alias="image[]", description="the same as a list of one")] = [],  # noqa: B006
        mask: Annotated[UploadFile | None, File(description="transparent where the picture is painted anew")] = None,
        model: Annotated[str | None, Form(max_length=128)] = None,
        n: Annotated[int | None, Form(ge=1, le=10)] = None,
        size: Annotated[str | None, Form(pattern=r"^(auto|[0-9]{1,4}x[0-9]{1,4})$")] = None,
        response_format: Annotated[Literal["url", "b64_json"] | None, Form()] = None,
        output_format: Annotated[Literal["png"] | None, Form()] = None,
        background: Annotated[Literal["transparent", "auto"] | None, Form()] = None,
        stream: Annotated[Literal["false"] | None, Form()] = None,
        seed: Annotated[int | None, Form(ge=0, le=2**53 - 17)] = None,
        num_inference_steps: Annotated[int | None, Form(ge=1, le=200)] = None,
        negative_prompt: Annotated[Text | None, Form()] = None,
        guidance_scale: Annotated[float | None, Form(ge=0, le=100, allow_inf_nan=False)] = None,
        strength: Annotated[float | None, Form(
            ge=0, le=1, allow_inf_nan=False, description="0 keeps the picture, 1 ignores it; 0.75")] = None,
) -> ImagesResponse:
    """A picture painted anew after words, all of it or where a `mask` is transparent.

    Sizes are as for generations; without one the picture keeps its own where the model can paint it.
    `quality`, `user` and the like are taken, without effect.
    """
    for name in await request.form():
        if name not in EDIT_KNOWN:
            raise BadField(name[:64], "is not supported here; leave it out")
    if len(image) + len(images) != 1:
        raise BadField("image", f"must be one picture; these are {len(image) + len(images)}")
    limit = request.app.state.settings.pixel_limit
    sent = await (image or images)[0].read()
    png = await asyncio.to_thread(decode_png, base64.b64encode(sent).decode(), "image", limit)
    asked: dict[str, Any] = {
        "prompt": prompt, "count": n, "seed": seed, "steps": num_inference_steps,
        "negative_prompt": negative_prompt, "guidance": guidance_scale, "model": await to_model(model),
        "init": base64.b64encode(png).decode(), "strength": 0.75 if strength is None else strength}
    if mask is not None:
        asked["mask"] = await asyncio.to_thread(mask_of, await mask.read(), limit)
    scale = 1
    if size and size != "auto":
        asked["size"], scale = await to_size(request, asked["model"], size)
    else:
        width, height = struct.unpack(">II", png[16:24])
        with contextlib.suppress(BadField):
            asked["size"], scale = await to_size(request, asked["model"], f"{width}x{height}")
    return await paint(request, asked, scale, response_format == "url")


class ModelCard(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "dgx-pixels"


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelCard]


@router.get("/models", operation_id="openai_models")
def models() -> ModelList:
    """The models that `model` may name; "dgx-pixels" is this server's default."""
    return ModelList(data=[ModelCard(id="dgx-pixels"), *(ModelCard(id=name) for name in model_names())])


@router.get("/models/{id}", operation_id="openai_model")
def model(id: str) -> ModelCard:
    """One of them."""
    if id != "dgx-pixels" and id not in model_names():
        raise BadField("model", f"no model '{id[:128]}': GET /v1/models lists them", 404)
    return ModelCard(id=id)
