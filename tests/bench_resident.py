# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a call waits for: its model opened here, or kept open by the resident engine.

usage: python tests/bench_resident.py [--build FOLDER] [--model NAME] [--runs N] [words of generate ...]

Calls of both kinds in turn, so that other work on the machine meets both; medians, and their ratio.  Pictures
are compared.  Prints a row for docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("words", nargs="*", default=["item", "red potion"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        env = {**os.environ, "XDG_RUNTIME_DIR": folder}
        program = options.build / "bin/dgx-pixels"

        def call(*more: str) -> tuple[float, bytes]:
            out = Path(folder, "out.png")
            began = time.monotonic()
            subprocess.run([program, "generate", *options.words, "-m", options.model, "-s", "1", "-q", "-o", out, *more],
                           check=True, env=env)
            return time.monotonic() - began, out.read_bytes()

        subprocess.run([program, "resident", "start"], check=True, env=env, stdout=subprocess.DEVNULL)
        first = call("--resident", "10m")[0]  # the engine opens the model
        pairs = [(call("--no-resident"), call()) for _ in range(options.runs)]
        subprocess.run([program, "resident", "stop"], check=True, env=env, stdout=subprocess.DEVNULL)
    assert all(cold[1] == warm[1] for cold, warm in pairs), "the pictures differ"
    cold, warm = (statistics.median(pair[i][0] for pair in pairs) for i in (0, 1))
    print("| model | opened by the call | first of an engine | each further one | ratio |\n|---|---|---|---|---|")
    print(f"| {options.model} | {cold:.2f} s | {first:.2f} s | {warm:.3f} s | {warm / cold:.2f} |")


if __name__ == "__main__":
    main()
