# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is wrong with a set of sprites, found before it costs a training; no torch.

The figures are the library's: the grid that `fix` finds, and the quality report.  What it does not
know (captions, likeness of pictures, blends of neighbours) is looked at here.
"""

from __future__ import annotations

import bisect
import collections
import json
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from .. import Job, Model, Palette, fix, quality
from ..errors import DgxPixelsError, LimitExceeded
from . import colour, dataset, files, picture
from .dataset import Example, Pixels
from .errors import TrainError
from .geometry import Geometry, geometry
from .settings import Settings

FEW, SOME = 20, 50  # pictures: fewer is an error, a warning
BLENDS = 0.04  # share of visible pixels that lie between their neighbours, above which edges are soft
FEW_BLENDS = 3  # colours: a shade that was drawn once or twice in a small picture is no blend
WINDOW, STEPS = 8, 6  # of the search for mixed pixel sizes: side, and colour changes that say something
SAME_BITS, SAME_COLOUR = 8, 14.0  # perceptual hashes of 480 bits, mean difference of 0..255


@dataclass(frozen=True)
class Finding:
    severity: str  # error or warning
    check: str
    file: str  # empty: of the whole set
    message: str
    cure: str
    fixable: bool = False

    def __str__(self) -> str:
        return f"{self.severity}: {self.file or 'the set'}: {self.check}: {self.message}. {self.cure}"


def lint(s: Settings) -> tuple[list[Example], list[Finding]]:
    """Every finding of the folder, in the order of its pictures."""
    place, examples = geometry(s), dataset.read_folder(s)
    found: list[Finding] = []
    seen: list[tuple[Example, Pixels]] = []
    for example in examples:
        found += _captions(s, example)
        try:
            pixels = dataset.read_pixels(example.path)
        except TrainError as error:
            found.append(Finding("error", "unreadable", example.name,
                                 str(error).removeprefix(f"{example.path}: ").removesuffix("; replace or remove it"),
                                 "Replace or remove the file"))
            continue
        if dataset.frames(example.path) > 1:
            found.append(Finding("warning", "frames", example.name, f"holds {dataset.frames(example.path)} frames, "
                                 "and only the first is taken", "Save the frames as pictures of their own"))
        more, small = look(s, place, example.name, pixels)
        found += more
        if small.size:
            seen.append((example, small))
    found += [Finding("warning", "not-read", name, "is of a kind that is not read",
                      "Save the original as PNG; JPEG has blurred its pixels for good") for name in dataset.others(s)]
    found += duplicates(seen) + odd_sizes(seen) + long_captions(s, place, examples) + _whole_set(s, place, examples)
    order = {e.name: i for i, e in enumerate(examples)}
    return examples, sorted(found, key=lambda f: order.get(f.file, -1))


# ------------------------------------------------------------------------------------ pictures


def look(s: Settings, place: Geometry, name: str, pixels: Pixels) -> tuple[list[Finding], Pixels]:
    """The findings of one picture, and its native pixels (empty when it shows nothing)."""
    found: list[Finding] = []
    factor = dataset.enlargement(pixels)
    small = pixels[::factor, ::factor]
    count = int((small[..., 3] >= 128).sum())
    if count < 4:
        what = "every pixel is transparent" if not count else "fewer than 4 pixels at its true size"
        return [Finding("error", "empty", name, f"shows nothing: {what}", "Remove it")], pixels[:0, :0]
    try:
        fixed = fix(small, background="keep", keep_colors=True)
        figures = {k: float(v["value"]) for k, v in quality(small)["metrics"].items()}
    except DgxPixelsError as error:
        return [Finding("error", "unreadable", name, str(error), "Replace or remove the file")], small[:0, :0]
    grid = fixed.report["grid"]
    cell = max(float(grid["cell_width"]), float(grid["cell_height"]))
    if factor > 1:
        h, w = small.shape[:2]
        found.append(Finding("warning", "scale", name, f"is enlarged {factor} times; its true size is {w}x{h}",
                             "--fix writes it at its true size; prepare takes it as that anyway", True))
    elif cell > 1.01:
        found.append(Finding("error", "scale", name, f"its pixels are about {cell:.2f} picture pixels large, and "
                             "not alike", "--fix finds the grid and writes one pixel a cell; look at the result",
                             True))
        return found, small
    soft = figures.get("soft_alpha", 0.0)
    if soft:
        found.append(Finding("warning", "soft-alpha", name, f"{soft:.1%} of its pixels are half transparent",
                             "--fix makes them opaque or transparent at 128", True))
    blends = anti_aliased(small)
    if "painted" in fixed.warnings or blends > BLENDS:
        found.append(Finding("error", "anti-aliasing", name,
                             "its edges are blended" + (f" ({blends:.1%} of its pixels)" if blends else "")
                             + ": it was smoothed, scaled or painted",
                             "Take the original; or try `dgx-pixels fix` and look at what comes out"))
    elif figures.get("near_duplicates", 0.0):
        found.append(Finding("warning", "near-duplicates", name,
                             f"{figures['near_duplicates']:.0f} pairs of its colours cannot be told apart",
                             "--fix merges them", True))
    if mixed_sizes(small) or figures.get("mixels", 0.0) > 0.9:
        found.append(Finding("error", "mixed-sizes", name, "parts of it have pixels twice as large as others",
                             "Redraw the larger parts at the size of the others, or remove it"))
    canvas, scale = place.canvas(s), s.data.pixel_scale or place.cell
    visible = dataset.native(small)
    h, w = visible.shape[0] * scale, visible.shape[1] * scale
    if w > canvas[0] or h > canvas[1]:
        found.append(Finding("error", "size", name, f"shows {w // scale}x{h // scale} pixels, and the canvas holds "
                             f"{canvas[0] // scale}x{canvas[1] // scale}",
                             "Cut it up, remove it, or raise [data] canvas"))
    return found, small


def anti_aliased(pixels: Pixels) -> float:
    """The share of visible pixels of a rare colour that lies between those of two opposite neighbours.

    A drawn blend repeats its colour; a computed one has nearly as many colours as pixels.
    """
    opaque = pixels[..., 3] >= 128
    colours = (pixels[..., :3].astype(np.int64) * (1 << 16, 1 << 8, 1)).sum(-1)
    values, inverse, counts = np.unique(np.where(opaque, colours, -1), return_inverse=True, return_counts=True)
    rare = (counts[inverse].reshape(opaque.shape) <= 2) & opaque
    rgb: np.ndarray[Any, Any] = pixels[..., :3].astype(int)
    between = np.zeros_like(opaque)
    for axis in (0, 1):
        before, after = np.roll(rgb, 1, axis), np.roll(rgb, -1, axis)
        there = np.roll(opaque, 1, axis) & np.roll(opaque, -1, axis)
        low, high = np.minimum(before, after), np.maximum(before, after)
        far = (high - low).max(-1) > 24
        inside = ((rgb >= low - 2) & (rgb <= high + 2)).all(-1)
        new = (np.abs(rgb - before).max(-1) > 4) & (np.abs(rgb - after).max(-1) > 4)
        between |= there & far & inside & new
    blended = between & rare
    if len(np.unique(colours[blended])) < FEW_BLENDS:
        return 0.0
    return float(blended.sum() / max(1, opaque.sum()))


def mixed_sizes(pixels: Pixels) -> bool:
    """Whether some windows are drawn in 2x2 blocks of one phase and others are not.

    A chequered surface and stripes two pixels wide are drawn so on purpose: blocks must hold three
    colours, and change both across and down.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < 2 * WINDOW:
        return False
    shown = np.where(pixels[..., 3:] >= 128, pixels, 0)
    flat = (shown.astype(np.int64) * (1 << 24, 1 << 16, 1 << 8, 1)).sum(-1)
    across, down = flat[:, 1:] != flat[:, :-1], flat[1:] != flat[:-1]
    best = 0
    for y0 in (0, 1):
        for x0 in (0, 1):
            coarse = fine = 0
            for y in range(y0, height - WINDOW + 1, WINDOW):
                for x in range(x0, width - WINDOW + 1, WINDOW):
                    a = across[y:y + WINDOW, x:x + WINDOW - 1]
                    d = down[y:y + WINDOW - 1, x:x + WINDOW]
                    changes = int(a.sum() + d.sum())
                    off = int(a[:, ::2].sum() + d[::2].sum())  # inside a 2x2 block of this phase
                    if (changes >= 4 * STEPS and off == 0 and min(a.sum(), d.sum()) >= STEPS
                            and len(np.unique(flat[y:y + WINDOW, x:x + WINDOW])) > 2):
                        coarse += 1
                    elif off >= STEPS:
                        fine += 1
            if fine:
                best = max(best, coarse)
    return best >= 1


# ---------------------------------------------------------------------------------- likenesses


def perceptual_hash(pixels: Pixels) -> tuple[int, np.ndarray[Any, Any]]:
    """480 bits of brightness steps, across and down, and the colours at 8x8, of what is visible."""
    visible = dataset.native(pixels)
    image = PIL.Image.fromarray(visible)
    grey = PIL.Image.new("RGBA", image.size, (128, 0, 128, 255))
    grey.alpha_composite(image)
    small = np.asarray(grey.convert("RGB").resize((16, 16), PIL.Image.Resampling.BOX)).astype(int)
    light = small @ (299, 587, 114)
    bits = np.concatenate([(light[:, 1:] > light[:, :-1]).ravel(), (light[1:] > light[:-1]).ravel()])
    return int("".join("1" if b else "0" for b in bits), 2), small


def duplicates(seen: list[tuple[Example, Pixels]]) -> list[Finding]:
    """Each picture that an earlier one equals or resembles."""
    found: list[Finding] = []
    hashes = [perceptual_hash(p) for _, p in seen]
    exact: dict[bytes, str] = {}
    for i, (example, pixels) in enumerate(seen):
        visible = dataset.native(pixels)
        key = repr(visible.shape).encode() + visible.tobytes()
        if key in exact:
            found.append(Finding("warning", "duplicate", example.name, f"is equal to {exact[key]}",
                                 "--fix leaves it out", True))
            continue
        exact[key] = example.name
        for j in range(i):
            if (hashes[i][0] ^ hashes[j][0]).bit_count() <= SAME_BITS \
                    and np.abs(hashes[i][1] - hashes[j][1]).mean() <= SAME_COLOUR \
                    and _alike(visible, dataset.native(seen[j][1])):
                found.append(Finding("warning", "duplicate", example.name, f"is nearly {seen[j][0].name}",
                                     "Keep one of them, unless they are frames of an animation"))
                break
    return found


def _alike(a: Pixels, b: Pixels) -> bool:
    return all(abs(x - y) <= 1 for x, y in zip(a.shape, b.shape))


def odd_sizes(seen: list[tuple[Example, Pixels]]) -> list[Finding]:
    """Pictures whose size differs from that of nine tenths of the set."""
    sizes = collections.Counter(p.shape[:2] for _, p in seen)
    if not sizes:
        return []
    (height, width), count = sizes.most_common(1)[0]
    if count < 0.9 * len(seen) or count == len(seen):
        return []
    return [Finding("warning", "size", e.name, f"is {p.shape[1]}x{p.shape[0]}, nearly all others are "
                    f"{width}x{height}", "Crop or pad it, if that is no intention")
            for e, p in seen if p.shape[:2] != (height, width)]


# ------------------------------------------------------------------------------------ captions


def _captions(s: Settings, example: Example) -> list[Finding]:
    text = example.caption
    if text is None:
        return [Finding("error", "no-caption", example.name, "has no caption",
                        f"Write {Path(example.name).with_suffix('.txt')}, a manifest, or name its folder")]
    if not text:
        return [Finding("error", "empty-caption", example.name, "its caption is empty", "Say what it shows")]
    trigger = s.run.trigger
    if trigger and not s.data.add_trigger and trigger.lower() not in text.lower():
        return [Finding("error", "no-trigger", example.name, f"its caption lacks the words '{trigger}'",
                        "Add them, or set [data] add_trigger = true")]
    return []


def long_captions(s: Settings, place: Geometry, examples: list[Example]) -> list[Finding]:
    """Those of more tokens than the text encoders read: training cuts the rest off without a word."""
    try:
        model = Model.load(place.path, describe_only=True)
    except DgxPixelsError:  # of a form that only diffusers reads: its tokens are not known here
        return []

    def fits(text: str) -> bool:
        # A caption is no prompt: no weights, no BREAK, no <lora:…>.
        plain = re.sub(r"([\\()\[\]])", r"\\\1", text).lower().replace("<", "< ")
        try:
            return int(model.describe(Job(plain))["prompt_chunks"]) == 1
        except LimitExceeded:
            return False

    found = []
    with model:
        for example in examples:
            text = dataset.caption_of(s, example) if example.caption else ""
            if fits(text):
                continue
            words = text.split()
            read = bisect.bisect_left(range(len(words)), True, key=lambda n: not fits(" ".join(words[:n + 1])))
            found.append(Finding("warning", "long-caption", example.name,
                                 f"its caption has more than the {place.tokens} tokens that the model reads: it ends "
                                 f"at '{' '.join(words[max(0, read - 3):read])}'",
                                 "Shorten it, or put first what matters"))
    return found


def _whole_set(s: Settings, place: Geometry, examples: list[Example]) -> list[Finding]:
    found = []
    count = len(examples)
    if count < SOME:
        found.append(Finding("error" if count < FEW else "warning", "few", "", f"holds {count} picture{'' if count == 1 else 's'}",
                             f"{SOME} and more teach a style; fewer than {FEW} are learned by heart"))
    texts = collections.Counter(e.caption for e in examples if e.caption)
    if texts and texts.most_common(1)[0][1] > max(1, 0.8 * count):
        found.append(Finding("error", "same-captions", "", f"{texts.most_common(1)[0][1]} of {count} captions are "
                             f"'{texts.most_common(1)[0][0]}'", "Say of each picture what it shows: what is never "
                             "named becomes part of the style"))
    if not s.run.trigger and place.family != "starter":  # whose small text encoder stumbles over such words
        found.append(Finding("warning", "no-trigger", "", "has no words that call the style up",
                             "Set [run] trigger"))
    return found


# -------------------------------------------------------------------------------------- output


def write_picture(s: Settings, examples: list[Example], found: list[Finding]) -> Path:
    """All pictures on one sheet, the findings marked."""
    by_file: dict[str, list[Finding]] = collections.defaultdict(list)
    for f in found:
        by_file[f.file].append(f)
    tiles = []
    for example in examples:
        own = by_file.get(example.name, [])
        mark = "error" if any(f.severity == "error" for f in own) else "warning" if own else ""
        try:
            pixels = dataset.read_pixels(example.path)
        except TrainError:
            pixels = np.zeros((0, 0, 4), np.uint8)
        words = [Path(example.name).stem, *dict.fromkeys(f.check for f in own)]
        tiles.append(picture.Tile(pixels, tuple(words[:3]), mark))
    path = s.folder / "lint.png"
    picture.write(path, tiles, columns=max(1, min(10, len(tiles))), side=96)
    files.write_text(s.folder / "lint.json",
                     json.dumps([asdict(f) for f in found], indent=1, ensure_ascii=False) + "\n")
    return path


def write_fixed(s: Settings, examples: list[Example], found: list[Finding]) -> Path:
    """The whole set beside the folder, with the safe cures applied; the originals stay as they are."""
    folder = s.resolve(s.data.folder)
    out = folder.with_name(folder.name + "-fixed")
    if out.exists():
        raise TrainError(f"{out}: is there already; remove it first")
    making = out.with_name(out.name + ".part")
    shutil.rmtree(making, ignore_errors=True)
    cures: dict[str, set[str]] = collections.defaultdict(set)
    for f in found:
        if f.fixable:
            cures[f.file].add(f.check)
    broken = {f.file for f in found if f.check in ("unreadable", "empty")}
    for example in examples:
        checks = cures.get(example.name, set())
        if example.name in broken or "duplicate" in checks:
            continue
        target = (making / example.name).with_suffix(".png")
        target.parent.mkdir(parents=True, exist_ok=True)
        if checks:
            pixels = dataset.read_pixels(example.path)
            palette = None
            if "near-duplicates" in checks:
                palette = Palette(colour.distinct(pixels))
            # Without a palette its own step still makes alpha hard.
            fix(pixels, background="keep", palette=palette).image.save(target)
        elif example.path.suffix.lower() == ".png":
            shutil.copyfile(example.path, target)
        else:
            PIL.Image.fromarray(dataset.read_pixels(example.path)).save(target)
        if example.caption is not None:
            target.with_suffix(".txt").write_text(example.caption + "\n", "utf-8")
    making.replace(out)
    return out
