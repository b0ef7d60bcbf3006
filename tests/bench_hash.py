# SPDX-License-Identifier: MIT OR Apache-2.0
"""SHA-256 of a file of 1 GB by the library and by `openssl dgst`, in turn.

usage: python tests/bench_hash.py [--build FOLDER] [--gigabytes N] [--runs N]

Both read the same file from the page cache.  Medians, and their ratio; prints a row for docs/performance.md.
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
    parser.add_argument("--gigabytes", type=float, default=1)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.NamedTemporaryFile() as file:
        block = os.urandom(1 << 20)
        for _ in range(int(options.gigabytes * 1000)):
            file.write(block)
        file.flush()

        def call(*command: str | Path) -> tuple[float, str]:
            began = time.monotonic()
            text = subprocess.run([*command, file.name], check=True, text=True, capture_output=True).stdout
            return time.monotonic() - began, text.strip().split()[-1]

        call("openssl", "dgst", "-sha256")  # the page cache
        pairs = [(call(options.build / "bin/hash_file"), call("openssl", "dgst", "-sha256"))
                 for _ in range(options.runs)]
    assert all(ours[1] == theirs[1] for ours, theirs in pairs), "the digests differ"
    ours, theirs = (statistics.median(pair[i][0] for pair in pairs) for i in (0, 1))
    print("| file | library | openssl dgst | ratio |\n|---|---|---|---|")
    print(f"| {options.gigabytes:g} GB | {ours:.2f} s | {theirs:.2f} s | {ours / theirs:.2f} |")


if __name__ == "__main__":
    main()
