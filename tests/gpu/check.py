# SPDX-License-Identifier: MIT OR Apache-2.0
"""Everything that only a GPU can show, the most valuable first.

On a machine of your own with an NVIDIA GPU:  make build && scripts/gpu-check
On a lent one, whose limits tests/gpu/travel.py tells:
    scripts/gpu-check --pack                     # here, after make build: writes .gpu
    scripts/gpu-check --minutes 8 --out FOLDER   # there, with .gpu carried along
Without any GPU --small runs every part on the processor with the tests' small SDXL: it tries the parts and says
nothing of speed.

FOLDER gets report.md (tables for docs/performance.md), rows.jsonl (the same as figures) and log.txt, written with
every line: a run that is cut short keeps what it measured.  Random weights are made on the machine, in memory where
there is room.  The exit status is 1 when a part broke or a test failed; what was too slow is in the report.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import travel
from .parts import Part, Runner, end

ROOT = travel.ROOT
TITLES = {"aims": "Aims", "machine": "The machine", "engine": "The engine beside diffusers", "opening": "Opening",
          "lora": "Swapping LoRA", "train": "A LoRA step", "profile": "Where the time goes",
          "tests": "tests/python/test_cuda.py"}
FIRST = ("graphs", "load_and_free", "out_of_memory")  # of the tests: what has failed on a GPU before
SMALL_TESTS = ("progress", "another_thread")  # the rest, where it only tries the script
SMALL_LIMIT = 600.0  # seconds of any part there: a guard, on a machine that others use
WEIGHTS = 8 << 30  # bytes of SDXL's full size, and some room
ENGINES = [  # (engine, batch, limit), in order of worth
    ("ours", 1, 60), ("diffusers-regional", 1, 150), ("ours", 8, 60), ("ours-no-graph", 1, 45), ("diffusers", 1, 50),
    ("ours", 4, 45), ("diffusers-regional", 8, 150), ("ours-no-graph", 8, 60), ("diffusers", 8, 90),
    ("diffusers-regional", 4, 120), ("ours-no-graph", 4, 45), ("diffusers", 4, 60)]


@dataclass
class Tests:
    """What pytest said of each."""

    outcomes: dict[str, str] = field(default_factory=dict)

    def read(self, line: str) -> str | None:
        said = re.match(r"\S+::(\S+) (PASSED|FAILED|ERROR|SKIPPED)", line)
        if said:
            self.outcomes[said[1]] = said[2].lower()
            return f"| `{said[1]}` | {said[2].lower()} |"
        return None


@dataclass(frozen=True)
class Size:
    """The full size on a GPU, or the small model anywhere."""

    device: str
    full: Path
    canvas: int
    runs: int
    steps: tuple[int, ...]
    small: bool


def engine_parts(size: Size, common: Sequence[str | Path], scratch: Path) -> list[Part]:
    wanted = [("ours", 1, 0), ("diffusers-regional", 1, 0), ("ours-no-graph", 2, 0)] if size.small else ENGINES
    return [Part(f"{engine}, batch {batch}", "engine", limit, (
        sys.executable, "tests/bench_engine.py", "--cuda", *common, "--full", size.full, "--canvas", str(size.canvas),
        "--runs", str(size.runs), "--steps", *map(str, size.steps), "--dtypes", "f32" if size.small else "bf16",
        "--threads", "1", "--engines", engine, "--batches", str(batch), "--compile-mode", "default",
        "--compile-backend", "eager" if size.small else "inductor", "--pictures", scratch / "pictures"))
        for engine, batch, limit in wanted]


def all_parts(size: Size, build: Path, out: Path, scratch: Path, tests: Tests) -> list[Part]:
    """In order of worth: a run takes as many as its minutes suffice for."""
    python = sys.executable
    common = ("--build", build, "--device", size.device, "--json", out / "rows.jsonl")
    canvas = ("--canvas", str(size.canvas))
    pytest = (python, "-m", "pytest", "-v", "-x" if size.small else "-ra", "--color=no", "tests/python/test_cuda.py")
    rest = " or ".join(SMALL_TESTS) if size.small else f"not ({' or '.join(FIRST)})"
    train = ("--size", "tiny" if size.small else "full", "--model", size.full, "--runs", str(size.runs * 3), *canvas,
             "--rows", "1" if size.small else "3")
    engines = engine_parts(size, common, scratch)
    first = " or ".join(FIRST)
    parts = [
        Part("tests that failed on a GPU before", "tests", 150, (
            *pytest, "-k", f"({first}) and not bf16" if size.small else first), tests.read),
        Part("rates", "machine", 40, (python, "tests/bench_train.py", "--rates", *common)),
        *engines[:3],
        Part("LoRA swap", "lora", 60, (python, "tests/bench_lora.py", "--cuda", size.full, "--runs",
                                       str(size.runs * 2), *common)),
        Part("the other tests", "tests", 180, (*pytest, "-k", rest), tests.read),
        Part("LoRA step", "train", 120, (python, "tests/bench_train.py", *train, *common)),
        Part("opening", "opening", 45, (
            python, "tests/bench_engine.py", "--cuda", *common, "--full", size.full, "--dtypes",
            "f32" if size.small else "bf16", "--openings", "1" if size.small else "3")),
        *(Part(f"profile of {what}", "profile", 60, (
            python, "tests/bench_profile.py", what, "--full", size.full, "--steps", str(size.steps[0]), *canvas,
            *(["--no-checkpointing"] if size.small else []), *common)) for what in ("step", "train")),
        *engines[3:]]
    return [replace(part, limit=SMALL_LIMIT) for part in parts] if size.small else parts


def aims(rows: list[dict], tests: dict[str, str]) -> list[str]:
    """The issue's figures beside what was measured; an H200's, for other GPUs scaled by their matrix product."""
    product = next((row["product"] for row in rows if row["kind"] == "rates"), None)
    scale = 788 / product if product else 1.0

    def engine(name: str, batch: int) -> float | None:
        return min((row["seconds"] / batch for row in rows if row["kind"] == "engine" and row["engine"] == name
                    and row["batch"] == batch and row["steps"] == 30), default=None)

    def one(kind: str, key: str) -> float | None:
        return next((row[key] for row in rows if row["kind"] == kind), None)

    ours, compiled = engine("ours", 1), engine("diffusers-regional", 1)
    ratio = ours / compiled if ours and compiled else None
    wanted = [("30 steps, batch 1", "s", 1.0 * scale, ours), ("the same in diffusers' time, compiled", "", 1.0, ratio),
              ("30 steps, batch 8, a picture", "s", 0.70 * scale, engine("ours", 8)),
              ("opening from the page cache", "s", 3.0, one("opening", "seconds")),
              ("LoRA swap, merged anew", "ms", 50.0, one("lora", "anew_ms"))]
    lines = ["| aim | at most | measured | |", "|---|---|---|---|"]
    for what, unit, most, found in wanted:
        said = "not measured" if found is None else f"{found:.3g} {unit}".strip()
        mark = "" if found is None else "met" if found <= most else "**falls short**"
        lines.append(f"| {what} | {most:.3g} {unit} | {said} | {mark} |".replace("  ", " "))
    counts = {name: list(tests.values()).count(name) for name in ("passed", "failed", "error", "skipped")}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "not run"
    green = "met" if counts["passed"] and not counts["failed"] + counts["error"] else "**falls short**" if tests else ""
    return [*lines, f"| test_cuda.py | all green | {told} | {green} |"]


def read_rows(path: Path) -> list[dict]:
    """Of a program that was killed the last line may be cut."""
    rows = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def memory_folder() -> str | None:
    """Where the weights lie in memory, if there is room for them there."""
    try:
        return "/dev/shm" if shutil.disk_usage("/dev/shm").free > WEIGHTS + (4 << 30) else None
    except OSError:
        return None


def sees_gpu() -> bool:
    asked = subprocess.run([sys.executable, "-c", "import torch; print(torch.cuda.is_available())"],
                           text=True, stdout=subprocess.PIPE)
    return asked.stdout.strip() == "True"


def check(options: argparse.Namespace, scratch: Path) -> int:
    place = travel.place(options.build)
    assert place.build
    # Of another machine's plug-ins none is needed, and one that is broken there would stop every test.
    env = place.environment() | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if options.small:
        env |= {"DGXP_TEST_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
    out: Path = options.out.resolve()
    runner = Runner(out, options.minutes, env, TITLES)
    rows = out / "rows.jsonl"
    (scratch / "pictures").mkdir()
    make_small = [sys.executable, "-c", "import cached, pathlib, sys; print(cached.tiny(pathlib.Path(sys.argv[1])))",
                  str(place.build)]
    full = scratch / "sdxl"
    making = None if options.small else subprocess.Popen(
        [sys.executable, "tests/bench_engine.py", "--make", str(full)], cwd=ROOT, env=env, text=True,
        start_new_session=True)
    tests = Tests()
    try:
        small = subprocess.run(make_small, cwd=ROOT, env=env, text=True, check=True, stdout=subprocess.PIPE)
        home = Path(small.stdout.strip())
        if options.small:
            size = Size("cpu", home / "tiny-diffusers", 64, 1, (2,), True)
            env |= {"DGX_PIXELS_MODELS": str(home), "XDG_CONFIG_HOME": str(home / "config")}
        else:
            size = Size("cuda:0", full, 1024, 3, (20, 30), False)
        parts = all_parts(size, place.build, out, scratch, tests)
        runner.report.add("tests", "| test | on the GPU |" if not options.small else "| test | on the CPU |")
        runner.report.add("tests", "|---|---|")
        runner.run(parts[:1])
        if making and making.wait():
            raise SystemExit("gpu-check: SDXL's random weights could not be written: see above")
        for part in parts[1:]:
            runner.run([part])
            show_aims(runner, rows, tests, options.small)
    finally:
        if making:
            end(making)
        show_aims(runner, rows, tests, options.small)
        runner.close()
    print((out / "report.md").read_text("utf-8"))
    left = [each.part.name for each in runner.ended if each.state in ("left out", "stopped at its limit")]
    if left:
        print(f"gpu-check: not finished in {options.minutes:g} minutes: {'; '.join(left)}")
    for told in travel.unfit(out):
        print(f"gpu-check: would not come back: {told}")
    if runner.broken():
        print(f"gpu-check: broke: {'; '.join(runner.broken())}; see {out / 'log.txt'}")
        return 1
    return 0


def show_aims(runner: Runner, rows: Path, tests: Tests, small: bool) -> None:
    runner.report.sections.pop("aims", None)
    if small:
        runner.report.add("aims", "A small model on the processor: none of this tells of SDXL on a GPU.")
    for line in aims(read_rows(rows), tests.outcomes):
        runner.report.add("aims", line)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/gpu-check", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--minutes", type=float, default=5, help="for all parts together (default 5); the last ones are left out")
    add("--out", type=Path, default=Path(os.environ.get("OUT") or ROOT / "out/gpu-check"),
        help="where results go (default $OUT, else out/gpu-check)")
    add("--small", action="store_true", help="on the processor, with the tests' small SDXL")
    add("--build", type=Path, help="default: build/release, else what .gpu carries")
    add("--pack", action="store_true", help="only write .gpu, for a machine that is lent")
    options = parser.parse_args()
    if options.pack:
        travel.pack((options.build or ROOT / "build/release").resolve())
        print(f"gpu-check: {travel.budget()}.  There, with .gpu carried along:\n"
              f"    scripts/gpu-check --minutes 8 --out $OUT")
        return 0
    if not options.small and not sees_gpu():
        raise SystemExit("gpu-check: torch sees no GPU here: --small tries every part on the processor")
    with tempfile.TemporaryDirectory(dir=None if options.small else memory_folder()) as scratch:
        return check(options, Path(scratch))
