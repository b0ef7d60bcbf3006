# SPDX-License-Identifier: MIT OR Apache-2.0
"""Clients that we did not write: the openai package, webuiapi (A1111), schemathesis.

On the starter model when it is there, else on the stub backend.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import openai
import PIL.Image
import pytest
import requests
import webuiapi

from serving import ROOT, Server, node

STARTER = ROOT / "models/starter"


@pytest.fixture(scope="module", params=["stub", "starter"])
def server(request: pytest.FixtureRequest, tiny: Path,
           tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp(request.param) / "data"
    if request.param == "starter":
        if not (STARTER / "unet").is_dir():
            pytest.skip("models/starter holds no weights: real clients on the starter NOT TESTED")
        made = Server(data, "--model", STARTER, DGX_PIXELS_BACKEND="torch",
                      DGX_PIXELS_MODELS=str(ROOT / "models"))
    else:
        made = Server(data)
    yield made
    made.stop()


def pixels(picture: PIL.Image.Image) -> Any:
    return numpy.asarray(picture.convert("RGBA"))


def check_enlarged(picture: PIL.Image.Image, size: tuple[int, int], scale: int) -> None:
    """The picture is a sprite, every pixel of which became scale x scale, with hard alpha and a palette."""
    array = pixels(picture)
    assert picture.size == size
    assert (array == numpy.repeat(numpy.repeat(array[::scale, ::scale], scale, 0), scale, 1)).all()
    assert set(numpy.unique(array[..., 3])) <= {0, 255}
    assert 1 < len(numpy.unique(array.reshape(-1, 4), axis=0)) <= 33  # 32, and none


def test_the_openai_package(server: Server) -> None:
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0)
    assert "dgx-pixels" in [model.id for model in client.models.list()]
    answer = client.images.generate(prompt="a red potion", model="dgx-pixels", n=2, size="512x512",
                                    response_format="b64_json")
    assert answer.data and len(answer.data) == 2
    for item in answer.data:
        picture = PIL.Image.open(io.BytesIO(base64.b64decode(item.b64_json or "")))
        check_enlarged(picture, (512, 512), 512 // native(server))
    assert client.models.retrieve("dgx-pixels").id == "dgx-pixels"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nothing")
    link = client.images.generate(prompt="a red potion", size="32x32", response_format="url",  # type: ignore[call-overload]
                                  extra_body={"seed": 7, "num_inference_steps": 2})
    with urllib.request.urlopen(link.data[0].url) as fetched:
        assert PIL.Image.open(io.BytesIO(fetched.read())).size == (32, 32)
    with pytest.raises(openai.BadRequestError) as wrong:
        client.images.generate(prompt="a", size="1009x1009")  # type: ignore[call-overload]
    assert wrong.value.param == "size" and "1024x1024" in str(wrong.value)
    with pytest.raises(openai.BadRequestError) as wrong:
        client.images.generate(prompt="a", output_format="jpeg")
    assert wrong.value.param == "output_format"
    with pytest.raises(openai.NotFoundError):
        client.images.generate(prompt="a", model="/etc/passwd")


def png_of(picture: PIL.Image.Image) -> bytes:
    packed = io.BytesIO()
    picture.save(packed, "PNG")
    return packed.getvalue()


def test_the_openai_package_edits(server: Server) -> None:
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0)
    side = native(server)
    given = numpy.zeros((side, side, 4), numpy.uint8)
    given[side // 4:-side // 4, side // 4:-side // 4] = (200, 30, 40, 255)
    sprite = png_of(PIL.Image.fromarray(given))
    hole = numpy.full((side, side, 4), 255, numpy.uint8)
    hole[:, side // 2:] = 0  # the right half is painted anew

    def edit(**more: Any) -> Any:
        answer = client.images.edit(**{  # type: ignore[call-overload]
            "image": ("a.png", sprite, "image/png"), "prompt": "a red potion", "response_format": "b64_json",
            "extra_body": {"seed": 7, "num_inference_steps": 4}, **more})
        assert answer.data
        return [PIL.Image.open(io.BytesIO(base64.b64decode(item.b64_json))) for item in answer.data]

    own, large = edit()[0], edit(size="512x512", n=2)
    assert own.size == (side, side) and len(large) == 2, "without a size it keeps its own"
    check_enlarged(large[0], (512, 512), 512 // side)
    assert (pixels(large[0])[::512 // side, ::512 // side] == pixels(own)).all()
    assert (edit(image=[("a.png", sprite, "image/png")])[0].tobytes() == own.tobytes()), "image[]"
    again = edit(image=("a.png", png_of(large[0]), "image/png"))[0]
    assert again.size == (512, 512), "an enlarged picture stays as large"
    masked, other = (pixels(edit(mask=("m.png", png_of(PIL.Image.fromarray(hole)), "image/png"),
                                 extra_body={"seed": seed, "num_inference_steps": 4, "strength": 1})[0])
                     for seed in (7, 8))
    left = slice(None), slice(0, side // 2 - 1)
    assert (masked[left][..., 3] == given[left][..., 3]).all(), "what the mask keeps is the given picture's"
    assert (masked[left] == other[left]).all() and (masked != other).any()
    for wrong, field in (({"image": [("a.png", sprite), ("b.png", sprite)]}, "image"), ({"size": "1009x1009"}, "size"),
                         ({"image": ("a.png", b"no picture")}, "image"), ({"n": 11}, "n"),
                         ({"mask": ("m.png", png_of(PIL.Image.new("RGBA", (8, 8), "white")))}, "mask"),
                         ({"extra_body": {"controlnet": "x"}}, "controlnet")):
        with pytest.raises(openai.BadRequestError) as refused:
            edit(**wrong)
        assert refused.value.param == field, refused.value


def test_the_openai_node_package(server: Server, tmp_path: Path) -> None:
    side = native(server)
    sprite = tmp_path / "sprite.png"
    PIL.Image.new("RGBA", (side, side), (200, 30, 40, 255)).save(sprite)
    told = json.loads(node("images.js", server.url, sprite, side))
    assert "dgx-pixels" in told["models"] and told["model"]["id"] == "dgx-pixels"
    assert len(told["generated"]["data"]) == 2 and len(told["edited"]["data"]) == 1
    for item in told["generated"]["data"] + told["edited"]["data"]:
        picture = PIL.Image.open(io.BytesIO(base64.b64decode(item["b64_json"])))
        check_enlarged(picture, (512, 512), 512 // side)
    with urllib.request.urlopen(told["kept"]["data"][0]["url"]) as fetched:
        assert PIL.Image.open(io.BytesIO(fetched.read())).size == (side, side)
    assert told["wrongSize"] == told["wrongEdit"] == {"status": 400, "param": "size"}
    assert told["wrongModel"]["status"] == 404


@pytest.fixture
def as_before(server: Server) -> Iterator[None]:
    """Puts the model back that clients of A1111's interface have chosen."""
    yield
    name = "starter" if native(server) == 32 else "tiny"
    assert server.ask("POST", "/sdapi/v1/options", {"sd_model_checkpoint": name}).status == 200


def first_picture(answer: Any) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(base64.b64decode(answer.json["images"][0])))


def test_what_sillytavern_asks_for(server: Server, as_before: None) -> None:
    """Rebuilt after release 1.13.0, src/endpoints/stable-diffusion.js (what is asked, in which order, and which
    fields of the answers are read), with the extension's defaults of 1.12.6 (its index.js)."""

    def ask(method: str, path: str, body: Any = None) -> Any:
        answer = server.ask(method, f"/sdapi/v1/{path}", body, Authorization="Basic ")  # of an empty field
        assert answer.status == 200, answer.body
        return answer

    was = ask("GET", "options").json["sd_model_checkpoint"]
    lists = {path: [entry[key] for entry in ask("GET", path).json] for path, key in (
        ("upscalers", "name"), ("latent-upscale-modes", "name"), ("sd-vae", "model_name"), ("sd-modules", "model_name"),
        ("samplers", "name"), ("schedulers", "name"), ("sd-models", "title"))}
    assert "DDIM" in lists["samplers"] and "normal" in lists["schedulers"] and was in lists["sd-models"]
    ask("POST", "options", {"sd_model_checkpoint": was})
    waiting = ask("GET", "progress").json
    assert waiting["progress"] == 0.0 and waiting["state"]["job_count"] == 0, "it waits for this up to 20 s"
    assert "forge_preset" not in ask("GET", "options").json
    body = {"url": server.url, "auth": "", "prompt": "best quality, a knight", "negative_prompt": "lowres, blurry",
            "sampler_name": "DDIM", "scheduler": "normal", "steps": 20, "cfg_scale": 7, "width": 512, "height": 512,
            "restore_faces": False, "enable_hr": False, "hr_upscaler": "Latent", "hr_scale": 2.0,
            "denoising_strength": 0.7, "hr_second_pass_steps": 0, "override_settings": {"CLIP_stop_at_last_layers": 1},
            "override_settings_restore_afterwards": True, "clip_skip": 1, "save_images": True, "send_images": True,
            "do_not_save_grid": False, "do_not_save_samples": False}
    answer = ask("POST", "txt2img", body)
    check_enlarged(first_picture(answer), (512, 512), 512 // native(server))
    assert set(json.loads(answer.json["info"])["ignored"]) == {
        "url", "auth", "clip_skip", "override_settings.CLIP_stop_at_last_layers"}
    ask("POST", "interrupt")
    assert server.ask("POST", "/sdapi/v1/options", {"sd_model_checkpoint": "nobody"}).status == 422
    assert ask("GET", "options").json["sd_model_checkpoint"] == was


def test_what_open_webui_asks_for(server: Server, as_before: None) -> None:
    """Rebuilt after backend/open_webui/routers/images.py of commit 02530d5: both of its engines, and edits."""
    options = server.ask("GET", "/sdapi/v1/options").json
    cards = server.ask("GET", "/sdapi/v1/sd-models").json
    assert all(card["title"] and card["model_name"] for card in cards)
    options["sd_model_checkpoint"] = cards[0]["title"]  # it sends all of the options back
    assert server.ask("POST", "/sdapi/v1/options", options).status == 200
    assert server.ask("GET", "/sdapi/v1/options").json == options
    answer = server.ask("POST", "/sdapi/v1/txt2img", {
        "prompt": "a knight", "batch_size": 1, "width": 512, "height": 512, "steps": 4, "negative_prompt": "blurry"})
    assert answer.status == 200 and answer.json["info"], answer.body
    assert first_picture(answer).size == (512, 512)

    side = native(server)
    asked = {"model": "dall-e-2", "prompt": "a knight", "n": 1, "size": "512x512", "response_format": "b64_json"}
    made = server.ask("POST", "/v1/images/generations?api-version=2024-02-01", asked, Authorization="Bearer unused")
    assert made.status == 200, made.body
    sprite = base64.b64decode(made.json["data"][0]["b64_json"])
    check_enlarged(PIL.Image.open(io.BytesIO(sprite)), (512, 512), 512 // side)
    for name in ("image", "image[]"):
        edited = requests.post(f"{server.url}/v1/images/edits", timeout=600, data={**asked, "background": "transparent"},
                               files=[(name, ("4f1c.png", sprite, "image/png"))], headers={"Authorization": "Bearer x"})
        assert edited.status_code == 200, edited.text
        check_enlarged(PIL.Image.open(io.BytesIO(base64.b64decode(edited.json()["data"][0]["b64_json"]))), (512, 512),
                       512 // side)
    assert requests.post(f"{server.url}/v1/images/edits", timeout=60, json=asked).status_code == 415


def native(server: Server) -> int:
    """The side that the model is made for: what clients that know 512 only get, enlarged."""
    return 32 if str(STARTER) in map(str, server.words) else 16


def test_webuiapi(server: Server, evidence: Any) -> None:
    called: set[str] = set()
    client = webuiapi.WebUIApi(host="127.0.0.1", port=server.port)
    assert "Euler a" in [sampler["name"] for sampler in client.get_samplers()]
    assert client.get_sd_models() and client.get_options()["sd_model_checkpoint"]
    made = client.txt2img(prompt="a green slime", width=128, height=128, steps=3, seed=5, batch_size=2,
                          sampler_name="Euler a", cfg_scale=3)
    assert [image.size for image in made.images] == [(128, 128)] * 2
    assert made.info["all_seeds"] == [5, 6] and made.info["infotexts"][0].startswith("a green slime")
    check_enlarged(made.image, (128, 128), 128 // native(server))
    changed = client.img2img(images=[made.image], prompt="a blue slime", width=512, height=512, steps=4,
                             denoising_strength=0.5, seed=5)
    check_enlarged(changed.image, (512, 512), 512 // native(server))
    assert client.get_progress()["state"]["job_count"] == 0
    assert "Steps: 3" in client.png_info(made.image).info
    for name in dir(client):  # its lists and orders, whatever it has of them
        if name.startswith(("get_", "refresh_", "util_get_")) and name not in ("get_endpoint",):
            getattr(client, name)()
            called.add(name)
    client.set_options({"sd_model_checkpoint": client.util_get_current_model()})
    client.util_set_model(client.util_get_current_model())
    client.skip()
    client.interrupt()
    called |= {"txt2img", "img2img", "png_info", "set_options", "util_set_model", "skip", "interrupt"}
    assert len(called) >= 30, sorted(called)
    every = {name for name, what in vars(webuiapi.WebUIApi).items() if callable(what) and not name.startswith("_")}
    evidence("HTTP: calls of webuiapi", len(called), f"answered, of its {len(every)} in all")
    with pytest.raises(RuntimeError, match="enable_hr"):
        client.txt2img(prompt="a", enable_hr=True, width=64, height=64)
    with pytest.raises(RuntimeError, match="sampler_name"):
        client.txt2img(prompt="a", sampler_name="Heun", width=64, height=64)


def test_schemathesis_finds_nothing(tiny: Path, tmp_path: Path, full: bool, evidence: Any) -> None:
    """Requests made from the OpenAPI document, valid and not: no 5xx but 503, answers as described."""
    import hypothesis
    import schemathesis

    server = Server(tmp_path / "data", "--queue", "100000")
    count = {"requests": 0}
    try:
        schema = schemathesis.openapi.from_dict(server.ask("GET", "/openapi.json").json)
        schema.config.base_url = server.url
        examples = 60 if full else 3

        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.path == "/api/v1/events":
                continue  # it never ends; tests/faces/test_review.py listens to it
            for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
                strategy = operation.as_strategy(generation_mode=mode)

                @hypothesis.given(case=strategy)
                @hypothesis.settings(max_examples=examples, deadline=None, database=None,
                                     derandomize=True, suppress_health_check=list(hypothesis.HealthCheck))
                def one(case: Any) -> None:
                    count["requests"] += 1
                    answer = case.call(timeout=120)
                    assert answer.status_code < 500 or answer.status_code == 503, (
                        case.as_curl_command(), answer.text)
                    if answer.status_code < 300:
                        case.validate_response(answer)

                with contextlib.suppress(hypothesis.errors.Unsatisfiable):  # nothing to break in it
                    one()
        assert server.ask("GET", "/readyz").status == 200
        evidence("HTTP: schemathesis", count["requests"], "no 5xx, no schema violation")
    finally:
        server.stop()
