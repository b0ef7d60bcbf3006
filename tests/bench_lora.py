# SPDX-License-Identifier: MIT OR Apache-2.0
"""Swapping adapters beside PEFT, on one model in one run: a table for docs/performance.md.

Two rank-32 adapters that are already read change places on the CPU in f32.  PEFT, through diffusers:
unfuse, set_adapters, fuse.  Ours: dgxp_model_set_loras() with nothing kept, so that every swap is
merged anew; and with what was merged before kept.  The weights are compared afterwards, so that
equal work is timed.  The ratio of the fastest swaps must not be above 1.

With --cuda FOLDER: SDXL at its full size on a GPU, bf16, ours alone; tests/python/test_cuda.py
compares the weights.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/models"), str(ROOT / "bindings/python")]

import bench_engine  # noqa: E402
import lora_files  # noqa: E402
from dgxp import Library  # noqa: E402

RANK = 32


def fastest(swap: Callable[[int], Any], runs: int) -> float:
    """Milliseconds of the fastest swap, the first of each adapter not counted."""
    moments = []
    for i in range(runs + 2):
        began = time.perf_counter()
        swap(i % 2)
        moments.append(time.perf_counter() - began)
    return 1000 * min(moments[2:])


def write_two(modules: lora_files.Modules, scratch: str, dtype: Any) -> list[Path]:
    return [lora_files.write(Path(scratch) / f"{i}.safetensors",
                             lora_files.make_lora(modules, "kohya-diffusers", RANK, 1.0, i, dtype))
            for i in (0, 1)]


def bench_cuda(build: Path, folder: Path, runs: int, device: str, json_file: Path | None) -> None:
    import torch

    bf16 = device.startswith("cuda")
    shapes = lora_files.stored_shapes(folder)
    modules = lora_files.lora_modules(shapes)
    library = Library(build)
    with tempfile.TemporaryDirectory() as scratch, \
            library.open(folder, device=device, dtype=2 if bf16 else 1) as model:
        loras = [library.lora(file) for file in write_two(modules, scratch, torch.float16)]
        bias = shapes["unet"]["conv_out.bias"]

        def swap(i: int) -> None:
            model.set_loras((loras[i], 1.0))
            model.weight("unet", "conv_out.bias", tuple(bias))  # waits for the device

        model.keep_loras(0)
        anew = fastest(swap, runs)
        model.keep_loras(1 << 36)
        kept = fastest(swap, runs)
        began = time.perf_counter()
        model.set_loras()
        model.weight("unet", "conv_out.bias", tuple(bias))
        removed = 1000 * (time.perf_counter() - began)
        peak = model.describe()["memory"]["device_peak_mib"]
    print(f"{bench_engine.describe_machine(device)}, rank {RANK}, {'bf16' if bf16 else 'f32'}, adapters in f16\n\n"
          "| model | swap, merged anew (ms) | swap, kept (ms) | removed (ms) | device peak |\n"
          "|---|---|---|---|---|\n"
          f"| {folder.name}, {sum(map(len, modules.values()))} modules | {anew:.1f} | {kept:.1f} | {removed:.1f} "
          f"| {peak} MiB |", flush=True)
    if json_file:
        with json_file.open("a") as rows:
            rows.write(json.dumps({"kind": "lora", "anew_ms": anew, "kept_ms": kept, "removed_ms": removed,
                                   "device_mib": peak}) + "\n")


def bench(build: Path, name: str, runs: int, threads: int) -> float:
    import torch
    from diffusers import StableDiffusionXLPipeline

    torch.set_num_threads(threads)
    home = bench_engine.kept_models(build, name)
    os.environ.update(DGX_PIXELS_MODELS=str(home), XDG_CONFIG_HOME=str(home / "config"))
    folder = home / f"{name}-diffusers"
    modules = lora_files.lora_modules(lora_files.stored_shapes(folder))
    with tempfile.TemporaryDirectory() as scratch:
        files = write_two(modules, scratch, torch.float32)
        pipe = StableDiffusionXLPipeline.from_pretrained(folder, torch_dtype=torch.float32)
        for i, file in enumerate(files):
            pipe.load_lora_weights(scratch, weight_name=file.name, adapter_name=f"a{i}")
        parts = ["unet", "text_encoder", "text_encoder_2"]
        pipe.set_adapters(["a1"])
        pipe.fuse_lora(components=parts)

        def swap_theirs(i: int) -> None:
            pipe.unfuse_lora(components=parts)
            pipe.set_adapters([f"a{i}"])
            pipe.fuse_lora(components=parts)

        library = Library(build)
        with library.open(folder, device="cpu", dtype=1, threads=threads) as model:
            loras = [library.lora(file) for file in files]
            swap = lambda i: model.set_loras((loras[i], 1.0))
            model.keep_loras(0)
            theirs, ours = fastest(swap_theirs, runs), fastest(swap, runs)
            kept = pipe.unet.state_dict()
            for path in list(modules["unet"])[::17]:
                mine = model.weight("unet", f"{path}.weight", tuple(modules["unet"][path]))
                want = kept.get(f"{path}.base_layer.weight", kept.get(f"{path}.weight"))
                # PEFT subtracts what it added, so its own weights drift: compare loosely.
                assert np.abs(mine - want.numpy()).max() < 1e-3, f"{path}: not the same work"
            model.keep_loras(1 << 34)
            again = fastest(swap, runs)
    count = sum(map(len, modules.values()))
    print(f"| {name}, {count} modules | {theirs:.1f} | {ours:.1f} | {ours / theirs:.2f} | "
          f"{again:.2f} |", flush=True)
    return ours / theirs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--models", nargs="+", choices=("tiny", "mid"), default=["tiny", "mid"])
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--cuda", type=Path, metavar="FOLDER", help="SDXL as a diffusers folder, on the GPU")
    parser.add_argument("--device", default="cuda:0", help="with --cuda; cpu, in f32, tries the table's code")
    parser.add_argument("--json", type=Path, help="with --cuda: append the row to this file, too")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in bench_engine.py
    if options.cuda:
        bench_cuda(options.build.resolve(), options.cuda.resolve(), options.runs, options.device, options.json)
        return 0
    print(f"{bench_engine.describe_machine('cpu')}, {options.threads} threads, rank {RANK}, f32\n\n"
          "| model | PEFT: unfuse, set, fuse (ms) | ours (ms) | ratio | ours, kept (ms) |\n"
          "|---|---|---|---|---|", flush=True)
    ratios = [bench(options.build.resolve(), name, options.runs, options.threads)
              for name in options.models]
    return 0 if max(ratios) <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
