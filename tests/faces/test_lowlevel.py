# SPDX-License-Identifier: MIT OR Apache-2.0
"""ctypes' view of the C interface equals C's own."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dgx_pixels import _abi, _lowlevel, choices, errors

ROOT = Path(__file__).resolve().parents[2]
HEADER = "\n".join(path.read_text() for path in sorted((ROOT / "include").rglob("*.h")))


def test_the_declarations_are_what_the_header_says() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/make_lowlevel.py", "--check"], text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr


def test_every_exported_symbol_can_be_bound() -> None:
    exported = (ROOT / "tests/exports.txt").read_text().split()
    assert sorted(_abi.FUNCTIONS) == exported
    for name in exported:
        assert getattr(_lowlevel.lib, name)


def test_every_struct_is_laid_out_as_in_c(tmp_path: Path, evidence) -> None:  # type: ignore[no-untyped-def]
    source = subprocess.run([sys.executable, ROOT / "scripts/make_lowlevel.py", "--layout"], text=True,
                            capture_output=True, check=True).stdout
    (tmp_path / "layout.c").write_text(source)
    subprocess.run(["cc", f"-I{ROOT}/include", tmp_path / "layout.c", "-o", tmp_path / "layout"],
                   check=True)
    printed = subprocess.run([tmp_path / "layout"], text=True, capture_output=True, check=True).stdout
    values = 0
    for line in printed.splitlines():
        name, size, *offsets = line.split()
        struct = getattr(_abi, name)
        assert ctypes.sizeof(struct) == int(size), name
        ours = [f"{field[0]}:{getattr(struct, field[0]).offset}" for field in struct._fields_]
        assert ours == offsets, name
        values += 1 + len(offsets)
    declared = re.findall(r"typedef struct (\w+) \{", HEADER)
    assert len(declared) == len(printed.splitlines()) == len(_abi.STRUCTS) > 20
    evidence("struct layouts of Python equal C's", values, f"{len(declared)} structs")


def test_every_status_has_its_exception() -> None:
    statuses = {int(value): name for name, value in re.findall(r"DGXP_ERR_(\w+) = (\d+)", HEADER)}
    assert statuses.keys() == errors.BY_STATUS.keys()
    for value, kind in errors.BY_STATUS.items():
        assert kind.status == _lowlevel.lib.dgxp_status_name(value).decode()


def test_the_version_is_the_librarys() -> None:
    import dgx_pixels

    assert dgx_pixels.__version__ == dgx_pixels.version()
    assert f'version = "{dgx_pixels.__version__}"' in (ROOT / "pyproject.toml").read_text()


def test_unknown_names_are_told_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="euler-a"):
        _lowlevel.choice("sampler", "oiler")
    with pytest.raises(TypeError, match="tolerance"):
        _lowlevel.params(_abi.dgxp_matte_params, tollerance=1)
    with pytest.raises(ValueError, match="no list"):
        choices("nothing")


def test_a_missing_library_says_what_was_tried(python) -> None:  # type: ignore[no-untyped-def]
    program = "import dgx_pixels; dgx_pixels.Client; dgx_pixels.version()" if hasattr(
        sys.modules["dgx_pixels"], "Client") else "import dgx_pixels; dgx_pixels.version()"
    done = python("-c", program, env={"DGX_PIXELS_LIBRARY": "/nowhere/lib.so"}, check=False)
    assert done.returncode != 0
    assert "BackendError" in done.stderr and "/nowhere/lib.so" in done.stderr


def test_the_types_are_strict() -> None:
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--no-incremental",
                           "--exclude", "programs", "dgx_pixels"],
                          cwd=ROOT / "bindings/python", text=True, capture_output=True,
                          env={**os.environ, "MYPY_CACHE_DIR": os.devnull})
    assert done.returncode == 0, done.stdout
