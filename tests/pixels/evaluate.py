# SPDX-License-Identifier: MIT OR Apache-2.0
"""Grid recovery on spoiled scenes beside its bars; exits 1 when a bar of the 64x64 scenes is missed.

    python tests/pixels/evaluate.py --build build/release [--count 48]

Scenes are drawn; with DGXP_TEST_DATA also composed of CC0 sprites.  Accuracy is over all scenes, 0
where the size is wrong.
"""

import argparse
import pathlib
import sys

import numpy as np
import scenes
from grids import Grids

# mode: (tolerance in cells, share with the right size, accuracy)
BARS = {"clean": (0, 1.0, 0.98), "soft": (0, 0.98, 0.93), "offset": (0, 0.98, 0.93), "drift": (1, 0.90, 0.0), "warp": (0, 0.90, 0.90)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--count", type=int, default=48, help="scenes a row")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    library = Grids(options.build / "lib" / "libdgxpixels.so")
    sources = {"drawn": []}
    cc0 = scenes.load_cc0()
    if cc0:
        sources["cc0"] = cc0
    else:
        print("SKIPPED the CC0 scenes: DGXP_TEST_DATA is not set")
    missed = 0
    print(f"{'scenes':16}{'mode':8}{'exact':>7}{'+-1':>7}{'accuracy':>10}{'right ones':>12}{'cpu ms':>8}")
    for size in (64, 96):
        for name, sprites in sources.items():
            for mode in scenes.MODES:
                exact = near = 0
                found, spent = [], []
                count = options.count if size == 64 else max(1, options.count // 2)
                for i in range(count):
                    rng = np.random.default_rng([options.seed, size, len(name), scenes.MODES.index(mode), i])
                    scene = scenes.compose(rng, size, sprites)
                    canvas, _ = scenes.degrade(rng, scene, mode)
                    out, info, seconds = library.recover(canvas)
                    off = max(abs(info.width - size), abs(info.height - size))
                    exact += off == 0
                    near += off <= 1
                    found.append(scenes.accuracy(scene, out))
                    spent.append(seconds)
                tolerance, share, accuracy = BARS[mode]
                right = [a for a in found if a > 0]
                good = (near if tolerance else exact) / count >= share and np.mean(found) >= accuracy
                missed += size == 64 and not good
                print(f"{name + ' ' + str(size):16}{mode:8}{exact / count:7.2f}{near / count:7.2f}{np.mean(found):10.3f}"
                      f"{np.mean(right) if right else 0:12.3f}{np.median(spent) * 1e3:8.1f}{'' if good else '  below the bar'}", flush=True)
    return 1 if missed else 0


sys.exit(main())
