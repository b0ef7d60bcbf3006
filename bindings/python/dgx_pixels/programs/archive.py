# SPDX-License-Identifier: MIT OR Apache-2.0
"""A traced module becomes bytes that are the same on every run, and a small file."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tempfile
import zipfile
from pathlib import Path

import torch

# What the loader does not read: source locations (with the paths of the machine that traced), the
# example inputs, and an id that differs on every run.
_UNNEEDED = ("debug_pkl", "traced_inputs.pkl", "serialization_id")


def archive_bytes(program: torch.jit.ScriptModule) -> bytes:
    """TorchScript's zip, reduced to what the loader reads, with fixed dates and order."""
    whole = io.BytesIO()
    torch.jit.save(program, whole)
    reduced = io.BytesIO()
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(reduced, "w") as target:
        for name in sorted(source.namelist()):
            if not name.endswith(_UNNEEDED) and "/traced_inputs/" not in name:
                target.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), source.read(name))
    return reduced.getvalue()


def write_file(path: Path, data: bytes) -> None:
    """The file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def pack(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)


def unpack(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(path: Path) -> torch.jit.ScriptModule:
    return torch.jit.load(io.BytesIO(unpack(path)))
