# SPDX-License-Identifier: MIT OR Apache-2.0
"""The TOML file of a run: every field with its default, its limits and one line of help.

`init` writes its template from the same table, so the two cannot disagree.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from .errors import TrainError

REQUIRED = object()


def _option(default: Any, about: str, *, low: float | None = None, high: float | None = None,
            choices: tuple[str, ...] = (), of: type = str, of_file: bool = False) -> Any:
    """`of` is the type of a list's entries; with `of_file` "@FILE" stands for the lines of a file."""
    metadata = {"help": about, "low": low, "high": high, "choices": choices, "of": of, "of_file": of_file}
    if default is REQUIRED:
        return field(metadata=metadata)
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Run:
    name: str = _option(REQUIRED, "names the run's folder and the LoRA file")
    base: str = _option(REQUIRED, "the model: a name of `dgx-pixels models`, or a diffusers folder")
    trigger: str = _option("", "words that call the style up: put before every caption that lacks them")
    seed: int = _option(1, "equal seeds and settings give equal weights on a CPU", low=0, high=2**31)
    author: str = _option("", "for the file's metadata")
    license: str = _option("", "of the LoRA, an SPDX name such as CC0-1.0")


@dataclass(frozen=True)
class Data:
    folder: str = _option(REQUIRED, "the sprites, with .txt captions, a manifest.jsonl, or in folders "
                          "named after what they show")
    where: dict[str, Any] = _option({}, 'only manifest rows with these values: { source = "nouns" }')
    captions: str = _option("auto", "where captions are: auto takes the first that is there",
                            choices=("auto", "manifest", "txt", "folders"))
    images: int = _option(0, "train on so many pictures at most, drawn by the seed; 0 takes all",
                          low=0, high=1e6)
    hold_out: float = _option(0.1, "share kept from training, to measure with", low=0, high=0.5)
    add_trigger: bool = _option(True, "false: the captions hold the trigger words already")
    canvas: list[int] = _option([], "[width, height] that the model paints; empty: the model's own",
                                low=8, high=4096, of=int)
    pixel_scale: int = _option(0, "canvas pixels a sprite pixel: a multiple of the model's cell (8 for "
                               "SDXL); 0: the largest at which every sprite fits", low=0, high=256)
    background: str = _option("auto", "auto: transparent if the model paints alpha, else random; "
                              "random, or #rrggbb")
    views: int = _option(4, "forms of each picture that are cached: background, order of tags, flip",
                         low=1, high=64)
    flip: bool = _option(False, "mirror every second view: only for art without a direction")
    keep_prompts: list[str] = _option([], "what keep_from speaks of, without the trigger words; empty: the "
                                      'captions; "@FILE": its lines', of_file=True)
    shuffle_tags: bool = _option(True, "another order of the comma-separated tags in every view")
    buckets: bool = _option(False, "canvases of other aspect ratios for tall and wide sprites")


@dataclass(frozen=True)
class Adapter:
    kind: str = _option("lora", "lora: attention and feed-forward; locon: the 3x3 convolutions as well; "
                        "dora: lora with magnitudes", choices=("lora", "locon", "dora"))
    rank: int = _option(32, "capacity, and the file's size", low=1, high=1024)
    alpha: float = _option(16.0, "strength alpha / rank", low=1e-3, high=4096)
    unet: bool = _option(True, "train the UNet")
    text_encoders: list[int] = _option([], "train these as well: [1], [2] or [1, 2]; embeddings are then "
                                       "not cached", low=1, high=2, of=int)
    targets: str = _option("", "a regular expression of UNet modules in place of the kind's own")


@dataclass(frozen=True)
class Train:
    steps: int = _option(3000, "optimizer steps", low=1, high=1e7)
    batch: int = _option(1, "pictures at once", low=1, high=4096)
    accumulation: int = _option(1, "batches before each optimizer step", low=1, high=1024)
    rate: float = _option(1e-4, "learning rate; 1.0 for prodigy", low=0, high=10)
    text_rate: float = _option(0.0, "of the text encoders; 0: the same", low=0, high=10)
    optimizer: str = _option("adamw", "", choices=("adamw", "prodigy"))
    weight_decay: float = _option(0.01, "", low=0, high=1)
    schedule: str = _option("cosine", "of the rate after the warm-up; hold keeps it for the first half, "
                            "then lets it fall", choices=("constant", "hold", "linear", "cosine"))
    warmup: int = _option(20, "steps of rising rate", low=0, high=1e6)
    min_snr: float = _option(5.0, "gamma of min-SNR weighting; 0: none", low=0, high=100)
    keep_from: float = _option(1.0, "from this share of the noise on, where shapes are decided, it learns to "
                               "do as the base does, so that a style of heads still paints knights; 1: nowhere",
                               low=0, high=1)
    caption_dropout: float = _option(0.1, "share of empty prompts: guidance needs them", low=0, high=1)
    precision: str = _option("auto", "auto: bf16 where the machine computes it fast",
                             choices=("auto", "bf16", "fp32"))
    gradient_checkpointing: bool = _option(False, "less memory, a third more time")
    ema: float = _option(0.0, "decay of the average of the weights that is written; 0: none",
                         low=0, high=0.99999)
    clip: float = _option(1.0, "largest norm of a gradient", low=1e-6, high=1e6)
    device: str = _option("auto", "auto, cpu, cuda or cuda:N")
    threads: int = _option(0, "of the processor; 0: as many as it has", low=0, high=1024)
    save_every: int = _option(500, "steps between checkpoints", low=1, high=1e7)
    sample_every: int = _option(500, "steps between sample grids, painted by the engine; 0: none",
                                low=0, high=1e7)


@dataclass(frozen=True)
class Evaluate:
    prompts: list[str] = _option([], "painted while it trains and by evaluate, without the trigger "
                                 "words; empty: held-out captions; the first eight are shown", of_file=True)
    seeds: list[int] = _option([1, 2, 3], "", low=0, high=2**53 - 1, of=int)
    weights: list[float] = _option([0.6, 0.8, 1.0], "of the LoRA", low=0, high=2, of=float)
    classifier: str = _option("", "a TorchScript program that names the kind of a sprite (docs/training.md)")


@dataclass(frozen=True)
class Output:
    folder: str = _option("", "where the LoRA is registered; empty: loras/ of your models folder")
    runs: str = _option("runs", "where the run's own folder is made")
    dtype: str = _option("bf16", "of the file", choices=("bf16", "fp16", "fp32"))
    peft: bool = _option(False, "PEFT's format beside it, a folder for each network; diffusers "
                         "reads a DoRA from it alone")


@dataclass(frozen=True)
class Settings:
    path: Path
    text: str
    run: Run
    data: Data
    adapter: Adapter
    train: Train
    evaluate: Evaluate
    output: Output

    def resolve(self, name: str) -> Path:
        """A path of the file: ~ and variables are filled in, and it is relative to the file."""
        return self.path.parent / os.path.expandvars(os.path.expanduser(name))

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.resolve(self.output.runs) / self.run.name

    def table(self) -> dict[str, dict[str, Any]]:
        """All values, defaults included, by section."""
        return {name: dict(vars(getattr(self, name))) for name in SECTIONS}


SECTIONS: dict[str, type] = {"run": Run, "data": Data, "adapter": Adapter, "train": Train,
                             "evaluate": Evaluate, "output": Output}
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes",
         list: "a list", dict: "a table"}


def load(path: Path, changes: dict[str, dict[str, Any]] | None = None) -> Settings:
    """Read and check a run file; `changes` are laid over it (options of the command line)."""
    try:
        text = path.read_text("utf-8-sig")  # some editors put a mark in front
        document = tomllib.loads(text)
    except FileNotFoundError:
        raise TrainError(f"{path}: no such file; `dgx-pixels-train init {path}` writes a template") from None
    except IsADirectoryError:
        raise TrainError(f"{path}: is a folder; name the run's TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainError(f"{path}: not valid TOML: {error}") from None
    for section, values in (changes or {}).items():
        if isinstance(document.setdefault(section, {}), dict):  # else it is told below
            document[section].update(values)
    _known(path, "section", document, SECTIONS)
    parts = {name: _section(path, name, kind, document.get(name, {})) for name, kind in SECTIONS.items()}
    made = Settings(path=path, text=text, **parts)
    _check(made)
    return made


def _known(path: Path, what: str, given: dict[str, Any], known: Any, section: str = "") -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
            where = f"[{section}] {name}" if section else f"[{name}]"
            raise TrainError(f"{path}: {where}: unknown {what}; {hint}")


def _section(path: Path, name: str, kind: Any, given: Any) -> Any:
    if not isinstance(given, dict):
        raise TrainError(f"{path}: [{name}]: must be a section, not a value")
    options: dict[str, Field[Any]] = {f.name: f for f in fields(kind)}
    _known(path, "field", given, options, name)
    values = {}
    for key, option in options.items():
        where = f"{path}: [{name}] {key}"
        if key in given:
            values[key] = _value(where, given[key], str(option.type), option.metadata)
        elif option.default is MISSING and option.default_factory is MISSING:
            raise TrainError(f"{where}: is missing: {option.metadata['help']}")
        if option.metadata["of_file"]:
            values[key] = _lines(path, where, values.get(key, []))
    return kind(**values)


def _lines(path: Path, where: str, given: list[str]) -> list[str]:
    """The list with "@FILE" replaced by the lines of that file, beside the run file."""
    found = []
    for entry in given:
        if not entry.startswith("@"):
            found.append(entry)
            continue
        file = path.parent / os.path.expandvars(os.path.expanduser(entry[1:]))
        try:
            found += [line.strip() for line in file.read_text("utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise TrainError(f"{where}: {file} cannot be read: {error}") from None
    return found


def _value(where: str, value: Any, kind: str, about: Any) -> Any:
    types: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool}
    if kind.startswith("dict"):
        return _typed(where, value, dict)
    if kind.startswith("list"):
        entries = [_typed(f"{where}[{i}]", v, about["of"]) for i, v in enumerate(_typed(where, value, list))]
        for i, entry in enumerate(entries):
            _limits(f"{where}[{i}]", entry, about)
        return entries
    value = _typed(where, value, types[kind])
    _limits(where, value, about)
    return value


def _typed(where: str, value: Any, kind: type) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TrainError(f"{where}: must be {KINDS[kind]}, not {value!r}")
    return value


def _limits(where: str, value: Any, about: Any) -> None:
    low, high = about["low"], about["high"]
    if low is not None and not low <= value <= high:  # NaN fails as well
        raise TrainError(f"{where}: must be {low:g} to {high:g}, not {value}")
    if about["choices"] and value not in about["choices"]:
        raise TrainError(f"{where}: must be one of {', '.join(about['choices'])}, not '{value}'")


def _check(s: Settings) -> None:
    """What two fields, or more than a range, say."""
    if not s.run.name or any(c in s.run.name for c in '/\\<>:"|?*\0') or s.run.name.startswith("."):
        raise TrainError(f"{s.path}: [run] name: '{s.run.name}' cannot name a file")
    if not s.adapter.unet and not s.adapter.text_encoders:
        raise TrainError(f"{s.path}: [adapter] unet: nothing is trained: set it true, or name text_encoders")
    if s.data.canvas and len(s.data.canvas) != 2:
        raise TrainError(f"{s.path}: [data] canvas: must be [width, height]")
    background = s.data.background
    if background not in ("auto", "random"):
        digits = background.removeprefix("#")
        if len(digits) != 6 or any(c not in "0123456789abcdefABCDEF" for c in digits):
            raise TrainError(f"{s.path}: [data] background: must be auto, random or #rrggbb, "
                             f"not '{background}'")
    if s.train.rate == 0:
        raise TrainError(f"{s.path}: [train] rate: must be above 0")
