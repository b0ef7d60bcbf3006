# SPDX-License-Identifier: MIT OR Apache-2.0
"""Colour words from pixels: one rule for captions, recolouring and evaluation."""

from __future__ import annotations

import numpy as np

WORDS = ("red", "orange", "brown", "yellow", "green", "cyan", "blue", "purple", "pink",
         "white", "grey", "black")
CHROMATIC = WORDS[:9]


def to_hsv(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hue in degrees, saturation and value in 0..1 of an array [..., 3] of 8-bit colours."""
    c = rgb.astype(np.float32) / 255
    high, low = c.max(-1), c.min(-1)
    spread = high - low
    safe = np.where(spread > 0, spread, 1)
    r, g, b = c[..., 0], c[..., 1], c[..., 2]
    hue = np.select([high == r, high == g], [(g - b) / safe % 6, (b - r) / safe + 2],
                    (r - g) / safe + 4) * 60
    return hue, np.where(high > 0, spread / np.where(high > 0, high, 1), 0), high


def pixel_words(rgb: np.ndarray) -> np.ndarray:
    """The index into WORDS of every pixel of [..., 3]."""
    h, s, v = to_hsv(rgb)
    hues = [h < 15, h < 45, h < 70, h < 165, h < 200, h < 255, h < 295, h < 340]
    names = ["red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink"]
    word = np.select(hues, [WORDS.index(n) for n in names], WORDS.index("red"))
    warm = (h >= 10) & (h < 48)
    word = np.where(warm & ((v < 0.6) | (s < 0.4)), WORDS.index("brown"), word)
    # A pale red reads as pink, a dark one as red; the magenta range is pink by hue.
    word = np.where(((h < 10) | (h >= 340)) & (s < 0.55) & (v > 0.7), WORDS.index("pink"), word)
    grey = (s < 0.18) | (v < 0.15)
    word = np.where(grey & (v >= 0.85), WORDS.index("white"), word)
    word = np.where(grey & (v < 0.85), WORDS.index("grey"), word)
    return np.where(v < 0.2, WORDS.index("black"), word)


def shares(rgba: np.ndarray) -> dict[str, float]:
    """Share of each colour word among the opaque pixels of one sprite [h, w, 4].

    Outlines are black in most sprites, so black counts only when little else is there.
    """
    opaque = rgba[..., 3] >= 128
    words = pixel_words(rgba[..., :3][opaque])
    counts = np.bincount(words, minlength=len(WORDS)).astype(float)
    black = WORDS.index("black")
    if counts.sum() and counts[black] < 0.7 * counts.sum():
        counts[black] = 0
    total = max(counts.sum(), 1)
    return {w: c / total for w, c in zip(WORDS, counts) if c}


def dominant(rgba: np.ndarray) -> list[str]:
    """At most two colour words of a sprite, the strongest first.

    A hue outweighs white and grey highlights of the same area: a red potion is red
    although its glass is white.
    """
    weight = {w: s * (1.5 if w in CHROMATIC else 1.0) for w, s in shares(rgba).items()}
    ranked = sorted(weight, key=weight.__getitem__, reverse=True)[:2]
    return [w for i, w in enumerate(ranked) if weight[w] >= (0.25 if i == 0 else 0.35)]


def rotate_hue(rgba: np.ndarray, degrees: float) -> np.ndarray:
    """A copy of a sprite [h, w, 4] with every hue turned; greys stay as they are."""
    h, s, v = to_hsv(rgba[..., :3])
    h = (h + degrees) % 360
    k = (np.array([5.0, 3.0, 1.0])[None, None] + h[..., None] / 60) % 6
    ramp = np.clip(np.minimum(k, 4 - k), 0, 1)
    rgb = v[..., None] * (1 - s[..., None] * ramp)
    out = rgba.copy()
    out[..., :3] = np.round(rgb * 255).astype(np.uint8)
    return out
