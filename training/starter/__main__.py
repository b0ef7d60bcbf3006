# SPDX-License-Identifier: MIT OR Apache-2.0
"""python -m training.starter COMMAND: see README.md beside this file."""

from __future__ import annotations

import argparse
import collections
import json
import re
from dataclasses import replace
from pathlib import Path

import torch

from . import (
    captions,
    classifier,
    config,
    corpus,
    dataset,
    diffusion,
    evaluate,
    export,
    names,
    plot,
    shards,
    tokenizer,
    trial,
    tune,
)
from .grid import save_grid
from .sampling import paint

DOLLS = 8000
PROMPTS = Path(__file__).parents[2] / "models" / "starter" / "prompts.txt"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.starter")
    parser.add_argument("--sprites", type=Path, default=config.sprite_folder(),
                        help="the folder that holds manifest.jsonl")
    parser.add_argument("--cache", type=Path, default=config.cache_folder(),
                        help="checkpoints, logs and grids")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    sub = parser.add_subparsers(dest="command", required=True)
    sub.add_parser("prepare", help="train the tokenizer and report on the autoencoder")
    longer = sub.add_parser("extend", help="the vocabulary of shipped weights with the words of the sets added")
    longer.add_argument("--from", dest="shipped", type=Path, default=PROMPTS.parent, help="their bundle")
    longer.add_argument("--most", type=int, default=config.ADDED_WORDS, help="tokens to add")
    pack = sub.add_parser("pack", help="write all that a training draws from as one .npz, for another machine")
    pack.add_argument("--dolls", type=int, default=DOLLS)
    pack.add_argument("out", type=Path)
    sub.add_parser("trial", help="ten steps of each way to compute them on this machine; `train` follows the choice"
                   ).add_argument("--batch", type=int)
    run = sub.add_parser("train", help="train UNet and text encoder; resumes the last run")
    run.add_argument("--gpu", action="store_true", help="a GPU's batch, rate, average and times of saving (config.GPU_TRAIN)")
    run.add_argument("--minutes", type=float, help="stop cleanly after so many minutes")
    run.add_argument("--samples", type=int, help="planned length")
    run.add_argument("--plan-minutes", type=float, help="planned length in minutes instead")
    run.add_argument("--batch", type=int)
    run.add_argument("--rate", type=float, help="peak learning rate")
    run.add_argument("--ema", type=float)
    run.add_argument("--warmup", type=int, help="steps of rising rate")
    run.add_argument("--wrapped", type=float, help="share of the steps that see tiles alone, wrapped round")
    run.add_argument("--dropout", type=float, help="of the UNet while it trains")
    run.add_argument("--save-minutes", type=float, help="between two checkpoints")
    run.add_argument("--card", type=int, metavar="N", help="so many of the card's prompts in the grids (default: all)")
    run.add_argument("--no-compile", action="store_true", help="a GPU's steps as they are: for a run too short to compile")
    run.add_argument("--dolls", type=int, default=DOLLS)
    run.add_argument("--corpus", type=Path, help="what `pack` wrote; no sprites are read then")
    run.add_argument("--warm-start", type=Path, help="a bundle, or a folder of shards, to begin from")
    run.add_argument("--words-only", action="store_true", help="train the text encoder and what reads it")
    grid = sub.add_parser("grid", help="paint prompts with the newest checkpoint")
    grid.add_argument("--seed", type=int, default=0)
    grid.add_argument("--out", type=Path, default=Path("grid.png"))
    grid.add_argument("prompt", nargs="*", help="default: the card's prompts")
    judge = sub.add_parser("evaluate", help="measure the newest checkpoint, or pictures")
    judge.add_argument("--prompts-only", action="store_true")
    judge.add_argument("--images", type=Path, help="0000.png ... painted elsewhere")
    for one in (grid, judge):
        one.add_argument("--steps", type=int, default=20)
        one.add_argument("--guidance", type=float, default=4.0)
        one.add_argument("--rescale", type=float, default=0.7)
        one.add_argument("--temperature", type=float, default=0.6)
    tuning = sub.add_parser("tune", help="measure settings with pictures of the command line")
    tuning.add_argument("--program", type=Path, required=True, help="dgx-pixels")
    tuning.add_argument("--model", type=Path, default=PROMPTS.parent, help="the bundle")
    tuning.add_argument("--every", type=int, default=1, help="each n-th wish only")
    tuning.add_argument("settings", nargs="+", help='"guidance=3 sampler=euler-a"')
    naming = sub.add_parser("names", help="which of the second set's things the pictures of the command line show")
    naming.add_argument("--program", type=Path, required=True, help="dgx-pixels")
    naming.add_argument("--model", type=Path, default=PROMPTS.parent, help="the bundle")
    naming.add_argument("--every", type=int, default=1, help="each n-th wish only")
    sub.add_parser("plot", help="curves as a PNG and a short CSV").add_argument("out", type=Path)
    sub.add_parser("classifier", help="train it and write it as TorchScript, for dgx-pixels-train"
                   ).add_argument("out", type=Path)
    ship = sub.add_parser("export", help="write the diffusers folder")
    ship.add_argument("--dolls", type=int, default=DOLLS)
    ship.add_argument("out", type=Path)
    sub.add_parser("shards", help="write the averaged weights as files of at most 15 MiB; a cache folder that holds "
                   "them is a finished run").add_argument("out", type=Path)
    return parser.parse_args()


def chosen(settings: object, args: argparse.Namespace, *names: str) -> object:
    """The settings with those fields that the command line names."""
    given = {n: getattr(args, n) for n in names if getattr(args, n) is not None}
    return replace(settings, **given)


def prepare(data: dataset.SpriteSet, folder: Path) -> None:
    """The tokenizer, and a report on the autoencoder with the sheet to look at."""
    texts = captions.variants(data.sprites, 8, seed=0)
    tokenizer.train((t for s, several in zip(data.sprites, texts) if s.split == "train"
                     for t in several), config.VOCABULARY, folder / "tokenizer")
    figures = evaluate.autoencoder_report(data, folder / "autoencoder.png")
    (folder / "autoencoder.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    print(json.dumps(figures, indent=1))


def extend(data: dataset.SpriteSet, shipped: Path, most: int, folder: Path) -> None:
    """The commonest words of the captions become single tokens."""
    told: collections.Counter[str] = collections.Counter()
    texts = captions.variants(data.sprites, 4, seed=2)
    for weight, several in zip(data.weight.tolist(), texts):
        for word in re.findall("[a-z]+", " ".join(several)):
            told[word] += weight
    common = [w for w, _ in told.most_common() if len(w) > 2]
    tokenizer.extend(shipped / "tokenizer_2", common, most, folder)
    print(f"{folder}: {len(tokenizer.load(folder))} tokens")


def main() -> None:
    args = arguments()
    device = torch.device(args.device)
    torch.set_float32_matmul_precision("high")
    settings = config.Settings()
    if args.command == "prepare":
        prepare(dataset.load(args.sprites), args.cache)
        return
    if args.command == "classifier":
        judge = evaluate.load_classifier(lambda: dataset.load(args.sprites), args.cache / "evaluate")
        classifier.export(judge, args.out)
        return
    if args.command == "plot":
        plot.write(args.cache, args.out)
        return
    prompts = PROMPTS.read_text("utf-8").splitlines()
    if args.command == "evaluate" and (args.prompts_only or args.images):
        evaluate.run(dataset.load(args.sprites), prompts, args.cache / "evaluate", None,
                     args.images, args.prompts_only)
        return
    if args.command == "tune":
        tune.run(dataset.load(args.sprites), prompts, args.cache / "evaluate", args.program, args.model,
                 args.every, args.settings)
        return
    if args.command == "names":
        names.run(dataset.load(args.sprites), args.cache / "evaluate", args.program, args.model, args.every)
        return
    if args.command == "extend":
        extend(dataset.load(args.sprites, 1000), args.shipped, args.most, args.cache / "tokenizer")
        return
    words = tokenizer.load(args.cache / "tokenizer")
    if args.command == "trial":
        settings = replace(settings, train=chosen(settings.train, args, "batch"))
        trial.run(settings, len(words), args.cache, device)
        return
    if args.command == "train":
        settings = replace(settings, train=chosen(config.GPU_TRAIN if args.gpu else settings.train, args, "batch", "rate",
                                                  "samples", "plan_minutes", "ema", "warmup", "wrapped",
                                                  "save_minutes"))
        if args.dropout is not None:
            settings = replace(settings, unet=replace(settings.unet, dropout=args.dropout))
        given = (corpus.Corpus.load(args.corpus) if args.corpus
                 else corpus.build(dataset.load(args.sprites, args.dolls), words))
        diffusion.train(given, words, args.cache, settings, prompts[:args.card], device, args.minutes, args.warm_start,
                        args.words_only, args.no_compile)
        return
    if args.command == "pack":
        packed = corpus.build(dataset.load(args.sprites, args.dolls), words)
        packed.save(args.out)
        print(f"{args.out}: {len(packed)} sprites")
        return
    painter = diffusion.load_trained(args.cache, device)
    options = {n: getattr(args, n) for n in ("steps", "guidance", "rescale", "temperature") if hasattr(args, n)}
    if args.command == "grid":
        wanted = args.prompt or prompts
        seeds = range(args.seed, args.seed + len(wanted))
        sprites = paint(painter, words, wanted, seeds, **options)
        save_grid(args.out, [sprites], columns=8, labels=wanted)
    elif args.command == "evaluate":
        evaluate.run(dataset.load(args.sprites), prompts, args.cache / "evaluate",
                     lambda texts, seeds: paint(painter, words, texts, seeds, **options),
                     None, False)
    elif args.command == "export":
        export.write(args.out, painter, words, captions.words_read(dataset.load(args.sprites, args.dolls).sprites))
    elif args.command == "shards":
        shards.write(args.out, painter)


if __name__ == "__main__":
    main()
