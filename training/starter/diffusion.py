# SPDX-License-Identifier: MIT OR Apache-2.0
"""The diffusion training of UNet and text encoder on the whole set in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import CLIPTokenizer

from . import checkpoint, model, sampling, schedule, shards, tokenizer, trial, wraps
from .config import Settings
from .corpus import Corpus
from .grid import save_grid
from .pace import Pace

FIELDS = ("step", "samples", "minutes", "loss", "loss_high", "loss_mid", "loss_low", "loss_val", "rate",
          "samples_per_second")
LOG_SECONDS = {"cuda": 20, "cpu": 300}


class Objective(torch.nn.Module):
    """The squared error of v of each sample at timesteps `t`, for one noise."""

    def __init__(self, painter: model.Painter, device: torch.device) -> None:
        super().__init__()
        self.painter, self.alphas = painter, model.scheduler().alphas_cumprod.to(device)

    def forward(self, z: torch.Tensor, ids: torch.Tensor, time_ids: torch.Tensor, t: torch.Tensor,
                noise: torch.Tensor) -> torch.Tensor:
        context, pooled = model.read(self.painter.text, ids)
        a, b = (x.sqrt()[:, None, None, None] for x in (self.alphas[t], 1 - self.alphas[t]))
        added = {"text_embeds": pooled, "time_ids": time_ids}
        v = self.painter.unet(a * z + b * noise, t, context, added_cond_kwargs=added).sample
        return (v.float() - (a * noise - b * z)).square().mean((1, 2, 3))


@contextmanager
def averaged(painter: model.Painter, ema: checkpoint.Ema) -> Iterator[None]:
    """The painter as it would be shipped: averaged weights, no dropout."""
    painter.both.eval()
    ema.swap()
    try:
        yield
    finally:
        ema.swap()
        painter.both.train()


class Watch:
    """The loss of the averaged weights on held-out sprites, with the same noise every time."""

    def __init__(self, corpus: Corpus, objective: Objective, ema: checkpoint.Ema) -> None:
        self.objective, self.ema, held = objective, ema, corpus.held_out()
        dice = torch.Generator().manual_seed(5)
        n, device = len(held.latents), held.latents.device
        noise = torch.randn(held.latents.shape, generator=dice).to(device)
        t = ((torch.arange(n) + 0.5) / n * len(objective.alphas)).long()[torch.randperm(n, generator=dice)]
        self.given = [x.split(64) for x in (held.latents, held.ids, held.time_ids, t.to(device), noise)]
        self.half = sampling.has_fast_bf16(device)

    @torch.no_grad()
    def loss(self) -> float:
        with (averaged(self.objective.painter, self.ema),
              torch.autocast(self.given[0][0].device.type, torch.bfloat16, enabled=self.half)):
            losses = torch.cat([self.objective(*part) for part in zip(*self.given)])
        return losses.mean().item()


def compiled(objective: Objective, device: torch.device) -> Callable[..., torch.Tensor]:
    """On a GPU the step is compiled; where that fails it runs as it is, and says so."""
    if device.type != "cuda":
        return objective
    quick = torch.compile(objective)

    def step(*given: torch.Tensor) -> torch.Tensor:
        nonlocal quick
        try:
            return quick(*given)
        except Exception as error:
            if quick is objective:
                raise
            print(f"the compiler failed, so it goes on without: {error}", flush=True)
            quick = objective
            return quick(*given)

    return step


def train(corpus: Corpus, words: CLIPTokenizer, folder: Path, s: Settings,
          prompts: list[str], device: torch.device, minutes: float | None,
          warm_start: Path | None = None, words_only: bool = False, no_compile: bool = False) -> None:
    """Trains until the planned samples or the minutes are over; a call resumes the last one.

    With `words_only` the UNet keeps all but its reading of the text, so that a short run on a small
    machine can teach words and leaves the drawing as it is.
    """
    began = time.monotonic()
    way = trial.chosen(folder, device)
    torch.manual_seed(2)
    painter = model.build(s, len(words))
    if warm_start:
        load_bundle(painter, warm_start, words)
    both = painter.both.to(device).train()
    if words_only:
        for name, p in painter.unet.named_parameters():
            p.requires_grad_(".attn2." in name or name.startswith("add_embedding"))
    trained_parameters = [p for p in both.parameters() if p.requires_grad]
    if way.channels_last:
        painter.unet.to(memory_format=torch.channels_last)
    ema = checkpoint.Ema(both, s.train.ema)
    optimizer = torch.optim.AdamW(trained_parameters, lr=s.train.rate, betas=(0.9, 0.99),
                                  weight_decay=s.train.weight_decay, fused=True)
    step, samples, spent = 0, 0, 0.0
    path = folder / "painter.pt"
    if path.exists():
        state = checkpoint.load(path, device)
        both.load_state_dict(state["model"])
        ema.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        step, samples, spent = state["step"], state["samples"], state["minutes"]
    corpus = corpus.to(device)
    print(f"{len(corpus)} sprites, from sample {samples}", flush=True)
    objective = Objective(painter, device)
    watch = Watch(corpus, objective, ema)
    can_wrap = s.train.wrapped > 0 and corpus.can_wrap()
    quick = objective if no_compile else compiled(objective, device)

    def save() -> None:
        checkpoint.save(path, {
            "model": both.state_dict(), "ema": ema.state_dict(), "settings": s,
            "optimizer": optimizer.state_dict(), "step": step, "samples": samples,
            "vocabulary": len(words), "minutes": spent + (time.monotonic() - began) / 60})

    pace = Pace(device)
    log = checkpoint.Log(folder, "painter", FIELDS)
    batch = s.train.batch
    thirds = torch.zeros(3, 2, device=device)
    saved = drawn = time.monotonic()
    marked, marked_samples = saved, samples

    def mark() -> None:
        nonlocal marked, marked_samples
        low, mid, high = (thirds[:, 0] / thirds[:, 1]).tolist()
        log.row(step=step, samples=samples, minutes=trained,
                loss=(thirds[:, 0].sum() / thirds[:, 1].sum()).item(), loss_high=high,
                loss_mid=mid, loss_low=low, loss_val=watch.loss(), rate=rate,
                samples_per_second=(samples - marked_samples) / (time.monotonic() - marked))
        marked, marked_samples = time.monotonic(), samples
        thirds.zero_()

    while minutes is None or (time.monotonic() - began) / 60 < minutes:
        trained = spent + (time.monotonic() - began) / 60
        progress = (trained / s.train.plan_minutes if s.train.plan_minutes
                    else samples / s.train.samples)
        if progress >= 1:
            break
        around = can_wrap and torch.rand(()).item() < s.train.wrapped
        some = corpus.draw(batch, s.train.empty_prompt, around)
        z = some.latents
        if way.channels_last:
            z = z.contiguous(memory_format=torch.channels_last)
        # One timestep in each of `batch` equal slices: the loss is less noisy than with free draws.
        u = (torch.arange(batch, device=device) + torch.rand(batch, device=device)) / batch
        u = schedule.times(u, s.train.noisy).clamp(max=1 - 1e-6)
        t = (u * len(objective.alphas)).long()
        noise = torch.randn_like(z)
        rate = schedule.rate(step, progress, s.train.rate, s.train.warmup, s.train.decay)
        schedule.apply(optimizer, rate)
        with wraps.wrapped(painter.unet, around), torch.autocast(device.type, torch.bfloat16, enabled=way.half):
            losses = quick(z, some.ids, some.time_ids, t, noise)
        optimizer.zero_grad(set_to_none=True)
        losses.mean().backward()
        torch.nn.utils.clip_grad_norm_(trained_parameters, s.train.clip)
        optimizer.step()
        ema.update()
        pace.tick()
        step, samples = step + 1, samples + batch
        third = (u * 3).long()
        thirds[:, 0].index_add_(0, third, losses.detach())
        thirds[:, 1].index_add_(0, third, torch.ones_like(losses))
        now = time.monotonic()
        if now - marked > LOG_SECONDS[device.type]:
            mark()
        if now - saved > 60 * s.train.save_minutes:
            save()
            saved = time.monotonic()
        if now - drawn > 60 * s.train.grid_minutes:
            draw_grid(painter, ema, words, prompts, folder / f"grid-{samples:08d}.png")
            drawn = time.monotonic()
    if samples > marked_samples:
        mark()
    save()
    draw_grid(painter, ema, words, prompts, folder / f"grid-{samples:08d}.png")


def draw_grid(painter: model.Painter, ema: checkpoint.Ema, words: CLIPTokenizer,
              prompts: list[str], path: Path) -> None:
    with averaged(painter, ema):
        sprites = sampling.paint(painter, words, prompts, range(len(prompts)))
    save_grid(path, [sprites], columns=8, labels=prompts)


def load_bundle(painter: model.Painter, folder: Path, words: CLIPTokenizer) -> None:
    """Warm start from shipped weights, or from the shards of a run; a bundle's vocabulary may have grown since."""
    from safetensors.torch import load_file
    if list(folder.glob(shards.PATTERN)):
        painter.both.load_state_dict(shards.tensors(folder)[0])
        return
    painter.unet.load_state_dict(load_file(folder / "unet/diffusion_pytorch_model.safetensors"))
    state = load_file(folder / "text_encoder_2/model.safetensors")
    rows = "text_model.embeddings.token_embedding.weight"
    if len(state[rows]) != len(words):
        state[rows] = tokenizer.carried(folder / "tokenizer_2", words, state[rows])
    painter.text.load_state_dict(state)


def load_trained(folder: Path, device: torch.device) -> model.Painter:
    """The averaged weights of a run: of its checkpoint, else of the shards that came back from elsewhere."""
    path = folder / "painter.pt"
    if not path.exists():
        return shards.read(folder, device)
    state = torch.load(path, map_location=device, weights_only=False)
    painter = model.build(state["settings"], state["vocabulary"])
    both = painter.both.to(device)
    both.load_state_dict(state["model"])
    ema = checkpoint.Ema(both, 0)
    ema.load_state_dict(state["ema"])
    ema.swap()
    both.eval().requires_grad_(False)
    return painter
