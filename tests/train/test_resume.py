# SPDX-License-Identifier: MIT OR Apache-2.0
"""kill -9 and Ctrl-C at random moments, --resume: the final weights equal an undisturbed run's bit for bit."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import ROOT, make_set, run_file
from safetensors import safe_open
from safetensors.torch import load_file

STEPS = 20
LIMIT = 900  # seconds; only a hang reaches it


def start(*words: object) -> multiprocessing.process.BaseProcess:
    """The program as a process of its own, forked from one that has imported everything."""
    from dgx_pixels.train.__main__ import main

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["dgx_pixels.train.loop"])
    process = context.Process(target=main, args=([str(w) for w in words],))
    process.start()
    return process


def steps_done(curves: Path) -> int:
    return max(0, curves.read_bytes().count(b"\n") - 1) if curves.exists() else 0


def settings(folder: Path, name: str, optimizer: str) -> Path:
    return run_file(folder, name, run={"name": name, "base": str(ROOT / "models/starter"),
                                       "trigger": "spacy style"},
                    adapter={"kind": "locon", "rank": 2, "alpha": 2.0, "text_encoders": [2]},
                    data={"folder": str(folder / "sprites"), "views": 2},
                    train={"steps": STEPS, "batch": 1, "accumulation": 2, "optimizer": optimizer,
                           "rate": 1.0 if optimizer == "prodigy" else 1e-3, "ema": 0.9, "save_every": 4,
                           "sample_every": 0, "threads": 1})


@pytest.mark.parametrize("optimizer", ["adamw", "prodigy"])
def test_a_killed_run_goes_on(optimizer: str, tmp_path: Path, starter: Path, full: bool,
                              evidence: Callable[[str, int, str], None]) -> None:
    if optimizer == "prodigy" and not full:
        pytest.skip("a full run only: the same with another optimizer")
    make_set(tmp_path / "sprites", 6)
    whole = settings(tmp_path, "whole", optimizer)
    undisturbed = start("train", whole)
    undisturbed.join(LIMIT)
    assert undisturbed.exitcode == 0
    draw = random.Random(7)
    signals = [signal.SIGKILL] * (10 if full else 2) + [signal.SIGINT]
    (tmp_path / "again").mkdir()
    file = settings(tmp_path, "whole", optimizer)  # the same name: it is part of the metadata
    text = file.read_text().replace(f'"{tmp_path}/runs"', f'"{tmp_path}/again/runs"').replace(
        f'"{tmp_path}/loras"', f'"{tmp_path}/again/loras"')
    file = tmp_path / "again.toml"
    file.write_text(text)
    curves = tmp_path / "again/runs/whole/curves.csv"
    state = tmp_path / "again/runs/whole/state.pt"
    stopped = 0
    for i, number in enumerate(signals):
        wanted = 3 + (STEPS - 6) * (i + 1) // len(signals)
        process = start("train", file, *(["--resume"] if state.exists() else []))
        until = time.monotonic() + LIMIT
        while steps_done(curves) < wanted and process.is_alive() and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(draw.random() * 0.2)
        if process.is_alive():
            assert process.pid
            os.kill(process.pid, number)
            stopped += 1
        process.join(LIMIT)
        assert not list((tmp_path / "again").glob("loras/*"))
        if number == signal.SIGINT:
            assert process.exitcode == 0  # it saved and left: main() returned
    assert stopped == len(signals)
    last = start("train", file, "--resume")
    last.join(LIMIT)
    assert last.exitcode == 0
    ours, theirs = (tmp_path / f"{p}loras/whole.safetensors" for p in ("again/", ""))
    a, b = load_file(ours), load_file(theirs)
    assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
    with safe_open(ours, "pt") as one, safe_open(theirs, "pt") as other:
        assert one.metadata() == other.metadata()
    rows = [line.split(",")[0] for line in curves.read_text().splitlines()]
    assert rows == ["step", *map(str, range(1, STEPS + 1))]
    evidence(f"training: kill -9 and Ctrl-C, then --resume ({optimizer}): weights of the undisturbed run",
             len(signals), "equal bit for bit")


def test_a_run_is_not_mixed_with_another(tmp_path: Path, starter: Path, train: Callable[..., int],
                                         capsys: pytest.CaptureFixture[str]) -> None:
    from dgx_pixels.train import record, settings as reading

    make_set(tmp_path / "sprites", 4)
    file = settings(tmp_path, "one", "adamw")
    assert train("train", file, "--resume") == 1
    assert "holds no run to go on with" in capsys.readouterr().err
    s = reading.load(file)
    record.save_state(s, {"step": 3, "data": "these"})
    assert train("train", file) == 1
    assert "--resume" in capsys.readouterr().err
    changed = reading.load(file, {"adapter": {"rank": 3}})
    with pytest.raises(Exception, match=r"\[adapter\] rank: was 2 when the run began and is 3"):
        record.load_state(changed, torch.device("cpu"))
    with pytest.raises(Exception, match="the pictures, their captions or the model's weights are not those"):
        record.load_state(s, torch.device("cpu"), "other")
    free = reading.load(file, {"train": {"save_every": 9}})
    assert record.load_state(free, torch.device("cpu"))["step"] == 3
