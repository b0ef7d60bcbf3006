# SPDX-License-Identifier: MIT OR Apache-2.0
"""What goes to a machine with a GPU that is lent by the quarter of an hour, and what comes back from it.

Such a machine is bare: it has Python, torch and what machine-packages.txt names, reaches no registry, and
gets git's files (tracked, and untracked but not ignored) and ignored folders that are named.  So what else is
needed is packed here into `.gpu`, which git ignores: the build, the libraries that it links, and the
Python packages that the machine lacks.  Where there is a build, as on a machine of one's own, nothing is unpacked.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".gpu"
PACK = "carry.tar.xz"

THERE = 64 << 20  # bytes of the tree and all that is carried
BACK_FILES, BACK_FILE, BACK_ALL = 8, 16 << 20, 64 << 20  # of results

# Distributions that the benches and the recipe import and machine-packages.txt does not name.
CARRIED = ("diffusers", "importlib_metadata", "open_clip_torch", "ftfy", "wcwidth")
# Of every Linux with torch; another one's would not fit its loader.
SYSTEM = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|gcc_s|stdc\+\+))\.so\.\d+$")
LINKED = ("models", "presets", "workflows")  # beside the library, as CMake links them


class Unfit(SystemExit):
    """What is missing or too large, and what to do."""

    def __init__(self, text: str) -> None:
        super().__init__(f"gpu: {text}")


def tree(root: Path = ROOT) -> list[Path]:
    """Git's files, relative to `root`: what travels by itself."""
    told = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root, check=True,
                          stdout=subprocess.PIPE).stdout.decode()
    return [Path(name) for name in sorted(set(told.split("\0"))) if name and os.path.lexists(root / name)]


def size(folder: Path) -> int:
    """Bytes of a folder, 0 where there is none; what was unpacked stays behind."""
    return sum(path.stat().st_size for path in folder.rglob("*")
               if path.is_file() and not path.relative_to(folder).parts[0].startswith("unpacked-"))


# -------------------------------------------------------------------------------------- packing


def linked(binary: Path, folder: Path) -> dict[str, str | None]:
    """The libraries that a program wants, and where they are; None where they are not."""
    told = subprocess.run(["ldd", binary], text=True, capture_output=True,
                          env={**os.environ, "LD_LIBRARY_PATH": str(folder)}).stdout
    found = re.findall(r"^\s*(\S+) => (not found|/\S+)", told, re.M)
    return {name: None if where == "not found" else where for name, where in found}


def of_build(build: Path, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Names in the pack and files: the build without what only a debugger reads, and what it links."""
    if not (build / "lib/libdgxpixels_torch.so").exists():
        raise Unfit(f"{build}/lib holds no torch backend: run 'make build' first")
    for path in [build / "bin/dgx-pixels", *sorted((build / "lib").glob("lib*.so*"))]:
        slim = scratch / path.name
        subprocess.run(["strip", "--strip-debug", "-o", slim, path.resolve()], check=True)
        yield f"build/{path.parent.name}/{path.name}", slim
    for name, where in linked(build / "bin/dgx-pixels", build / "lib").items():
        if where and not SYSTEM.match(name) and not name.startswith("libdgxpixels"):
            yield f"libs/{name}", Path(where).resolve()


def of_site(names: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """The installed files of distributions, without compiled ones and their programs."""
    for name in names:
        for file in importlib.metadata.distribution(name).files or []:
            path = Path(str(file.locate()))
            if ".." not in file.parts and "__pycache__" not in file.parts and path.is_file():
                yield f"site/{file}", path


def pack(build: Path, folder: Path = FOLDER, preset: int = 6) -> Path:
    """Writes folder/carry.tar.xz, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{PACK}.part"
    with tempfile.TemporaryDirectory() as scratch, tarfile.open(part, "w:xz", preset=preset) as held:
        for name, path in [*of_build(build, Path(scratch)), *of_site(CARRIED)]:
            held.add(path, name, recursive=False)
    for old in folder.glob("unpacked-*"):
        shutil.rmtree(old)
    return part.replace(folder / PACK)


def budget(folder: Path = FOLDER) -> str:
    """How much travels; stops where it is too much."""
    here, carried = sum((ROOT / path).lstat().st_size for path in tree()), size(folder)
    text = f"tree {here / 2**20:.1f} + {folder.name} {carried / 2**20:.1f} of {THERE >> 20} MiB"
    if here + carried > THERE:
        raise Unfit(f"{text}: too much to travel; leave out what the run does not need")
    return text


# ------------------------------------------------------------------------------------ unpacking


@dataclass(frozen=True)
class Place:
    """Where a run finds what it needs."""

    build: Path | None  # None: nothing of ours is called
    site: Path | None
    libs: Path | None

    def environment(self) -> dict[str, str]:
        """For the programs of a run."""
        folders = [self.site, ROOT, *(ROOT / name for name in ("bindings/python", "tests", "tests/models"))]
        given = {"PYTHONPATH": os.pathsep.join([*(str(f) for f in folders if f), *old("PYTHONPATH")]),
                 "PYTHONUNBUFFERED": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
        if self.build:
            libs = [str(f) for f in (self.build / "lib", self.libs) if f]
            given |= {"DGXP_BUILD": str(self.build), "DGX_PIXELS_TORCH_DIR": torch_folder(),
                      "LD_LIBRARY_PATH": os.pathsep.join([*libs, *old("LD_LIBRARY_PATH")])}
        return {**os.environ, **given}


def old(variable: str) -> list[str]:
    return [os.environ[variable]] if os.environ.get(variable) else []


def torch_folder() -> str:
    found = importlib.util.find_spec("torch")
    if not found or not found.submodule_search_locations:
        raise Unfit(f"{sys.executable} has no torch")
    return str(found.submodule_search_locations[0])


def has_packages() -> bool:
    return all(importlib.util.find_spec(name) for name in ("diffusers", "open_clip"))


def place(build: Path | None = None, folder: Path = FOLDER, build_needed: bool = True) -> Place:
    """The build that is named or here; else what was carried, unpacked once."""
    build = build or ROOT / "build/release"
    if build_needed and (build / "lib/libdgxpixels.so").exists():
        return Place(build.resolve(), None, None)
    if not build_needed and has_packages():
        return Place(None, None, None)
    packed = folder / PACK
    if not packed.exists():
        raise Unfit(f"neither a build in {build} nor {folder.name}/{PACK}: run 'make build' here, or 'scripts/gpu-check "
                    f"--pack' where the build is, and name {folder.name} in carry")
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()[:16]
    unpacked = folder / f"unpacked-{digest}"
    if not unpacked.is_dir():
        part = Path(tempfile.mkdtemp(prefix="unpacking-", dir=folder))
        with tarfile.open(packed) as held:
            # Debian 12 has a Python without the argument `filter`.
            held.extraction_filter = getattr(tarfile, "data_filter", None)
            held.extractall(part)
        for name in LINKED:
            (part / "build/lib" / name).symlink_to(ROOT / name)
        part.rename(unpacked)
    if not build_needed:
        return Place(None, unpacked / "site", None)
    link_missing(unpacked)
    return Place(unpacked / "build", unpacked / "site", unpacked / "missing")


def link_missing(unpacked: Path) -> None:
    """Of the carried libraries only those that this machine lacks: its own fit each other."""
    missing = unpacked / "missing"
    missing.mkdir(exist_ok=True)
    while lacking := [name for name, where in linked(
            unpacked / "build/bin/dgx-pixels", Path(f"{unpacked}/build/lib:{missing}")).items() if where is None]:
        for name in lacking:
            if not (unpacked / "libs" / name).exists() or (missing / name).is_symlink():
                raise Unfit(f"{name} is needed and neither here nor in {PACK}: pack again where 'ldd "
                            "build/release/bin/dgx-pixels' finds it")
            (missing / name).symlink_to(unpacked / "libs" / name)


# -------------------------------------------------------------------------------------- results


def unfit(out: Path) -> list[str]:
    """What of the results would not come back, and why; empty when all of it does."""
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    told = [f"{path.name}: {path.stat().st_size / 2**20:.1f} of {BACK_FILE >> 20} MiB"
            for path in files if path.stat().st_size > BACK_FILE]
    told += [f"{path.name}: its name" for path in files if not re.fullmatch(r"[\w.-]+", path.name, re.A)]
    if len(files) > BACK_FILES:
        told.append(f"{len(files)} of {BACK_FILES} files")
    total = sum(path.stat().st_size for path in files)
    if total > BACK_ALL:
        told.append(f"{total / 2**20:.1f} of {BACK_ALL >> 20} MiB in all")
    return told


def write(path: Path, text: str) -> None:
    """Whole or not at all: a machine that is taken away leaves no half a file."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, "utf-8")
    part.replace(path)
