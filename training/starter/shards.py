# SPDX-License-Identifier: MIT OR Apache-2.0
"""Averaged weights as bf16 safetensors of at most 15 MiB each, to come back from another machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from . import model
from .config import Settings, TextSettings, UnetSettings

LIMIT = 15 << 20
PATTERN = "painter-*.safetensors"


def write(folder: Path, painter: model.Painter) -> None:
    parts: list[dict[str, torch.Tensor]] = [{}]
    size = 0
    for name, tensor in painter.both.state_dict().items():
        half = tensor.detach().to("cpu", torch.bfloat16).contiguous()
        if parts[-1] and size + half.nbytes > LIMIT:
            parts.append({})
            size = 0
        parts[-1][name] = half
        size += half.nbytes
    about = {"unet": json.dumps(asdict(painter.settings.unet)),
             "text": json.dumps(asdict(painter.settings.text)),
             "vocabulary": str(painter.text.config.vocab_size)}
    folder.mkdir(parents=True, exist_ok=True)
    for i, part in enumerate(parts):
        save_file(part, folder / f"painter-{i + 1}-of-{len(parts)}.safetensors", about)


def tensors(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """All shards together, and what the last one says of the model."""
    files = sorted(folder.glob(PATTERN))
    if not files:
        raise SystemExit(f"{folder}: holds neither painter.pt nor {PATTERN}: train first")
    state: dict[str, torch.Tensor] = {}
    for path in files:
        with safe_open(path, "pt") as held:
            about = held.metadata()
            state |= {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
    return state, about


def read(folder: Path, device: torch.device) -> model.Painter:
    state, about = tensors(folder)
    unet, text = json.loads(about["unet"]), json.loads(about["text"])
    lists = {k: tuple(v) for k, v in unet.items() if isinstance(v, list)}
    settings = Settings(TextSettings(**text), UnetSettings(**(unet | lists)))
    painter = model.build(settings, int(about["vocabulary"]))
    painter.both.load_state_dict(state)
    painter.both.to(device).eval().requires_grad_(False)
    return painter
