# SPDX-License-Identifier: MIT OR Apache-2.0
"""examples/bevy-game under Xvfb, asked over BRP: for the tests and for the pictures of the documents."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image


class Refused(Exception):
    """An error that the game answered."""


class Game:
    """The running game and its project folder."""

    def __init__(self, project: Path, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.project, self.process, self.port, self.log = project, process, port, log

    def ask(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """One call of the Bevy Remote Protocol."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method}
        if params is not None:
            body["params"] = params
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=600) as response:
            answer = json.load(response)
        if "error" in answer:
            raise Refused(answer["error"]["message"])
        return answer["result"]

    def image(self, path: str) -> dict[str, Any]:
        images = self.ask("dgx_pixels/status", {"path": path})["images"]
        return images[0] if images else {"state": "absent", "generation": 0}

    def wait(self, path: str, generation: int, seconds: float = 600) -> dict[str, Any]:
        """Until the game has loaded `path` so many times."""
        end = time.monotonic() + seconds
        while (image := self.image(path))["generation"] < generation or image["state"] == "loading":
            assert time.monotonic() < end, f"{image}\n{self.log.read_text()[-2000:]}"
            time.sleep(0.05)
        return image

    def wait_for_hash(self, path: str, digest: str, seconds: float = 600) -> dict[str, Any]:
        """Until the game holds these pixels."""
        end = time.monotonic() + seconds
        while (image := self.image(path)).get("hash") != digest:
            assert time.monotonic() < end, f"{image}\n{self.log.read_text()[-2000:]}"
            time.sleep(0.05)
        time.sleep(0.5)  # the picture is drawn in the frame after it is loaded
        return image

    def screenshot(self, path: Path) -> Image.Image:
        """The window as Bevy drew it, by `brp_extras/screenshot`, which answers when the file is whole.

        The answer may come a frame before the game has put the capture away; until then it refuses the next.
        """
        end = time.monotonic() + 600
        while True:
            try:
                self.ask("brp_extras/screenshot", {"path": str(path)})
                return Image.open(path).convert("RGBA")
            except Refused as refused:
                assert "already in progress" in str(refused) and time.monotonic() < end, refused
                time.sleep(0.02)

    def drawn(self, path: Path) -> None:
        """Until the first sprites are on the screen: the shaders are compiled after they are loaded."""
        end = time.monotonic() + 600
        while len(self.screenshot(path).getcolors(1 << 20) or []) < 8:
            assert time.monotonic() < end, self.log.read_text()[-2000:]
            time.sleep(0.1)


@contextlib.contextmanager
def start(program: Path, project: Path, log: Path) -> Iterator[Game]:
    """The game with `project` as its folder, from its first answer to its end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    icd = next(Path("/usr/share/vulkan/icd.d").glob("lvp_icd*.json"))
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["xvfb-run", "-a", "-s", "-screen 0 1024x768x24", program], stdout=out, stderr=out,
            start_new_session=True,
            env={**{k: v for k, v in os.environ.items() if k not in ("LD_LIBRARY_PATH", "WAYLAND_DISPLAY")},
                 "BEVY_ASSET_ROOT": str(project), "BRP_EXTRAS_PORT": str(port),
                 "VK_ICD_FILENAMES": str(icd), "VK_DRIVER_FILES": str(icd), "WGPU_BACKEND": "vulkan",
                 "WINIT_X11_SCALE_FACTOR": "1"},
        )
    game = Game(project, process, port, log)
    try:
        end = time.monotonic() + 600
        while True:
            try:
                game.ask("rpc.discover")
                break
            except (urllib.error.URLError, ConnectionError):
                assert process.poll() is None and time.monotonic() < end, log.read_text()
                time.sleep(0.1)
        yield game
    finally:
        stop(game)


def stop(game: Game) -> None:
    """Ask it to end; xvfb-run then ends its own X server."""
    if game.process.poll() is None:
        try:
            game.ask("brp_extras/shutdown")
            game.process.wait(20)
        except Exception:
            os.killpg(game.process.pid, 15)
            game.process.wait(20)
