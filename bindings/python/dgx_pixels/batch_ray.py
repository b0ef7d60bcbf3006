# SPDX-License-Identifier: MIT OR Apache-2.0
"""A batch on Ray: an actor a device, each with the model open, all in one shared folder.

On a cluster that runs already, `RAY_ADDRESS` names it; else Ray is started on this machine for the run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._lowlevel import PACKAGE
from .errors import BackendError, DgxPixelsError
from .extras import missing

if TYPE_CHECKING:
    from .batch import Watch

Work = Callable[[Mapping[str, Any]], dict[str, Any]]  # what batch.work() is
ATTEMPTS = 2  # to start Ray on this machine
# How long Ray waits for its own parts: on a busy machine its 30 and 60 s are too short.
PATIENCE = {"RAY_raylet_start_wait_time_s": "120", "RAY_gcs_server_request_timeout_seconds": "120",
            "RAY_agent_register_timeout_ms": "120000"}
RESTARTS = 2  # of an actor that died; its work is idempotent, so it may be done again


class Painter:
    """What becomes the actor."""

    def paint(self, work: Work, item: Mapping[str, Any]) -> dict[str, Any]:
        return work(item)


@contextmanager
def _cluster(workers: int) -> Iterator[Any]:
    """Ray, started and stopped here unless the caller or RAY_ADDRESS has one."""
    for name, seconds in PATIENCE.items():
        os.environ.setdefault(name, seconds)
    try:
        import ray
    except ImportError as error:
        raise BackendError(f"executor 'ray': {missing(error, 'ray')}") from None
    if ray.is_initialized():
        yield ray
        return
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE.parent), before]))
    try:
        _begin(ray, workers)
        yield ray
    finally:
        ray.shutdown()
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _begin(ray: Any, workers: int) -> None:
    if os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False)
        return
    for attempt in reversed(range(ATTEMPTS)):
        try:
            ray.init(num_cpus=workers, include_dashboard=False, object_store_memory=128 << 20,
                     log_to_driver=False)
            return
        except Exception as error:  # a plain Exception says that a part of it is late
            ray.shutdown()
            if not attempt:
                raise BackendError(f"Ray did not start: {error}") from None


def paint(work: Work, share: Mapping[str, Any], workers: int, devices: Sequence[str | None],
          watch: Watch) -> tuple[list[dict[str, Any]], int, int]:
    """(summaries, how many died for good, how many there were)."""
    with _cluster(workers) as ray:
        gpus = int(ray.cluster_resources().get("GPU", 0))
        # Ray shows each actor its own GPU only, so the device's number is 0 there.
        resources = {"num_gpus": 1} if gpus and devices[0] != "cpu" else {"num_cpus": 1}
        actor = ray.remote(max_restarts=RESTARTS, max_task_retries=RESTARTS, **resources)(Painter)
        actors = [actor.remote() for _ in range(workers)]
        pending = [one.paint.remote(work, {**share, "device": devices[i % len(devices)]})
                   for i, one in enumerate(actors)]
        summaries: list[dict[str, Any]] = []
        died, last = 0, ""
        while pending:
            done, pending = ray.wait(pending, timeout=2)
            watch.look()
            for task in done:
                try:
                    summaries.append(ray.get(task))
                except ray.exceptions.RayTaskError as error:  # it said why: so would the others
                    raise error.as_instanceof_cause() from None
                except ray.exceptions.RayError as error:
                    died, last = died + 1, str(error)
        if not summaries:
            raise DgxPixelsError(f"all {workers} actors died, resume=True goes on: {last}")
    return summaries, died, workers
