# SPDX-License-Identifier: MIT OR Apache-2.0
"""What /metrics tells."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """One registry a server, so that several may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.jobs = Counter("dgx_pixels_jobs", "Jobs that ended", ["state"], registry=self.registry)
        self.refused = Counter("dgx_pixels_refused", "Requests refused because the queue was full",
                               registry=self.registry)
        self.steps = Counter("dgx_pixels_denoise_steps", "Denoise steps of all calls",
                             registry=self.registry)
        self.batch = Histogram("dgx_pixels_batch_size", "Pictures in a call of the library",
                               buckets=(1, 2, 4, 8, 16, 32, 64), registry=self.registry)
        self.seconds = Histogram("dgx_pixels_call_seconds", "Seconds of a call of the library",
                                 registry=self.registry)
        self.busy = Gauge("dgx_pixels_workers_busy", "Workers that paint", registry=self.registry)
        self._queue = Gauge("dgx_pixels_queue_length", "Jobs that wait", registry=self.registry)

    def watch_queue(self, length: Callable[[], float]) -> None:
        self._queue.set_function(length)

    def text(self) -> bytes:
        return generate_latest(self.registry)
