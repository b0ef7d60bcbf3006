# SPDX-License-Identifier: MIT OR Apache-2.0
"""Ten steps of each way to compute a training step on this machine, and the choice that `train` follows."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from . import checkpoint, corpus, model, sampling
from .config import CONTEXT, FACTOR, LATENT_CHANNELS, SIZE, Settings

FILE = "trial.json"
WARM, STEPS = 2, 10


@dataclass(frozen=True)
class Way:
    """How a step is computed: bf16 autocast or fp32, and the memory format of the UNet and its latents."""

    half: bool
    channels_last: bool

    def __str__(self) -> str:
        return f"{'bf16 autocast' if self.half else 'fp32'}, {'channels last' if self.channels_last else 'contiguous'}"


def usual(device: torch.device) -> Way:
    """Without a trial: oneDNN's bf16 kernels prefer contiguous tensors, its fp32 ones channels last."""
    half = sampling.has_fast_bf16(device)
    return Way(half, not half or device.type == "cuda")


def chosen(folder: Path, device: torch.device) -> Way:
    """What the trial found in this cache folder, else the usual way."""
    path = folder / FILE
    return Way(**json.loads(path.read_text("utf-8"))["way"]) if path.exists() else usual(device)


def ways(device: torch.device) -> list[Way]:
    halves = (True, False) if sampling.has_fast_bf16(device) else (False,)
    return [Way(half, last) for half in halves for last in (False, True)]


def measure(way: Way, settings: Settings, vocabulary: int, device: torch.device) -> dict[str, float]:
    """Samples a second of the clock, and of processor time, which other work beside it changes least."""
    from .diffusion import Objective
    torch.manual_seed(1)
    painter = model.build(settings, vocabulary)
    both = painter.both.to(device).train()
    side, batch = SIZE // FACTOR, settings.train.batch
    z = torch.randn(batch, LATENT_CHANNELS, side, side, device=device)
    if way.channels_last:
        painter.unet.to(memory_format=torch.channels_last)
        z = z.contiguous(memory_format=torch.channels_last)
    objective, ema = Objective(painter, device), checkpoint.Ema(both, 0.999)
    optimizer = torch.optim.AdamW(both.parameters(), lr=1e-4, fused=True)
    ids = torch.randint(vocabulary, (batch, CONTEXT), device=device)
    times = corpus.time_ids(torch.zeros(batch, dtype=torch.bool, device=device))
    t = torch.arange(batch, device=device) * 999 // max(batch - 1, 1)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=way.half):
            loss = objective(z, ids, times, t, torch.randn_like(z)).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        ema.update()

    for _ in range(WARM):
        step()
    clock, processor = time.perf_counter(), time.process_time()
    for _ in range(STEPS):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    samples = STEPS * batch
    return {"samples_a_second": samples / (time.perf_counter() - clock),
            "samples_a_processor_second": samples / max(time.process_time() - processor, 1e-9)}


def run(settings: Settings, vocabulary: int, folder: Path, device: torch.device) -> Way:
    """Tries every way with the threads that are set, prints a row of each and writes the choice."""
    measure_by = "samples_a_second" if device.type == "cuda" else "samples_a_processor_second"
    rows = []
    for way in ways(device):
        rows.append(asdict(way) | measure(way, settings, vocabulary, device))
        print(f"{way}: " + ", ".join(f"{rows[-1][k]:.1f} {k.replace('_', ' ')}"
                                     for k in ("samples_a_second", "samples_a_processor_second")), flush=True)
    best = max(rows, key=lambda row: row[measure_by])
    way = Way(best["half"], best["channels_last"])
    folder.mkdir(parents=True, exist_ok=True)
    told = {"way": asdict(way), "threads": torch.get_num_threads(), "tried": rows}
    (folder / FILE).write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    print(f"chosen: {way}")
    return way
