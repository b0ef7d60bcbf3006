# SPDX-License-Identifier: MIT OR Apache-2.0
"""Models that paint."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ctypes import byref, c_int32, c_uint64, c_void_p, create_string_buffer
from dataclasses import dataclass
from typing import Any, Unpack

from . import _abi
from ._lowlevel import Handle, choice, document, find_torch, lib, params, path_bytes, text_bytes
from .errors import Cancelled
from .image import Image
from .job import Job, JobOptions
from .result import Result

PHASES = {_abi.PHASE_QUEUED: "queued", _abi.PHASE_ENCODE: "encode", _abi.PHASE_DENOISE: "denoise",
          _abi.PHASE_DECODE: "decode", _abi.PHASE_FINISH: "finish"}
ProgressLike = bool | Callable[["Progress"], Any]


class Cancel(Handle):
    """Stops work from any thread: hand it to a call, fire() it elsewhere.  May serve many calls."""

    _free = "dgxp_cancel_free"

    def __init__(self) -> None:
        out = c_void_p()
        lib.dgxp_cancel_create(byref(out))
        super().__init__(out.value)

    def fire(self) -> None:
        lib.dgxp_cancel_fire(self.handle)

    def reset(self) -> None:
        lib.dgxp_cancel_reset(self.handle)

    @property
    def fired(self) -> bool:
        return bool(lib.dgxp_cancel_fired(self.handle))


@dataclass(frozen=True)
class Progress:
    """Where a call is: `step` of `step_count` are done in `phase`; seconds in `elapsed`.

    `phase` is "queued", "encode", "denoise", "decode" or "finish".  `remaining` is an estimate in
    seconds or None.  `preview` is a copy of the first picture as it is now, when asked for.
    """

    phase: str
    step: int
    step_count: int
    elapsed: float
    remaining: float | None
    preview: Image | None


def show_progress() -> Callable[[Progress], None]:
    """A tqdm bar when tqdm is installed, else nothing."""
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]
    except ImportError:
        return lambda progress: None
    bar = tqdm(total=1, leave=False)

    def show(progress: Progress) -> None:
        bar.set_description(progress.phase, refresh=False)
        bar.total = progress.step_count
        bar.n = progress.step
        bar.refresh()
        if progress.phase == "finish" and progress.step >= progress.step_count:
            bar.close()

    return show


@contextmanager
def interruptible(cancel: Cancel) -> Iterator[None]:
    """Ctrl-C fires `cancel`; what its handler does (KeyboardInterrupt) happens when the call is over.

    Python runs signal handlers between its own instructions, so while the library paints they run
    in the progress callback, where an exception would be lost before any `try` is entered.
    """
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield
        return
    seen: list[Any] = []

    def note(_: int, frame: Any) -> None:
        seen.append(frame)
        cancel.fire()

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if seen:
            usual(signal.SIGINT, seen[0])


class Reporter:
    """The progress callback of one call: exceptions are kept, stop the call, and are raised after."""

    def __init__(self, show: Callable[[Progress], Any] | None) -> None:
        self.error: BaseException | None = None
        self.show = show
        self.callback = _abi.dgxp_progress_callback(self._hear)

    def _hear(self, told: Any, _: Any) -> int:
        if self.show is None:
            return 0
        try:
            now = told.contents
            preview = Image._of(now.preview, self).copy() if now.preview else None
            self.show(Progress(PHASES.get(now.phase, "other"), now.step, now.step_count,
                               now.elapsed, now.remaining if now.remaining >= 0 else None, preview))
            return 0
        except BaseException as error:  # ctypes would print it and go on
            self.error = error
            return 1


class Model(Handle):
    """A model, resident on one device.  Any number of threads may paint with one: calls queue."""

    _free = "dgxp_model_free"

    def __init__(self, pointer: int | None) -> None:
        super().__init__(pointer)
        self._using = 0
        self._idle = threading.Condition()

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, *, device: str | None = None,
             dtype: str | int | None = None, threads: int = 0, vae: str | None = None,
             text_encoders: str | None = None, prediction: str | int | None = None,
             no_mmap: bool = False, no_graph: bool = False, describe_only: bool = False) -> Model:
        """Open a checkpoint (.safetensors), a diffusers folder, a bundle, or a name.

        `path` None is the starter model.  `device` is "cpu", "cuda" or "cuda:1"; None takes CUDA when
        there is one.  `threads` are CPU threads, 0 is all cores.  `describe_only` loads no weights.
        """
        find_torch()
        options = params(
            _abi.dgxp_model_params, dtype=choice("dtype", dtype), threads=threads,
            prediction=choice("prediction", prediction), no_mmap=int(no_mmap), no_graph=int(no_graph),
            describe_only=int(describe_only), device=device.encode() if device else None,
            vae=path_bytes(vae) if vae else None,
            text_encoders=path_bytes(text_encoders) if text_encoders else None)
        out = c_void_p()
        lib.dgxp_model_open(path_bytes(path) if path is not None else None, byref(options), byref(out))
        return cls(out.value)

    @contextmanager
    def _use(self) -> Iterator[int]:
        with self._idle:
            handle = self.handle
            self._using += 1
        try:
            yield handle
        finally:
            with self._idle:
                self._using -= 1
                self._idle.notify_all()

    def close(self) -> None:
        """Free it, after the calls that other threads have running on it."""
        with self._idle:
            self._idle.wait_for(lambda: self._using == 0)
            super().close()

    @property
    def info(self) -> dict[str, Any]:
        """Name, kind, licence, device, dtype, canvas rules, memory, opening time."""
        with self._use() as handle:
            made: dict[str, Any] = document(lib.dgxp_model_describe, handle)
            return made

    def describe(self, job: Job) -> dict[str, Any]:
        """What a job expands to on this model (steps, prompt chunks, seed), without painting."""
        with self._use() as handle, job.build(handle) as built:
            made: dict[str, Any] = document(lib.dgxp_job_describe, built.handle, handle)
            return made

    def generate(self, prompt: str, kind: str | None = None, *, progress: ProgressLike = False,
                 cancel: Cancel | None = None, preview_every: int = 0,
                 **options: Unpack[JobOptions]) -> Result:
        """Paint one sprite.

        With `kind` (a preset: "character", "tile" …) `prompt` is the subject; without, the whole prompt.
        `progress` is True for a bar or a function that takes a Progress; `preview_every` steps it gets
        a picture.  The other options are those of Job.  Ctrl-C stops within a step.
        """
        return self.generate_many([Job(prompt, kind, **options)], progress=progress, cancel=cancel,
                                  preview_every=preview_every)[0]

    def generate_many(self, jobs: Sequence[Job], *, progress: ProgressLike = False,
                      cancel: Cancel | None = None, preview_every: int = 0) -> list[Result]:
        """Paint 1..64 jobs of one canvas, step count and sampler as one true batch."""
        show = show_progress() if progress is True else progress or None
        reporter = Reporter(show)
        token = cancel or Cancel()
        options = params(_abi.dgxp_generate_params, preview_every=preview_every,
                         progress=reporter.callback, cancel=token.handle)
        out = c_void_p()
        with self._use() as handle:
            built: list[Handle] = []
            try:
                for job in jobs:
                    built.append(job.build(handle))
                table = (c_void_p * len(built))(*(job.handle for job in built))
                with interruptible(token):
                    try:
                        lib.dgxp_generate(handle, table, len(built), byref(options), byref(out))
                    except Cancelled:
                        if reporter.error is None:
                            raise
                if reporter.error is not None:
                    raise reporter.error
            except BaseException:
                if out.value:  # it was done when Ctrl-C came
                    lib.dgxp_result_free(out)
                raise
            finally:
                for job_handle in built:
                    job_handle.close()
        return Result._of_call(out.value, jobs)

    async def generate_async(self, prompt: str, kind: str | None = None, *,
                             progress: ProgressLike = False, preview_every: int = 0,
                             **options: Unpack[JobOptions]) -> Result:
        """generate() in a thread; cancelling the task stops it within a step.

        `progress` is called in that thread.
        """
        results = await self.generate_many_async([Job(prompt, kind, **options)], progress=progress,
                                                 preview_every=preview_every)
        return results[0]

    async def generate_many_async(self, jobs: Sequence[Job], *, progress: ProgressLike = False,
                                  preview_every: int = 0) -> list[Result]:
        """generate_many() in a thread; cancelling the task stops it within a step."""
        import asyncio  # a third of the package's time to import

        token = Cancel()
        work = asyncio.ensure_future(asyncio.to_thread(
            self.generate_many, jobs, progress=progress, cancel=token, preview_every=preview_every))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            token.fire()
            await asyncio.wait([work])
            work.exception()  # looked at: it is the cancelling
            raise

    def __repr__(self) -> str:
        if self.closed:
            return "<Model, closed>"
        about = self.info
        return f"<Model {about.get('name') or about.get('path', '')}>"


def random_seed() -> int:
    """A seed from the system's generator, 0..2^53-1."""
    seed = c_uint64()
    lib.dgxp_random_seed(byref(seed))
    return seed.value


def list_models() -> Any:
    """The models that Model.load() finds by name, with the memory each needs."""
    return document(lib.dgxp_list_models)


def list_loras(model: Model | None = None) -> Any:
    """The adapters that are found by name; with a model its own too."""
    return document(lib.dgxp_list_loras, model)


def list_presets() -> Any:
    """The presets that exist: name, help, prompt template, sizes."""
    return document(lib.dgxp_list_presets)


def describe_preset(name: str, folder: str | os.PathLike[str] | None = None) -> Any:
    """The contract of one kind, style or speed: its file, with every field's values and their help."""
    return document(lib.dgxp_preset_describe, name.encode(), path_bytes(folder) if folder is not None else None)


def settings() -> Any:
    """All that a picture can be asked for: name, type, range, default, unit, help; and old names."""
    return document(lib.dgxp_settings)


def devices() -> list[dict[str, Any]]:
    """The devices that the backend sees: id ("cpu", "cuda:0"), name, available, memory in bytes."""
    find_torch()
    count = c_int32()
    lib.dgxp_device_count(byref(count))
    found = []
    for index in range(count.value):
        told = params(_abi.dgxp_device_info)
        lib.dgxp_device_describe(index, byref(told))
        found.append({"id": told.id.decode(), "name": told.name.decode("utf-8", "replace"),
                      "available": bool(told.available), "memory_total": told.memory_total,
                      "memory_free": told.memory_free})
    return found


def set_limits(pixels: int = 0, bytes: int = 0) -> None:
    """What a file of others may cost this process, in pixels and bytes; 0 is the default of each."""
    lib.dgxp_set_limits(byref(params(_abi.dgxp_limits, pixels=pixels, bytes=bytes)))


_log: Any = None  # ctypes does not keep the function alive


def set_log(hook: Callable[[str, str], Any] | None) -> None:
    """Receive the library's log lines as hook("debug" | "info" | "warning", line), from any of its threads, one at
    a time; None to stop.  What `hook` raises is printed and goes no further."""
    global _log
    levels = {_abi.LOG_DEBUG: "debug", _abi.LOG_INFO: "info", _abi.LOG_WARNING: "warning"}

    def call(level: int, line: bytes, _: Any) -> None:
        if hook:
            hook(levels.get(level, "info"), line.decode("utf-8", "replace"))

    callback = _abi.dgxp_log_callback(call) if hook else _abi.dgxp_log_callback()
    lib.dgxp_set_log_callback(callback, None)
    _log = callback


def slug(subject: str) -> str:
    """A readable file name of a subject: "Medieval knight, red" -> "medieval-knight-red"."""
    room = create_string_buffer(64)  # DGXP_SLUG_SIZE and more
    lib.dgxp_slug(text_bytes(subject), room)
    return room.value.decode()


def trust_program(path: str | os.PathLike[str]) -> Any:
    """Vouch for a TorchScript program: it may run from now on.  A program is code."""
    return document(lib.dgxp_trust_program, path_bytes(path))


def inspect(path: str | os.PathLike[str]) -> Any:
    """What a file or folder is: checkpoint, diffusers folder, bundle, LoRA or PNG."""
    return document(lib.dgxp_inspect, path_bytes(path))


def use_resident(wish: str | None) -> None:
    """Where models that are opened from now on live: "off", "auto" (in the resident engine when one runs), or how
    long an engine that is started for them stays without work ("10m", "90s", "2h").  None: what the variable
    DGX_PIXELS_RESIDENT says in the same words, else off.  Pictures are the same."""
    find_torch()
    lib.dgxp_resident_use(wish.encode() if wish is not None else None)


def resident_engines() -> list[dict[str, Any]]:
    """What each resident engine of this user says of itself: pid, models, memory, log."""
    return list(document(lib.dgxp_resident_status)["engines"])


def stop_resident() -> int:
    """Stop them all; how many there were."""
    count = c_int32()
    lib.dgxp_resident_stop(byref(count))
    return count.value


def doctor(verify: bool = False) -> Any:
    """What the library found: itself, backend, torch, devices, models.

    A backend that cannot be opened is told under "error", not raised.
    """
    from ._lowlevel import take_document
    from .errors import DgxPixelsError

    find_torch()
    out = c_void_p()
    try:
        lib.dgxp_doctor(int(verify), byref(out))
        return take_document(out)
    except DgxPixelsError as error:
        if not out.value:
            raise
        return {**take_document(out), "error": {"status": error.status, "message": str(error)}}
