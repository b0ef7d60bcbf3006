# SPDX-License-Identifier: MIT OR Apache-2.0
"""The training of one style, from the prepared cache to the registered file."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel

from ..terminal import say
from . import adapters, base as bases, dataset, export, objective, picture, record
from . import prepare as preparing
from .base import Base
from .errors import TrainError
from .files import usable
from .paint import paint
from .prepare import Prepared
from .settings import Settings

SAMPLES = 8  # prompts of a sample grid, and of a sheet
REPORT_SECONDS = 10.0


class Stopped(Exception):
    """By Ctrl-C, after the step was finished and saved."""


@contextmanager
def ctrl_c() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM; a second one is obeyed at once."""
    seen: list[int] = []
    usual = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _: Any) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)
        say("stopping after this step (once more: at once)", file=sys.stderr, flush=True)

    for number in usual:
        signal.signal(number, note)
    try:
        yield seen
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


def choose_threads(s: Settings) -> None:
    if s.train.threads:
        torch.set_num_threads(s.train.threads)


def sample_prompts(s: Settings, data: Prepared) -> list[str]:
    """[evaluate] prompts, or held-out captions, without the trigger words."""
    if s.evaluate.prompts:
        return s.evaluate.prompts
    part = data.held if data.held.names else data.train
    texts = [without_trigger(s, data.texts[r[0]]) for r in part.rows]
    return [t for t in dict.fromkeys(texts) if t][:SAMPLES]


def without_trigger(s: Settings, text: str) -> str:
    return text.removeprefix(s.run.trigger).lstrip(", ") if s.run.trigger else text


def make_optimizer(s: Settings, groups: list[dict[str, Any]]) -> Any:
    if s.train.optimizer == "prodigy":
        from prodigyopt import Prodigy

        return Prodigy(groups, lr=s.train.rate, weight_decay=s.train.weight_decay, safeguard_warmup=True,
                       use_bias_correction=True)
    return torch.optim.AdamW(groups, lr=s.train.rate, betas=(0.9, 0.99), weight_decay=s.train.weight_decay)


def make_schedule(s: Settings, optimizer: Any) -> Any:
    steps, warmup = s.train.steps, min(s.train.warmup, s.train.steps)
    if s.train.schedule == "hold":
        half = steps // 2

        def share(step: int) -> float:
            return min(1.0, (step + 1) / max(1, warmup)) * min(1.0, (steps - step) / max(1, steps - half))

        return torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    name = "constant_with_warmup" if s.train.schedule == "constant" else s.train.schedule
    return get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=steps)


class Training:
    """Everything that changes from step to step."""

    def __init__(self, s: Settings, base: Base, data: Prepared) -> None:
        self.s, self.base, self.data = s, base, data
        precision = "bf16" if bases.half(s, base.device) else "no"
        self.accelerator = Accelerator(mixed_precision=precision, cpu=base.device.type == "cpu")
        groups = adapters.add(s, base)
        self.parameters = [p for g in groups for p in g["params"]]
        self.optimizer = make_optimizer(s, groups)
        self.schedule = make_schedule(s, self.optimizer)
        self.ema = EMAModel(self.parameters, decay=s.train.ema) if s.train.ema else None
        self.step = 0
        if s.train.gradient_checkpointing:
            base.unet.train()  # SDXL's networks hold no dropout: only checkpointing changes
            base.unet.enable_gradient_checkpointing()
            for n in s.adapter.text_encoders:
                base.texts[n].train()
                base.texts[n].gradient_checkpointing_enable({"use_reentrant": False})

    def save(self) -> None:
        state: dict[str, Any] = {
            "step": self.step, "data": self.data.digest, "adapters": adapters.state(self.s, self.base),
            "optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict()}
        state["schedule"].pop("lr_lambdas", None)  # functions, made anew
        if self.ema:
            state["ema"] = self.ema.state_dict()
        record.save_state(self.s, state)

    def resume(self) -> None:
        state = record.load_state(self.s, self.base.device, self.data.digest)
        adapters.load_state(self.s, self.base, state["adapters"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict({"lr_lambdas": [None] * len(self.optimizer.param_groups),
                                       **state["schedule"]})
        if self.ema:
            self.ema.load_state_dict(state["ema"])
            self.ema.to(self.base.device)
        self.step = state["step"]

    def one_step(self) -> tuple[float, float]:
        """The loss, and the gradient's norm before it was clipped."""
        s, total = self.s, 0.0
        for i in range(s.train.accumulation):
            batch = objective.draw_batch(s, self.base, self.data, self.step * s.train.accumulation + i)
            with self.accelerator.autocast():
                said = objective.base_says(s, self.base, self.data, batch) if batch.kept else None
                context, pooled = objective.read_captions(self.base, self.data, batch.rows)
                loss = objective.losses(self.base, batch, context, pooled, s.train.min_snr, said).mean()
            self.accelerator.backward(loss / s.train.accumulation)
            total += loss.item() / s.train.accumulation
        norm = self.accelerator.clip_grad_norm_(self.parameters, s.train.clip)
        if not (norm is not None and torch.isfinite(norm)):
            raise TrainError(f"step {self.step + 1}: the gradient is not finite (loss {total:g}): lower [train] "
                             "rate, or set precision = \"fp32\"")
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.ema:
            self.ema.step(self.parameters)
        self.step += 1
        return total, float(norm)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The weights that are written: the average, when there is one."""
        if self.ema:
            self.ema.store(self.parameters)
            self.ema.copy_to(self.parameters)
        try:
            yield
        finally:
            if self.ema:
                self.ema.restore(self.parameters)

    def write(self, path: Path) -> Path:
        with self.averaged():
            return export.write(path, self.s, self.base, self.data, self.step)

    def checkpoint(self) -> Path:
        return self.write(self.s.folder / f"checkpoints/{self.s.run.name}-{self.step:06d}.safetensors")

    def sample(self, file: Path) -> None:
        """A grid painted by the engine; a failure is told, and the training goes on."""
        prompts = sample_prompts(self.s, self.data)[:SAMPLES]
        try:
            made = paint(self.base.place, [(dataset.with_trigger(self.s, p), i + 1) for i, p in enumerate(prompts)],
                         file, device="" if self.base.device.type == "cuda" else "cpu")
        except TrainError as error:
            say(f"samples of step {self.step} are missing: {error}", file=sys.stderr, flush=True)
            return
        picture.write(self.s.folder / f"samples/{self.step:06d}.png",
                      [picture.Tile(m, (p,)) for m, p in zip(made, prompts)], columns=4)


def duration(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 100 else f"{seconds:.0f} s"


def run(t: Training) -> None:
    """Steps until the last one; Ctrl-C saves and raises Stopped."""
    s = t.s
    curves = record.Curves(s.folder, t.step)
    began = told = time.monotonic()
    first, recent = t.step, []
    with ctrl_c() as stop:
        try:
            while t.step < s.train.steps:
                start = time.monotonic()
                loss, norm = t.one_step()
                now = time.monotonic()
                rate = float(t.optimizer.param_groups[0]["lr"])
                curves.row(t.step, loss=loss, rate=rate, gradient=norm,
                           samples_per_second=s.train.batch * s.train.accumulation / (now - start))
                recent.append(loss)
                last = t.step == s.train.steps
                if now - told >= REPORT_SECONDS or last or t.step == first + 1:
                    left = (now - began) / (t.step - first) * (s.train.steps - t.step)
                    say(f"step {t.step} of {s.train.steps}  loss {sum(recent) / len(recent):.4f}  rate "
                        f"{rate:.3g}  {(t.step - first) / (now - began):.2f} steps/s  "
                        f"{duration(left)} left", flush=True)
                    told, recent = now, []
                if t.step % s.train.save_every == 0 or last or stop:
                    # First the files, then the state: whoever goes on from it finds them.
                    if not stop or t.step % s.train.save_every == 0 or last:
                        t.checkpoint()
                    t.save()
                if stop and not last:
                    raise Stopped
                if s.train.sample_every and (t.step % s.train.sample_every == 0 or last):
                    t.sample(t.checkpoint())
        finally:
            curves.close()


def begin(s: Settings, resume: bool, restart: bool) -> None:
    """Refuse what would be lost, and what could not be written in the end."""
    state = s.folder / "state.pt"
    if resume and not state.exists():
        raise TrainError(f"{s.folder}: holds no run to go on with: leave out --resume")
    usable(export.loras_folder(s), f"{s.path}: [output] folder")
    if state.exists() and not resume and not restart:
        raise TrainError(f"{s.folder}: holds a run already: go on with --resume, begin anew with --restart, or "
                         "give it another [run] name")


def forget(s: Settings) -> None:
    for name in ("checkpoints", "samples", "tensorboard", "evaluate"):
        shutil.rmtree(s.folder / name, ignore_errors=True)
    for name in ("curves.csv", "state.pt"):
        (s.folder / name).unlink(missing_ok=True)


def make(s: Settings) -> Training:
    """Everything before the first step."""
    choose_threads(s)
    set_seed(s.run.seed)
    base = bases.load(s)
    data = preparing.prepare(s, base)
    tell(s, data)
    if data.context is not None and base.device.type != "cpu":
        base.leave_device()
    return Training(s, base, data)


def train(s: Settings, resume: bool = False, restart: bool = False) -> Path:
    """Train, write and register; returns the registered file."""
    begin(s, resume, restart)
    try:
        training = make(s)
        base, data = training.base, training.data
        if restart:  # now, for a run that cannot begin must not cost the one before
            forget(s)
        elif resume:
            training.resume()
        record.write_record(s, bases.weights_hash(base.place.path), base.place.path, data)
        say(f"{s.run.name}: {len(data.train.names)} pictures, {len(data.held.names)} held out, "
            f"{sum(p.numel() for p in training.parameters):,} parameters, from step {training.step}",
            flush=True)
        run(training)
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise TrainError(memory_advice(s)) from None
    target = training.write(export.loras_folder(s) / f"{s.run.name}.safetensors")
    if s.output.peft:
        with training.averaged():
            export.write_peft(target.with_name(f"{s.run.name}-peft"), s, base)
    return target


def tell(s: Settings, data: Prepared) -> None:
    for line in data.left_out[:5]:
        say(f"left out: {line}", file=sys.stderr)
    if len(data.left_out) > 5:
        say(f"left out: {len(data.left_out) - 5} more", file=sys.stderr, flush=True)


def out_of_memory(error: BaseException) -> bool:
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "not enough memory" in str(error)


def memory_advice(s: Settings) -> str:
    """The setting whose change saves most at least cost, first."""
    t, advice = s.train, []
    if not t.gradient_checkpointing:
        advice.append("gradient_checkpointing = true")
    if t.batch > 1:
        half = t.batch // 2
        advice.append(f"batch = {half} with accumulation = {t.accumulation * t.batch // half} (the same result)")
    if t.precision == "fp32":
        advice.append('precision = "bf16"')
    if s.adapter.text_encoders:
        advice.append("[adapter] text_encoders = [] (their embeddings are cached then)")
    if s.data.canvas:
        advice.append("a smaller [data] canvas")
    advice.append("a smaller [adapter] rank")
    return f"{s.path}: out of memory. Set in [train], in this order: " + "; ".join(advice)
