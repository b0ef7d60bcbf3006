# SPDX-License-Identifier: MIT OR Apache-2.0
"""A LoRA step of SDXL: steps a second, peak memory, and the forecast for a whole training.

--size full takes SDXL at its full size and 1024x1024, with random weights (7 GB in --scratch), on a
GPU; --size tiny takes the tests' small SDXL on any machine and shows that all of this works.  Each
row prepares, trains and optimizes by dgx-pixels-train's own code and recipe (rank 32, AdamW, latents
and embeddings cached).  The model is opened once, in a process of its own; the device's peak is each
row's, the host's that of all rows so far.

The work of a step is counted by torch, operation by operation, on a model without memory.  The
forecast for another machine is

    work / F_there + (measured - work / F_here) * B_here / B_there

F is the rate of a large matrix product, B that of a copy (bytes read and written): what the
product's rate does not explain is taken to wait for memory.  F_here and B_here are measured here.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/models"), str(ROOT / "bindings/python")]

STEPS = 3000
PICTURES = 8
# (TFLOP/s of a bf16 matrix product, TB/s of a copy): H200 by torch 2.11, 8192^3 and 8.6 GB; GB10 as
# huggingface/kernels#283 reports.
MACHINES = {"H200": (788.0, 4.3), "GB10": (92.0, 0.218)}
Rows = list[tuple[int, bool]]  # pictures a step, gradient checkpointing
ROWS: Rows = [(1, True), (1, False), (4, False)]
WARM = 3


@dataclass
class Measured:
    """Of one row; seconds is None where memory did not suffice."""

    seconds: float | None
    loss: float
    parameters: int
    device_mib: int
    host_mib: int


# ------------------------------------------------------------------------------------ the work


def architecture(size: str) -> Any:
    from maker import sdxl

    if size == "full":
        return sdxl()
    import make_tiny

    return make_tiny.tiny()


@functools.cache
def counted(size: str, side: int, kind: str, rank: int, checkpointing: bool) -> float:
    """TFLOP of the forward and backward pass of one picture (multiply and add are two)."""
    import torch
    from diffusers import UNet2DConditionModel
    from peft import LoraConfig, inject_adapter_in_model
    from torch.utils.flop_counter import FlopCounterMode

    from dgx_pixels.train import adapters

    arch = architecture(size)
    with torch.device("meta"):
        unet = UNet2DConditionModel(**arch.unet)
        unet.requires_grad_(False)
        targets = rf".*({adapters.LINEAR}{'|' + adapters.CONVOLUTIONS if kind == 'locon' else ''})"
        inject_adapter_in_model(LoraConfig(r=rank, target_modules=targets), unet, adapters.NAME)
        for name, p in unet.named_parameters():
            p.requires_grad_(".lora_" in name)
        if checkpointing:
            unet.train()
            unet.enable_gradient_checkpointing()
        context = arch.unet["cross_attention_dim"]
        added = {"text_embeds": torch.randn(1, arch.text[1]["projection_dim"]),
                 "time_ids": torch.randn(1, 6)}
        with FlopCounterMode(display=False) as count:
            out = unet(torch.randn(1, 4, side // 8, side // 8), torch.zeros(1), torch.randn(1, 77, context),
                       added_cond_kwargs=added).sample
            out.square().mean().backward()
    return count.get_total_flops() / 1e12


def rates(device: str, bf16: bool) -> tuple[float, float]:
    """TFLOP/s of a matrix product and TB/s of a copy, the best of several, of this machine."""
    import torch

    cuda = device.startswith("cuda")
    dtype = torch.bfloat16 if bf16 else torch.float32
    side = 8192 if cuda else 1024
    a = torch.randn(side, side, device=device, dtype=dtype)
    b = torch.randn(side, side, device=device, dtype=dtype)
    source = torch.randn((1 << 30) if cuda else (1 << 25), device=device)  # 4 GB, or 128 MB
    target = torch.empty_like(source)

    def best(work: Any) -> float:
        times = []
        for _ in range(8):
            began = time.perf_counter()
            work()
            if cuda:
                torch.cuda.synchronize()
            times.append(time.perf_counter() - began)
        return min(times)

    product = best(lambda: torch.mm(a, b))
    copy = best(lambda: target.copy_(source))
    return 2 * side**3 / product / 1e12, 2 * source.nbytes / copy / 1e12


# -------------------------------------------------------------------------------------- a row


def write_run(folder: Path, options: argparse.Namespace, model: Path) -> Path:
    """A run file on a few made-up sprites."""
    import PIL.Image

    from dgx_pixels.train.template import literal

    draw = np.random.default_rng(1)
    (folder / "sprites").mkdir()
    for i in range(PICTURES):
        pixels = np.zeros((64, 64, 4), np.uint8)
        pixels[8:56, 8:56] = (*draw.integers(0, 256, 3), 255)
        pixels[16:48:2, 16:48] = (*draw.integers(0, 256, 3), 255)
        PIL.Image.fromarray(pixels[::8, ::8] if options.size == "tiny" else pixels).save(
            folder / f"sprites/{i}.png")
        (folder / f"sprites/{i}.txt").write_text(f"creature {i}, monster")
    sections = {
        "run": {"name": "bench", "base": str(model), "trigger": "bench style"},
        "data": {"folder": "sprites", "canvas": [options.canvas, options.canvas], "views": 1,
                 "hold_out": 0.0, "background": "random"},
        "adapter": {"kind": options.kind, "rank": options.rank, "alpha": options.rank / 2},
        "train": {"device": options.device, "sample_every": 0}}
    path = folder / "bench.toml"
    path.write_text("\n".join(f"[{s}]\n" + "\n".join(f"{k} = {literal(v)}" for k, v in values.items())
                              for s, values in sections.items()) + "\n", "utf-8")
    return path


def open_training(file: Path) -> Any:
    from dgx_pixels.train import __main__ as program
    from dgx_pixels.train import loop, settings

    program.quiet()
    return loop.make(settings.load(file, {"train": {"gradient_checkpointing": True}}))


def set_row(training: Any, file: Path, batch: int, checkpointing: bool) -> None:
    from dgx_pixels.train import settings

    unet = training.base.unet
    training.s = settings.load(file, {"train": {"batch": batch, "gradient_checkpointing": checkpointing}})
    unet.train(checkpointing)
    (unet.enable_gradient_checkpointing if checkpointing else unet.disable_gradient_checkpointing)()


def train_rows(file: Path, rows: Rows, runs: int) -> None:
    """In a process of its own: a line of JSON for each row, the median step after a few."""
    import torch

    training = open_training(file)
    cuda = training.base.device.type == "cuda"
    parameters = sum(p.numel() for p in training.parameters)
    for batch, checkpointing in rows:
        set_row(training, file, batch, checkpointing)
        if cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        times, loss = [], float("nan")
        try:
            before = [p.detach().clone() for p in training.parameters]
            for _ in range(WARM + runs):
                began = time.perf_counter()
                loss, _norm = training.one_step()
                if cuda:
                    torch.cuda.synchronize()
                times.append(time.perf_counter() - began)
            if all(torch.equal(a, p) for a, p in zip(before, training.parameters)):
                raise SystemExit("bench: the steps changed no weight: not the work that is asked for")
            seconds: float | None = statistics.median(times[WARM:])
        except (torch.OutOfMemoryError, MemoryError):
            seconds = None
        print(json.dumps(asdict(Measured(
            seconds, loss, parameters, torch.cuda.max_memory_reserved() >> 20 if cuda else 0,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10))), flush=True)


def measure(file: Path, rows: Rows, runs: int) -> Iterator[Measured]:
    words = [sys.executable, "-W", "ignore", __file__, "--train", str(file), json.dumps(rows), "--runs", str(runs)]
    with subprocess.Popen(words, text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("{"):
                yield Measured(**json.loads(line))
    if process.returncode:
        raise SystemExit(f"bench: the process that trains ended with status {process.returncode}")


# ------------------------------------------------------------------------------------ forecast


def forecast(work: float, seconds: float, here: tuple[float, float], there: tuple[float, float]) -> float:
    """Seconds of a step on another machine; see the top of this file."""
    rest = max(0.0, seconds - work / here[0])
    return work / there[0] + rest * here[1] / there[1]


def minutes(seconds: float) -> str:
    return f"{seconds * STEPS / 60:.3g} min"


def rates_only(options: argparse.Namespace) -> int:
    """What this machine does at its best."""
    import bench_engine
    import torch

    from dgx_pixels.train import base

    bf16 = base.fast_bf16(torch.device(options.device))
    product, copy = rates(options.device, bf16)
    print(f"{bench_engine.describe_machine(options.device)}\n\n| {'bf16' if bf16 else 'fp32'} matrix product | copy "
          f"|\n|---|---|\n| {product:.3g} TFLOP/s | {copy:.3g} TB/s |", flush=True)
    if options.json:
        with options.json.open("a") as rows:
            rows.write(json.dumps({"kind": "rates", "product": product, "copy": copy}) + "\n")
    return 0


def count_only(options: argparse.Namespace) -> int:
    """What can be said of the full size without a GPU: its work, and what no machine undercuts."""
    print(f"SDXL, {options.canvas}², {options.kind} of rank {options.rank}: counted, nothing is measured here.\n")
    print("| pictures a step | checkpointing | TFLOP a step | "
          + " | ".join(f"{STEPS} steps on {m}, at least" for m in MACHINES) + " |")
    print("|---" * (3 + len(MACHINES)) + "|")
    work = {c: counted("full", options.canvas, options.kind, options.rank, c) for c in (True, False)}
    for batch, checkpointing in ROWS:
        total = batch * work[checkpointing]
        print(f"| {batch} | {'yes' if checkpointing else 'no'} | {total:.2f} | "
              + " | ".join(minutes(total / rate) for rate, _ in MACHINES.values()) + " |", flush=True)
    return 0


def bench(options: argparse.Namespace, model: Path, scratch: Path) -> int:
    import bench_engine
    import torch

    from dgx_pixels.train import base

    bf16 = base.fast_bf16(torch.device(options.device))
    here = rates(options.device, bf16)
    print(f"\n{bench_engine.describe_machine(options.device)}; {options.size} SDXL, random weights, {options.canvas}², "
          f"{options.kind} of rank {options.rank}, {'bf16' if bf16 else 'fp32'}; median of {options.runs} steps.\n"
          f"Here: matrix product {here[0]:.3g} TFLOP/s, copy {here[1]:.3g} TB/s.\n")
    print("| pictures a step | checkpointing | s/step | steps/s | TFLOP a step | TFLOP/s | device peak | host peak "
          f"| {STEPS} steps here | " + " | ".join(f"forecast: {m}" for m in MACHINES) + " |")
    print("|---" * (9 + len(MACHINES)) + "|", flush=True)
    file = write_run(scratch, options, model)
    rows = ROWS[:options.rows]
    for (batch, checkpointing), made in zip(rows, measure(file, rows, options.runs)):
        total = batch * counted(options.size, options.canvas, options.kind, options.rank, checkpointing)
        start = f"| {batch} | {'yes' if checkpointing else 'no'} |"
        if made.seconds is None:
            print(f"{start} out of memory |" + " |" * (6 + len(MACHINES)), flush=True)
            continue
        ahead = [minutes(forecast(total, made.seconds, here, there)) for there in MACHINES.values()]
        print(f"{start} {made.seconds:.4g} | {1 / made.seconds:.3g} | {total:.3g} | {total / made.seconds:.3g} | "
              f"{made.device_mib} MiB | {made.host_mib} MiB | {minutes(made.seconds)} | " + " | ".join(ahead) + " |",
              flush=True)
        if options.json:
            with options.json.open("a") as held:
                held.write(json.dumps({"kind": "train", "batch": batch, "checkpointing": checkpointing,
                                       "tflop": total, "here": here, **asdict(made)}) + "\n")
    if options.size == "tiny":
        print("\nA small model on this machine: the forecasts show the formula at work and say nothing of SDXL.")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--size", choices=("full", "tiny"), help="default: full where torch sees a GPU, else tiny")
    add("--count", action="store_true", help="only count the full size's work; needs no GPU")
    add("--rates", action="store_true", help="only measure the rates of a matrix product and of a copy")
    add("--build", type=Path, default=ROOT / "build/release", help="where the small model is kept")
    add("--runs", type=int, default=10, help="timed steps of each row")
    add("--rows", type=int, default=len(ROWS), help="only the first rows of the table")
    add("--kind", choices=("lora", "locon"), default="lora")
    add("--rank", type=int, default=32)
    add("--canvas", type=int, help="default: 1024; 64 with --size tiny")
    add("--device", help="default: cuda for full, cpu for tiny")
    add("--model", type=Path, help="a diffusers folder of SDXL in place of random weights")
    add("--scratch", type=Path, help="where those are written (default: the temporary folder)")
    add("--json", type=Path, help="append each row to this file, too")
    add("--train", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        train_rows(Path(options.train[0]), json.loads(options.train[1]), options.runs)
        return 0
    import torch

    cuda = torch.cuda.is_available()
    options.size = options.size or ("full" if cuda or options.count else "tiny")
    options.canvas = options.canvas or (1024 if options.size == "full" else 64)
    options.device = options.device or ("cuda" if options.size == "full" else "cpu")
    if options.count:
        return count_only(options)
    if options.device.startswith("cuda") and not cuda:
        raise SystemExit("bench: torch sees no GPU here: --size tiny, or --count for the work of the full size")
    if options.rates:
        return rates_only(options)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in bench_engine.py
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        model = options.model
        if model is None and options.size == "full":
            import bench_engine

            model = bench_engine.make_full(Path(scratch) / "sdxl")
        elif model is None:
            import cached

            model = cached.tiny(options.build.resolve()) / "tiny-diffusers"
        return bench(options, model.resolve(), Path(scratch))


if __name__ == "__main__":
    sys.exit(main())
