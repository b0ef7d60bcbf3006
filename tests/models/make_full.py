# SPDX-License-Identifier: MIT OR Apache-2.0
"""SDXL at its true size with random weights: 3.47 billion parameters, written one at a time.

`make_full.py FILE.safetensors [--folder DIR]`: about 7 GB in bf16 or f16, 14 GB in f32.  Its
programs are those that ship with the library (models/sdxl).
"""

from __future__ import annotations

import argparse
import resource
import shutil
import time
from pathlib import Path

from maker import DTYPES, Model, sdxl


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the single-file checkpoint")
    parser.add_argument("--folder", type=Path, help="the same model as a diffusers folder, too")
    parser.add_argument("--dtype", choices=DTYPES, default="bf16", help="as stored")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begun = time.monotonic()
    model = Model(sdxl(), options.seed, DTYPES[options.dtype])
    copies = 2 if options.folder else 1
    needed = model.parameter_count() * model.dtype.itemsize * copies
    options.out.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(options.out.parent).free
    if free < needed + 2**30:
        raise SystemExit(
            f"{options.out}: needs {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; "
            "name a place on a larger disk"
        )
    model.single_file(options.out)
    if options.folder:
        model.diffusers_folder(options.folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{model.parameter_count() / 1e6:.1f} M parameters, {time.monotonic() - begun:.0f} s, "
        f"peak memory {peak:.2f} GB"
    )


if __name__ == "__main__":
    main()
