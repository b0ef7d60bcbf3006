# SPDX-License-Identifier: MIT OR Apache-2.0
"""`python -m dgx_pixels generate|deploy|undo`: paint on a server, deploy here, in pure Python."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from . import project
from .errors import InvalidArgument
from .terminal import say, with_flags

EXAMPLES = """\
examples:
  python -m dgx_pixels generate "medieval knight" --kind character --to sprites/knight.png --confirm
  python -m dgx_pixels generate "a potion" --kind item --seed 7 --set steps=20 -o potion.png
the token of the server is $DGX_PIXELS_TOKEN"""


def add_place(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--project", metavar="DIR", help="the game's folder (default: from here upwards, by its Cargo.toml)")
    add("--force", action="store_true", help="replace files that were not deployed, or were changed since")
    add("--json", action="store_true", help="the report as JSON on stdout")


def add_game(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--confirm", action="store_true",
                        help="ask the running game whether it has the new pixels; exit code 1 when not")
    parser.add_argument("--brp", default=project.GAME, metavar="URL",
                        help="where the game answers (default: %(default)s)")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "generate", help="paint on a server; save, or deploy into the game here", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("prompt", help="the subject: 'medieval knight'")
    add("--server", default=os.environ.get("DGX_PIXELS_SERVER"), metavar="URL",
        help="http://HOST:PORT of a dgx-pixels-server (default: $DGX_PIXELS_SERVER, else port 8000 here)")
    add("--kind", help="character, item, tile … (the server's presets)")
    add("--style", help="16bit …")
    add("--size", metavar="WxH", help="sprite pixels")
    add("--seed", type=int)
    add("--set", action="append", default=[], metavar="FIELD=JSON", type=read_field,
        help="any other field of POST /api/v1/generate: --set steps=20 --set palette='\"pico-8\"'")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--output", "-o", metavar="FILE", help="save the picture, with its metadata")
    where.add_argument("--to", metavar="PLACE", help="deploy: a folder inside assets/, or a new name")
    add_place(parser)
    add_game(parser)
    parser.set_defaults(run=run_generate)

    parser = commands.add_parser("deploy", help="files into the game here")
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--to", default="", metavar="PLACE",
                        help="a folder inside assets/; of one file its new name too")
    parser.add_argument("--tile", type=read_size, default=0, metavar="WxH", help="a tile set")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen")
    add_place(parser)
    add_game(parser)
    parser.set_defaults(run=run_deploy)

    parser = commands.add_parser("undo", help="take back the last deployment")
    add_place(parser)
    parser.set_defaults(run=run_undo)


def read_field(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"'{text}': write FIELD=JSON")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value  # a plain word


def read_size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    try:
        return int(width), int(height or width)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}': write 16 or 16x8") from None


def tell(report: dict[str, Any], options: argparse.Namespace) -> int:
    """Print a report; 1 when a picture was to be confirmed and is not."""
    for warning in report.get("warnings", ()):
        say(f"dgx_pixels: warning: {with_flags(warning, options)}", file=sys.stderr)
    if options.json:
        say(json.dumps(report, indent=2))
    else:
        for file in report["files"]:
            say(f"{file['action']:9}  {file.get('load', file['path'])}")
            if "confirmed" in file:
                say(f"{file['confirmed']['state']:9}  {with_flags(file['confirmed']['reason'], options)}")
    return int(any(file.get("confirmed", {}).get("state") == "unconfirmed" for file in report["files"]))


def run_generate(options: argparse.Namespace) -> int:
    from .client import Client

    client = Client(options.server)
    fields = {"style": options.style, "size": options.size, "seed": options.seed, **dict(options.set)}

    def hear(job: dict[str, Any]) -> None:
        now = job.get("progress") or {}
        if sys.stderr.isatty():
            sys.stderr.write("\r")
            say(f"{job['state']} {now.get('phase', '')} {now.get('step', 0)}/{now.get('step_count', 0)} ",
                end="" if job["state"] in ("queued", "running") else "\n", file=sys.stderr, flush=True)

    if options.to is not None:
        return tell(client.generate_and_deploy(
            options.prompt, options.kind, to=options.to, project=options.project, force=options.force,
            confirm=options.confirm, brp=options.brp, progress=hear, **fields), options)
    folder = os.path.dirname(options.output) or "."
    if not options.output.lower().endswith(".png") or not os.path.isdir(folder):
        raise InvalidArgument(f"-o {options.output}: what is written is PNG; name it .png"
                              if os.path.isdir(folder) else f"-o {options.output}: there is no folder {folder}")
    painted = client.generate(options.prompt, options.kind, progress=hear, **fields)
    for index, one in enumerate(painted):
        path = f"{options.output[:-4]}-{index}.png" if index else options.output
        one.save(path)
        if not options.json:
            say(path)
    if options.json:
        say(json.dumps([{"seed": one.seed, "recipe": one.recipe, "quality": one.quality}
                        for one in painted], indent=2))
    return 0


def run_deploy(options: argparse.Namespace) -> int:
    return tell(project.deploy(
        options.files, project=options.project, to=options.to, tile=options.tile, force=options.force,
        dry_run=options.dry_run, confirm=options.confirm, brp=options.brp), options)


def run_undo(options: argparse.Namespace) -> int:
    return tell(project.undo_deploy(options.project, force=options.force), options)
