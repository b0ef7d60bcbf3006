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
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from .dataset import Pixels
from .errors import TrainError
from .geometry import Geometry

BATCH = 16
COLORS = 16  # of a finished sprite at most where no preset says it, as in the starter's presets
VERSION = 2  # raise it when the same request gives other pictures
PACKAGE = Path(__file__).resolve().parents[2]


def paint(place: Geometry, prompts: Sequence[tuple[str, int]], lora: Path | None = None,
          weight: float = 1.0, device: str = "") -> list[Pixels]:
    """RGBA of every (prompt, seed) as a user gets them: by the preset of the kind in a prompt's last
    tag ("red crab, monster"), else with the model's own settings and a palette."""
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


def split_kind(prompt: str, kinds: Collection[str]) -> tuple[str, str | None]:
    """What is wished for, and the preset's name in the last tag if it is one."""
    subject, _, last = prompt.rpartition(",")
    return (subject.strip(), last.strip()) if subject.strip() and last.strip() in kinds else (prompt, None)


def main() -> None:
    from .. import Job, Model, list_presets

    request = Path(sys.argv[1])
    asked: dict[str, Any] = json.loads(request.read_text("utf-8"))
    options: dict[str, Any] = {"loras": {asked["lora"]: asked["weight"]}} if asked["lora"] else {}
    plain = {"colors": COLORS, "background": "keep" if asked["alpha"] else "auto"}
    kinds = {p["name"] for p in list_presets() if p["group"] == "kind"}
    with Model.load(asked["model"], **({"device": asked["device"]} if asked["device"] else {})) as model:
        split = [(*split_kind(prompt, kinds), seed) for prompt, seed in asked["jobs"]]
        for kind in dict.fromkeys(kind for _, kind, _ in split):  # presets differ in temperature: no common batch
            of = [i for i, (_, k, _) in enumerate(split) if k == kind]
            for some in (of[start:start + BATCH] for start in range(0, len(of), BATCH)):
                jobs = [Job(split[i][0], kind=kind, seed=split[i][2], finish=None if kind else plain, **options)
                        for i in some]
                for i, result in zip(some, model.generate_many(jobs)):
                    result.image.save(request.parent / f"{i}.png")


if __name__ == "__main__":
    from ..errors import DgxPixelsError

    try:
        main()
    except DgxPixelsError as error:
        sys.exit(str(error).replace("\n", " "))
