# SPDX-License-Identifier: MIT OR Apache-2.0
"""Jobs and results that survive a restart: SQLite in WAL mode, pictures as files.

A job is accepted when its row is committed.  It is done when its pictures lie on the disk and its row
says so, in this order; painting it again gives the same files, so a crash between both is harmless.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import write_whole

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,          -- queued, running, done, failed, cancelled
    request TEXT NOT NULL,        -- JSON
    digest TEXT NOT NULL,         -- of the request as it was sent
    key TEXT UNIQUE,              -- Idempotency-Key
    attempts INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    started REAL,
    finished REAL,
    error TEXT,                   -- JSON
    images TEXT,                  -- JSON: [{"seed", "width", "height", "sha256", …}]
    bytes INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, number);
"""
FINAL = ("done", "failed", "cancelled")


@dataclass
class Row:
    """A job as it is stored; times are seconds since 1970."""

    number: int
    id: str
    state: str
    request: dict[str, Any]
    digest: str
    attempts: int
    created: float
    started: float | None
    finished: float | None
    error: dict[str, Any] | None
    images: list[dict[str, Any]]

    @property
    def final(self) -> bool:
        return self.state in FINAL


COLUMNS = "number, id, state, request, digest, attempts, created, started, finished, error, images"


def _row(values: tuple[Any, ...]) -> Row:
    number, id, state, request, digest, attempts, created, started, finished, error, images = values
    return Row(number, id, state, json.loads(request), digest, attempts, created, started, finished,
               json.loads(error) if error else None, json.loads(images) if images else [])


class KeyReused(ValueError):
    """An Idempotency-Key came with another request."""


class Forgotten(LookupError):
    """A picture that was there once is not on the disk any more."""


class Store:
    """Any thread may call; one connection, one lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results"
        self.results.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._sidecars = threading.Lock()
        self._db = sqlite3.connect(folder / "jobs.sqlite", check_same_thread=False,
                                   isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")  # survives a killed process; WAL stays whole
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _all(self, sql: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def recover(self, attempts: int) -> int:
        """After a start: what was running waits again, or has failed too often.  Returns how many."""
        reason = json.dumps({"status": "internal", "message": f"the server stopped {attempts} times "
                             "while it painted this job; it is not tried again"})
        self._all("UPDATE jobs SET state='failed', error=?, finished=? WHERE state='running' AND "
                  "attempts>=?", reason, time.time(), attempts)
        found = self._all("SELECT count(*) FROM jobs WHERE state='running'")[0][0]
        self._all("UPDATE jobs SET state='queued' WHERE state='running'")
        return int(found)

    def add(self, request: dict[str, Any], key: str | None = None) -> tuple[Row, bool]:
        """Accept a job; (row, False) when the key is known already."""
        text = json.dumps(request, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        with self._lock:
            if key is not None:
                known = self._db.execute(f"SELECT {COLUMNS} FROM jobs WHERE key=?", (key,)).fetchone()
                if known:
                    row = _row(known)
                    if row.digest != digest:
                        raise KeyReused(f"Idempotency-Key '{key}' belongs to another request")
                    return row, False
            # A seed is drawn now, so that painting again after a crash gives the same picture.
            settled = {**request, "seed": request.get("seed")}
            if settled["seed"] is None:
                settled["seed"] = secrets.randbelow(2**52)
            id = secrets.token_hex(12)
            cursor = self._db.execute(
                "INSERT INTO jobs (id, state, request, digest, key, created) VALUES (?,?,?,?,?,?)",
                (id, "queued", json.dumps(settled), digest, key, time.time()))
            row = self._db.execute(f"SELECT {COLUMNS} FROM jobs WHERE number=?",
                                   (cursor.lastrowid,)).fetchone()
            return _row(row), True

    def get(self, id: str) -> Row | None:
        found = self._all(f"SELECT {COLUMNS} FROM jobs WHERE id=?", id)
        return _row(found[0]) if found else None

    def newest(self, state: str | None = None, limit: int = 50, before: int | None = None) -> list[Row]:
        """The newest first."""
        rows = self._all(f"SELECT {COLUMNS} FROM jobs WHERE (? IS NULL OR state=?) AND "
                         "(? IS NULL OR number<?) ORDER BY number DESC LIMIT ?", state, state, before,
                         before, limit)
        return [_row(row) for row in rows]

    def queued(self, limit: int = 1000) -> list[Row]:
        """The oldest first."""
        return [_row(row) for row in self._all(
            f"SELECT {COLUMNS} FROM jobs WHERE state='queued' ORDER BY number LIMIT ?", limit)]

    def count(self, state: str) -> int:
        return int(self._all("SELECT count(*) FROM jobs WHERE state=?", state)[0][0])

    def position(self, row: Row) -> int:
        """How many wait before it."""
        return int(self._all("SELECT count(*) FROM jobs WHERE state='queued' AND number<?",
                             row.number)[0][0])

    def start(self, ids: Iterable[str]) -> list[str]:
        """Mark queued jobs as running; returns those that still were queued."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            started = [id for id in ids if self._db.execute(
                "UPDATE jobs SET state='running', started=?, attempts=attempts+1 WHERE id=? AND "
                "state='queued'", (time.time(), id)).rowcount]
            self._db.execute("COMMIT")
            return started

    def requeue(self, ids: Iterable[str]) -> None:
        """The worker stopped without touching them: not an attempt."""
        for id in ids:
            self._all("UPDATE jobs SET state='queued', attempts=attempts-1 WHERE id=? AND "
                      "state='running'", id)

    def finish(self, id: str, state: str, *, error: dict[str, Any] | None = None,
               images: list[dict[str, Any]] | None = None, size: int = 0) -> bool:
        """Give a job its final state, once; False when it has one already."""
        with self._lock:
            return self._db.execute(
                "UPDATE jobs SET state=?, finished=?, error=?, images=?, bytes=? WHERE id=? AND state "
                "IN ('queued','running')",
                (state, time.time(), json.dumps(error) if error else None,
                 json.dumps(images) if images else None, size, id)).rowcount == 1

    def path(self, id: str, index: int, suffix: str = ".png") -> Path:
        return self.results / id / f"{index}{suffix}"

    def read(self, id: str, index: int, suffix: str = ".png") -> bytes:
        """A result's file; Forgotten when it was purged or somebody tidied up."""
        try:
            return self.path(id, index, suffix).read_bytes()
        except FileNotFoundError:
            raise Forgotten(f"picture {index} of job {id} is not on the server's disk any more: paint it "
                            f"again with POST /api/v1/jobs/{id}/again") from None

    def write(self, id: str, index: int, suffix: str, data: bytes) -> None:
        """A result's file, whole or not at all."""
        path = self.path(id, index, suffix)
        path.parent.mkdir(exist_ok=True)
        write_whole(path, data)

    def review(self, id: str, index: int) -> dict[str, Any]:
        """What was decided about a picture: {"state", "note", "at"}, or nothing yet."""
        try:
            told: dict[str, Any] = json.loads(self.read(id, index, ".json"))
        except Forgotten:
            return {}
        review: dict[str, Any] = told.get("review", {})
        return review

    def set_review(self, id: str, index: int, review: dict[str, Any]) -> None:
        """Write it into the picture's sidecar, beside recipe and quality report."""
        with self._sidecars:
            told = json.loads(self.read(id, index, ".json"))
            told["review"] = review
            self.write(id, index, ".json", json.dumps(told).encode())

    def purge(self, jobs: int, seconds: float, size: int) -> int:
        """Forget the oldest finished jobs beyond the limits; returns how many."""
        rows = self._all("SELECT id, finished, bytes FROM jobs WHERE state IN ('done','failed',"
                         "'cancelled') ORDER BY finished DESC")
        gone, kept, total = [], 0, 0
        for id, finished, weight in rows:
            total += weight
            if kept >= jobs or total > size or finished < time.time() - seconds:
                gone.append(id)
            else:
                kept += 1
        for id in gone:
            self._all("DELETE FROM jobs WHERE id=?", id)
            shutil.rmtree(self.results / id, ignore_errors=True)
        return len(gone)
