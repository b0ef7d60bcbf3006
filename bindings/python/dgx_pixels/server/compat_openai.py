# SPDX-License-Identifier: MIT OR Apache-2.0
"""OpenAI's image interface, as far as it makes sense for sprites."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from . import sizes
from .asked import GenerateBody
from .jobs import accept, engine_of, fail_if_not_done, wait
from .models import model_names, sprite_limit
from .schema import BadField, Number, Prompt, Text, Whole

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


@router.post("/images/generations", operation_id="openai_generate", response_model_exclude_none=True)
async def generations(request: Request, body: ImageRequest) -> ImagesResponse:
    """Sizes up to what the model is made for are sprite pixels; larger ones enlarge such a sprite whole."""
    asked: dict[str, Any] = {"prompt": body.prompt, "colors": sizes.COLORS}
    scale = 1
    named = await asyncio.to_thread(model_names)
    if body.model in named:
        asked["model"] = body.model
    elif body.model and not body.model.startswith(("dall-e", "gpt-image", "dgx-pixels")):
        raise BadField("model", f"no model '{body.model}': GET /v1/models lists them", 404)
    if body.size and body.size != "auto":
        width, height = (int(side) for side in re.findall(r"\d+", body.size))
        model = asked.get("model", engine_of(request).settings.model)
        most = await asyncio.to_thread(sprite_limit, model)
        parts = sizes.split(width, height, most)
        if parts is None:
            raise BadField("size", sizes.explain(width, height, most))
        asked["size"], scale = [parts[0], parts[1]], parts[2]
    for name, value in (("count", body.n), ("seed", body.seed), ("steps", body.num_inference_steps),
                        ("negative_prompt", body.negative_prompt), ("guidance", body.guidance_scale)):
        if value is not None:
            asked[name] = value
    row = await wait(request, await accept(request, GenerateBody(**asked)))
    fail_if_not_done(row)
    store = engine_of(request).store

    def data(index: int) -> ImageData:
        if body.response_format == "url":
            path = f"api/v1/jobs/{row.id}/images/{index}.png"
            return ImageData(url=f"{request.base_url}{path}" + (f"?scale={scale}" if scale > 1 else ""))
        png = store.read(row.id, index)
        if scale > 1:
            from ..image import Image

            png = Image.decode(png).encode(scale=scale)
        return ImageData(b64_json=base64.b64encode(png).decode())

    def all_data() -> list[ImageData]:
        return [data(index) for index in range(len(row.images))]

    first = row.images[0]
    return ImagesResponse(created=int(row.created), data=await asyncio.to_thread(all_data),
                          size=f"{first['width'] * scale}x{first['height'] * scale}")


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
