# SPDX-License-Identifier: MIT OR Apache-2.0
"""The HTTP server on the stub backend: painting, waiting, stopping, refusing, surviving."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import dgx_pixels
import malformed
from dgx_pixels import Image, Palette
from serving import ROOT, Server

SMALL = {"prompt": "knight", "size": "16x16", "steps": 2}


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("server") / "game"
    (folder / "assets").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(
        '[package]\nname = "game"\nversion = "0.1.0"\n[dependencies]\nbevy = "0.19"\n')
    return folder


@pytest.fixture(scope="module")
def server(tiny: Path, game: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("quick") / "data", "--project", game)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def slow(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """20 ms a step, 3 may wait, no batches."""
    made = Server(tmp_path_factory.mktemp("slow") / "data", "--queue", "3", "--batch", "1",
                  DGXP_STUB_DELAY_MS="20")
    yield made
    made.stop()


def until(condition: Any, seconds: float = 600) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def size_of(png: bytes) -> tuple[int, int]:
    return PIL.Image.open(io.BytesIO(png)).size


# ------------------------------------------------------------------------------------- painting


def test_the_promised_curl_line_works(server: Server) -> None:
    done = subprocess.run(
        ["curl", "-sS", "-X", "POST", f"http://localhost:{server.port}/api/v1/generate", "-d",
         '{"prompt": "knight sprite", "style": "16bit"}'],
        text=True, capture_output=True, check=True)
    job = json.loads(done.stdout)
    picture = PIL.Image.open(io.BytesIO(base64.b64decode(job["images"][0]["data"])))
    assert job["state"] == "done" and picture.width == job["images"][0]["width"]
    recipe = server.ask("GET", job["images"][0]["about"]).json["recipe"]
    assert recipe["style"] == "16bit"


def test_palettes_and_colors_hold(server: Server) -> None:
    job = server.ask("POST", "/api/v1/generate", {**SMALL, "palette": ["#000000", "#ffffff"]}).json
    picture = PIL.Image.open(io.BytesIO(base64.b64decode(job["images"][0]["data"]))).convert("RGBA")
    assert {pixel[:3] for pixel in picture.get_flattened_data() if pixel[3]} <= {(0, 0, 0), (255,) * 3}
    named = server.ask("POST", "/api/v1/generate", {**SMALL, "palette": "pico-8", "colors": 8})
    assert named.status == 200, named.body


def test_a_picture_alone_on_request(server: Server) -> None:
    answer = server.ask("POST", "/api/v1/generate", {**SMALL, "seed": 7}, Accept="image/png")
    assert answer.headers["content-type"] == "image/png" and size_of(answer.body) == (16, 16)
    again = server.ask("POST", "/api/v1/generate", {**SMALL, "seed": 7}, Accept="image/png")
    assert again.body == answer.body


def test_a_job_is_accepted_watched_and_fetched(server: Server) -> None:
    answer = server.ask("POST", "/api/v1/generate", {**SMALL, "count": 3, "seed": 5},
                        Prefer="respond-async")
    assert answer.status == 202 and answer.headers["location"].endswith(answer.json["id"])
    events = server.ask("GET", answer.headers["location"] + "/events").body.decode()
    last = [line for line in events.splitlines() if line.startswith("data: ")][-1]
    job = json.loads(last[6:])
    assert job["state"] == "done" and [image["seed"] for image in job["images"]] == [5, 6, 7]
    image = server.ask("GET", job["images"][1]["url"])
    assert size_of(image.body) == (16, 16)
    etag = image.headers["etag"]
    assert server.ask("GET", job["images"][1]["url"], If_None_Match=etag).status == 304
    head = server.ask("HEAD", job["images"][1]["url"])
    assert (head.status, head.body, head.headers["etag"]) == (200, b"", etag)
    assert head.headers["content-length"] == str(len(image.body))
    assert size_of(server.ask("GET", job["images"][1]["url"] + "?scale=4").body) == (64, 64)
    about = server.ask("GET", job["images"][1]["about"]).json
    assert about["recipe"]["seed"] == 6 and "score" in about["quality"]
    assert job["id"] in [entry["id"] for entry in server.ask("GET", "/api/v1/jobs").json]


def test_more_like_this(server: Server) -> None:
    first = server.ask("POST", "/api/v1/generate", {**SMALL, "kind": "character", "seed": 7}).json
    path = f"/api/v1/jobs/{first['id']}/again"
    pixels = []
    for body in ({"seed": 7}, {"seed": 8}, {}):
        job = server.ask("POST", path, body)
        assert job.status == 202, job.body
        done = until(lambda: [j for j in [server.ask("GET", f"/api/v1/jobs/{job.json['id']}?data=true").json]
                              if j["state"] == "done"])[0]
        pixels.append(PIL.Image.open(io.BytesIO(base64.b64decode(done["images"][0]["data"]))).tobytes())
    wanted = PIL.Image.open(io.BytesIO(base64.b64decode(first["images"][0]["data"]))).tobytes()
    assert pixels[0] == wanted and wanted not in pixels[1:]
    wrong = server.ask("POST", path, {"changes": {"steps": "many"}})
    assert wrong.status == 422 and wrong.json["field"] == "changes.steps"


def test_a_repeated_request_with_one_key_is_one_job(server: Server) -> None:
    first, second = (server.ask("POST", "/api/v1/generate", SMALL, Idempotency_Key="k1").json
                     for _ in range(2))
    assert first["id"] == second["id"] and first["images"] == second["images"]
    other = server.ask("POST", "/api/v1/generate", {**SMALL, "steps": 3}, Idempotency_Key="k1")
    assert other.status == 422 and other.json["field"] == "Idempotency-Key"


def test_jobs_of_one_shape_share_a_call(server: Server) -> None:
    calls = server.metric("dgx_pixels_batch_size_count")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda i: server.ask("POST", "/api/v1/generate", {**SMALL, "seed": i}),
                                range(32)))
    assert all(answer.status == 200 for answer in answers)
    assert server.metric("dgx_pixels_batch_size_count") - calls < 32
    alone = server.ask("POST", "/api/v1/generate", {**SMALL, "seed": 9}).json
    # The recipe in the metadata tells the batch, so the pixels are compared.
    pixels = [PIL.Image.open(io.BytesIO(base64.b64decode(job["images"][0]["data"]))).convert("RGBA").tobytes()
              for job in (alone, answers[9].json)]
    assert pixels[0] == pixels[1]


def test_strangers_with_longer_prompts_change_nothing(server: Server) -> None:
    """Jobs of others in the queue, some of more chunks, some of fewer."""
    body = {**SMALL, "prompt": "a red potion, item", "seed": 77}

    def pixels(answer: Any) -> np.ndarray:
        data = base64.b64decode(answer.json["images"][0]["data"])
        return np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGBA"))

    alone = pixels(server.ask("POST", "/api/v1/generate", body))
    others = [{**SMALL, "prompt": "gold coin, " * (40 * (i % 3) + 1), "seed": i} for i in range(7)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: server.ask("POST", "/api/v1/generate", one),
                                [*others[:4], body, *others[4:]]))
    assert all(answer.status == 200 for answer in answers)
    assert (pixels(answers[4]) != alone).any(-1).mean() <= 0.005


def test_one_bad_job_does_not_spoil_its_batch(server: Server) -> None:
    """A prompt that the library refuses only when it paints."""
    bad = {**SMALL, "prompt": "x", "kind": "nothing"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: server.ask("POST", "/api/v1/generate", body),
                                [SMALL, bad, SMALL, bad, SMALL]))
    assert [answer.status for answer in answers] == [200, 404, 200, 404, 200]
    assert "character" in answers[1].json["detail"]


def test_pixels_over_http(server: Server) -> None:
    source = base64.b64encode((ROOT / "docs/img/fix-before.png").read_bytes()).decode()
    fixed = server.ask("POST", "/api/v1/fix", {"image": source, "colors": 8}).json
    assert len(fixed["report"]["palette"]["colors"]) == 8
    picture = Image.decode(base64.b64decode(source))
    both = [source, base64.b64encode(picture.encode(scale=2)).decode()]
    shared = server.ask("POST", "/api/v1/palette", {"images": both, "colors": 5}).json["colors"]
    assert Palette(shared) == dgx_pixels.share_palette([picture, Image.decode(picture.encode(scale=2))], colors=5)
    for image in both:
        used = server.ask("POST", "/api/v1/fix", {"image": image, "palette": shared}).json["report"]["palette"]["colors"]
        assert set(used) <= set(shared)
    steps = {"rule": "center", "background": "keep", "outline": "inner", "trim": True, "padding": 2, "snap": True}
    stepped = server.ask("POST", "/api/v1/fix", {"image": source, **steps}).json
    wanted = dgx_pixels.fix(picture, downscale={"rule": "center"}, background="keep", outline={"kind": "inner"},
                            trim={"padding": 2}, grid={"snap": 1})
    assert Image.decode(base64.b64decode(stepped["image"])) == wanted.image
    frames = server.ask("POST", "/api/v1/fix/frames", {"images": [source, source], "colors": 8}).json
    assert frames["images"][0] == frames["images"][1] and len(frames["report"]["palette"]["colors"]) == 8
    measured = server.ask("POST", "/api/v1/report", {"images": [fixed["image"]], "colors": 8}).json
    assert measured == dgx_pixels.quality(Image.decode(base64.b64decode(fixed["image"])), colors=8)
    sheet = server.ask("POST", "/api/v1/sheet", {"frames": [fixed["image"]] * 3, "columns": 3,
                                                 "tags": [{"name": "walk", "first": 0, "last": 2}]}).json
    assert sheet["width"] == 3 * fixed["width"] and '"walk"' in sheet["description"]
    cut = server.ask("POST", "/api/v1/slice", {"image": sheet["image"], "columns": 3}).json
    assert cut["images"] == [fixed["image"]] * 3
    shown = server.ask("POST", "/api/v1/contact", {"images": cut["images"], "scale": 2}).json
    assert shown["width"] > 2 * fixed["width"]
    tile = base64.b64encode(Image(8, 8, bytes([90, 60, 30, 255] * 64)).encode()).decode()
    tiles = server.ask("POST", "/api/v1/tileset", {"inside": tile, "edge": tile, "kind": "corner"})
    assert tiles.status == 409 and "the edge is 8x8" in tiles.json["detail"]
    tiles = server.ask("POST", "/api/v1/tileset", {"inside": tile, "kind": "corner"}).json
    assert len(tiles["places"]) == 16 and "wangset" in tiles["description"]
    sprite = base64.b64encode((ROOT / "examples/bevy-game/assets/sprites/hero.png").read_bytes()).decode()
    moved = server.ask("POST", "/api/v1/motion", {"image": sprite, "motions": "idle,hit", "normal": {}}).json
    assert [tag["name"] for tag in json.loads(moved["description"])["meta"]["frameTags"]] == ["idle", "hit"]
    assert base64.b64decode(moved["aseprite"])[4:6] == b"\xe0\xa5" and moved["normal"]
    red = server.ask("POST", "/api/v1/recolor", {"image": sprite, "map": "blue=red"}).json
    assert red["image"] != sprite and red["report"]["ramps"]
    assert server.ask("POST", "/api/v1/normal", {"image": sprite, "strength": 50}).json["width"] == 16
    assert server.ask("POST", "/api/v1/motion", {"image": sprite, "motions": "dance"}).status == 404
    for names in ("./wave.json", "/etc/passwd", "idle,", "idle;walk"):
        assert server.ask("POST", "/api/v1/motion", {"image": sprite, "motions": names}).status == 422, names
    assert server.ask("POST", "/api/v1/recolor", {"image": sprite, "map": "blue"}).status == 422
    for path in ("presets", "models", "palettes", "motions", "capabilities"):
        answer = server.ask("GET", f"/api/v1/{path}")
        assert answer.status == 200 and b"/work" not in answer.body and b'"path"' not in answer.body


def test_deploys_into_a_configured_project_only(server: Server, game: Path) -> None:
    job = server.ask("POST", "/api/v1/generate", SMALL).json["id"]
    done = server.ask("POST", "/api/v1/deploy", {"job": job, "to": "sprites/knight.png"})
    assert done.json["files"][0]["path"] == "sprites/knight.png", done.body
    assert (game / "assets/sprites/knight.png").exists()
    assert server.ask("POST", "/api/v1/deploy", {"job": job, "to": "a.png", "project": "/etc"}).status == 404
    for to in ("../x.png", "/x.png", "a/../../x.png"):
        assert server.ask("POST", "/api/v1/deploy", {"job": job, "to": to}).status == 422, to
    assert not list(game.parent.glob("*.png"))


# ------------------------------------------------------------------------------------- stopping


def test_cancel_frees_the_worker_within_a_step(slow: Server) -> None:
    job = slow.ask("POST", "/api/v1/generate", {**SMALL, "steps": 200}, Prefer="respond-async").json
    until(lambda: slow.ask("GET", f"/api/v1/jobs/{job['id']}").json["progress"])
    assert slow.metric("dgx_pixels_workers_busy") == 1
    assert slow.ask("DELETE", f"/api/v1/jobs/{job['id']}").json["state"] == "cancelled"
    steps = slow.metric("dgx_pixels_denoise_steps_total")
    until(lambda: slow.metric("dgx_pixels_workers_busy") == 0)
    assert slow.metric("dgx_pixels_denoise_steps_total") - steps <= 2
    assert slow.ask("DELETE", f"/api/v1/jobs/{job['id']}").status == 409


def test_a_client_that_goes_away_frees_the_worker(slow: Server) -> None:
    body = json.dumps({**SMALL, "prompt": "left alone", "steps": 200}).encode()
    with socket.create_connection(("127.0.0.1", slow.port)) as client:
        client.sendall(b"POST /api/v1/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                       b"application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        until(lambda: slow.metric("dgx_pixels_workers_busy") == 1)
    until(lambda: slow.metric("dgx_pixels_workers_busy") == 0, 10)
    assert slow.ask("GET", "/api/v1/jobs?limit=1").json[0]["state"] == "cancelled"


def test_a_full_queue_is_told(slow: Server) -> None:
    answers = [slow.ask("POST", "/api/v1/generate", {**SMALL, "steps": 100, "seed": i},
                        Prefer="respond-async") for i in range(6)]
    full = [answer for answer in answers if answer.status == 429]
    assert full and int(full[0].headers["retry-after"]) >= 1
    for answer in answers:
        if answer.status == 202:
            slow.ask("DELETE", f"/api/v1/jobs/{answer.json['id']}")
    until(lambda: slow.metric("dgx_pixels_workers_busy") == 0)


def test_a_defect_costs_its_own_job_only(slow: Server) -> None:
    """A row that no request can make stands for what we did not think of."""
    slow.ask("POST", "/api/v1/generate", {**SMALL, "steps": 100}, Prefer="respond-async")
    job = slow.ask("POST", "/api/v1/generate", SMALL, Prefer="respond-async").json
    with contextlib.closing(sqlite3.connect(slow.data / "jobs.sqlite")) as rows, rows:
        assert rows.execute("UPDATE jobs SET request = ? WHERE id = ? AND state = 'queued'", (
            '{"prompt": "a"}', job["id"])).rowcount == 1
    told = until(lambda: slow.ask("GET", f"/api/v1/jobs/{job['id']}").json["error"])
    assert told["status"] == "internal" and "KeyError" in told["message"]
    assert slow.ask("GET", "/readyz").status == 200
    assert slow.ask("POST", "/api/v1/generate", SMALL).status == 200


def test_a_row_without_a_prompt_is_told_as_failed(slow: Server) -> None:
    slow.ask("POST", "/api/v1/generate", {**SMALL, "steps": 100}, Prefer="respond-async")
    job = slow.ask("POST", "/api/v1/generate", SMALL, Prefer="respond-async").json
    with contextlib.closing(sqlite3.connect(slow.data / "jobs.sqlite")) as rows, rows:
        assert rows.execute("UPDATE jobs SET request = '{}' WHERE id = ? AND state = 'queued'",
                            (job["id"],)).rowcount == 1
    until(lambda: slow.ask("GET", f"/api/v1/jobs/{job['id']}").json["state"] == "failed")
    assert job["id"] in [entry["id"] for entry in slow.ask("GET", "/api/v1/jobs").json]
    again = slow.ask("POST", f"/api/v1/jobs/{job['id']}/again", {})
    assert again.status == 422 and again.json["field"] == "changes.prompt"


def test_pictures_that_left_the_disk_are_told(server: Server) -> None:
    """Somebody tidied up the results, or they were purged while a client asked."""
    job = server.ask("POST", "/api/v1/generate", SMALL).json
    shutil.rmtree(server.data / "results" / job["id"])
    where = f"/api/v1/jobs/{job['id']}"
    for path in (".png", ".json"):
        gone = server.ask("GET", f"{where}/images/0{path}")
        assert gone.status == 404 and b"not on the server's disk" in gone.body
    assert server.ask("PUT", f"{where}/images/0/review", {"state": "approved"}).status == 404
    assert server.ask("POST", "/api/v1/deploy", {"job": job["id"], "to": "x/"}).status == 404
    told = server.ask("GET", f"{where}?data=true")
    assert told.status == 200 and told.json["images"][0]["data"] is None


def test_an_adapter_needs_no_weight(server: Server) -> None:
    answer = server.ask("POST", "/api/v1/generate", {**SMALL, "loras": [{"name": "nobody"}]})
    assert 400 <= answer.status < 500 and b"nobody" in answer.body
    assert server.ask("GET", "/readyz").status == 200


# ------------------------------------------------------------------------------------- refusing

HOSTILE: list[tuple[Any, str]] = [
    ({}, "prompt"), ({"prompt": ""}, "prompt"), ({"prompt": 7}, "prompt"), ({"prompt": "a\0b"}, "prompt"),
    ({"prompt": "x" * 20000}, "prompt"), ({"prompt": "<lora:/etc/passwd:1>"}, "prompt"),
    ({"prompt": "<lora:../x:1>"}, "prompt"), ({"prompt": "a", "model": "/etc/passwd"}, "model"),
    ({"prompt": "a", "model": "../tiny"}, "model"), ({"prompt": "a", "palette": "/etc/passwd"}, "palette"),
    ({"prompt": "a", "palette": "./x.gpl"}, "palette"), ({"prompt": "a", "kind": "../../x"}, "kind"),
    ({"prompt": "a", "seed": -1}, "seed"), ({"prompt": "a", "seed": 2**53}, "seed"),
    ({"prompt": "a", "steps": 10**9}, "steps"), ({"prompt": "a", "count": 0}, "count"),
    ({"prompt": "a", "size": "0x0"}, "size"), ({"prompt": "a", "size": [1, 2, 3]}, "size"),
    ({"prompt": "a", "nonsense": 1}, "nonsense"), ({"prompt": "a", "init": "AAAA"}, "init"),
    ({"prompt": "a", "guidance": "warm"}, "guidance"), ({"prompt": "\ud800"}, "prompt"),
    ({"prompt": "a", "loras": [{"name": "/etc/x"}]}, "loras.0.name"),
]


@pytest.mark.parametrize("body,field", HOSTILE, ids=lambda value: str(value)[:40])
def test_wrong_fields_are_named(server: Server, body: Any, field: str) -> None:
    answer = server.ask("POST", "/api/v1/generate", body)
    assert answer.status == 422 and answer.headers["content-type"] == "application/problem+json"
    assert answer.json["field"].startswith(field), answer.json


def test_broken_bodies_are_refused(server: Server) -> None:
    for body in (b"", b"{", b"null", b"[]", b"\xff\xfe", b'{"prompt": NaN}', b"[" * 100_000,
                 b'{"prompt": "a", "guidance": 1e999}', b'{"prompt": "a", "guidance": NaN}'):
        answer = server.ask("POST", "/api/v1/generate", body)
        assert 400 <= answer.status < 500, (body[:40], answer.status)
    assert server.ask("POST", "/api/v1/generate", b"x" * (33 << 20)).status == 413
    assert server.ask("GET", "/readyz").status == 200


@pytest.mark.parametrize("headers,status", [
    ({"Host": "evil.example"}, 403), ({"Host": "localhost.evil.example"}, 403), ({"Host": ""}, 403),
    ({"Host": "169.254.169.254"}, 403), ({"Host": "localhost:1"}, 200), ({"Host": "[::1]"}, 200),
    ({"Host": "LOCALHOST."}, 200), ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
    ({"Origin": "http://localhost:1"}, 403), ({"Content-Type": "text/plain"}, 200),
    ({"Content-Type": "application/x-www-form-urlencoded"}, 200),
    ({"Content-Type": "text/plain", "Sec-Fetch-Site": "cross-site"}, 415),
    ({"Content-Type": "text/plain", "Origin": "SAME"}, 415), ({"Origin": "SAME"}, 200),
])
def test_who_may_ask(server: Server, headers: dict[str, str], status: int) -> None:
    given = {name: server.url if value == "SAME" else value for name, value in headers.items()}
    assert server.ask("POST", "/api/v1/generate", SMALL, **given).status == status


def test_a_token_is_needed_beyond_this_machine(tiny: Path, tmp_path: Path, python: Any) -> None:
    refused = python("-m", "dgx_pixels.server", "--host", "0.0.0.0", "--data", tmp_path / "x",
                     check=False)
    assert refused.returncode == 2 and "token" in refused.stderr
    server = Server(tmp_path / "data", DGX_PIXELS_TOKEN="a-long-secret")
    try:
        basic = base64.b64encode(b"user:a-long-secret").decode()
        for given, status in [({}, 401), ({"Authorization": "Bearer wrong"}, 401),
                              ({"Authorization": "Bearer a-long-secret"}, 200),
                              ({"Authorization": f"Basic {basic}"}, 200),
                              ({"Authorization": "Basic !!!"}, 401), ({"Authorization": "a-long-secret"}, 401)]:
            assert server.ask("GET", "/api/v1/jobs", **given).status == status, given
        assert server.ask("GET", "/healthz").status == 200
    finally:
        server.stop()


def test_hostile_pictures_get_typed_answers(server: Server, full: bool, evidence: Any) -> None:
    count = 200 if full else 40
    chance = random.Random(5)
    good = (ROOT / "docs/img/fix-before.png").read_bytes()
    for i in range(count):
        data = bytearray(good)
        if i % 4 == 0:
            del data[chance.randrange(8, len(data)):]
        elif i % 4 == 1:
            data[16:24] = chance.randbytes(8)  # width and height
        elif i % 4 == 2:
            for _ in range(8):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        else:
            data = bytearray(chance.randbytes(chance.randrange(1, 2000)))
        answer = server.ask("POST", "/api/v1/fix", {"image": base64.b64encode(data).decode()})
        assert answer.status in (413, 422), (i, answer.status, answer.body[:200])
        assert answer.headers["content-type"] == "application/problem+json"
    assert server.ask("GET", "/readyz").status == 200
    evidence("HTTP: hostile pictures", count, "typed 4xx, the server stays ready")


def test_malformed_requests_get_typed_answers(server: Server, full: bool, evidence: Any) -> None:
    """Each is wrong for certain (malformed.py): a 4xx that names the fault, and nothing else suffers."""
    count, chance, seen = 2000 if full else 200, random.Random(11), Counter[int]()
    jobs = server.metric('dgx_pixels_jobs_total{state="done"}')
    server.ask("POST", "/api/v1/generate", SMALL)
    before = server.memory()
    for i in range(count):
        sent = malformed.request(chance)
        if sent.raw is not None:
            status = raw_answer(server, sent.raw)
        else:
            answer = server.ask(sent.method, sent.path, sent.body, timeout=600)
            status = answer.status
            assert answer.headers["content-type"] in ("application/problem+json", "application/json"), sent
            assert isinstance(answer.json, dict) and answer.json, (sent, answer.body)
        assert status is None or 400 <= status < 500, (i, sent, status)
        seen[status or 0] += 1
    assert server.ask("GET", "/readyz").status == 200
    assert server.metric('dgx_pixels_jobs_total{state="done"}') == jobs + 1, "none of them was painted"
    grown = server.memory() - before
    assert grown < 64 * 1024, f"{grown} KiB"
    told = ", ".join(f"{number} {status or 'closed'}" for status, number in sorted(seen.items()))
    evidence("HTTP: malformed requests", count, f"{told}; ready, {grown // 1024} MiB more memory")


def raw_answer(server: Server, data: bytes) -> int | None:
    """Send bytes as they are; the status, or None when the connection was closed without one."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=600) as wire:
        try:
            wire.sendall(data)
            wire.shutdown(socket.SHUT_WR)
            answer = wire.recv(4096)
        except OSError as error:  # closed before, or while, it was sent
            if isinstance(error, TimeoutError):
                raise
            return None
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert found or not answer, answer
    return int(found[1]) if found else None


# ------------------------------------------------------------------------------------- surviving


def test_accepted_jobs_survive_kills(tiny: Path, tmp_path: Path, full: bool, evidence: Any) -> None:
    kills = 50 if full else 5
    server = Server(tmp_path / "data", "--queue", "1000", DGXP_STUB_DELAY_MS="10")
    chance, accepted = random.Random(3), []
    try:
        for kill in range(kills):
            for i in range(6):
                answer = server.ask("POST", "/api/v1/generate", {**SMALL, "steps": 4, "seed": kill * 6 + i},
                                    Prefer="respond-async")
                assert answer.status == 202
                accepted.append(answer.json["id"])
            time.sleep(chance.random() * 0.3)
            server.stop(signal.SIGKILL)
            server.start()
        states = until(lambda: [s for s in [[server.ask("GET", f"/api/v1/jobs/{id}").json for id in accepted]]
                                if all(job["state"] in ("done", "failed") for job in s)], 300)[0]
        assert [job["images"][0]["seed"] for job in states if job["state"] == "done"] == [
            i for i, job in enumerate(states) if job["state"] == "done"]
        assert all(job["error"]["message"] for job in states if job["state"] == "failed")
        done = sum(job["state"] == "done" for job in states)
        for job in states:
            if job["state"] == "done":
                assert size_of(server.ask("GET", job["images"][0]["url"]).body) == (16, 16)
        evidence("HTTP: kill -9 of the server", kills,
                 f"{len(accepted)} accepted jobs: {done} done, {len(accepted) - done} failed with a reason")
    finally:
        server.stop()


def test_a_crowd_is_served_once_each_in_order(tiny: Path, tmp_path: Path, full: bool,
                                              evidence: Any) -> None:
    count = 2000 if full else 200
    server = Server(tmp_path / "data", "--queue", "5000", "--keep", "5000")
    try:
        lock, order = threading.Lock(), []
        server.ask("POST", "/api/v1/generate", SMALL)
        before = server.memory()

        def one(i: int) -> str:
            answer = server.ask("POST", "/api/v1/generate", {**SMALL, "seed": i}, timeout=600)
            assert answer.status == 200, answer.body
            with lock:
                order.append(i)
            assert answer.json["images"][0]["seed"] == i
            return str(answer.json["id"])

        with ThreadPoolExecutor(64) as pool:
            ids = list(pool.map(one, range(count)))
        assert len(set(ids)) == count, "one job each"
        assert server.metric('dgx_pixels_jobs_total{state="done"}') == count + 1, "none lost, none twice"
        worst = max(abs(place - i) for place, i in enumerate(order))
        assert worst < 128, "nobody waits while many later ones are served"
        grown = server.memory() - before
        assert grown < 64 * 1024, f"{grown} KiB"
        evidence("HTTP: 64 clients", count, f"none lost, none twice; order off by at most {worst}; "
                 f"{grown // 1024} MiB more memory")
    finally:
        server.stop()


def test_the_model_not_used_for_longest_makes_room(tiny: Path) -> None:
    """No limit named: two stay."""
    from dgx_pixels.server.models import Models

    paths = [str(tiny / name) for name in ("tiny", "tiny-diffusers", "tiny.safetensors")]
    with contextlib.closing(Models(None, None, 0)) as models:
        opened = []
        for i in (0, 1, 0, 2):
            models.default = paths[i]
            opened.append(models.get(None))
        assert opened[2] is opened[0], "used again, so not opened again"
        assert list(models.resident) == [paths[0], paths[2]]


def test_models_leave_when_memory_is_short(starter: Path, tmp_path: Path, python: Any) -> None:
    """On torch, for the stub holds no weights: room for two and a half starters."""
    for name in "abc":
        (tmp_path / name).symlink_to(starter)
    program = f"""
from dgx_pixels.server.models import Models
from dgx_pixels import Model
with Model.load({str(starter)!r}, device="cpu") as model:
    memory = model.info["memory"]
one = (memory["mapped_mib"] + memory["host_mib"]) << 20
assert one > 10 << 20, memory
models = Models("cpu", None, int(2.5 * one))
for name in "abacb":
    models.default = {str(tmp_path)!r} + "/" + name
    models.get(None)
    print("".join(sorted(path[-1] for path in models.resident)), end=" ")
"""
    assert python("-c", program, env={"DGX_PIXELS_BACKEND": ""}).stdout.split() == ["a", "ab", "ab", "ac", "bc"]


def test_old_results_are_forgotten(tiny: Path, tmp_path: Path) -> None:
    server = Server(tmp_path / "data", "--keep", "3")
    try:
        ids = [server.ask("POST", "/api/v1/generate", {**SMALL, "seed": i}).json["id"] for i in range(6)]
        until(lambda: server.ask("GET", f"/api/v1/jobs/{ids[0]}").status == 404)
        assert server.ask("GET", f"/api/v1/jobs/{ids[5]}").status == 200
        assert len(list((tmp_path / "data/results").iterdir())) <= 4
    finally:
        assert server.stop() in (0, -signal.SIGTERM)


def test_the_same_interface_as_last_time(tmp_path: Path, python: Any) -> None:
    """docs/openapi.json is written by `python -m dgx_pixels.server.openapi`."""
    printed = python("-m", "dgx_pixels.server.openapi").stdout
    assert printed == (ROOT / "docs/openapi.json").read_text(), (
        "the interface changed: write docs/openapi.json again")
    assert sys.version_info >= (3, 11)
