# SPDX-License-Identifier: MIT OR Apache-2.0
"""A server and a client that share nothing but a network: other folders, other network namespaces.

The client's side has no C library.  Without the right to make namespaces both run side by side only.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from serving import ROOT, free_port

TOKEN = "a-long-secret"
SMALL: dict[str, Any] = {"prompt": "knight", "kind": "character", "size": "16x16", "more": {"steps": 2}}

# A game that holds what lies in its assets, as the plugin of dgx-pixels-bevy tells it.
GAME = """
import hashlib, http.server, json, pathlib, sys
from PIL import Image
seen = {}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path, images = (asked.get("params") or {}).get("path"), []
        file = pathlib.Path(sys.argv[1], "assets", path or "none")
        if file.is_file():
            picture = Image.open(file).convert("RGBA")
            pixels = hashlib.sha256(picture.tobytes()).hexdigest()
            old = seen.get(path, ("", 0))
            seen[path] = old if old[0] == pixels else (pixels, old[1] + 1)
            images.append({"path": path, "hash": pixels, "generation": seen[path][1], "state": "loaded",
                           "width": picture.width, "height": picture.height, "layers": 1, "error": None})
        body = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": {
            "plugin": "0.1.0", "watching": True, "images": images}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
"""

WAIT = """
import sys, time, urllib.request
for _ in range(600):
    try:
        urllib.request.urlopen(sys.argv[1] + "/readyz", timeout=5)
        break
    except OSError:
        time.sleep(0.2)
else:
    sys.exit("not ready")
"""


@dataclass
class Pair:
    """Two machines: `far` paints, `near` has the game.  Each is a command that runs another there."""

    folder: Path
    far: list[str] = field(default_factory=list)
    near: list[str] = field(default_factory=list)
    host: str = "127.0.0.1"
    port: int = 0
    brp: int = 0
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def game(self) -> Path:
        return self.folder / "near/game"

    def environment(self) -> dict[str, str]:
        """Of the near side: no library, no backend, no models."""
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("DGX_PIXELS", "DGXP", "XDG"))}
        return {**kept, "PYTHONPATH": str(ROOT / "bindings/python"), "DGX_PIXELS_TOKEN": TOKEN,
                "DGX_PIXELS_LIBRARY": "/nowhere/libdgxpixels.so", "DGX_PIXELS_SERVER": self.url}

    def start(self) -> None:
        (self.folder / "far").mkdir()
        (self.game / "assets").mkdir(parents=True)
        (self.game / "Cargo.toml").write_text('[dependencies]\nbevy = { features = ["file_watcher"] }\n')
        log = (self.folder / "far/log").open("w")
        self.running.append(subprocess.Popen(
            [*self.far, sys.executable, "-m", "dgx_pixels.server", "--model", "tiny", "--host", self.host,
             "--port", str(self.port), "--data", "data"], cwd=self.folder / "far", stdin=subprocess.DEVNULL,
            stdout=log, stderr=log,
            env={**os.environ, "PYTHONPATH": str(ROOT / "bindings/python"), "DGX_PIXELS_TOKEN": TOKEN}))
        self.running.append(subprocess.Popen(
            [*self.near, sys.executable, "-c", GAME, str(self.game), str(self.brp)], stdin=subprocess.DEVNULL))
        ready = subprocess.run([*self.near, sys.executable, "-c", WAIT, self.url], check=False)
        assert ready.returncode == 0, (self.folder / "far/log").read_text()

    def stop(self) -> None:
        for process in self.running:
            process.terminate()
            process.wait(60)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.near, sys.executable, *words], cwd=self.game, env=self.environment(),
                              text=True, capture_output=True, timeout=300, check=False,
                              stdin=subprocess.DEVNULL)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=600)


@pytest.fixture(params=[
    pytest.param("namespaces", marks=pytest.mark.needs_machine("network_namespaces")), "folders"])
def pair(request: pytest.FixtureRequest, tiny: Path, tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path, port=free_port(), brp=free_port())
    spaces = [f"dgxp-{side}-{os.getpid()}" for side in ("far", "near")]
    if request.param == "namespaces":
        for space in spaces:
            ip("netns", "add", space)
        far, near = spaces
        made.far, made.near = (["ip", "netns", "exec", space] for space in spaces)
        made.host = "10.77.0.1"
    try:
        if made.far:
            ip("link", "add", "dgxp0", "netns", far, "type", "veth", "peer", "name", "dgxp1", "netns", near)
            for space, link, address in ((far, "dgxp0", "10.77.0.1/24"), (near, "dgxp1", "10.77.0.2/24")):
                ip("-n", space, "addr", "add", address, "dev", link)
                ip("-n", space, "link", "set", link, "up")
                ip("-n", space, "link", "set", "lo", "up")
        made.start()
        yield made
    finally:
        made.stop()
        for space in spaces if made.far else ():
            ip("netns", "delete", space)


def test_the_clients_mcp_puts_the_file_into_the_clients_project(pair: Pair) -> None:
    async def through_mcp() -> Any:
        words = [*pair.near, sys.executable, "-m", "dgx_pixels.mcp", "--project", str(pair.game),
                 "--server", pair.url, "--brp", f"http://127.0.0.1:{pair.brp}/"]
        async with Client(StdioTransport(words[0], words[1:], env=pair.environment()),
                          init_timeout=300) as client:
            made = await client.call_tool("generate_and_deploy", {**SMALL, "to": "sprites/far.png"})
            shown = [block for block in made.content if block.type == "image"]
            assert len(shown) == 1, "a preview, without the library"
            game = (await client.call_tool("doctor")).structured_content["game"]
            assert "images loaded" in game
            return made.structured_content

    told = asyncio.run(through_mcp())
    [file] = told["deploy"]["files"]
    assert file["action"] == "new" and file["confirmed"]["state"] == "confirmed", file
    with PIL.Image.open(pair.game / "assets/sprites/far.png") as picture:
        assert picture.size == (16, 16) and not getattr(picture, "text", {})
    assert (pair.game / "assets/sprites/far.png.meta").exists()
    recipe = json.loads((pair.game / "dgx-pixels.recipes/sprites/far.json").read_text())["recipe"]
    assert recipe["seed"] == told["images"][0]["seed"]
    assert not list((pair.folder / "far").rglob("*.meta")), "nothing is deployed on the server's side"

    # The same by hand, and back again.
    done = pair.run("-m", "dgx_pixels", "generate", "a potion", "--size", "16x16", "--seed", "7", "--set",
                    "steps=2", "--to", "sprites/potion.png", "--confirm", "--brp",
                    f"http://127.0.0.1:{pair.brp}/")
    assert done.returncode == 0, done.stderr
    assert 'asset_server.load("sprites/potion.png")' in done.stdout and "confirmed" in done.stdout
    assert pair.run("-m", "dgx_pixels", "undo").returncode == 0
    assert not (pair.game / "assets/sprites/potion.png").exists()
    assert (pair.game / "assets/sprites/far.png").exists()
    wrong = pair.run("-m", "dgx_pixels", "generate", "a", "--server", "http://127.0.0.1:9", "-o", "x.png")
    assert wrong.returncode == 1 and "is dgx-pixels-server running there" in wrong.stderr

    for path, said in (("x.jpg", "name it .png"), ("none/x.png", "no folder none")):
        done = pair.run("-m", "dgx_pixels", "generate", "a", "-o", path)
        assert done.returncode == 1 and said in done.stderr

    if pair.near:  # they are apart: the server is not on the client's loopback, the game not on the server's
        apart = pair.run("-m", "dgx_pixels", "generate", "a", "--server", f"http://127.0.0.1:{pair.port}",
                         "-o", "x.png")
        assert apart.returncode == 1 and "does not answer" in apart.stderr
        nobody = subprocess.run([*pair.far, "curl", "-s", f"http://127.0.0.1:{pair.brp}/"], check=False,
                                capture_output=True)
        assert nobody.returncode == 7


def test_without_the_library_it_says_what_works(tmp_path: Path, python: Any) -> None:
    env = {"DGX_PIXELS_LIBRARY": "/nowhere/libdgxpixels.so"}
    done = python("-m", "dgx_pixels", "doctor", env=env, check=False)
    assert done.returncode == 1 and "/nowhere/libdgxpixels.so" in done.stderr
