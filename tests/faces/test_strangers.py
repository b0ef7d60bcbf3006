# SPDX-License-Identifier: MIT OR Apache-2.0
"""What files, servers and clients of strangers may not do to the Python faces."""

from __future__ import annotations

import http.server
import json
import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import dgx_pixels
from browsing import started
from dgx_pixels.client import Client, Painted, ServerError
from dgx_pixels.files import staged, write_whole
from dgx_pixels.terminal import Plain, plain
from serving import ROOT, Server

SMALL = {"prompt": "knight", "size": "16x16", "steps": 2}
RED = "\x1b[31mred\x1b[0m"


@contextmanager
def answering(status: int, headers: dict[str, str], seen: list[tuple[str, str | None]]) -> Iterator[str]:
    """A server that answers everything alike and notes path and token."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers.get("Authorization")))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "2"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_the_token_stays_with_its_server() -> None:
    seen: list[tuple[str, str | None]] = []
    with answering(200, {}, seen) as other:
        for status in (301, 302, 303, 307, 308):
            with answering(status, {"Location": f"{other}/api/v1/jobs"}, []) as server:
                with pytest.raises(ServerError, match=re.escape(other)):
                    Client(server, "a-long-secret").ask("GET", "/api/v1/jobs")
        assert seen == [], "the other one was not even asked"
        with pytest.raises(ServerError, match="none of its own"):
            Client(other.replace("http://", "http://127.0.0.2:1@"), "x" * 9).ask("GET", f"@{other[7:]}/")
        assert seen == []
        # On its own address a server may send on.
        Client(other, "a-long-secret").ask("GET", "/api/v1/jobs")
        assert seen == [("/api/v1/jobs", "Bearer a-long-secret")]


def test_files_are_not_written_through_links(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    for name in ("k.png.part", ".k.png.part", "k.png"):
        (tmp_path / name).symlink_to(mine)
    painted = Painted(b"\x89PNG", 1, "job", {}, {})
    painted.save(tmp_path / "k.png")
    assert mine.read_text() == "mine" and (tmp_path / "k.png").read_bytes() == b"\x89PNG"
    assert not (tmp_path / "k.png").is_symlink()
    os.umask(before := os.umask(0o027))
    os.umask(0o027)
    try:
        write_whole(tmp_path / "new", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640, "as any program's files"
    with pytest.raises(RuntimeError), staged(tmp_path / "never") as part:
        Path(part).write_text("half")
        raise RuntimeError
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".k.png.part", "k.png", "k.png.part", "mine", "new"]


def test_nothing_steers_a_terminal(tmp_path: Path, game: Path, python: Any) -> None:
    assert plain(f"a\t{RED}\r\x9b\u202e\udcff\n") == "a\t\\x1b[31mred\\x1b[0m\\x0d\\u009b\\u202e\\xff\n"
    record = logging.LogRecord("x", logging.INFO, "", 0, "job %s", (f"{RED}\nINFO all is well",), None)
    assert Plain().format(record) == "job \\x1b[31mred\\x1b[0m\\nINFO all is well"

    # Names of files, what servers answer, what a project file says.
    missing = python("-m", "dgx_pixels", "deploy", f"{RED}.png", "--project", game, check=False)
    assert missing.returncode == 1 and "\\x1b[31mred" in missing.stderr
    (game / "dgx-pixels.json").write_text(json.dumps({"format": 1, "assets_folder": f"../{RED}"}))
    told = python("-m", "dgx_pixels", "deploy", ROOT / "docs/img/fix-before.png", "--project", game, check=False)
    assert told.returncode == 1 and "\\x1b[31mred" in told.stderr
    with answering(404, {}, []) as server:
        asked = python("-m", "dgx_pixels", "generate", "a", "-o", f"{RED}/x.png", "--server", server, check=False)
    training = python("-m", "dgx_pixels.train", "lint", f"{RED}.toml", check=False)
    for done in (missing, told, asked, training):
        assert done.returncode and "\x1b" not in done.stderr + done.stdout, done.stderr


def test_everything_is_printed_by_say() -> None:
    for path in sorted((ROOT / "bindings/python/dgx_pixels").rglob("*.py")):
        if path.name in ("terminal.py", "openapi.py"):
            continue
        assert not re.search(r"(?<![\w.])print\(|stdout\.write|basicConfig", path.read_text()), (
            f"{path}: print with dgx_pixels.terminal.say()")


def test_a_name_of_an_adapter_is_no_file(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of the server's own folder, called as a client likes."""
    here = tmp_path / "here"
    here.mkdir()
    for name in ("secret", "secret.safetensors"):
        (here / name).write_text("TOPSECRET of the server")
    monkeypatch.chdir(here)
    server = Server(tmp_path / "data")
    try:
        for body in ({"loras": [{"name": "secret"}]}, {"loras": [{"name": "secret.safetensors"}]},
                     {"prompt": "a <lora:secret:1>"}, {"prompt": "a <lora:secret.safetensors:1>"},
                     {"prompt": "a <lora:SECRET.SafeTensors:1>"}):
            answer = server.ask("POST", "/api/v1/generate", {**SMALL, **body})
            assert 400 <= answer.status < 500 and b"secret" in answer.body.lower(), answer.body
            assert b"TOPS" not in answer.body and b"bytes" not in answer.body and b"header" not in answer.body
    finally:
        server.stop()
    with pytest.raises(dgx_pixels.NotFound, match="no LoRA 'secret'"):
        dgx_pixels.lora_info("secret")
    with pytest.raises(dgx_pixels.LimitExceeded, match="no safetensors file"):  # a path is one
        dgx_pixels.lora_info("./secret")


def test_the_documentation_comes_from_the_server_alone(tiny: Path, tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    try:
        with started() as browser:
            page, asked, faults = browser.new_page(), [], []
            page.on("request", lambda request: asked.append(request.url))
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
            page.goto(f"{server.url}/docs")
            page.get_by_text("/api/v1/generate", exact=True).wait_for(timeout=600_000)
            page.locator("#operations-jobs-generate").click()
            page.get_by_role("button", name="Execute").first.wait_for()
            assert not faults, faults
            assert asked and all(url.startswith((server.url, "data:")) for url in asked), asked
            page.screenshot(path=tmp_path / "docs.png")
        for path in ("/docs/..%2fapp.py", "/docs/swagger/..%2f__init__.py", "/redoc"):
            assert server.ask("GET", path).status == 404
    finally:
        server.stop()
