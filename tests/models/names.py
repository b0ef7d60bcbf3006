# SPDX-License-Identifier: MIT OR Apache-2.0
"""Where each parameter of a diffusers folder lies in a single-file SDXL checkpoint.

Written forwards from our names, independently of any converter, so that diffusers' own conversion
can be the judge (tests/python/test_tiny_models.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}

_UNET_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}

_VAE_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}

_OPEN_CLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}

_OPEN_CLIP_ENDS = {
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm.weight": "ln_final.weight",
    "text_model.final_layer_norm.bias": "ln_final.bias",
}


@dataclass(frozen=True)
class Place:
    """A tensor of the single file: made of `sources` (joined by rows), then changed by `change`."""

    name: str
    sources: tuple[str, ...]
    change: str = ""  # "", "transpose", "conv": two axes of length one at the end


def _resnet(rest: str) -> str:
    part, tail = rest.split(".", 1)
    return f"{_RESNET[part]}.{tail}"


def unet_place(name: str, layers: int, attention_up: set[int]) -> Place:
    """`layers` resnets a block down (one more up); `attention_up`: up blocks with attention."""
    stem, tail = name.rsplit(".", 1)
    prefix = "model.diffusion_model."
    if stem in _UNET_ENDS:
        return Place(f"{prefix}{_UNET_ENDS[stem]}.{tail}", (name,))
    mid = re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)", name)
    if mid:
        kind, index, rest = mid[1], int(mid[2]), mid[3]
        slot = 1 if kind == "attentions" else 2 * index
        rest = rest if kind == "attentions" else _resnet(rest)
        return Place(f"{prefix}middle_block.{slot}.{rest}", (name,))
    found = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)", name)
    if not found:
        raise ValueError(f"no place in a single file for the UNet's {name}")
    way, block, kind, index, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    first = block * (layers + 1)
    side = "input_blocks" if way == "down" else "output_blocks"
    if kind == "resnets":
        number = first + index + (1 if way == "down" else 0)
        return Place(f"{prefix}{side}.{number}.0.{_resnet(rest)}", (name,))
    if kind == "attentions":
        number = first + index + (1 if way == "down" else 0)
        return Place(f"{prefix}{side}.{number}.1.{rest}", (name,))
    if kind == "downsamplers":
        return Place(f"{prefix}{side}.{first + layers + 1}.0.op.{tail}", (name,))
    slot = 2 if block in attention_up else 1
    return Place(f"{prefix}{side}.{first + layers}.{slot}.conv.{tail}", (name,))


def vae_place(name: str, blocks: int) -> Place:
    prefix = "first_stage_model."
    stem, tail = name.rsplit(".", 1)
    if stem in ("quant_conv", "post_quant_conv"):
        return Place(prefix + name, (name,))
    half, rest = name.split(".", 1)
    if rest.startswith("conv_norm_out."):
        return Place(f"{prefix}{half}.norm_out.{tail}", (name,))
    if rest.startswith(("conv_in.", "conv_out.")):
        return Place(prefix + name, (name,))
    attention = re.fullmatch(r"mid_block\.attentions\.0\.(.+)\.(weight|bias)", rest)
    if attention:
        part = _VAE_ATTENTION[attention[1]]
        change = "conv" if tail == "weight" and part != "norm" else ""
        return Place(f"{prefix}{half}.mid.attn_1.{part}.{tail}", (name,), change)
    resnet = re.fullmatch(r"mid_block\.resnets\.(\d)\.(.+)", rest)
    if resnet:
        inner = resnet[2].replace("conv_shortcut", "nin_shortcut")
        return Place(f"{prefix}{half}.mid.block_{int(resnet[1]) + 1}.{inner}", (name,))
    block = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)", rest)
    if not block:
        raise ValueError(f"no place in a single file for the VAE's {name}")
    way, number, kind, index, inner = block[1], int(block[2]), block[3], block[4], block[5]
    number = number if way == "down" else blocks - 1 - number
    if kind == "resnets":
        inner = inner.replace("conv_shortcut", "nin_shortcut")
        return Place(f"{prefix}{half}.{way}.{number}.block.{index}.{inner}", (name,))
    return Place(f"{prefix}{half}.{way}.{number}.{way}sample.{inner}", (name,))


def text_1_place(name: str) -> Place:
    return Place(f"conditioner.embedders.0.transformer.{name}", (name,))


def text_2_place(name: str) -> Place | None:
    """None for what another parameter's place already covers: keys and values join the queries."""
    prefix = "conditioner.embedders.1.model."
    if name in _OPEN_CLIP_ENDS:
        return Place(prefix + _OPEN_CLIP_ENDS[name], (name,))
    if name == "text_projection.weight":
        return Place(f"{prefix}text_projection", (name,), "transpose")
    layer = re.fullmatch(r"text_model\.encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", name)
    if not layer:
        raise ValueError(f"no place in a single file for the second text encoder's {name}")
    block = f"{prefix}transformer.resblocks.{layer[1]}"
    if layer[2] in _OPEN_CLIP_LAYER:
        return Place(f"{block}.{_OPEN_CLIP_LAYER[layer[2]]}.{layer[3]}", (name,))
    if layer[2] != "self_attn.q_proj":
        return None
    joined = tuple(name.replace("q_proj", f"{part}_proj") for part in "qkv")
    return Place(f"{block}.attn.in_proj_{layer[3]}", joined)


def places(component: str, names: list[str], layers: int, blocks: int) -> list[Place]:
    """Of every parameter of `unet`, `vae`, `text_encoder` or `text_encoder_2`."""
    if component == "unet":
        up = {int(n.split(".")[1]) for n in names if re.match(r"up_blocks\.\d+\.attentions", n)}
        return [unet_place(name, layers, up) for name in names]
    if component == "vae":
        return [vae_place(name, blocks) for name in names]
    if component == "text_encoder":
        return [text_1_place(name) for name in names]
    return [place for name in names if (place := text_2_place(name)) is not None]
