# SPDX-License-Identifier: MIT OR Apache-2.0
"""One job's fault is not the server's: full disks, lost devices, shared folders, crowds of idlers."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from serving import Server, environment

SMALL = {"prompt": "knight", "size": "16x16", "steps": 2}


def until(condition: Any, seconds: float = 600) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def state_of(server: Server, id: str) -> str:
    return str(server.ask("GET", f"/api/v1/jobs/{id}").json["state"])


# ------------------------------------------------------------------------------------- a full disk


class Disk:
    """A small file system of its own, in a mount namespace that a sleeping process keeps.

    Fifty rounds leave 3 MB, most of it in SQLite's log, which grows to 4 before it is folded back.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.holder = subprocess.Popen(
            ["unshare", "-rm", "sh", "-c", f"mount -t tmpfs -o size=16m none '{folder}' && echo ready && exec sleep 3600"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.holder.stdout and self.holder.stderr
        if self.holder.stdout.readline() != "ready\n":
            pytest.skip(f"no file system could be mounted: a full disk is NOT TESTED ({self.holder.stderr.read()})")
        self.within = ["nsenter", "-t", str(self.holder.pid), "-U", "-m", "--preserve-credentials"]
        self.seen = Path(f"/proc/{self.holder.pid}/root{folder}")

    def fill(self) -> None:
        with contextlib.suppress(OSError), (self.seen / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)

    def free(self) -> None:
        (self.seen / "filler").unlink()

    def close(self) -> None:
        self.holder.kill()
        self.holder.wait()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    yield made
    made.close()


def test_a_full_disk_passes(disk: Disk, tiny: Path, tmp_path: Path, full: bool, evidence: Any) -> None:
    """Jobs end with a reason, who waits is answered, and with room again all goes on; kills in between."""
    rounds = 100 if full else 4  # every second one kills
    server = Server(disk.folder / "data", within=disk.within, DGXP_STUB_DELAY_MS="100")
    accepted: list[str] = []
    refused = 0
    try:
        for number in range(rounds):
            with ThreadPoolExecutor(2) as pool:
                waiting = pool.submit(server.ask, "POST", "/api/v1/generate", {**SMALL, "steps": 5, "seed": number})
                until(lambda: server.metric("dgx_pixels_workers_busy") == 1)
                disk.fill()
                told = waiting.result()
            assert told.status == 503 and b"disk" in told.body, told.body
            assert told.headers["content-type"] == "application/problem+json"
            full_now = until(lambda: [a for a in [server.ask("POST", "/api/v1/generate", SMALL)] if a.status == 503])
            assert b"disk" in full_now[0].body and full_now[0].headers["retry-after"]
            refused += 1
            ready = server.ask("GET", "/readyz")
            assert (ready.status, ready.json) == (503, {"status": "disk"})
            assert server.ask("GET", "/healthz").status == 200, "it lives"
            if number % 2:
                server.stop(signal.SIGKILL)
                disk.free()
                server.start()
            else:
                disk.free()
            until(lambda: server.ask("GET", "/readyz").status == 200)
            answer = server.ask("POST", "/api/v1/generate", {**SMALL, "seed": number})
            assert answer.status == 200, answer.body
            accepted.append(answer.json["id"])
        assert all(state_of(server, id) == "done" for id in accepted)
        jobs = server.ask("GET", "/api/v1/jobs?limit=200").json
        assert all(job["state"] in ("done", "failed") for job in jobs), "none is left hanging"
        assert all("disk" in job["error"]["message"] for job in jobs if job["state"] == "failed")
        evidence("HTTP: full disks", rounds, f"{len(accepted)} later jobs done, {refused} refused with 503, "
                 f"killed {rounds // 2} times in between")
    finally:
        server.stop(signal.SIGKILL)


def test_a_lost_device_ends_the_process(tiny: Path, tmp_path: Path) -> None:
    """Who waits is told, a supervisor sees the status, and the next start paints the job."""
    server = Server(tmp_path / "data", DGXP_STUB_FAULT="lost@4")
    told = server.ask("POST", "/api/v1/generate", {**SMALL, "steps": 30, "seed": 5})
    assert told.status == 503 and b"started again" in told.body, told.body
    assert server.process.wait(60) == 75, "EX_TEMPFAIL"
    del server.env["DGXP_STUB_FAULT"]
    server.start()
    try:
        job = server.ask("GET", "/api/v1/jobs").json[0]
        until(lambda: state_of(server, job["id"]) == "done")
    finally:
        server.stop()


# ---------------------------------------------------------------------------------- several at once


@contextmanager
def rows(folder: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(folder / "jobs.sqlite", timeout=600)) as made:
        yield made


def test_processes_share_a_folder(tiny: Path, game: Path, tmp_path: Path, full: bool, evidence: Any) -> None:
    """Two servers and MCP sessions: no job twice, none failed; those of a killed one are taken over."""
    sessions, each = (4, 6) if full else (2, 3)
    data = tmp_path / "data"
    servers = [Server(data, DGXP_STUB_DELAY_MS="20") for _ in range(2)]

    async def session(number: int) -> list[str]:
        words = ["-m", "dgx_pixels.mcp", "--project", str(game), "--model", "tiny", "--data", str(data)]
        async with Client(StdioTransport(sys.executable, words, env=environment(DGXP_STUB_DELAY_MS="20")),
                          init_timeout=120) as client:
            made = [(await client.call_tool("generate", {
                "prompt": "knight", "size": "16x16", "seed": number * 100 + i, "more": {"steps": 4}})
                     ).structured_content for i in range(each)]
            return [told["job_id"] for told in made if told["state"] == "done"]

    async def all_sessions() -> list[list[str]]:
        return await asyncio.gather(*(session(number) for number in range(sessions)))

    def ask(server: Server) -> list[str]:
        return [server.ask("POST", "/api/v1/generate", {**SMALL, "steps": 4}).json["id"] for _ in range(each)]

    try:
        with ThreadPoolExecutor(2) as pool:
            theirs = [pool.submit(ask, server) for server in servers]
            done = [id for part in asyncio.run(all_sessions()) for id in part]
            done += [id for part in theirs for id in part.result()]
        assert len(set(done)) == (sessions + 2) * each
        with rows(data) as table:
            assert set(table.execute("SELECT state, attempts FROM jobs")) == {("done", 1)}, "each once"

        slow = {**SMALL, "steps": 100}
        ids = [servers[0].ask("POST", "/api/v1/generate", {**slow, "seed": i}, Prefer="respond-async").json["id"]
               for i in range(12)]
        # Another process's job can be stopped too, within a step or so.
        until(lambda: state_of(servers[0], ids[0]) == "running")
        assert servers[1].ask("DELETE", f"/api/v1/jobs/{ids[-1]}").json["state"] == "cancelled"
        servers[0].stop(signal.SIGKILL)
        for id in ids[:-1]:
            until(lambda: state_of(servers[1], id) == "done")
        with rows(data) as table:
            assert table.execute("SELECT max(attempts) FROM jobs WHERE state='done'").fetchone()[0] <= 2
            count = table.execute("SELECT count(*) FROM jobs").fetchone()[0]
        evidence("HTTP and MCP: one folder", sessions + 2, f"{count} jobs, none twice, none failed; one killed")
    finally:
        for server in servers:
            server.stop(signal.SIGKILL)


def test_a_folder_of_the_time_before_is_taken_over(tiny: Path, tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    job = server.ask("POST", "/api/v1/generate", SMALL).json["id"]
    server.ask("PUT", f"/api/v1/jobs/{job}/images/0/review", {"state": "approved"})
    server.stop()
    with rows(tmp_path / "data") as table:
        for name in ("owner", "client", "kept"):
            table.execute(f"ALTER TABLE jobs DROP COLUMN {name}")
        table.commit()
    server.start()
    try:
        assert state_of(server, job) == "done"
        with rows(tmp_path / "data") as table:
            assert table.execute("SELECT kept FROM jobs").fetchall() == [(1,)]
    finally:
        server.stop()


# ---------------------------------------------------------------------------------- a person's work


def test_approved_pictures_are_kept_and_found(tiny: Path, tmp_path: Path) -> None:
    server = Server(tmp_path / "data", "--keep", "3")
    try:
        def paint(seed: int) -> str:
            return str(server.ask("POST", "/api/v1/generate", {**SMALL, "seed": seed}).json["id"])

        first, taken_back = paint(0), paint(1)
        for id, state in ((first, "approved"), (taken_back, "approved"), (taken_back, "open")):
            assert server.ask("PUT", f"/api/v1/jobs/{id}/images/0/review", {"state": state}).status == 200
        ids = [paint(seed) for seed in range(2, 8)]
        until(lambda: server.ask("GET", f"/api/v1/jobs/{taken_back}").status == 404)
        assert server.ask("GET", f"/api/v1/jobs/{first}").json["images"][0]["review"]["state"] == "approved"
        assert server.ask("GET", f"/api/v1/jobs/{first}/images/0.png").status == 200

        # Page by page to the oldest.
        seen: list[str] = []
        while page := server.ask("GET", "/api/v1/jobs?limit=2" + (f"&before={seen[-1]}" if seen else "")).json:
            seen += [job["id"] for job in page]
        assert len(seen) == len(set(seen)) and seen[-1] == first and seen[0] == ids[-1]
        assert server.ask("GET", f"/api/v1/jobs?before={'0' * 24}").status == 404
        assert [job["id"] for job in server.ask("GET", "/api/v1/jobs?approved=true").json] == [first]
    finally:
        server.stop()


# --------------------------------------------------------------------------------------- strangers


IMPATIENT = ("import sys, dgx_pixels.listening as listening; listening.PATIENCE = {seconds}; "
             "listening.CONNECTIONS = {count}; sys.argv[0] = 'dgx-pixels-server'; "
             "from dgx_pixels.server.__main__ import main; sys.exit(main())")
HALVES = [b"", b"GET /healthz HTTP/1.1\r\nHost: local",
          b"POST /api/v1/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
          b"Content-Length: 1000\r\n\r\n{"]


def test_half_open_connections_lock_nobody_out(tiny: Path, tmp_path: Path, full: bool, evidence: Any) -> None:
    count = 1200 if full else 150
    server = Server(tmp_path / "data", run=("-c", IMPATIENT.format(seconds=20, count=count * 5 // 6)),
                    DGXP_STUB_DELAY_MS="20")
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        job = server.ask("POST", "/api/v1/generate", {**SMALL, "steps": 100}, Prefer="respond-async").json["id"]
        waiting = ThreadPoolExecutor(1).submit(server.ask, "GET", f"/api/v1/jobs/{job}/events")
        time.sleep(3)  # its request is read by then; until it is, it is the oldest half-open one
        for i in range(count):
            wire = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=600))
            wire.sendall(HALVES[i % 3])
        began = time.monotonic()
        assert server.ask("GET", "/healthz").status == 200
        assert server.ask("POST", "/api/v1/generate", SMALL).status == 200
        assert b'"done"' in waiting.result().body, "who waits for an answer is not put out"
        evidence("HTTP: half-open connections", count, f"answered in {time.monotonic() - began:.1f} s")


def test_slow_requests_are_given_up(tiny: Path, tmp_path: Path) -> None:
    """Nothing, half a head, half a body, and a body that drips: each is closed; a quiet listener is not."""
    server = Server(tmp_path / "data", run=("-c", IMPATIENT.format(seconds=1, count=1000)),
                    DGXP_STUB_DELAY_MS="100")
    try:
        job = server.ask("POST", "/api/v1/generate", {**SMALL, "steps": 60}, Prefer="respond-async").json["id"]
        waiting = ThreadPoolExecutor(1).submit(server.ask, "GET", f"/api/v1/jobs/{job}/events")
        for half in (*HALVES, None):
            with socket.create_connection(("127.0.0.1", server.port), timeout=600) as wire:
                with contextlib.suppress(OSError):
                    wire.sendall(half or HALVES[2])
                    while half is None:
                        time.sleep(0.2)
                        wire.sendall(b" ")
                with contextlib.suppress(ConnectionResetError):
                    assert wire.recv(4096) == b"", half
        assert b'"done"' in waiting.result().body, "6 s for its answer"
    finally:
        server.stop()


def test_one_client_does_not_take_the_whole_queue(tiny: Path, tmp_path: Path) -> None:
    server = Server(tmp_path / "data", "--queue", "100", "--queue-client", "3", "--batch", "1",
                    DGXP_STUB_DELAY_MS="200")
    try:
        slow = {**SMALL, "steps": 100}
        answers = [server.ask("POST", "/api/v1/generate", {**slow, "seed": i}, Prefer="respond-async")
                   for i in range(6)]
        assert {answer.status for answer in answers} == {202, 429}
        assert b"from your address" in answers[-1].body and answers[-1].headers["retry-after"]
        other = server.ask("POST", "/api/v1/generate", slow, Prefer="respond-async", X_Forwarded_For="192.0.2.7")
        assert other.status == 202, "as a proxy on this machine tells of it"
    finally:
        server.stop(signal.SIGKILL)


def test_https(tiny: Path, tmp_path: Path, python: Any) -> None:
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem",
                    "-out", tmp_path / "cert.pem"], check=True, capture_output=True)
    server = Server(tmp_path / "data", "--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem",
                    trusted=tmp_path / "cert.pem")
    try:
        assert server.url.startswith("https://") and server.ask("POST", "/api/v1/generate", SMALL).status == 200
    finally:
        server.stop()
    for words in (["--tls-cert", tmp_path / "cert.pem"],
                  ["--tls-cert", tmp_path / "none.pem", "--tls-key", tmp_path / "key.pem"]):
        refused = python("-m", "dgx_pixels.server", "--data", tmp_path / "x", *words, check=False)
        assert refused.returncode == 2 and refused.stderr.startswith("dgx-pixels-server: "), refused.stderr
