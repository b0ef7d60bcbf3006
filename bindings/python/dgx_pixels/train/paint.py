# SPDX-License-Identifier: MIT OR Apache-2.0
"""Pictures by the library itself, in a process of its own: `python -m dgx_pixels.train.paint`.

A process of its own gives its memory back when it is done, and an engine that fails to open does
not end a training.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from .dataset import Pixels
from .errors import TrainError
from .geometry import Geometry

BATCH = 16
COLORS = 24  # a finished sprite's palette at most; the starter's presets allow 16
PACKAGE = Path(__file__).resolve().parents[2]


def paint(place: Geometry, prompts: Sequence[tuple[str, int]], lora: Path | None = None,
          weight: float = 1.0, device: str = "") -> list[Pixels]:
    """RGBA of every (prompt, seed), with the model's own settings, finished as a user gets them."""
    with tempfile.TemporaryDirectory() as folder:
        request = Path(folder) / "request.json"
        request.write_text(json.dumps({
            "model": str(place.path), "alpha": place.alpha, "lora": str(lora) if lora else None, "weight": weight,
            "device": device, "jobs": list(prompts)}), "utf-8")
        path = os.pathsep.join(filter(None, [str(PACKAGE), os.environ.get("PYTHONPATH")]))
        done = subprocess.run([sys.executable, "-m", "dgx_pixels.train.paint", str(request)], text=True,
                              capture_output=True, env={**os.environ, "PYTHONPATH": path},
                              stdin=subprocess.DEVNULL, start_new_session=True)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
            raise TrainError(f"the engine painted nothing: {last}")
        return [np.asarray(PIL.Image.open(Path(folder) / f"{i}.png").convert("RGBA"))
                for i in range(len(prompts))]


def main() -> None:
    from .. import Job, Model

    request = Path(sys.argv[1])
    asked: dict[str, Any] = json.loads(request.read_text("utf-8"))
    options: dict[str, Any] = {"loras": {asked["lora"]: asked["weight"]}} if asked["lora"] else {}
    finish = {"colors": COLORS, "background": "keep" if asked["alpha"] else "auto"}
    with Model.load(asked["model"], **({"device": asked["device"]} if asked["device"] else {})) as model:
        for start in range(0, len(asked["jobs"]), BATCH):
            jobs = [Job(prompt, seed=seed, finish=finish, **options) for prompt, seed in asked["jobs"][start:start + BATCH]]
            for i, result in enumerate(model.generate_many(jobs), start):
                result.image.save(request.parent / f"{i}.png")


if __name__ == "__main__":
    from ..errors import DgxPixelsError

    try:
        main()
    except DgxPixelsError as error:
        sys.exit(str(error).replace("\n", " "))
