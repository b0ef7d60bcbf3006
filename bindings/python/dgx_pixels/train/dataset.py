# SPDX-License-Identifier: MIT OR Apache-2.0
"""A folder of sprites: which pictures it holds, what their captions say, what is held out."""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from .errors import TrainError
from .settings import Settings

ENDINGS = (".png", ".webp", ".gif", ".bmp")  # what keeps pixels exact
OTHERS = (".jpg", ".jpeg", ".tif", ".tiff", ".tga", ".psd", ".ase", ".aseprite", ".svg", ".avif")
MANIFESTS = ("manifest.jsonl", "metadata.jsonl")
Pixels = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Example:
    """A picture and its caption; None when it has none."""

    path: Path
    name: str  # as the user sees it
    caption: str | None
    group: str  # pictures of one group are held out together


def read_folder(s: Settings) -> list[Example]:
    """All examples of the folder, sorted by name, with the captions as they are written."""
    folder = s.resolve(s.data.folder)
    if not folder.is_dir():
        raise TrainError(f"{s.path}: [data] folder: {folder} is no folder")
    manifest = next((folder / m for m in MANIFESTS if (folder / m).exists()), None)
    source = s.data.captions
    if source == "manifest" and manifest is None:
        raise TrainError(f"{s.path}: [data] captions: {folder} holds no {' or '.join(MANIFESTS)}")
    if s.data.where and manifest is None:
        raise TrainError(f"{s.path}: [data] where: needs a manifest, and {folder} holds none")
    if manifest is not None and source in ("auto", "manifest"):
        found = _of_manifest(s, folder, manifest)
    else:
        paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
        if source == "auto":
            source = "txt" if any(p.with_suffix(".txt").exists() for p in paths) else "folders"
        found = [Example(p, str(p.relative_to(folder)),
                         _text_beside(p) if source == "txt" else _folder_name(p, folder),
                         str(p.relative_to(folder))) for p in paths]
    if not found:
        wanted = f" with {s.data.where}" if s.data.where else ""
        there = f"; {len(others(s))} files of other kinds are not read: save them as PNG" if others(s) else ""
        raise TrainError(f"{s.path}: [data] folder: {folder} holds no picture{wanted} "
                         f"({', '.join(ENDINGS)}){there}")
    return sorted(found, key=lambda e: e.name)


def others(s: Settings) -> list[str]:
    """Pictures of kinds that are not read; a manifest names what it wants."""
    folder = s.resolve(s.data.folder)
    return [] if any((folder / m).exists() for m in MANIFESTS) else sorted(
        str(p.relative_to(folder)) for p in folder.rglob("*") if p.suffix.lower() in OTHERS)


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")  # some editors put a mark in front
    except UnicodeDecodeError as error:
        raise TrainError(f"{path}: is no UTF-8 text (byte {error.start}): save it as UTF-8") from None
    except OSError as error:
        raise TrainError(f"{path}: cannot be read: {error.strerror}") from None


def _text_beside(path: Path) -> str | None:
    beside = path.with_suffix(".txt")
    return " ".join(_read_text(beside).split()) if beside.exists() else None


def _folder_name(path: Path, folder: Path) -> str | None:
    """"red_potions" is "red potions"; kohya's count of repeats in front is left out."""
    if path.parent == folder:
        return None
    return re.sub(r"^\d+_", "", path.parent.name).replace("_", " ").strip()


def _of_manifest(s: Settings, folder: Path, manifest: Path) -> list[Example]:
    found = []
    for number, line in enumerate(_read_text(manifest).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            name = row.get("file") or row["file_name"]
        except (json.JSONDecodeError, KeyError, AttributeError):
            name = None
        if not isinstance(name, str):
            raise TrainError(f"{manifest}: line {number}: must be a JSON object with 'file' and 'caption'")
        if Path(name).is_absolute() or ".." in Path(name).parts:  # --fix writes by these names
            raise TrainError(f"{manifest}: line {number}: '{name}' lies outside of the folder: copy it in")
        if any(row.get(k) not in (v if isinstance(v, list) else [v]) for k, v in s.data.where.items()):
            continue
        caption = row.get("caption", row.get("text"))
        found.append(Example(folder / name, name, None if caption is None else str(caption).strip(),
                             str(row.get("group") or name)))
    return found


def caption_of(s: Settings, example: Example) -> str:
    """The caption that is trained, the trigger words in front."""
    return with_trigger(s, example.caption or "") if s.data.add_trigger else example.caption or ""


def with_trigger(s: Settings, text: str) -> str:
    """The trigger words in front of a text that lacks them."""
    trigger = s.run.trigger
    if not trigger or trigger.lower() in text.lower():
        return text
    return f"{trigger}, {text}" if text else trigger


def split(s: Settings, examples: list[Example]) -> tuple[list[Example], list[Example]]:
    """What is trained and what is held out, by whole groups, the same for the same seed."""
    draw = random.Random(f"{s.run.seed} split")
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.group, []).append(example)
    order = sorted(groups)
    draw.shuffle(order)
    wanted = round(len(examples) * s.data.hold_out)
    kept: list[Example] = []
    held: list[Example] = []
    for group in order:
        if len(held) + len(groups[group]) <= wanted:
            held += groups[group]
        else:
            kept += groups[group]
    if s.data.images and len(kept) > s.data.images:
        kept = draw.sample(kept, s.data.images)
    return sorted(kept, key=lambda e: e.name), sorted(held, key=lambda e: e.name)


def read_pixels(path: Path) -> Pixels:
    """RGBA [height, width, 4], the first frame."""
    try:
        with PIL.Image.open(path) as image:
            return np.asarray(image.convert("RGBA")).copy()
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error).replace(f" '{path}'", "")
        raise TrainError(f"{path}: cannot be read: {reason}; replace or remove it") from None


def frames(path: Path) -> int:
    """How many frames an animation holds; 1 for a picture."""
    with PIL.Image.open(path) as image:
        return int(getattr(image, "n_frames", 1))


def enlargement(pixels: Pixels) -> int:
    """The whole factor by which a picture was enlarged without smoothing; 1 is native.

    Every place where colour changes is then a multiple of it, and so are the sides.
    """
    packed = np.ascontiguousarray(pixels).view(np.uint32)[..., 0]
    across = np.flatnonzero((packed[:, 1:] != packed[:, :-1]).any(0)) + 1
    down = np.flatnonzero((packed[1:] != packed[:-1]).any(1)) + 1
    return math.gcd(*packed.shape, *across.tolist(), *down.tolist())


def native(pixels: Pixels) -> Pixels:
    """One pixel a sprite pixel, hard alpha, colour 0 where nothing is seen, cut to what is seen."""
    factor = enlargement(pixels)
    pixels = pixels[::factor, ::factor].copy()
    opaque = pixels[..., 3] >= 128
    pixels[..., 3] = np.where(opaque, 255, 0)
    pixels[~opaque] = 0
    if not opaque.any():
        return pixels[:0, :0]
    rows, columns = np.where(opaque.any(1))[0], np.where(opaque.any(0))[0]
    return pixels[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]


def file_hash(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
