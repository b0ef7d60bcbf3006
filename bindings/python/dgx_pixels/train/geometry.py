# SPDX-License-Identifier: MIT OR Apache-2.0
"""Where the base model lies and on what grid it paints, read from its small files without torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import list_models
from .errors import TrainError
from .settings import Settings


@dataclass(frozen=True)
class Geometry:
    path: Path  # the diffusers folder
    native: tuple[int, int]  # (width, height) of the canvas
    cell: int  # canvas pixels that a sprite pixel covers are a multiple of it
    factor: int  # canvas pixels a latent
    multiple: int  # canvases are whole numbers of it
    alpha: bool  # the model paints transparency itself
    family: str
    tokens: int  # of a caption that its text encoders read, without the ones for begin and end

    def canvas(self, s: Settings) -> tuple[int, int]:
        return (s.data.canvas[0], s.data.canvas[1]) if s.data.canvas else self.native


def find(s: Settings) -> Path:
    """The folder behind [run] base: a name that the library knows, or a path."""
    path = s.resolve(s.run.base)
    if not path.exists():
        known = {row["name"]: Path(row["path"]) for row in list_models()}
        if s.run.base not in known:
            raise TrainError(f"{s.path}: [run] base: '{s.run.base}' is neither a folder nor one of the models "
                             f"{', '.join(sorted(known)) or '(none installed)'}")
        path = known[s.run.base]
    if not (path / "model_index.json").exists():
        raise TrainError(
            f"{s.path}: [run] base: {path} is no diffusers folder (model_index.json): training needs one. From a "
            "single file: diffusers' StableDiffusionXLPipeline.from_single_file(FILE).save_pretrained(FOLDER)")
    return path


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def bundle_of(path: Path) -> dict[str, Any]:
    """The folder's bundle.json, if it is a bundle as well."""
    return _json(path / "bundle.json")


def _tokens(path: Path) -> int:
    """What the tokenizers allow (77 for SDXL), less begin and end."""
    lengths = [_json(path / name / "tokenizer_config.json").get("model_max_length") for name in
               ("tokenizer", "tokenizer_2")]
    return min([int(n) for n in lengths if n] or [77]) - 2


def geometry(s: Settings) -> Geometry:
    path = find(s)
    unet, vae, bundle = _json(path / "unet/config.json"), _json(path / "vae/config.json"), bundle_of(path)
    if not unet or not vae:
        raise TrainError(f"{s.path}: [run] base: {path} lacks unet/config.json or vae/config.json")
    factor = 2 ** (len(vae["block_out_channels"]) - 1)
    side = unet["sample_size"] * factor
    width, height = bundle.get("canvas", {}).get("native", [side, side])
    depth = 2 ** (len(unet["block_out_channels"]) - 1)
    return Geometry(path, (int(width), int(height)), int(bundle.get("pixel_scale", factor)), factor,
                    factor * depth, vae["in_channels"] == 4, str(bundle.get("architecture", "sdxl")),
                    _tokens(path))
