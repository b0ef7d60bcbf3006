# SPDX-License-Identifier: MIT OR Apache-2.0
"""`python -m dgx_pixels doctor`: is everything there?  Also starts the program of the wheel."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from ._lowlevel import PACKAGE, candidates, find_torch, lib
from .errors import DgxPixelsError
from .model import doctor


def show(value: Any, indent: str = "") -> None:
    """A document as indented lines."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for name, item in pairs:
        label = f"{indent}{name}:" if isinstance(value, dict) else f"{indent}-"
        if isinstance(item, (dict, list)) and item:
            print(label)
            show(item, indent + "  ")
        else:
            print(label, "none" if item in (None, [], {}) else item)


def program() -> None:
    """The entry point `dgx-pixels`: becomes the C program that the wheel carries."""
    path = PACKAGE / "_lib/dgx-pixels"
    if not path.exists():
        sys.exit(f"dgx-pixels: {path} is not there: this package was not installed from a wheel")
    find_torch()
    os.execv(path, ["dgx-pixels", *sys.argv[1:]])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m dgx_pixels", description=__doc__)
    parser.add_argument("command", choices=["doctor"])
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--verify", action="store_true", help="hash the model files again (slow)")
    options = parser.parse_args()
    try:
        about = doctor(options.verify)
        about = {"package": str(PACKAGE), "library_file": lib.path, **about}
    except DgxPixelsError as error:
        print(f"dgx_pixels: {error}", file=sys.stderr)
        print("looked for the library in: " + ", ".join(candidates()), file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(about, indent=2))
    else:
        show(about)
    return 1 if "error" in about else 0


if __name__ == "__main__":
    sys.exit(main())
