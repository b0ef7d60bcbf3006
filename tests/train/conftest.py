# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the tests of the training share: a made-up set of sprites, and a run on the starter."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "models/starter"
_spec = importlib.util.spec_from_file_location("shared_conftest", ROOT / "tests/python/conftest.py")
assert _spec and _spec.loader
_shared = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_shared)
build, full, evidence, tiny, data = _shared.build, _shared.full, _shared.evidence, _shared.tiny, _shared.data

os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "bindings/python")])
BUILD = Path(os.environ.get("DGXP_BUILD", ROOT / "build/release")).resolve()
os.environ["DGX_PIXELS_LIBRARY"] = str(BUILD / "lib/libdgxpixels.so")
os.environ.setdefault("OMP_NUM_THREADS", "1")

sys.path.insert(0, str(ROOT))  # training/
import torch  # noqa: E402

torch.set_num_threads(1)  # children that are forked must find no pool of threads

COLOURS = {"red": (208, 48, 40), "green": (48, 168, 72), "blue": (40, 88, 200), "orange": (240, 144, 32)}


def sprite(number: int, side: int = 16) -> tuple[np.ndarray, str]:
    """A mirrored figure of three flat colours with a dark outline, and its caption."""
    draw = np.random.default_rng(number)
    colour = list(COLOURS)[number % len(COLOURS)]
    half = np.zeros((side, side // 2), int)
    edge = side // 6 + 1
    half[edge:-edge, 2:] = draw.integers(0, 3, (side - 2 * edge, side // 2 - 2))
    half[side // 2 - edge:side // 2 + edge, -side // 5:] = 1
    body = np.concatenate([half, half[:, ::-1]], 1)
    around = np.zeros_like(body, bool)
    for axis, shift in ((0, 1), (0, -1), (1, 1), (1, -1)):
        around |= np.roll(body > 0, shift, axis)
    table = np.array([(0, 0, 0, 0), (*COLOURS[colour], 255), (248, 240, 216, 255), (24, 20, 40, 255)],
                     np.uint8)
    body[(body == 0) & around] = 3
    return table[body], f"{colour} creature {number}, monster"


def make_set(folder: Path, count: int, side: int = 16) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        pixels, caption = sprite(i, side)
        PIL.Image.fromarray(pixels).save(folder / f"{i:03d}.png")
        (folder / f"{i:03d}.txt").write_text(caption)
    return folder


def run_file(folder: Path, name: str, **sections: dict[str, object]) -> Path:
    """A run on the made-up set that lies beside it."""
    from dgx_pixels.train.template import literal

    given = {"run": {"name": name, "base": str(STARTER), "trigger": "spacy style"},
             "data": {"folder": str(folder / "sprites")},
             "output": {"folder": str(folder / "loras"), "runs": str(folder / "runs")}}
    lines = []
    for section in {**given, **sections}:
        lines.append(f"[{section}]")
        lines += [f"{k} = {literal(v)}" for k, v in
                  {**given.get(section, {}), **sections.get(section, {})}.items()]
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture
def train() -> Callable[..., int]:
    """The program, in this process."""
    from dgx_pixels.train.__main__ import main

    return lambda *words: main([str(w) for w in words])


@pytest.fixture(scope="session")
def starter() -> Path:
    if not (STARTER / "unet").is_dir():
        pytest.skip("models/starter holds no weights: training on it is NOT TESTED")
    return STARTER
