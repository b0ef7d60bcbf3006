# SPDX-License-Identifier: MIT OR Apache-2.0
"""The workers: one thread a device takes waiting jobs of one shape and paints them in one call."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..errors import Cancelled, DeviceLost, DgxPixelsError, OutOfMemory
from ..job import Job
from ..model import Cancel, Model, Progress
from ..result import Result
from .metrics import Metrics
from .models import Models
from .schema import BadField, jobs_of, shape_of
from .settings import Settings
from .store import Row, Store

log = logging.getLogger("dgx_pixels.server")


@dataclass
class Live:
    """What is known of a running job beyond its row."""

    progress: Progress | None = None
    preview: bytes | None = None  # PNG
    batch: int = 1
    stopping: bool = False


@dataclass
class Watch:
    """Which jobs have changed since somebody looked last; belongs to the event loop's thread."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    changed: set[str] = field(default_factory=set)


@dataclass
class Batch:
    """What a worker paints now."""

    cancel: Cancel
    ids: set[str] = field(default_factory=set)
    looked: float = 0.0  # when it was last asked whether another process cancelled one


class Engine:
    """The queue and its workers; every public method may be called from any thread."""

    def __init__(self, settings: Settings, store: Store, metrics: Metrics,
                 lost: Callable[[], object] = lambda: None) -> None:
        """`lost` is called from a worker's thread when its device is: only a new process gets it back."""
        self.settings, self.store, self.metrics = settings, store, metrics
        self._lost = lost
        self._tended = 0.0
        self.live: dict[str, Live] = {}
        self.streams = 0  # of events, that are open
        self.broken: str | None = None  # why no worker can paint any more
        self.seconds_per_job = 2.0  # a moving average, for Retry-After
        self._batches: dict[int, Batch] = {}
        self._lock = threading.Lock()
        self._work = threading.Condition()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: dict[str, set[asyncio.Event]] = {}
        self._watches: list[Watch] = []
        self._workers = [threading.Thread(target=self._run, args=(index, device), daemon=True,
                                          name=f"worker-{index}")
                         for index, device in enumerate(settings.devices)]

    # ------------------------------------------------------------------------------ life

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        again = self.store.recover(self.settings.attempts)
        if again:
            log.info("%d jobs were interrupted and wait again", again)
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        """Stop within a step; what was being painted waits for the next start."""
        with self._work:
            self._stopping = True
            self._work.notify_all()
        with self._lock:
            for batch in self._batches.values():
                batch.cancel.fire()
        for worker in self._workers:
            if worker.is_alive():
                worker.join(60)

    @property
    def ready(self) -> bool:
        return self.broken is None and self.store.trouble is None and any(
            worker.is_alive() for worker in self._workers)

    @property
    def stuck(self) -> str | None:
        """Why who waits should not wait any longer."""
        if self.broken:
            return f"no worker can paint: {self.broken}; the job waits for the server to be started again"
        trouble = self.store.trouble
        if trouble and time.monotonic() - self.store.trouble_since > self.settings.patience:
            return f"the server's disk takes nothing ({trouble}); the job waits until it does"
        return None

    # ------------------------------------------------------------------------- from outside

    def wake(self, id: str) -> None:
        """A job was added."""
        with self._work:
            self._work.notify()
        self.tell(id)

    def cancel(self, id: str) -> bool:
        """Cancel a waiting or running job; False when it was over already.

        The worker is free within a step, unless others share its batch: then only this job's picture
        is thrown away.
        """
        if not self.store.finish(id, "cancelled"):
            return False
        with self._lock:
            for batch in self._batches.values():
                if id in batch.ids:
                    batch.ids.discard(id)
                    if not batch.ids:
                        batch.cancel.fire()
        self.metrics.jobs.labels("cancelled").inc()
        self.tell(id)
        return True

    def listen(self, id: str) -> asyncio.Event:
        """An event that is set whenever something about the job changes; give it back."""
        event = asyncio.Event()
        self._listeners.setdefault(id, set()).add(event)
        return event

    def unlisten(self, id: str, event: asyncio.Event) -> None:
        waiting = self._listeners.get(id, set())
        waiting.discard(event)
        if not waiting:
            self._listeners.pop(id, None)

    def watch(self) -> Watch:
        """Like listen(), for all jobs."""
        watch = Watch()
        self._watches.append(watch)
        return watch

    def unwatch(self, watch: Watch) -> None:
        self._watches.remove(watch)

    def tell(self, id: str) -> None:
        """Something about the job has changed: wake who listens."""

        def wake() -> None:
            for event in self._listeners.get(id, ()):
                event.set()
            for watch in self._watches:
                watch.changed.add(id)
                watch.event.set()

        if self._loop is not None and not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(wake)
            except RuntimeError:  # it closed meanwhile: nobody listens
                pass

    # --------------------------------------------------------------------------- the workers

    def _run(self, index: int, device: str | None) -> None:
        models = Models(device, self.settings.model, self.settings.memory_limit)
        failures = 0
        try:
            while not self._stopping:
                try:
                    rows = self._take() if self._tend() else []
                    failures = 0
                except Exception as error:  # what is wrong with the store passes, or does not; work goes on
                    failures += 1
                    if failures == 1:
                        log.exception("no job could be taken")
                    self._note(error)
                    rows = []
                if not rows:
                    with self._work:
                        if not self._stopping:
                            self._work.wait(1.0)
                    continue
                self.metrics.busy.inc()
                try:
                    self._paint(index, models, rows)
                finally:
                    self.metrics.busy.dec()
        except DeviceLost as error:
            self.broken = str(error)
            log.error("device lost: %s", error)
            self._lost()
        finally:
            models.close()

    def _note(self, error: Exception) -> None:
        if isinstance(error, sqlite3.OperationalError | OSError) and not isinstance(error, DgxPixelsError):
            self.store.troubled(error)

    def _tend(self) -> bool:
        """Every second or two: write what a full disk kept back, take over the jobs of dead processes.
        False while nothing can be written."""
        if self.store.trouble is None and time.monotonic() - self._tended < 2:
            return True
        self._tended = time.monotonic()
        if not self.store.settle():
            return False
        again = self.store.recover(self.settings.attempts)
        if again:
            log.info("took over %d jobs of a server that is gone", again)
        return True

    def _take(self) -> list[Row]:
        """The oldest waiting job, and others of its shape behind it; all marked as running."""
        waiting = self.store.queued(512)
        if not waiting:
            return []
        if len(waiting) == 1 and self.settings.batch_wait:
            time.sleep(self.settings.batch_wait)  # jobs sent together arrive one after another
            waiting = self.store.queued(512)
            if not waiting:
                return []
        head, shape = waiting[0], shape_of(waiting[0].request)
        room = max(self.settings.batch_limit, head.request.get("count", 1))
        chosen = []
        for row in waiting:
            count = row.request.get("count", 1)
            if count <= room and shape_of(row.request) == shape:
                chosen.append(row)
                room -= count
        started = set(self.store.start(row.id for row in chosen))
        return [row for row in chosen if row.id in started]

    def _paint(self, index: int, models: Models, rows: list[Row]) -> None:
        with Cancel() as cancel:
            batch = Batch(cancel, {row.id for row in rows})
            with self._lock:
                self._batches[index] = batch
            for row in rows:
                self.live[row.id] = Live(batch=len(rows))
                self.tell(row.id)
            try:
                self._paint_batch(models, rows, batch)
            except DeviceLost:
                raise
            except Exception as error:
                log.exception("a defect")  # it costs its own jobs and no other
                for row in rows:
                    self._fail(row, error)
            finally:
                with self._lock:
                    del self._batches[index]
                for row in rows:
                    self.live.pop(row.id, None)
                    self.tell(row.id)

    def _paint_batch(self, models: Models, rows: list[Row], batch: Batch) -> None:
        """All rows in one call; when that fails, each alone, so that only the culprit fails."""
        began = time.monotonic()
        try:
            model = models.get(rows[0].request.get("model"))
            jobs = [jobs_of(row.request, self.settings.pixel_limit) for row in rows]
            results = self._call(model, [job for part in jobs for job in part], rows, batch)
        except Cancelled:
            if self._stopping:
                self._requeue(rows)
                return
            # All were cancelled, so their rows say it already.
            return
        except DeviceLost:
            self._requeue(rows)
            raise
        except Exception as error:
            if not isinstance(error, DgxPixelsError | BadField | ValueError):
                log.exception("a defect")  # it costs its own job and no other
            if len(rows) > 1 and not batch.cancel.fired:
                for row in rows:
                    self._paint_batch(models, [row], batch)
                return
            self._fail(rows[0], error)
            return
        at = 0
        for row, part in zip(rows, jobs, strict=True):
            try:
                self._finish(row, results[at:at + len(part)])
            except Exception as error:
                self._note(error)
                self._fail(row, error)
            at += len(part)
        took = time.monotonic() - began
        self.metrics.batch.observe(len(results))
        self.metrics.seconds.observe(took)
        self.seconds_per_job = 0.8 * self.seconds_per_job + 0.2 * took / len(rows)
        try:
            self.store.purge(self.settings.keep_jobs, self.settings.keep_seconds, self.settings.keep_bytes)
        except sqlite3.OperationalError as error:
            self._note(error)

    def _requeue(self, rows: list[Row]) -> None:
        try:
            self.store.requeue(row.id for row in rows)
        except sqlite3.OperationalError as error:
            self._note(error)  # they stay "running": who starts next takes them over

    def _call(self, model: Model, jobs: list[Job], rows: list[Row], batch: Batch) -> list[Result]:
        """One call of the library, or two half as large when memory runs out."""

        def hear(progress: Progress) -> None:
            if progress.phase == "denoise" and progress.step:
                self.metrics.steps.inc()
            preview = progress.preview.preview() if progress.preview else None
            if time.monotonic() - batch.looked > 0.5:
                batch.looked = time.monotonic()
                batch.ids.difference_update(self.store.ended(list(batch.ids)))
                if not batch.ids:
                    batch.cancel.fire()
            for row in rows:
                live = self.live.get(row.id)
                if live:
                    live.progress = progress
                    if preview and row is rows[0]:
                        live.preview = preview
                    self.tell(row.id)

        try:
            return model.generate_many(jobs, cancel=batch.cancel, progress=hear,
                                       preview_every=self.settings.preview_every)
        except OutOfMemory:
            if len(jobs) == 1:
                raise
            half = len(jobs) // 2
            return (self._call(model, jobs[:half], rows, batch)
                    + self._call(model, jobs[half:], rows, batch))

    def _fail(self, row: Row, error: Exception) -> None:
        told: dict[str, Any] = {"status": getattr(error, "status", "invalid-argument"),
                                "message": str(error)}
        if isinstance(error, OSError) and not isinstance(error, DgxPixelsError):
            told = {"status": "io", "message": "the picture could not be kept on the server's disk: "
                    f"{error.strerror or error}; free some space there and ask again"}
        elif not isinstance(error, DgxPixelsError | ValueError):
            told = {"status": "internal",
                    "message": f"a defect of the server: {type(error).__name__}: {error}; its log tells more"}
        if isinstance(error, BadField):
            told = {"status": "invalid-argument", "field": error.field,
                    "message": f"{error.field} {error}"}
        if self.store.finish(row.id, "failed", error=told):
            self.metrics.jobs.labels("failed").inc()
        log.info("job %s failed: %s", row.id, told["message"])

    def _finish(self, row: Row, results: list[Result]) -> None:
        images, size = [], 0
        for index, result in enumerate(results):
            png = result.image.encode()
            self.store.write(row.id, index, ".png", png)
            about = json.dumps({"recipe": result.recipe, "quality": result.report}).encode()
            self.store.write(row.id, index, ".json", about)
            size += len(png) + len(about)
            images.append({
                "seed": result.seed, "width": result.image.width, "height": result.image.height,
                "sha256": hashlib.sha256(png).hexdigest(), "score": result.report.get("score"),
                "pass": result.report.get("pass"), "warnings": result.report.get("warnings", []),
                "colors": len(result.palette)})
        if self.store.finish(row.id, "done", images=images, size=size):
            self.metrics.jobs.labels("done").inc()
