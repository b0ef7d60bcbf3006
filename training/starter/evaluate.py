# SPDX-License-Identifier: MIT OR Apache-2.0
"""Measures a model by what a person would look for: kind, colour, novelty, no duds.

    python -m training.starter evaluate --prompts-only     writes evaluate/prompts.jsonl
    python -m training.starter evaluate                    paints them with the newest checkpoint
    python -m training.starter evaluate --images FOLDER    judges 0000.png … made by the CLI
"""

from __future__ import annotations

import collections
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from . import autoencoder, captions, classifier, colours, objects
from .config import KINDS
from .dataset import SpriteSet, to_float
from .grid import save_grid
from .sprites import load_pixels

PER_KIND = 30  # held-out captions of each kind at most
COLOURED_NOUNS = ("potion, item", "sword, item", "gem, item", "robe, wizard, character",
                  "dragon, monster", "slime, monster", "flower tile", "spell icon")
Paint = Callable[[Sequence[str], Sequence[int]], np.ndarray]


@dataclass(frozen=True)
class Task:
    """One picture to paint and what it must show."""

    part: str  # held-out, colour or card
    prompt: str
    seed: int
    kind: str = ""
    colour: str = ""
    sprite: int = -1  # of the data set, for held-out captions


def tasks(data: SpriteSet, card: Sequence[str]) -> list[Task]:
    """The fixed list: balanced held-out captions of the first set, colour words on nouns, the card's prompts, and then
    held-out captions of the second set, if it is there."""
    chosen: list[Task] = []

    def hold_out(options: list[int]) -> None:
        pick = np.random.default_rng(4).permutation(len(options))[:PER_KIND]
        for i in (options[p] for p in sorted(pick)):
            sprite = data.sprites[i]
            text = captions.fixed_caption(sprite)
            colour = next((c for c in sprite.colours if c in text.split(",")[0].split()), "")
            chosen.append(Task("held-out", text, len(chosen), sprite.kind, colour, i))

    by_kind = collections.defaultdict(list)
    for i in data.val:
        sprite = data.sprites[i]
        if sprite.source == objects.SOURCE or sprite.kind != "character" or sprite.source == "dolls":
            by_kind[sprite.kind, sprite.source == objects.SOURCE].append(i)
    for kind in KINDS:
        hold_out(by_kind[kind, False])
    for word in colours.CHROMATIC:
        for noun in COLOURED_NOUNS:
            chosen.append(Task("colour", f"{word} {noun}", len(chosen), colour=word))
    chosen += [Task("card", text, i) for i, text in enumerate(card)]
    for kind in KINDS:
        hold_out(by_kind[kind, True])
    return chosen


def load_classifier(read: Callable[[], SpriteSet], folder: Path) -> torch.nn.Module:
    """Trained once for a folder: some minutes; the sprites are read only then."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "classifier.pt"
    return classifier.load(path) if path.exists() else classifier.train(read(), path)


def read_images(folder: Path, count: int) -> np.ndarray:
    return np.stack([load_pixels(folder / f"{i:04d}.png") for i in range(count)])


def judge(data: SpriteSet, todo: list[Task], made: np.ndarray, folder: Path,
          model: torch.nn.Module) -> dict[str, object]:
    """All figures; the sheets go to `folder`."""
    named = classifier.kinds_of(model, made)
    held = [i for i, t in enumerate(todo) if t.part == "held-out"]
    real = data.pixels[[todo[i].sprite for i in held]].permute(0, 2, 3, 1).numpy()
    real_named = classifier.kinds_of(model, real)
    right = np.array([named[i] == todo[i].kind for i in held])
    real_right = np.array([n == todo[i].kind for n, i in zip(real_named, held)])
    kind = np.array([todo[i].kind for i in held])
    figures: dict[str, object] = {
        "held_out_captions": len(held),
        "kind_right_real": float(real_right.mean()),
        "kind_right_made": float(right.mean()),
        "kind_share_of_real": float(right.mean() / real_right.mean()),
        "kind_right_by_kind": {k: [round(float(right[kind == k].mean()), 3),
                                   round(float(real_right[kind == k].mean()), 3)] for k in KINDS},
    }
    second = np.array([data.sprites[todo[i].sprite].source == objects.SOURCE for i in held])
    if second.any():
        figures["kind_share_of_real_by_set"] = [float(right[of].mean() / real_right[of].mean()) for of in (~second, second)]
    for part in ("held-out", "colour"):
        asked = [i for i, t in enumerate(todo) if t.part == part and t.colour]
        hit = [todo[i].colour in colours.dominant(made[i]) for i in asked]
        figures[f"colour_honoured_{part}"] = float(np.mean(hit))
    words = [t.colour for t in todo if t.part == "colour"]
    hits = [t.colour in colours.dominant(made[i]) for i, t in enumerate(todo) if t.part == "colour"]
    figures["colour_honoured_by_word"] = {
        w: round(float(np.mean([h for h, v in zip(hits, words) if v == w])), 3)
        for w in dict.fromkeys(words)}
    figures |= duds(made)
    card = [i for i, t in enumerate(todo) if t.part == "card"]
    figures["nearest_training_sprite"] = nearest(data, made[card], folder / "nearest.png")
    save_grid(folder / "card.png", [made[card]], 8, labels=[todo[i].prompt for i in card])
    save_grid(folder / "held-out.png", [x for r in range(0, len(held), 10)
                                        for x in (made[held][r:r + 10], real[r:r + 10])], 10)
    save_grid(folder / "colour.png", [made[[i for i, t in enumerate(todo) if t.part == "colour"]]],
              len(COLOURED_NOUNS))
    return figures


def duds(made: np.ndarray) -> dict[str, float]:
    """Empty and one-colour pictures, and how many colours a sprite has before the palette step."""
    opaque = made[..., 3] >= 128
    counts = [len(np.unique(s[o], axis=0)) for s, o in zip(made, opaque)]
    return {"empty": int((opaque.sum((1, 2)) < 12).sum()), "flat": int(np.sum(np.array(counts) < 2)),
            "median_colours": float(np.median(counts))}


def nearest(data: SpriteSet, made: np.ndarray, picture: Path) -> dict[str, float]:
    """Mean absolute difference (0..1 over RGBA) to the closest training sprite or its mirror."""
    train = torch.nonzero(data.weight > 0).flatten()
    known = data.pixels[train].permute(0, 2, 3, 1).flatten(1).float()
    mirror = data.pixels[train].flip(3).permute(0, 2, 3, 1).flatten(1).float()
    x = torch.from_numpy(made).flatten(1).float()
    straight = torch.cdist(x, known, p=1) / (255 * x.shape[1])
    turned = torch.cdist(x, mirror, p=1) / (255 * x.shape[1])
    distance = torch.minimum(straight, turned)
    best, index = distance.min(1)
    closest = data.pixels[train[index]].permute(0, 2, 3, 1).numpy()
    save_grid(picture, [r for s in range(0, len(made), 16)
                        for r in (made[s:s + 16], closest[s:s + 16])], 16)
    among = torch.cdist(known[::40], known, p=1) / (255 * x.shape[1])
    typical = among.sort(1).values[:, 1]  # of real training sprites to one another
    return {"median": best.median().item(), "minimum": best.min().item(),
            "below_0.02": int((best < 0.02).sum()),
            "median_between_training_sprites": typical.median().item()}


@torch.no_grad()
def autoencoder_report(data: SpriteSet, picture: Path) -> dict[str, float]:
    """Error on val with the weights as they are shipped, and how often each hue survives."""
    val = data.val
    vae = autoencoder.build().to(torch.bfloat16).float()
    x = to_float(data.pixels[val])
    y = torch.cat([vae.decode(vae.encode(part).latent_dist.mode()).sample for part in x.split(256)])
    real = data.pixels[val].permute(0, 2, 3, 1).numpy()
    made = autoencoder.to_sprites(autoencoder.encode(y))
    figures = {"val_mae": (y - x).abs().mean().item(),
               "alpha_wrong": float(((made[..., 3] > 0) != (real[..., 3] > 0)).mean())}
    rows = []
    for word in colours.WORDS:
        hit = [i for i in range(len(val)) if (colours.dominant(real[i]) or [""])[0] == word]
        if hit:
            figures[f"hue_{word}"] = float(np.mean([word in colours.dominant(made[i]) for i in hit]))
            few = hit[:: max(1, len(hit) // 10)][:10]
            rows += [real[few], made[few]]
    save_grid(picture, rows, columns=10)
    return figures


def run(data: SpriteSet, card: Sequence[str], folder: Path, paint: Paint | None,
        images: Path | None, prompts_only: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    todo = tasks(data, card)
    lines = [json.dumps(asdict(t)) for t in todo]
    (folder / "prompts.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    if prompts_only:
        return
    model = load_classifier(lambda: data, folder)
    if images:
        made = read_images(images, len(todo))
    else:
        assert paint is not None
        made = paint([t.prompt for t in todo], [t.seed for t in todo])
        (folder / "images").mkdir(exist_ok=True)
        for i, pixels in enumerate(made):
            Image.fromarray(pixels).save(folder / "images" / f"{i:04d}.png")
    figures = judge(data, todo, made, folder, model)
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    print(json.dumps(figures, indent=1))
