# SPDX-License-Identifier: MIT OR Apache-2.0
"""The second judge: which of the things of the second set a picture shows, by its five likeliest names.

    python -m training.starter names --program build/release/bin/dgx-pixels

Three lists: things of which one drawing was held back, words that no caption holds for such a thing, and things that
were never drawn.  For the first the real held-back drawings are judged too: what a perfect painter would reach.
"""

from __future__ import annotations

import collections
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from . import captions, classifier, objects, tune
from .dataset import SpriteSet, to_float
from .evaluate import Task
from .grid import save_grid
from .sprites import load_pixels

WIDTH, STEPS, BATCH = 40, 4000, 128
BEST = 5
PARTS = ("held-out drawings", "other words", "unseen things")


@dataclass
class Judge:
    model: torch.nn.Module
    names: list[str]

    @torch.no_grad()
    def best(self, sprites: np.ndarray) -> list[set[str]]:
        """The BEST likeliest names of each sprite [n, h, w, 4] uint8."""
        order = self.model(to_float(torch.from_numpy(sprites).permute(0, 3, 1, 2))).topk(min(BEST, len(self.names)))
        return [{self.names[i] for i in row} for row in order.indices.tolist()]


def train(data: SpriteSet, path: Path, steps: int = STEPS, batch: int = BATCH) -> Judge:
    """On every drawing but the held-back ones; it may know the unseen things, which only the painter must not."""
    torch.manual_seed(4)
    known = [i for i, s in enumerate(data.sprites) if s.source == objects.SOURCE and s.split != "val"]
    names = sorted({data.sprites[i].group for i in known})
    target = torch.tensor([names.index(data.sprites[i].group) for i in known])
    weight = 1 / torch.bincount(target).double()[target]
    model = classifier.build(len(names), WIDTH)
    classifier.fit(model, data.pixels[known], target, weight, steps, batch)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"names": names, "model": model.state_dict()}, path)
    return Judge(model.eval(), names)


def load(path: Path) -> Judge:
    held = torch.load(path, weights_only=True)
    model = classifier.build(len(held["names"]), WIDTH)
    model.load_state_dict(held["model"])
    return Judge(model.eval(), held["names"])


def tasks(data: SpriteSet) -> list[tuple[Task, str]]:
    """Each wish and the group that it asks for."""
    things = [(i, s) for i, s in enumerate(data.sprites) if s.source == objects.SOURCE and s.flat]
    first = {s.group: s for _, s in reversed(things)}
    chosen: list[tuple[Task, str]] = []

    def add(part: str, words: str, group: str, sprite: int = -1) -> None:
        seen = first[group]
        chosen.append((Task(part, f"{words}, {seen.kind_words[0]}", len(chosen), seen.kind, "", sprite), group))

    for i, sprite in things:
        if sprite.split == "val":
            add(PARTS[0], captions.clean(sprite.name), sprite.group, i)
    for word, thing in objects.ASKED.items():
        if objects.group_of(thing) in first:
            add(PARTS[1], word, objects.group_of(thing))
    for thing in sorted(objects.UNSEEN):
        if objects.group_of(thing) in first:
            add(PARTS[2], thing, objects.group_of(thing))
    return chosen


def figures(data: SpriteSet, todo: list[tuple[Task, str]], made: np.ndarray, judge: Judge) -> dict[str, object]:
    """The share of each list whose thing is among the best names, by kind as well, beside that of the real drawings."""
    hits: dict[str, list[bool]] = collections.defaultdict(list)
    for (task, group), named in zip(todo, judge.best(made)):
        hits[task.part].append(group in named)
        hits[f"{task.part}, {task.kind}"].append(group in named)
    told: dict[str, object] = {name: [round(float(np.mean(each)), 3), len(each)] for name, each in hits.items()}
    held = [(task, group) for task, group in todo if task.sprite >= 0]
    if held:
        real = data.pixels[[task.sprite for task, _ in held]].permute(0, 2, 3, 1).numpy()
        right = [group in named for (_, group), named in zip(held, judge.best(real))]
        told["real held-out drawings"] = [round(float(np.mean(right)), 3), len(right)]
    return told


def run(data: SpriteSet, folder: Path, program: Path, bundle: Path, every: int) -> None:
    """Paints with the command line, prints the figures and leaves a sheet of each list in `folder`."""
    path = folder / "names.pt"
    judge = load(path) if path.exists() else train(data, path)
    todo = tasks(data)[::every]
    painted = folder / "names"
    painted.mkdir(parents=True, exist_ok=True)
    files = tune.paint(program, bundle, [task for task, _ in todo], "", painted)
    made = np.stack([load_pixels(file) for file in files])
    for part in PARTS:
        of = [i for i, (task, _) in enumerate(todo) if task.part == part]
        if of:
            save_grid(folder / f"names-{part.replace(' ', '-')}.png", [made[of]], 10, 3,
                      [todo[i][0].prompt for i in of])
    told = figures(data, todo, made, judge)
    (folder / "names.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    print(json.dumps(told, indent=1))
