# SPDX-License-Identifier: MIT OR Apache-2.0
"""The command `dgx-pixels fix` as it is used, background and palette included, beside its peers.

    python tests/pixels/bench_command.py --build build/release [--count 2] [--peers PYTHON] [--half judge]
        [--keep FOLDER]

Every tool gets the same files of tests/pixels/suite.py and is told nothing.  PYTHON is an interpreter
that has requirements/peers.txt; a peer that cannot be imported is named and left out.
Seconds are processor time a picture: ours with the start of the process, the decoder and the PNG, a
peer's its call alone, with an interpreter that is running and warm.  A picture that takes a peer more
than LIMIT such seconds counts as not done.  --markdown prints the tables of docs/pixels.md.  Of --keep FOLDER
what a peer has done is not done again, so an hour's work can be stopped and gone on with.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

OURS = "dgx-pixels"
LIMIT = 20


# ---------------------------------------------------------------------------------------- peers
def proper_pixel_art(path: Path) -> Any:
    from proper_pixel_art.image import pixelate

    result = pixelate(Image.open(path).convert("RGBA"))
    return getattr(result, "image", None) or getattr(result, "pixelated", None) or result[0]


def perfect_pixel(path: Path) -> Any:
    from perfect_pixel import get_perfect_pixel

    return get_perfect_pixel(np.array(Image.open(path).convert("RGB")))[2]


def pixel_snapper(path: Path) -> Any:
    import pixel_snapper

    return Image.open(io.BytesIO(bytes(pixel_snapper.process_image(path.read_bytes()))))


def ai2pixelart(path: Path) -> Any:
    import ai2pixelart

    return ai2pixelart.clean(np.array(Image.open(path).convert("RGB"))).image


def unfake(path: Path) -> Any:
    import unfake

    return unfake.process_image_sync(str(path))["image"]


PEERS: dict[str, Callable[[Path], Any]] = {
    "proper-pixel-art": proper_pixel_art, "perfect-pixel": perfect_pixel, "pixel-snapper": pixel_snapper,
    "ai2pixelart": ai2pixelart, "unfake": unfake}


def stop(*_: object) -> None:
    raise TimeoutError(f"longer than {LIMIT} s")


def work(peer: str, folder: Path) -> None:
    """For each picture of the folder NAME.<peer>.png, and its name, seconds and fault in NAME.<peer>.json."""
    signal.signal(signal.SIGPROF, stop)
    warm = True
    for path in sorted(p for p in folder.glob("in-*") if p.name.count(".") == 1):  # not what tools wrote
        told = folder / f"{path.stem}.{peer}.json"
        if told.exists():
            continue
        for _ in range(2 if warm else 1):  # the first call pays for imports
            began, fault = time.process_time(), ""
            signal.setitimer(signal.ITIMER_PROF, LIMIT)
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    out = PEERS[peer](path)
                out = out if isinstance(out, Image.Image) else Image.fromarray(np.asarray(out).astype(np.uint8))
                spent = time.process_time() - began
                out.convert("RGBA").save(folder / f"{path.stem}.{peer}.png")
            except Exception as error:  # noqa: BLE001 - whatever a peer raises: it has no result there
                spent, fault = time.process_time() - began, f"{type(error).__name__}: {error}"[:200]
            signal.setitimer(signal.ITIMER_PROF, 0)
        warm = False
        told.write_text(json.dumps([path.stem, spent, fault]))


# ------------------------------------------------------------------------------------- figures
@dataclasses.dataclass
class Figure:
    """Of one tool on one case."""

    category: str
    exact: bool
    near: bool
    accuracy: float
    kept: bool | None  # None: not undamaged art
    seconds: float


def run_ours(build: Path, cases: list[Any], folder: Path) -> dict[str, float]:
    spent = {}
    for name, case in cases:
        source, target = folder / (name + case.suffix), folder / f"{name}.{OURS}.png"
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([build / "bin/dgx-pixels", "fix", source, "-o", target, "-q", "-j", "1"], check=False,
                       stderr=subprocess.DEVNULL)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent[name] = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
    return spent


def run_peer(python: str, peer: str, folder: Path) -> dict[str, float]:
    job = subprocess.run([python, __file__, "--worker", peer, folder], capture_output=True, text=True, check=False)
    lines = [json.loads(path.read_text()) for path in sorted(folder.glob(f"in-*.{peer}.json"))]
    faults = [line[2] for line in lines if line[2]]
    if not lines or all("ModuleNotFound" in fault for fault in faults) and len(faults) == len(lines):
        print(f"SKIPPED {peer}: {(faults or job.stderr.strip().splitlines() or ['no output'])[-1]}")
        return {}
    if faults:
        print(f"{peer}: no result of {len(faults)} pictures, the first time because of: {faults[0]}")
    return {line[0]: line[1] for line in lines}


def measure(build: Path, count: int, peers: str | None, half: str = "judge",
            categories: list[str] | None = None, keep: Path | None = None) -> dict[str, list[Figure]]:
    """The figures of every tool, in the same order of cases."""
    import suite

    wanted = categories or list(suite.CATEGORIES)
    cases = [(f"in-{number:03}-{list(suite.CATEGORIES).index(category):03}-{half}", suite.make_case(category, number, half))
             for number in range(count) for category in wanted]
    found: dict[str, list[Figure]] = {}
    with contextlib.nullcontext(str(keep)) if keep else tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        for stem, case in cases:
            path = folder / (stem + case.suffix)
            if path.exists() and path.read_bytes() != case.file:
                raise SystemExit(f"{path}: kept from other sprites (DGXP_TEST_DATA?); --keep another folder")
            path.write_bytes(case.file)
        for tool in [OURS, *(PEERS if peers else ())]:
            spent = run_ours(build, cases, folder) if tool == OURS else run_peer(str(peers), tool, folder)
            for stem, case in cases if spent else ():
                path = folder / f"{stem}.{tool}.png"
                out = np.array(Image.open(path).convert("RGBA")) if path.exists() else np.zeros((1, 1, 4), np.uint8)
                size, truth = out.shape[:2], case.truth.shape[:2]
                found.setdefault(tool, []).append(Figure(
                    case.category, size == truth, suite.is_near(size, truth), suite.measure_accuracy(case, out),
                    suite.is_kept(case, out) if case.native else None, spent.get(stem, 0)))
    return found


def mean(values: list[Any]) -> float:
    return float(np.mean(values)) if values else 0.0


def summarize(figures: list[Figure]) -> tuple[float, float, float, float, float]:
    """Exact size, within one, accuracy over all, undamaged kept, median seconds."""
    return (mean([f.exact for f in figures]), mean([f.near for f in figures]), mean([f.accuracy for f in figures]),
            mean([f.kept for f in figures if f.kept is not None]), float(np.median([f.seconds for f in figures])))


def find_beaten(found: dict[str, list[Figure]]) -> list[str]:
    """Where a peer is above ours beyond the standard error of their difference, by category."""
    beaten = []
    for category in dict.fromkeys(f.category for f in found[OURS]):
        for tool in found:
            for name in ("exact", "accuracy"):
                rows = [np.array([float(getattr(f, name)) for f in found[t] if f.category == category]) for t in (tool, OURS)]
                more = rows[0] - rows[1]
                error = float(more.std(ddof=1) / len(more) ** 0.5) if len(more) > 1 else 0.0
                if tool != OURS and more.mean() > error and more.mean() > 0.005:
                    beaten.append(f"{category}: {tool} {name} {rows[0].mean():.3f}, ours {rows[1].mean():.3f}")
    return beaten


def print_tables(found: dict[str, list[Figure]], markdown: bool) -> None:
    edge, bar = ("| ", " | ") if markdown else ("", "  ")

    def line(cells: list[str], widths: list[int]) -> None:
        print((edge + bar.join(f"{cell:{wide}}" for cell, wide in zip(cells, widths)) + edge[::-1]).rstrip())

    widths = [18, 10, 10, 8, 14, 9]
    line(["tool", "exact size", "within one", "accuracy", "undamaged kept", "seconds"], widths)
    if markdown:
        print("|" + "---|" * len(widths))
    for tool, figures in found.items():
        line([tool, *(f"{value:.3f}" for value in summarize(figures))], widths)
    print()
    widths = [18] + [16] * len(found)
    line(["exact / accuracy", *found], widths)
    if markdown:
        print("|" + "---|" * len(widths))
    for category in dict.fromkeys(f.category for f in found[OURS]):
        rows = [summarize([f for f in figures if f.category == category]) for figures in found.values()]
        line([category, *(f"{row[0]:.2f} / {row[2]:.3f}" for row in rows)], widths)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path)
    parser.add_argument("--count", type=int, default=2, help="pictures a category")
    parser.add_argument("--peers", help="an interpreter that has the peers; without it ours alone")
    parser.add_argument("--half", choices=("judge", "tune"), default="judge")
    parser.add_argument("--category", action="append")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker[0], Path(options.worker[1]))
        return 0
    if not options.build:
        parser.error("--build is needed")
    found = measure(options.build, options.count, options.peers, options.half, options.category, options.keep)
    print_tables(found, options.markdown)
    for text in find_beaten(found):
        print("above ours:", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
