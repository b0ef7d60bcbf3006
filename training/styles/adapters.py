# SPDX-License-Identifier: MIT OR Apache-2.0
"""Low-rank adapters in a painter by PEFT, and the file that they become."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import save_file

from training.starter.model import Painter

NAME = "style"
RANK = 4
LIMIT = 1_000_000  # bytes of a finished file
# A style lives in the outer blocks, which have no attention: so convolutions are trained as well.
UNET = r".*(attn[12]\.to_(q|k|v|out\.0)|ff\.net\.(0\.proj|2)|proj_(in|out)|resnets\.\d+\.conv[12])"
TEXT = r".*(self_attn\.(q|k|v|out)_proj|mlp\.fc[12])"


def add(painter: Painter) -> list[torch.nn.Parameter]:
    """Freeze the painter, put adapters into it and return what is to be trained."""
    for net, targets in ((painter.unet, UNET), (painter.text, TEXT)):
        net.requires_grad_(False)
        inject_adapter_in_model(
            LoraConfig(r=RANK, lora_alpha=RANK, target_modules=targets), net, NAME)
    return [p for net in (painter.unet, painter.text) for p in net.parameters() if p.requires_grad]


def state(painter: Painter) -> dict[str, torch.Tensor]:
    return {k: v for k, v in painter.both.state_dict().items() if ".lora_" in k}


def pairs(painter: Painter) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """kohya's key of every module, with diffusers' block names, and its two factors.

    The starter's one text encoder stands in the place of SDXL's second, hence `lora_te2_`.
    """
    for prefix, net in (("lora_unet_", painter.unet), ("lora_te2_", painter.text)):
        for path, module in net.named_modules():
            down = getattr(module, "lora_A", {})
            if NAME in down:
                path = path if net is painter.unet or path.startswith("text_model.") \
                    else f"text_model.{path}"
                yield (prefix + path.replace(".", "_"), down[NAME].weight.detach(),
                       module.lora_B[NAME].weight.detach())


def write(path: Path, painter: Painter, style: str, sprites: int, steps: int) -> int:
    """Write the file in bf16, whole or not at all; returns its bytes."""
    tensors: dict[str, torch.Tensor] = {}
    for key, down, up in pairs(painter):
        tensors[f"{key}.lora_down.weight"] = down.to(torch.bfloat16).contiguous()
        tensors[f"{key}.lora_up.weight"] = up.to(torch.bfloat16).contiguous()
        tensors[f"{key}.alpha"] = torch.tensor(float(RANK), dtype=torch.bfloat16)
    metadata = {
        "ss_network_module": "networks.lora", "ss_network_dim": str(RANK),
        "ss_network_alpha": str(RANK), "ss_base_model_version": "dgx-pixels-starter",
        "ss_num_train_images": str(sprites), "ss_steps": str(steps), "ss_output_name": style,
        "ss_tag_frequency": json.dumps({style: {f"{style} style": sprites}}),
        "modelspec.title": f"{style} style for the DGX-Pixels starter",
        "modelspec.license": "CC0-1.0", "modelspec.trigger_phrase": f"{style} style",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata)
    size = part.stat().st_size
    if size > LIMIT:
        part.unlink()
        raise ValueError(f"{path}: {size} bytes, the limit is {LIMIT}: lower RANK")
    part.replace(path)
    return size
