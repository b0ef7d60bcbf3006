# SPDX-License-Identifier: MIT OR Apache-2.0
"""Two styles that the starter never saw, from 50 pictures each, over three seeds: a full run only.

The runs stay in build/release/styles, for `docs/img/styles.py` makes the tutorial's pictures of them.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import BUILD, ROOT

IMAGES, SEEDS = 50, (1, 2, 3)
LIMIT = 20 * 60  # seconds of a training, by the claim; so it is the guard against a hang as well
FALL = 0.05


@pytest.fixture(scope="module")
def runs(full: bool, starter: Path) -> Path:
    if not full:
        pytest.skip("a full run only: six trainings of some minutes of one core")
    return BUILD / "styles"


def program(module: str, *words: object, limit: float | None = None) -> float:
    """Run it as a user does; its minutes of processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-W", "ignore", "-m", module, *map(str, words)], cwd=ROOT, check=True,
                   timeout=limit)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 60


@pytest.mark.parametrize("style", ["nouns", "grafxkid"])
def test_a_style_from_fifty_pictures(style: str, runs: Path, evidence: Callable[[str, int, str], None]) -> None:
    """Held-out loss and both style distances fall with each seed; adherence by at most 5 points.

    The starter's judge of kinds never saw the two styles either.
    """
    for old in runs.glob(f"{style}-?"):
        shutil.rmtree(old)
    judge, sprites, rows = runs / "kinds.pt", runs / f"sprites-{style}", []
    if not judge.exists():
        program("training.starter", "classifier", judge)
    subprocess.run([sys.executable, ROOT / "training/styles/take.py", style, "all", sprites, "--manifest"], check=True)
    for seed in SEEDS:
        name = f"{style}-{seed}"
        values = {"run.seed": seed, "run.name": name, "data.folder": sprites, "data.images": IMAGES,
                  "output.runs": runs, "output.folder": runs / "loras", "evaluate.classifier": judge,
                  "train.sample_every": 0}
        words = [ROOT / f"training/styles/{style}.toml"]
        words += [w for k, v in values.items() for w in ("--set", f"{k}={v}")]
        minutes = program("dgx_pixels.train", "train", *words, limit=LIMIT)
        program("dgx_pixels.train", "evaluate", *words)
        record = json.loads((runs / name / "record.json").read_text())["data"]
        assert len(record["train"]) == IMAGES and len(record["held_out"]) >= 10
        assert not set(record["train"]) & set(record["held_out"])
        about = json.loads((runs / name / "evaluate/figures.json").read_text())
        [found], base = about["checkpoints"], about["base"]
        best = next(w for w in found["weights"] if w["weight"] == found["recommended_weight"])
        rows.append({"seed": seed, "minutes": round(minutes, 2), "pictures": len(about["prompts"])
                     * len(about["seeds"]), "loss": [base["loss_held_out"], found["loss_held_out"]],
                     "train": [base["distance_train"], best["distance_train"]],
                     "held": [base["distance_held_out"], best["distance_held_out"]],
                     "adherence": [base["adherence"], best["adherence"]], "weight": best["weight"]})
        (runs / f"{style}.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
        print(rows[-1], flush=True)
    mean = {k: np.mean([r[k] for r in rows], axis=0) for k in ("loss", "train", "held", "adherence")}
    evidence(f"training: the style {style} from {IMAGES} pictures", len(SEEDS),
             f"held-out loss {mean['loss'][0]:.4f} to {mean['loss'][1]:.4f}, distance to the training set "
             f"{mean['train'][0]:.2f} to {mean['train'][1]:.2f}, to held-out sprites {mean['held'][0]:.2f} to "
             f"{mean['held'][1]:.2f}, adherence {mean['adherence'][0]:.1%} to {mean['adherence'][1]:.1%}, at most "
             f"{max(r['minutes'] for r in rows):.1f} min of a core")
    for row in rows:
        for figure in ("loss", "train", "held"):
            assert row[figure][1] < row[figure][0], (figure, row)
        assert row["adherence"][1] >= row["adherence"][0] - FALL, row
