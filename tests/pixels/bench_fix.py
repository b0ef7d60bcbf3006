# SPDX-License-Identifier: MIT OR Apache-2.0
"""How long a whole `fix` of a 1024 x 1024 picture takes, in process and as a command.

    python tests/pixels/bench_fix.py --build build/release [--count 5] [--check]

In process: dgxp_fix() on one core without PNG, once without and once with its report; the command
reads and writes PNG, with one thread.  Times are processor time, so that other work on the machine
does not count; the best and the median of COUNT runs a picture are printed, and the command's wall
time beside them.  --check exits with 1 when the best of a kind is over its bar (60 ms and 120 ms).
"""

import argparse
import ctypes
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

import library
import scenes

IN_PROCESS, COMMAND = 60.0, 120.0


def pictures():
    """Scenes of 64 x 64 cells in every mode, enlarged or cut to 1024 x 1024."""
    for mode in scenes.MODES:
        rng = np.random.default_rng([11, scenes.MODES.index(mode)])
        canvas, _ = scenes.degrade(rng, scenes.compose(rng, 64, []), mode)
        side = min(canvas.shape[:2])
        image = Image.fromarray(canvas[:side, :side])
        yield mode, np.array(image if side == 1024 else image.resize((1024, 1024), Image.Resampling.BICUBIC))


def time_call(lib, pixels, report):
    image, out, document = lib.image(pixels), ctypes.c_void_p(), ctypes.c_void_p()
    began = time.process_time()
    lib.check(lib.lib.dgxp_fix(image, None, ctypes.byref(document) if report else None, ctypes.byref(out)))
    spent = time.process_time() - began
    lib.free(out)
    lib.free(image)
    lib.lib.dgxp_document_free(document)
    return spent * 1e3


def time_command(build, source, target):
    """Processor and wall time."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([build / "bin/dgx-pixels", "fix", source, "-o", target, "-j", "1", "-q"], check=True, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3, wall * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    lib = library.Library(options.build / "lib/libdgxpixels.so")
    worst = [0.0] * 4
    print(f"{'ms, best (median)':18}{'fix':>16}{'with report':>18}{'command':>18}{'its wall time':>18}")
    with tempfile.TemporaryDirectory() as folder:
        for mode, pixels in pictures():
            source, target = (pathlib.Path(folder) / f"{mode}.{end}.png" for end in ("in", "out"))
            Image.fromarray(pixels).save(source)
            runs = [time_command(options.build, source, target) for _ in range(options.count)]
            rows = [[time_call(lib, pixels, False) for _ in range(options.count)],
                    [time_call(lib, pixels, True) for _ in range(options.count)],
                    [run[0] for run in runs], [run[1] for run in runs]]
            worst = [max(a, min(b)) for a, b in zip(worst, rows)]
            print(f"{mode:18}" + "".join(f"{min(r):10.1f} ({statistics.median(r):5.1f})" for r in rows))
    print(f"slowest of the best: {worst[0]:.1f} ms in process, {worst[1]:.1f} with its report (bar {IN_PROCESS:.0f}), command {worst[2]:.1f} (bar {COMMAND:.0f}), {worst[3]:.1f} of wall time")
    return int(options.check and (worst[1] > IN_PROCESS or worst[2] > COMMAND))


sys.exit(main())
