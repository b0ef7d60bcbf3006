# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the tools share: the project's folder, the server that paints, pictures for a model's eyes."""

from __future__ import annotations

import secrets
import socket
import threading
import time
import zlib
from pathlib import Path
from typing import Any

from .. import game, project
from ..client import Client, Painted
from ..errors import BackendError
from ..files import write_whole

OUT = ".dgx-pixels/out"  # inside the project; deploy's own folder ignores itself in git


class Workshop:
    """One project, one server."""

    def __init__(self, folder: Path, client: Client, brp: str = project.GAME) -> None:
        self.project = folder.resolve()
        self.client = client
        self.brp = brp

    def inside(self, path: str) -> Path:
        """A file of the project; anything else is refused, links that lead outside too."""
        if "\0" in path:
            raise ValueError("a path must not hold a NUL character")
        found = (self.project / path).resolve()
        if not found.is_relative_to(self.project):
            raise ValueError(f"{path} lies outside the project {self.project}")
        return found

    def read_png(self, path: str) -> bytes:
        found = self.inside(path)
        if not found.is_file():
            raise ValueError(f"{found} is no file")
        if found.stat().st_size > 32 << 20:
            raise ValueError(f"{found} is larger than 32 MiB")
        return found.read_bytes()

    def write(self, name: str, data: bytes) -> Path:
        """A file in the project's own output folder, whole or not at all."""
        folder = self.inside(OUT)
        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder.parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        path = self.inside(f"{OUT}/{name}")
        write_whole(path, data)
        return path

    def keep(self, job: dict[str, Any]) -> list[tuple[Path, Painted]]:
        """Bring a finished job's pictures into the project."""
        return [(self.write(f"{painted.job}-{index}.png", painted.png), painted)
                for index, painted in enumerate(self.client.fetch(job))]

    def check_place(self, to: str, force: bool) -> None:
        """Whether a new picture could be deployed there, without one."""
        project.check_place(to, project=self.project, force=force)

    def deploy(self, files: dict[str, bytes], to: str, tile: int, array: bool,
               force: bool) -> dict[str, Any]:
        """Into assets/, then ask the running game whether it arrived."""
        return project.deploy(files, project=self.project, to=to, tile=tile, array=array, force=force, confirm=True,
                              brp=self.brp)

    def old(self) -> list[dict[str, Any]] | str:
        """What an older version left in the project; the library looks, where this machine has it."""
        try:
            found: list[dict[str, Any]] = game.upgrade(self.project, dry_run=True)["files"]
            return found
        except BackendError:
            return "not looked at: the library is not on this machine"

    def game(self) -> str:
        """The running game in a few words."""
        try:
            return f"{len(project.Game(self.brp).status().get('images') or [])} images loaded"
        except project.GameError as error:
            return str(error)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def local_server(data: Path, model: str | None, device: str | None) -> Client:
    """A server of our own in this process, for this process only: a random port and token."""
    import uvicorn

    from ..server import Settings, create_app

    token, port = secrets.token_urlsafe(24), free_port()
    app = create_app(Settings(data=data, port=port, token=token, model=model, devices=(device,)))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None,
                                           access_log=False))
    thread = threading.Thread(target=server.run, daemon=True, name="server")
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the painting server did not start; its log is on stderr")
        time.sleep(0.01)
    return Client(f"http://127.0.0.1:{port}", token)


def data_folder(project: Path) -> Path:
    """Jobs of one project, outside it."""
    from ..server.settings import default_data

    digest = zlib.crc32(str(project.resolve()).encode())
    return default_data().parent / f"mcp-{project.resolve().name}-{digest:08x}"
