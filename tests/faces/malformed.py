# SPDX-License-Identifier: MIT OR Apache-2.0
"""Requests that no server may take: each is wrong for certain, so each must be refused."""

from __future__ import annotations

import copy
import json
import random
from typing import Any, NamedTuple

JOB = "0" * 24
# Whole requests of every route that takes a body; one of their fields is then made wrong.
BODIES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/api/v1/generate", {
        "prompt": "knight", "kind": "character", "style": "16bit", "size": "16x16", "steps": 2, "seed": 7,
        "count": 1, "guidance": 3.5, "palette": ["#000000"], "colors": 8, "tiling": "none",
        "fields": {"view": "side"}, "loras": [{"name": "a", "weight": 1}]}),
    ("POST", "/api/v1/motion", {"image": "AAAA", "motions": "idle,walk", "facing": "left", "frames": 4, "reach": 100,
                                "speed": 100, "seed": 1, "keep_canvas": True, "normal": {"strength": 100}}),
    ("POST", "/api/v1/recolor", {"image": "AAAA", "map": "red=blue", "variant": 2, "keep_skin": True}),
    ("POST", "/api/v1/normal", {"image": "AAAA", "strength": 100, "no_shading": True, "y_down": True}),
    ("POST", "/api/v1/fix", {"image": "AAAA", "colors": 8, "dither": "none", "trim": True, "size": [8, 8]}),
    ("POST", "/api/v1/fix/frames", {"images": ["AAAA"], "cell": 4, "rule": "center", "outline": "inner", "padding": 1}),
    ("POST", "/api/v1/palette", {"images": ["AAAA"], "colors": 8, "tolerance": 0.1, "pivot": "feet"}),
    ("POST", "/api/v1/report", {"images": ["AAAA"], "colors": 8, "tile": True}),
    ("POST", "/api/v1/slice", {"image": "AAAA", "cell_width": 8, "align": "feet", "keep_empty": True}),
    ("POST", "/api/v1/contact", {"images": ["AAAA"], "columns": 2, "scale": 2}),
    ("POST", "/api/v1/tileset", {"inside": "AAAA", "kind": "corner", "tile": 8, "rough": 1, "format": "tsj"}),
    ("POST", "/api/v1/sheet", {"frames": ["AAAA"], "columns": 1, "tags": [
        {"name": "walk", "first": 0, "last": 0}], "format": "tsx"}),
    ("POST", "/api/v1/deploy", {"job": JOB, "index": 0, "to": "sprites/a.png", "force": False}),
    ("POST", f"/api/v1/jobs/{JOB}/again", {"seed": 1, "changes": {"steps": 2}}),
    ("PUT", f"/api/v1/jobs/{JOB}/images/0/review", {"state": "approved", "note": "good"}),
    ("POST", "/v1/images/generations", {"prompt": "knight", "size": "32x32", "n": 1}),
    ("POST", "/sdapi/v1/txt2img", {"prompt": "knight", "width": 32, "height": 32, "steps": 2, "seed": 3}),
    ("POST", "/sdapi/v1/img2img", {"prompt": "knight", "init_images": ["AAAA"], "width": 32, "height": 32}),
    ("POST", "/sdapi/v1/png-info", {"image": "AAAA"}),
]
PATHS = ["/api/v1/jobs/%s", "/api/v1/jobs/%s/events", "/api/v1/jobs/%s/images/0.png",
         f"/api/v1/jobs/{JOB}/images/%s", "/api/v1/jobs?limit=%s", "/api/v1/jobs?state=%s",
         "/api/v1/events?newest=%s", f"/api/v1/jobs/{JOB}?data=%s", "/review/%s", "/api/v1/%s", "/%s"]
WORDS = ["nothing", "-1", "1e9", "999999999999999999999999", "%00", "..%2f..%2fetc%2fpasswd", "%ff%fe",
         "a" * 3000, "%2e%2e", "'%20OR%201=1--", "%F0%9F%98%80", "NaN", "0.png.png"]
LINES = [b"", b"GET", b"GET / HTTP/9.9", b"GET  / HTTP/1.1", b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\nHost",
         b"POST /api/v1/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5",
         b"POST /api/v1/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999999999999999",
         b"POST /api/v1/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2",
         b"POST /api/v1/generate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz",
         b"GET /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nHost: evil.example",
         b"GET /api/v1/jobs HTTP/1.1", b"GET /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000,
         b"PRI * HTTP/2.0\r\n\r\nSM", b"GET http://[::1 HTTP/1.1\r\nHost: [::1", b"G\x00T / HTTP/1.1"]


class Request(NamedTuple):
    """`raw` is sent over a socket as it stands; else the others over HTTP."""

    method: str = "GET"
    path: str = "/"
    body: bytes | None = None
    raw: bytes | None = None


def _fields(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a value can be replaced."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, item in inner for place in _fields(item, (*at, key)))] if at else [
        place for key, item in inner for place in _fields(item, (key,))]


def _replaced(body: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    made: Any = copy.deepcopy(body)
    inner = made
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return dict(made)


def request(chance: random.Random) -> Request:
    """One of five sorts: a wrong field, a broken text, a wrong address, a wrong method, broken HTTP."""
    method, path, body = chance.choice(BODIES)
    sort = chance.randrange(6)
    if sort <= 1:
        place = chance.choice(_fields(body))
        # No field of any route takes these.
        wrong = chance.choice([[[["x"]]], {"x": [{"y": []}]}, float("nan"), float("-inf"), "\ud800\0"])
        return Request(method, path, json.dumps(_replaced(body, place, wrong)).encode())
    text = json.dumps(body).encode()
    if sort == 2:
        end = chance.randrange(len(text))
        broken = chance.choice([text[:end], text[:end] + b"\xff\xfe" + text[end:], text + text, b"[" * 50_000,
                                text.replace(b":", b"=", 1), b"{}" + b"\0" * 9, b'"text"', b"7", b"[1]"])
        return Request(method, path, broken)
    if sort == 3:
        word = chance.choice(WORDS) + str(chance.randrange(1000))
        return Request("GET", chance.choice(PATHS) % word)
    if sort == 4:
        return Request(chance.choice([word for word in ("DELETE", "PATCH", "PUT", "POST", "TRACE", "BREW")
                                      if word != method]), path, text)
    return Request(raw=chance.choice(LINES) + chance.choice([b"", b"\r\n", b"\r\n\r\n"])
                   + chance.randbytes(chance.randrange(40)))
