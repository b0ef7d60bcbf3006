# SPDX-License-Identifier: MIT OR Apache-2.0
"""What strangers do: each message names what is wrong and the way on, and nothing is half-written."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest
from conftest import make_set, run_file, sprite
from test_resume import LIMIT, start, steps_done

Train = Callable[..., int]


def small(folder: Path, **sections: dict[str, object]) -> Path:
    """A short run; `sections` are laid over it."""
    given: dict[str, dict[str, object]] = {
        "adapter": {"kind": "lora", "rank": 2, "alpha": 1.0},
        "train": {"steps": 2, "batch": 2, "sample_every": 0, "save_every": 1, "threads": 1}}
    return run_file(folder, "x", **{k: {**given.get(k, {}), **sections.get(k, {})} for k in {**given, **sections}})


def jpegs(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    PIL.Image.fromarray(sprite(1)[0]).convert("RGB").save(folder / "photo.jpg")


FOLDERS: list[tuple[str, Callable[[Path], object], str]] = [
    ("empty", lambda f: [p.unlink() for p in f.iterdir()], "holds no picture"),
    ("only JPEG", jpegs, "1 files of other kinds are not read: save them as PNG"),
    ("no UTF-8", lambda f: (f / "000.txt").write_bytes(b"caf\xe9"), "000.txt: is no UTF-8 text (byte 3)"),
    ("a folder as caption", lambda f: ((f / "000.txt").unlink(), (f / "000.txt").mkdir()), "000.txt: cannot be read: Is a"),
    ("a number as file", lambda f: (f / "manifest.jsonl").write_text('{"file": 3}'), "line 1: must be a JSON object"),
    ("a list as row", lambda f: (f / "manifest.jsonl").write_text("[1]"), "line 1: must be a JSON object"),
    ("Latin 1", lambda f: (f / "manifest.jsonl").write_bytes(b'{"file": "\xe9.png"}'), "is no UTF-8 text (byte 10)"),
    ("a way out", lambda f: (f / "manifest.jsonl").write_text('\n{"file": "../x.png"}'), "line 2: '../x.png' lies outside"),
    ("an absolute path", lambda f: (f / "manifest.jsonl").write_text('{"file": "/x.png"}'), "'/x.png' lies outside"),
]


@pytest.mark.parametrize("plant,told", [f[1:] for f in FOLDERS], ids=[f[0] for f in FOLDERS])
def test_folders(plant: Callable[[Path], object], told: str, tmp_path: Path, train: Train, starter: Path,
                 capsys: pytest.CaptureFixture[str]) -> None:
    plant(make_set(tmp_path / "sprites", 3))
    for command in ("lint", "prepare"):
        assert train(command, small(tmp_path)) == 1
        assert told in capsys.readouterr().err


def test_lint_tells_what_it_leaves_out(tmp_path: Path, train: Train, starter: Path,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    """Frames after the first, other kinds of files, single pixels, a broken file, a large factor."""
    folder = make_set(tmp_path / "sprites", 6)
    pictures = [PIL.Image.fromarray(sprite(i)[0]) for i in (7, 8, 9)]
    pictures[0].save(folder / "moves.gif", save_all=True, append_images=pictures[1:], duration=90)
    pictures[0].convert("RGB").save(folder / "photo.jpg")
    PIL.Image.new("RGBA", (1, 1), (255, 0, 0, 255)).save(folder / "dot.png")
    PIL.Image.new("RGBA", (16, 16), (255, 0, 0, 255)).save(folder / "flat.png")
    pictures[1].resize((2048, 2048), PIL.Image.Resampling.NEAREST).save(folder / "large.png")
    (folder / "broken.png").write_bytes((folder / "000.png").read_bytes()[:60])
    assert train("lint", small(tmp_path)) == 1
    shown = capsys.readouterr().out
    for words in ("moves.gif: frames: holds 3 frames", "photo.jpg: not-read", "dot.png: empty: shows nothing: fewer than 4",
                  "flat.png: empty", "large.png: scale: is enlarged 128 times; its true size is 16x16",
                  "broken.png: unreadable: cannot be read: image file is truncated. Replace"):
        assert words in shown, words
    assert train("prepare", small(tmp_path)) == 1
    assert "broken.png: cannot be read: image file is truncated; replace" in capsys.readouterr().err
    (folder / "broken.png").unlink()
    assert train("prepare", small(tmp_path)) == 0
    assert "left out" not in capsys.readouterr().err  # the large one fits


@pytest.mark.parametrize("sections,spoil,told", [
    ({"train": {"device": "meta"}}, None, "[train] device: 'meta' is not supported"),
    ({"train": {"device": "cuda:99"}}, None, "[train] device: 'cuda:99': this torch sees"),
    ({"adapter": {"targets": "nothing"}}, None, "[adapter] targets: "),
    ({}, "loras", "[output] folder: nothing can be written to"),
    ({}, "runs", "[output] runs: nothing can be written to"),
    ({"output": {"folder": "/proc/nowhere"}}, None, "[output] folder: nothing can be written to /proc/nowhere"),
])
def test_what_cannot_end_well_does_not_begin(sections: dict[str, dict[str, object]], spoil: str | None, told: str,
                                             tmp_path: Path, train: Train, starter: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    make_set(tmp_path / "sprites", 3)
    if spoil:
        (tmp_path / spoil).write_text("a file, not a folder")
    assert train("train", small(tmp_path, **sections)) == 1
    shown = capsys.readouterr()
    assert told in shown.err and "step 1" not in shown.out


@pytest.mark.parametrize("text,told", [("run = 3", "[run]: must be a section"), ("[[run]]\n", "[run]: must be a section"),
                                       ("\ufeff[run]\nname = 'x'\n", "[run] base: is missing")])
def test_run_files(text: str, told: str, tmp_path: Path, train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.toml"
    file.write_text(text, "utf-8")
    assert train("lint", file, "--set", "run.seed=2") == 1
    assert told in capsys.readouterr().err


def test_init_in_a_wrong_place(tmp_path: Path, train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("init", tmp_path, "--force") == 1
    assert "is a folder; name the run's TOML file" in capsys.readouterr().err
    assert train("init", "/proc/nowhere/x.toml") == 1
    assert "nothing can be written to /proc/nowhere" in capsys.readouterr().err


def test_a_life_with_it(tmp_path: Path, train: Train, starter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Spaces and letters of all kinds; a second process; other pictures; a damaged state; --restart."""
    home = tmp_path / "my sprites, größe 日本"
    folder = make_set(home / "sprites", 4)
    (folder / "000.txt").write_text('\ufeff"quoted", <lora:x:1>, (a:1.2), 日本語 🐉 \\\nsecond line', "utf-8")
    name = {"run": {"name": "stil größe", "base": str(starter), "trigger": "stil größe"}}
    file = small(home, **name)
    assert train("train", file) == 0
    assert "--lora 'stil größe:0.8'" in capsys.readouterr().out
    run, written = home / "runs/stil größe", home / "loras/stil größe.safetensors"
    before = written.read_bytes()
    assert list(tmp_path.rglob("*.part")) == []

    with open(run / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for words in (("train", file, "--restart"), ("prepare", file), ("evaluate", file)):
            assert train(*words) == 1
            assert "another process prepares, trains or evaluates this run" in capsys.readouterr().err
    # A restart that cannot begin costs nothing, nor does a resume on other pictures.
    state = (run / "state.pt").read_bytes()
    (folder / "001.png").rename(home / "001.png")
    (folder / "001.png").write_bytes(b"broken")
    assert train("train", file, "--restart") == 1
    assert "001.png: cannot be read" in capsys.readouterr().err
    PIL.Image.fromarray(sprite(9)[0]).save(folder / "001.png")
    assert train("train", file, "--resume") == 1
    assert "are not those with which the run began" in capsys.readouterr().err
    assert (run / "state.pt").read_bytes() == state and written.read_bytes() == before
    # A run that has ended writes its files again.
    (home / "001.png").replace(folder / "001.png")
    assert train("train", file, "--resume", "--set", "output.peft=true") == 0
    assert written.read_bytes() == before and (home / "loras/stil größe-peft/unet/adapter_config.json").exists()
    (run / "state.pt").write_bytes(state[:len(state) // 2])
    assert train("train", file, "--resume") == 1
    assert "state.pt: is damaged" in capsys.readouterr().err
    assert train("train", file, "--restart") == 0
    assert written.read_bytes() == before
    with pytest.raises(SystemExit):
        train("train", file, "--resume", "--restart")


def test_a_full_disk(tmp_path: Path, train: Train, starter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A limit of file size is met as a full disk is; SIGXFSZ is ignored by Python."""
    make_set(tmp_path / "sprites", 3)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        assert train("train", small(tmp_path)) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    error = capsys.readouterr().err
    assert "cannot be written: " in error and "free some space" in error
    assert list(tmp_path.rglob("*.part")) == [] and not list(tmp_path.glob("loras/*"))
    assert train("train", small(tmp_path)) in (0, 1)  # 1: the run has a state already


def test_ctrl_c_twice(tmp_path: Path, starter: Path) -> None:
    """The second one is obeyed at once, in the middle of a step that lasts for minutes."""
    make_set(tmp_path / "sprites", 4)
    process = start("train", small(tmp_path, train={"accumulation": 1024}))
    curves = tmp_path / "runs/x/curves.csv"  # opened before the first step
    until = time.monotonic() + LIMIT
    while not curves.exists() and process.is_alive() and time.monotonic() < until:
        time.sleep(0.02)
    assert process.pid
    for _ in range(2):
        time.sleep(0.5)
        os.kill(process.pid, signal.SIGINT)
    process.join(LIMIT)
    assert process.exitcode == 0  # main() returned
    assert steps_done(curves) == 0 and not (tmp_path / "runs/x/state.pt").exists()
    assert list(tmp_path.rglob("*.part")) == [] and not list(tmp_path.glob("loras/*"))
