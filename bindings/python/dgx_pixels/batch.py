# SPDX-License-Identifier: MIT OR Apache-2.0
"""Lists of wishes painted into a folder, each picture exactly once, by one process or several.

A manifest is text (a subject a line), JSON lines or CSV (docs/batch.md).  The result does not depend on who
paints what; whoever is killed, the next run with `resume=True` goes on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from ctypes import POINTER, byref, c_char_p, c_void_p, cast
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from . import _abi
from ._lowlevel import PACKAGE, Handle, document, lib, params, path_bytes, take_document
from .errors import Cancelled, DgxPixelsError
from .model import Cancel, Model, interruptible


@dataclass(frozen=True)
class BatchProgress:
    """`finished` and `failed` of `pictures`; `name` or `error` tell the picture just done."""

    pictures: int
    finished: int
    failed: int
    elapsed: float
    remaining: float | None
    line: int
    name: str | None
    error: str | None


class Batch(Handle):
    """A manifest that was read and checked, and its folder entered.  Needs no model until run()."""

    _free = "dgxp_batch_free"

    def __init__(self, manifest: str | os.PathLike[str] | None = None, output: str | os.PathLike[str]
                 = ".", *, text: str | None = None, model: str | None = None,
                 defaults: Mapping[str, Any] | None = None, matrix: Sequence[str] = (),
                 seed: int | None = None, wildcards: str | os.PathLike[str] | None = None,
                 batch: int = 0, threads: int = 0, shard: int = 0, shards: int = 0, scale: int = 0,
                 resume: bool = False, verify: bool = False, continue_on_error: bool = False,
                 contact: bool = False) -> None:
        """`manifest` is a file, or `text` the manifest itself; `output` a folder.

        `defaults` is a request that every line refines; `matrix` ("steps=8,20") paints every line once
        for each combination; `shard` 1..`shards` is this process's share.
        """
        data = text.encode() if text is not None else None
        if manifest is None:
            if text is None:
                raise TypeError("give a manifest's file, or text=")
            manifest = "text"  # what errors call it
        axes = (c_char_p * len(matrix))(*(axis.encode() for axis in matrix))
        options = params(
            _abi.dgxp_batch_params, batch=batch, threads=threads, shard=shard, shards=shards,
            scale=scale, resume=int(resume), verify=int(verify),
            continue_on_error=int(continue_on_error), contact=int(contact),
            has_seed=int(seed is not None), seed=seed,
            manifest=path_bytes(manifest), text=data,
            text_size=len(data) if data is not None else None, output=path_bytes(output),
            model=model.encode() if model else None,
            defaults=json.dumps(dict(defaults)).encode() if defaults else None,
            wildcards=path_bytes(wildcards) if wildcards else None,
            matrix=cast(axes, POINTER(c_char_p)) if matrix else None, matrix_count=len(matrix))
        out = c_void_p()
        lib.dgxp_batch_open(byref(options), byref(out))
        super().__init__(out.value)

    @property
    def left(self) -> int:
        """How many pictures were not finished when it was opened."""
        return int(lib.dgxp_batch_left(self))

    def describe(self, first: int = 0, count: int = 100) -> Any:
        """Lines, pictures, batches, and `count` wishes from `first` on."""
        return document(lib.dgxp_batch_describe, self, first, count)

    def run(self, model: Model | None, *, progress: Callable[[BatchProgress], Any] | None = None,
            cancel: Cancel | None = None) -> dict[str, Any]:
        """Paint what is left, once; returns the summary.  Ctrl-C stops within a step.

        `progress` is called from the batch's own threads, one at a time.
        """
        errors: list[BaseException] = []

        def hear(told: Any, _: Any) -> int:
            if progress is None:
                return 0
            try:
                now = told.contents
                progress(BatchProgress(
                    now.pictures, now.finished, now.failed, now.elapsed,
                    now.remaining if now.remaining >= 0 else None, now.line,
                    now.name.decode() if now.name else None,
                    now.error.decode("utf-8", "replace") if now.error else None))
                return 0
            except BaseException as error:  # ctypes would print it and go on
                errors.append(error)
                return 1

        token = cancel or Cancel()
        callback = _abi.dgxp_batch_callback(hear)
        options = params(_abi.dgxp_batch_run_params, progress=callback, cancel=token.handle)
        out = c_void_p()
        summary: dict[str, Any] = {}
        with interruptible(token):
            try:
                lib.dgxp_batch_run(self, model, byref(options), byref(out))
            except DgxPixelsError as error:
                if not (errors and isinstance(error, Cancelled)):
                    raise
            finally:
                if out.value:
                    summary = take_document(out)
        if errors:
            raise errors[0]
        return summary


def run(manifest: str | os.PathLike[str], output: str | os.PathLike[str], *,
        executor: Literal["here", "local"] = "here", model: str | None = None,
        devices: Sequence[str | None] = (None,), progress: Callable[[BatchProgress], Any] | None = None,
        **options: Any) -> dict[str, Any]:
    """Paint a manifest: "here", or "local": a process for each of `devices`, which share the work.

    The pictures are the same either way, byte for byte.  `options` are those of Batch; a process that
    dies leaves its share to the others, and `resume=True` to a later run.  Returns the summary, with
    "local" the sums over the processes.
    """
    if executor == "here":
        with Batch(manifest, output, model=model, **options) as batch:
            if not batch.left:
                return batch.run(None, progress=progress)
            with Model.load(model, device=devices[0]) as loaded:
                return batch.run(loaded, progress=progress)
    with Batch(manifest, output, model=model, **options):
        pass  # a mistake in the manifest is told before anything starts
    work = [json.dumps({"manifest": os.fspath(manifest), "output": os.fspath(output), "model": model,
                        "device": device, **options}) for device in devices]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(
        filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))}
    workers = [subprocess.Popen([sys.executable, "-m", "dgx_pixels.batch", item], text=True,
                                stdout=subprocess.PIPE, env=environment) for item in work]
    try:
        printed = [worker.communicate()[0] for worker in workers]
    except BaseException:
        for worker in workers:
            worker.terminate()
        raise
    summaries = [json.loads(text) for text, worker in zip(printed, workers, strict=True)
                 if worker.returncode == 0]
    # What a process that died had taken is left over: it is painted here.
    rest = run(manifest, output, model=model, devices=devices[:1], progress=progress,
               **{**options, "resume": True})
    total = {name: sum(summary.get(name, 0) for summary in [*summaries, rest])
             for name in ("painted", "failed")}
    return {**rest, **total, "processes": len(workers), "died": len(workers) - len(summaries)}


def work(item: Mapping[str, Any]) -> dict[str, Any]:
    """One process's share of run(executor="local")."""
    options = dict(item)
    device = options.pop("device")
    return run(Path(options.pop("manifest")), Path(options.pop("output")), devices=[device],
               **{**options, "resume": True})


if __name__ == "__main__":
    print(json.dumps(work(json.loads(sys.argv[1]))))
