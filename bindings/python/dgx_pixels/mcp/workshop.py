# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the tools share: the project's folder, the server that paints, pictures for a model's eyes."""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
import zlib
from pathlib import Path
from typing import Any

from ..client import Client, Painted
from ..errors import DgxPixelsError

OUT = ".dgx-pixels/out"  # inside the project; deploy's own folder ignores itself in git


class Workshop:
    """One project, one server."""

    def __init__(self, project: Path, client: Client, brp: str = "http://127.0.0.1:15702/") -> None:
        self.project = project.resolve()
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
        staged = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        staged.write_bytes(data)
        staged.replace(path)
        return path

    def keep(self, job: dict[str, Any]) -> list[tuple[Path, Painted]]:
        """Bring a finished job's pictures into the project."""
        return [(self.write(f"{painted.job}-{index}.png", painted.png), painted)
                for index, painted in enumerate(self.client.fetch(job))]

    def deploy(self, files: dict[str, bytes], to: str, tile: int, force: bool) -> dict[str, Any]:
        """Into assets/, then ask the running game whether it arrived."""
        from ..game import deploy

        before = {entry["path"]: entry["generation"] for entry in self._status() or []}
        done = deploy(files, project=self.project, to=to, tile=tile, force=force)
        done["confirmed"] = [self._confirm(file, before) for file in done["files"]
                             if file.get("pixels")]
        return done

    def _ask_game(self, method: str, params: Any = None) -> Any:
        import urllib.request

        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.brp, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=2) as answer:
            told = json.loads(answer.read())
        if "error" in told:
            raise DgxPixelsError(str(told["error"].get("message", told["error"])))
        return told["result"]

    def _status(self) -> list[dict[str, Any]] | None:
        try:
            images: list[dict[str, Any]] = self._ask_game("dgx_pixels/status")["images"]
            return images
        except (OSError, ValueError, KeyError, DgxPixelsError):
            return None

    def _confirm(self, file: dict[str, Any], before: dict[str, int], seconds: float = 5.0) -> dict[str, Any]:
        """Wait for a newer generation with these pixels; then ask the game to reload, and wait again."""
        path = file["path"]
        told: dict[str, Any] = {"path": path, "confirmed": False}
        if file.get("action") == "unchanged":
            return {**told, "reason": "the file did not change"}
        for attempt in range(2):
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                images = self._status()
                if images is None:
                    return {**told, "reason": f"no game with DgxPixelsPlugin (feature brp) at {self.brp}"}
                entry = next((image for image in images if image["path"] == path), None)
                if entry is None:
                    return {**told, "reason": "the game has not loaded this file; it will find it there"}
                if entry["hash"] == file["pixels"] and entry["generation"] > before.get(path, 0):
                    return {"path": path, "confirmed": True, "generation": entry["generation"]}
                if entry["state"] == "failed":
                    return {**told, "reason": str(entry["error"])}
                time.sleep(0.1)
            if attempt == 0:
                self._ask_game("dgx_pixels/reload", {"path": path})
        return {**told, "reason": "the game did not reload it"}


def enlarge(png: bytes, side: int = 256) -> bytes:
    """A preview for eyes: whole pixels, at most `side`, no metadata; the picture itself without Pillow
    or the library."""
    try:
        from ..image import Image

        return Image.decode(png).preview(side)
    except DgxPixelsError:
        return png


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
