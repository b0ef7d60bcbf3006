# SPDX-License-Identifier: MIT OR Apache-2.0
"""DGX-Pixels: words in, finished pixel art out.

    from dgx_pixels import Model, fix

    with Model.load() as model:
        result = model.generate("medieval knight", kind="character", seed=7)
        result.save("knight.png")

    fix("painted.png", colors=16).image.save("sprite.png")    # no model, no torch

Pictures are RGBA, 8 bits, straight alpha, rows top-down; sizes are sprite pixels.  Handles are closed
by `with`, close(), or with the last reference.  What fails raises a DgxPixelsError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._lowlevel import choices, lib
from .errors import (BackendError, BadFormat, Busy, Cancelled, DeviceLost, DgxPixelsError,
                     InputOutputError, InternalError, InvalidArgument, LimitExceeded, Mismatch,
                     NotFound, OutOfMemory, Unsupported, Untrusted)
from .fixing import Fixed, fix, fix_frames, quality, share_palette
from .flow import Again, load_workflow, regen, run_workflow
from .game import build, deploy, describe_project, init_project, undo_deploy, upgrade
from .image import Image
from .job import Job
from .lora import Lora, lora_info, set_loras
from .model import (Cancel, Model, Progress, describe_preset, devices, doctor, inspect, list_loras, list_models,
                    list_presets, random_seed, resident_engines, set_limits, set_log, settings, slug, stop_resident,
                    trust_program, use_resident)
from .motion import Moved, NormalMap, Recolored, list_motions, motion, normal, normals, recolor
from .palette import Palette
from .result import Result
from .sheet import Atlas, Place, Sheet, Slice, Tag
from .steps import Grid

if TYPE_CHECKING:
    from .client import Client

__version__ = "0.1.0"


def version() -> str:
    """The version of the library that runs."""
    return str(lib.dgxp_version_text().decode())


def __getattr__(name: str) -> Any:
    """Client comes when it is asked for: the modules that it needs take long to import."""
    if name == "Client":
        from .client import Client

        return Client
    raise AttributeError(f"module 'dgx_pixels' has no attribute '{name}'")


__all__ = [
    "Again", "Atlas", "BackendError", "BadFormat", "Busy", "Cancel", "Cancelled", "Client",
    "DeviceLost", "DgxPixelsError", "Fixed", "Grid", "Image", "InputOutputError", "InternalError",
    "InvalidArgument", "Job", "LimitExceeded", "Lora", "Mismatch", "Model", "Moved", "NormalMap",
    "NotFound", "OutOfMemory", "Palette", "Place", "Progress", "Recolored", "Result", "Sheet",
    "Slice", "Tag", "Unsupported", "Untrusted", "build", "choices", "deploy", "describe_preset",
    "describe_project", "devices", "doctor", "fix", "fix_frames", "init_project", "inspect",
    "list_loras", "list_models", "list_motions", "list_presets", "load_workflow", "lora_info",
    "motion", "normal", "normals", "quality", "random_seed", "recolor", "regen", "run_workflow",
    "set_limits", "set_log", "set_loras", "settings", "share_palette", "slug", "trust_program", "undo_deploy",
    "upgrade", "version", "resident_engines", "stop_resident", "use_resident",
]
