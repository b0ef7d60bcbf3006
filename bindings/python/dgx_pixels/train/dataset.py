# SPDX-License-Identifier: MIT OR Apache-2.0
"""A folder of sprites: which pictures it holds, what their captions say, what is held out."""

from __future__ import annotations

import hashlib
import json
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
        raise TrainError(f"{s.path}: [data] folder: {folder} holds no picture{wanted} "
                         f"({', '.join(ENDINGS)})")
    return sorted(found, key=lambda e: e.name)


def _text_beside(path: Path) -> str | None:
    beside = path.with_suffix(".txt")
    return beside.read_text("utf-8").strip() if beside.exists() else None


def _folder_name(path: Path, folder: Path) -> str | None:
    """"red_potions" is "red potions"; kohya's count of repeats in front is left out."""
    if path.parent == folder:
        return None
    return re.sub(r"^\d+_", "", path.parent.name).replace("_", " ").strip()


def _of_manifest(s: Settings, folder: Path, manifest: Path) -> list[Example]:
    found = []
    with open(manifest, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                name = row.get("file") or row["file_name"]
            except (json.JSONDecodeError, KeyError, AttributeError):
                raise TrainError(f"{manifest}: line {number}: must be a JSON object with 'file' and "
                                 "'caption'") from None
            if any(row.get(k) not in (v if isinstance(v, list) else [v]) for k, v in s.data.where.items()):
                continue
            caption = row.get("caption", row.get("text"))
            found.append(Example(folder / name, name, None if caption is None else str(caption).strip(),
                                 str(row.get("group") or name)))
    return found


def caption_of(s: Settings, example: Example) -> str:
    """The caption that is trained, the trigger words in front."""
    text, trigger = example.caption or "", s.run.trigger
    if not s.data.add_trigger or not trigger or trigger.lower() in text.lower():
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
    except (OSError, ValueError, SyntaxError) as error:
        raise TrainError(f"{path}: cannot be read: {error}") from None


def enlargement(pixels: Pixels) -> int:
    """The whole factor by which a picture was enlarged without smoothing; 1 is native."""
    height, width = pixels.shape[:2]
    for factor in range(min(height, width, 64), 1, -1):
        if height % factor == 0 and width % factor == 0:
            small = pixels[::factor, ::factor]
            if (np.repeat(np.repeat(small, factor, 0), factor, 1) == pixels).all():
                return factor
    return 1


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
