# SPDX-License-Identifier: MIT OR Apache-2.0
"""Mutated adapter files: each refused with its exact status, the model unharmed."""

from __future__ import annotations

import time
from pathlib import Path

import lora_files
import numpy as np
import psutil
from dgxp import DgxpError, Library
from lora_mutations import MUTATORS, Sound, mutations
from safetensors import safe_open

HANG = 5.0  # seconds: a guard against hanging, not a measure of speed


def test_mutated_files_are_refused(tiny: Path, build: Path, full: bool, tmp_path: Path,
                                   evidence) -> None:  # type: ignore[no-untyped-def]
    count = 2000 if full else 200
    shapes = {}
    with safe_open(tiny / "tiny-diffusers/unet/diffusion_pytorch_model.safetensors", "pt") as file:
        shapes["unet"] = {n: list(file.get_slice(n).get_shape()) for n in file.keys()}
    listed = list(lora_files.lora_modules(shapes)["unet"].items())
    modules = {"unet": dict(listed[:6] + listed[-6:])}
    library = Library(build)
    path = lora_files.write(tmp_path / "sound.safetensors",
                            lora_files.make_lora(modules, "kohya-diffusers", 2, 1.0, 1))
    sound = Sound.read(path.read_bytes())
    with library.open(tiny / "tiny-diffusers", device="cpu") as model:
        def paint() -> np.ndarray:
            job = library.job("a knight", canvas=(64, 64), steps=1, seed=1, guidance=1.0)
            return model.generate(job)[0].canvas

        good = library.lora(path)
        model.set_loras((good, 1.0))
        before = paint()
        broken, slowest, memory, seen = tmp_path / "broken.safetensors", 0.0, 0, set()
        for i, (name, status, raw) in enumerate(mutations(sound, count)):
            if i == len(MUTATORS):
                memory = psutil.Process().memory_info().rss
            broken.write_bytes(raw)
            began = time.monotonic()
            try:
                model.set_loras((library.lora(broken), 1.0))
            except DgxpError as error:
                assert error.status == status, f"{name}, file {i}: {error}"
                assert len(error.text) > 20 and str(broken) in error.text, f"{name}: {error}"
            else:
                broken.rename(tmp_path / "taken.safetensors")
                raise AssertionError(f"{name}, file {i}: was taken")
            slowest = max(slowest, time.monotonic() - began)
            seen.add(name)
        growth = psutil.Process().memory_info().rss - memory
        assert len(seen) == len(MUTATORS) and slowest < HANG and growth < 64 << 20
        assert (paint() == before).all(), "a refused file changed the model"
    evidence("LoRA: mutated files refused with their exact status", count,
             f"{len(MUTATORS)} kinds, slowest {slowest * 1000:.0f} ms, RSS {growth / 2**20:+.1f} MiB")
