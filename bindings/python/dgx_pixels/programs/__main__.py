# SPDX-License-Identifier: MIT OR Apache-2.0
"""The face of the exporter: ``python -m dgx_pixels.programs OUT``."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import multiprocessing.connection
import os
import sys
import time
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from ..terminal import say
from . import archive, bundle, verify
from .architecture import TILINGS, Architecture, from_folder, sdxl
from .trace import components_of, tilings_of, trace

_DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def _file_name(component: str, tiling: str) -> str:
    return f"programs/{component}{'' if tiling == 'none' else '.' + tiling}.pt.gz"


def _make(arch: Architecture, out: Path, component: str, tiling: str) -> dict[str, Any]:
    """Trace, pack and write one program; what bundle.json says of it, and its parameters."""
    torch.set_num_threads(1)
    program = trace(arch, component, tiling)
    data = archive.archive_bytes(program)
    name = _file_name(component, tiling)
    archive.write_file(out / name, archive.pack(data))
    return {
        "row": {
            "component": component,
            "tiling": tiling,
            "file": name,
            "size": len(data),
            "sha256": archive.digest(data),
        },
        "parameters": {name: list(p.shape) for name, p in program.named_parameters()},
    }


def _make_all(arch: Architecture, out: Path, tilings: list[str], jobs: int) -> list[dict[str, Any]]:
    out.mkdir(parents=True, exist_ok=True)
    work = [
        (arch, out, component, tiling)
        for component in components_of(arch)
        for tiling in tilings_of(component)
        if tiling in tilings
    ]
    # A child for each: TorchScript numbers its classes by a counter of the process, so a program's
    # bytes would depend on what was traced before it.  The parent has traced nothing.
    diffusers.AutoencoderKL, diffusers.UNet2DConditionModel  # imported once, before the children
    transformers.CLIPTextModelWithProjection
    return _make_in_children(work, jobs)


def _make_in_children(work: list[tuple[Any, ...]], jobs: int) -> list[dict[str, Any]]:
    """`_make` of each, `jobs` at once; pipes and no pool, whose locks want room in /dev/shm."""
    context = multiprocessing.get_context("fork")
    made: dict[int, dict[str, Any]] = {}
    running: dict[Any, tuple[int, Any]] = {}
    waiting = list(enumerate(work))
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                number, item = waiting.pop(0)
                ours, theirs = context.Pipe(duplex=False)
                child = context.Process(target=_make_and_tell, args=(theirs, item))
                child.start()
                theirs.close()
                running[ours] = (number, child)
            for ours in multiprocessing.connection.wait(list(running)):
                number, child = running.pop(ours)
                try:
                    result = ours.recv()
                except EOFError:
                    child.join()
                    raise RuntimeError(f"{work[number][2]}: its process ended with {child.exitcode}") from None
                if isinstance(result, Exception):
                    raise result
                made[number] = result
                child.join()
    finally:
        for _, child in running.values():
            child.kill()
    return [made[number] for number in range(len(work))]


def _make_and_tell(pipe: Any, item: tuple[Any, ...]) -> None:
    try:
        pipe.send(_make(*item))
    except Exception as error:
        pipe.send(error)


def _parameters(made: list[dict[str, Any]]) -> dict[str, dict[str, list[int]]]:
    """By component; the tilings of one must agree, since they share their weights."""
    found: dict[str, dict[str, list[int]]] = {}
    for item in made:
        component = item["row"]["component"]
        if found.setdefault(component, item["parameters"]) != item["parameters"]:
            raise ValueError(f"{component}: its tilings do not have the same parameters")
    return found


def _verify(arch: Architecture, out: Path, tilings: list[str], dtypes: list[str]) -> bool:
    good = True
    for component in components_of(arch):
        files = {t: out / _file_name(component, t) for t in tilings_of(component) if t in tilings}
        for dtype in dtypes:
            overflows = component.startswith("vae") and arch.vae.get("force_upcast", True)
            if dtype == "f16" and overflows:
                continue  # this VAE overflows in f16, whoever runs it
            for tiling, case, worst, size in verify.compare(arch, component, files, _DTYPES[dtype]):
                # Equal operations in an equal order: anything above a few roundings is a defect.
                bound = 32 * size * torch.finfo(_DTYPES[dtype]).eps
                good = good and worst <= bound
                say(f"{component:12} {tiling:5} {dtype:5} {case}: {worst:.3g} of {size:.3g}"
                    f"{'' if worst <= bound else '  TOO FAR'}", flush=True)
    return good


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m dgx_pixels.programs",
        description="Trace the networks of an SDXL-like model into hollow TorchScript programs and "
        "describe them in bundle.json.  No weights are read or needed.",
    )
    parser.add_argument("out", type=Path, nargs="?", help="the bundle's folder, made if missing")
    parser.add_argument("--from", dest="source", type=Path, metavar="FOLDER",
                        help="a diffusers folder whose architecture is traced (default: SDXL)")
    parser.add_argument("--name", help="the architecture's name (default: sdxl, or the folder's)")
    parser.add_argument("--hidden-layer", type=int, default=-2, metavar="N",
                        help="which hidden state the text encoders give (default: -2)")
    parser.add_argument("--tilings", default=",".join(TILINGS), metavar="LIST",
                        help="seamless variants of UNet and VAE decoder (default: all)")
    parser.add_argument("--set", dest="changes", type=Path, metavar="JSON",
                        help="fields laid over bundle.json: title, licence, canvas, defaults …")
    parser.add_argument("--verify", default="", metavar="DTYPES",
                        help="f32,bf16,f16: compare each program with its Python network")
    parser.add_argument("--verify-only", action="store_true", help="trace nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="traces at once")
    parser.add_argument("--trust-list", type=Path, nargs="+", metavar="PATH",
                        help="write C rows of hashes: the file, then the folders to list")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = _parse(arguments)
    transformers.logging.set_verbosity_error()
    if options.trust_list:
        target, *folders = options.trust_list
        archive.write_file(target, bundle.trusted_rows(folders).encode())
        return 0
    if options.out is None:
        say("programs: name the folder to write, or --help", file=sys.stderr)
        return 2
    tilings = options.tilings.split(",")
    dtypes = [d for d in options.verify.split(",") if d]
    unknown = [t for t in tilings if t not in TILINGS] + [d for d in dtypes if d not in _DTYPES]
    if unknown:
        say(f"programs: unknown: {', '.join(unknown)}", file=sys.stderr)
        return 2
    out: Path = options.out
    name = options.name or (out.resolve().name if options.source else "sdxl")
    arch = from_folder(options.source, name, options.hidden_layer) if options.source else sdxl()
    arch.check()
    begun = time.monotonic()
    if not options.verify_only:
        made = _make_all(arch, out, tilings, options.jobs)
        title, text = (name, "unknown") if options.source else ("Stable Diffusion XL", "Apache-2.0")
        rows = [item["row"] for item in made]
        document = bundle.describe(arch, rows, _parameters(made), title, text)
        if options.changes:
            with open(options.changes, encoding="utf-8") as file:
                document = bundle.merged(document, json.load(file))
        if not options.source:
            bundle.write_clip_merges(out / "tokenizer" / "merges.txt.gz")
        bundle.write(out, document)
        packed = sum((out / row["file"]).stat().st_size for row in rows)
        say(f"{len(rows)} programs, {packed / 1e6:.2f} MB, {time.monotonic() - begun:.1f} s")
    return 0 if _verify(arch, out, tilings, dtypes) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f"programs: {error}")
