# SPDX-License-Identifier: MIT OR Apache-2.0
"""The starter's whole training in the minutes that a lent GPU gives.

    scripts/gpu-train --pack                     # here: writes the corpus, its tokenizer and the packages to .gpu
    scripts/gpu-train --minutes 6 --out FOLDER   # there, with .gpu carried along
The training is training/starter's own (`train --gpu`), compiled; where the compiler fails or takes too long it goes on
without.  Words after `--` go to `train`:   scripts/gpu-train --minutes 6 -- --warm-start models/starter

Every half minute FOLDER gets the averaged weights so far in files small enough to come back, curves.png and
painter.csv: a machine that is taken away costs half a minute.  Brought back, FOLDER with the tokenizer in it is the
cache folder of a finished run: `python -m training.starter --cache FOLDER grid|evaluate|export`.
--small tries all of this on the processor: ten steps.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from . import travel
from .parts import Ended, Part, run

ROOT = travel.ROOT
CORPUS = travel.FOLDER / "corpus.npz"
TOKENIZER = travel.FOLDER / "tokenizer"
DOLLS = 24000  # of a packed corpus: a GPU sees more of them than a processor does
STARTING, ENDING = 20.0, 20.0  # seconds before the first step, and for the last export
COMPILING = 150.0  # seconds after which it is given up
EVERY = 30.0  # seconds between two exports
SMALL = ("--batch", "8", "--samples", "80", "--save-minutes", "0.1", "--card", "2")


class Exporter:
    """Brings the newest checkpoint to the folder of results, in pieces that come back."""

    def __init__(self, cache: Path, out: Path, every: float) -> None:
        self.cache, self.out, self.every = cache, out, every
        self.seen = 0.0
        self.count = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self) -> None:
        while not self.over.wait(self.every):
            try:
                self.export()
            except Exception as error:  # the training goes on; the next one may succeed
                print(f"gpu-train: this export failed: {type(error).__name__}: {error}", flush=True)

    def export(self, last: bool = False) -> None:
        """What is new; the last one in any case, for the grid is drawn after the last checkpoint."""
        import torch

        from training.starter import diffusion, plot, shards

        checkpoint = self.cache / "painter.pt"
        if not checkpoint.exists() or (checkpoint.stat().st_mtime == self.seen and not last):
            return
        self.seen = checkpoint.stat().st_mtime
        with tempfile.TemporaryDirectory() as scratch:
            made = Path(scratch)
            shards.write(made, diffusion.load_trained(self.cache, torch.device("cpu")))
            if len((self.cache / "painter.csv").read_text("utf-8").splitlines()) > 1:
                plot.write(self.cache, made)
            for grid in sorted(self.cache.glob("grid-*.png"))[-1:]:
                shutil.copy(grid, made / "grid.png")
            for path in sorted(made.iterdir()):
                part = self.out / f".{path.name}.part"
                shutil.copy(path, part)
                part.replace(self.out / path.name)
        self.count += 1
        print(f"gpu-train: export {self.count}: {travel.size(self.out) / 2**20:.1f} MiB", flush=True)


def first_row(cache: Path) -> bool:
    """Whether the first step is done: then it is compiled."""
    log = cache / "painter.csv"
    return log.exists() and len(log.read_text("utf-8").splitlines()) > 1


def pack(options: argparse.Namespace) -> None:
    from training.starter import config

    TOKENIZER.parent.mkdir(exist_ok=True)
    tokenizer = options.tokenizer or config.cache_folder() / "tokenizer"
    if not tokenizer.is_dir():
        raise travel.Unfit(f"{tokenizer} is no tokenizer: run 'python -m training.starter prepare', or name --tokenizer")
    shutil.rmtree(TOKENIZER, ignore_errors=True)
    shutil.copytree(tokenizer, TOKENIZER)
    if options.corpus:
        shutil.copy(options.corpus, CORPUS)
    else:
        with tempfile.TemporaryDirectory() as cache:
            (Path(cache) / "tokenizer").symlink_to(TOKENIZER)
            subprocess.run([sys.executable, "-m", "training.starter", "--cache", cache, "pack", "--dolls", str(DOLLS),
                            CORPUS], cwd=ROOT, check=True)
    travel.pack(ROOT / "build/release")
    print(f"gpu-train: {travel.budget()}.  There, with .gpu carried along:\n    scripts/gpu-train --minutes 6 --out $OUT")


def train(options: argparse.Namespace, place: travel.Place, cache: Path) -> int:
    for needed in (CORPUS, TOKENIZER):
        if not needed.exists():
            raise travel.Unfit(f"{needed.relative_to(ROOT)} is not here: run 'scripts/gpu-train --pack' where the sprites "
                               "are, and name .gpu in carry")
    out: Path = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    shutil.copytree(TOKENIZER, cache / "tokenizer")
    until = time.monotonic() + 60 * options.minutes - ENDING
    import training.starter.export  # noqa: F401  a package that is missing is told now, not after the training
    exporter = Exporter(cache, out, 5.0 if options.small else EVERY)
    log = (out / "log.txt").open("a", encoding="utf-8")

    def hear(line: str, _result: bool = True) -> None:
        print(line, flush=True)
        log.write(line + "\n")
        log.flush()

    exporter.thread.start()
    ended = attempt(options, place, cache, until, options.compile_limit, hear)
    if ended.state == "stopped at its limit" and not first_row(cache):
        hear("gpu-train: not compiled in time, so it goes on without")
        ended = attempt(options, place, cache, until, None, hear)
    exporter.over.set()
    exporter.thread.join()
    exporter.export(last=True)
    log.close()
    for told in travel.unfit(out):
        print(f"gpu-train: would not come back: {told}")
    if not exporter.count:
        print(f"gpu-train: no checkpoint was written: see {out / 'log.txt'}")
        return 1
    if ended.state == "failed":
        print(f"gpu-train: the training broke; {out} holds the last checkpoint's weights")
        return 1
    print(f"gpu-train: {out} holds the weights.  Back home, with .gpu/tokenizer copied into it:\n"
          "    python -m training.starter --cache FOLDER export MODEL")
    return 0


def attempt(options: argparse.Namespace, place: travel.Place, cache: Path, until: float, compile_limit: float | None,
            hear: Callable[[str, bool], None]) -> Ended:
    """One training, ended when it isn't compiled in time, or at the end of the minutes."""
    left = until - time.monotonic()
    words = [*SMALL] if options.small else ["--gpu", "--plan-minutes", f"{max(left - STARTING, 1) / 60:.2f}"]
    if compile_limit is None:
        words.append("--no-compile")
    part = Part("training", "", left, (
        sys.executable, "-W", "ignore", "-m", "training.starter", "--cache", cache, "--device",
        "cpu" if options.small else "cuda", "train", "--corpus", CORPUS, *words, *options.words))
    sign = None if compile_limit is None else (STARTING + compile_limit, lambda: first_row(cache))
    return run(part, left, place.environment(), hear, sign)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/gpu-train", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--minutes", type=float, default=6, help="for everything (default 6)")
    add("--compile-limit", type=float, default=COMPILING, metavar="SECONDS",
        help=f"for compiling, before it goes on without (default {COMPILING:.0f})")
    add("--out", type=Path, default=Path(os.environ.get("OUT") or ROOT / "out/gpu-train"),
        help="where results go (default $OUT, else out/gpu-train)")
    add("--small", action="store_true", help="ten steps on the processor")
    add("--pack", action="store_true", help="only write .gpu, for a machine that is lent")
    add("--corpus", type=Path, help="with --pack: what `python -m training.starter pack` wrote (default: pack now)")
    add("--tokenizer", type=Path, help="with --pack: its tokenizer (default: the cache folder's)")
    add("words", nargs="*", metavar="-- WORDS", help="more words for `python -m training.starter train`")
    options = parser.parse_args()
    place = travel.place(build_needed=False) if not options.pack else travel.Place(None, None, None)
    sys.path[:0] = [str(path) for path in (place.site, ROOT) if path]
    if options.pack:
        pack(options)
        return 0
    import torch

    if not options.small and not torch.cuda.is_available():
        raise SystemExit("gpu-train: torch sees no GPU here: --small tries ten steps on the processor")
    with tempfile.TemporaryDirectory() as cache:
        return train(options, place, Path(cache))
