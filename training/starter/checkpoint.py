# SPDX-License-Identifier: MIT OR Apache-2.0
"""Checkpoints that survive a kill at any moment, and the CSV and TensorBoard logs."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter


def save(path: Path, state: dict[str, Any]) -> None:
    """Writes beside the target and renames, so that a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = state | {"rng": rng_state()}
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def load(path: Path, device: torch.device) -> dict[str, Any]:
    state = torch.load(path, map_location=device, weights_only=False)
    set_rng_state(state["rng"])
    return state


def rng_state() -> dict[str, Any]:
    state = {"python": random.getstate(), "numpy": np.random.get_state(),
             "torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_rng_state(state: dict[str, Any]) -> None:
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"].cpu())
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"].cpu())


class Log:
    """One row of figures to a CSV, TensorBoard and the terminal."""

    def __init__(self, folder: Path, name: str, fields: tuple[str, ...]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.fields = fields
        self.name = name
        path = folder / f"{name}.csv"
        fresh = not path.exists()
        self.file = open(path, "a", newline="", encoding="utf-8")
        self.rows = csv.writer(self.file)
        if fresh:
            self.rows.writerow(fields)
        self.board = SummaryWriter(str(folder / "tensorboard" / name))

    def row(self, **values: float) -> None:
        self.rows.writerow([f"{values.get(f, float('nan')):.6g}" for f in self.fields])
        self.file.flush()
        step = int(values["step"])
        for key, value in values.items():
            if key != "step":
                self.board.add_scalar(f"{self.name}/{key}", value, step)
        print("  ".join(f"{k} {values[k]:.5g}" for k in self.fields if k in values), flush=True)


class Ema:
    """An exponential moving average of parameters, with a warm-up of its own."""

    def __init__(self, module: torch.nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.shadow = [p.detach().clone() for p in module.parameters()]
        self.module = module

    @torch.no_grad()
    def update(self) -> None:
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self.shadow, list(self.module.parameters()), 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchanges the average with the live weights; call again to undo."""
        for average, live in zip(self.shadow, self.module.parameters()):
            kept = live.detach().clone()
            live.copy_(average)
            average.copy_(kept)

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self.updates, "shadow": self.shadow}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.updates = state["updates"]
        for average, saved in zip(self.shadow, state["shadow"], strict=True):
            average.copy_(saved)
