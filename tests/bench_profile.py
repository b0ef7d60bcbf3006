# SPDX-License-Identifier: MIT OR Apache-2.0
"""Where the time of a guided step and of a LoRA step goes: tables for docs/performance.md.

torch's profiler, in one process with the C library, sees every kernel, those of replayed graphs too.  A kernel's
time is counted under what it does, by its name.  "Busy" is the share of the time in which some kernel ran: for the
rest the GPU waited for the processor.  On the CPU (--device cpu) operations are counted in place of kernels, each
without those that it calls.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import bench_engine
import bench_train

ROOT = bench_engine.ROOT
GROUPS = {"attention": r"flash|fmha|attention|softmax", "convolutions": r"conv|implicit|fprop|wgrad|dgrad",
          "matrix products": r"gemm|nvjet|cublas|cutlass|xmma|mm\b|matmul|linear",
          "norms": r"norm|welford|moments", "copies": r"memcpy|memset|copy|nchw|nhwc|transpose|\bcat|CatArray|contiguous|\bto\b",
          "elementwise": r"elementwise|vectorized|[sg]e?i?lu|triton_poi|foreach|multi_tensor|add|mul|sub|div|sin|cos|exp"}
LONGEST = 8
Span = tuple[str, float, float]  # a name, seconds from the beginning, seconds


def group_of(name: str) -> str:
    return next((group for group, words in GROUPS.items() if re.search(words, name, re.I)), "other")


def union(spans: Iterable[Span]) -> float:
    """Seconds in which at least one ran."""
    total, until = 0.0, float("-inf")
    for _, began, seconds in sorted(spans, key=lambda span: span[1]):
        total += max(0.0, began + seconds - max(began, until))
        until = max(until, began + seconds)
    return total


def profiled(work: Callable[[], Any], device: str) -> tuple[float, list[Span]]:
    """Seconds that the work took, and what ran."""
    import torch
    from torch.autograd import DeviceType
    from torch.profiler import ProfilerActivity, profile

    cuda = device.startswith("cuda")
    # The processor's own operations are not recorded beside a GPU's: that would slow what is measured.
    with profile(activities=[ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU],
                 acc_events=True) as seen:
        began = time.perf_counter()
        work()
        if cuda:
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
    if cuda:
        held = [e for e in seen.profiler.kineto_results.events() if e.device_type() == DeviceType.CUDA]
        return seconds, [(e.name(), e.start_ns() / 1e9, e.duration_ns() / 1e9) for e in held]
    return seconds, [(e.name, e.time_range.start / 1e6, e.self_cpu_time_total / 1e6) for e in seen.events()]


def show(what: str, seconds: float, spans: list[Span], options: argparse.Namespace) -> None:
    if not spans:
        raise SystemExit(f"bench: the profiler saw nothing of {what}")
    cuda = options.device.startswith("cuda")
    busy = union(spans) if cuda else sum(span[2] for span in spans)
    by_group: dict[str, float] = collections.defaultdict(float)
    by_name: dict[str, list[float]] = collections.defaultdict(list)
    for name, _, took in spans:
        by_group[group_of(name)] += took
        by_name[name].append(took)
    whole = sum(by_group.values())
    groups = [*GROUPS, "other"]
    print(f"| of {'the GPU' if cuda else 'the CPU'} | ms | busy | kernels | {' | '.join(groups)} |\n"
          + "|---" * (4 + len(groups)) + "|")
    print(f"| {what} | {1000 * seconds:.0f} | {busy / seconds:.0%} | {len(spans)} | "
          + " | ".join(f"{by_group[group] / whole:.0%}" for group in groups) + " |")
    print("\n| longest | of | share | times | ms each |\n|---|---|---|---|---|")
    longest = sorted(by_name.items(), key=lambda item: -sum(item[1]))[:LONGEST]
    for name, times in longest:
        short = re.sub(r"[|`]", " ", name)[:90]
        print(f"| `{short}` | {what} | {sum(times) / whole:.1%} | {len(times)} | "
              f"{1000 * sum(times) / len(times):.3f} |", flush=True)
    if options.json:
        with options.json.open("a") as rows:
            rows.write(json.dumps({"kind": "profile", "what": what, "seconds": seconds, "busy": busy,
                                   "kernels": len(spans), "groups": by_group}) + "\n")


def step(options: argparse.Namespace) -> None:
    dtype = "bf16" if options.device.startswith("cuda") else "f32"
    engine = bench_engine.Ours(bench_engine.Setting("ours-no-graph" if options.no_graph else "ours", options.build,
                                                    options.full, options.device, dtype, 0))
    work = bench_engine.Work(options.canvas, options.steps, options.batch)
    engine.paint(work)  # warms up and captures
    engine.paint(work)
    seconds, spans = profiled(lambda: engine.paint(work), options.device)
    graphs = ", without graphs" if options.no_graph else ""
    show(f"a picture of {options.steps} steps, batch {options.batch}{graphs}", seconds, spans, options)


def train(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        size = "full" if options.canvas >= 512 else "tiny"
        given = argparse.Namespace(size=size, canvas=options.canvas, kind="lora", rank=32, device=options.device)
        file = bench_train.write_run(Path(scratch), given, options.full)
        training = bench_train.open_training(file)
        for checkpointing in (False,) if options.no_checkpointing else (False, True):
            bench_train.set_row(training, file, options.batch, checkpointing)
            for _ in range(bench_train.WARM if options.canvas >= 512 else 1):
                training.one_step()
            seconds, spans = profiled(training.one_step, options.device)
            show(f"a LoRA step, {options.batch} a step, {'with' if checkpointing else 'no'} checkpointing", seconds,
                 spans, options)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("what", choices=("step", "train"))
    add("--full", type=Path, required=True, help="SDXL as a diffusers folder")
    add("--build", type=Path, default=ROOT / "build/release")
    add("--device", default="cuda:0")
    add("--canvas", type=int, default=1024)
    add("--steps", type=int, default=4)
    add("--batch", type=int, default=1)
    add("--no-graph", action="store_true")
    add("--no-checkpointing", action="store_true", help="train: leave out the step with it")
    add("--json", type=Path, help="append the sums to this file, too")
    options = parser.parse_args()
    options.build, options.full = options.build.resolve(), options.full.resolve()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in bench_engine.py
    print(f"{bench_engine.describe_machine(options.device)}, {options.canvas}²\n")
    {"step": step, "train": train}[options.what](options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
