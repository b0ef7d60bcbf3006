# SPDX-License-Identifier: MIT OR Apache-2.0
"""A server in a process of its own, for tests."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import machine

ROOT = Path(__file__).resolve().parents[2]


NODE, SDK = Path(sys.executable).parent / "node", ROOT / "tests/faces/mcp_sdk"


def node(*words: object, env: dict[str, str] | None = None) -> str:
    """What a program of the Node packages prints, run in their folder."""
    if not (NODE.exists() and (SDK / "node_modules/openai").is_dir()):
        machine.absent("Node", "OpenAI's Node package and MCP's own clients are", "run 'scripts/setup faces'")
    done = subprocess.run([NODE, *map(str, words)], text=True, capture_output=True, cwd=SDK,
                          env=env or dict(os.environ), timeout=1800)
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-4000:]
    return done.stdout


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    """That of a process which can import the package."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "bindings/python"), **more}


class Server:
    """`dgx-pixels-server` on the stub backend; a restart keeps its folder and port."""

    def __init__(self, data: Path, *words: object, within: Sequence[str] = (),
                 run: Sequence[str] = ("-m", "dgx_pixels.server"), trusted: Path | None = None, **env: str) -> None:
        """`within` is a command that starts another; `run` is what Python is given; `trusted` is the
        certificate of a server that speaks HTTPS."""
        self.within, self.run = within, run
        self.context = ssl.create_default_context(cafile=str(trusted)) if trusted else None
        self.data, self.port = data, free_port()
        self.words = ["--model", "tiny", "--port", self.port, "--data", data, *words]
        self.env = environment(**env)
        self.log = data.with_suffix(".log")
        self.start()

    @property
    def url(self) -> str:
        return f"http{'s' if self.context else ''}://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*self.within, sys.executable, *self.run, *map(str, self.words)], env=self.env,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 600
        while time.monotonic() < end:
            try:
                if self.ask("GET", "/readyz").status == 200:
                    return
            except OSError:
                pass
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError("the server did not become ready: " + self.log.read_text())

    def stop(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(90)

    def ask(self, method: str, path: str, body: Any = None, timeout: float = 120,
            **headers: str) -> Answer:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            names.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(self.url + path, data, names, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=self.context) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def metric(self, name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.ask("GET", "/metrics").body.decode(), re.M)
        return float(found[1]) if found else 0.0

    def memory(self) -> int:
        """Resident KiB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1])  # type: ignore[index]
