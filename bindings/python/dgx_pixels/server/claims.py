# SPDX-License-Identifier: MIT OR Apache-2.0
"""Which processes of one folder live: each holds the lock of a file of its own until it ends, however."""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path


class Claims:
    """This process's own name, and what has become of the others.

    The locks are flock's: the system takes them away with the process, killed or not.  Folders that are
    shared between machines (NFS) are not meant.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.id = folder, secrets.token_hex(8)
        self._file = open(folder / self.id, "x")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def lives(self, id: str) -> bool:
        if id == self.id:
            return True
        try:
            with open(self.folder / os.path.basename(id or "nobody")) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    def forget(self, id: str) -> None:
        with suppress(OSError):
            (self.folder / os.path.basename(id or "nobody")).unlink()

    def close(self) -> None:
        self.forget(self.id)
        self._file.close()
