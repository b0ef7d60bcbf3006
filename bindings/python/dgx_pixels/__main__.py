# SPDX-License-Identifier: MIT OR Apache-2.0
"""`python -m dgx_pixels doctor|batch|generate|deploy|undo`.  Also starts the program of the wheel."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from ._lowlevel import PACKAGE, candidates, find_torch, lib
from .batch import add_batch
from .errors import DgxPixelsError
from .model import doctor
from .remote import add_commands
from .terminal import say, with_flags


def show(value: Any, indent: str = "") -> None:
    """A document as indented lines."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for name, item in pairs:
        label = f"{indent}{name}:" if isinstance(value, dict) else f"{indent}-"
        if isinstance(item, (dict, list)) and item:
            say(label)
            show(item, indent + "  ")
        else:
            say(label, "none" if item in (None, [], {}) else item)


def program() -> None:
    """The entry point `dgx-pixels`: becomes the C program that the wheel carries."""
    path = PACKAGE / "_lib/dgx-pixels"
    if not path.exists():
        sys.exit(f"dgx-pixels: {path} is not there: this package was installed without the C library; "
                 "'python -m dgx_pixels' paints on a server and deploys here")
    find_torch()
    os.execv(path, ["dgx-pixels", *sys.argv[1:]])


def add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("doctor", help="is everything there? library, backend, models, presets")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--verify", action="store_true", help="hash the model files again (slow)")
    parser.set_defaults(run=run_doctor)


def run_doctor(options: argparse.Namespace) -> int:
    try:
        about = doctor(options.verify)
        about = {"package": str(PACKAGE), "library_file": lib.path, **about}
    except DgxPixelsError as error:
        say(f"dgx_pixels: {error}", file=sys.stderr)
        say("looked for the library in: " + ", ".join(candidates()), file=sys.stderr)
        return 1
    if options.json:
        say(json.dumps(about, indent=2))
    else:
        show(about)
    return 1 if "error" in about else 0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m dgx_pixels", description="What the package does without the C program.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_doctor(commands)
    add_batch(commands)
    add_commands(commands)
    options = parser.parse_args()
    try:
        return int(options.run(options))
    except (DgxPixelsError, ValueError, OSError) as error:
        say(f"dgx_pixels: {with_flags(error, options)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
