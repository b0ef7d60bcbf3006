# SPDX-License-Identifier: MIT OR Apache-2.0
"""The verdict, and evaluate and compare on a short run; the style distance has test_style.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import make_set, run_file


def test_a_kind_is_painted_by_its_preset() -> None:
    from dgx_pixels.train.paint import split_kind

    kinds = {"monster", "item"}
    assert split_kind("spacy style, red crab, monster", kinds) == ("spacy style, red crab", "monster")
    assert split_kind("old oak, prop", kinds) == ("old oak, prop", None)
    assert split_kind("monster", kinds) == ("monster", None)  # nothing else is wished for
    assert split_kind("a tree", kinds) == ("a tree", None)


def row(weight: float, distance: float, adherence: float) -> dict[str, float]:
    return {"weight": weight, "distance_train": distance, "adherence": adherence}


def test_the_verdict(starter: Path) -> None:
    from dgx_pixels.train.evaluate import verdict

    plain = {"distance_train": 1.0, "adherence": 0.8}
    good = verdict(plain, [row(0.6, 0.7, 0.79), row(1.0, 0.5, 0.6)], 0.2, 0.3)
    assert good["better"] and good["recommended_weight"] == 0.6  # 1.0 is nearer but costs 20 points
    assert not verdict(plain, [row(1.0, 0.5, 0.6)], 0.2, 0.3)["better"]
    assert "no nearer" in verdict(plain, [row(1.0, 1.1, 0.8)], 0.2, 0.3)["verdict"]
    assert "no lower" in verdict(plain, [row(1.0, 0.5, 0.8)], 0.4, 0.3)["verdict"]


def test_evaluate_and_compare(tmp_path: Path, starter: Path, train: Callable[..., int],
                              capsys: pytest.CaptureFixture[str]) -> None:
    from training.starter import classifier

    make_set(tmp_path / "sprites", 12)
    torch.manual_seed(0)
    classifier.export(classifier.build(), tmp_path / "kinds.pt")
    file = run_file(tmp_path, "spacy", adapter={"kind": "locon", "rank": 4, "alpha": 4.0, "text_encoders": [2]},
                    train={"steps": 12, "batch": 4, "rate": 3e-3, "schedule": "hold", "warmup": 2,
                           "save_every": 12, "sample_every": 0},
                    data={"folder": str(tmp_path / "sprites"), "views": 1, "hold_out": 0.25},
                    evaluate={"prompts": ["red creature, monster", "a tree"], "seeds": [1], "weights": [1.0],
                              "classifier": str(tmp_path / "kinds.pt")})
    assert train("evaluate", file) == 1
    assert "holds no checkpoint yet" in capsys.readouterr().err
    assert train("compare", file) == 1
    assert "is not evaluated" in capsys.readouterr().err
    assert train("train", file) == 0
    assert train("evaluate", file) == 0
    out = tmp_path / "runs/spacy/evaluate"
    figures = json.loads((out / "figures.json").read_text())
    [found] = figures["checkpoints"]
    assert found["loss_held_out"] < figures["base"]["loss_held_out"]
    assert 0 <= figures["base"]["adherence"] <= 1 and found["weights"][0]["distance_held_out"] > 0
    assert found["verdict"] and (out / "sheet.png").exists()
    assert len(list((out / "pictures").rglob("*.png"))) == 4
    [kept] = (tmp_path / "runs/.base").iterdir()  # for the next run beside it
    assert len(list(kept.iterdir())) == 2
    assert train("compare", file, "--out", tmp_path / "both.png") == 0
    assert "recommended weight 1" in capsys.readouterr().out and (tmp_path / "both.png").exists()
