# SPDX-License-Identifier: MIT OR Apache-2.0
"""A prompt without a kind is finished alike by the server, the Python package and the command line."""

from __future__ import annotations

import io
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import PIL.Image
from serving import ROOT, Server

PROMPT, SEED = "red dragon", 7
TORCH = {"DGX_PIXELS_BACKEND": "torch", "DGX_PIXELS_MODELS": str(ROOT / "models")}


def rgba(data: bytes) -> bytes:
    return PIL.Image.open(io.BytesIO(data)).convert("RGBA").tobytes()


def colours(pixels: bytes) -> int:
    return len({pixels[at:at + 3] for at in range(0, len(pixels), 4) if pixels[at + 3]})


def test_every_face_finishes_a_plain_prompt(starter: Path, build: Path, tmp_path: Path, python: Any) -> None:
    sprite = tmp_path / "cli.png"
    subprocess.run([build / "bin/dgx-pixels", "generate", PROMPT, "-s", str(SEED), "-m", "starter", "-o", sprite],
                   check=True, capture_output=True, env={**os.environ, **TORCH})
    program = f"""
from dgx_pixels import Model
with Model.load("starter", device="cpu") as model:
    model.generate({PROMPT!r}, seed={SEED}).save({str(tmp_path / "python.png")!r})
    model.generate({PROMPT!r}, seed={SEED}, as_painted=True).save({str(tmp_path / "painted.png")!r})
"""
    python("-c", program, env=TORCH)
    painted, package = (rgba((tmp_path / f"{name}.png").read_bytes()) for name in ("painted", "python"))

    server = Server(tmp_path / "data", "--model", "starter", **TORCH)
    try:
        body: dict[str, Any] = {"prompt": PROMPT, "seed": SEED}
        served = rgba(server.ask("POST", "/api/v1/generate", body, Accept="image/png").body)
        bare = rgba(server.ask("POST", "/api/v1/generate", {**body, "as_painted": True},
                               Accept="image/png").body)
        wrong = server.ask("POST", "/api/v1/generate", {**body, "as_painted": "yes"})
    finally:
        server.stop()
    ours = rgba(sprite.read_bytes())
    assert ours == package == served and colours(ours) <= 16
    assert painted == bare and colours(painted) > 64
    assert wrong.status == 422 and "as_painted" in json.dumps(wrong.json)
