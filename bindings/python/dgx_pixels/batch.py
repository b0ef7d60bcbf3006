# SPDX-License-Identifier: MIT OR Apache-2.0
"""Lists of wishes painted into a folder, each picture exactly once, by one process or several.

A manifest is text (a subject a line), JSON lines or CSV (docs/batch.md).  The result does not depend on who
paints what; whoever is killed, the next run with `resume=True` goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from ctypes import POINTER, byref, c_char_p, c_void_p, cast
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from . import _abi
from ._lowlevel import PACKAGE, Handle, document, lib, params, path_bytes, take_document
from .errors import Cancelled, DgxPixelsError
from .model import Cancel, Model, interruptible
from .terminal import say


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
                 contact: bool = False, dry_run: bool = False) -> None:
        """`manifest` is a file, or `text` the manifest itself; `output` a folder.

        `defaults` is a request that every line refines; `matrix` ("steps=8,20") paints every line once
        for each combination; `shard` 1..`shards` is this process's share.  `dry_run` touches no folder,
        for describe() and check() alone.
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
            continue_on_error=int(continue_on_error), contact=int(contact), dry_run=int(dry_run),
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

    def check(self, model: Model | None = None) -> list[dict[str, Any]]:
        """The faults of every picture that is left (the first 100), each with its line and sentence.

        run() does it before it paints.  A model opened with `describe_only` is enough; without one sizes
        and LoRAs are not checked.
        """
        options = params(_abi.dgxp_batch_run_params, check_only=1)
        out = c_void_p()
        try:
            lib.dgxp_batch_run(self, model, byref(options), byref(out))
        except DgxPixelsError:
            if not out.value:
                raise
        faults: list[dict[str, Any]] = take_document(out)["failures"]
        return faults

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


Progressing = Callable[[BatchProgress], Any]


def run(manifest: str | os.PathLike[str], output: str | os.PathLike[str], *,
        executor: Literal["here", "local", "ray"] = "here", model: str | None = None,
        devices: Sequence[str | None] = (None,), workers: int | None = None,
        progress: Progressing | None = None, **options: Any) -> dict[str, Any]:
    """Paint a manifest: "here", "local" (a process for each of `devices`), or "ray" (`workers` actors).

    The pictures are the same either way, byte for byte: what is painted together hangs on the manifest
    alone.  All share the folder `output`, which with Ray on several machines lies on a disk that they
    share.  A worker that dies leaves its share to the others; what is then left is painted once more,
    and `resume=True` goes on in a later run.  `options` are those of Batch.  Returns the summary, with
    "processes" and how many "died".
    """
    if executor == "here":
        with Batch(manifest, output, model=model, **options) as batch:
            if not batch.left:
                return batch.run(None, progress=progress)
            with Model.load(model, device=devices[0]) as loaded:
                return batch.run(loaded, progress=progress)
    if executor not in ("local", "ray"):
        raise ValueError(f"executor '{executor}': here, local or ray")
    with Batch(manifest, output, model=model, **options) as batch:  # mistakes are told before anything starts
        left, pictures = batch.left, int(batch.describe(0, 0)["pictures"])
    share = {"manifest": os.path.abspath(manifest), "output": os.path.abspath(output),
             "model": os.path.abspath(model) if model and os.path.exists(model) else model, **options}
    watch = Watch(share, pictures, progress)
    if executor == "ray":
        from .batch_ray import paint

        summaries, died, count = paint(work, share, workers or len(devices), devices, watch)
    else:
        summaries, died, count = _paint_local(share, devices, watch)
    with Batch(manifest, output, model=model, **{**options, "resume": True}) as batch:
        after = batch.left
    watch.tell(after)
    failed = sum(int(summary["failed"]) for summary in summaries)
    if after > failed:
        raise DgxPixelsError(f"{output}: {after} of {pictures} pictures are not painted, {died} of {count} "
                             "workers died; run it again with resume=True")
    return {**summaries[-1], "painted": left - after, "failed": failed, "processes": count, "died": died}


class Watch:
    """Tells how far several workers have come, by looking into the folder that they share."""

    def __init__(self, share: Mapping[str, Any], pictures: int, progress: Progressing | None) -> None:
        self._share, self._pictures, self._progress = {**share, "resume": True}, pictures, progress
        self._began = time.monotonic()

    def look(self) -> None:
        if self._progress is not None:
            with Batch(**self._share) as batch:
                self.tell(batch.left)

    def tell(self, left: int) -> None:
        if self._progress is not None:
            self._progress(BatchProgress(self._pictures, self._pictures - left, 0,
                                         time.monotonic() - self._began, None, 0, None, None))


def work(item: Mapping[str, Any]) -> dict[str, Any]:
    """One worker's part of a shared folder: whatever nobody has taken."""
    options = dict(item)
    device = options.pop("device")
    return run(Path(options.pop("manifest")), Path(options.pop("output")), devices=[device],
               **{**options, "resume": True})


def _start(share: Mapping[str, Any], device: str | None) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(
        filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))}
    return subprocess.Popen([sys.executable, "-m", "dgx_pixels.batch", json.dumps({**share, "device": device})],
                            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment)


def _paint_local(share: Mapping[str, Any], devices: Sequence[str | None],
                 watch: Watch) -> tuple[list[dict[str, Any]], int, int]:
    """(summaries, how many died, how many there were)."""
    running = [_start(share, device) for device in devices]
    summaries, died = [], 0
    try:
        for worker in running:
            while True:
                try:
                    printed = worker.communicate(timeout=2)[0]
                    break
                except subprocess.TimeoutExpired:
                    watch.look()
            if worker.returncode == 0:
                summaries.append(json.loads(printed))
            else:
                died += 1
                if len(running) == len(devices):  # one more for what the dead had taken
                    running.append(_start(share, devices[0]))
    except BaseException:
        for worker in running:
            worker.terminate()
        raise
    if not summaries:
        raise DgxPixelsError(f"all {died} workers died; what they said is above, resume=True goes on")
    return summaries, died, len(devices)


def add_batch(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`python -m dgx_pixels batch`, for several devices or machines; `dgx-pixels batch` has every option."""
    parser = commands.add_parser("batch", help="a list of wishes, by several processes or by Ray")
    add = parser.add_argument
    add("manifest", metavar="LIST", help="text, JSON lines or CSV (docs/batch.md)")
    add("--output", "-o", required=True, metavar="DIR")
    add("--model", "-m")
    add("--executor", choices=["here", "local", "ray"], default="here",
        help="local: a process for each --device; ray: actors, on $RAY_ADDRESS or on this machine")
    add("--device", action="append", help="cpu, cuda:0 …; again for the next process")
    add("--workers", type=int, help="actors of Ray")
    add("--batch", type=int, default=0, help="pictures that are painted together")
    add("--resume", action="store_true", help="paint what is missing")
    parser.set_defaults(run=_run_batch)


def _run_batch(options: argparse.Namespace) -> int:
    def hear(now: BatchProgress) -> None:
        told = f"{now.finished}/{now.pictures} pictures, {now.failed} failed, {now.elapsed:.0f} s"
        say(told if now.error is None else f"{told}; line {now.line}: {now.error}", file=sys.stderr)

    say(json.dumps(run(options.manifest, options.output, executor=options.executor, model=options.model,
                       devices=options.device or (None,), workers=options.workers, progress=hear,
                       batch=options.batch, resume=options.resume)))
    return 0


if __name__ == "__main__":
    say(json.dumps(work(json.loads(sys.argv[1]))))
