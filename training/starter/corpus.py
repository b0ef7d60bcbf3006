# SPDX-License-Identifier: MIT OR Apache-2.0
"""All that a training step draws from, on the device, and as one file that travels.

A small set is learnt by heart soon.  So pictures are moved and mirrored, and the time ids say so: SDXL's
original size and crop, which a later prompt leaves at their plain values (after T. Karras et al.,
"Elucidating the Design Space of Diffusion-Based Generative Models", 2022, appendix F.2).
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPTokenizer

from . import autoencoder, captions, tokenizer, wraps
from .config import SIZE
from .dataset import SpriteSet, to_float

CAPTIONS = 12  # phrasings of each sprite that are held in memory
VAL = 256  # held-out sprites that the loss is watched on
MOVE = 3  # pixels at most
MOVED, MIRRORED = 0.5, 0.3  # shares of the draws


@dataclass
class Draw:
    """Latents with what is said of them: token rows and time ids."""

    latents: torch.Tensor  # [n, 16, SIZE / 2, SIZE / 2]
    ids: torch.Tensor  # [n, CONTEXT] int64
    time_ids: torch.Tensor  # [n, 6]


@dataclass
class Corpus:
    pixels: torch.Tensor  # [n, SIZE, SIZE, 4] uint8
    weight: torch.Tensor  # [n] float64, 0 for held-out sprites
    ids: torch.Tensor  # [n, CAPTIONS, CONTEXT] int16
    empty: torch.Tensor  # [CONTEXT] the empty prompt
    flippable: torch.Tensor  # [n] bool: without a usual direction
    movable: torch.Tensor  # [n] bool: tiles fill the canvas and are not
    small: torch.Tensor  # [n] bool
    wraps: torch.Tensor  # [n] bool: tiles whose opposite edges meet

    def __len__(self) -> int:
        return len(self.pixels)

    def to(self, device: torch.device) -> Corpus:
        return Corpus(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as held:  # an .npz a third smaller than NumPy's own
            for f in fields(self):
                with held.open(f"{f.name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, getattr(self, f.name).numpy())

    @classmethod
    def load(cls, path: Path) -> Corpus:
        with np.load(path) as held:
            return cls(**{f.name: torch.from_numpy(held[f.name]) for f in fields(cls)})

    def can_wrap(self) -> bool:
        return bool((self.weight[self.wraps] > 0).any())

    def draw(self, batch: int, empty_share: float, wrapped: bool = False) -> Draw:
        """By weight, with a caption of each, moved and mirrored now and then; `wrapped` are tiles alone, rolled round."""
        device = self.weight.device
        pick = torch.multinomial(self.weight * self.wraps if wrapped else self.weight, batch, replacement=True)
        phrasing = torch.randint(self.ids.shape[1], (batch,), device=device)
        ids = self.ids[pick, phrasing].long()
        ids = torch.where(chance(batch, empty_share, device)[:, None], self.empty[None], ids)
        x = to_float(self.pixels[pick]).permute(0, 3, 1, 2)
        free = self.flippable[pick]
        flip = chance(batch, 0.5, device) & free | chance(batch, MIRRORED, device) & ~free
        x = torch.where(flip[:, None, None, None], x.flip(3), x)
        crop = torch.randint(-MOVE, MOVE + 1, (batch, 2), device=device)
        crop = crop * (chance(batch, MOVED, device) & self.movable[pick])[:, None]
        if wrapped:
            x = wraps.rolled(x, torch.randint(SIZE, (batch, 2), device=device))
        # The word alone must do it: whoever asks for a small sprite cannot give the time ids.
        small = self.small[pick] & chance(batch, 0.5, device)
        return Draw(autoencoder.encode(moved(x, crop)), ids, time_ids(small, crop, flip & ~free))

    def held_out(self) -> Draw:
        """Up to VAL held-out sprites as they are, with their first caption."""
        val = torch.nonzero(self.weight == 0).flatten()
        val = val[:: max(1, len(val) // VAL)][:VAL]
        none = torch.zeros(len(val), dtype=torch.bool, device=val.device)
        return Draw(autoencoder.encode(to_float(self.pixels[val]).permute(0, 3, 1, 2)), self.ids[val, 0].long(), time_ids(none))


def build(data: SpriteSet, words: CLIPTokenizer) -> Corpus:
    texts = captions.variants(data.sprites, CAPTIONS, seed=1)
    flat = tokenizer.encode(words, [t for several in texts for t in several])
    return Corpus(
        pixels=data.pixels.permute(0, 2, 3, 1).contiguous(), weight=data.weight,
        ids=torch.tensor(flat, dtype=torch.int16).view(len(texts), CAPTIONS, -1),
        empty=torch.tensor(tokenizer.encode(words, [""])[0]),
        flippable=data.flippable(), movable=torch.tensor([s.kind != "tile" for s in data.sprites]),
        small=torch.tensor([s.small for s in data.sprites]),
        wraps=torch.tensor([wraps.does(s.kind, s.pixels) for s in data.sprites]))


def chance(count: int, share: float, device: torch.device) -> torch.Tensor:
    return torch.rand(count, device=device) < share


def moved(x: torch.Tensor, crop: torch.Tensor) -> torch.Tensor:
    """Pictures [n, c, h, w] in -1..1 whose new corner is at `crop` [n, 2] (down, right) of the old one."""
    n, c, h, w = x.shape
    x = torch.nn.functional.pad(x, (MOVE,) * 4, value=-1.0)
    rows = torch.arange(h, device=x.device) + MOVE + crop[:, :1]
    columns = torch.arange(w, device=x.device) + MOVE + crop[:, 1:]
    x = x.gather(2, rows[:, None, :, None].expand(n, c, h, w + 2 * MOVE))
    return x.gather(3, columns[:, None, None, :].expand(n, c, h, w))


def time_ids(small: torch.Tensor, crop: torch.Tensor | None = None,
             mirrored: torch.Tensor | None = None) -> torch.Tensor:
    """SDXL's six numbers [n, 6]: original size, crop, target size.

    Small sprites were drawn at 16x16.  The width of a mirrored one is negative.
    """
    side = torch.where(small, SIZE / 2, float(SIZE))
    width = side if mirrored is None else torch.where(mirrored, -side, side)
    zero, target = torch.zeros_like(side), torch.full_like(side, SIZE)
    top, left = (zero, zero) if crop is None else crop.float().unbind(1)
    return torch.stack([side, width, top, left, target, target], 1)
