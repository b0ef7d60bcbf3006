# SPDX-License-Identifier: MIT OR Apache-2.0
"""The MCP server with MCP's own clients, the TypeScript SDK and the Inspector, on the starter model."""

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

from serving import ROOT, free_port, node
from test_mcp import TOOLS


def words(game: Path, *more: object) -> list[str]:
    return ["-m", "dgx_pixels.mcp", "--project", str(game), "--data", str(game.parent / "data"),
            "--brp", f"http://127.0.0.1:{free_port()}/", *map(str, more)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "bindings/python"), "DGX_PIXELS_BACKEND": "torch",
            "DGX_PIXELS_MODELS": str(ROOT / "models")}


def tour(*how: object) -> Any:
    return json.loads(node("tour.js", *how, env=environment()))


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

    assert told["server"]["name"] and len(told["tools"]) == len(TOOLS)
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


def test_the_inspector(starter: Path, tiny: Path, game: Path, tmp_path: Path) -> None:
    """The program that people try MCP servers with: lists the tools, and calls two of them."""

    def ask(url: str, *words: object) -> Any:
        home = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
        return json.loads(node("node_modules/.bin/mcp-inspector", "--cli", "--transport", "http", "--server-url", url,
                               *words, env=home))

    with over_http(game) as url:
        tools = ask(url, "--method", "tools/list", "--strict")["tools"]
        assert len(tools) == len(TOOLS) and all(tool["inputSchema"]["type"] == "object" for tool in tools)
        made = ask(url, "--method", "tools/call", "--tool-name", "generate", "--tool-arg", "prompt=medieval knight",
                   "kind=character", "seed=7", 'more={"steps": 2}')["structuredContent"]
        assert made["state"] in ("queued", "running", "done") and made["job_id"]
        jobs = ask(url, "--method", "tools/call", "--tool-name", "list_jobs")["structuredContent"]["jobs"]
        assert made["job_id"] in [job["id"] for job in jobs]
