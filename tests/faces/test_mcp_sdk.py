# SPDX-License-Identifier: MIT OR Apache-2.0
"""The MCP server with the official TypeScript SDK's client, over stdio and HTTP, on the starter model."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import PIL.Image
import pytest

import machine
from serving import ROOT, free_port

SDK = ROOT / "tests/faces/mcp_sdk"
NODE = Path(sys.executable).parent / "node"
TOOLS = 12


def words(game: Path, *more: object) -> list[str]:
    return ["-m", "dgx_pixels.mcp", "--project", str(game), "--data", str(game.parent / "data"),
            "--brp", f"http://127.0.0.1:{free_port()}/", *map(str, more)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "bindings/python"), "DGX_PIXELS_BACKEND": "torch",
            "DGX_PIXELS_MODELS": str(ROOT / "models")}


def tour(*how: object) -> Any:
    if not (NODE.exists() and (SDK / "node_modules").is_dir()):
        machine.absent("Node", "MCP with the TypeScript SDK is", "run 'scripts/setup faces'")
    done = subprocess.run([NODE, SDK / "tour.js", *map(str, how)], text=True, capture_output=True,
                          env=environment(), timeout=1800)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


@contextmanager
def over_http(game: Path) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, *words(game, "--http", port)], env=environment(),
                               stdin=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/mcp"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(url, timeout=5)
            except urllib.error.HTTPError:
                break  # it answers; what it was asked was no MCP
            except OSError:
                assert process.poll() is None
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.parametrize("how", ["stdio", "http"])
def test_the_typescript_sdk(how: str, starter: Path, tiny: Path, game: Path) -> None:
    if how == "stdio":
        told = tour("stdio", sys.executable, *words(game))
    else:
        with over_http(game) as url:
            told = tour("http", url)

    assert told["server"]["name"] and len(told["tools"]) == TOOLS
    assert all(len(tool["description"]) > 40 and tool["inputSchema"]["type"] == "object" for tool in told["tools"])
    steps = [progress["progress"] for progress in told["progress"]]
    assert steps and steps == sorted(set(steps)), "each notification tells more"

    made = told["generate"]["structuredContent"]
    assert made["state"] == "done" and [image["seed"] for image in made["images"]] == [7, 8]
    shown = [block for block in told["generate"]["content"] if block["type"] == "image"]
    assert len(shown) == 2
    for image, block in zip(made["images"], shown, strict=True):
        assert Path(image["path"]).is_relative_to(game) and image["recipe"]["prompt"] and image["quality"]
        sprite = numpy.asarray(PIL.Image.open(image["path"]).convert("RGBA"))
        assert sprite.shape == (32, 32, 4) and set(numpy.unique(sprite[..., 3])) == {0, 255}
        assert len(numpy.unique(sprite[sprite[..., 3] > 0], axis=0)) > 4, "a picture, not a blot"
        preview = numpy.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(block["data"]))).convert("RGBA"))
        assert (preview == numpy.repeat(numpy.repeat(sprite, 8, 0), 8, 1)).all()

    assert told["deploy"]["structuredContent"]["files"][0]["action"] == "new"
    deployed = numpy.asarray(PIL.Image.open(game / "assets/sprites/hero.png").convert("RGBA"))
    assert deployed.shape == (32, 32, 4)
    assert made["job_id"] in [job["id"] for job in told["jobs"]["structuredContent"]["jobs"]]
    assert told["wrong"]["isError"] and "character" in told["wrong"]["content"][0]["text"]
    assert told["outside"]["isError"] and "outside the project" in told["outside"]["content"][0]["text"]
