# SPDX-License-Identifier: MIT OR Apache-2.0
"""A small network that names the kind of a sprite, trained on the real ones only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from .config import KINDS
from .dataset import SpriteSet, to_float


def build(names: int = len(KINDS), width: int = 24) -> nn.Module:
    def stage(inside: int, outside: int) -> list[nn.Module]:
        return [nn.Conv2d(inside, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside),
                nn.ReLU(), nn.Conv2d(outside, outside, 3, padding=1, bias=False),
                nn.BatchNorm2d(outside), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*stage(4, width), *stage(width, 2 * width), *stage(2 * width, 4 * width),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(4 * width, names))


def train(data: SpriteSet, path: Path, steps: int = 2500, batch: int = 128) -> nn.Module:
    """Every kind equally often."""
    torch.manual_seed(3)
    model = build()
    kind = torch.tensor([KINDS.index(s.kind) for s in data.sprites])
    weight = data.weight.clone()
    for k in range(len(KINDS)):
        weight[kind == k] /= max(weight[kind == k].sum().item(), 1e-12)
    fit(model, data.pixels, kind, weight, steps, batch)
    torch.save(model.state_dict(), path)
    return model.eval()


def fit(model: nn.Module, pixels: torch.Tensor, target: torch.Tensor, weight: torch.Tensor,
        steps: int, batch: int) -> None:
    """Draws by weight; shifts, flips and noise, so that it judges shapes, not pixels."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for _ in range(steps):
        pick = torch.multinomial(weight, batch, replacement=True)
        x = to_float(pixels[pick])
        if torch.rand(()) < 0.5:
            x = x.flip(3)
        shift = torch.randint(-2, 3, (2,)).tolist()
        x = torch.roll(x, shift, (2, 3)) + 0.05 * torch.randn_like(x)
        loss = nn.functional.cross_entropy(model(x), target[pick], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def load(path: Path) -> nn.Module:
    model = build()
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval()


def export(model: nn.Module, path: Path) -> None:
    """As TorchScript with the names of its kinds, for `dgx-pixels-train evaluate`."""
    program = torch.jit.script(model.eval())
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.jit.save(program, str(path), _extra_files={"kinds.txt": " ".join(KINDS)})


@torch.no_grad()
def kinds_of(model: nn.Module, sprites: np.ndarray) -> list[str]:
    """The kind of each sprite [n, h, w, 4] uint8."""
    x = to_float(torch.from_numpy(sprites).permute(0, 3, 1, 2))
    return [KINDS[i] for i in model(x).argmax(1).tolist()]
