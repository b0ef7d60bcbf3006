# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes the pictures of docs/tutorial-style.md and docs/lora.md of runs that are done.

    python docs/img/styles.py --lint ~/mystyle/runs/mystyle/lint.png  the whole set, with a fault planted
    python docs/img/styles.py --run ~/mystyle/runs/mystyle            the tutorial's own run
    python docs/img/styles.py --styles build/release/styles           what tests/train/test_styles.py left
    python docs/img/styles.py --loras models/starter/loras            the shipped styles
    python docs/img/styles.py --game ~/mystyle/game --program FILE    the example game, under Xvfb
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "bindings/python"), str(ROOT / "tests/game")]

import running  # noqa: E402

from dgx_pixels.train import geometry, paint, picture, settings  # noqa: E402

WIDTH, HEIGHT, MARGIN, SMOOTH = 640, 240, 40, 10


def keep(image: Path, name: str) -> None:
    """A copy small enough to commit."""
    made = Image.open(image).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    made.save(HERE / name, optimize=True)
    size = (HERE / name).stat().st_size
    assert size < 200_000, f"{name}: {size} bytes"
    print(f"{HERE / name}: {size:,} bytes")


def curve(rows: list[dict[str, str]], out: Path) -> None:
    """The loss of each step, and the mean of the last ten."""
    loss = np.array([float(r["loss"]) for r in rows])
    mean = np.convolve(loss, np.ones(SMOOTH) / SMOOTH, "valid")
    low, high = float(loss[SMOOTH:].min()) * 0.98, float(loss[SMOOTH:].max()) * 1.02
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)

    def place(step: float, value: float) -> tuple[float, float]:
        return (MARGIN + (WIDTH - 2 * MARGIN) * step / len(loss),
                HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * min(max((value - low) / (high - low), 0), 1))

    for tick in range(6):
        value, step = low + (high - low) * tick / 5, len(loss) * tick / 5
        y, x = place(0, value)[1], place(step, 0)[0]
        draw.line([(MARGIN, y), (WIDTH - MARGIN, y)], fill="#dddddd")
        draw.text((4, y - 6), f"{value:.3f}", fill="black")
        draw.text((x - 8, HEIGHT - MARGIN + 6), f"{step:.0f}", fill="black")
    draw.line([place(i + 1, v) for i, v in enumerate(loss)], fill="#b8c8e0", width=1)
    draw.line([place(i + SMOOTH, v) for i, v in enumerate(mean)], fill="#1f4e9c", width=3)
    draw.text((WIDTH - MARGIN - 60, HEIGHT - 18), "steps", fill="black")
    draw.text((MARGIN, 10), "loss", fill="#1f4e9c")
    image.save(out)


def of_run(run: Path, work: Path) -> None:
    curve(list(csv.DictReader((run / "curves.csv").open())), work)
    keep(work, "style-curve.png")
    keep(sorted((run / "samples").glob("*.png"))[-1], "style-samples.png")
    keep(run / "evaluate/sheet.png", "style-sheet.png")


def of_styles(folder: Path) -> None:
    """The sheets that evaluate wrote of the runs nouns-1 and grafxkid-1."""
    for style in ("nouns", "grafxkid"):
        keep(folder / f"{style}-1/evaluate/sheet.png", f"style-{style}.png")


def of_loras(folder: Path, work: Path) -> None:
    """The first eight prompts without a style, and with each shipped one."""
    s = settings.load(ROOT / "training/styles/nouns.toml")
    place, prompts = geometry.geometry(s), s.evaluate.prompts[:8]
    tiles = []
    for name in ("", "nouns", "grafxkid"):
        made = paint.paint(place, [(p, 1) for p in prompts],
                           (folder / f"{name}.safetensors").resolve() if name else None)
        tiles += [picture.Tile(m, ((name or "no style") if n == 0 else p,))
                  for n, (m, p) in enumerate(zip(made, prompts))]
    picture.write(work, tiles, 8, 96)
    keep(work, "lora-styles.png")


def of_game(project: Path, program: Path, work: Path) -> None:
    """The window of the running example, as Bevy drew it."""
    with running.start(program, project, work.with_suffix(".log")) as game:
        game.drawn(work)
    keep(work, "style-game.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("lint", "run", "styles", "loras", "game", "program"):
        parser.add_argument(f"--{name}", type=Path)
    options = parser.parse_args()
    work = HERE / ".work.png"
    try:
        if options.lint:
            keep(options.lint, "style-set.png")
        if options.run:
            of_run(options.run, work)
        if options.styles:
            of_styles(options.styles)
        if options.loras:
            of_loras(options.loras, work)
        if options.game:
            of_game(options.game.resolve(), options.program.resolve(), work)
    finally:
        work.unlink(missing_ok=True)
        work.with_suffix(".log").unlink(missing_ok=True)


main()
