# SPDX-License-Identifier: MIT OR Apache-2.0
"""Count the files that somebody had to write by hand for a commit: what one fact costs.

usage: scripts/touched.py [COMMIT]
       scripts/touched.py --name cfg_start tcd jasc

Tests, the changelog and files that a script makes are listed apart.  With --name: the hand-written sources
that hold a name (of a setting, a sampler, a palette format) as code: in quotes, or in an identifier.
"""

from __future__ import annotations

import re
import subprocess
import sys

from make_settings import FILES, ROOT

MADE = {*FILES, "docs/openapi.json", "tests/abi.txt", "tests/exports.txt",
        "bindings/python/dgx_pixels/_abi.py", "bindings/rust/dgx-pixels-sys/src/bindings.rs"}


SOURCES = ("src", "include", "shim", "plugins", "bindings/python", "bindings/rust/dgx-pixels/src")


def holders(name: str) -> list[str]:
    """Hand-written sources that hold a name as code."""
    word = re.escape(name)
    code = re.compile(rf'"{word}"|\b{word}\b(?=\s*[,;=()\[.])|[A-Za-z0-9]_{word}\b|\b{word}_[A-Za-z0-9]', re.I)
    listed = subprocess.run(["git", "ls-files", "--", *SOURCES], cwd=ROOT, text=True, capture_output=True,
                            check=True).stdout.split()
    found = []
    for path in listed:
        if path.endswith((".c", ".h", ".cpp", ".py", ".rs", ".js")) and path not in MADE:
            text = (ROOT / path).read_text(errors="replace")
            bare = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S) if not path.endswith(".py") else text
            if code.search(bare):
                found.append(path)
    return found


def main() -> int:
    if sys.argv[1:2] == ["--name"]:
        for name in sys.argv[2:]:
            found = holders(name)
            print(f"{name}: {len(found)} files")
            print("".join(f"  {path}\n" for path in found), end="")
        return 0
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
