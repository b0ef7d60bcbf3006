# SPDX-License-Identifier: MIT OR Apache-2.0
"""scripts/gpu-check and scripts/gpu-train, so that they never rot: their CPU half, and what guards their minutes.

The scripts run in a copy that holds what would travel to a lent machine and nothing else, by a Python that finds no
package but those of that machine (tests/gpu/machine-packages.txt) and those that are carried.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import bench_profile
import numpy as np
import pytest
import torch
from gpu import check, parts, travel
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
FINDER = '''
import importlib.machinery as machinery, json, os, sys, sysconfig
refused = set(json.load(open(os.path.join(os.path.dirname(__file__), "refused.json"))))
sites = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}

class Finder(machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if path is None and name in refused:
            path = [folder for folder in sys.path if folder not in sites]
        return machinery.PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(machinery.PathFinder)] = Finder
'''


def needed(names: set[str]) -> set[str]:
    """With what these packages need in the versions of this machine: there they have other ones, complete as well."""
    found: set[str] = set()
    left = set(names)
    while left:
        name = left.pop()
        found.add(name)
        try:
            wanted = [Requirement(text) for text in importlib.metadata.requires(name) or []]
        except importlib.metadata.PackageNotFoundError:
            continue
        left |= {canonicalize_name(w.name) for w in wanted if not w.marker or w.marker.evaluate({"extra": ""})} - found
    return found


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH: with it Python finds only what the machine has."""
    folder = tmp_path_factory.mktemp("bare")
    listed = (ROOT / "tests/gpu/machine-packages.txt").read_text().splitlines()
    there = needed({canonicalize_name(name) for name in listed if not name.startswith("#")})
    refused = [module for module, names in importlib.metadata.packages_distributions().items()
               if not there & {canonicalize_name(name) for name in names}]
    assert {"diffusers", "open_clip", "fastapi"} <= set(refused) and "torch" not in refused
    (folder / "refused.json").write_text(json.dumps(refused))
    (folder / "sitecustomize.py").write_text(FINDER)
    return folder


@pytest.fixture(scope="module")
def copy(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What would travel: git's files and .gpu."""
    if not (ROOT / ".git").exists():
        pytest.skip("no git here to say what would travel")
    folder = tmp_path_factory.mktemp("copy")
    for path in travel.tree():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, folder / path, follow_symlinks=False)
    travel.pack(build, folder / ".gpu", preset=0)
    print(travel.budget(folder / ".gpu"))
    return folder


def run(copy: Path, bare: Path, *words: object) -> str:
    """Ends green, as a program of the machine that knows nothing of this one."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    done = subprocess.run([sys.executable, *map(str, words)], cwd=copy, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=3600,
                          env={**kept, "HOME": str(copy), "PYTHONPATH": str(bare), "OMP_NUM_THREADS": "1"})
    print(done.stdout)
    assert done.returncode == 0
    return done.stdout


def test_check_runs_on_the_processor(copy: Path, bare: Path, tiny: Path, full: bool) -> None:
    out = copy / "out"
    where = "import sys; sys.path.insert(0, 'tests'); from gpu import travel; print(travel.place().build)"
    there = Path(run(copy, bare, "-c", where).strip())
    assert there.is_relative_to(copy)
    if not full:  # it is made there in half a minute; here only what that takes is looked at
        (there / tiny.name).symlink_to(tiny)
        run(copy, bare, "-c", f"import sys; sys.path[:0] = ['tests/models', '{there.parent / 'site'}']; import maker; "
            "assert len(maker.clip_merges()) == 48894")
    printed = run(copy, bare, "scripts/gpu-check", "--small", "--minutes", 50, "--out", out)
    assert "not finished" not in printed and "would not come back" not in printed
    rows = check.read_rows(out / "rows.jsonl")
    assert {row["kind"] for row in rows} == {"rates", "engine", "lora", "train", "opening", "profile"}
    assert {row["engine"] for row in rows if row["kind"] == "engine"} == {"ours", "ours-no-graph", "diffusers-regional"}
    assert all(row["db"] > 60 for row in rows if row["kind"] == "engine")
    report = (out / "report.md").read_text()
    assert re.findall("^## (.*)$", report, re.M) == list(check.TITLES.values())
    assert report.count("| engine | batch |") == 1 and "stopped" not in report and "failed" not in report
    assert "| `test_graphs_change_nothing[f32]` | passed |" in report


def write_corpus(path: Path, words: int) -> None:
    """Made-up sprites, a quarter of them held out."""
    from training.starter.config import CONTEXT, SIZE
    from training.starter.corpus import CAPTIONS, Corpus

    count, dice = 32, torch.Generator().manual_seed(1)
    weight = torch.ones(count, dtype=torch.float64)
    weight[::4] = 0
    made = {"pixels": torch.randint(0, 256, (count, SIZE, SIZE, 4), generator=dice, dtype=torch.uint8), "weight": weight,
            "ids": torch.randint(0, words, (count, CAPTIONS, CONTEXT), generator=dice).to(torch.int16),
            "empty": torch.full((CONTEXT,), words - 1)}
    flags = {field.name: torch.zeros(count, dtype=torch.bool) for field in fields(Corpus) if field.name not in made}
    Corpus(**made, **flags).save(path)


def test_train_runs_on_the_processor(copy: Path, bare: Path, starter: Path) -> None:
    """Ten steps, after a compilation that took too long; the weights come back in pieces that fit."""
    from training.starter import shards

    shutil.copytree(starter / "tokenizer_2", copy / ".gpu/tokenizer")
    write_corpus(copy / ".gpu/corpus.npz", len(json.loads((starter / "tokenizer_2/vocab.json").read_text())))
    out = copy / "trained"
    printed = run(copy, bare, "scripts/gpu-train", "--small", "--minutes", 50, "--compile-limit=-20", "--out", out)
    assert "not compiled in time" in printed and "would not come back" not in printed
    assert not travel.unfit(out)
    names = {path.name for path in out.iterdir()}
    assert {"painter.csv", "curves.png", "grid.png", "log.txt"} <= names
    state, about = shards.tensors(out)
    assert "step 10 " in printed and (out / "painter.csv").read_text().splitlines()[-1].startswith("10,80,")
    painter = shards.read(out, torch.device("cpu"))
    assert all(torch.isfinite(p).all() for p in painter.both.parameters()) and len(state) > 100
    assert all(path.stat().st_size <= travel.BACK_FILE for path in out.iterdir()) and about["vocabulary"]


# ---------------------------------------------------------------------------------- the guards


def part(name: str, code: str, limit: float = 60.0) -> parts.Part:
    return parts.Part(name, "engine", limit, (sys.executable, "-u", "-c", code))


def test_a_part_that_hangs_costs_its_limit_and_no_row(tmp_path: Path) -> None:
    """Its children end with it, and what it measured before is in the report."""
    child = tmp_path / "child"
    code = ("import os, signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
            f"p = subprocess.Popen(['sleep', '900']); open({str(child)!r}, 'w').write(str(p.pid)); "
            "print('| engine | s |'); print('|---|---|'); print('| ours | 1.5 |'); print('why', file=sys.stderr); "
            "time.sleep(900)")
    runner = parts.Runner(tmp_path / "out", 10, dict(os.environ), {"engine": "Engine", "tests": "Tests"})
    began = time.monotonic()
    runner.run([part("hangs", code, 4.0), part("breaks", "print('| engine | s |'); print('|---|---|'); "
                                               "print('| theirs | 2 |'); raise SystemExit(3)")])
    assert time.monotonic() - began < 600
    assert [ended.state for ended in runner.ended] == ["stopped at its limit", "failed"]
    assert runner.broken() == ["breaks"]
    report = (tmp_path / "out/report.md").read_text()
    assert "| engine | s |\n|---|---|\n| ours | 1.5 |\n| theirs | 2 |\n" in report
    assert "hangs: stopped at its limit" in report and "breaks: failed" in report and "why" not in report
    assert "why" in (tmp_path / "out/log.txt").read_text()
    stat = Path(f"/proc/{child.read_text()}/stat")
    assert not stat.exists() or stat.read_text().split()[2] == "Z"


def test_minutes_that_are_over_leave_parts_out(tmp_path: Path) -> None:
    runner = parts.Runner(tmp_path / "out", 0, dict(os.environ), {"engine": "Engine"})
    runner.run([part("late", "print('| x |')")])
    assert [ended.state for ended in runner.ended] == ["left out"] and not runner.broken()


def test_a_sign_of_life_gives_the_whole_limit(tmp_path: Path) -> None:
    code = "import time; time.sleep(3); print('done')"
    alive = parts.run(part("alive", code), 60, dict(os.environ), print, (0.5, lambda: True))
    dead = parts.run(part("dead", code), 60, dict(os.environ), print, (0.5, lambda: False))
    assert (alive.state, dead.state) == ("done", "stopped at its limit") and dead.seconds < 3


def test_what_does_not_fit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "big.bin").open("wb") as file:
        file.truncate(travel.BACK_FILE + 1)
    for i in range(travel.BACK_FILES):
        (tmp_path / f"{i} .txt" if i == 3 else tmp_path / f"{i}.txt").write_text("x")
    assert travel.unfit(tmp_path) == ["big.bin: 16.0 of 16 MiB", "3 .txt: its name", "9 of 8 files"]
    with (tmp_path / "carried.bin").open("wb") as file:
        file.truncate(travel.THERE)
    monkeypatch.setattr(travel, "tree", lambda: [])
    with pytest.raises(travel.Unfit, match="of 64 MiB: too much to travel"):
        travel.budget(tmp_path)


def test_aims_are_scaled_by_the_matrix_product() -> None:
    rows = [{"kind": "rates", "product": 394.0}, {"kind": "opening", "seconds": 2.0}, {"kind": "lora", "anew_ms": 51.0},
            *({"kind": "engine", "engine": engine, "batch": batch, "steps": 30, "seconds": seconds}
              for engine, batch, seconds in (("ours", 1, 1.9), ("ours", 8, 12.0), ("diffusers-regional", 1, 1.8)))]
    told = {line.split("|")[1].strip(): line.split("|")[4].strip() for line in check.aims(rows, {"a": "passed"})[2:]}
    assert list(told.values()) == ["met", "**falls short**", "**falls short**", "met", "**falls short**", "met"]
    assert check.aims([], {"a": "passed", "b": "failed"})[-1].endswith("1 passed, 1 failed | **falls short** |")
    assert "not measured" in check.aims([], {})[2]


def test_time_is_counted_once() -> None:
    """By hand: 0 to 2 and 1 to 3 overlap, 5 to 6 stands alone, 5.2 to 5.5 lies within: 4 seconds."""
    assert bench_profile.union([("a", 0, 2), ("d", 5.2, 0.3), ("b", 1, 2), ("c", 5, 1)]) == pytest.approx(4)
    names = {"nvjet_tst_128x256_64x4_2x1_v_bz_coopA_TNN": "matrix products",
             "void cudnn::cnn::conv2d_grouped_direct_kernel": "convolutions",
             "pytorch_flash::flash_fwd_kernel": "attention", "void at::native::vectorized_layer_norm_kernel": "norms",
             "Memcpy DtoD (Device -> Device)": "copies",
             "void at::native::elementwise_kernel<128, 4>": "elementwise", "mystery": "other"}
    assert {name: bench_profile.group_of(name) for name in names} == names


def test_the_profiler_sees_the_work() -> None:
    a = torch.from_numpy(np.random.default_rng(0).random((256, 256), np.float32))
    seconds, spans = bench_profile.profiled(lambda: [a @ a for _ in range(20)], "cpu")
    assert sum(name == "aten::mm" for name, _, _ in spans) == 20
    assert 0 < sum(took for _, _, took in spans) <= seconds
