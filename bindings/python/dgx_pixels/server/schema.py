# SPDX-License-Identifier: MIT OR Apache-2.0
"""What clients send: checked here, before anything else sees it."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from typing import Annotated, Any, Literal

from pydantic import (AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints,
                      ValidationInfo, model_validator)

from .._settings import REFINES, RENAMED, TOLD, VARIES
from ..errors import DgxPixelsError
from ..image import Image
from ..job import Job
from ..palette import Palette

# The library's statuses as HTTP knows them; what is not here is 500.
HTTP_STATUS = {
    "invalid-argument": 422, "not-found": 404, "bad-format": 422, "unsupported": 422, "limit": 413,
    "untrusted": 403, "busy": 409, "mismatch": 409, "cancelled": 409, "out-of-memory": 503,
    "backend": 503, "device-lost": 503, "io": 503}

# pydantic alone would take "5" and true for numbers, which the document does not promise.
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,127}$"  # of a model or LoRA: never a path


def check_name(name: str) -> str:
    """The library takes what ends so, or holds a slash, for a file."""
    if name.lower().endswith(".safetensors"):
        raise ValueError(f"'{name[:40]}' is a file's name; leave '.safetensors' out")
    return name


Name = Annotated[str, StringConstraints(pattern=NAME), AfterValidator(check_name)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Hex = Annotated[str, StringConstraints(pattern=r"^#?[0-9a-fA-F]{6}$")]
Side = Annotated[Whole, Field(ge=1, le=4096)]
Canvas = Annotated[Whole, Field(ge=8, le=4096)]
EnumName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]


class BadField(ValueError):
    """A field that is wrong in a way that the schema cannot say; answered with 422."""

    def __init__(self, field: str, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.field = field
        self.status = status


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def check_prompt(text: str) -> str:
    """Prompts may name adapters, never files; and no NUL, which C would stop at."""
    if "\0" in text:
        raise ValueError("must not hold a NUL character")
    if any(0xD800 <= ord(letter) < 0xE000 for letter in text):
        raise ValueError("holds half a surrogate pair")
    for name in re.findall(r"<lora:([^:>]*)", text):
        if not re.match(NAME, name) or name.lower().endswith(".safetensors"):
            raise ValueError(f"<lora:{name[:40]}…>: an adapter is named, not found by path")
    return text


def size_pair(value: Any) -> Any:
    """Sizes come as [w, h], "WxH" or one number."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d{1,5})(?:[xX](\d{1,5}))?", value)):
        return int(match[1]), int(match[2] or match[1])
    return (value, value) if isinstance(value, int) and not isinstance(value, bool) else value


Prompt = Annotated[str, StringConstraints(min_length=1, max_length=16384, pattern=r"\S"),
                   BeforeValidator(lambda value: check_prompt(value) if isinstance(value, str) else value)]
Text = Annotated[str, StringConstraints(max_length=16384),
                 BeforeValidator(lambda value: check_prompt(value) if isinstance(value, str) else value)]
Size = Annotated[tuple[Side, Side], BeforeValidator(size_pair)]
Picture = Annotated[str, Field(max_length=48 << 20, description="a PNG in base64")]


Canvases = Annotated[tuple[Canvas, Canvas], BeforeValidator(size_pair)]
Fields = Annotated[dict[Slug, Annotated[str, StringConstraints(max_length=64)]], Field(max_length=16)]
Background = Annotated[str, StringConstraints(pattern=r"^(auto|keep|#[0-9a-fA-F]{6})$")]
# A recipe tells what its model was; only a name asks for one.
ModelName = Annotated[Name | None, BeforeValidator(lambda value: None if isinstance(value, dict) else value)]
Weight = Annotated[Number, Field(ge=-100, le=100)]


def check_loras(text: str) -> str:
    """The short form names adapters, never files."""
    for part in text.split(","):
        name = part.strip().partition(":")[0]
        if not re.match(NAME, name):
            raise ValueError(f"'{name[:40]}': an adapter is named, not found by path")
        check_name(name)
    return text


Loras = Annotated[str, StringConstraints(max_length=4096), AfterValidator(check_loras)]


class LoraUse(Body):
    """An adapter by name, and how strongly it counts: 1 as trained.  A recipe tells more of it."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    name: Name
    weight: Weight | None = Field(None, description="of all parts")
    unet: Weight | None = None
    text: Weight | None = Field(None, description="of the text encoders, where it differs")


def refuse_renamed(value: Any) -> Any:
    """An old name is told what it is called now."""
    for name in value if isinstance(value, dict) else ():
        if name in RENAMED:
            raise ValueError(f"there is no field '{name}'; it is called '{RENAMED[name]}'")
    return value


def check_words(value: str | None, info: ValidationInfo) -> str | None:
    """Something must be asked for; the subject is read before."""
    if value is None and not info.data.get("subject"):
        raise ValueError("must say what to paint, or a 'subject' must")
    return value


Words = Annotated[Prompt | None, AfterValidator(check_words)]


class Asked(Body):
    """A request's body."""

    _renamed = model_validator(mode="before")(refuse_renamed)


LoraUses = Annotated[list[LoraUse], Field(max_length=64)]


class FixFields(Body):
    """The steps of a sprite, as `dgx-pixels fix` has them."""

    size: Size | None = None
    cell: Number | None = Field(None, ge=1, le=1024, description="one sprite pixel is so many pixels; else it is found")
    prior: Number | None = Field(None, ge=1, le=1024, description="the cell to expect, where the picture is unclear")
    non_square: bool = Field(False, description="cells may be wider than high")
    snap: bool = Field(False, description="sizes close to 16, 32, 48, 64 … become these")
    straight: bool = Field(False, description="the grid's lines do not bend")
    rule: Literal["auto", "median", "center", "dominant", "k-centroid", "detail"] | None = Field(
        None, description="how a cell becomes one color")
    detail: Number | None = Field(None, ge=0.01, le=4, description="of the rule detail")
    colors: Whole | None = Field(None, ge=1, le=256)
    keep_colors: bool = Field(False, description="no palette step")
    palette: str | list[Hex] | None = Field(None, max_length=256)
    quantizer: Literal["oklab", "imagequant"] | None = None
    background: Annotated[str, StringConstraints(pattern=r"^(auto|keep|#[0-9a-fA-F]{6})$")] | None = None
    tolerance: Number | None = Field(None, gt=0, le=1, description="of the background, in OKLab")
    holes: bool = Field(False, description="the background goes where the subject encloses it too")
    keep_holes: bool = False
    keep_specks: bool = Field(False, description="lone pixels stay (sparks)")
    keep_fringe: bool = Field(False, description="the background's tint stays on the edge")
    dither: Literal["none", "bayer2", "bayer4", "bayer8"] | None = None
    outline: bool | Literal["outer", "inner"] = False
    orphans: bool = False
    jaggies: bool = False
    trim: bool = False
    padding: Whole = Field(0, ge=0, le=1024, description="with trim")
    pivot: Literal["feet", "center", "top-left"] | None = Field(None, description="with trim")
    tile: bool = False

    def steps(self) -> dict[str, Any]:
        """As fixing.fix() takes them."""

        def step(**fields: Any) -> dict[str, Any] | None:
            return {name: value for name, value in fields.items() if value} or None

        outline = {"kind": self.outline} if isinstance(self.outline, str) else self.outline
        return {
            "size": self.size, "cell": self.cell, "colors": self.colors, "keep_colors": self.keep_colors,
            "palette": palette_of(self.palette), "background": self.background, "dither": self.dither,
            "grid": step(prior=self.prior, non_square=int(self.non_square), snap=int(self.snap),
                         straight=int(self.straight)),
            "downscale": step(rule=self.rule, detail=self.detail),
            "matte": step(tolerance=self.tolerance, open_holes=int(self.holes), keep_holes=int(self.keep_holes),
                          keep_specks=int(self.keep_specks), keep_fringe=int(self.keep_fringe)),
            "extract": step(method=self.quantizer), "outline": outline, "orphans": self.orphans,
            "jaggies": self.jaggies, "tile": self.tile,
            "trim": (step(padding=self.padding, pivot=self.pivot) or True) if self.trim else None}


class FixBody(FixFields):
    """From any picture to a sprite."""

    image: Picture


class ManyBody(FixFields):
    """Several pictures, and the steps of each."""

    images: list[Picture] = Field(min_length=1, max_length=1024)


class TagBody(Body):
    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    first: Whole = Field(ge=0, le=65535)
    last: Whole = Field(ge=0, le=65535)
    direction: Literal["forward", "reverse", "pingpong", "pingpong-reverse"] = "forward"


class SheetBody(Body):
    """Frames on one picture with its description."""

    frames: list[Picture] = Field(min_length=1, max_length=1024)
    duration: Whole = Field(100, ge=1, le=65535)
    tags: list[TagBody] = Field([], max_length=256)
    layout: Literal["grid", "packed"] = "grid"
    columns: Whole = Field(0, ge=0, le=1024)
    padding: Whole = Field(0, ge=0, le=256)
    format: Literal["aseprite-array", "aseprite-hash", "tsj", "tsx", "ldtk", "bevy-ron"] = \
        "aseprite-array"
    image_name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = \
        "sheet.png"


class DeployBody(Body):
    """A finished picture into a project on the server's own disk."""

    job: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]
    index: Whole = Field(0, ge=0, le=15)
    project: Annotated[str, StringConstraints(max_length=128)] | None = Field(
        None, description="a configured project's folder name; not needed when there is one")
    to: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9/._-]{0,127}$")] = Field(
        description="inside assets/: a folder, or a PNG's name: sprites/knight.png")
    tile: Whole = Field(0, ge=0, le=1024)
    array: bool = Field(False, description="a tile set as an array texture, for Bevy's TilemapChunk")
    force: bool = False


class ReviewBody(Body):
    """What is decided about a picture; what is left out stays as it is."""

    state: Literal["open", "approved", "rejected"] | None = None
    note: Annotated[str, StringConstraints(max_length=4000),
                    BeforeValidator(lambda value: check_prompt(value) if isinstance(value, str) else value)
                    ] | None = None


def decode_png(text: str, field: str, pixel_limit: int) -> bytes:
    """A PNG from base64 (also in lines, as `base64 FILE` prints it) or a data URL, refused when it
    is too large.  Whatever else the library reads (JPEG, WebP, BMP) is made one."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadField(field, "is no base64") from None
    if len(data) < 33 or data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        try:
            image = Image.decode(data)
        except DgxPixelsError as fault:
            raise BadField(field, f"is no picture: {fault}") from None
        if image.width * image.height > pixel_limit:
            raise BadField(field, f"has {image.width}x{image.height} pixels; {pixel_limit} are allowed", 413)
        return image.encode()
    width, height = struct.unpack(">II", data[16:24])
    if width * height > pixel_limit:
        raise BadField(field, f"has {width}x{height} pixels; {pixel_limit} are allowed", 413)
    return data


def palette_of(value: Any) -> Any:
    """A built-in palette's name or colors; a client's text is never taken for a file."""
    if isinstance(value, str) and value not in Palette.builtins():
        raise BadField("palette", f"no palette '{value[:64]}': GET /api/v1/palettes lists them")
    return value


# What the server itself reads of a body; the rest is the library's request.
OWN = frozenset({"count", "model", "init", "mask", "seed"})


def request_of(asked: dict[str, Any]) -> dict[str, Any]:
    """The library's request of a body: without a `subject` the prompt of a kind is one, unless it is a recipe."""
    made = {name: value for name, value in asked.items() if name not in OWN and value is not None}
    if "format" not in made and "subject" not in made and "prompt" in made and any(
            made.get(name) for name in REFINES):
        made["subject"] = made.pop("prompt")
    palettes = [made.get("palette"), (made.get("finish") or {}).get("palette")]
    for palette in palettes:
        palette_of(palette)
    return made


def jobs_of(asked: dict[str, Any], pixel_limit: int) -> list[Job]:
    """The library's jobs for a stored body, one a picture."""
    request = request_of(asked)
    pictures = {name: Image.decode(decode_png(asked[name], name, pixel_limit))
                for name in ("init", "mask") if asked.get(name)}
    return [Job.of(request, seed=asked["seed"] + index, init=pictures.get("init"), mask=pictures.get("mask"))
            for index in range(asked.get("count", 1))]


def shape_of(asked: dict[str, Any]) -> tuple[Any, ...]:
    """Bodies of one shape may share a call of the library (dgxp_generate())."""
    rest = tuple(sorted((name, str(value)) for name, value in asked.items()
                        if name not in VARIES and name not in TOLD and name not in ("count", "strength")
                        and value is not None))
    strength = asked.get("strength") if asked.get("init") else None
    return (*rest, asked.get("model"), bool(asked.get("init")), bool(asked.get("mask")), strength)
