# SPDX-License-Identifier: MIT OR Apache-2.0
"""Every sampler's table equals diffusers' scheduler; what diffusers lacks equals formulas in numpy.

`dump_schedule` prints the tables; here each is run on a small state with a fixed model that is
linear in x and depends on the timestep, beside the scheduler run with the same noise.
"""

from __future__ import annotations

import importlib
import itertools
import json
import math
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import diffusers
import numpy as np
import pytest
import torch

# torch tensors that numpy.array() copies; diffusers' business.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

STEPS = (1, 4, 8, 20, 30, 50)
SAMPLERS = {"euler": 1, "euler-a": 2, "dpmpp-2m": 3, "dpmpp-2m-sde": 4, "ddim": 5, "lcm": 6,
            "tcd": 7}
SCHEDULES = {"normal": 1, "karras": 2, "exponential": 3}
SPACINGS = {"leading": 1, "trailing": 2, "linspace": 3}
PREDICTIONS = {"epsilon": 1, "v_prediction": 2}
BETAS = {"scaled_linear": 0, "linear": 1, "squaredcos_cap_v2": 2}
CLASSES = {"euler": "EulerDiscreteScheduler", "euler-a": "EulerAncestralDiscreteScheduler",
           "dpmpp-2m": "DPMSolverMultistepScheduler", "dpmpp-2m-sde": "DPMSolverMultistepScheduler",
           "ddim": "DDIMScheduler", "lcm": "LCMScheduler", "tcd": "TCDScheduler"}
SIZE = 16


@dataclass(frozen=True)
class Case:
    sampler: str
    steps: int
    schedule: str = "normal"
    spacing: str = "leading"
    prediction: str = "epsilon"
    betas: str = "scaled_linear"
    beta_start: float = 0.00085
    beta_end: float = 0.012
    train: int = 1000
    offset: int = 1
    zero_snr: bool = False
    guidance: float = 5.0
    cfg_stop: float = 1.0
    eta: float = -1.0
    strength: float = 1.0
    init: bool = False
    mask: bool = False
    alpha_to_one: bool = False
    sigma_min: bool = False
    temperature: float = 1.0

    def line(self) -> str:
        values = (PREDICTIONS[self.prediction], BETAS[self.betas], self.beta_start, self.beta_end,
                  self.train, self.offset, int(self.zero_snr), SAMPLERS[self.sampler],
                  SCHEDULES[self.schedule], SPACINGS[self.spacing], self.steps, self.guidance,
                  self.cfg_stop, self.eta, self.strength, int(self.init), int(self.mask),
                  int(self.alpha_to_one), int(self.sigma_min), self.temperature)
        return " ".join(repr(value) for value in values)


@dataclass
class Run:
    """States before the first step and after each, timesteps, and what a mask would put back."""

    states: list[np.ndarray]
    times: list[float]
    kept: list[np.ndarray]


Tables = Callable[[list[Case]], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def tables(build: Path) -> Tables:
    def dump(cases: list[Case]) -> list[dict[str, Any]]:
        done = subprocess.run([build / "bin/dump_schedule"], text=True, capture_output=True,
                              check=True, input="".join(case.line() + "\n" for case in cases))
        made = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(made) == len(cases)
        return made

    return dump


def model(x: np.ndarray, t: float) -> np.ndarray:
    bias = np.sin(t / 100 + np.arange(SIZE))
    return 0.6 * math.cos(t / 300) * x + 0.3 * np.roll(x, 1) + 0.2 * bias


def noises() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Known picture, starting noise, each step's noise."""
    random = np.random.default_rng(7)
    return (random.standard_normal(SIZE), random.standard_normal(SIZE),
            random.standard_normal((1000, SIZE)))


def run_table(table: dict[str, Any]) -> Run:
    known, start, rows_noise = noises()
    x = table["start"][1] * start + (table["start"][0] * known if table["start"][0] else 0.0)
    before = np.zeros(SIZE)
    run = Run([x], [], [])
    for i, row in enumerate(table["rows"]):
        t, c_in, a_x, a_m, b_x, b_0, b_p, b_n, k_0, k_n, _guidance = row
        x0 = a_x * x + a_m * model(c_in * x, t)
        x = b_x * x + b_0 * x0 + b_p * before + (b_n * rows_noise[i] if b_n else 0.0)
        before = x0
        run.states.append(x)
        run.times.append(t)
        run.kept.append(k_0 * known + k_n * start)
    return run


# ----------------------------------------------------------------------------- diffusers


class Doubled:
    """A module whose float32 is float64: schedulers round their sigmas and samples to it."""

    def __init__(self, module: Any) -> None:
        self.module, self.float32 = module, module.float64

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)


@contextmanager
def double_precision(name: str, noise: Callable[..., torch.Tensor], exact: bool) -> Iterator[None]:
    module = importlib.import_module(getattr(diffusers, name).__module__)
    with ExitStack() as stack:
        if exact:
            stack.enter_context(mock.patch.object(module, "torch", Doubled(torch)))
            stack.enter_context(mock.patch.object(module, "np", Doubled(np)))
            torch.set_default_dtype(torch.float64)  # what whole timesteps times a number become
            stack.callback(torch.set_default_dtype, torch.float32)
        stack.enter_context(mock.patch.object(module, "randn_tensor", noise))
        yield


def make_scheduler(case: Case, exact: bool) -> Any:
    name = CLASSES[case.sampler]
    settings: dict[str, Any] = {
        "num_train_timesteps": case.train, "beta_start": case.beta_start,
        "beta_end": case.beta_end, "beta_schedule": case.betas, "steps_offset": case.offset,
        "prediction_type": case.prediction, "timestep_spacing": case.spacing,
        "rescale_betas_zero_snr": case.zero_snr}
    if name in ("EulerDiscreteScheduler", "DPMSolverMultistepScheduler"):
        settings.update(use_karras_sigmas=case.schedule == "karras",
                        use_exponential_sigmas=case.schedule == "exponential",
                        final_sigmas_type="sigma_min" if case.sigma_min else "zero")
    if name == "DPMSolverMultistepScheduler":
        kind = "sde-dpmsolver++" if case.sampler.endswith("sde") else "dpmsolver++"
        settings["algorithm_type"] = kind
    if name in ("DDIMScheduler", "LCMScheduler", "TCDScheduler"):
        settings.update(clip_sample=False, set_alpha_to_one=case.alpha_to_one)
    scheduler = getattr(diffusers, name)(**settings)
    if not exact:  # the words: its scheduler with alphas_cumprod in float64
        root = torch.linspace(case.beta_start**0.5, case.beta_end**0.5, case.train,
                              dtype=torch.float64)
        scheduler.alphas_cumprod = torch.cumprod(1 - root**2, 0)
        if hasattr(scheduler, "final_alpha_cumprod") and not case.alpha_to_one:
            scheduler.final_alpha_cumprod = scheduler.alphas_cumprod[0]
    return scheduler


def run_diffusers(case: Case, exact: bool = True) -> Run:
    """As StableDiffusionXL*Pipeline orders the calls."""
    known, start, rows_noise = noises()
    at = 0

    def noise(shape: Any, *unused: Any, **kwargs: Any) -> torch.Tensor:
        return torch.from_numpy(rows_noise[at])[None].to(kwargs["dtype"])

    with double_precision(CLASSES[case.sampler], noise, exact):
        scheduler = make_scheduler(case, exact)
        scheduler.set_timesteps(case.steps)
        assert len(scheduler.timesteps) == case.steps
        first = case.steps - min(int(case.steps * case.strength), case.steps)
        times = scheduler.timesteps[first:]
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(first)
        picture, initial = torch.from_numpy(known)[None], torch.from_numpy(start)[None]
        if case.init and not (case.mask and case.strength == 1):
            x = scheduler.add_noise(picture, initial, times[:1])
        else:
            x = initial * scheduler.init_noise_sigma
        run = Run([x[0].double().numpy()], [], [])
        options = {}
        if case.sampler in ("ddim", "tcd"):
            options["eta"] = case.eta if case.eta >= 0 else 0.0 if case.sampler == "ddim" else 0.3
        for at, t in enumerate(times):
            scaled = scheduler.scale_model_input(x, t)[0].double().numpy()
            output = torch.from_numpy(model(scaled, float(t)))[None]
            done = scheduler.step(output, t, x, **options)
            x = done.prev_sample
            if case.temperature < 1:
                x = cooled(case, scheduler, int(t), x, done.pred_original_sample)
            kept = picture
            if at < len(times) - 1:
                kept = scheduler.add_noise(picture, initial, times[at + 1 : at + 2])
            run.states.append(x[0].double().numpy())
            run.times.append(float(t))
            run.kept.append(kept[0].double().numpy())
    return run


def cooled(case: Case, scheduler: Any, t: int, x: torch.Tensor, x0: torch.Tensor) -> torch.Tensor:
    """All that is not the predicted picture is noise; of it a step leaves its share."""
    known = 1.0
    if case.sampler == "ddim":
        before = t - case.train // case.steps
        last = scheduler.final_alpha_cumprod
        known = (scheduler.alphas_cumprod[before] if before >= 0 else last).sqrt()
    return known * x0 + case.temperature ** (1 / case.steps) * (x - known * x0)


def difference(ours: Run, theirs: Run) -> float:
    """The largest relative one over the trajectory; infinite when the timesteps are others."""
    if not np.allclose(ours.times, theirs.times, rtol=0, atol=1e-3):
        return math.inf
    pairs = list(zip(ours.states, theirs.states, strict=True))
    pairs += list(zip(ours.kept, theirs.kept, strict=True))
    worst = [float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-3)) for a, b in pairs]
    return max(worst) if all(map(math.isfinite, worst)) else math.inf


def compare(tables: Tables, cases: list[Case], limit: float, *, exact: bool = True) -> float:
    worst = 0.0
    wrong = []
    for case, table in zip(cases, tables(cases), strict=True):
        assert table["status"] == "ok", (case, table)
        found = difference(run_table(table), run_diffusers(case, exact))
        worst = max(worst, found)
        if not found <= limit:
            wrong.append(f"{found:.2e} {case}")
    assert not wrong, f"{len(wrong)} of {len(cases)} differ:\n" + "\n".join(wrong[:20])
    return worst


def offered(steps: tuple[int, ...] = STEPS) -> list[Case]:
    """Every combination that diffusers has."""
    cases = []
    for prediction, spacing, n in itertools.product(PREDICTIONS, SPACINGS, steps):
        base = Case("euler", n, spacing=spacing, prediction=prediction)
        cases += [replace(base, sampler=sampler, schedule=schedule)
                  for sampler in ("euler", "dpmpp-2m", "dpmpp-2m-sde") for schedule in SCHEDULES]
        cases.append(replace(base, sampler="euler-a"))
        cases += [replace(base, sampler="ddim", eta=eta) for eta in (0.0, 0.5, 1.0)]
        cases.append(replace(base, sampler="lcm"))
        cases += [replace(base, sampler="tcd", eta=eta) for eta in (-1.0, 0.0, 1.0)]
    return cases


def test_equal_to_diffusers(tables: Tables, evidence: Callable[[str, int, str], None]) -> None:
    """On its own float32 steps with alphas_cumprod in float64, the issue's bound."""
    cases = offered()
    worst = compare(tables, cases, 1e-5, exact=False)
    evidence("samplers: equal to diffusers with float64 alphas", len(cases), f"{worst:.1e}")


def test_equal_to_diffusers_in_double(tables: Tables,
                                      evidence: Callable[[str, int, str], None]) -> None:
    """The same with every float32 of the scheduler made float64: only rounding is left."""
    cases = offered()
    worst = compare(tables, cases, 1e-12)
    evidence("samplers: equal to diffusers all in float64", len(cases), f"{worst:.1e}")


def test_other_models_and_ends(tables: Tables, evidence: Callable[[str, int, str], None]) -> None:
    """Other betas, other training lengths, zero terminal SNR, other final steps."""
    cases = []
    for sampler, spacing, n in itertools.product(SAMPLERS, SPACINGS, (1, 4, 20)):
        base = Case(sampler, n, spacing=spacing)
        cases += [
            replace(base, betas="linear", beta_start=1e-4, beta_end=0.02),
            replace(base, betas="squaredcos_cap_v2", prediction="v_prediction"),
            replace(base, train=500, offset=0),
            replace(base, prediction="v_prediction", zero_snr=True),
            replace(base, alpha_to_one=True, offset=0),
        ]
        if sampler in ("euler", "dpmpp-2m", "dpmpp-2m-sde"):
            # DPM++ leaves the second order at the end below 15 steps.
            cases += [replace(base, steps=steps, sigma_min=True) for steps in (n, 14, 15)]
            cases += [replace(base, schedule=schedule, betas="squaredcos_cap_v2")
                      for schedule in ("karras", "exponential")]
    # Sigma 4096 loses twelve bits before the first step is done.
    worst = compare(tables, cases, 1e-10)
    evidence("samplers: other betas and ends equal to diffusers", len(cases), f"{worst:.1e}")


def test_start_from_a_picture(tables: Tables, evidence: Callable[[str, int, str], None]) -> None:
    cases = []
    for sampler, spacing, strength, n in itertools.product(
        SAMPLERS, SPACINGS, (0.05, 0.3, 0.55, 0.7, 1.0), (4, 20, 30)
    ):
        if int(n * strength) >= 1:
            base = Case(sampler, n, spacing=spacing, strength=strength, init=True)
            cases += [base, replace(base, mask=True)]
    worst = compare(tables, cases, 1e-12)
    evidence("samplers: image to image and inpainting equal diffusers", len(cases), f"{worst:.1e}")


def test_temperature(tables: Tables, evidence: Callable[[str, int, str], None]) -> None:
    """The share of the noise is taken from diffusers' own step; 1 is the plain sampler."""
    cases = [Case(sampler, n, temperature=temperature, prediction=prediction, eta=eta)
             for sampler, eta in (("euler", -1.0), ("euler-a", -1.0), ("ddim", 0.0), ("ddim", 1.0))
             for n, temperature, prediction in itertools.product((1, 4, 20), (1.0, 0.5, 0.0), PREDICTIONS)]
    worst = compare(tables, cases, 1e-12)
    evidence("samplers: temperature equals diffusers' steps with less noise", len(cases), f"{worst:.1e}")


@pytest.mark.parametrize("sampler", ["euler", "dpmpp-2m", "ddim", "lcm"])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_timesteps_of_every_count(tables: Tables, sampler: str, spacing: str, full: bool) -> None:
    """Wherever diffusers makes that many timesteps and stays inside the training."""
    last = 50 if sampler == "lcm" else 1000
    counts = [*range(1, 51), *range(51, last + 1, 1 if full else 13)]
    cases = [Case(sampler, n, spacing=spacing) for n in counts]
    compared = 0
    with double_precision(CLASSES[sampler], lambda *_: None, exact=True):
        scheduler = make_scheduler(cases[0], exact=True)
        for case, table in zip(cases, tables(cases), strict=True):
            scheduler.set_timesteps(case.steps)
            theirs = scheduler.timesteps.double().numpy()
            if len(theirs) == case.steps and 0 <= theirs.min() and theirs.max() < case.train:
                compared += 1
                ours = [row[0] for row in table["rows"]]
                assert np.allclose(ours, theirs, rtol=0, atol=1e-9), case
    assert compared >= 0.9 * len(cases)


def ancestral_by_formula(case: Case) -> Run:
    """Euler ancestral as k-diffusion has it, on the noise levels that diffusers gives Euler."""
    known, start, rows_noise = noises()
    root = np.linspace(case.beta_start**0.5, case.beta_end**0.5, case.train)
    levels = np.sqrt(1 / np.cumprod(1 - root**2) - 1)
    n = case.steps
    times = {"leading": np.arange(n)[::-1] * (case.train // n) + case.offset,
             "trailing": np.round(case.train - np.arange(n) * case.train / n) - 1,
             "linspace": np.linspace(0, case.train - 1, n)[::-1]}[case.spacing]
    chosen = np.interp(times, np.arange(case.train), levels)
    part = np.arange(n) / max(n - 1, 1)
    if case.schedule == "karras":
        sigmas = (chosen[0] ** (1 / 7) * (1 - part) + chosen[-1] ** (1 / 7) * part) ** 7
    else:
        sigmas = chosen[0] * (chosen[-1] / chosen[0]) ** part
    times = np.interp(np.log(sigmas), np.log(levels), np.arange(case.train))
    sigmas = np.append(sigmas, 0.0)
    x = start * (math.hypot(sigmas[0], 1) if case.spacing == "leading" else sigmas[0])
    run = Run([x], [], [])
    for i in range(n):
        s, to = sigmas[i], sigmas[i + 1]
        output = model(x / math.hypot(s, 1), times[i])
        if case.prediction == "epsilon":
            denoised = x - s * output
        else:
            denoised = x / (s * s + 1) - output * s / math.hypot(s, 1)
        up = min(to, math.sqrt(to**2 * (s**2 - to**2) / s**2))
        down = math.sqrt(to**2 - up**2)
        x = x + (x - denoised) / s * (down - s) + up * rows_noise[i]
        run.states.append(x)
        run.times.append(times[i])
        run.kept.append(known + to * start)
    return run


def test_what_diffusers_lacks(tables: Tables, evidence: Callable[[str, int, str], None]) -> None:
    cases = [Case("euler-a", n, schedule=schedule, spacing=spacing, prediction=prediction)
             for n, schedule, spacing, prediction in itertools.product(
                 STEPS, ("karras", "exponential"), SPACINGS, PREDICTIONS)]
    worst = 0.0
    for case, table in zip(cases, tables(cases), strict=True):
        found = difference(run_table(table), ancestral_by_formula(case))
        assert found <= 1e-9, (found, case)
        worst = max(worst, found)
    evidence("samplers: euler-a on karras and exponential equals numpy", len(cases), f"{worst:.1e}")


def test_every_count_is_finite(tables: Tables, full: bool) -> None:
    """Also where diffusers divides by zero: two steps at one noise level."""
    counts = range(1, 1001) if full else (*range(1, 41), 333, 499, 500, 501, 667, 998, 999, 1000)
    cases = [Case(sampler, n, schedule=schedule, spacing=spacing)
             for sampler, schedule, spacing, n in itertools.product(SAMPLERS, SCHEDULES, SPACINGS,
                                                                    counts)]
    made = 0
    for case, table in zip(cases, tables(cases), strict=True):
        if table["status"] != "ok":
            assert table["status"] == "unsupported", (case, table)
            assert case.sampler in ("ddim", "lcm", "tcd"), (case, table)
            continue
        made += 1
        rows = np.array(table["rows"], float)
        assert rows.shape == (case.steps, 11) and np.isfinite(rows).all(), case
        assert np.isfinite(table["sigmas"]).all() and (np.diff(table["sigmas"]) <= 0).all(), case
        assert 0 <= rows[:, 0].min() and rows[:, 0].max() < 1000, case
        assert rows[-1, 8] == 1 and rows[-1, 9] == 0, case
    assert made > 1000
