# SPDX-License-Identifier: MIT OR Apache-2.0
"""Grounds and scenes for the matte: what a subject stands on, and pictures that have no background.

Colors are chosen so that a part of the subject often has the ground's own (eye whites, bellies)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from art import cc0, delta, procedural
from library import Library

FLAT = {"white": (255, 255, 255), "pale": (236, 230, 214), "grey": (128, 128, 128),
        "black": (0, 0, 0), "dark": (40, 44, 70)}
KEYS = {"magenta": (255, 0, 255), "green": (0, 177, 64)}


def _mix(one: np.ndarray, two: np.ndarray, share: np.ndarray) -> np.ndarray:
    return one + (two - one) * share[..., None]


def flat(rng: np.random.Generator, size: int, color: tuple[int, int, int]) -> np.ndarray:
    return np.broadcast_to(np.array(color, float), (size, size, 3)).copy()


def gradient(rng: np.random.Generator, size: int) -> np.ndarray:
    """Two colors from one side to the other, in any direction."""
    y, x = np.mgrid[0:size, 0:size] / (size - 1) - .5
    angle = rng.uniform(0, 2 * np.pi)
    share = x * np.cos(angle) + y * np.sin(angle)
    share = (share - share.min()) / np.ptp(share)
    one = rng.uniform(40, 250, 3)
    return _mix(one, np.clip(one + rng.uniform(-120, 120, 3), 0, 255), share)


def vignette(rng: np.random.Generator, size: int) -> np.ndarray:
    """Lighter in the middle, as image models paint a plain ground."""
    y, x = np.mgrid[0:size, 0:size] / (size - 1) - rng.uniform(.45, .55, (2, 1, 1))
    share = np.clip(np.hypot(x, y) / .7, 0, 1) ** rng.uniform(1.5, 3)
    one = rng.uniform(120, 250, 3) if rng.random() < .5 else np.full(3, rng.uniform(120, 250))
    return _mix(one, one * rng.uniform(.45, .8), share)


def checkerboard(rng: np.random.Generator, size: int) -> np.ndarray:
    """The pattern that stands for transparency, painted."""
    y, x = np.mgrid[0:size, 0:size] + rng.integers(0, 8, (2, 1, 1))
    cell = int(rng.integers(2, 6))
    light = rng.choice([255, 240])
    value = np.where((x // cell + y // cell) % 2, light, light - rng.integers(35, 70))
    return np.repeat(value[..., None], 3, 2).astype(float)


GROUNDS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "gradient": gradient, "vignette": vignette, "checkerboard": checkerboard}


def place(rng: np.random.Generator, sprite: np.ndarray, ground: np.ndarray,
          noise: float = 2) -> tuple[np.ndarray, np.ndarray]:
    """The sprite in the middle of a ground, as a grid recovery leaves it: (RGB, which is subject)."""
    size, (h, w) = ground.shape[0], sprite.shape[:2]
    y, x = (size - h) // 2, (size - w) // 2
    subject = np.zeros((size, size), bool)
    subject[y:y + h, x:x + w] = sprite[..., 3] >= 128
    out = ground.copy()
    out[y:y + h, x:x + w][sprite[..., 3] >= 128] = sprite[sprite[..., 3] >= 128][:, :3]
    out += rng.normal(0, noise, out.shape)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8), subject


def can_be_told(sprite: np.ndarray, ground: np.ndarray) -> bool:
    """Whether the silhouette differs from the ground: an edge of its very color nobody can see."""
    opaque = np.pad(sprite[..., 3] >= 128, 1)
    inner = opaque[1:-1, 1:-1]
    edge = inner & ~(opaque[:-2, 1:-1] & opaque[2:, 1:-1] & opaque[1:-1, :-2] & opaque[1:-1, 2:])
    size, (h, w) = ground.shape[0], sprite.shape[:2]
    y, x = (size - h) // 2, (size - w) // 2
    under = np.clip(ground[y:y + h, x:x + w], 0, 255).astype(np.uint8)
    return bool(edge.any()) and float((delta(sprite, under)[edge] < .12).mean()) == 0


def landscape(rng: np.random.Generator, size: int) -> np.ndarray:
    """Sky, hills and a lake or a meadow: nothing of it is a background to remove."""
    x = np.arange(size)
    sky = rng.uniform(120, 240, 3)
    out = flat(rng, size, tuple(sky)) if rng.random() < .5 else \
        _mix(sky, sky * .7, np.broadcast_to(np.linspace(0, 1, size)[:, None], (size, size)))
    for layer in range(int(rng.integers(1, 4))):
        height = size * (.35 + .18 * layer) + size * .08 * np.sin(x / size * rng.uniform(4, 14) + rng.uniform(0, 6))
        hill = np.arange(size)[:, None] > height[None, :]
        out[hill] = rng.uniform(20, 200, 3)
    if rng.random() < .5:
        top = int(size * rng.uniform(.7, .9))
        out[top:] = rng.uniform(30, 220, 3)
    for _ in range(int(rng.integers(0, 4))):
        left, low = int(rng.integers(0, size - 6)), int(rng.integers(size // 3, size - 4))
        out[low - 8:low, left:left + int(rng.integers(3, 9))] = rng.uniform(20, 120, 3)
    return np.clip(out + rng.normal(0, 2, out.shape), 0, 255).astype(np.uint8)


def room(rng: np.random.Generator, size: int) -> np.ndarray:
    """A wall, a floor, furniture that stands on it."""
    out = flat(rng, size, tuple(rng.uniform(60, 230, 3)))
    floor = int(size * rng.uniform(.6, .9))
    out[floor:] = rng.uniform(40, 200, 3)
    for _ in range(int(rng.integers(1, 5))):
        left, w, h = int(rng.integers(0, size - 14)), int(rng.integers(5, 14)), int(rng.integers(6, 20))
        out[floor - h:floor + 2, left:left + w] = rng.uniform(20, 240, 3)
    return np.clip(out + rng.normal(0, 2, out.shape), 0, 255).astype(np.uint8)


SCENES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {"landscape": landscape, "room": room}


def outside(subject: np.ndarray) -> np.ndarray:
    """What connects to the border around a subject; the rest of the ground is enclosed."""
    reached = np.zeros_like(subject)
    reached[[0, -1]], reached[:, [0, -1]] = ~subject[[0, -1]], ~subject[:, [0, -1]]
    while True:
        wide = np.pad(reached, 1)
        grown = (wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:] | reached) & ~subject
        if np.array_equal(grown, reached):
            return reached
        reached = grown


def measure(library: Library, count: int) -> list[tuple[str, str, str, int, bool]]:
    """(kind, ground, kept/left, count, missed) on the judging half of the CC0 sprites.

    Kept is the share of the subject's cells, left that of the ground which connects to the border;
    of scenes the share that was left whole.  A picture that is left whole, ground and all, is told
    by a warning and counts as left.
    """
    sprites = [s for _, s in cc0(max(64, count * 4), 77)][1::2] or [procedural(i, 32) for i in range(count)]
    kinds = {name: (lambda rng, size, color=color: flat(rng, size, color))
             for name, color in {**FLAT, **KEYS}.items()} | GROUNDS
    rows = []
    for name, make in kinds.items():
        kept, left = [], []
        for i, sprite in enumerate(sprites):
            rng = np.random.default_rng([5, i])
            ground = make(rng, 48)
            if len(kept) == count or max(sprite.shape[:2]) > 40 or not can_be_told(sprite, ground):
                continue
            picture, subject = place(rng, sprite, ground)
            alpha = library.matte(picture)[..., 3] > 0
            around = outside(subject)
            kept.append((alpha & subject).sum() / subject.sum())
            left.append((alpha & around).sum() / around.sum())
        # greys of a subject lie between the two of a checkerboard, and few can be told from it
        least = .999 if name in FLAT else .98 if name == "checkerboard" else .99
        missed = float(np.mean(kept)) < least or float(np.mean(left)) > (.003 if name not in GROUNDS else .05)
        rows.append(("grounds", name, f"{np.mean(kept):.4f}/{np.mean(left):.4f}", len(kept), missed))
    for name, make in SCENES.items():
        pictures = [make(np.random.default_rng([19, i]), 64) for i in range(count * 2)]
        whole = [bool((library.matte(p)[..., 3] > 0).all()) for p in pictures]
        rows.append(("scenes", name, f"{np.mean(whole):.3f}", len(whole), float(np.mean(whole)) < .9))
    for row in rows:
        print(*row)
    return rows
