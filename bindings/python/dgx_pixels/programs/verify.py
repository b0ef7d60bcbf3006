# SPDX-License-Identifier: MIT OR Apache-2.0
"""A program against the Python network it was traced from, on shapes other than the traced one."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from . import archive
from .architecture import Architecture
from .trace import example_inputs, fill

Case = dict[str, Any]


def random_value(name: str, shape: torch.Size, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    """A value that keeps activations near one; the same for a name whatever is drawn before it."""
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed}:{name}".encode()))
    if name.endswith(".bias") or len(shape) == 1:
        base = 1.0 if name.endswith("weight") else 0.0
        return (base + 0.1 * torch.randn(shape, generator=generator)).to(dtype)
    fan_in = 1 if "embedding.weight" in name else int(torch.Size(shape[1:]).numel())
    value = torch.randn(shape, generator=generator)
    return value.mul_(fan_in**-0.5).to(dtype)


def _seam_forward(axes: str) -> Callable[..., torch.Tensor]:
    """Padding that continues at the opposite edge, written out with slices."""

    def forward(self: nn.Conv2d, states: torch.Tensor) -> torch.Tensor:
        high, wide = self.padding
        if "x" in axes:
            states = torch.cat([states[..., -wide:], states, states[..., :wide]], 3)
        else:
            states = F.pad(states, (wide, wide, 0, 0))
        if "y" in axes:
            states = torch.cat([states[:, :, -high:], states, states[:, :, :high]], 2)
        else:
            states = F.pad(states, (0, 0, high, high))
        return F.conv2d(states, self.weight, self.bias, self.stride)

    return forward


class Reference:
    """The networks as diffusers and transformers run them, sharing the program's parameters."""

    def __init__(self, arch: Architecture, component: str) -> None:
        self.component, self.arch = component, arch
        with torch.device("meta"):
            self.module = self._build().eval().requires_grad_(False)

    def _build(self) -> nn.Module:
        import diffusers
        from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

        def settings(config: dict[str, Any]) -> dict[str, Any]:
            return {k: v for k, v in config.items() if not k.startswith("_")}

        if self.component == "unet":
            return diffusers.UNet2DConditionModel(**settings(self.arch.unet))
        if self.component.startswith("vae"):
            return getattr(diffusers, self.arch.vae_class)(**settings(self.arch.vae))
        index = self.arch.text_index(self.component)
        config = CLIPTextConfig(**self.arch.text[index])
        kind = CLIPTextModelWithProjection if self.arch.has_projection(index) else CLIPTextModel
        return kind(config)

    def share(self, parameters: dict[str, torch.Tensor], dtype: torch.dtype) -> None:
        """Take the program's tensors by name; what the program lacks stays empty and unread."""

        def value(name: str, shape: torch.Size) -> torch.Tensor:
            for known in (name, f"text_model.{name}"):
                if known in parameters:
                    return parameters[known].detach()
            return torch.zeros(1, dtype=dtype).expand(shape)

        fill(self.module, value)
        for module in self.module.modules():
            if "position_ids" in module._buffers:
                count = self.arch.text[int(self.component[-1]) - 1]["max_position_embeddings"]
                module._buffers["position_ids"] = torch.arange(count)[None]

    def set_tiling(self, tiling: str) -> None:
        for child in self.module.modules():
            if isinstance(child, nn.Conv2d) and tuple(child.padding) != (0, 0):
                child.__dict__.pop("forward", None)
                if tiling != "none":
                    child.forward = _seam_forward(tiling).__get__(child)

    def __call__(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if self.component == "unet":
            sample, timestep, context, pooled, time_ids = inputs
            added = {"text_embeds": pooled, "time_ids": time_ids}
            return (self.module(sample, timestep, context, added_cond_kwargs=added).sample,)
        if self.component == "vae_decoder":
            return (self.module.decode(inputs[0]).sample,)
        if self.component == "vae_encoder":
            return (self.module.encode(inputs[0]).latent_dist.parameters,)
        output = self.module(inputs[0], output_hidden_states=True)
        hidden = output.hidden_states[self.arch.hidden_layer]
        index = self.arch.text_index(self.component)
        if not self.arch.pooled_width(index):
            return (hidden,)
        pooled = output.text_embeds if "text_embeds" in output else output.pooler_output
        return hidden, pooled


def cases(arch: Architecture, component: str) -> list[Case]:
    """Batches, canvases (height, width in latents) and lengths that were not traced."""
    if component.startswith("text"):
        context = arch.text[int(component[-1]) - 1]["max_position_embeddings"]
        return [{"batch": 3, "tokens": context // 2}, {"batch": 1}, {"batch": 5}]
    if component == "unet":
        return [
            {"batch": 4, "canvas": (11, 17), "tokens": 154},
            {"batch": 1, "canvas": (16, 16), "tokens": 77},
            {"batch": 1, "canvas": (24, 13), "tokens": 21},
        ]
    return [{"batch": 3, "canvas": (7, 9)}, {"batch": 1, "canvas": (16, 16)}]


def compare(arch: Architecture, component: str, files: dict[str, Path], dtype: torch.dtype,
            seed: int = 0, limit: int | None = None) -> list[tuple[str, Case, float, float]]:
    """(tiling, case, largest difference, largest value) of every tiling and `limit` cases."""
    reference = Reference(arch, component)
    parameters: dict[str, torch.Tensor] = {}
    rows = []
    for tiling, path in files.items():
        program = archive.load(path)
        for name, parameter in program.named_parameters():
            if name not in parameters:
                parameters[name] = random_value(name, parameter.shape, dtype, seed)
            parameter.data = parameters[name]
        reference.share(parameters, dtype)
        reference.set_tiling(tiling)
        for case in cases(arch, component)[:limit]:
            inputs = example_inputs(arch, component, dtype=dtype, seed=seed + 1, **case)
            # As the engine runs it.  The optimizer keeps what it learned of the first dtype.
            with torch.inference_mode(), torch.jit.optimized_execution(False):
                ours = program(*inputs)
                theirs = reference(*inputs)
            ours = ours if isinstance(ours, tuple) else (ours,)
            worst = max(
                float((a.float() - b.float()).abs().max()) for a, b in zip(ours, theirs)
            )
            size = max(float(b.float().abs().max()) for b in theirs)
            rows.append((tiling, case, worst, size))
    return rows
