# SPDX-License-Identifier: MIT OR Apache-2.0
"""A copy of examples/bevy-game that runs under Xvfb, and a way to ask it over BRP."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/models")]

import cached  # noqa: E402


@pytest.fixture(scope="session")
def build() -> Path:
    return Path(os.environ.get("DGXP_BUILD", ROOT / "build/release")).resolve()


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
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        if "error" in answer:
            raise Refused(answer["error"]["message"])
        return answer["result"]

    def image(self, path: str) -> dict[str, Any]:
        images = self.ask("dgx_pixels/status", {"path": path})["images"]
        return images[0] if images else {"state": "absent", "generation": 0}

    def wait(self, path: str, generation: int, seconds: float = 30) -> dict[str, Any]:
        """Until the game has loaded `path` so many times."""
        end = time.monotonic() + seconds
        while (image := self.image(path))["generation"] < generation or image["state"] == "loading":
            assert time.monotonic() < end, f"{image}\n{self.log.read_text()[-2000:]}"
            time.sleep(0.05)
        return image

    def wait_for_hash(self, path: str, digest: str, seconds: float = 30) -> dict[str, Any]:
        """Until the game holds these pixels."""
        end = time.monotonic() + seconds
        while (image := self.image(path)).get("hash") != digest:
            assert time.monotonic() < end, f"{image}\n{self.log.read_text()[-2000:]}"
            time.sleep(0.05)
        time.sleep(0.5)  # the picture is drawn in the frame after it is loaded
        return image


@pytest.fixture
def game(tmp_path: Path) -> Iterator[Game]:
    program = Path(os.environ["CARGO_TARGET_DIR"]) / "debug/bevy-game"
    project = tmp_path / "game"
    shutil.copytree(ROOT / "examples/bevy-game", project, ignore=shutil.ignore_patterns("target"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "game.log"
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
        end = time.monotonic() + 120
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


class Painter:
    """`dgx-pixels generate` with the starter, or with the tests' tiny model until there is one."""

    def __init__(self, build: Path) -> None:
        self.program = build / "bin/dgx-pixels"
        self.starter = (ROOT / "models/starter/unet").is_dir()
        self.env = dict(os.environ)
        if not self.starter:
            tiny = cached.tiny(build)
            self.env |= {"DGX_PIXELS_MODELS": str(tiny), "XDG_CONFIG_HOME": str(tiny / "config")}

    def run(self, *words: str | Path) -> str:
        done = subprocess.run([self.program, *map(str, words)], env=self.env, text=True,
                              capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def generate(self, subject: str, seed: int, *words: str | Path) -> str:
        if self.starter:
            return self.run("generate", "character", subject, "-s", str(seed), *words)
        return self.run("generate", subject, "-m", "tiny", "--size", "32x32",
                        "--steps", "4", "-s", str(seed), *words)


@pytest.fixture(scope="session")
def painter(build: Path) -> Painter:
    painter = Painter(build)
    if not painter.starter:
        print("\nNOT THE STARTER: models/starter is not there, the tests' tiny model paints (noise)",
              file=sys.stderr)
    return painter
