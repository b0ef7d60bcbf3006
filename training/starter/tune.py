# SPDX-License-Identifier: MIT OR Apache-2.0
"""Which settings a bundle paints best with: measured by the command line's own pictures.

    python -m training.starter tune --program build/release/bin/dgx-pixels \
        "guidance=3 guidance_rescale=0.7" "guidance=4 guidance_rescale=0.7 sampler=dpmpp-2m"
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from . import classifier, colours
from .dataset import SpriteSet
from .evaluate import Task, load_classifier, tasks
from .sprites import load_pixels

HEAD = "| settings | kind named right | colour word honoured | score of the quality report |\n|---|---|---|---|"


def paint(program: Path, bundle: Path, todo: Sequence[Task], settings: str, folder: Path) -> list[Path]:
    wishes = folder / "wishes.jsonl"
    finish = {"colors": 32, "background": "auto"}
    wishes.write_text("".join(json.dumps({"prompt": t.prompt, "seed": t.seed, "finish": finish}) + "\n" for t in todo))
    fields = [word for setting in settings.split() for word in ("--set", setting)]
    subprocess.run([program, "batch", wishes, "-o", folder / "out", "-m", bundle, "--batch", "16", "-q", *fields],
                   check=True)
    return sorted((folder / "out").glob("*.png"))


def row(program: Path, bundle: Path, todo: Sequence[Task], model: torch.nn.Module, settings: str) -> str:
    """One line of the table: shares of the wishes that name a kind, and of those that name a colour."""
    with tempfile.TemporaryDirectory() as folder:
        files = paint(program, bundle, todo, settings, Path(folder))
        made = np.stack([load_pixels(file) for file in files])
        told = subprocess.run([program, "report", *files, "--json"], stdout=subprocess.PIPE, text=True, check=True)
    score = statistics.median(each["report"]["score"] for each in json.loads(told.stdout))
    named = classifier.kinds_of(model, made)
    kind = [name == task.kind for name, task in zip(named, todo) if task.kind]
    colour = [task.colour in colours.dominant(pixels)
              for pixels, task in zip(made, todo) if task.part == "colour"]
    return f"| {settings} | {np.mean(kind):.3f} | {np.mean(colour):.3f} | {score:.1f} |"


def run(data: SpriteSet, card: Sequence[str], folder: Path, program: Path, bundle: Path,
        every: int, settings: Sequence[str]) -> None:
    """Prints a row as each setting is done; `every` takes each n-th wish of the evaluation only."""
    folder.mkdir(parents=True, exist_ok=True)
    todo = [task for task in tasks(data, card) if task.part != "card"][::every]
    model = load_classifier(lambda: data, folder)
    print(HEAD, flush=True)
    for each in settings:
        print(row(program, bundle, todo, model, each), flush=True)
