# SPDX-License-Identifier: MIT OR Apache-2.0
"""What painting equal jobs in one call is worth: 8 at once against one after another, on the starter.

    python tests/bench_server.py [--build build/release] [--jobs 8] [--rounds 3]

Wall time, and the server's processor time, which other programs on the machine hardly change; of each
the best of the rounds, which take turns.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/faces")]

from serving import Server  # noqa: E402


def seconds_used(server: Server) -> float:
    """Processor seconds of the server, all threads."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(server: Server, jobs: int, at_once: bool, seed: int) -> tuple[float, float]:
    """(wall, processor) seconds of so many jobs."""

    def one(i: int) -> None:
        answer = server.ask("POST", "/api/v1/generate",
                            {"prompt": "medieval knight", "kind": "character", "seed": seed + i}, timeout=600)
        assert answer.status == 200, answer.body

    began, used = time.monotonic(), seconds_used(server)
    with ThreadPoolExecutor(jobs if at_once else 1) as pool:
        list(pool.map(one, range(jobs)))
    return time.monotonic() - began, seconds_used(server) - used


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "data", "--model", ROOT / "models/starter", "--batch", options.jobs,
                        DGX_PIXELS_LIBRARY=str(options.build.resolve() / "lib/libdgxpixels.so"),
                        DGX_PIXELS_MODELS=str(ROOT / "models"), DGX_PIXELS_BACKEND="torch")
        try:
            measure(server, options.jobs, True, 0)  # opens the model, warms both shapes
            measure(server, 1, False, 0)
            calls = server.metric("dgx_pixels_batch_size_count")
            rounds = []
            for i in range(options.rounds):
                rounds.append((measure(server, options.jobs, False, i), measure(server, options.jobs, True, i)))
                print(f"round {i + 1}: one after another {rounds[-1][0][0]:.2f} s ({rounds[-1][0][1]:.2f} s of the "
                      f"processor), at once {rounds[-1][1][0]:.2f} s ({rounds[-1][1][1]:.2f})", flush=True)
            calls = server.metric("dgx_pixels_batch_size_count") - calls
        finally:
            server.stop()
    (wall, used), (wall_once, used_once) = (
        tuple(min(column) for column in zip(*(pair[which] for pair in rounds), strict=True)) for which in (0, 1))
    print(f"{options.jobs} jobs: one after another {wall:.2f} s ({used:.2f} s of the processor), at once "
          f"{wall_once:.2f} s ({used_once:.2f}); {calls:.0f} calls of the library for "
          f"{2 * options.rounds * options.jobs} jobs; throughput x {wall / wall_once:.2f}, by processor time "
          f"x {used / used_once:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
