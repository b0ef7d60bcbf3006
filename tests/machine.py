# SPDX-License-Identifier: MIT OR Apache-2.0
"""What this machine lets a test do.  `python3 tests/machine.py` names what it has.

A test says `@pytest.mark.needs_machine("terminals")`: where there are none it is skipped, in a line that
says what stays untested; where REQUIRE_MACHINE names them, a skip is a failure (tests/conftest.py).
"""

from __future__ import annotations

import functools
import os
import pty
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn


def too_late() -> str:
    """Why nothing long should begin any more: $STOP_AT, in seconds since 1970, has passed."""
    at = float(os.environ.get("STOP_AT") or "inf")
    return "" if time.time() < at else "this machine was too slow: the time of the whole run is over"


def refused(*words: str) -> str:
    """Empty if the command runs; otherwise what it said."""
    try:
        ran = subprocess.run(words, text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if ran.returncode == 0 else ran.stderr.strip() or f"{words[0]} ends with {ran.returncode}"


def user_namespaces() -> str:
    """A process of one's own that may mount."""
    with tempfile.TemporaryDirectory() as folder:
        return refused("unshare", "-rm", "mount", "-t", "tmpfs", "none", folder)


def network_namespaces() -> str:
    name = f"dgxp-ask-{os.getpid()}"
    return refused("ip", "netns", "add", name) or refused("ip", "netns", "delete", name)


def terminals() -> str:
    try:
        for end in pty.openpty():
            os.close(end)
    except OSError as error:
        return f"a pseudo-terminal cannot be opened: {error}"
    return ""


def other_users() -> str:
    """Running a command as nobody."""
    return refused("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "true")


PROBES: dict[str, Callable[[], str]] = {probe.__name__: probe for probe in (
    user_namespaces, network_namespaces, terminals, other_users)}


@functools.cache
def lacks(what: str) -> str:
    """Why this machine has no `what`; empty if it has."""
    return PROBES[what]()


def absent(what: str, untested: str, brings: str) -> NoReturn:
    """Skip: Rust, Node, a browser or the shared data is missing.  With REQUIRE_ALL=1 that is a failure."""
    import pytest  # not needed to ask the machine

    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"REQUIRE_ALL=1, but no {what}: {brings}", pytrace=False)
    pytest.skip(f"absent: no {what}: {untested} NOT TESTED; {brings}")


def memory_folder(bytes_needed: int) -> Path | None:
    """A folder in memory with that much room, if there is one."""
    folder = Path("/dev/shm")
    if not os.access(folder, os.W_OK):
        return None
    room = os.statvfs(folder)
    return folder if room.f_bavail * room.f_frsize >= bytes_needed else None


if __name__ == "__main__":
    print(" ".join(name for name in PROBES if not lacks(name)))
