# SPDX-License-Identifier: MIT OR Apache-2.0
"""Write tests/abi.txt, what a program that was built before relies on: types, sizes, symbols.

usage: scripts/make_abi.py [--check]

Sizes and offsets are the C compiler's (CC, cc), the rest is the header's.  What is gone or changed
breaks programs: it is printed, and from version 1.0 on refused while the soname (DGXP_VERSION_MAJOR) is
the one in the file.  A field may be appended to a struct that begins with struct_size, behind all
that the struct had: never in a gap at its end, for an older program left that unset.
--check writes nothing and fails when the file is not what the header says.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from make_lowlevel import ROOT, Api, Reader, header_text, layout_program

DUMP = ROOT / "tests/abi.txt"


def layouts(api: Api, include: Path) -> dict[str, tuple[int, dict[str, int]]]:
    """struct: its size, and each field's offset."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "layout"
        program.with_suffix(".c").write_text(layout_program(api))
        subprocess.run([os.environ.get("CC", "cc"), "-std=c11", f"-I{include}", "-o", program,
                        program.with_suffix(".c")], check=True)
        printed = subprocess.run([program], text=True, capture_output=True, check=True).stdout
    found = {}
    for line in printed.splitlines():
        name, size, *fields = line.split()
        found[name] = int(size), {field: int(at) for field, at in (f.split(":") for f in fields)}
    return found


def describe(include: Path) -> dict[str, str]:
    """Each fact's name and what it is."""
    text = header_text(include)
    api = Reader(text).api
    major = re.search(r"#define DGXP_VERSION_MAJOR (\d+)", text)
    assert major, "no DGXP_VERSION_MAJOR in the header"
    facts = {"soname": f"libdgxpixels.so.{major[1]}"}
    for name, values in api.enums.items():
        facts |= {f"value {name} {value}": str(number) for value, number in values.items()}
    for name, (size, offsets) in layouts(api, include).items():
        facts[f"size {name}"] = str(size)
        facts |= {f"field {name} {field.name}": f"{offsets[field.name]} {field.type}"
                  for field in api.structs[name]}
    for kind in ("callback", "function"):
        for name, (result, *arguments) in getattr(api, f"{kind}s").items():
            facts[f"{kind} {name}"] = f"{result} ({', '.join(arguments)})".replace('"', "")
    return facts


def read() -> dict[str, str]:
    lines = DUMP.read_text().splitlines() if DUMP.exists() else []
    return dict(line.split(": ", 1) for line in lines if not line.startswith("#"))


def broken(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """What a program that was built with `before` misses in `now`."""
    found = []
    for name, what in before.items():
        grown = name.startswith("size ") and name.replace("size", "field") + " struct_size" in now
        if name == "soname" or now.get(name) == what:
            continue
        if grown and name in now and int(now[name]) > int(what):
            continue
        found.append(f"{name} was {what}, is {now.get(name, 'gone')}")
    for name, what in now.items():
        if not name.startswith("field ") or name in before:
            continue
        struct = name.split()[1]
        size = before.get(f"size {struct}")
        if size and int(what.split()[0]) < int(size):
            found.append(f"{name} is new and lies inside the {size} bytes that {struct} had")
    return found


def main() -> int:
    include = Path(os.environ.get("DGXP_INCLUDE", ROOT / "include"))
    before, now = read(), describe(include)
    for line in (faults := broken(before, now)):
        print(f"breaks programs: {line}", file=sys.stderr)
    if "--check" in sys.argv:
        for name in now:
            if name not in before:
                print(f"new: {name}", file=sys.stderr)
        if faults or before != now:
            print(f"{DUMP.relative_to(ROOT)} is not what the header says: run scripts/make_abi.py",
                  file=sys.stderr)
            return 1
        return 0
    stable = not now["soname"].endswith(".0")
    if faults and stable and now["soname"] == before.get("soname"):
        print(f"refused: raise DGXP_VERSION_MAJOR, for {now['soname']} promises all that",
              file=sys.stderr)
        return 1
    DUMP.write_text("# Made by scripts/make_abi.py from the public header; do not edit.\n"
                    + "".join(f"{name}: {what}\n" for name, what in now.items()))
    print(f"{DUMP.relative_to(ROOT)}: {len(now)} facts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
