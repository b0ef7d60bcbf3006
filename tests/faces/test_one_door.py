# SPDX-License-Identifier: MIT OR Apache-2.0
"""One request, every face: the same bytes.  A recipe is a request, so each face takes one as it stands."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

import lora_files
import machine
from dgx_pixels import DgxPixelsError, Image, Job, Model
from dgx_pixels.mcp.tools import FIX_MORE
from dgx_pixels.server.schema import FixBody
from serving import ROOT, Server
from test_mcp import stdio

# What each kind of request asks for besides a seed; between them they say every setting of the table.
PLAIN: dict[str, dict[str, Any]] = {
    "preset": {"kind": "item", "subject": "a potion", "style": "gameboy", "size": [16, 16], "steps": 2},
    "prompt": {"prompt": "a (red:1.2) potion", "negative_prompt": "blur", "size": [16, 16], "steps": 3,
               "guidance": 4, "guidance_rescale": 0.5, "cfg_stop": 0.7},
    "window": {"prompt": "a (red:1.2) potion", "negative_prompt": "blur", "size": [16, 16], "steps": 5, "guidance": 8,
               "cfg_start": 0.4, "cfg_stop": 0.8},
    "no window": {"prompt": "a (red:1.2) potion", "negative_prompt": "blur", "size": [16, 16], "steps": 5,
                  "guidance": 8, "cfg_stop": 0.8},
    "finish": {"prompt": "x", "size": [16, 16], "steps": 2, "colors": 4, "background": "auto",
               "finish": {"outline": "outer", "dither": "bayer4"}},
    "palette": {"prompt": "x", "size": [16, 16], "steps": 2, "palette": "pico-8", "tiling": "x"},
    "painted": {"prompt": "x", "canvas": [64, 64], "steps": 2, "as_painted": True, "temperature": 0.5},
    "fields": {"kind": "character", "subject": "knight", "view": "side", "outline": "black", "steps": 2,
               "size": [16, 16]},
    **{f"sampler {name}": {"prompt": "x", "size": [16, 16], "steps": 3, "sampler": name, "spacing": "trailing"}
       for name in ("euler", "euler-a", "dpmpp-2m", "dpmpp-2m-sde", "ddim", "lcm", "tcd")},
    "noise": {"prompt": "x", "size": [16, 16], "steps": 3, "sampler": "ddim", "eta": 0.5},
    "best of": {"prompt": "x", "size": [16, 16], "steps": 2, "best_of": 3},
    "panel": {"kind": "panel", "subject": "oak", "size": [24, 24], "steps": 2, "panel": 0.25},
    "lora": {"prompt": "x", "size": [16, 16], "steps": 2, "lora": "style:0.8,light:0.5:0.25"},
    "loras": {"prompt": "x", "size": [16, 16], "steps": 2,
              "loras": [{"name": "style", "weight": 0.8}, {"name": "light", "unet": 0.5, "text": 1}]},
    "lora in words": {"prompt": "a <lora:light:0.7> potion", "size": [16, 16], "steps": 2},
    "karras": {"prompt": "x", "size": [16, 16], "steps": 3, "schedule": "karras", "spacing": "linspace"},
}
BUILD = Path(os.environ["DGX_PIXELS_LIBRARY"]).parents[1]
PROGRAM = BUILD / "bin/dgx-pixels"
PICTURED = {"prompt": "x", "size": [16, 16], "steps": 4, "strength": 0.5}


@pytest.fixture(scope="module", autouse=True)
def adapters(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two LoRAs that every process finds by name."""
    folder = tmp_path_factory.mktemp("more")
    (folder / "loras").mkdir()
    modules = lora_files.lora_modules(lora_files.stored_shapes(tiny / "tiny"))
    for seed, name in enumerate(("style", "light")):
        lora_files.write(folder / f"loras/{name}.safetensors",
                         lora_files.make_lora(modules, "kohya-diffusers", 2, 1.0, seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DGX_PIXELS_MODELS", f"{tiny}:{folder}")
        yield


@pytest.fixture(scope="module")
def rust() -> Path | None:
    """The crates' example that paints requests, or None where there is no Rust."""
    if not shutil.which("cargo") or os.environ.get("SKIP_RUST") == "1":
        return None
    target = ROOT / "build/cargo"
    subprocess.run(["cargo", "build", "--locked", "--quiet", "-p", "dgx-pixels", "--example", "paint"], check=True,
                   cwd=ROOT / "bindings/rust", timeout=900,
                   env={**os.environ, "CARGO_TARGET_DIR": str(target), "DGX_PIXELS_LIB_DIR": str(BUILD / "lib")})
    return target / "debug/examples/paint"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("door") / "data")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with Model.load("tiny", device="cpu") as made:
        yield made


def over_http(server: Server, request: dict[str, Any]) -> bytes:
    answer = server.ask("POST", "/api/v1/generate", request)
    assert answer.status == 200, answer.body
    return base64.b64decode(answer.json["images"][0]["data"])


def over_mcp(game: Path, requests: list[dict[str, Any]]) -> list[bytes]:
    async def ask() -> list[bytes]:
        async with stdio(game) as client:
            return [await one(client, request) for request in requests]

    async def one(client: Client[Any], request: dict[str, Any]) -> bytes:
        told = (await client.call_tool("generate", {"more": request})).structured_content
        return Path(told["images"][0]["path"]).read_bytes()

    return asyncio.run(ask())


def by_batch(folder: Path, requests: list[dict[str, Any]]) -> list[bytes]:
    """The command line: each request is a line."""
    out = folder / f"out-{len(list(folder.glob('out-*')))}"
    lines = folder / "lines.jsonl"
    lines.write_text("".join(json.dumps({**request, "name": f"line-{i:02}"}) + "\n"
                             for i, request in enumerate(requests)))
    subprocess.run([PROGRAM, "batch", lines, "-o", out, "-m", "tiny", "--batch", "1",
                    "--device", "cpu", "-q"], check=True, capture_output=True, text=True)
    return [next(out.rglob(f"line-{i:02}*.png")).read_bytes() for i in range(len(requests))]


def by_command(folder: Path, request: dict[str, Any], number: int) -> bytes:
    """The command line: each setting is an option; a kind and the subject, or the prompt, are its words."""
    rest = dict(request)
    words = [rest.pop("kind", None), rest.pop("subject", None) or rest.pop("prompt")]
    for name, value in rest.items():
        text = ("x".join(map(str, value)) if isinstance(value, list) and name != "loras" else
                json.dumps(value) if isinstance(value, (dict, list)) else str(value))
        words += ["--" + name.replace("_", "-"), *([] if value is True else [text])]
    path = folder / f"command-{number:02}.png"
    done = subprocess.run([PROGRAM, "generate", *filter(None, words), "-m", "tiny", "--device", "cpu",
                           "-q", "-o", path], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, (words, done.stderr)
    return path.read_bytes()


def by_regen(folder: Path, pngs: list[bytes]) -> list[bytes]:
    """The command line: a recipe as a picture carries it."""
    made = []
    for i, png in enumerate(pngs):
        (folder / f"kept-{i:02}.png").write_bytes(png)
        done = subprocess.run([PROGRAM, "regen", folder / f"kept-{i:02}.png", "-m", "tiny", "--device", "cpu", "-q", "-o",
                               folder / f"again-{i:02}.png"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        made.append((folder / f"again-{i:02}.png").read_bytes())
    return made


def by_rust(paint: Path, folder: Path, requests: list[dict[str, Any]]) -> list[bytes]:
    done = subprocess.run([paint, "tiny", folder], input="".join(json.dumps(request) + "\n" for request in requests),
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [(folder / f"{i:02}.png").read_bytes() for i in range(len(requests))]


def pixels(png: bytes) -> tuple[int, int, bytes]:
    image = Image.decode(png)
    return image.width, image.height, image.tobytes()


def recipe_of(png: bytes) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(Image.decode(png).text["dgx_pixels"])
    return made


def told(png: bytes) -> dict[str, Any]:
    """The recipe without what tells of the place rather than of the picture."""
    recipe = recipe_of(png)
    return {name: value for name, value in recipe.items() if name not in ("batch", "model", "version", "chosen")}


def test_every_face_paints_a_recipe_with_the_same_bytes(server: Server, model: Model, rust: Path | None, game: Path,
                                                        tmp_path: Path) -> None:
    requests = [{**request, "seed": 7 + i} for i, request in enumerate(PLAIN.values())]
    requests[list(PLAIN).index("no window")]["seed"] = requests[list(PLAIN).index("window")]["seed"]
    first = [model.generate_many([Job.of(request)])[0].image.encode() for request in requests]
    assert len({(pixels(png), str(told(png))) for png in first}) == len(first), "some requests are one and the same"
    chosen = list(PLAIN).index("best of")
    assert recipe_of(first[chosen])["chosen"]["of"] == 3
    names = [*PLAIN, "best of, asked for itself"]
    recipes = [*(recipe_of(png) for png in first), requests[chosen]]
    first.append(first[chosen])
    faces = {
        "python": [model.generate_many([Job.of(recipe)])[0].image.encode() for recipe in recipes],
        "http": [over_http(server, recipe) for recipe in recipes],
        "mcp": over_mcp(game, recipes),
        "batch": by_batch(tmp_path, recipes),
    }
    asked = [by_command(tmp_path, request, i) for i, request in enumerate(requests)]
    faces["command line"] = [*asked, asked[chosen]]
    faces["regen"] = [*by_regen(tmp_path, first[:-1]), asked[chosen]]
    if rust:
        faces["rust"] = by_rust(rust, tmp_path, recipes)
    for face, painted in faces.items():
        for name, png, wanted in zip(names, painted, first, strict=True):
            assert pixels(png) == pixels(wanted), f"{face}: {name} is another picture"
            assert told(png) == told(wanted), f"{face}: {name} has another recipe"


# What a stranger may write beside what to paint; each is drawn by itself.
DRAWN: dict[str, list[Any]] = {
    "negative_prompt": ["blur", ""], "size": [[16, 16], [24, 16], 20, "16x24"], "canvas": [[64, 64], [128, 64]],
    "steps": [1, 3], "guidance": [0, 1, 3.5, 8], "guidance_rescale": [0.0, 0.5], "cfg_start": [0.1, 0.5],
    "cfg_stop": [0.6, 1], "sampler": ["euler-a", "ddim", "lcm", "tcd", "dpmpp-2m-sde"],
    "schedule": ["karras", "exponential"], "spacing": ["trailing", "linspace"], "tiling": ["x", "y", "xy", "none"],
    "temperature": [0.0, 0.5, 1], "eta": [0, 0.7], "best_of": [1, 2], "panel": [0.25, 0.0],
    "palette": ["pico-8", ["#ff0000", "#00ff00"], ["000000", "ffffff"]], "colors": [2, 7],
    "background": ["auto", "keep", "#ffffff"], "as_painted": [True, False],
    "finish": [{"orphans": True}, {"outline": "outer"}, {"dither": "bayer2", "colors": 3}],
    "lora": ["style", "style:0.5,light:1:0"], "loras": [[{"name": "light", "weight": 0.3}]]}
WORDS: list[dict[str, list[Any]]] = [
    {"kind": ["character", "item", "tile", "panel", "effect"], "subject": ['a knight, "old"', "a <lora:light:0.5> bat"],
     "style": ["8bit", "gameboy", "1bit", None], "speed": ["fast", "quality", None], "outline": ["black", None],
     "view": ["side", None]},
    {"prompt": ["a (red:1.3) bat [dark] BREAK moon", "ein Käfer"]}]


def draw(chance: random.Random) -> dict[str, Any]:
    words = {name: chance.choice(values) for name, values in chance.choice(WORDS).items()}
    more = {name: chance.choice(values) for name, values in DRAWN.items() if chance.random() < 0.22}
    return {"size": [16, 16], "steps": 2, "seed": chance.randrange(2**53 - 17),
            **{name: value for name, value in words.items() if value is not None}, **more}


def outcome(paint: Callable[[], bytes]) -> tuple[Any, ...]:
    """The picture and its recipe; or that it was refused, for faces say in their own words why."""
    try:
        png = paint()
    except (DgxPixelsError, ValueError, AssertionError, subprocess.CalledProcessError):
        return ("refused",)
    return (*pixels(png), told(png))


def test_whatever_a_stranger_writes_is_one_picture_everywhere(server: Server, model: Model, rust: Path | None,
                                                              tmp_path: Path, full: bool,
                                                              evidence: Callable[..., None]) -> None:
    chance, painted, count = random.Random(5), 0, 200 if full else 12
    for number in range(count):
        request = draw(chance)
        wanted = outcome(lambda: model.generate_many([Job.of(request)])[0].image.encode())
        faces = {"http": outcome(lambda: over_http(server, request)),
                 "batch": outcome(lambda: by_batch(tmp_path, [request])[0])}
        if rust:
            faces["rust"] = outcome(lambda: by_rust(rust, tmp_path, [request])[0])
        # What options do not say: a list of colors, no, nothing.
        if not (isinstance(request.get("palette"), list) or request.get("as_painted") is False
                or request.get("negative_prompt") == ""):
            faces["command line"] = outcome(lambda: by_command(tmp_path, request, number))
        for face, made in faces.items():
            assert made == wanted, (face, request)
        painted += wanted != ("refused",)
    assert painted > count / 2
    evidence("requests drawn by chance: Python, HTTP, a list, Rust and the command line paint the same", count,
             f"{painted} pictures, {count - painted} refused by all")


def test_every_setting_is_an_option(model: Model, tmp_path: Path) -> None:
    request = {"prompt": "a potion", "seed": 5, "size": [16, 16], "steps": 5, "guidance": 8, "cfg_start": 0.4,
               "sampler": "ddim", "eta": 0.5, "tiling": "x", "temperature": 0.5, "guidance_rescale": 0.25, "colors": 4}
    words: list[str] = []
    for name, value in request.items():
        text = "x".join(map(str, value)) if isinstance(value, list) else str(value)
        words += [] if name == "prompt" else ["--" + name.replace("_", "-"), text]
    subprocess.run([PROGRAM, "generate", "a potion", "-m", "tiny", "--device", "cpu", "-q", *words,
                    "-o", tmp_path / "a.png"], check=True, capture_output=True, text=True, cwd=tmp_path)
    painted = (tmp_path / "a.png").read_bytes()
    wanted = model.generate_many([Job.of(request)])[0].image.encode()
    assert pixels(painted) == pixels(wanted) and told(painted) == told(wanted)
    assert told(painted)["cfg_start"] == 0.4
    wrong = subprocess.run([PROGRAM, "generate", "a potion", "--cfg-start", "2"], text=True,
                           capture_output=True, cwd=tmp_path)
    assert wrong.returncode == 2 and "--cfg-start 2: must be a number from 0 to 1" in wrong.stderr


def test_pictures_go_beside_the_request(server: Server, model: Model, rust: Path | None, game: Path,
                                        tmp_path: Path) -> None:
    init = model.generate("a blob", seed=1, size=(16, 16), steps=2).image
    mask = Image(16, 16, bytes([255, 255, 255, 255] * 128 + [0, 0, 0, 255] * 128))
    init.save(tmp_path / "init.png")
    mask.save(tmp_path / "mask.png")
    files = {name: (tmp_path / f"{name}.png").read_bytes() for name in ("init", "mask")}
    paths, beside = {name: f"{name}.png" for name in files}, {"init": init, "mask": mask}
    sent = {name: base64.b64encode(data).decode() for name, data in files.items()}
    for held in ({"init"}, {"init", "mask"}):
        request = {**PICTURED, "seed": 3}

        def of(group: dict[str, Any], held: set[str] = held) -> dict[str, Any]:
            return {name: value for name, value in group.items() if name in held}

        wanted = model.generate_many([Job.of(request, **of(beside))])[0].image.encode()
        recipe, named = recipe_of(wanted), {**request, **of(paths)}
        faces = {
            "python": model.generate_many([Job.of(named, folder=tmp_path)])[0].image.encode(),
            "http": over_http(server, {**request, **of(sent)}),
            "http, a recipe": over_http(server, {**recipe, **of(sent)}),
            "batch": by_batch(tmp_path, [named])[0],
            "command line": by_command(tmp_path, named, len(held)),
            **dict(zip(("mcp", "mcp, a recipe"),
                       over_mcp(game, [{**request, **of(sent)}, {**recipe, **of(sent)}]), strict=True))}
        if rust:
            made = by_rust(rust, tmp_path, [named, {**recipe, **of(paths)}])
            faces.update(zip(("rust", "rust, a recipe"), made, strict=True))
        for face, png in faces.items():
            assert pixels(png) == pixels(wanted), f"{face}: {held} make another picture"
            assert told(png) == told(wanted), f"{face}: {held} make another recipe"


def test_rust_is_asked(rust: Path | None) -> None:
    """Without cargo the other faces are compared all the same; what was not is said here."""
    if not rust:
        machine.absent("Rust", "recipes given to the crates are", "install it from https://rustup.rs")


# Options of `dgx-pixels fix` that are no step of a sprite: files, the terminal; or what HTTP has in their place.
NO_STEP = {"output": "files", "scale": "files", "strip": "files", "separate": "files", "jobs": "this machine's cores",
           "show": "the terminal", "json": "the report comes always", "quiet": "the terminal", "help": "the terminal",
           "frames": "POST /api/v1/fix/frames", "share-palette": "POST /api/v1/palette"}


def test_every_step_of_fix_is_a_field() -> None:
    """HTTP, and MCP by `more`, know what the command line knows."""
    told = subprocess.run([PROGRAM, "fix", "--help"], text=True, capture_output=True, check=True).stdout
    options = set(re.findall(r"^ +(?:-\w, )?--([a-z-]+)", told, re.M))
    fields = {name.replace("_", "-") for name in FixBody.model_fields} - {"image", "keep-colors"}  # --colors keep
    assert options - set(NO_STEP) == fields, "a step that one face lacks"
    assert set(FIX_MORE) <= set(FixBody.model_fields)


# A server that writes down whom a body is handed to, from the route to the library, and what it is by then.
SPY = """
import json, os, sys
from dgx_pixels import job
from dgx_pixels.server import engine, schema, store
from dgx_pixels.server.__main__ import main

def tell(hop, body):
    with open(os.environ["HOPS"], "a") as file:
        file.write(json.dumps([hop, body]) + chr(10))

def spy(owner, name, hop, told):
    real = getattr(owner, name)
    def call(*words, **named):
        tell(hop, told(*words))
        return real(*words, **named)
    setattr(owner, name, call)

class Library:
    def __init__(self, real):
        self.real = real
    def __getattr__(self, name):
        return getattr(self.real, name)
    def dgxp_job_request(self, model, text, *rest):
        tell("the library", json.loads(text))
        return self.real.dgxp_job_request(model, text, *rest)

spy(store.Store, "add", "the store", lambda self, asked, *rest: asked)
spy(engine, "jobs_of", "the engine", lambda asked, *rest: asked)
spy(schema, "request_of", "(packed)", lambda asked: asked)
spy(job.Job, "build", "a job", lambda self, model: self.request())
job.lib = Library(job.lib)
sys.exit(main())
"""


def test_a_body_goes_four_hops_and_is_packed_once(tmp_path: Path, evidence: Callable[..., None]) -> None:
    log = tmp_path / "hops"
    server = Server(tmp_path / "data", run=("-c", SPY), HOPS=str(log))
    body = {**PLAIN["window"], "seed": 3, "finish": {"colors": 4}}
    over_http(server, body)
    server.stop()
    walked = [json.loads(line) for line in log.read_text().splitlines()]
    names = [name for name, _ in walked]
    stored = names.index("the store")
    painted = names.index("the engine")
    way = [names[stored], *names[painted:]]  # before it is stored it is planned once, to refuse it at once
    assert way == ["the store", "the engine", "(packed)", "a job", "the library"], names
    assert walked[painted][1] == walked[stored][1], "it is stored as it was sent"
    assert walked[-1][1] == walked[-2][1] == body, "and nothing is lost or added on the way"
    hops = [name for name in way if name != "(packed)"]
    evidence("hops of an HTTP body from the route to the library, packed once", len(hops), ", ".join(hops))
    assert len(hops) <= 4


def test_a_help_text_that_changes_names_each_stale_file(tmp_path: Path) -> None:
    """The table with another sentence: scripts/make_settings.py names whoever still has the old one."""
    words = b"against burnt colours"
    library = (BUILD / "lib/libdgxpixels.so").read_bytes()
    assert words in library
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libdgxpixels.so").write_bytes(library.replace(words, b"against tired colours"))
    checked = subprocess.run([sys.executable, ROOT / "scripts/make_settings.py", "--check"], text=True,
                             capture_output=True, env={**os.environ, "DGXP_BUILD": str(tmp_path)})
    assert checked.returncode == 1
    stale = set(re.findall(r"^(\S+) is not what", checked.stderr, re.M))
    # docs/openapi.json is made of asked.py, which is stale here and not made anew by --check.
    assert stale == {"bindings/python/dgx_pixels/_settings.py", "bindings/python/dgx_pixels/server/asked.py",
                     "bindings/rust/dgx-pixels/src/settings.rs", "docs/settings.md"}, checked.stderr


def test_old_names_are_refused_by_what_they_are_called_now(server: Server, model: Model) -> None:
    answer = server.ask("POST", "/api/v1/generate", {"prompt": "x", "negative": "y"})
    assert answer.status == 422 and b"it is called 'negative_prompt'" in answer.body, answer.body
    with pytest.raises(ValueError, match="it is called 'negative_prompt'"):
        model.describe(Job.of({"prompt": "x", "negative": "y"}))


def test_strangers_name_no_files(server: Server) -> None:
    """What a request may say on this machine, a body may not: it would read the server's disk."""
    for more in ({"palette": "/etc/passwd"}, {"finish": {"palette": "/etc/passwd"}}, {"init": "/etc/passwd"},
                 {"lora": "../x:1"}, {"lora": "x.safetensors"}, {"loras": [{"name": "/x"}]},
                 {"finish": {"palette": "../p.gpl"}}):
        answer = server.ask("POST", "/api/v1/generate", {"prompt": "x", "size": 16, "steps": 2, **more})
        assert answer.status == 422, (more, answer.body)


def test_the_faces_are_made_from_the_table() -> None:
    """Change a help text in src/diffusion/setting.c: this names each file that is stale."""
    checked = subprocess.run([sys.executable, ROOT / "scripts/make_settings.py", "--check"],
                             text=True, capture_output=True,
                             env={**os.environ, "DGXP_BUILD": str(BUILD)})
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("name", ["cfg_start", "cfg_stop", "temperature", "best_of", "as_painted",
                                  "ddim", "lcm", "tcd", "dpmpp-2m", "dpmpp-2m-sde", "euler-a", "jasc", "riff"])
def test_a_fact_stands_in_few_files(name: str, evidence: Callable[..., None]) -> None:
    """A setting, a sampler, a palette format: what one costs that is written by hand."""
    told = subprocess.run([sys.executable, ROOT / "scripts/touched.py", "--name", name], check=True, text=True,
                          capture_output=True).stdout
    count = int(re.match(rf"{name}: (\d+) files", told)[1])  # type: ignore[index]
    evidence(f"hand-written sources that hold {name}", count, "at most 4")
    assert 1 < count <= 4, told
