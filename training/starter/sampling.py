# SPDX-License-Identifier: MIT OR Apache-2.0
"""Prompts to sprites with the weights at hand, for grids while it trains and for evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import CLIPTokenizer

from . import autoencoder, corpus, model, tokenizer


def has_fast_bf16(device: torch.device) -> bool:
    """Without instructions for it bf16 is emulated, and several times slower than fp32."""
    return device.type == "cuda" or bool(torch.cpu._is_avx512_bf16_supported())


@torch.no_grad()
def latents(painter: model.Painter, ids: torch.Tensor, empty: torch.Tensor, seeds: Sequence[int],
            steps: int = 20, guidance: float = 4.0, rescale: float = 0.7,
            temperature: float = 0.6) -> torch.Tensor:
    """Latents of token rows `ids` [n, CONTEXT]; `empty` is the row of the empty prompt.

    `temperature` as in the engine: each step leaves its share of what is not the predicted picture.
    """
    device = ids.device
    schedule = model.scheduler()
    schedule.set_timesteps(steps)
    known = torch.cat([schedule.alphas_cumprod[schedule.timesteps[1:]], torch.ones(1)]).sqrt()
    share = temperature ** (1 / steps)
    context, pooled = model.read(painter.text, torch.cat([empty[None], ids]))
    n = len(ids)
    context = torch.cat([context[:1].expand(n, -1, -1), context[1:]])
    pooled = torch.cat([pooled[:1].expand(n, -1), pooled[1:]])
    added = {"text_embeds": pooled,
             "time_ids": corpus.time_ids(torch.zeros(2 * n, dtype=torch.bool, device=device))}
    channels, side = painter.unet.config.in_channels, painter.unet.config.sample_size
    x = torch.stack([torch.randn(channels, side, side, generator=torch.Generator().manual_seed(s))
                     for s in seeds]).to(device)
    for t, part in zip(schedule.timesteps, known):
        out = painter.unet(torch.cat([x, x]), t, context, added_cond_kwargs=added).sample
        without, with_text = out.float().chunk(2)
        v = without + guidance * (with_text - without)
        if rescale:
            factor = with_text.std((1, 2, 3), keepdim=True) / v.std((1, 2, 3), keepdim=True)
            v = v * (rescale * factor + 1 - rescale)
        after = schedule.step(v, t, x)
        still = part * after.pred_original_sample
        x = still + share * (after.prev_sample - still)
    return x


@torch.no_grad()
def paint(painter: model.Painter, words: CLIPTokenizer, prompts: Sequence[str],
          seeds: Sequence[int], batch: int = 64, **options: object) -> np.ndarray:
    """Sprites [n, SIZE, SIZE, 4] uint8 with hard alpha."""
    device = painter.unet.device
    ids = torch.tensor(tokenizer.encode(words, ["", *prompts]), device=device)
    made = []
    for start in range(0, len(prompts), batch):
        part = slice(start, start + batch)
        with torch.autocast(device.type, torch.bfloat16, enabled=has_fast_bf16(device)):
            z = latents(painter, ids[1:][part], ids[0], seeds[part], **options)
        made.append(autoencoder.to_sprites(z))
    return np.concatenate(made)
