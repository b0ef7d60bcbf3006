# SPDX-License-Identifier: MIT OR Apache-2.0
"""The diffusion training of UNet and text encoder on the whole set in memory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import CLIPTokenizer

from . import autoencoder, captions, checkpoint, model, sampling, schedule, tokenizer
from .config import Settings
from .dataset import SpriteSet, to_float
from .grid import save_grid
from .pace import Pace

FIELDS = ("step", "samples", "minutes", "loss", "loss_high", "loss_mid", "loss_low", "rate",
          "samples_per_second")
CAPTIONS = 12  # phrasings of each sprite that are held in memory


@dataclass
class Corpus:
    """All that a step draws from, on the device."""

    pixels: torch.Tensor  # [n, 4, SIZE, SIZE] uint8
    flippable: torch.Tensor  # [n] bool
    weight: torch.Tensor  # [n]
    ids: torch.Tensor  # [n, CAPTIONS, CONTEXT] int16
    small: torch.Tensor  # [n] bool
    empty: torch.Tensor  # [CONTEXT] the empty prompt

    def draw(self, batch: int, empty_share: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Latents, token rows and which sprites are small."""
        pick = torch.multinomial(self.weight, batch, replacement=True)
        device = pick.device
        phrasing = torch.randint(self.ids.shape[1], (batch,), device=device)
        ids = self.ids[pick, phrasing].long()
        drop = torch.rand(batch, device=device) < empty_share
        ids = torch.where(drop[:, None], self.empty[None], ids)
        x = to_float(self.pixels[pick])
        flip = self.flippable[pick] & (torch.rand(batch, device=device) < 0.5)
        x = torch.where(flip[:, None, None, None], x.flip(3), x)
        # The word alone must do it: whoever asks for a small sprite cannot give the time ids.
        small = self.small[pick] & (torch.rand(batch, device=device) < 0.5)
        return autoencoder.encode(x), ids, small


def load_corpus(data: SpriteSet, words: CLIPTokenizer, device: torch.device) -> Corpus:
    texts = captions.variants(data.sprites, CAPTIONS, seed=1)
    flat = tokenizer.encode(words, [t for several in texts for t in several])
    ids = torch.tensor(flat, dtype=torch.int16).view(len(texts), CAPTIONS, -1)
    small = torch.tensor([s.small for s in data.sprites])
    empty = torch.tensor(tokenizer.encode(words, [""])[0])
    return Corpus(data.pixels.to(device), data.flippable().to(device), data.weight.to(device),
                  ids.to(device), small.to(device), empty.to(device))


def train(data: SpriteSet, words: CLIPTokenizer, folder: Path, s: Settings,
          prompts: list[str], device: torch.device, minutes: float | None,
          warm_start: Path | None = None) -> None:
    """Trains until the planned samples or the minutes are over; a call resumes the last one."""
    began = time.monotonic()
    torch.manual_seed(2)
    painter = model.build(s, len(words))
    if warm_start:
        load_bundle(painter, warm_start)
    both = painter.both.to(device)
    painter.unet.to(memory_format=torch.channels_last)
    ema = checkpoint.Ema(both, s.train.ema)
    optimizer = torch.optim.AdamW(both.parameters(), lr=s.train.rate, betas=(0.9, 0.99),
                                  weight_decay=s.train.weight_decay, fused=True)
    step, samples, spent = 0, 0, 0.0
    path = folder / "painter.pt"
    if path.exists():
        state = checkpoint.load(path, device)
        both.load_state_dict(state["model"])
        ema.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        step, samples, spent = state["step"], state["samples"], state["minutes"]
    corpus = load_corpus(data, words, device)
    print(f"{len(data.sprites)} sprites, from sample {samples}", flush=True)

    alphas = model.scheduler().alphas_cumprod.to(device)

    def objective(z: torch.Tensor, ids: torch.Tensor, small: torch.Tensor, t: torch.Tensor,
                  noise: torch.Tensor) -> torch.Tensor:
        context, pooled = model.read(painter.text, ids)
        a, b = alphas[t].sqrt()[:, None, None, None], (1 - alphas[t]).sqrt()[:, None, None, None]
        added = {"text_embeds": pooled, "time_ids": model.time_ids(small)}
        v = painter.unet(a * z + b * noise, t, context, added_cond_kwargs=added).sample
        return (v.float() - (a * noise - b * z)).square().mean((1, 2, 3))

    if device.type == "cuda":
        objective = torch.compile(objective)

    def save() -> None:
        checkpoint.save(path, {
            "model": both.state_dict(), "ema": ema.state_dict(), "settings": s,
            "optimizer": optimizer.state_dict(), "step": step, "samples": samples,
            "vocabulary": len(words), "minutes": spent + (time.monotonic() - began) / 60})

    half = sampling.has_fast_bf16(device)
    pace = Pace(device)
    log = checkpoint.Log(folder, "painter", FIELDS)
    batch = s.train.batch
    thirds = torch.zeros(3, 2, device=device)
    saved = drawn = time.monotonic()
    marked, marked_samples = saved, samples
    while minutes is None or (time.monotonic() - began) / 60 < minutes:
        trained = spent + (time.monotonic() - began) / 60
        progress = (trained / s.train.plan_minutes if s.train.plan_minutes
                    else samples / s.train.samples)
        if progress >= 1:
            break
        z, ids, small = corpus.draw(batch, s.train.empty_prompt)
        z = z.contiguous(memory_format=torch.channels_last)
        # One timestep in each of `batch` equal slices: the loss is less noisy than with free draws.
        u = (torch.arange(batch, device=device) + torch.rand(batch, device=device)) / batch
        u = schedule.times(u, s.train.noisy).clamp(max=1 - 1e-6)
        t = (u * len(alphas)).long()
        noise = torch.randn_like(z)
        rate = schedule.rate(step, progress, s.train.rate, s.train.warmup, s.train.decay)
        schedule.apply(optimizer, rate)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            losses = objective(z, ids, small, t, noise)
        optimizer.zero_grad(set_to_none=True)
        losses.mean().backward()
        torch.nn.utils.clip_grad_norm_(both.parameters(), s.train.clip)
        optimizer.step()
        ema.update()
        pace.tick()
        step, samples = step + 1, samples + batch
        third = (u * 3).long()
        thirds[:, 0].index_add_(0, third, losses.detach())
        thirds[:, 1].index_add_(0, third, torch.ones_like(losses))
        now = time.monotonic()
        if now - marked > 60:
            low, mid, high = (thirds[:, 0] / thirds[:, 1]).tolist()
            log.row(step=step, samples=samples, minutes=trained,
                    loss=(thirds[:, 0].sum() / thirds[:, 1].sum()).item(), loss_high=high,
                    loss_mid=mid, loss_low=low, rate=rate,
                    samples_per_second=(samples - marked_samples) / (now - marked))
            marked, marked_samples = time.monotonic(), samples
            thirds.zero_()
        if now - saved > 60 * s.train.save_minutes:
            save()
            saved = time.monotonic()
        if now - drawn > 60 * s.train.grid_minutes:
            draw_grid(painter, ema, words, prompts, folder / f"grid-{samples:08d}.png")
            drawn = time.monotonic()
    save()
    draw_grid(painter, ema, words, prompts, folder / f"grid-{samples:08d}.png")


def draw_grid(painter: model.Painter, ema: checkpoint.Ema, words: CLIPTokenizer,
              prompts: list[str], path: Path) -> None:
    ema.swap()
    sprites = sampling.paint(painter, words, prompts, range(len(prompts)))
    ema.swap()
    save_grid(path, [sprites], columns=8, labels=prompts)


def load_bundle(painter: model.Painter, bundle: Path) -> None:
    """Warm start from shipped weights."""
    from safetensors.torch import load_file
    painter.unet.load_state_dict(load_file(bundle / "unet/diffusion_pytorch_model.safetensors"))
    painter.text.load_state_dict(load_file(bundle / "text_encoder_2/model.safetensors"))


def load_trained(folder: Path, device: torch.device) -> model.Painter:
    """The averaged weights of a run, in fp32."""
    state = torch.load(folder / "painter.pt", map_location=device, weights_only=False)
    painter = model.build(state["settings"], state["vocabulary"])
    both = painter.both.to(device)
    both.load_state_dict(state["model"])
    ema = checkpoint.Ema(both, 0)
    ema.load_state_dict(state["ema"])
    ema.swap()
    both.eval().requires_grad_(False)
    return painter
