# SPDX-License-Identifier: MIT OR Apache-2.0
"""How far painted sprites are from a set of drawn ones, in figures that a person can look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import quality
from . import dataset
from .colour import oklab
from .dataset import Pixels

# Of the quality report; the others say whether a sprite is sound, not how it was drawn.
REPORTED = ("colors", "color_entropy", "outline", "orphans", "jaggies", "main_share")
POINTS = np.linspace(0, 1, 33)
Figures = dict[str, np.ndarray[Any, np.dtype[np.float64]]]


def figures_of(sprites: Sequence[Pixels]) -> Figures:
    """One value a sprite of each figure: colour count, entropy, outline, edges, and the palette's
    lightness, contrast, warmth (a, b) and strength."""
    rows = []
    for pixels in sprites:
        visible = dataset.native(pixels)
        if not visible.size:
            continue  # a dud is no style
        metrics = quality(visible)["metrics"]
        lab = oklab(visible[visible[..., 3] > 0][:, :3])
        rows.append({**{k: float(metrics[k]["value"]) for k in REPORTED if k in metrics},
                     "lightness": lab[:, 0].mean(), "contrast": lab[:, 0].std(), "a": lab[:, 1].mean(),
                     "b": lab[:, 2].mean(), "chroma": np.hypot(lab[:, 1], lab[:, 2]).mean(),
                     "fill": float((visible[..., 3] > 0).mean())})
    names = set.intersection(*(set(r) for r in rows)) if rows else set()
    return {name: np.array([r[name] for r in rows]) for name in sorted(names)}


def distances(painted: Figures, drawn: Figures) -> dict[str, float]:
    """For each figure the mean way from one distribution to the other (Wasserstein's), in standard
    deviations of the drawn sprites."""
    made = {}
    for name in painted.keys() & drawn.keys():
        way = np.abs(np.quantile(painted[name], POINTS) - np.quantile(drawn[name], POINTS)).mean()
        spread = max(float(drawn[name].std()), 0.05 * abs(float(drawn[name].mean())), 1e-3)
        made[name] = float(way) / spread
    return made


def distance(painted: Figures, drawn: Figures) -> float:
    """The mean over all figures; infinite when nothing was painted."""
    values = distances(painted, drawn)
    return float(np.mean(list(values.values()))) if values else float("inf")
