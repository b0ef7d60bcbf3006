# SPDX-License-Identifier: MIT OR Apache-2.0
"""Parts of a run with a limit each, in order of worth; what is measured is on disk at once.

A part is a program.  Its lines go to the terminal and to log.txt, and those that are no complaint, grouped by
section, to report.md, whose tables docs/performance.md takes: each bench prints the heading of its table, which is
kept once.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from .travel import ROOT, write

GRACE = 5.0  # seconds between asking a program to end and ending it
LEAST = 10.0  # seconds under which no part is begun


@dataclass(frozen=True)
class Part:
    name: str
    section: str
    limit: float  # seconds
    command: tuple[str | Path, ...]
    reads: Callable[[str], str | None] = lambda line: line  # a line of report.md from one of the program's


@dataclass
class Section:
    """What was said, each sentence once, and tables by their headings."""

    said: list[str] = field(default_factory=list)
    tables: dict[str, list[str]] = field(default_factory=dict)
    heading: str = ""  # of the table that rows go to
    last: str = ""

    def add(self, line: str) -> None:
        if line.startswith("|---"):  # so the line before was a heading
            if self.last in self.tables.get(self.heading, []):
                self.tables[self.heading].remove(self.last)
            self.heading = f"{self.last}\n{line}"
            self.tables.setdefault(self.heading, [])
        elif line.startswith("|"):
            self.tables.setdefault(self.heading, []).append(line)
        elif line not in self.said:
            self.said.append(line)
        self.last = line

    def text(self) -> str:
        return "\n\n".join(["\n".join(self.said), *("\n".join([heading, *rows]) if heading else "\n".join(rows)
                                                    for heading, rows in self.tables.items() if heading or rows)])


@dataclass
class Report:
    """report.md: sections in the order of `titles`, written anew with every line."""

    path: Path
    titles: dict[str, str]
    sections: dict[str, Section] = field(default_factory=dict)

    def add(self, section: str, line: str) -> None:
        self.sections.setdefault(section, Section()).add(line)
        write(self.path, "\n\n".join(f"## {title}\n\n{self.sections[name].text().strip()}"
                                     for name, title in self.titles.items() if name in self.sections) + "\n")


@dataclass
class Ended:
    part: Part
    state: str  # "done", "failed", "stopped at its limit", "left out"
    seconds: float


def end(process: subprocess.Popen[str]) -> None:
    """The program and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(GRACE)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def run(part: Part, limit: float, env: dict[str, str], hear: Callable[[str, bool], None],
        sign: tuple[float, Callable[[], bool]] | None = None) -> Ended:
    """Runs a part; each of its lines is heard, and whether it is a result.

    A `sign` of life must be seen after so many seconds.
    """
    began = time.monotonic()
    whole, limit = limit, min(limit, sign[0]) if sign else limit
    hear(f"=== {part.name}: at most {whole:.0f} s", False)
    process = subprocess.Popen([str(word) for word in part.command], cwd=ROOT, env=env, text=True, errors="replace",
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               start_new_session=True)
    lines: queue.Queue[tuple[str, bool] | None] = queue.Queue()

    def read(stream: IO[str] | None, result: bool) -> None:
        for line in stream or ():
            lines.put((line.rstrip("\n"), result))

    readers = [threading.Thread(target=read, args=pair, daemon=True)
               for pair in ((process.stdout, True), (process.stderr, False))]

    def wait() -> None:
        for reader in readers:
            reader.join()
        lines.put(None)

    for thread in (*readers, threading.Thread(target=wait, daemon=True)):
        thread.start()
    state = "stopped at its limit"
    try:
        while True:
            try:
                line = lines.get(timeout=max(0.0, began + limit - time.monotonic()))
            except queue.Empty:
                if sign and limit < whole and sign[1]():
                    limit = whole
                    continue
                break
            if line is None:
                state = "done" if process.wait() == 0 else "failed"
                break
            hear(*line)
    finally:
        end(process)
    while not lines.empty():  # what it said before it was stopped
        if line := lines.get():
            hear(*line)
    ended = Ended(part, state, time.monotonic() - began)
    hear(f"=== {part.name}: {state}, {ended.seconds:.1f} s", False)
    return ended


class Runner:
    def __init__(self, out: Path, minutes: float, env: dict[str, str], titles: dict[str, str]) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.until = time.monotonic() + 60 * minutes
        self.env = env
        self.report = Report(out / "report.md", titles)
        self.log = (out / "log.txt").open("a", encoding="utf-8")
        self.ended: list[Ended] = []

    def hear(self, part: Part, line: str, result: bool) -> None:
        print(line, flush=True)
        self.log.write(line + "\n")
        self.log.flush()
        if result:
            told = part.reads(line)
            if told and told.strip():
                self.report.add(part.section, told)

    def run(self, parts: Sequence[Part]) -> None:
        for part in parts:
            left = self.until - time.monotonic()
            if left < LEAST:
                self.ended.append(Ended(part, "left out", 0.0))
                continue
            self.ended.append(run(part, min(part.limit, left), self.env, partial(self.hear, part)))
            if self.ended[-1].state != "done":
                self.report.add(part.section, f"{part.name}: {self.ended[-1].state}, {self.ended[-1].seconds:.0f} s.")

    def broken(self) -> list[str]:
        return [each.part.name for each in self.ended if each.state == "failed"]

    def close(self) -> None:
        self.log.close()
