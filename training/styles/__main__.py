# SPDX-License-Identifier: MIT OR Apache-2.0
"""python -m training.styles train|picture: see README.md beside this file."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from training.starter import config
from training.starter.grid import save_grid

from .train import train

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "models/starter"
STYLES = ("nouns", "grafxkid")
PROMPTS = ("red crab", "robot", "wizard character", "pineapple", "green snake", "chest, item",
           "skeleton monster", "blue potion")


def paint(binary: Path, style: str | None, seed: int) -> np.ndarray:
    """PROMPTS through the library itself, without or with a style; [n, 32, 32, 4]."""
    sprites = []
    with tempfile.TemporaryDirectory() as folder:
        for i, prompt in enumerate(PROMPTS):
            out = Path(folder) / f"{i}.png"
            words = [f"{style} style, {prompt}" if style else prompt, "-m", STARTER, "-s",
                     seed + i, "-o", out, "-q", *(("--lora", style) if style else ())]
            subprocess.run([str(binary), "generate", *map(str, words)], check=True,
                           stdout=subprocess.DEVNULL)
            sprites.append(np.asarray(Image.open(out).convert("RGBA")))
    return np.stack(sprites)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.styles")
    sub = parser.add_subparsers(dest="command", required=True)
    run = sub.add_parser("train", help="train styles; a broken run goes on where it was")
    run.add_argument("style", nargs="*", help=f"default: {' '.join(STYLES)}")
    run.add_argument("--minutes", type=float, default=8.0, help="of training, for each")
    run.add_argument("--steps", type=int, help="stop after so many steps, for tests")
    run.add_argument("--model", type=Path, default=STARTER, help="the starter's bundle")
    run.add_argument("--sprites", type=Path, default=config.sprite_folder())
    run.add_argument("--cache", type=Path, default=config.cache_folder())
    run.add_argument("--out", type=Path, default=STARTER / "loras")
    show = sub.add_parser("picture", help="before and after, painted by the library")
    show.add_argument("--binary", type=Path, default=ROOT / "build/release/bin/dgx-pixels")
    show.add_argument("--seed", type=int, default=1)
    show.add_argument("--out", type=Path, default=ROOT / "docs/img/lora-styles.png")
    args = parser.parse_args()
    if args.command == "train":
        for style in args.style or STYLES:
            train(style, args.sprites, args.model, args.cache, args.out, args.minutes, args.steps)
        return
    rows = [paint(args.binary, style, args.seed) for style in (None, *STYLES)]
    save_grid(args.out, rows, columns=len(PROMPTS),
              labels=[*PROMPTS, *(s for s in STYLES for _ in PROMPTS)])
    print(args.out)


if __name__ == "__main__":
    main()
