# SPDX-License-Identifier: MIT OR Apache-2.0
"""The run's folder: what it was made of, its curves, and the state from which it goes on."""

from __future__ import annotations

import csv
import importlib.metadata
import json
import pickle
import platform
from pathlib import Path
from typing import Any

import torch

from .errors import TrainError
from .files import write_text, written
from .prepare import Prepared
from .settings import Settings

FIELDS = ("step", "loss", "rate", "gradient", "samples_per_second")
PACKAGES = ("torch", "diffusers", "transformers", "peft", "accelerate", "prodigyopt", "numpy", "pillow",
            "safetensors")
# What may differ between the parts of one run, for it changes no weight.
FREE = {"train": {"save_every", "sample_every"}, "output": None, "evaluate": None}


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    from .. import version

    return {**found, "dgx-pixels": version()}


def write_record(s: Settings, base_hash: str, base_path: Path, data: Prepared) -> None:
    """run.toml as it was given, and record.json with all that is needed to repeat the run."""
    write_text(s.folder / "run.toml", s.text)
    about = {"settings": s.table(), "versions": versions(),
             "base": {"path": str(base_path), "sha256": base_hash},
             "data": {"train": data.train.names, "held_out": data.held.names,
                      "left_out": data.left_out, "pixel_scale": data.scale, "sha256": data.hashes},
             "threads": torch.get_num_threads()}
    write_text(s.folder / "record.json", json.dumps(about, indent=1, ensure_ascii=False) + "\n")


def save_state(s: Settings, state: dict[str, Any]) -> None:
    """Written beside and renamed: whoever is killed at any moment leaves the old one or the new one."""
    with written(s.folder / "state.pt") as part:
        torch.save({**state, "settings": s.table()}, part)


def load_state(s: Settings, device: torch.device, data: str = "") -> dict[str, Any]:
    """The state of a run of the same settings, on the same `data` (its digest; empty: not looked at)."""
    path = s.folder / "state.pt"
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, OSError, EOFError, pickle.UnpicklingError):
        raise TrainError(f"{path}: is damaged, and the run cannot go on from it: begin anew with --restart") from None
    for section, values in state["settings"].items():
        free = FREE.get(section, set())
        if free is None:
            continue
        now = s.table()[section]
        for name, was in values.items():
            if name not in free and now.get(name) != was:
                raise TrainError(f"{s.path}: [{section}] {name}: was {was!r} when the run began and is "
                                 f"{now.get(name)!r}: put it back, or begin anew with --restart")
    if data and state["data"] != data:
        raise TrainError(f"{s.path}: the pictures, their captions or the model's weights are not those with which the "
                         "run began (record.json lists them): put them back, or begin anew with --restart")
    return state


class Curves:
    """One row of figures a step to curves.csv and TensorBoard."""

    def __init__(self, folder: Path, step: int) -> None:
        """What was written after `step` by a run that broke off is cut away."""
        from torch.utils.tensorboard import SummaryWriter

        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "curves.csv"
        kept = []
        if path.exists() and step:
            with open(path, newline="", encoding="utf-8") as old:
                kept = [r for r in csv.reader(old) if len(r) == len(FIELDS) and r[0].isdigit()
                        and int(r[0]) <= step]
        self.file = open(path, "w", newline="", encoding="utf-8")
        self.rows = csv.writer(self.file)
        self.rows.writerows([FIELDS, *kept])
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def row(self, step: int, **values: float) -> None:
        self.rows.writerow([step, *(f"{values[f]:.6g}" for f in FIELDS[1:])])
        self.file.flush()
        for key, value in values.items():
            self.board.add_scalar(key, value, step)

    def close(self) -> None:
        self.file.close()
        self.board.close()
