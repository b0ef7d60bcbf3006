# SPDX-License-Identifier: MIT OR Apache-2.0
"""scikit-build-core, told where torch is: a wheel that was built without one could not paint.

Looked for in this order: what `make build` found (torch.path), the .venv of the source tree, the Python that
installs the wheel.  Where none has it, torch itself is a requirement of the build.
`-C cmake.define.DGXP_TORCH=OFF` builds the wheel without a torch backend, in seconds.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

from scikit_build_core import build as core
from scikit_build_core.build import (build_editable, build_sdist, get_requires_for_build_editable,
                                     get_requires_for_build_sdist)

ROOT = Path(__file__).resolve().parent.parent
VERSION, HEADERS = (next(line for line in (ROOT / "requirements/torch.txt").read_text("utf-8").splitlines()
                         if line.startswith(name)) for name in ("torch==", "nvidia-cuda-crt=="))
Settings = dict[str, Any] | None
__all__ = ["build_editable", "build_sdist", "build_wheel", "get_requires_for_build_editable",
           "get_requires_for_build_sdist", "get_requires_for_build_wheel"]


def paints(settings: Settings) -> bool:
    """Whether this build is to have a torch backend."""
    asked = str((settings or {}).get("cmake.define.DGXP_TORCH", "ON")).upper()
    pure = os.environ.get("DGX_PIXELS_PURE", "") not in ("", "0") or sys.platform in ("win32", "darwin")
    return not pure and asked not in ("OFF", "0", "FALSE", "NO")


def find_torch() -> Path | None:
    """The folder `torch` of an installed wheel."""
    written = ROOT / "torch.path"
    folders = [Path(written.read_text("utf-8").strip())] if written.exists() else []
    folders += sorted((ROOT / ".venv").glob("lib/python3*/site-packages/torch"))
    # An isolated build hides the packages of the Python that asked for it; its path says where they are.
    folders += [Path(path, "torch") for path in (sysconfig.get_path("platlib"), *sys.path)]
    wanted = VERSION.removeprefix("torch==").rpartition(".")[0]
    for folder in folders:
        version = folder / "version.py"
        if (folder / "lib/libtorch_cpu.so").exists() and f"'{wanted}." in (
                version.read_text("utf-8") if version.exists() else ""):
            return folder
    return None


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    needed = core.get_requires_for_build_wheel(config_settings)
    return needed + [VERSION, HEADERS] if paints(config_settings) and not find_torch() else needed


def build_wheel(wheel_directory: str, config_settings: Settings = None,
                metadata_directory: str | None = None) -> str:
    settings = dict(config_settings or {})
    if paints(settings) and "cmake.define.DGXP_TORCH_DIR" not in settings:
        torch = find_torch()
        if not torch:
            raise SystemExit(f"No {VERSION} to build the torch backend with: run 'make build' first, or leave "
                             "painting out with -C cmake.define.DGXP_TORCH=OFF")
        settings["cmake.define.DGXP_TORCH_DIR"] = str(torch)
    return core.build_wheel(wheel_directory, settings, metadata_directory)
