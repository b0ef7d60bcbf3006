# SPDX-License-Identifier: MIT OR Apache-2.0
"""Count the files that somebody had to write by hand for a commit: what one fact costs.

usage: scripts/touched.py [COMMIT]

Tests, the changelog and files that a script makes are listed apart.
"""

from __future__ import annotations

import subprocess
import sys

from make_settings import FILES, ROOT

MADE = {*FILES, "docs/openapi.json", "tests/abi.txt", "tests/exports.txt",
        "bindings/python/dgx_pixels/_abi.py", "bindings/rust/dgx-pixels-sys/src/bindings.rs"}


def main() -> int:
    commit = sys.argv[1] if len(sys.argv) > 1 else "HEAD"
    names = subprocess.run(["git", "show", "--format=", "--name-only", commit], cwd=ROOT, text=True,
                           capture_output=True, check=True).stdout.split()
    made = sorted(name for name in names if name in MADE)
    beside = sorted(name for name in names if "tests" in name.split("/") and name not in MADE
                    or name == "CHANGELOG.md")
    hand = sorted(name for name in names if name not in made and name not in beside)
    for title, group in (("by hand", hand), ("made by a script", made), ("tests and changelog", beside)):
        print(f"{len(group)} {title}:")
        print("".join(f"  {name}\n" for name in group), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
