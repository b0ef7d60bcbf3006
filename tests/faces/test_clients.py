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
import webuiapi

from serving import ROOT, Server

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


SILLY = {  # what SillyTavern's image extension sends with its defaults: written from memory, not compared with its source
    "prompt": "a knight", "negative_prompt": "blurry", "sampler_name": "Euler a", "scheduler": "Automatic", "steps": 4,
    "cfg_scale": 7, "width": 512, "height": 512, "restore_faces": False, "enable_hr": False, "hr_upscaler": "Latent",
    "hr_scale": 1.0, "hr_additional_modules": [], "denoising_strength": 0.7, "hr_second_pass_steps": 0, "seed": -1,
    "override_settings": {"CLIP_stop_at_last_layers": 1, "sd_vae": "Automatic"},
    "override_settings_restore_afterwards": True, "clip_skip": 1, "save_images": True, "send_images": True,
    "do_not_save_grid": False, "do_not_save_samples": False}
OPEN_WEBUI = {"prompt": "a knight", "batch_size": 1, "width": 512, "height": 512, "steps": 4}


@pytest.mark.parametrize("body", [SILLY, OPEN_WEBUI], ids=["SillyTavern", "Open WebUI"])
def test_requests_of_other_programs(server: Server, body: dict[str, Any]) -> None:
    """Rebuilt: what they ask for when they connect, and when they paint."""
    for path in ("options", "sd-models", "samplers", "schedulers", "upscalers", "latent-upscale-modes", "sd-vae",
                 "loras", "embeddings", "cmd-flags", "memory", "scripts"):
        assert server.ask("GET", f"/sdapi/v1/{path}").status == 200, path
    title = server.ask("GET", "/sdapi/v1/sd-models").json[0]["title"]
    was = server.ask("GET", "/sdapi/v1/options").json
    assert server.ask("POST", "/sdapi/v1/options", {"sd_model_checkpoint": "nobody"}).status == 422
    assert server.ask("GET", "/sdapi/v1/options").json == was
    answer = server.ask("POST", "/sdapi/v1/txt2img", body)
    assert answer.status == 200, answer.body
    check_enlarged(PIL.Image.open(io.BytesIO(base64.b64decode(answer.json["images"][0]))), (512, 512),
                   512 // native(server))
    ignored = json.loads(answer.json["info"])["ignored"]
    assert set(ignored) == ({"clip_skip", "override_settings.CLIP_stop_at_last_layers", "override_settings.sd_vae"}
                            if body is SILLY else set())
    assert server.ask("POST", "/sdapi/v1/options", {"sd_model_checkpoint": title}).status == 200
    assert server.ask("GET", "/sdapi/v1/options").json["sd_model_checkpoint"] == title
    assert server.ask("POST", "/sdapi/v1/options", {"sd_model_checkpoint": (
        "starter" if native(server) == 32 else "tiny")}).status == 200


def native(server: Server) -> int:
    """The side that the model is made for: what clients that know 512 only get, enlarged."""
    return 32 if str(STARTER) in map(str, server.words) else 16


def test_webuiapi(server: Server) -> None:
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
