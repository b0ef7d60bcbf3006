# SPDX-License-Identifier: MIT OR Apache-2.0
"""The bars of the pixel pipeline: grid, matte, palette, peers, exactness, threads, many files.

Small counts in `make test`; full ones, which report to docs/evidence.md, with DGXP_FULL=1.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/pixels"))

import art  # noqa: E402
import bench_palette  # noqa: E402
import bench_peers  # noqa: E402
import check_matte  # noqa: E402
import evaluate  # noqa: E402
import grounds  # noqa: E402
import scenes  # noqa: E402
from grids import Grids  # noqa: E402

Evidence = Callable[[str, int, str], None]
Row = tuple[str, str, str, int, bool]


@pytest.fixture(scope="session")
def library(build: Path) -> Grids:
    return Grids(build / "lib/libdgxpixels.so")


def judge(rows: list[Row], claim: str, evidence: Evidence) -> None:
    """Reports one line a group of rows and fails where one missed its bar."""
    for group in dict.fromkeys(row[0] for row in rows):
        mine = [row for row in rows if row[0] == group]
        evidence(f"{claim}, {group}", sum(row[3] for row in mine),
                 "; ".join(f"{row[1]} {row[2]}" for row in mine))
    assert rows and not [row for row in rows if row[4]]


# -------------------------------------------------------------------------- beside bars and peers


def test_grids_are_found(library: Grids, full: bool, evidence: Evidence) -> None:
    rows = evaluate.measure(library, 48 if full else 4, sizes=(64, 96) if full else (64,))
    judge(rows, "grid: size right/within one/accuracy", evidence)


def test_mattes_keep_their_bars(library: Grids, full: bool, evidence: Evidence) -> None:
    judge(check_matte.measure(library, 24 if full else 4),
          "matte: alpha right/background left/subject eaten", evidence)


def test_grounds_go_whole_and_scenes_stay(library: Grids, full: bool, evidence: Evidence) -> None:
    """What a neutral ground's color encloses is kept, gradients and vignettes go, scenes stay."""
    judge(grounds.measure(library, 60 if full else 12), "matte: subject kept/background left", evidence)


def test_palettes_keep_their_bars(library: Grids, full: bool, evidence: Evidence) -> None:
    judge(bench_palette.measure(library, 12 if full else 2),
          "palette: OKLab error/recall/error to its input", evidence)


def test_no_peer_is_better(library: Grids, full: bool, evidence: Evidence) -> None:
    """Peers that find the grid beside ours that finds it; palette tools that are told the size
    beside ours that is told it.  The first kind needs `scripts/setup peers` and runs in full runs."""
    python = ROOT / ".venv-peers/bin/python"
    if full and not python.exists():
        pytest.fail("run 'scripts/setup peers' first: a full run measures them all")
    rows = bench_peers.judge(*bench_peers.measure(library, 6 if full else 1,
                                                  str(python) if full else None))
    count = len(scenes.MODES) * (6 if full else 1) * (2 if scenes.load_cc0() else 1)
    for tool, text, _ in rows:
        evidence(f"accuracy in one run: {tool}", count, text)
    assert not [row for row in rows if row[-1]]


# -------------------------------------------------------------------------------------- exactness


def cut(sprite: np.ndarray, scale: int, x: int, y: int) -> tuple[np.ndarray, np.ndarray]:
    """The enlarged sprite without its first x and y pixels, and the cells of which half is left."""
    large = sprite.repeat(scale, 0).repeat(scale, 1)[y:, x:]
    return large, sprite[int(y * 2 > scale):, int(x * 2 > scale):]


def offsets(scale: int, every: bool) -> Iterable[tuple[int, int]]:
    """Every offset on each axis, or a few; both axes differ."""
    some = range(scale) if every else sorted({0, 1, scale // 2, scale - 1})
    return [(x, (x * 7 + 3) % scale) for x in some]


def test_enlarged_pixel_art_comes_back_bit_for_bit(cli: Callable[..., subprocess.CompletedProcess[str]],
                                                   full: bool, evidence: Evidence,
                                                   tmp_path: Path) -> None:
    """`dgx-pixels fix` without options on PNG files, scales 3 to 32, every offset."""
    sprites = [art.reduce_colors(art.procedural(2, 24), 12)]
    sprites += [sprite for _, sprite in art.cc0(2 if full else 1, 11)]
    wrong, count = [], 0
    for number, sprite in enumerate(sprites):
        for scale in range(3, 33):
            source, target = tmp_path / f"{number}-{scale}", tmp_path / f"{number}-{scale}-out"
            source.mkdir()
            wanted = {}
            for x, y in offsets(scale, full or scale < 5):
                picture, wanted[f"{x}-{y}.png"] = cut(sprite, scale, x, y)
                Image.fromarray(picture).save(source / f"{x}-{y}.png", compress_level=1)
            made = cli("fix", *(source / name for name in wanted), "-o", f"{target}/", "-q")
            assert made.returncode == 0, made.stderr
            for name, truth in wanted.items():
                count += 1
                found = np.array(Image.open(target / name).convert("RGBA"))
                truth = np.where(truth[..., 3:] > 0, truth, 0)
                if not np.array_equal(found, truth):
                    wrong.append((number, scale, name, found.shape))
    evidence("fix: enlarged sprites come back bit for bit, scales 3 to 32, every offset", count,
             f"{len(wrong)} differ")
    assert not wrong


def test_any_thread_count_writes_the_same(cli: Callable[..., subprocess.CompletedProcess[str]],
                                          full: bool, evidence: Evidence, tmp_path: Path) -> None:
    count = 200 if full else 12
    (tmp_path / "in").mkdir()
    for i in range(count):
        rng = np.random.default_rng([31, i])
        canvas, _ = scenes.degrade(rng, scenes.compose(rng, 32, []), scenes.MODES[i % 5], 8)
        Image.fromarray(canvas).save(tmp_path / f"in/{i:03}.png", compress_level=1)
    made: dict[tuple[str, ...], list[bytes]] = {}
    for mode in (["--separate"], ["--share-palette", "--separate"], ["--frames", "--cell", "8"]):
        for jobs in (1, 2, 3, 16):
            words = [tmp_path / "in"] if mode[0] != "--frames" else \
                [p for p in sorted((tmp_path / "in").iterdir())
                 if Image.open(p).size == (256, 256)]
            out = tmp_path / f"{mode[0]}{jobs}"
            result = cli("fix", *words, "-o", f"{out}/", "-j", jobs, "-q", *mode)
            assert result.returncode == 0, result.stderr
            files = [path.read_bytes() for path in sorted(out.iterdir())]
            assert files and files == made.setdefault(tuple(mode), files), (mode, jobs)
    evidence("fix: the same bytes from 1, 2, 3 and 16 threads, alone, with one palette, as frames",
             count, "equal")


def follow(child: subprocess.Popen[bytes]) -> tuple[int, int]:
    """(peak KiB, most threads) of a process, until it ends."""
    peak = threads = 0
    while child.poll() is None:
        try:
            status = Path(f"/proc/{child.pid}/status").read_text()
        except OSError:
            continue
        if "dgx-pixels" in status and (found := re.search(r"VmHWM:\s*(\d+)", status)):
            peak = max(peak, int(found[1]))
            threads = max(threads, int(re.search(r"Threads:\s*(\d+)", status)[1]))  # type: ignore[index]
        time.sleep(.005)
    return peak, threads


def test_a_large_folder_uses_all_cores_in_flat_memory(build: Path, full: bool, evidence: Evidence,
                                                      tmp_path: Path) -> None:
    """Peak memory with 1,000 pictures of 768 x 768 is that of 40 and a little."""
    large, cores = (1000 if full else 120), len(os.sched_getaffinity(0))
    side = 96 if full else 32
    pictures = []
    for i in range(10):
        rng = np.random.default_rng([41, i])
        canvas, _ = scenes.degrade(rng, scenes.compose(rng, side, []), scenes.MODES[i % 5], 8)
        pictures.append(tmp_path / f"{i}.png")
        Image.fromarray(canvas).save(pictures[-1], compress_level=1)
    found = {}
    for count in (40, large):
        folder, out = tmp_path / f"in{count}", tmp_path / f"out{count}"
        folder.mkdir()
        for i in range(count):
            (folder / f"{i:04}.png").symlink_to(pictures[i % 10])
        began, before = time.monotonic(), os.times()
        child = subprocess.Popen([build / "bin/dgx-pixels", "fix", folder, "-o", out, "--separate",
                                  "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peak, threads = follow(child)
        wall, after = time.monotonic() - began, os.times()
        assert child.returncode == 0 and len(list(out.iterdir())) == count
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        found[count] = (peak, threads, wall, spent)
    peak, threads, wall, spent = found[large]
    evidence(f"fix: a folder of pictures {side * 8} pixels wide, peak memory against 40 of them", large,
             f"{peak / 1024:.1f} MiB against {found[40][0] / 1024:.1f}, {threads} threads on {cores} "
             f"cores, {spent / wall:.2f} cores busy, {large / wall:.1f} pictures a second")
    assert threads >= cores
    assert 1000 < peak < found[40][0] + 4096
