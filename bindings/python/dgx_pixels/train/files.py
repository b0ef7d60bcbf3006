# SPDX-License-Identifier: MIT OR Apache-2.0
"""Files and folders of a run: whole or not there, and never two trainings in one folder."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..files import staged
from .errors import TrainError

FAULTS: tuple[type[Exception], ...] = (OSError, RuntimeError)  # torch's writer raises RuntimeError
try:
    from safetensors import SafetensorError
    FAULTS += (SafetensorError,)
except ModuleNotFoundError:
    pass  # without the extra nothing here writes tensors, and main() says what is missing


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place when the block ends well, and else is gone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with staged(path, sync=True) as part:
            yield Path(part)
    except FAULTS as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise TrainError(f"{path}: cannot be written: {reason}; free some space, or choose another folder in "
                         "[output]") from None


def write_text(path: Path, text: str) -> None:
    with written(path) as part:
        part.write_text(text, "utf-8")


def usable(folder: Path, where: str) -> None:
    """Make the folder and see that a file can be written to it, before work depends on it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise TrainError(f"{where}: nothing can be written to {folder}: {error.strerror or error}; name another "
                         "folder") from None


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Refuse a second process in a run's folder; the lock ends with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise TrainError(f"{folder}: another process prepares, trains or evaluates this run: wait for it, stop it, or give "
                             "this one another [run] name") from None
        yield
