# SPDX-License-Identifier: MIT OR Apache-2.0
"""Adapter files for tests: random factors for a model's modules, in every spelling in use."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/models")]

import names  # noqa: E402

Tensors = dict[str, torch.Tensor]
Shapes = dict[str, list[int]]
# component: (module path, weight shape)
Modules = dict[str, dict[str, list[int]]]

ATTENTION = re.compile(r"\.attentions\.\d+\.(proj_in|proj_out|transformer_blocks\.\d+\."
                       r"(attn[12]\.to_(q|k|v|out\.0)|ff\.net\.(0\.proj|2)))$")
ENCODER = re.compile(r"^text_model\.encoder\.layers\.\d+\.(self_attn\.(q|k|v|out)_proj|mlp\.fc[12])$")


def lora_modules(shapes: dict[str, Shapes]) -> Modules:
    """The modules that LoRA trainers change: attention and feed-forward, 986 of SDXL."""
    out: Modules = {}
    for component in ("unet", "text_1", "text_2"):
        pattern = ATTENTION if component == "unet" else ENCODER
        out[component] = {name.removesuffix(".weight"): shape
                          for name, shape in shapes.get(component, {}).items()
                          if name.endswith(".weight") and pattern.search(name[:-7])}
    return out


def stored_shapes(folder: Path) -> dict[str, Shapes]:
    """The shapes of a diffusers folder's weights, by component."""
    shapes: dict[str, Shapes] = {}
    for component, file in (("unet", "unet/diffusion_pytorch_model"), ("text_1", "text_encoder/model"),
                            ("text_2", "text_encoder_2/model")):
        with safe_open(folder / f"{file}.safetensors", "pt") as tensors:
            shapes[component] = {name: list(tensors.get_slice(name).get_shape()) for name in tensors.keys()}
    return shapes


def factors(shape: list[int], rank: int, draw: torch.Generator,
            dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    """down and up of a layer: [r, in(, kh, kw)] and [out, r(, 1, 1)]."""
    down = torch.randn(rank, *shape[1:], generator=draw) * 0.2
    up = torch.randn(shape[0], rank, *[1] * (len(shape) - 2), generator=draw) * 0.2
    return down.to(dtype), up.to(dtype)


# ------------------------------------------------------------------------------------- spellings

TE = {"text_1": "1", "text_2": "2"}
FOLDER = {"text_1": "text_encoder", "text_2": "text_encoder_2", "unet": "unet"}


def original(path: str, layers: int, attention_up: set[int]) -> str:
    """A UNet module's path in the original (SGM) layout."""
    place = names.unet_place(f"{path}.weight", layers, attention_up)
    return place.name.removeprefix("model.diffusion_model.").removesuffix(".weight")


def flat(path: str) -> str:
    return path.replace(".", "_")


def kohya_sgm(component: str, path: str, layers: int = 2, up: Iterable[int] = (0, 1)) -> str | None:
    if component == "unet":
        return "lora_unet_" + flat(original(path, layers, set(up)))
    return f"lora_te{TE[component]}_{flat(path)}"


def kohya_diffusers(component: str, path: str) -> str | None:
    return "lora_unet_" + flat(path) if component == "unet" else kohya_sgm(component, path)


def dotted(component: str, path: str) -> str | None:
    return f"{FOLDER[component]}.{path}"


def peft(component: str, path: str) -> str | None:
    """One network's own file, as PeftModel.save_pretrained() writes it."""
    return f"base_model.model.{path}"


def bare(component: str, path: str) -> str | None:
    return path if component == "unet" else None


def processor(component: str, path: str) -> str | None:
    """diffusers before 0.22: attention only."""
    found = re.fullmatch(r"(.+\.attn[12])\.to_(q|k|v|out)(\.0)?", path)
    return f"unet.{found[1]}.processor.to_{found[2]}" if found and component == "unet" else None


def lycoris(component: str, path: str) -> str | None:
    return "lycoris_" + flat(path)


def comfy(component: str, path: str) -> str | None:
    if component == "unet":
        return "diffusion_model." + original(path, 2, {0, 1})
    return f"clip_{'l' if component == 'text_1' else 'g'}.transformer.{path}"


def omi(component: str, path: str) -> str | None:
    """OneTrainer's newer form."""
    return None if component == "unet" else f"clip_{'l' if component == 'text_1' else 'g'}.{path}"


# name: (spelling of the module, endings of down and up, whether it has alphas)
STYLES: dict[str, tuple[Callable[[str, str], str | None], str, str, bool]] = {
    "kohya-sgm": (kohya_sgm, ".lora_down.weight", ".lora_up.weight", True),
    "kohya-diffusers": (kohya_diffusers, ".lora_down.weight", ".lora_up.weight", True),
    "onetrainer": (kohya_diffusers, ".lora_down.weight", ".lora_up.weight", True),
    "peft": (peft, ".lora_A.weight", ".lora_B.weight", False),
    "peft-default": (peft, ".lora_A.default.weight", ".lora_B.default.weight", False),
    "peft-default-0": (peft, ".lora_A.default_0.weight", ".lora_B.default_0.weight", False),
    "onetrainer-clip": (omi, ".lora_down.weight", ".lora_up.weight", True),
    "diffusers-peft": (dotted, ".lora_A.weight", ".lora_B.weight", False),
    "diffusers-lora": (dotted, ".lora.down.weight", ".lora.up.weight", False),
    "diffusers-linear-layer": (dotted, ".lora_linear_layer.down.weight",
                               ".lora_linear_layer.up.weight", False),
    "diffusers-processor": (processor, "_lora.down.weight", "_lora.up.weight", False),
    "bare": (bare, ".lora_A", ".lora_B", False),
    "lycoris": (lycoris, ".lora_down.weight", ".lora_up.weight", True),
    "comfyui": (comfy, ".lora_down.weight", ".lora_up.weight", True),
}


def write(path: Path, tensors: Tensors, metadata: dict[str, str] | None = None) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata)
    return path


def make_lora(modules: Modules, style: str, rank: int | Callable[[int], int], alpha: float | None,
              seed: int, dtype: torch.dtype = torch.float32) -> Tensors:
    """A LoRA for all modules that the style can name; alpha None: the file says nothing."""
    spell, down_end, up_end, _ = STYLES[style]
    draw = torch.Generator().manual_seed(seed)
    tensors: Tensors = {}
    count = 0
    for component, listed in modules.items():
        for path, shape in listed.items():
            key = spell(component, path)
            if key is None:
                continue
            r = rank if isinstance(rank, int) else rank(count)
            count += 1
            tensors[key + down_end], tensors[key + up_end] = factors(shape, r, draw, dtype)
            if alpha is not None:
                tensors[key + ".alpha"] = torch.tensor(alpha, dtype=dtype)
    return tensors
