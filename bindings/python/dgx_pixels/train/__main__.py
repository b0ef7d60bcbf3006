# SPDX-License-Identifier: MIT OR Apache-2.0
"""dgx-pixels-train: your own style, from a folder of sprites to a LoRA that works everywhere."""

from __future__ import annotations

import argparse
import shlex
import sys
import tomllib
import warnings
from pathlib import Path
from typing import Any

from ..errors import DgxPixelsError
from ..extras import missing
from ..terminal import say
from . import files, settings, template
from .errors import TrainError

EPILOG = """\
from a folder to a style:
  dgx-pixels-train init mystyle.toml --base starter --data sprites
  dgx-pixels-train lint mystyle.toml          what is wrong with the pictures, and the cure
  dgx-pixels-train train mystyle.toml         writes and registers mystyle.safetensors
  dgx-pixels-train evaluate mystyle.toml      is it better than the base, and at which weight?
  dgx-pixels generate item "red potion" --lora mystyle:0.8
"""


def parse(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dgx-pixels-train", description=__doc__, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    init = sub.add_parser("init", help="write a commented run file")
    init.add_argument("file", type=Path)
    init.add_argument("--base", default="starter",
                      help="starter, sdxl, or another model or folder (default: starter)")
    init.add_argument("--data", default="sprites", metavar="FOLDER", help="the pictures")
    init.add_argument("--trigger", help="words that call the style up (default: the file's name and 'style'; "
                      "none for the starter, which takes them for a wish)")
    init.add_argument("--force", action="store_true", help="overwrite")
    check = sub.add_parser("lint", help="say what is wrong with the pictures and captions, and the cure")
    shared(check)
    check.add_argument("--fix", action="store_true",
                       help="write the set beside its folder with the safe cures applied")
    check.add_argument("--json", action="store_true", help="the findings as JSON on stdout")
    for name, about in (("prepare", "make the cache of latents and embeddings (train does it as well)"),
                        ("train", "train, write the LoRA file and register it")):
        one = sub.add_parser(name, help=about)
        shared(one)
        if name == "train":
            how = one.add_mutually_exclusive_group()
            how.add_argument("--resume", action="store_true", help="go on where the run stopped")
            how.add_argument("--restart", action="store_true", help="forget the run and begin anew")
    judge = sub.add_parser("evaluate", help="measure checkpoints against the base: figures, sheet, verdict")
    shared(judge)
    judge.add_argument("--all", action="store_true", help="every checkpoint, not only the newest")
    several = sub.add_parser("compare", help="what evaluate found of several runs, on one sheet")
    several.add_argument("files", type=Path, nargs="+", metavar="FILE", help="the runs' TOML files")
    several.add_argument("--set", action="append", default=[], metavar="SECTION.FIELD=VALUE")
    several.add_argument("--out", type=Path, default=Path("compare.png"))
    return parser.parse_args(words)


def shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the run's TOML file; `init` writes one")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.FIELD=VALUE",
                        help="in place of what the file says: --set train.steps=500")


def changes(words: list[str]) -> dict[str, dict[str, Any]]:
    """--set options by section; a value that is no TOML is taken as text."""
    found: dict[str, dict[str, Any]] = {}
    for word in words:
        name, equals, value = word.partition("=")
        section, dot, key = name.partition(".")
        if not (equals and dot):
            raise TrainError(f"--set {word}: must be SECTION.FIELD=VALUE, train.steps=500 for example")
        try:
            parsed = tomllib.loads(f"x = {value}")["x"]
        except tomllib.TOMLDecodeError:
            parsed = value
        found.setdefault(section, {})[key] = parsed
    return found


def init(options: argparse.Namespace) -> None:
    path: Path = options.file
    if path.is_file() and not options.force:
        raise TrainError(f"{path}: is there already; --force overwrites it")
    name = path.stem
    text = template.write(name, options.base, options.data, options.trigger)
    if path.is_dir():
        raise TrainError(f"{path}: is a folder; name the run's TOML file, {path / 'mystyle.toml'} for example")
    files.usable(path.parent, str(path))
    files.write_text(path, text)
    settings.load(path)  # what we write must be what we read
    say(f"{path}: look it over, then: dgx-pixels-train lint {shlex.quote(str(path))}")


def lint(s: settings.Settings, fix: bool, as_json: bool) -> int:
    """0 when no finding is an error."""
    from . import lint as linting

    examples, found = linting.lint(s)
    sheet = linting.write_picture(s, examples, found)
    errors = sum(f.severity == "error" for f in found)
    if as_json:
        say((s.folder / "lint.json").read_text("utf-8"), end="")
    else:
        for finding in found:
            say(finding)
        say(f"{len(examples)} pictures: {errors} errors, {len(found) - errors} warnings; {sheet}")
    if fix:
        out = linting.write_fixed(s, examples, found)
        say(f'{out}: the cured set. Set [data] folder = "{out}" without `where`, and lint it again',
            file=sys.stderr)
    return 1 if errors else 0


def quiet() -> None:
    """The libraries' own notes are none that a user can act on."""
    import diffusers
    import transformers

    warnings.filterwarnings("ignore")
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def command(options: argparse.Namespace) -> int:
    if options.command == "init":
        init(options)
        return 0
    if options.command == "compare":
        from .evaluate import compare

        say(compare([settings.load(f, changes(options.set)) for f in options.files], options.out))
        say(options.out)
        return 0
    s = settings.load(options.file, changes(options.set))
    files.usable(s.folder, f"{s.path}: [output] runs")
    if options.command == "lint":
        return lint(s, options.fix, options.json)
    quiet()
    from . import base as bases
    from . import dataset, evaluate, loop, prepare

    if options.command == "prepare":
        loop.choose_threads(s)
        with files.alone(s.folder):
            base = bases.load(s)
            data = prepare.prepare(s, base)
        loop.tell(s, data)
        say(f"{s.folder / 'cache'}: {len(data.train.names)} pictures, {len(data.held.names)} held out, "
            f"{len(data.texts) - 1} captions, {data.scale} canvas pixels a sprite pixel")
        return 0
    if options.command == "evaluate":
        with files.alone(s.folder):
            about = evaluate.evaluate(s, options.all)
        say(evaluate.table(about))
        say(f"{s.folder / 'evaluate'}: sheet.png, figures.json, pictures")
        return 0
    again = f"dgx-pixels-train train {shlex.quote(str(options.file))} --resume"
    try:
        with files.alone(s.folder):
            target = loop.train(s, options.resume, options.restart)
    except loop.Stopped:
        say(f"stopped; go on with: {again}")
        return 130
    except KeyboardInterrupt:
        if not (s.folder / "state.pt").exists():
            raise
        say(f"dgx-pixels-train: stopped at once; from what was last saved: {again}", file=sys.stderr)
        return 130
    say(f"{target}: {target.stat().st_size:,} bytes. Paint with it:\n"
        f"  dgx-pixels generate {shlex.quote(dataset.with_trigger(s, 'a knight'))} "
        f"--lora {shlex.quote(target.stem + ':0.8')}")
    if s.adapter.kind == "dora" and not s.output.peft:
        say("note: diffusers drops the magnitudes of a DoRA in this format; for it, PEFT's folders:\n"
            f"  {again} --set output.peft=true", file=sys.stderr)
    return 0


def main(words: list[str] | None = None) -> int:
    options = parse(words)
    try:
        return command(options)
    except ModuleNotFoundError as error:
        say(f"dgx-pixels-train: {missing(error, 'torch', 'train')}", file=sys.stderr)
        return 1
    except (TrainError, DgxPixelsError, OSError) as error:
        say(f"dgx-pixels-train: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("dgx-pixels-train: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
