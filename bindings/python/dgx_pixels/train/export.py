# SPDX-License-Identifier: MIT OR Apache-2.0
"""The finished file in kohya's format, which every program reads, and PEFT's folders beside it."""

from __future__ import annotations

import collections
import json
import os
import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save, save_file

from . import adapters
from .adapters import Pair
from .files import written
from .base import TEXTS, Base, weights_hash
from .geometry import bundle_of
from .prepare import Prepared
from .settings import Settings

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
# diffusers' names of a resnet's layers in the original layout, which kohya's files use.
RESNET = {"conv1": "in_layers.2", "conv2": "out_layers.3", "time_emb_proj": "emb_layers.1",
          "conv_shortcut": "skip_connection"}


def original_name(path: str, layers: int) -> str:
    """A UNet module in SDXL's original layout: down_blocks.1.attentions.0.x is input_blocks.4.1.x."""
    middle = re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", path)
    if middle:
        number = {"resnets": 2 * int(middle[2]), "attentions": 1}[middle[1]]
        return f"middle_block.{number}.{RESNET.get(middle[3], middle[3])}"
    found = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)", path)
    if not found:
        return path
    block, layer = int(found[2]), int(found[4])
    number = block * (layers + 1) + layer + (found[1] == "down")
    kind = {"resnets": 0, "attentions": 1}[found[3]]
    rest = RESNET.get(found[5], found[5]) if kind == 0 else found[5]
    return f"{'input' if found[1] == 'down' else 'output'}_blocks.{number}.{kind}.{rest}"


def kohya_key(base: Base, pair: Pair) -> str:
    """`lora_unet_…` or `lora_te1_…`: the original block names for SDXL's layout, else diffusers'."""
    if pair.part:
        path = pair.path if pair.path.startswith("text_model.") else f"text_model.{pair.path}"
        return f"lora_te{pair.part}_{path.replace('.', '_')}"
    config = base.unet.config
    sdxl = len(config.block_out_channels) == 3 and config.layers_per_block == 2
    return "lora_unet_" + (original_name(pair.path, 2) if sdxl else pair.path).replace(".", "_")


def tensors_of(s: Settings, base: Base) -> dict[str, torch.Tensor]:
    dtype = DTYPES[s.output.dtype]
    made: dict[str, torch.Tensor] = {}
    for pair in adapters.pairs(s, base):
        key = kohya_key(base, pair)
        made[f"{key}.lora_down.weight"] = pair.down.to("cpu", dtype).contiguous()
        made[f"{key}.lora_up.weight"] = pair.up.to("cpu", dtype).contiguous()
        made[f"{key}.alpha"] = torch.tensor(s.adapter.alpha, dtype=dtype)
        if pair.magnitude is not None:
            made[f"{key}.dora_scale"] = pair.magnitude.to("cpu", dtype).reshape(
                -1, *[1] * (pair.down.dim() - 1)).contiguous()
    return made


def metadata(s: Settings, base: Base, data: Prepared, step: int) -> dict[str, str]:
    """kohya's `ss_*` and modelspec fields; no time of day, so equal runs say the same."""
    tags: collections.Counter[str] = collections.Counter()
    for row in data.train.rows:
        tags.update(t.strip() for t in data.texts[row[0]].split(",") if t.strip())
    width, height = base.place.canvas(s)
    bundle = bundle_of(base.place.path)
    starter = base.place.family == "starter"
    args: dict[str, Any] = {}
    if s.adapter.kind == "locon":
        args = {"conv_dim": str(s.adapter.rank), "conv_alpha": f"{s.adapter.alpha:g}"}
    elif s.adapter.kind == "dora":
        args = {"algo": "lora", "dora_wd": "True"}
    values: dict[str, Any] = {
        "ss_network_module": "lycoris.kohya" if s.adapter.kind == "dora" else "networks.lora",
        "ss_network_dim": s.adapter.rank, "ss_network_alpha": f"{s.adapter.alpha:g}",
        "ss_network_args": json.dumps(args),
        "ss_base_model_version": "dgx-pixels-starter" if starter else "sdxl_base_v1-0",
        "ss_sd_model_name": bundle.get("name") or base.place.path.name,
        "ss_sd_model_hash": weights_hash(base.place.path),
        "ss_output_name": s.run.name, "ss_resolution": f"({width}, {height})",
        "ss_num_train_images": len(data.train.names), "ss_steps": step,
        "ss_max_train_steps": s.train.steps, "ss_batch_size_per_device": s.train.batch,
        "ss_gradient_accumulation_steps": s.train.accumulation, "ss_seed": s.run.seed,
        "ss_learning_rate": f"{s.train.rate:g}", "ss_unet_lr": f"{s.train.rate:g}",
        "ss_text_encoder_lr": f"{s.train.text_rate or s.train.rate:g}" if s.adapter.text_encoders else "0",
        "ss_optimizer": s.train.optimizer, "ss_lr_scheduler": s.train.schedule,
        "ss_min_snr_gamma": f"{s.train.min_snr:g}" if s.train.min_snr else "None",
        "ss_caption_dropout_rate": f"{s.train.caption_dropout:g}",
        "ss_v2": "False", "ss_clip_skip": "None",
        "ss_v_parameterization": str(base.scheduler.config.prediction_type == "v_prediction"),
        "ss_tag_frequency": json.dumps({s.run.name: dict(tags.most_common())}, ensure_ascii=False),
        "ss_training_comment": "dgx-pixels-train", "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": ("dgx-pixels-starter" if starter else "stable-diffusion-xl-v1-base")
        + "/lora",
        "modelspec.implementation": "diffusers", "modelspec.title": s.run.name,
        "modelspec.resolution": f"{width}x{height}", "modelspec.author": s.run.author,
        "modelspec.license": s.run.license, "modelspec.trigger_phrase": s.run.trigger,
        "modelspec.prediction_type": "v" if base.scheduler.config.prediction_type == "v_prediction"
        else "epsilon",
        "modelspec.tags": ", ".join(t for t, _ in tags.most_common(8)),
    }
    return {k: str(v) for k, v in values.items() if str(v)}


def in_order(data: bytes) -> bytes:
    """A safetensors file with its metadata sorted: the library writes them in another order each time,
    and equal runs are to give equal files."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length:]


def write(path: Path, s: Settings, base: Base, data: Prepared, step: int) -> Path:
    """Write the file whole or not at all."""
    with written(path) as part:
        part.write_bytes(in_order(save(tensors_of(s, base), metadata(s, base, data, step))))
    return path


def read(path: Path, s: Settings, base: Base) -> None:
    """Put a checkpoint of this run into the adapters that are in the networks."""
    tensors = load_file(path)
    for pair in adapters.pairs(s, base):
        key = kohya_key(base, pair)
        for target, name in ((pair.down, "lora_down.weight"), (pair.up, "lora_up.weight"),
                             (pair.magnitude, "dora_scale")):
            if target is not None:
                target.copy_(tensors[f"{key}.{name}"].reshape(target.shape))


def write_peft(folder: Path, s: Settings, base: Base) -> list[Path]:
    """One folder for each network, as PeftModel.from_pretrained() opens it."""
    dtype = DTYPES[s.output.dtype]
    made = []
    for part in adapters.networks(s, base):
        out = folder / (TEXTS[part] if part else "unet")
        tensors = {}
        for pair in (p for p in adapters.pairs(s, base) if p.part == part):
            name = f"base_model.model.{pair.path}"
            tensors[f"{name}.lora_A.weight"] = pair.down.to("cpu", dtype).contiguous()
            tensors[f"{name}.lora_B.weight"] = pair.up.to("cpu", dtype).contiguous()
            if pair.magnitude is not None:
                tensors[f"{name}.lora_magnitude_vector"] = pair.magnitude.to("cpu", dtype).contiguous()
        with written(out / "adapter_model.safetensors") as whole:
            save_file(tensors, whole, {"format": "pt"})
        adapters.config_of(s, part).save_pretrained(str(out))
        made.append(out)
    return made


def loras_folder(s: Settings) -> Path:
    """[output] folder, or loras/ of the user's models folder, where names are looked up."""
    if s.output.folder:
        return s.resolve(s.output.folder)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local/share") / "dgx-pixels/models/loras"
