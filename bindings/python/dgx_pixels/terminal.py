# SPDX-License-Identifier: MIT OR Apache-2.0
"""Text for people's terminals: what stands in files and answers cannot steer them.

Every print of the package goes through say(), every log line through Plain (tests/faces/test_strangers.py).
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
from typing import Any, TextIO

# Control characters but tab and newline, marks that turn the direction of writing, line separators, and
# halves of pairs: what Python makes of a file's name that is no UTF-8.
STEERING = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x20 else f"\\x{code - 0xdc00:02x}" if 0xdc80 <= code < 0xdd00 else (
        f"\\u{code:04x}")


def plain(text: object) -> str:
    """What can be shown: ESC becomes the four letters \\x1b."""
    return STEERING.sub(_escaped, str(text))


def say(*words: object, end: str = "\n", file: TextIO | None = None, flush: bool = False) -> None:
    """print(), of plain text; only `end` is written as it is."""
    print(*map(plain, words), end=end, file=file or sys.stdout, flush=flush)


def with_flags(text: object, options: argparse.Namespace) -> str:
    """The library names parameters, `force`; a program of these options has flags for them, --force."""
    return re.sub("`([a-z_]+)`", lambda found: f"--{found[1].replace('_', '-')}"
                  if found[1] in vars(options) else found[0], str(text))


class Plain(logging.Formatter):
    """One line of the log a message, whatever a client put into it; tracebacks keep their lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return plain(super().formatMessage(record)).replace("\n", "\\n")

    def formatException(self, ei: Any) -> str:
        return plain(super().formatException(ei))


def log_to_stderr(level: int) -> None:
    """For the programs: all logs of this process."""
    handler = logging.StreamHandler()
    handler.setFormatter(Plain("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
