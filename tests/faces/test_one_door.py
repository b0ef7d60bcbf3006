# SPDX-License-Identifier: MIT OR Apache-2.0
"""One request, every face: the same bytes.  A recipe is a request, so each face takes one as it stands."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from dgx_pixels import Image, Job, Model
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
    "karras": {"prompt": "x", "size": [16, 16], "steps": 3, "schedule": "karras", "spacing": "linspace"},
}
PICTURED = {"prompt": "x", "size": [16, 16], "steps": 4, "strength": 0.5}


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
    lines = folder / "lines.jsonl"
    lines.write_text("".join(json.dumps({**request, "name": f"line-{i:02}"}) + "\n"
                             for i, request in enumerate(requests)))
    build = Path(os.environ["DGX_PIXELS_LIBRARY"]).parents[1]
    subprocess.run([build / "bin/dgx-pixels", "batch", lines, "-o", folder / "out", "-m", "tiny", "--batch", "1",
                    "--device", "cpu", "-q"], check=True, capture_output=True, text=True)
    return [next((folder / "out").rglob(f"line-{i:02}*.png")).read_bytes() for i in range(len(requests))]


def by_command(folder: Path, request: dict[str, Any], number: int) -> bytes:
    """The command line: each setting is an option; a kind and the subject, or the prompt, are its words."""
    rest = dict(request)
    words = [rest.pop("kind", None), rest.pop("subject", None) or rest.pop("prompt")]
    for name, value in rest.items():
        text = ("x".join(map(str, value)) if isinstance(value, list) and name != "loras" else
                json.dumps(value) if isinstance(value, (dict, list)) else str(value))
        words += ["--" + name.replace("_", "-"), *([] if value is True else [text])]
    path = folder / f"command-{number:02}.png"
    build = Path(os.environ["DGX_PIXELS_LIBRARY"]).parents[1]
    done = subprocess.run([build / "bin/dgx-pixels", "generate", *filter(None, words), "-m", "tiny", "--device", "cpu",
                           "-q", "-o", path], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, (words, done.stderr)
    return path.read_bytes()


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


def test_every_face_paints_a_recipe_with_the_same_bytes(server: Server, model: Model, game: Path,
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
    for face, painted in faces.items():
        for name, png, wanted in zip(names, painted, first, strict=True):
            assert pixels(png) == pixels(wanted), f"{face}: {name} is another picture"
            assert told(png) == told(wanted), f"{face}: {name} has another recipe"


def test_every_setting_is_an_option(model: Model, tmp_path: Path) -> None:
    request = {"prompt": "a potion", "seed": 5, "size": [16, 16], "steps": 5, "guidance": 8, "cfg_start": 0.4,
               "sampler": "ddim", "eta": 0.5, "tiling": "x", "temperature": 0.5, "guidance_rescale": 0.25, "colors": 4}
    words: list[str] = []
    for name, value in request.items():
        text = "x".join(map(str, value)) if isinstance(value, list) else str(value)
        words += [] if name == "prompt" else ["--" + name.replace("_", "-"), text]
    build = Path(os.environ["DGX_PIXELS_LIBRARY"]).parents[1]
    subprocess.run([build / "bin/dgx-pixels", "generate", "a potion", "-m", "tiny", "--device", "cpu", "-q", *words,
                    "-o", tmp_path / "a.png"], check=True, capture_output=True, text=True, cwd=tmp_path)
    painted = (tmp_path / "a.png").read_bytes()
    wanted = model.generate_many([Job.of(request)])[0].image.encode()
    assert pixels(painted) == pixels(wanted) and told(painted) == told(wanted)
    assert told(painted)["cfg_start"] == 0.4
    wrong = subprocess.run([build / "bin/dgx-pixels", "generate", "a potion", "--cfg-start", "2"], text=True,
                           capture_output=True, cwd=tmp_path)
    assert wrong.returncode == 2 and "--cfg-start 2: must be a number from 0 to 1" in wrong.stderr


def test_pictures_go_beside_the_request(server: Server, model: Model, tmp_path: Path) -> None:
    init = model.generate("a blob", seed=1, size=(16, 16), steps=2).image
    mask = Image(16, 16, bytes([255, 255, 255, 255] * 128 + [0, 0, 0, 255] * 128))
    request = {**PICTURED, "seed": 3}
    wanted = model.generate_many([Job.of(request, init=init, mask=mask)])[0].image.encode()
    init.save(tmp_path / "init.png")
    mask.save(tmp_path / "mask.png")
    sent = {name: base64.b64encode((tmp_path / f"{name}.png").read_bytes()).decode() for name in ("init", "mask")}
    assert pixels(over_http(server, {**request, **sent})) == pixels(wanted)
    named = {**request, "init": "init.png", "mask": "mask.png"}
    assert pixels(by_batch(tmp_path, [named])[0]) == pixels(wanted)
    assert pixels(model.generate_many([Job.of(named, folder=tmp_path)])[0].image.encode()) == pixels(wanted)


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
                             env={**os.environ, "DGXP_BUILD": str(Path(os.environ["DGX_PIXELS_LIBRARY"]).parents[1])})
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("name", ["cfg_start", "best_of", "tcd", "dpmpp-2m", "jasc"])
def test_a_fact_stands_in_few_files(name: str, evidence: Callable[..., None]) -> None:
    """A setting, a sampler, a palette format: what one costs that is written by hand."""
    told = subprocess.run([sys.executable, ROOT / "scripts/touched.py", "--name", name], check=True, text=True,
                          capture_output=True).stdout
    count = int(re.match(rf"{name}: (\d+) files", told)[1])  # type: ignore[index]
    evidence(f"hand-written sources that hold {name}", count, "at most 4")
    assert 1 < count <= 4, told
