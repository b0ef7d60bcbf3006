# SPDX-License-Identifier: MIT OR Apache-2.0
"""Grid recovery beside its peers in one run: accuracy over all scenes and time.

    python tests/pixels/bench_peers.py --build build/release [--count 6] [--peers PYTHON] [--bars]

PYTHON is an interpreter that has requirements/peers.txt (this one when not given);
a peer that cannot be imported is named and left out.  Every tool gets the same PNG files.  Two
contests: proper-pixel-art, unfake and ours know nothing about the cells; palette tools (PIL,
pngquant) recover no grid, so they get the nearest-pixel reduction by the true size, and ours is told
that size too (--size 64x64).  Times are wall clock of the call, without starting an interpreter and
reading the file, except pngquant, a process.  --bars exits with 1 where a peer of a contest is as
accurate as ours in a mode, or less than 20 (proper-pixel-art) or 5 times (unfake) slower.
"""

import argparse
import contextlib
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

PEERS = ("proper-pixel-art", "unfake")
SLOWER = {"proper-pixel-art": 20, "unfake": 5}
OURS, TOLD = "dgx-pixels", "dgx-pixels --size"


def run_peer(name, folder):
    """The worker: for each PNG of the folder, NAME.<peer>.png and its seconds on stdout."""
    if name == "proper-pixel-art":
        from proper_pixel_art.image import pixelate

        def call(path):
            result = pixelate(Image.open(path).convert("RGBA"))
            return getattr(result, "image", None) or getattr(result, "pixelated", None) or result[0]
    else:
        import unfake

        def call(path):
            return unfake.process_image_sync(str(path))["image"]

    for path in sorted(pathlib.Path(folder).glob("*.in.png")):
        began = time.perf_counter()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                out = call(path)
            out = out if isinstance(out, Image.Image) else Image.fromarray(np.asarray(out))
            out.convert("RGBA").save(str(path).replace(".in.png", f".{name}.png"))
            print(json.dumps([path.name, time.perf_counter() - began]), flush=True)
        except Exception as fault:  # a peer that fails on a scene scores 0 there
            print(json.dumps([path.name, time.perf_counter() - began, str(fault)[:200]]), flush=True)


def quantize_nearest(canvas, cell, size, method, colors=32):
    at = np.minimum(((np.arange(size) + 0.5) * cell).astype(int), canvas.shape[0] - 1)
    small = Image.fromarray(canvas[at][:, at])
    if method == "pngquant":
        buffer = io.BytesIO()
        small.save(buffer, "PNG")
        out = subprocess.run(["pngquant", "--nofs", "--speed", "1", str(colors), "-"], input=buffer.getvalue(), capture_output=True, check=True).stdout
        return np.array(Image.open(io.BytesIO(out)).convert("RGBA"))
    return np.array(small.quantize(colors, method, dither=Image.Dither.NONE).convert("RGBA"))


def make_cases(folder, count):
    """(mode, scene, canvas, true cell, file) of every scene, as PNG files in the folder."""
    import scenes

    cases, cc0 = [], scenes.load_cc0()
    for mode in scenes.MODES:
        for source, sprites in (("drawn", []), ("cc0", cc0)):
            for i in range(count if source == "drawn" or cc0 else 0):
                rng = np.random.default_rng([7, len(source), scenes.MODES.index(mode), i])
                scene = scenes.compose(rng, 64, sprites)
                canvas, cell = scenes.degrade(rng, scene, mode)
                path = pathlib.Path(folder) / f"{len(cases):04}.in.png"
                Image.fromarray(canvas).save(path)
                cases.append((mode, scene, canvas, cell, path))
    return cases


def measure(library, count, peers):
    """({tool: {mode: [accuracy]}}, {tool: [seconds]}); `peers` is an interpreter that has them, or None."""
    import scenes

    palette_tools = {"PIL median cut": Image.Quantize.MEDIANCUT, "PIL max coverage": Image.Quantize.MAXCOVERAGE, "PIL octree": Image.Quantize.FASTOCTREE}
    if shutil.which("pngquant"):
        palette_tools["pngquant"] = "pngquant"
    else:
        print("SKIPPED pngquant: not installed")
    scores, times = {}, {}

    def note(tool, mode, accuracy, seconds):
        scores.setdefault(tool, {}).setdefault(mode, []).append(accuracy)
        times.setdefault(tool, []).append(seconds)

    with tempfile.TemporaryDirectory() as folder:
        cases = make_cases(folder, count)
        for mode, scene, canvas, cell, path in cases:
            began = time.perf_counter()
            image = library.image(canvas)
            conversion = time.perf_counter() - began
            library.free(image)
            for tool, wanted in ((OURS, {}), (TOLD, {"width": 64, "height": 64})):
                began = time.perf_counter()
                out, _, _ = library.recover(canvas, **wanted)
                note(tool, mode, scenes.accuracy(scene, out), time.perf_counter() - began - conversion)
            for tool, method in palette_tools.items():
                began = time.perf_counter()
                out = quantize_nearest(canvas, cell, 64, method)
                note(tool, mode, scenes.accuracy(scene, out), time.perf_counter() - began)
        for peer in PEERS if peers else ():
            job = subprocess.run([peers, __file__, "--worker", peer, folder], capture_output=True, text=True)
            lines = [json.loads(line) for line in job.stdout.splitlines() if line.startswith("[")]
            if not lines:
                print(f"SKIPPED {peer}: {(job.stderr.strip().splitlines() or ['no output'])[-1]}")
                continue
            spent = {line[0]: line[1] for line in lines}
            for mode, scene, _, _, path in cases:
                made = pathlib.Path(str(path).replace(".in.png", f".{peer}.png"))
                out = np.array(Image.open(made)) if made.exists() else np.zeros((1, 1, 4), np.uint8)
                note(peer, mode, scenes.accuracy(scene, out), spent.get(path.name, 0))
    return scores, times


def judge(scores, times):
    """Prints the table; returns (tool, text, missed): accuracy by mode, and how many times slower."""
    modes = list(scores[OURS])
    print(f"{'tool':18}" + "".join(f"{mode:>8}" for mode in modes) + f"{'median ms':>12}{'/ ours':>8}")
    rows = []
    for tool, found in scores.items():
        own = OURS if tool in (OURS, *PEERS) else TOLD
        mean, best = ({mode: float(np.mean(rows[mode])) for mode in modes} for rows in (found, scores[own]))
        slower = float(np.median(times[tool]) / np.median(times[own]))
        missed = tool != own and (any(mean[mode] >= best[mode] and mean[mode] < 1 for mode in modes) or slower < SLOWER.get(tool, 0))
        print(f"{tool:18}" + "".join(f"{mean[mode]:8.3f}" for mode in modes) + f"{np.median(times[tool]) * 1e3:12.1f}{slower:8.1f}{'  below the bar' if missed else ''}")
        text = ", ".join(f"{mode} {mean[mode]:.3f}" for mode in modes) + (f", {slower:.1f} times slower than ours" if tool in PEERS else "")
        rows.append((tool, text, missed))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=6, help="scenes a mode and source")
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--bars", action="store_true")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return run_peer(*options.worker)
    if not options.build:
        parser.error("--build is needed")
    from grids import Grids

    rows = judge(*measure(Grids(options.build / "lib" / "libdgxpixels.so"), options.count, options.peers))
    return int(options.bars and any(row[-1] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
