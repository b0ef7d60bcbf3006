# SPDX-License-Identifier: MIT OR Apache-2.0
"""Is a checkpoint better than the base, and at which weight?  Pictures by the engine, figures, a verdict."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch

from .. import version
from . import adapters, base as bases, dataset, export, objective, picture, style
from . import prepare as preparing
from .base import Base
from .dataset import Pixels
from .errors import TrainError
from .loop import SAMPLES, choose_threads, sample_prompts, without_trigger
from .paint import VERSION, paint
from .prepare import Prepared
from .settings import Settings

DRAWS = 8  # of noise for each held-out picture
FALL = 0.05  # of adherence that a style may cost


# --------------------------------------------------------------------------------- held-out loss


@torch.no_grad()
def held_out_loss(s: Settings, base: Base, data: Prepared, trigger: bool) -> float:
    """The denoising loss on held-out pictures, unweighted: the same noise and timesteps for every caller."""
    part, total = data.held, []
    for i, z in enumerate(part.latents):
        text = data.texts[part.rows[i][0]]
        caption = text if trigger else without_trigger(s, text)
        draw = objective.generator(s.run.seed, "held out", part.names[i])
        batch = objective.Batch(
            z[:1].expand(DRAWS, -1, -1, -1), [], objective.timesteps(
                DRAWS, base.scheduler.config.num_train_timesteps, draw),
            torch.randn((DRAWS, *z.shape[1:]), generator=draw))
        context, pooled = (x.expand(DRAWS, *x.shape[1:]) for x in base.read(base.tokens([caption])))
        total.append(objective.losses(base, batch, context, pooled).mean().item())
    return float(np.mean(total)) if total else float("nan")


# ------------------------------------------------------------------------------------ adherence


class Classifier:
    """A TorchScript program of 32x32 RGBA in -1..1 to scores; `kinds.txt` inside names them."""

    def __init__(self, path: Path) -> None:
        extra = {"kinds.txt": ""}
        try:
            self.program: Any = torch.jit.load(
                str(path), map_location="cpu", _extra_files=extra)
        except (RuntimeError, ValueError, OSError) as error:
            raise TrainError(f"{path}: is no TorchScript program: {str(error).splitlines()[0]}") from None
        text = extra["kinds.txt"]
        self.kinds = (text.decode() if isinstance(text, bytes) else text).split()
        if not self.kinds:
            raise TrainError(f"{path}: holds no kinds.txt: write it with `python -m training.starter classifier`")

    def kind_asked(self, prompt: str) -> str:
        """The kind in a prompt's last tag: "red crab, monster"."""
        word = prompt.rpartition(",")[2].strip()
        return word if word in self.kinds else ""

    @torch.no_grad()
    def adherence(self, prompts: Sequence[str], sprites: Sequence[Pixels]) -> float | None:
        """The share of pictures that show the kind that was asked for; None when no prompt names one."""
        pairs = [(self.kind_asked(p), x) for p, x in zip(prompts, sprites) if self.kind_asked(p)]
        if not pairs or any(x.shape != (32, 32, 4) for _, x in pairs):
            return None
        stack = torch.from_numpy(np.stack([x for _, x in pairs])).permute(0, 3, 1, 2).float() / 127.5 - 1
        named = self.program(stack).argmax(1).tolist()
        return float(np.mean([self.kinds[n] == kind for n, (kind, _) in zip(named, pairs)]))


# ------------------------------------------------------------------------------------- figures


def drawn_figures(s: Settings, names: list[str]) -> style.Figures:
    by_name = {e.name: e.path for e in dataset.read_folder(s)}
    return style.figures_of([dataset.read_pixels(by_name[n]) for n in names])


@dataclass(frozen=True)
class Judges:
    """What all rows of a table are measured with."""

    drawn: dict[str, style.Figures]  # the sprites of the set: "train" and "held_out"
    unit: dict[str, float]
    classifier: Classifier | None

    def distances(self, painted: style.Figures) -> dict[str, float]:
        return {f"distance_{k}": round(style.distance(painted, d, self.unit), 4) for k, d in self.drawn.items() if d}


def measure(prompts: Sequence[str], made: Sequence[Pixels], by: Judges) -> dict[str, Any]:
    about: dict[str, Any] = {**by.distances(style.figures_of(made))}
    judge = by.classifier
    share = judge.adherence(prompts, made) if judge else None
    if share is not None:
        about["adherence"] = round(share, 4)
    return about


def verdict(plain: dict[str, Any], rows: list[dict[str, Any]], loss: float, loss_base: float) -> dict[str, Any]:
    """The weight that comes nearest to the training set without costing adherence, and what it is worth."""
    kept = [r for r in rows if r.get("adherence", 1.0) >= plain.get("adherence", 0.0) - FALL]
    best = min(kept or rows, key=lambda r: r["distance_train"])
    faults = []
    if not kept:
        faults.append(f"every weight costs more than {100 * FALL:.0f} points of adherence")
    if best["distance_train"] >= plain["distance_train"]:
        faults.append("its pictures are no nearer to the training set than the base's")
    if loss >= loss_base:
        faults.append("the loss on held-out pictures is no lower than the base's")
    return {"recommended_weight": best["weight"], "better": not faults,
            "verdict": "better than the base" if not faults else "no better: " + "; ".join(faults)}


def save_pictures(folder: Path, made: Sequence[Pixels]) -> None:
    folder.mkdir(parents=True)
    for i, pixels in enumerate(made):
        PIL.Image.fromarray(pixels).save(folder / f"{i:03d}.png")


def paint_base(s: Settings, base: Base, jobs: list[tuple[str, int]], device: str, say: Any) -> list[Pixels]:
    """The base's pictures; runs that lie side by side paint them once."""
    about = json.dumps([bases.weights_hash(base.place.path), version(), device, VERSION, jobs])
    kept = s.folder.parent / ".base" / hashlib.sha256(about.encode()).hexdigest()[:16]
    if not kept.exists():
        say(f"the base: {len(jobs)} pictures", flush=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            part = Path(folder) / "pictures"
            save_pictures(part, paint(base.place, jobs, device=device))
            try:
                part.replace(kept)
            except OSError:
                if not kept.exists():  # else a run beside this one was faster
                    raise
    return [dataset.read_pixels(kept / f"{i:03d}.png") for i in range(len(jobs))]


def evaluate(s: Settings, every: bool = False, say: Any = print) -> dict[str, Any]:
    """Measure the newest checkpoint of the run, or all; figures.json, sheet.png and pictures are written."""
    files = sorted((s.folder / "checkpoints").glob("*.safetensors"))
    if not files:
        raise TrainError(f"{s.folder}: holds no checkpoint yet: run `dgx-pixels-train train {s.path}`")
    files = files if every else files[-1:]
    choose_threads(s)
    judge = Classifier(s.resolve(s.evaluate.classifier)) if s.evaluate.classifier else None
    base = bases.load(s)
    data = preparing.prepare(s, base)
    prompts = sample_prompts(s, data)
    jobs = [(p, seed) for p in prompts for seed in s.evaluate.seeds]
    asked = [p for p, _ in jobs]
    device = "" if base.device.type == "cuda" else "cpu"
    drawn = {"train": drawn_figures(s, data.train.names), "held_out": drawn_figures(s, data.held.names)}
    out = s.folder / "evaluate"
    shutil.rmtree(out, ignore_errors=True)
    plain_pictures = paint_base(s, base, jobs, device, say)
    save_pictures(out / "pictures/base", plain_pictures)
    loss_base = held_out_loss(s, base, data, trigger=False)
    by = Judges(drawn, style.units(style.figures_of(plain_pictures), drawn["train"]), judge)
    plain = {"loss_held_out": round(loss_base, 6), **measure(asked, plain_pictures, by)}
    adapters.add(s, base)
    rows = [("base", plain_pictures)]
    about: dict[str, Any] = {"prompts": prompts, "seeds": s.evaluate.seeds, "base": plain, "checkpoints": []}
    if drawn["held_out"]:  # how near sprites of the style itself come
        about["drawn"] = {"distance_train": by.distances(drawn["held_out"])["distance_train"]}
    for file in files:
        export.read(file, s, base)
        loss = held_out_loss(s, base, data, trigger=True)
        measured = []
        for weight in s.evaluate.weights:
            say(f"{file.stem} at {weight:g}: {len(jobs)} pictures", flush=True)
            made = paint(base.place, [(dataset.with_trigger(s, p), seed) for p, seed in jobs], file, weight, device)
            save_pictures(out / f"pictures/{file.stem}-{weight:g}", made)
            measured.append({"weight": weight, **measure(asked, made, by)})
            rows.append((f"{file.stem[-6:]} at {weight:g}", made))
        about["checkpoints"].append({"file": file.name, "loss_held_out": round(loss, 6), "weights": measured,
                                     **verdict(plain, measured, loss, loss_base)})
    best = min(about["checkpoints"], key=lambda c: (not c["better"], c["loss_held_out"]))
    about["recommended"] = {"file": best["file"], "weight": best["recommended_weight"],
                            "verdict": best["verdict"]}
    step, shown = len(s.evaluate.seeds), prompts[:SAMPLES]  # the sheet shows the first seed of each
    picture.write(out / "sheet.png", [picture.Tile(m, (label if n == 0 else p, )) for label, made in rows
                                      for n, (m, p) in enumerate(zip(made[::step], shown))], len(shown), 96)
    (out / "figures.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return about


def table(about: dict[str, Any]) -> str:
    """The figures as lines of text."""
    def line(name: str, row: dict[str, Any], loss: float) -> str:
        share = f"{row['adherence']:.1%}" if "adherence" in row else "-"
        held = row.get("distance_held_out")
        return (f"{name:32} {loss:9.4f} {row['distance_train']:9.3f} "
                f"{f'{held:9.3f}' if held is not None else '        -'} {share:>9}")

    lines = [f"{'':32} {'loss':>9} {'to train':>9} {'to held':>9} {'adherence':>9}",
             line("base", about["base"], about["base"]["loss_held_out"])]
    if "drawn" in about:
        lines.append(f"{'the held-out sprites themselves':32} {'-':>9} {about['drawn']['distance_train']:9.3f} "
                     f"{'-':>9} {'-':>9}")
    for c in about["checkpoints"]:
        lines += [line(f"{c['file'].removesuffix('.safetensors')} at {r['weight']:g}", r, c["loss_held_out"])
                  for r in c["weights"]]
        lines.append(f"  {c['verdict']}; recommended weight {c['recommended_weight']:g}")
    return "\n".join(lines)


def compare(runs: Sequence[Settings], out: Path) -> str:
    """What evaluate found of several runs in one table and on one sheet."""
    lines, tiles, columns = [], [], 0
    for s in runs:
        file = s.folder / "evaluate/figures.json"
        if not file.exists():
            raise TrainError(f"{s.folder}: is not evaluated: run `dgx-pixels-train evaluate {s.path}`")
        about = json.loads(file.read_text("utf-8"))
        best = about["recommended"]
        lines += [f"{s.run.name}:", table(about)]
        step, shown = len(about["seeds"]), about["prompts"][:SAMPLES]
        columns = max(columns, len(shown))
        for label, name in (("base", "base"), (f"{s.run.name} at {best['weight']:g}",
                                               f"{Path(best['file']).stem}-{best['weight']:g}")):
            files = sorted((file.parent / "pictures" / name).glob("*.png"))[::step]
            row = [picture.Tile(dataset.read_pixels(f), (label if n == 0 else p,))
                   for n, (f, p) in enumerate(zip(files, shown))]
            tiles.append(row)
    blank = picture.Tile(np.zeros((0, 0, 4), np.uint8))
    picture.write(out, [t for row in tiles for t in [*row, *[blank] * (columns - len(row))]], columns, 96)
    return "\n".join(lines)
