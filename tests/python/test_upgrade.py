# SPDX-License-Identifier: MIT OR Apache-2.0
"""What an older project, list, preset or bundle has that is gone: doctor names it, `init --upgrade` mends it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

PROJECT = {"format": 1, "model": "tiny", "presets": "presets",
           "defaults": {"cfg": 3.3, "steps": 2, "width": 16, "height": 24},
           "assets": [{"path": "a.png", "subject": "a bat", "negative": "blur"},
                      {"path": "b.png", "kind": "own", "subject": "b", "animation": {"frames": [{"cfg_scale": 2}]}}]}
PRESET = {"format": 1, "name": "own", "help": "h", "export": {"nine_slice": 0.33},
          "models": {"*": {"prompt": "x {subject}", "negative": "bad"}}}
RECIPE = '{"format": 1, "image": "knight.png", "sha256": "x", "texts": {"parameters": "a knight"}}\n'


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A game as an earlier state left it."""
    folder = tmp_path / "game"
    for name in ("assets/sprites", "presets", "lists", "models/mine", "target"):
        (folder / name).mkdir(parents=True)
    (folder / "Cargo.toml").write_text('[package]\nname = "g"\nversion = "0.1.0"\n[dependencies]\nbevy = "0.19"\n')
    (folder / "dgx-pixels.json").write_text(json.dumps(PROJECT))
    (folder / "presets/own.json").write_text(json.dumps(PRESET))
    (folder / "assets/sprites/knight.dgxpx.json").write_text(RECIPE)
    (folder / "lists/a.jsonl").write_text('{"prompt": "é",  "steps": 3}\n\n{"prompt": "b", "cfg": 0.1}\n')
    (folder / "lists/b.csv").write_text('"prompt",negative,steps\r\n"a, b",x,3\r\n')
    (folder / "lists/c.json").write_text('[{"subject": "a", "kind": "item", "denoise": 0.5}]')
    (folder / "models/mine/bundle.json").write_text(
        json.dumps({"format": 1, "kind": "model", "defaults": {"cfg": 2, "negative": "x"}}))
    (folder / "walk.json").write_text(json.dumps({"format": "dgx-pixels-workflow", "version": 1, "kind": "sprite",
                                                  "request": {"prompt": "a", "num_steps": 2}}))
    # None of ours, or built: never touched.
    (folder / "level.jsonl").write_text('{"level": "a", "width": 3}\n')
    (folder / "map.json").write_text('{"width": 3, "height": 4, "prompt": 5}')
    (folder / "target/a.jsonl").write_text('{"prompt": "b", "cfg": 0.1}\n')
    return folder


def test_what_is_gone_is_named_and_mended(cli: Run, old: Path) -> None:
    before = snapshot(old)
    assert "(cfg" not in cli("doctor", old).stdout
    told = json.loads(cli("doctor", "--json", old).stdout)["old"]
    assert snapshot(old) == before, "doctor changes nothing"
    kinds = {Path(file["path"]).name: file["kind"] for file in told}
    assert kinds == {"dgx-pixels.json": "project", "own.json": "preset", "knight.dgxpx.json": "recipe",
                     "a.jsonl": "list", "b.csv": "list", "c.json": "list", "bundle.json": "bundle",
                     "walk.json": "workflow"}
    shown = cli("doctor", old).stdout
    for words in ("defaults: 'cfg' is called 'guidance'", "assets[1].animation.frames[0]: 'cfg_scale' is called",
                  "'width' and 'height' are called 'size'", "line 3: 'cfg' is called 'guidance'",
                  "line 1: the column 'negative' is called 'negative_prompt'", "export.nine_slice",
                  "init --upgrade"):
        assert words in shown, shown

    cli("init", "--upgrade", old)
    after = snapshot(old)
    assert json.loads(after["dgx-pixels.json"]) == {
        **PROJECT, "defaults": {"guidance": 3.3, "steps": 2, "size": [16, 24]},
        "assets": [{"path": "a.png", "subject": "a bat", "negative_prompt": "blur"},
                   {"path": "b.png", "kind": "own", "subject": "b", "animation": {"frames": [{"guidance": 2}]}}]}
    assert b'\n    {"path": "a.png", ' in after["dgx-pixels.json"], "a line an asset, as people write it"
    assert json.loads(after["presets/own.json"])["models"]["*"] == {
        "prompt": "x {subject}", "negative_prompt": "bad", "panel": 0.33}
    assert after["lists/a.jsonl"].decode() == '{"prompt": "é",  "steps": 3}\n\n{"prompt": "b", "guidance": 0.1}\n'
    assert after["lists/b.csv"] == b'"prompt",negative_prompt,steps\r\n"a, b",x,3\r\n'
    assert json.loads(after["models/mine/bundle.json"])["defaults"] == {"guidance": 2, "negative_prompt": "x"}
    assert after["dgx-pixels.recipes/sprites/knight.json"].decode() == RECIPE
    assert "assets/sprites/knight.dgxpx.json" not in after
    for name, data in before.items():  # nothing is lost
        assert data in (after.get(name), after.get(name + ".old")) or name.endswith(".dgxpx.json"), name
    for name in ("level.jsonl", "map.json", "target/a.jsonl", "Cargo.toml"):
        assert after[name] == before[name] and name + ".old" not in after

    assert "nothing is left" in cli("init", "--upgrade", old).stdout and snapshot(old) == after
    assert json.loads(cli("doctor", "--json", old).stdout)["old"] == []
    assert "would be made" in cli("build", "--dry-run", "--project", old).stdout, "and the game builds"


def test_what_only_a_person_can_decide_is_left(cli: Run, old: Path) -> None:
    (old / "lists/a.jsonl").write_text('{"prompt": "b", "cfg": 1, "guidance": 2}\n')
    (old / "lists/b.csv").write_text("prompt,width\na,3\n")
    (old / "dgx-pixels.json.old").write_text("kept from before")
    (old / "dgx-pixels.recipes/sprites").mkdir(parents=True)
    (old / "dgx-pixels.recipes/sprites/knight.json").write_text("{}")
    (old / "out/.dgx-pixels").mkdir(parents=True)
    (old / "out/.dgx-pixels/batch.json").write_text('{"format": "dgx-pixels-batch", "version": 1}')
    before = snapshot(old)
    told = cli("init", "--upgrade", old)
    assert told.returncode == 1 and "5 left for you" in told.stdout, told.stdout
    for words in ("'cfg' is called 'guidance', which is there too", "the column 'width' is gone",
                  "a file .old stands beside it", "another one is there", "a line's seed came of the whole list"):
        assert words in told.stdout, told.stdout
    after = snapshot(old)
    for name in ("lists/a.jsonl", "lists/b.csv", "dgx-pixels.json", "dgx-pixels.json.old",
                 "dgx-pixels.recipes/sprites/knight.json", "assets/sprites/knight.dgxpx.json"):
        assert after[name] == before[name], name
    assert b"negative_prompt" in after["presets/own.json"], "the others are mended all the same"


def test_a_copy_that_was_stopped_goes_on(cli: Run, old: Path) -> None:
    """Between the copy and the removal both are there."""
    (old / "dgx-pixels.recipes/sprites").mkdir(parents=True)
    (old / "dgx-pixels.recipes/sprites/knight.json").write_text(RECIPE)
    cli("init", "--upgrade", old)
    assert not (old / "assets/sprites/knight.dgxpx.json").exists()
    assert (old / "dgx-pixels.recipes/sprites/knight.json").read_text() == RECIPE


def test_presets_of_ones_own_are_looked_at(cli: Run, old: Path, tmp_path: Path) -> None:
    program = Path(os.environ.get("DGXP_BUILD", "build/release")) / "bin/dgx-pixels"
    told = subprocess.run([program, "doctor", "--json"], text=True, capture_output=True, cwd=tmp_path,
                          env={**os.environ, "DGX_PIXELS_PRESETS": str(old / "presets")})
    assert any("export.nine_slice" in sentence for file in json.loads(told.stdout)["old"] for sentence in file["gone"])
    assert cli("doctor", old / "nothing").returncode == 3
