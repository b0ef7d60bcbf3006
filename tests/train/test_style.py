# SPDX-License-Identifier: MIT OR Apache-2.0
"""Can the style distance be trusted?  Judged on drawn sprites alone, before any LoRA is."""

from __future__ import annotations

import io
import json
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from conftest import sprite

SEEN = ("crawl-cc0", "crawl-tiles-2015", "0x72-dungeon2", "rpgicons496", "superpowers", "kenney")
STYLES = ("nouns", "grafxkid")  # which the starter never saw
EACH, COUNT = 25, 150  # sprites of each source that it saw, and of each style


@pytest.fixture(scope="module")
def drawn(data: Path) -> dict[str, list[np.ndarray]]:
    """Sprites of the archive by source; what the starter saw is "seen"."""
    with tarfile.open(data / "sprites-cc0.tar.gz") as tar:
        manifest = tar.extractfile("manifest.jsonl")
        assert manifest
        rows = [json.loads(line) for line in manifest]
        wanted = {}
        for source in (*SEEN, *STYLES):
            of = [r["file"] for r in rows if r["source"] == source]
            name, count = (source, COUNT) if source in STYLES else ("seen", EACH)
            wanted |= dict.fromkeys(random.Random(1).sample(of, count), name)
        found: dict[str, list[np.ndarray]] = {name: [] for name in wanted.values()}
        for member in tar:
            if member.name in wanted:
                file = tar.extractfile(member)
                assert file
                found[wanted[member.name]].append(np.asarray(PIL.Image.open(io.BytesIO(file.read())).convert("RGBA")))
    for sprites in found.values():
        random.Random(2).shuffle(sprites)
    return found


@pytest.mark.parametrize("style_name", STYLES)
def test_the_distance_tells_styles_apart(style_name: str, drawn: dict[str, list[np.ndarray]],
                                         evidence: Callable[[str, int, str], None]) -> None:
    """Two halves of a style are near; the other style and what the starter saw are far, in no single
    figure alone; a mixture lies between."""
    from dgx_pixels.train import style

    own, seen = drawn[style_name], drawn["seen"]
    other = drawn[next(s for s in STYLES if s != style_name)]
    target, base = style.figures_of(own[::2]), style.figures_of(seen)
    unit = style.units(base, target)

    def far(sprites: list[np.ndarray]) -> float:
        return style.distance(style.figures_of(sprites), target, unit)

    near, others, start = far(own[1::2]), far(other), far(seen)
    half = len(own) // 2
    mixtures = [far(seen[:half - part] + own[1::2][:part]) for part in (0, half // 4, half // 2, half)]
    apart = style.distances(base, target, unit)
    evidence(f"training: the style distance of {style_name}, on drawn sprites", len(own) + len(other) + len(seen),
             f"its other half {near:.2f}, the other style {others:.2f}, what the starter saw {start:.2f}, "
             f"mixtures {' '.join(f'{m:.2f}' for m in mixtures)}")
    assert 3 * near < min(others, start), (near, others, start)
    assert mixtures == sorted(mixtures, reverse=True), mixtures
    assert max(apart.values()) < 0.3 * sum(apart.values()), apart  # none swamps the rest
    few = np.mean([far(random.Random(i).sample(own[1::2], 20)) for i in range(10)])
    assert few < 0.6 * min(others, start), few  # so few are held out of fifty


def test_the_distance_in_its_units() -> None:
    """By hand: a shift of half the way is half the distance, a figure that never varies counts 2 at most."""
    from dgx_pixels.train import style

    values = np.linspace(0, 1, 101)
    base, drawn = {"x": values + 3}, {"x": values}
    unit = style.units(base, drawn)
    assert unit["x"] == pytest.approx(np.sqrt(values.var() + 1.5**2))
    assert style.distance(base, drawn, unit) == pytest.approx(3 / unit["x"])
    assert style.distance({"x": values + 1.5}, drawn, unit) == pytest.approx(1.5 / unit["x"])
    assert style.distance(drawn, drawn, unit) == 0
    assert style.distance({}, drawn, unit) == float("inf")
    still = style.units({"x": np.full(9, 4.0)}, {"x": np.full(5, 1.0)})
    assert style.distance({"x": np.full(7, 4.0)}, {"x": np.full(5, 1.0)}, still) == pytest.approx(2)
    assert style.distance({"x": np.full(7, 40.0)}, {"x": np.full(5, 1.0)}, still) == 2
    same = style.units({"x": np.full(9, 1.0)}, {"x": np.full(5, 1.0)})
    assert style.distance({"x": np.full(7, 1.0)}, {"x": np.full(5, 1.0)}, same) == 0
    assert style.distance({"x": np.full(7, 1.1)}, {"x": np.full(5, 1.0)}, same) == 2


def test_a_changed_palette_or_surface_is_seen() -> None:
    """Of the same shapes: other colours, grain and lost outlines are each farther than other shapes."""
    from dgx_pixels.train import style

    own = [sprite(i)[0] for i in range(60)]
    draw = np.random.default_rng(1)
    changed: dict[str, list[np.ndarray]] = {"palette": [], "grain": [], "outline": []}
    for pixels in own:
        seen = pixels[..., 3:] > 0
        changed["palette"].append(np.where(seen, pixels[..., [2, 0, 1, 3]] // 2 + 127, 0).astype(np.uint8))
        noise = draw.integers(-40, 40, (*pixels.shape[:2], 1))
        grain = np.concatenate([np.clip(pixels[..., :3] + noise, 0, 255), pixels[..., 3:]], -1)
        changed["grain"].append(np.where(seen, grain, 0).astype(np.uint8))
        dark = (pixels[..., :3].astype(int).sum(-1, keepdims=True) < 150) & seen
        changed["outline"].append(np.where(dark, 0, pixels).astype(np.uint8))
    drawn = style.figures_of(own)
    kin = style.figures_of([sprite(i)[0] for i in range(60, 120)])
    for name, sprites in changed.items():
        other = style.figures_of(sprites)
        unit = style.units(other, drawn)
        assert 3 * style.distance(kin, drawn, unit) < style.distance(other, drawn, unit), name
