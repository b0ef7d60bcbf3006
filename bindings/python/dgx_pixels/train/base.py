# SPDX-License-Identifier: MIT OR Apache-2.0
"""The model that a style is trained on, as diffusers and transformers open it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, StableDiffusionXLPipeline
from diffusers.models.attention_processor import AttnProcessor

from .dataset import file_hash
from .errors import TrainError
from .geometry import Geometry, geometry
from .settings import Settings

# Our names of the text encoders' components, and kohya's prefixes.
TEXTS = {1: "text_encoder", 2: "text_encoder_2"}


@dataclass
class Base:
    """The networks, all frozen."""

    pipe: Any  # the StableDiffusionXLPipeline, for loading LoRA files by diffusers
    scheduler: Any
    device: torch.device
    dtype: torch.dtype  # of the frozen weights
    place: Geometry

    @property
    def unet(self) -> Any:
        return self.pipe.unet

    @property
    def vae(self) -> Any:
        return self.pipe.vae

    @property
    def texts(self) -> dict[int, Any]:
        """The text encoders that the model has."""
        return {n: getattr(self.pipe, name) for n, name in TEXTS.items()
                if getattr(self.pipe, name) is not None}

    def tokens(self, texts: list[str]) -> dict[int, torch.Tensor]:
        """Token rows for each encoder."""
        rows = {}
        for n in self.texts:
            words = self.pipe.tokenizer if n == 1 else self.pipe.tokenizer_2
            rows[n] = words(texts, padding="max_length", truncation=True,
                            max_length=words.model_max_length, return_tensors="pt").input_ids
        return rows

    def read(self, ids: dict[int, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Context of the last layer but one, and the last encoder's pooled vector."""
        hidden = []
        pooled = None
        for n, text in self.texts.items():
            out = text(ids[n].to(self.device), output_hidden_states=True)
            hidden.append(out.hidden_states[-2])
            pooled = out[0]
        assert pooled is not None
        return torch.cat(hidden, -1), pooled

    @torch.no_grad()
    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        """Latents of pictures -1..1 [n, channels, h, w], always in fp32: SDXL's VAE overflows in fp16."""
        config = self.vae.config
        z: torch.Tensor = self.vae.encode(pictures.to(self.vae.device)).latent_dist.mode()
        return (z - float(getattr(config, "shift_factor", None) or 0.0)) * float(config.scaling_factor)

    def leave_device(self) -> None:
        """What only makes the cache makes room for the training."""
        for part in (self.vae, *self.texts.values()):
            part.to("cpu")
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def fast_bf16(device: torch.device) -> bool:
    """Without instructions for it bf16 is emulated, and several times slower than fp32."""
    return device.type == "cuda" or bool(torch.cpu._is_avx512_bf16_supported())


def choose_device(s: Settings) -> torch.device:
    name = s.train.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise TrainError(f"{s.path}: [train] device: '{name}' is no device: auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise TrainError(f"{s.path}: [train] device: '{name}' is not supported: auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise TrainError(f"{s.path}: [train] device: '{name}': this torch sees {torch.cuda.device_count()} CUDA devices")
    return device


def half(s: Settings, device: torch.device) -> bool:
    return s.train.precision == "bf16" or (s.train.precision == "auto" and fast_bf16(device))


def load(s: Settings) -> Base:
    """Open the model; on a GPU the frozen weights are bf16 from the file on when training computes in it."""
    place, device = geometry(s), choose_device(s)
    path = place.path
    dtype = torch.bfloat16 if device.type == "cuda" and half(s, device) else torch.float32
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        pipe = StableDiffusionXLPipeline.from_pretrained(
            path, torch_dtype={"default": dtype, "vae": torch.float32}, local_files_only=True,
            add_watermarker=False)
    except (OSError, ValueError, KeyError) as error:
        raise TrainError(f"{s.path}: [run] base: {path} does not open as an SDXL pipeline: {error}") from None
    for part in (pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2):
        if part is not None:
            part.requires_grad_(False)
            part.eval()
            part.to(device, torch.float32 if part is pipe.vae else dtype)
    if device.type == "cpu":
        # At small sizes the backward pass of fused attention is far dearer on a processor.
        pipe.unet.set_attn_processor(AttnProcessor())
        for text in (pipe.text_encoder, pipe.text_encoder_2):
            if text is not None:
                text.set_attn_implementation("eager")
        pipe.unet.to(memory_format=torch.channels_last)
    return Base(pipe, DDPMScheduler.from_config(pipe.scheduler.config), device, dtype, place)


def weights_hash(path: Path) -> str:
    """One hash over the model's weight files."""
    total = hashlib.sha256()
    for file in sorted(path.rglob("*.safetensors")):
        if file.parent.name != "loras":
            total.update(f"{file.relative_to(path)} {file_hash(file)}\n".encode())
    return total.hexdigest()
