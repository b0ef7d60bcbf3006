# SPDX-License-Identifier: MIT OR Apache-2.0
"""Low-rank adapters in the frozen networks, by PEFT."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer

from .base import Base
from .errors import TrainError
from .settings import Settings

NAME = "default"
LINEAR = r"attn[12]\.to_(q|k|v|out\.0)|ff\.net\.(0\.proj|2)|proj_(in|out)"
# A style of single pixels lives in the outer blocks, which have no attention.
CONVOLUTIONS = r"resnets\.\d+\.conv[12]"
TEXT = r".*(self_attn\.(q|k|v|out)_proj|mlp\.fc[12])"


@dataclass
class Pair:
    """What one module learned."""

    part: int  # 0 is the UNet, else the number of a text encoder
    path: str
    down: torch.Tensor  # the parameter's own memory
    up: torch.Tensor
    magnitude: torch.Tensor | None  # DoRA's


def config_of(s: Settings, part: int) -> LoraConfig:
    kind = s.adapter.kind
    unet = s.adapter.targets or rf".*({LINEAR}{'|' + CONVOLUTIONS if kind == 'locon' else ''})"
    return LoraConfig(r=s.adapter.rank, lora_alpha=s.adapter.alpha, use_dora=kind == "dora",
                      target_modules=TEXT if part else unet)


def networks(s: Settings, base: Base) -> dict[int, Any]:
    """The networks that are trained, by part."""
    found = {0: base.unet} if s.adapter.unet else {}
    for n in s.adapter.text_encoders:
        if n not in base.texts:
            raise TrainError(f"{s.path}: [adapter] text_encoders: this model has no text encoder {n}, only "
                             f"{', '.join(map(str, base.texts))}")
        found[n] = base.texts[n]
    return found


def add(s: Settings, base: Base) -> list[dict[str, Any]]:
    """Put adapters in and return the groups of parameters that an optimizer takes."""
    torch.manual_seed(s.run.seed)
    groups = []
    for part, net in networks(s, base).items():
        try:
            inject_adapter_in_model(config_of(s, part), net, NAME)
        except re.error as error:
            raise TrainError(f"{s.path}: [adapter] targets: no regular expression: {error}") from None
        except ValueError as error:
            raise TrainError(f"{s.path}: [adapter] targets: {error}") from None
        parameters = [p for n, p in net.named_parameters() if ".lora_" in n]
        for p in parameters:
            p.data = p.data.float()  # bf16 would lose small steps
            p.requires_grad_(True)
        groups.append({"params": parameters,
                       "lr": (s.train.text_rate or s.train.rate) if part else s.train.rate})
    return groups


@contextmanager
def off(s: Settings, base: Base) -> Iterator[None]:
    """The base as it was, for a while."""
    layers = [m for net in networks(s, base).values() for m in net.modules() if isinstance(m, BaseTunerLayer)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def state(s: Settings, base: Base) -> dict[str, torch.Tensor]:
    """Every trained tensor by part and name."""
    return {f"{part}.{n}": p.detach() for part, net in networks(s, base).items()
            for n, p in net.named_parameters() if ".lora_" in n}


def load_state(s: Settings, base: Base, kept: dict[str, torch.Tensor]) -> None:
    for name, tensor in state(s, base).items():
        tensor.copy_(kept[name])


def pairs(s: Settings, base: Base) -> Iterator[Pair]:
    for part, net in networks(s, base).items():
        for path, module in net.named_modules():
            down = getattr(module, "lora_A", {})
            if NAME in down:
                magnitudes = getattr(module, "lora_magnitude_vector", None)
                yield Pair(part, path, down[NAME].weight.detach(),
                           module.lora_B[NAME].weight.detach(),
                           magnitudes[NAME].weight.detach() if magnitudes else None)
