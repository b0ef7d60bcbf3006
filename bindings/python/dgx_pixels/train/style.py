# SPDX-License-Identifier: MIT OR Apache-2.0
"""How far painted sprites are from a set of drawn ones, in figures that a person can look at.

The figures say how a sprite is drawn, not what it shows. They were chosen on drawn sprites alone
(docs/training.md): fill, largest piece and jaggies are left out, for they tell a face from a tree
rather than one artist from another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import quality
from . import dataset
from .colour import oklab
from .dataset import Pixels

REPORTED = ("color_entropy", "outline", "orphans")  # of the quality report
SOFT = 0.12  # of OKLab: a smaller step between neighbours is shading, a larger one an edge
MOST = 2.0  # two sets that lie apart in every sprite are two of their common deviations apart
POINTS = np.linspace(0, 1, 33)
Values = np.ndarray[Any, np.dtype[np.float64]]
Figures = dict[str, Values]


def steps(lab: Values, visible: np.ndarray[Any, np.dtype[np.bool_]]) -> Values:
    """OKLab distances between visible neighbours, across and down."""
    made = []
    for axis in (0, 1):
        here, there = (np.take(visible, range(k, visible.shape[axis] - 1 + k), axis) for k in (0, 1))
        made.append(np.linalg.norm(np.diff(lab, axis=axis), axis=-1)[here & there])
    return np.concatenate(made)


def figures_of(sprites: Sequence[Pixels]) -> Figures:
    """One value a sprite of each figure: palette size (colours as powers of two, entropy), surface (equal
    neighbours, soft steps, orphans), outline, and the palette's lightness, contrast, strength and hue (a, b)."""
    rows = []
    for pixels in sprites:
        sprite = dataset.native(pixels)
        visible = sprite[..., 3] > 0
        if visible.sum() < 2:
            continue  # a dud is no style
        metrics = quality(sprite)["metrics"]
        lab = oklab(sprite[..., :3])
        step, seen = steps(lab, visible), lab[visible]
        changes = step[step > 0]
        rows.append({**{k: float(metrics[k]["value"]) for k in REPORTED if k in metrics},
                     "colors": np.log2(metrics["colors"]["value"]),
                     "equal": 1 - len(changes) / max(1, len(step)), "soft": (changes < SOFT).mean() if len(changes) else 0.0,
                     "lightness": seen[:, 0].mean(), "contrast": seen[:, 0].std(),
                     "chroma": np.hypot(seen[:, 1], seen[:, 2]).mean(), "a": seen[:, 1].mean(), "b": seen[:, 2].mean()})
    names = set.intersection(*(set(r) for r in rows)) if rows else set()
    return {name: np.array([r[name] for r in rows], np.float64) for name in sorted(names)}


def units(base: Figures, drawn: Figures) -> dict[str, float]:
    """The standard deviation of each figure over the base's pictures and the drawn sprites together, each half.

    One figure for which the drawn ones hardly vary cannot swamp the rest, and all rows of a table
    are measured alike.
    """
    return {n: float(np.sqrt((base[n].var() + drawn[n].var()) / 2 + ((base[n].mean() - drawn[n].mean()) / 2) ** 2))
            for n in sorted(base.keys() & drawn.keys())}


def distances(painted: Figures, drawn: Figures, unit: dict[str, float]) -> dict[str, float]:
    """For each figure the mean way from one distribution to the other (Wasserstein's) in its unit, 2 at most."""
    made = {}
    for name in sorted(painted.keys() & drawn.keys() & unit.keys()):
        way = float(np.abs(np.quantile(painted[name], POINTS) - np.quantile(drawn[name], POINTS)).mean())
        made[name] = min(way / unit[name], MOST) if unit[name] else MOST * (way > 0)
    return made


def distance(painted: Figures, drawn: Figures, unit: dict[str, float]) -> float:
    """The mean over all figures, 0 to 2; infinite when nothing was painted."""
    values = distances(painted, drawn, unit)
    return float(np.mean(list(values.values()))) if values else float("inf")
