# SPDX-License-Identifier: MIT OR Apache-2.0
"""One exception a status, each also the builtin one that a Python program would catch."""

from __future__ import annotations

import re

# As dgxp_last_error() has them: names from files may hold anything (src/core/text.c).
_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f]")
_NOT_UTF8 = re.compile("[\ud800-\udfff]")


def _repaired(message: str) -> str:
    return _NOT_UTF8.sub("\ufffd", _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", message))


class DgxPixelsError(Exception):
    """What the library said.  `status` is its name: "bad-format"."""

    status = "internal"

    def __init__(self, message: str) -> None:
        self.message = _repaired(message)
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class InvalidArgument(DgxPixelsError, ValueError):
    status = "invalid-argument"


class OutOfMemory(DgxPixelsError, MemoryError):
    """Host or device memory ran out; the handle still works."""

    status = "out-of-memory"


class InputOutputError(DgxPixelsError, OSError):
    status = "io"


class NotFound(DgxPixelsError, FileNotFoundError):
    status = "not-found"


class BadFormat(DgxPixelsError, ValueError):
    status = "bad-format"


class Unsupported(DgxPixelsError):
    status = "unsupported"


class LimitExceeded(DgxPixelsError, ValueError):
    status = "limit"


class Untrusted(DgxPixelsError, PermissionError):
    status = "untrusted"


class BackendError(DgxPixelsError):
    """The tensor backend is missing or does not fit; `python -m dgx_pixels doctor` tells more."""

    status = "backend"


class DeviceLost(DgxPixelsError):
    """Every later call on this device fails; start the process again."""

    status = "device-lost"


class Cancelled(DgxPixelsError):
    status = "cancelled"


class Busy(DgxPixelsError):
    status = "busy"


class Mismatch(DgxPixelsError, ValueError):
    status = "mismatch"


class InternalError(DgxPixelsError):
    """A defect in the library."""


# By the value of dgxp_status; a newer library's statuses are InternalError.
BY_STATUS: dict[int, type[DgxPixelsError]] = {
    1: InvalidArgument, 2: OutOfMemory, 3: InputOutputError, 4: NotFound, 5: BadFormat,
    6: Unsupported, 7: LimitExceeded, 8: Untrusted, 9: BackendError, 10: DeviceLost, 11: Cancelled,
    12: Busy, 13: Mismatch, 14: InternalError,
}
