# SPDX-License-Identifier: MIT OR Apache-2.0
"""Grid recovery beside its peers in one run: accuracy over all scenes and time.

    python tests/pixels/bench_peers.py --build build/release [--count 6] [--peers PYTHON]

PYTHON is an interpreter that has tests/pixels/requirements-peers.txt (this one when not given);
a peer that cannot be imported is named and left out.  Every tool gets the same PNG files and knows
nothing about the cells.  Palette tools (PIL, pngquant) recover no grid: they get the nearest-pixel
reduction by the true cell, which flatters them.  Times are wall clock of the call, without
starting an interpreter and reading the file, except pngquant, a process.
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=6, help="scenes a mode and source")
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return run_peer(*options.worker)
    if not options.build:
        parser.error("--build is needed")
    import scenes
    from grids import Grids

    library = Grids(options.build / "lib" / "libdgxpixels.so")
    palette_tools = {"PIL median cut": Image.Quantize.MEDIANCUT, "PIL max coverage": Image.Quantize.MAXCOVERAGE, "PIL octree": Image.Quantize.FASTOCTREE}
    if shutil.which("pngquant"):
        palette_tools["pngquant"] = "pngquant"
    else:
        print("SKIPPED pngquant: not installed")
    cc0 = scenes.load_cc0()
    cases, scores, times = [], {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for mode in scenes.MODES:
            for source, sprites in (("drawn", []), ("cc0", cc0)):
                for i in range(options.count if source == "drawn" or cc0 else 0):
                    rng = np.random.default_rng([7, len(source), scenes.MODES.index(mode), i])
                    scene = scenes.compose(rng, 64, sprites)
                    canvas, cell = scenes.degrade(rng, scene, mode)
                    path = pathlib.Path(folder) / f"{len(cases):04}.in.png"
                    Image.fromarray(canvas).save(path)
                    cases.append((mode, scene, canvas, cell, path))

        def note(tool, mode, accuracy, seconds):
            scores.setdefault(tool, {}).setdefault(mode, []).append(accuracy)
            times.setdefault(tool, []).append(seconds)

        for mode, scene, canvas, cell, path in cases:
            began = time.perf_counter()
            image = library.image(canvas)
            conversion = time.perf_counter() - began
            library.free(image)
            began = time.perf_counter()
            out, _, _ = library.recover(canvas)
            note("dgx-pixels", mode, scenes.accuracy(scene, out), time.perf_counter() - began - conversion)
            for tool, method in palette_tools.items():
                began = time.perf_counter()
                out = quantize_nearest(canvas, cell, 64, method)
                note(tool, mode, scenes.accuracy(scene, out), time.perf_counter() - began)
        for peer in PEERS:
            job = subprocess.run([options.peers, __file__, "--worker", peer, folder], capture_output=True, text=True)
            lines = [json.loads(line) for line in job.stdout.splitlines() if line.startswith("[")]
            if not lines:
                print(f"SKIPPED {peer}: {(job.stderr.strip().splitlines() or ['no output'])[-1]}")
                continue
            spent = {line[0]: line[1] for line in lines}
            for mode, scene, _, _, path in cases:
                made = pathlib.Path(str(path).replace(".in.png", f".{peer}.png"))
                out = np.array(Image.open(made)) if made.exists() else np.zeros((1, 1, 4), np.uint8)
                note(peer, mode, scenes.accuracy(scene, out), spent.get(path.name, 0))
    print("PIL and pngquant are given the true cell; the others find it")
    print(f"{'tool':18}" + "".join(f"{mode:>8}" for mode in scenes.MODES) + f"{'median ms':>12}")
    for tool, rows in scores.items():
        print(f"{tool:18}" + "".join(f"{np.mean(rows[mode]):8.3f}" for mode in scenes.MODES) + f"{np.median(times[tool]) * 1e3:12.1f}")
    ours = np.median(times["dgx-pixels"])
    for peer in PEERS:
        if peer in times:
            print(f"{peer}: {np.median(times[peer]) / ours:.0f} times slower")
    return 0


sys.exit(main())
