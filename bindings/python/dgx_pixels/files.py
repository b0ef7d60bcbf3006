# SPDX-License-Identifier: MIT OR Apache-2.0
"""Files that are there whole or not at all, and never written through somebody's link."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def staged(path: str | os.PathLike[str], *, sync: bool = False) -> Iterator[str]:
    """A new empty file beside `path` that takes its place when the block ends well, and else is gone.

    Its name can't be guessed and it is made only where nothing was, so that a link that was put there
    before leads nowhere.
    """
    folder, name = os.path.split(os.fspath(path))
    part = os.path.join(folder, f".{name[:200]}.{secrets.token_hex(6)}.part")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    try:
        yield part
        if sync:
            with open(part, "rb+") as file:
                os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise


def write_whole(path: str | os.PathLike[str], data: bytes, *, sync: bool = False) -> None:
    with staged(path, sync=sync) as part, open(part, "wb") as file:
        file.write(data)
