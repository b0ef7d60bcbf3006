# SPDX-License-Identifier: MIT OR Apache-2.0
"""Jobs and results that survive a restart: SQLite in WAL mode, pictures as files.

A job is accepted when its row is committed.  It is done when its pictures lie on the disk and its row
says so, in this order; painting it again gives the same files, so a crash between both is harmless.

Several processes may use one folder (two servers, the MCP servers of one project).  Each paints the jobs
that it accepted, and takes over those of a process that is gone: every process holds a lock on a file in
`owners/` as long as it lives (claims.py).
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..files import write_whole
from .claims import Claims

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
    bytes INTEGER NOT NULL DEFAULT 0,
    owner TEXT NOT NULL DEFAULT '',     -- the process that paints it
    client TEXT NOT NULL DEFAULT '',    -- who sent it, for a limit on each
    kept INTEGER NOT NULL DEFAULT 0     -- a picture was approved: never forgotten by itself
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, number);
"""
# Columns that folders of the time before lack.
LATER = {"owner": "TEXT NOT NULL DEFAULT ''", "client": "TEXT NOT NULL DEFAULT ''",
         "kept": "INTEGER NOT NULL DEFAULT 0"}
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
    owner: str

    @property
    def final(self) -> bool:
        return self.state in FINAL


COLUMNS = "number, id, state, request, digest, attempts, created, started, finished, error, images, owner"


def _row(values: tuple[Any, ...]) -> Row:
    (number, id, state, request, digest, attempts, created, started, finished, error, images,
     owner) = values
    return Row(number, id, state, json.loads(request), digest, attempts, created, started, finished,
               json.loads(error) if error else None, json.loads(images) if images else [], owner)


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
        self.trouble: str | None = None  # why nothing can be written now: a full disk
        self.trouble_since = 0.0
        self._lock = threading.Lock()
        self._sidecars = threading.Lock()
        self._late: dict[str, tuple[dict[str, Any], int]] = {}  # ends of jobs that could not be written yet
        self._claims = Claims(folder / "owners")
        self._db = sqlite3.connect(folder / "jobs.sqlite", check_same_thread=False,
                                   isolation_level=None, timeout=30)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")  # survives a killed process; WAL stays whole
        self._db.executescript(SCHEMA)
        self._add_columns()

    def _add_columns(self) -> None:
        with self._transaction():
            there = {row[1] for row in self._db.execute("PRAGMA table_info(jobs)")}
            for name, kind in LATER.items():
                if name not in there:
                    self._db.execute(f"ALTER TABLE jobs ADD COLUMN {name} {kind}")
            if "kept" not in there:
                for id, images in self._db.execute("SELECT id, images FROM jobs WHERE state='done'").fetchall():
                    if self._approved(id, len(json.loads(images or "[]"))):
                        self._db.execute("UPDATE jobs SET kept=1 WHERE id=?", (id,))

    def close(self) -> None:
        with self._lock:
            self._db.close()
        self._claims.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of the block or nothing, alone among threads and processes."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def _all(self, sql: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _told(self, values: tuple[Any, ...]) -> Row:
        """A row, with an end that is not on the disk yet."""
        row = _row(values)
        return replace(row, **self._late[row.id][0]) if row.id in self._late else row

    # ------------------------------------------------------------------------------ a full disk

    def troubled(self, error: Exception) -> None:
        """Nothing could be written: /readyz says so until something can."""
        if self.trouble is None:
            self.trouble_since = time.monotonic()
        self.trouble = str(error)

    def settle(self) -> bool:
        """Write the ends that are late, and see whether the disk takes something; False when it does not."""
        if self.trouble is None:
            return True
        try:
            write_whole(self.folder / "room", b"\0" * 65536)
            (self.folder / "room").unlink()
            with self._transaction():
                for id, (end, size) in self._late.items():
                    self._end(id, end, size)
            self._late.clear()
        except (OSError, sqlite3.Error) as error:
            self.troubled(error)
            return False
        self.trouble = None
        return True

    # ------------------------------------------------------------------------------------ jobs

    def recover(self, attempts: int) -> int:
        """Take over the jobs of processes that are gone: what was running waits again, or has failed too
        often.  Returns how many it were."""
        owners = [row[0] for row in self._all(
            "SELECT DISTINCT owner FROM jobs WHERE state IN ('queued','running') AND owner<>?", self._claims.id)]
        gone = [owner for owner in owners if not self._claims.lives(owner)]
        if not gone:
            return 0
        reason = json.dumps({"status": "internal", "message": f"the server stopped {attempts} times "
                             "while it painted this job; it is not tried again"})
        taken = 0
        with self._transaction():
            for owner in gone:
                self._db.execute("UPDATE jobs SET state='failed', error=?, finished=? WHERE state='running' AND "
                                 "attempts>=? AND owner=?", (reason, time.time(), attempts, owner))
                taken += self._db.execute(
                    "UPDATE jobs SET state='queued', owner=? WHERE state IN ('queued','running') AND owner=?",
                    (self._claims.id, owner)).rowcount
        for owner in gone:
            self._claims.forget(owner)
        return taken

    def add(self, request: dict[str, Any], key: str | None = None, client: str = "") -> tuple[Row, bool]:
        """Accept a job; (row, False) when the key is known already."""
        text = json.dumps(request, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        with self._transaction():
            if key is not None:
                known = self._db.execute(f"SELECT {COLUMNS} FROM jobs WHERE key=?", (key,)).fetchone()
                if known:
                    row = self._told(known)
                    if row.digest != digest:
                        raise KeyReused(f"Idempotency-Key '{key}' belongs to another request")
                    return row, False
            # A seed is drawn now, so that painting again after a crash gives the same picture.
            settled = {**request, "seed": request.get("seed")}
            if settled["seed"] is None:
                settled["seed"] = secrets.randbelow(2**52)
            id = secrets.token_hex(12)
            cursor = self._db.execute(
                "INSERT INTO jobs (id, state, request, digest, key, created, owner, client) VALUES "
                "(?,?,?,?,?,?,?,?)",
                (id, "queued", json.dumps(settled), digest, key, time.time(), self._claims.id, client))
            row = _row(self._db.execute(f"SELECT {COLUMNS} FROM jobs WHERE number=?",
                                        (cursor.lastrowid,)).fetchone())
            return row, True

    def get(self, id: str) -> Row | None:
        found = self._all(f"SELECT {COLUMNS} FROM jobs WHERE id=?", id)
        return self._told(found[0]) if found else None

    def newest(self, state: str | None = None, limit: int = 50, before: int | None = None,
               approved: bool = False) -> list[Row]:
        """The newest first."""
        rows = self._all(f"SELECT {COLUMNS} FROM jobs WHERE (? IS NULL OR state=?) AND "
                         "(? IS NULL OR number<?) AND kept>=? ORDER BY number DESC LIMIT ?", state, state,
                         before, before, int(approved), limit)
        return [self._told(row) for row in rows]

    def queued(self, limit: int = 1000) -> list[Row]:
        """This process's, the oldest first."""
        return [_row(row) for row in self._all(
            f"SELECT {COLUMNS} FROM jobs WHERE state='queued' AND owner=? ORDER BY number LIMIT ?",
            self._claims.id, limit) if row[1] not in self._late]

    def count(self, state: str, client: str | None = None) -> int:
        return int(self._all("SELECT count(*) FROM jobs WHERE state=? AND (? IS NULL OR client=?)", state,
                             client, client)[0][0])

    def position(self, row: Row) -> int:
        """How many wait before it."""
        return int(self._all("SELECT count(*) FROM jobs WHERE state='queued' AND number<? AND owner=?",
                             row.number, row.owner)[0][0])

    def start(self, ids: Iterable[str]) -> list[str]:
        """Mark queued jobs as running; returns those that still were queued."""
        with self._transaction():
            return [id for id in ids if self._db.execute(
                "UPDATE jobs SET state='running', started=?, attempts=attempts+1 WHERE id=? AND "
                "state='queued' AND owner=?", (time.time(), id, self._claims.id)).rowcount]

    def requeue(self, ids: Iterable[str]) -> None:
        """The worker stopped without touching them: not an attempt."""
        for id in ids:
            self._all("UPDATE jobs SET state='queued', attempts=attempts-1 WHERE id=? AND "
                      "state='running'", id)

    def ended(self, ids: Iterable[str]) -> list[str]:
        """Those that have their end: cancelled, by whichever process."""
        return [id for id in ids if (row := self.get(id)) is None or row.final]

    def finish(self, id: str, state: str, *, error: dict[str, Any] | None = None,
               images: list[dict[str, Any]] | None = None, size: int = 0) -> bool:
        """Give a job its final state, once; False when it has one already.

        Where the disk is full the end is kept in memory, told from there, and written by settle().
        """
        end = {"state": state, "finished": time.time(), "error": error, "images": images or []}
        try:
            with self._lock:
                return id not in self._late and self._end(id, end, size)
        except sqlite3.OperationalError as failure:
            self.troubled(failure)
            row = self.get(id)
            if row is None or row.final:
                return False
            self._late[id] = end, size
            return True

    def _end(self, id: str, end: dict[str, Any], size: int) -> bool:
        return self._db.execute(
            "UPDATE jobs SET state=?, finished=?, error=?, images=?, bytes=? WHERE id=? AND state "
            "IN ('queued','running')",
            (end["state"], end["finished"], json.dumps(end["error"]) if end["error"] else None,
             json.dumps(end["images"]) if end["images"] else None, size, id)).rowcount == 1

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

    def _approved(self, id: str, count: int) -> bool:
        return any(self.review(id, index).get("state") == "approved" for index in range(count))

    def set_review(self, id: str, index: int, review: dict[str, Any]) -> None:
        """Write it into the picture's sidecar, beside recipe and quality report; approval keeps the job."""
        with self._sidecars:
            told = json.loads(self.read(id, index, ".json"))
            told["review"] = review
            row = self.get(id)
            if review.get("state") == "approved":  # before the sidecar says so: it must not be purged between
                self._all("UPDATE jobs SET kept=1 WHERE id=?", id)
            self.write(id, index, ".json", json.dumps(told).encode())
            if row and not self._approved(id, len(row.images)):
                self._all("UPDATE jobs SET kept=0 WHERE id=?", id)

    def purge(self, jobs: int, seconds: float, size: int) -> int:
        """Forget the oldest finished jobs beyond the limits, but none with an approved picture; returns how
        many."""
        rows = self._all("SELECT id, finished, bytes FROM jobs WHERE state IN ('done','failed',"
                         "'cancelled') AND kept=0 ORDER BY finished DESC")
        gone, kept, total = [], 0, 0
        for id, finished, weight in rows:
            total += weight
            if kept >= jobs or total > size or finished < time.time() - seconds:
                gone.append(id)
            else:
                kept += 1
        for id in gone:
            with self._lock:
                if not self._db.execute("DELETE FROM jobs WHERE id=? AND kept=0", (id,)).rowcount:
                    continue
            shutil.rmtree(self.results / id, ignore_errors=True)
        return len(gone)
