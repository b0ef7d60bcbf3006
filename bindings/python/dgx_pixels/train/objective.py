# SPDX-License-Identifier: MIT OR Apache-2.0
"""The denoising loss, and what a step draws.

Every draw comes from a generator that the seed and the number of the step make: a run that goes on
draws what the unbroken one would have drawn, on every device.
"""

from __future__ import annotations

import functools
import hashlib
import random
from dataclasses import dataclass, field

import torch
from diffusers.training_utils import compute_snr

from . import adapters
from .base import Base
from .prepare import Prepared
from .settings import Settings


@dataclass
class Batch:
    latents: torch.Tensor  # [n, C, h, w]
    rows: list[int]  # of the captions
    timesteps: torch.Tensor
    noise: torch.Tensor
    kept: list[int] = field(default_factory=list)  # those that are to be painted as the base paints them
    plain: list[int] = field(default_factory=list)  # rows of their captions without the trigger words


def generator(*words: object) -> torch.Generator:
    digest = hashlib.sha256(" ".join(map(str, words)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


@functools.lru_cache(maxsize=2)
def _epoch(shapes: tuple[tuple[int, ...], ...], batch: int, seed: int, epoch: int) -> list[list[int]]:
    """Batches of one epoch: every picture once, those of one canvas together, the last filled up."""
    draw = random.Random(f"{seed} epoch {epoch}")
    buckets: dict[tuple[int, ...], list[int]] = {}
    for i, shape in enumerate(shapes):
        buckets.setdefault(shape, []).append(i)
    made = []
    for shape in sorted(buckets):
        order = buckets[shape]
        draw.shuffle(order)
        while len(order) % batch:
            order = [*order, *order[:batch - len(order) % batch]]
        made += [order[i:i + batch] for i in range(0, len(order), batch)]
    draw.shuffle(made)
    return made


def timesteps(count: int, of: int, draw: torch.Generator) -> torch.Tensor:
    """One in each of `count` equal slices: the loss is less noisy than with free draws."""
    return ((torch.arange(count) + torch.rand(count, generator=draw)) / count * of).long()


def draw_batch(s: Settings, base: Base, data: Prepared, number: int) -> Batch:
    """Batch `number` of the run, counted over accumulations."""
    part = data.train
    shapes = tuple(tuple(z.shape[-2:]) for z in part.latents)
    first = _epoch(shapes, s.train.batch, s.run.seed, 0)
    plan = _epoch(shapes, s.train.batch, s.run.seed, number // len(first))
    picked = plan[number % len(first)]
    draw = generator(s.run.seed, "batch", number)
    view = torch.randint(1 << 30, (len(picked),), generator=draw).tolist()
    z = torch.stack([part.latents[i][v % len(part.latents[i])] for i, v in zip(picked, view)])
    drop = (torch.rand(len(picked), generator=draw) < s.train.caption_dropout).tolist()
    rows = [0 if d else part.rows[i][v % len(part.rows[i])] for i, v, d in zip(picked, view, drop)]
    of = base.scheduler.config.num_train_timesteps
    batch = Batch(z, rows, timesteps(len(picked), of, draw), torch.randn(z.shape, generator=draw))
    if data.kept:
        batch.kept = torch.where(batch.timesteps >= s.train.keep_from * of)[0].tolist()
        pairs = torch.randint(len(data.kept), (len(batch.kept),), generator=draw).tolist()
        for i, pair in zip(batch.kept, pairs):
            batch.rows[i] = data.kept[pair][0]
        batch.plain = [data.kept[pair][1] for pair in pairs]
    return batch


def read_captions(base: Base, data: Prepared, rows: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """From the cache, or through the text encoders when they are trained."""
    if data.context is not None and data.pooled is not None:
        return data.context[rows].to(base.device), data.pooled[rows].to(base.device)
    return base.read(base.tokens([data.texts[r] for r in rows]))


def predict(base: Base, z: torch.Tensor, noise: torch.Tensor, t: torch.Tensor, context: torch.Tensor,
            pooled: torch.Tensor) -> torch.Tensor:
    """What the UNet says of noisy latents."""
    height, width = (side * base.place.factor for side in z.shape[-2:])
    ids = torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float32, device=base.device)
    noisy = base.scheduler.add_noise(z, noise, t)
    if base.device.type == "cpu":
        noisy = noisy.contiguous(memory_format=torch.channels_last)
    out: torch.Tensor = base.unet(
        noisy.to(base.dtype), t, context,
        added_cond_kwargs={"text_embeds": pooled, "time_ids": ids.expand(len(z), -1)}).sample
    return out.float()


@torch.no_grad()
def base_says(s: Settings, base: Base, data: Prepared, batch: Batch) -> torch.Tensor:
    """The base's own prediction for what is kept, of captions without the trigger words."""
    z, noise, t = (x[batch.kept].to(base.device) for x in (batch.latents, batch.noise, batch.timesteps))
    with adapters.off(s, base):
        return predict(base, z, noise, t, *read_captions(base, data, batch.plain))


def losses(base: Base, batch: Batch, context: torch.Tensor, pooled: torch.Tensor,
           min_snr: float = 0.0, said: torch.Tensor | None = None) -> torch.Tensor:
    """The mean squared error of each picture, weighted by min-SNR when asked for; `said` is the
    target of those that are kept."""
    scheduler = base.scheduler
    z, noise, t = (x.to(base.device) for x in (batch.latents, batch.noise, batch.timesteps))
    velocity = scheduler.config.prediction_type == "v_prediction"
    target = scheduler.get_velocity(z, noise, t) if velocity else noise
    if said is not None:
        target = target.float().index_copy(0, torch.tensor(batch.kept, device=base.device), said)
    error = (predict(base, z, noise, t, context, pooled) - target).square().mean((1, 2, 3))
    if min_snr:
        snr: torch.Tensor = compute_snr(scheduler, t)
        # Hang and others 2023; SNR + 1 is what makes an error of v one of x0.
        error = error * (snr.clamp(max=min_snr) / (snr + 1) if velocity else (min_snr / snr).clamp(max=1))
    return error
