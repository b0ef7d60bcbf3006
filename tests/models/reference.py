# SPDX-License-Identifier: MIT OR Apache-2.0
"""What diffusers paints for a list of jobs, with the noise that the caller hands in.

`reference.py MODEL_FOLDER JOBS.json OUT` reads a list of objects:

    name            of the output files
    prompt          text; negative: text, default "" (encoded, not zeros)
    width, height   canvas pixels
    steps, guidance, guidance_rescale (default 0), eta (default 0)
    scheduler       {"class": "EulerDiscreteScheduler", other fields replace the model's own}
    start_noise     .npy [C, h, w] f32, unit variance
    step_noise      .npy [steps, C, h, w] f32; row k is what step k draws, if it draws
    init, strength  .npy [channels, H, W] f32 0..1: image to image
    mask            .npy [H, W] f32 0..1, 1 = paint anew: inpainting
    trace           true: also every step's latents, and the text embeddings

and writes OUT/NAME.latents.npy [C, h, w], OUT/NAME.image.npy [channels, H, W] 0..1, and with
`trace` OUT/NAME.steps.npy, NAME.context.npy [2, N, D] and NAME.pooled.npy [2, P] (negative first).
All f32.  Paths of inputs are relative to JOBS.json.  The noise schedule is computed in double
precision, as the library does.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import diffusers
import numpy as np
import torch
from diffusers import (
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

Job = dict[str, Any]

_FIELDS = {"name", "prompt", "negative", "width", "height", "steps", "guidance", "guidance_rescale",
           "eta", "scheduler", "start_noise", "step_noise", "init", "strength", "mask",
           "trace"}


def make_scheduler(pipe: Any, job: Job) -> Any:
    changes = dict(job.get("scheduler") or {})
    name = changes.pop("class", "EulerDiscreteScheduler")
    scheduler = getattr(diffusers, name).from_config(pipe.scheduler.config, **changes)
    exact = scheduler.alphas_cumprod
    config = scheduler.config
    if config.beta_schedule == "scaled_linear" and not config.get("rescale_betas_zero_snr"):
        root = torch.linspace(config.beta_start**0.5, config.beta_end**0.5,
                              config.num_train_timesteps, dtype=torch.float64)
        exact = torch.cumprod(1 - root**2, 0)
        # The same numbers, only not rounded at each of a thousand products.
        assert torch.allclose(exact.float(), scheduler.alphas_cumprod.float(), rtol=1e-4)
    scheduler.alphas_cumprod = exact.double()
    if hasattr(scheduler, "final_alpha_cumprod") and not config.get("set_alpha_to_one", True):
        scheduler.final_alpha_cumprod = scheduler.alphas_cumprod[0]
    return scheduler


class Noise:
    """Stands in for randn_tensor: the start outside a step, a step's own row inside one."""

    def __init__(self, start: torch.Tensor, rows: torch.Tensor | None) -> None:
        self.start, self.rows, self.step = start, rows, -1
        self.inside = False

    def __call__(self, shape: Any, *unused: Any, **kwargs: Any) -> torch.Tensor:
        if self.inside and self.rows is None:
            raise ValueError("this scheduler draws noise: the job needs step_noise")
        value = self.rows[self.step][None] if self.inside else self.start
        if tuple(value.shape) != tuple(shape):
            raise ValueError(f"noise {list(value.shape)} where {list(shape)} is drawn")
        return value.to(kwargs.get("dtype") or torch.float32)

    def during(self, step: Any) -> Any:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.step, self.inside = self.step + 1, True
            try:
                return step(*args, **kwargs)
            finally:
                self.inside = False

        return wrapped


@contextlib.contextmanager
def given_noise(pipe: Any, noise: Noise) -> Iterator[None]:
    """No random number is drawn: noise is given, and an encoded image is its mean."""
    modules = {type(pipe).__module__, type(pipe.scheduler).__module__}
    with contextlib.ExitStack() as stack:
        for module in modules:
            found = __import__(module, fromlist=["randn_tensor"])
            if hasattr(found, "randn_tensor"):
                stack.enter_context(mock.patch.object(found, "randn_tensor", noise))
        step = noise.during(pipe.scheduler.step)
        stack.enter_context(mock.patch.object(pipe.scheduler, "step", step))
        stack.enter_context(
            mock.patch.object(DiagonalGaussianDistribution, "sample", lambda self, *a: self.mode())
        )
        yield


def load_array(folder: Path, name: str) -> torch.Tensor:
    array = np.load(folder / name)
    if array.dtype != np.float32:
        raise ValueError(f"{folder / name}: is {array.dtype}; save float32")
    return torch.from_numpy(array)


def paint(base: Any, folder: Path, job: Job) -> dict[str, torch.Tensor]:
    unknown = set(job) - _FIELDS
    if unknown:
        raise ValueError(f"job {job.get('name')}: unknown fields {sorted(unknown)}")
    kind = StableDiffusionXLPipeline
    if "init" in job:
        kind = StableDiffusionXLImg2ImgPipeline
    if "mask" in job:
        kind = StableDiffusionXLInpaintPipeline
    pipe = kind(**base.components, force_zeros_for_empty_prompt=False, add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = make_scheduler(base, job)
    start = load_array(folder, job["start_noise"])[None]
    rows = load_array(folder, job["step_noise"]) if job.get("step_noise") else None
    steps: list[torch.Tensor] = []

    def keep(_pipe: Any, _index: int, _t: Any, values: dict[str, Any]) -> dict[str, Any]:
        steps.append(values["latents"][0].clone())
        return {}

    negative = job.get("negative", "")
    call: dict[str, Any] = {
        "prompt": job["prompt"],
        "negative_prompt": negative,
        "num_inference_steps": job["steps"],
        "guidance_scale": job["guidance"],
        "eta": job.get("eta", 0.0),
        "output_type": "latent",
        "callback_on_step_end": keep,
    }
    if kind is not StableDiffusionXLInpaintPipeline:
        call["guidance_rescale"] = job.get("guidance_rescale", 0.0)
    if "init" in job:
        call["image"] = load_array(folder, job["init"])[None]
        call["strength"] = job["strength"]
    else:
        call["latents"] = start.clone()
    if kind is not StableDiffusionXLImg2ImgPipeline:
        call["width"], call["height"] = job["width"], job["height"]
    if "mask" in job:
        call["mask_image"] = load_array(folder, job["mask"])[None, None]
    with torch.inference_mode(), given_noise(pipe, Noise(start, rows)):
        latents = pipe(**call).images
        image = pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample
        context, empty, pooled, empty_pooled = pipe.encode_prompt(
            job["prompt"], negative_prompt=negative, do_classifier_free_guidance=True
        )
    made = {"latents": latents[0], "image": (image[0] / 2 + 0.5).clamp(0, 1)}
    if job.get("trace"):
        made["steps"] = torch.stack(steps)
        made["context"] = torch.cat([empty, context])
        made["pooled"] = torch.cat([empty_pooled, pooled])
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a diffusers folder")
    parser.add_argument("jobs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--dtype", choices=("f32", "bf16"), default="f32", help="to compute in")
    options = parser.parse_args()
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    dtype = torch.bfloat16 if options.dtype == "bf16" else torch.float32
    base = StableDiffusionXLPipeline.from_pretrained(
        options.model, torch_dtype=dtype, local_files_only=True, add_watermarker=False
    )
    jobs = json.loads(options.jobs.read_text(encoding="utf-8"))
    options.out.mkdir(parents=True, exist_ok=True)
    for job in jobs:
        for kind, value in paint(base, options.jobs.parent, job).items():
            np.save(options.out / f"{job['name']}.{kind}.npy", value.float().contiguous().numpy())


if __name__ == "__main__":
    main()
