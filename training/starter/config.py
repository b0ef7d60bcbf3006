# SPDX-License-Identifier: MIT OR Apache-2.0
"""Every number of the recipe in one place."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

SIZE = 32  # canvas side in sprite pixels
IMAGE_CHANNELS = 4  # RGBA: alpha comes from the model
FACTOR = 2  # of the autoencoder
LATENT_CHANNELS = IMAGE_CHANNELS * FACTOR * FACTOR
CONTEXT = 24  # text positions, BOS and EOS included
ADDED_WORDS = 1200  # tokens that `extend` adds to the vocabulary of shipped weights
VOCABULARY = 3000  # the BPE stops earlier when no pair occurs twice

KINDS = ("character", "monster", "item", "tile", "icon", "effect", "prop")


def cache_folder() -> Path:
    """Where checkpoints and logs live: never inside the checkout."""
    named = os.environ.get("DGX_PIXELS_STARTER_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else base / "dgx-pixels" / "starter"


def sprite_folder() -> Path:
    """The unpacked data set: the folder that holds manifest.jsonl."""
    named = os.environ.get("DGX_PIXELS_SPRITES")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else base / "dgx-pixels" / "sprites"


@dataclass(frozen=True)
class TextSettings:
    width: int = 160
    layers: int = 3
    heads: int = 4


@dataclass(frozen=True)
class UnetSettings:
    widths: tuple[int, ...] = (96, 160, 192)  # at 16x16, 8x8 and 4x4
    attention: tuple[bool, ...] = (False, True, True)
    layers: int = 1
    heads: int = 4
    norm_groups: int = 16
    dropout: float = 0.1  # while it trains
    time_embed: int = 32  # of each of the six time ids


@dataclass(frozen=True)
class TrainSettings:
    batch: int = 32
    rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: int = 200  # steps
    decay: float = 0.4  # last share of the run with a falling rate
    samples: int = 1_000_000  # planned length of the run
    plan_minutes: float = 0.0  # planned length in minutes of training instead, if not 0
    ema: float = 0.999
    empty_prompt: float = 0.1
    noisy: float = 0.35  # share of the steps that is drawn from the noisier half only
    wrapped: float = 0.06  # share of the steps that see tiles alone, as `--tiling xy` paints them
    clip: float = 1.0
    save_minutes: float = 4.0
    grid_minutes: float = 30.0


# What differs where a GPU trains: a whole run takes minutes, and may be taken away at any of them.
GPU_TRAIN = TrainSettings(batch=512, rate=1.2e-3, ema=0.999, save_minutes=0.5, grid_minutes=2.0)


@dataclass(frozen=True)
class Settings:
    text: TextSettings = field(default_factory=TextSettings)
    unet: UnetSettings = field(default_factory=UnetSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
