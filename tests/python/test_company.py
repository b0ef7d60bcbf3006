# SPDX-License-Identifier: MIT OR Apache-2.0
"""A picture is its own in any company: whose prompts share its call changes nothing but rounding."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from dgxp import Library, Model

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "models/starter"
WORDS = ("red green old small glass stone magic round dark golden slime knight potion sword tree house "
         "dragon shield , , with and on in front of side view").split()
F32 = 1  # DGXP_DTYPE_F32
ROUNDING = 1e-4  # of f32 latents, between batch shapes

Evidence = Callable[[str, int, str], None]


@pytest.fixture(scope="module")
def library(build: Path) -> Library:
    return Library(build)


@pytest.fixture(scope="module")
def model(tiny: Path, library: Library) -> Iterator[Model]:
    with library.open(tiny / "tiny-diffusers", device="cpu", dtype=F32) as opened:
        yield opened


@pytest.fixture(scope="module")
def starter(library: Library) -> Iterator[Model]:
    with library.open(STARTER, device="cpu", dtype=F32) as opened:
        yield opened


def words(rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(WORDS, k=count))


def test_lengths_do_not_reach_the_neighbours(library: Library, model: Model, starter: Model, full: bool,
                                             evidence: Evidence) -> None:
    """Pairs of a short and a longer prompt: together, alone, and among strangers in another order."""
    rng = random.Random(20)
    pairs = 100 if full else 4
    worst, pixels = 0.0, 0.0
    for painter, settings, room in ((model, {"canvas": (64, 64), "steps": 2}, 75),
                                    (starter, {"steps": 4}, 20)):
        for seed in range(pairs):
            short = words(rng, rng.randrange(1, room // 3))
            longer = words(rng, rng.randrange(room + 10, 3 * room))
            negative = rng.choice(["", "blurry", words(rng, room + 10) if seed % 7 == 3 else "photo"])
            one = library.job(short, seed=seed, negative_prompt=negative, sampler="euler-a", **settings)
            other = library.job(longer, seed=seed + 1, sampler="euler-a", **settings)
            [alone] = painter.generate(one)
            first, second = painter.generate(one, other)
            third, again = painter.generate(other, one)
            assert first.recipe["batch"]["chunks"] == alone.recipe["batch"]["chunks"]
            if len(negative.split()) <= room:
                assert first.recipe["batch"] == {"size": 1, "position": 0, "chunks": 1}
                assert second.recipe["batch"]["chunks"] > 1
                for mate in (first, again):  # the same batch shape: the same bytes
                    assert (mate.latents == alone.latents).all()
                    assert (mate.canvas == alone.canvas).all()
                assert (second.latents == third.latents).all()
            else:  # as long as its mate: one batch of two
                worst = max(worst, float(np.abs(first.latents - alone.latents).max()))
            third = painter.generate(library.job(words(rng, 5), seed=9, **settings, sampler="euler-a"),
                                     one, other)[1]
            worst = max(worst, float(np.abs(third.latents - alone.latents).max()))
            pixels = max(pixels, float((third.image != alone.image).any(-1).mean()))
    assert worst <= ROUNDING and pixels <= 0.005
    evidence("company: pairs of prompts of other lengths, together and alone (tiny SDXL, starter)",
             2 * pairs, f"equal bytes at equal batch shape; else latents {worst:.1e}, pixels {pixels:.2%}")


def test_progress_counts_all_parts(library: Library, model: Model) -> None:
    seen: list[tuple[int, int, int]] = []

    def hear(progress, _):  # type: ignore[no-untyped-def]
        now = progress.contents
        seen.append((now.phase, now.step, now.step_count))
        return 0

    jobs = [library.job(text, seed=1, steps=3, canvas=(64, 64)) for text in ("a", "a " * 100, "b", "c " * 200)]
    made = model.generate(*jobs, progress=hear)
    assert [picture.recipe["prompt"][0] for picture in made] == ["a", "a", "b", "c"]
    assert seen == sorted(seen), "phases and steps only go forward"
    assert (2, 9, 9) in seen and (4, 4, 4) in seen
