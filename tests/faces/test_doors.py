# SPDX-License-Identifier: MIT OR Apache-2.0
"""Who may come in: the HTTP server and the MCP server have one guard, and each test asks both."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from browsing import started
from serving import Answer, Server, environment, free_port

TOKEN = "a-long-secret"
PAGE = "http://tool.example:8080"  # an origin that the doors are told to let in
HELLO = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
    "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}
PAINT = {"prompt": "knight", "size": "16x16", "steps": 2}


class Door:
    """One of the two, with the request that every client of it begins with."""

    def __init__(self, url: str, path: str, body: dict[str, Any], stop: Callable[[], object]) -> None:
        self.url, self.path, self.body, self.stop = url, path, body, stop

    def ask(self, method: str = "POST", body: bool = True, **headers: str) -> Answer:
        names = {"Accept": "application/json, text/event-stream", **(
            {"Content-Type": "application/json"} if body else {}),
            **{name.replace("_", "-"): value for name, value in headers.items()}}
        request = urllib.request.Request(self.url + self.path, json.dumps(self.body).encode() if body else None,
                                         names, method=method)
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())


def open_server(folder: Path, *words: object, token: str | None = None) -> Door:
    made = Server(folder / "data", *words, **({"DGX_PIXELS_TOKEN": token} if token else {}))
    return Door(made.url, "/api/v1/generate", PAINT, made.stop)


def open_mcp(folder: Path, *words: object, token: str | None = None) -> Door:
    port = free_port()
    (folder / "game").mkdir(parents=True, exist_ok=True)
    more = []
    if token:
        (folder / "token").write_text(token + "\n")
        more = ["--token-file", folder / "token"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dgx_pixels.mcp", "--project", folder / "game", "--model", "tiny", "--data",
         folder / "mcp-data", "--http", str(port), *map(str, [*words, *more])],
        env=environment(), stdin=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    end = time.monotonic() + 600
    while True:
        try:
            urllib.request.urlopen(url, timeout=5)
        except urllib.error.HTTPError:
            break
        except OSError:
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.1)

    def stop() -> None:
        process.terminate()
        process.wait(60)

    return Door(url, "/mcp", HELLO, stop)


DOORS = {"server": open_server, "mcp": open_mcp}


@contextmanager
def opened(name: str, folder: Path, *words: object, token: str | None = None) -> Iterator[Door]:
    with ExitStack() as stack:
        door = DOORS[name](folder, *words, token=token)
        stack.callback(door.stop)
        yield door


@pytest.fixture(scope="module", params=list(DOORS))
def door(request: pytest.FixtureRequest, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """Without a token; a page of another origin is let in."""
    with opened(request.param, tmp_path_factory.mktemp(request.param), "--allow-origin", PAGE) as made:
        yield made


@pytest.mark.parametrize("headers,status", [
    ({}, 200), ({"Host": "evil.example"}, 403), ({"Host": "localhost.evil.example"}, 403), ({"Host": ""}, 403),
    ({"Host": "localhost:1"}, 200), ({"Host": "[::1]"}, 200), ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "null"}, 403), ({"Origin": "http://localhost:1"}, 403), ({"Origin": "SAME"}, 200),
    ({"Origin": PAGE}, 200), ({"Origin": PAGE.replace("8080", "8081")}, 403),
    ({"Content-Type": "text/plain", "Origin": PAGE}, 415),
])
def test_who_may_ask(door: Door, headers: dict[str, str], status: int) -> None:
    given = {name: door.url if value == "SAME" else value for name, value in headers.items()}
    answer = door.ask(**given)
    assert answer.status == status, answer.body
    shared = answer.headers.get("access-control-allow-origin")
    assert shared == (PAGE if headers.get("Origin") == PAGE else None), "only such a page may read the answer"


def test_the_question_before_the_request(door: Door) -> None:
    asks = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization,content-type"}
    answer = door.ask("OPTIONS", body=False, Origin=PAGE, **asks)
    assert answer.status == 204 and answer.headers["access-control-allow-origin"] == PAGE
    assert "POST" in answer.headers["access-control-allow-methods"] and answer.headers["vary"] == "Origin"
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
    for origin in ("http://evil.example", "null"):
        refused = door.ask("OPTIONS", body=False, Origin=origin, **asks)
        assert refused.status == 403 and "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize("name", DOORS)
def test_the_token(name: str, tiny: Path, tmp_path: Path, python: Any) -> None:
    module = {"server": ["dgx_pixels.server"], "mcp": ["dgx_pixels.mcp", "--http", 1]}[name]
    refused = python("-m", *module, "--host", "0.0.0.0", "--data", tmp_path / "x", check=False, env={
        "DGX_PIXELS_TOKEN": "", "DGX_PIXELS_MCP_TOKEN": ""})
    assert refused.returncode == 2 and "--token-file" in refused.stderr
    wrong = python("-m", *module, "--allow-origin", "tool.example", "--data", tmp_path / "x", check=False)
    assert wrong.returncode == 2 and "--allow-origin tool.example" in wrong.stderr
    with opened(name, tmp_path, "--allow-origin", PAGE, token=TOKEN) as door:
        assert door.ask().status == 401 and door.ask(Authorization="Bearer wrong").status == 401
        assert door.ask(Authorization=f"Bearer {TOKEN}").status == 200
        asks = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization"}
        assert door.ask("OPTIONS", body=False, Origin=PAGE, **asks).status == 204, "browsers ask without it"
        assert door.ask("OPTIONS", body=False).status == 401
        told = door.ask(Origin=PAGE)
        assert told.status == 401 and told.headers["access-control-allow-origin"] == PAGE


def test_a_real_browser(door: Door) -> None:
    """A page whose name was rebound to this machine is refused; the origin that was let in may ask."""
    port = door.url.rpartition(":")[2]
    attack = """async ([url, body]) => {
        const told = await fetch(url, {method: "POST", body: JSON.stringify(body), headers: {
            "Content-Type": "application/json", "Accept": "application/json, text/event-stream"}})
        return [told.status, await told.text()] }"""
    with started("--host-resolver-rules=MAP evil.example 127.0.0.1, MAP tool.example 127.0.0.1",
                 "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests") as browser:
        page = browser.new_page()
        # What the stranger's own server sent, before its name came to mean 127.0.0.1.
        rebound = f"http://evil.example:{port}"
        page.route(f"{rebound}/lure.html", lambda route: route.fulfill(
            content_type="text/html", body="<title>lure</title>"))
        page.goto(f"{rebound}/lure.html")
        expect(page).to_have_title("lure")
        status, text = page.evaluate(attack, [f"{rebound}{door.path}", door.body])
        assert status == 403 and "Host 'evil.example' is not a name of this server" in text
        with pytest.raises(Exception, match="Failed to fetch"):  # another origin's answer is not even read
            page.evaluate(attack, [f"{door.url}{door.path}", door.body])

        page.route(f"{PAGE}/tool.html", lambda route: route.fulfill(
            content_type="text/html", body="<title>tool</title>"))
        page.goto(f"{PAGE}/tool.html")
        status, text = page.evaluate(attack, [f"{door.url}{door.path}", door.body])
        assert status == 200, text
