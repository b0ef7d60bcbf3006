# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the server is told when it starts."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ..guard import Access


def default_data() -> Path:
    root = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return Path(root) / "dgx-pixels" / "server"


@dataclass(frozen=True)
class Settings(Access):
    """All limits have a default that suits one machine and a few people."""

    data: Path = field(default_factory=default_data)  # jobs.sqlite and results/
    port: int = 8000
    model: str | None = None  # the default model; None is the starter
    devices: tuple[str | None, ...] = (None,)  # one worker each; None is the best there is
    projects: tuple[Path, ...] = ()  # game projects on this machine's disk that /deploy may fill
    queue_limit: int = 256  # jobs that wait; more are refused with 429
    client_limit: int = 128  # of them from one address
    stream_limit: int = 256  # clients that listen to events
    patience: float = 10.0  # seconds of a full disk after which who waits is told
    batch_limit: int = 8  # pictures in one call of the library
    batch_wait: float = 0.005  # seconds that an idle worker waits for company
    memory_limit: int = 0  # bytes of resident models; 0 keeps two
    pixel_limit: int = 16 << 20  # pixels of a picture that is sent in
    keep_jobs: int = 2000  # finished ones
    keep_seconds: float = 7 * 24 * 3600.0
    keep_bytes: int = 4 << 30  # of results
    attempts: int = 3  # of a job that the server dies over
    preview_every: int = 4  # steps

    def check(self) -> None:
        super().check()
        known: dict[str, Path] = {}
        for project in self.projects:
            if not project.is_dir():
                raise ValueError(f"--project {project}: is no folder")
            if known.setdefault(project.name, project) != project:
                raise ValueError(f"--project {known[project.name]} and {project} have one name, by which clients "
                                 "choose: rename one of the folders")
