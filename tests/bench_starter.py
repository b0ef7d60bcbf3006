# SPDX-License-Identifier: MIT OR Apache-2.0
"""The starter model's speed: a sprite after load, the whole command, its peak memory, the speeds.

Prints a table for models/starter/README.md and fails above the limits that the card promises; the
three `--speed` presets (docs/presets.md) are measured in processor time, which other work on the
machine disturbs less.  --speeds prints only these.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")]

PROMPT = ("generate", "item", "red potion", "-s", "1", "-q")
RUNS = 7
SPEEDS = ("fast", "balanced", "quality")
LIMITS = {"a sprite after load, s": 1.0, "the whole command, s": 3.0, "peak memory, GB": 1.0}


def warm(build: Path) -> float:
    """Seconds of one more sprite on an open model, both cores."""
    from dgxp import Library

    library = Library(build)
    times = []
    with library.open(ROOT / "models/starter", device="cpu", threads=0) as model:
        for seed in range(RUNS + 1):
            job = library.job("red potion, item", seed=seed)
            began = time.monotonic()
            model.generate(job)
            times.append(time.monotonic() - began)
    return statistics.median(times[1:])


def speeds(build: Path) -> dict[str, tuple[int, float]]:
    """Steps, and processor seconds of one sprite on an open model with one thread."""
    from dgxp import Library

    library, found = Library(build), {}
    with library.open(ROOT / "models/starter", device="cpu", threads=1) as model:
        for speed in SPEEDS:
            times = []
            for seed in range(RUNS + 1):
                job = library.request(model, kind="item", subject="red potion", speed=speed, seed=seed)
                began = time.process_time()
                [picture] = model.generate(job)
                times.append(time.process_time() - began)
            found[speed] = (picture.recipe["steps"], statistics.median(times[1:]))
    return found


def show_speeds(build: Path) -> None:
    print(f"starter --speed, {platform.machine()}, one thread, load {os.getloadavg()[0]:.1f}, "
          f"medians of {RUNS}")
    for speed, (steps, seconds) in speeds(build).items():
        print(f"  {speed}: {steps} steps, {seconds:.2f} s of processor time a sprite")


def whole(build: Path) -> float:
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(RUNS):
            began = time.monotonic()
            subprocess.run([build / "bin/dgx-pixels", *PROMPT, "-o", f"{folder}/potion.png"],
                           check=True, stdout=subprocess.DEVNULL)
            times.append(time.monotonic() - began)
    return statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--speeds", action="store_true")
    options = parser.parse_args()
    build = options.build.resolve()
    if not (ROOT / "models/starter/bundle.json").exists():
        print("bench_starter: models/starter holds no weights")
        return 0
    if options.speeds:
        show_speeds(build)
        return 0
    command = whole(build)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    found = dict(zip(LIMITS, (warm(build), command, peak)))
    print(f"starter, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
          f"medians of {RUNS}")
    for name, value in found.items():
        print(f"  {name}: {value:.2f} (limit {LIMITS[name]:.0f})"
              f"{'' if value <= LIMITS[name] else '  TOO MUCH'}")
    show_speeds(build)
    return 0 if all(found[n] <= LIMITS[n] for n in LIMITS) else 1


if __name__ == "__main__":
    sys.exit(main())
