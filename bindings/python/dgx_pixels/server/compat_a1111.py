# SPDX-License-Identifier: MIT OR Apache-2.0
"""A1111's web interface, as far as it makes sense for sprites: txt2img, img2img and their lists."""

from __future__ import annotations

import asyncio
import base64
import json
import resource
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from .. import model as library
from .._lowlevel import choices, document, lib
from ..image import Image
from . import sizes
from .asked import GenerateBody
from .jobs import accept, engine_of, fail_if_not_done, wait
from .models import model_names, sprite_limit
from .schema import BadField, Number, Picture, Prompt, Text, Whole, decode_png

router = APIRouter(prefix="/sdapi/v1", tags=["A1111"])
# Where their name is not ours in capitals, as DDIM is.
NAMED = {"Euler": "euler", "Euler a": "euler-a", "DPM++ 2M": "dpmpp-2m", "DPM++ 2M SDE": "dpmpp-2m-sde"}
SCHEDULES = {"automatic": None, "karras": "karras", "exponential": "exponential", "normal": "normal",
             "uniform": "normal"}
MODEL = "sd_model_checkpoint"
Word = Annotated[str, StringConstraints(max_length=256)]
# Fields of A1111's that clients send with their defaults, and what they may say here.
HARMLESS: dict[str, tuple[Any, ...]] = {
    "enable_hr": (False, None), "restore_faces": (False, None), "script_name": ("", None),
    "script_args": ([], None), "alwayson_scripts": ({}, None), "styles": ([], None),
    "refiner_checkpoint": ("", None), "subseed_strength": (0, None), "include_init_images": (False, None),
    "inpainting_mask_invert": (0, None), "do_not_save_grid": (True, False),
    "do_not_save_samples": (True, False), "comments": ({}, None), "infotext": ("", None),
    "firstpass_image": ("", None), "latent_mask": ("", None), "initial_noise_multiplier": (0, 1, None),
    "seed_resize_from_w": (0, -1, None), "seed_resize_from_h": (0, -1, None)}
# Without effect whatever they say: they tune what is not there.
IGNORED = frozenset({
    "hr_scale", "hr_upscaler", "hr_second_pass_steps", "hr_resize_x", "hr_resize_y", "hr_sampler_name",
    "hr_scheduler", "hr_prompt", "hr_negative_prompt", "hr_checkpoint_name", "hr_additional_modules",
    "hr_cfg", "hr_distilled_cfg", "subseed", "s_churn", "s_tmax", "s_tmin", "s_noise", "s_min_uncond",
    "refiner_switch_at", "disable_extra_networks", "force_task_id", "resize_mode", "mask_blur",
    "mask_blur_x", "mask_blur_y", "mask_round", "inpainting_fill", "inpaint_full_res",
    "inpaint_full_res_padding", "override_settings_restore_afterwards", "image_cfg_scale",
    "firstphase_width", "firstphase_height", "distilled_cfg_scale", "eta", "sampler_index",
    "send_images", "save_images", "denoising_strength"})


def samplers_by_name() -> dict[str, str]:
    """A1111's name of each sampler, and ours."""
    ours = [name for name in choices("sampler") if name != "auto" and name not in NAMED.values()]
    return {**NAMED, **{name.upper(): name for name in ours}}


def error(status: int, title: str, detail: str, field: str | None = None,
          headers: dict[str, str] | None = None) -> Response:
    """A1111's own form of an error."""
    body = {"error": title, "detail": detail, "body": field or "", "errors": detail}
    return Response(json.dumps(body), status, headers, media_type="application/json")


class PaintBody(BaseModel):
    """Fields that are not named here are taken and told in `info` as ignored; those that ask for another
    picture than can be had are refused."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    prompt: Prompt
    negative_prompt: Text | None = ""
    width: Whole = Field(512, ge=1, le=4096)
    height: Whole = Field(512, ge=1, le=4096)
    steps: Whole | None = Field(None, ge=1, le=200)
    cfg_scale: Number | None = Field(None, ge=0, le=100)
    seed: Whole = Field(-1, ge=-1, le=2**53 - 17)
    sampler_name: Word | None = None
    scheduler: Word | None = None
    batch_size: Whole = Field(1, ge=1, le=16)
    n_iter: Whole = Field(1, ge=1, le=16)
    tiling: bool | None = False
    override_settings: dict[str, Any] | None = None


class TextToImage(PaintBody):
    """txt2img."""


class ImageToImage(PaintBody):
    """img2img."""

    init_images: list[Picture] = Field(min_length=1, max_length=1)
    denoising_strength: Number = Field(0.75, ge=0, le=1)
    mask: Picture | None = None


class Painted(BaseModel):
    images: list[str]
    parameters: dict[str, Any]
    info: str


def check_extras(body: PaintBody) -> list[str]:
    """The names of what was sent and is not heeded."""
    ignored = [f"override_settings.{name[:64]}" for name in body.override_settings or {} if name != MODEL]
    for name, value in (body.model_extra or {}).items():
        if name in HARMLESS and value not in HARMLESS[name]:
            raise BadField(name, "is not supported here; leave it out")
        if name not in HARMLESS and name not in IGNORED:
            ignored.append(name[:64])
    return ignored[:64]


def known_model(name: Any, field: str) -> str:
    if not isinstance(name, str) or name not in model_names():
        raise BadField(field, "is no model: GET sd-models lists them")
    return name


def to_request(body: PaintBody, default: str | None, chosen: str | None) -> tuple[dict[str, Any], int]:
    """Our own request, and the enlargement of what comes out."""
    count = body.batch_size * body.n_iter
    if count > 16:
        raise BadField("n_iter", "batch_size times n_iter is at most 16")
    asked: dict[str, Any] = {"prompt": body.prompt, "count": count, "colors": sizes.COLORS,
                             "steps": body.steps, "guidance": body.cfg_scale}
    if body.negative_prompt:
        asked["negative_prompt"] = body.negative_prompt
    if body.seed >= 0:
        asked["seed"] = body.seed
    if body.tiling:
        asked["tiling"] = "xy"
    sampler, schedule = body.sampler_name, (body.scheduler or "automatic").lower()
    if sampler and sampler.lower().endswith(" karras"):
        sampler, schedule = sampler[:-7], "karras"
    if sampler and sampler not in ("Automatic", "None"):
        known = samplers_by_name()
        if sampler not in known:
            raise BadField("sampler_name", f"no sampler '{sampler}': it is one of {', '.join(known)}")
        asked["sampler"] = known[sampler]
    if schedule not in SCHEDULES:
        raise BadField("scheduler", f"no scheduler '{schedule}': it is one of {', '.join(SCHEDULES)}")
    asked["schedule"] = SCHEDULES[schedule]
    wanted = (body.override_settings or {}).get(MODEL) or chosen
    if wanted:
        asked["model"] = known_model(wanted, f"override_settings.{MODEL}")
    most = sprite_limit(asked.get("model") or default)
    parts = sizes.split(body.width, body.height, most)
    if parts is None:
        raise BadField("width", sizes.explain(body.width, body.height, most), 400)
    asked["size"] = [parts[0], parts[1]]
    if isinstance(body, ImageToImage):
        asked |= {"init": body.init_images[0], "mask": body.mask, "strength": body.denoising_strength}
    return asked, parts[2]


async def paint(request: Request, body: PaintBody) -> Painted:
    ignored = check_extras(body)
    asked, scale = await asyncio.to_thread(to_request, body, engine_of(request).settings.model,
                                           getattr(request.app.state, "a1111_model", None))
    row = await wait(request, await accept(request, GenerateBody(**asked)))
    fail_if_not_done(row)
    store = engine_of(request).store

    def read() -> tuple[list[str], list[str]]:
        pictures = [Image.decode(store.read(row.id, index))
                    for index in range(len(row.images))]
        return ([base64.b64encode(picture.encode(scale=scale)).decode() for picture in pictures],
                [picture.text.get("parameters", "") for picture in pictures])

    images, texts = await asyncio.to_thread(read)
    seeds = [image["seed"] for image in row.images]
    info = {
        "prompt": body.prompt, "all_prompts": [body.prompt] * len(seeds),
        "negative_prompt": body.negative_prompt or "", "seed": seeds[0], "all_seeds": seeds,
        "subseed": 0, "all_subseeds": [0] * len(seeds), "subseed_strength": 0, "width": body.width,
        "height": body.height, "batch_size": body.batch_size, "steps": body.steps,
        "cfg_scale": body.cfg_scale, "sampler_name": body.sampler_name, "index_of_first_image": 0,
        "infotexts": texts, "styles": [], "extra_generation_params": {"sprite": asked["size"]}, "ignored": ignored,
        "job_timestamp": str(int(row.created)), "clip_skip": 0, "is_using_inpainting_conditioning": False}
    told = body.model_dump(exclude={"init_images", "mask"})
    return Painted(images=images, parameters=told, info=json.dumps(info))


@router.post("/txt2img", operation_id="a1111_txt2img")
async def txt2img(request: Request, body: TextToImage) -> Painted:
    """Sizes up to what the model is made for are sprite pixels; larger ones enlarge such a sprite whole."""
    return await paint(request, body)


@router.post("/img2img", operation_id="a1111_img2img")
async def img2img(request: Request, body: ImageToImage) -> Painted:
    """The same from a picture (PNG)."""
    return await paint(request, body)


@router.get("/progress", operation_id="a1111_progress")
def progress(request: Request, skip_current_image: bool = False) -> dict[str, Any]:
    """Of the job that runs."""
    engine = engine_of(request)
    running = engine.store.newest("running", 1)
    live = engine.live.get(running[0].id) if running else None
    now = live.progress if live else None
    picture = live.preview if live and live.preview and not skip_current_image else None
    share = 0.0
    if now:
        begin, length = {"encode": (0.0, 0.05), "denoise": (0.05, 0.85), "decode": (0.9, 0.05)}.get(
            now.phase, (0.95, 0.05))
        share = begin + length * now.step / max(1, now.step_count)
    return {
        "progress": share, "eta_relative": (now.remaining or 0.0) if now else 0.0,
        "state": {"skipped": False, "interrupted": False, "job": running[0].id if running else "",
                  "job_count": engine.store.count("queued") + len(running), "job_no": 0,
                  "job_timestamp": "0", "sampling_step": now.step if now else 0,
                  "sampling_steps": now.step_count if now else 0},
        "current_image": base64.b64encode(picture).decode() if picture else None, "textinfo": None}


@router.post("/interrupt", operation_id="a1111_interrupt")
def interrupt(request: Request) -> dict[str, Any]:
    """Stop what runs, within a step."""
    engine = engine_of(request)
    for row in engine.store.newest("running", 200):
        engine.cancel(row.id)
    return {}


class InfoBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    image: Picture


@router.post("/png-info", operation_id="a1111_png_info")
def png_info(request: Request, body: InfoBody) -> dict[str, Any]:
    """The text metadata of a PNG."""
    data = decode_png(body.image, "image", request.app.state.settings.pixel_limit)
    items = Image.decode(data).text
    text = items.get("parameters", "")
    fields = document(lib.dgxp_parameters_parse, text.encode()) if text else {}
    return {"info": text, "items": items, "parameters": fields}


@router.get("/samplers", operation_id="a1111_samplers")
def samplers() -> list[dict[str, Any]]:
    return [{"name": name, "aliases": [ours], "options": {}} for name, ours in samplers_by_name().items()]


@router.get("/schedulers", operation_id="a1111_schedulers")
def schedulers() -> list[dict[str, Any]]:
    return [{"name": name, "label": name.capitalize(), "aliases": None, "default_rho": -1,
             "need_inner_model": False} for name in SCHEDULES]


@router.get("/sd-models", operation_id="a1111_models")
def sd_models() -> list[dict[str, Any]]:
    return [{"title": name, "model_name": name, "hash": None, "sha256": None, "filename": name,
             "config": None} for name in model_names()]


@router.get("/options", operation_id="a1111_options")
def options(request: Request) -> dict[str, Any]:
    """What clients of this interface get."""
    state = request.app.state
    chosen = getattr(state, "a1111_model", None) or str(state.settings.model or "starter").rsplit("/", 1)[-1]
    return {MODEL: chosen, "sd_checkpoint_hash": "", "samples_format": "png", "CLIP_stop_at_last_layers": 2}


@router.post("/options", operation_id="a1111_set_options")
def set_options(request: Request, body: dict[str, Any]) -> None:
    """`sd_model_checkpoint` is the model of later requests by this interface; the rest is not heeded."""
    if body.get(MODEL):
        request.app.state.a1111_model = known_model(body[MODEL], MODEL)


@router.get("/loras", operation_id="a1111_loras")
def loras() -> list[dict[str, Any]]:
    """For `<lora:NAME:WEIGHT>` in prompts."""
    return [{"name": entry["name"], "alias": entry["name"], "path": entry["name"], "metadata": {}}
            for entry in library.list_loras()]


@router.get("/memory", operation_id="a1111_memory")
def memory() -> dict[str, Any]:
    """Of this process; the device's is not told."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"ram": {"free": 0, "used": used, "total": used}, "cuda": {"error": "not told"}}


@router.get("/scripts", operation_id="a1111_scripts")
def scripts() -> dict[str, list[str]]:
    return {"txt2img": [], "img2img": []}


def add_nothing(name: str, answer: Any, methods: list[str]) -> None:
    """Lists that clients ask for when they start, of what there is none here, and orders without effect."""

    def nothing() -> Any:
        return answer

    router.add_api_route(f"/{name}", nothing, methods=methods, operation_id="a1111_" + name.replace("-", "_"),
                         summary=f"{name}: none here" if methods == ["GET"] else f"{name}: nothing to do")


for _name, _answer in {
        "upscalers": [], "latent-upscale-modes": [], "sd-vae": [], "sd-modules": [], "hypernetworks": [],
        "face-restorers": [], "realesrgan-models": [], "prompt-styles": [], "artist-categories": [],
        "artists": [], "extensions": [], "script-info": [], "embeddings": {"loaded": {}, "skipped": {}},
        "cmd-flags": {"api": True}}.items():
    add_nothing(_name, _answer, ["GET"])
for _name in ("refresh-checkpoints", "refresh-vae", "refresh-loras", "refresh-embeddings", "reload-checkpoint",
              "unload-checkpoint"):
    add_nothing(_name, None, ["POST"])
router.add_api_route("/skip", interrupt, methods=["POST"], operation_id="a1111_skip")
