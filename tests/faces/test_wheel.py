# SPDX-License-Identifier: MIT OR Apache-2.0
"""The wheel in an empty environment: pixels without torch, painting with a backend."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without the torch backend, which takes minutes to compile; or what DGXP_WHEEL names."""
    if "DGXP_WHEEL" in os.environ:
        return Path(os.environ["DGXP_WHEEL"])
    folder = tmp_path_factory.mktemp("wheel")
    launcher = ([f"-Ccmake.define.CMAKE_C_COMPILER_LAUNCHER={shutil.which('ccache')}"]
                if shutil.which("ccache") else [])
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps",
                    "-Ccmake.define.DGXP_TORCH=OFF", f"-Cbuild-dir={folder}/build", *launcher,
                    "-w", folder, ROOT], check=True)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def empty(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with nothing but the wheel; returns its Python."""
    venv = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run([venv / "bin/python", "-m", "pip", "install", "--quiet", "--no-index", wheel],
                   check=True)
    return venv / "bin/python"


def run(python: Path, *words: str, **env: str) -> str:
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("DGX_PIXELS", "PYTHON"))}
    done = subprocess.run([python, *words], text=True, capture_output=True, env={**clean, **env},
                          cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_fits_every_python_and_carries_everything(wheel: Path) -> None:
    machine = os.uname().machine
    assert wheel.name == f"dgx_pixels-0.1.0-py3-none-linux_{machine}.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    inside = "dgx_pixels/_lib/"
    for name in ("libdgxpixels.so", "dgx-pixels", "models/sdxl/bundle.json", "presets/character.json"):
        assert inside + name in names
    assert "dgx_pixels/py.typed" in names and "dgx_pixels/programs/trace.py" in names
    about = zipfile.ZipFile(wheel).read(f"{wheel.name.partition('-py3')[0]}.dist-info/METADATA").decode().splitlines()
    assert "License-Expression: (MIT OR Apache-2.0) AND Apache-2.0 AND MIT AND CC0-1.0" in about
    for name in ("LICENSE-MIT", "LICENSE-APACHE", "models/LICENSE-CC0-1.0", "models/sdxl/NOTICE",
                 "models/starter/NOTICE"):
        assert f"dgx_pixels-0.1.0.dist-info/licenses/{name}" in names and f"License-File: {name}" in about
    assert not [name for name in names if "imagequant" in name], "the GPL is in no wheel"
    assert not [name for name in names if "tests/" in name or "__pycache__" in name]


def test_pixels_work_without_anything_else(empty: Path, tmp_path: Path) -> None:
    program = f"""
import sys, dgx_pixels
from dgx_pixels import Palette, Sheet, fix
source = {str(ROOT / "docs/img/fix-before.png")!r}
fixed = fix(source, colors=8)
fixed.image.save({str(tmp_path / "out.png")!r})
assert len(fixed.palette) == 8, fixed.palette
assert len(Palette.load("pico-8")) == 16
assert len(Sheet([fixed.image] * 2).pack().places) == 2
assert "character" in str(dgx_pixels.list_presets())
assert not {{"torch", "numpy", "PIL"}} & set(sys.modules)
print(dgx_pixels.lib.path)
"""
    assert "/dgx_pixels/_lib/libdgxpixels.so" in run(empty, "-c", program)
    program_of_wheel = empty.parent / "dgx-pixels"
    assert "0.1.0" in subprocess.run([program_of_wheel, "--version"], text=True, capture_output=True,
                                     check=True).stdout


def test_painting_needs_only_a_backend(empty: Path, tiny: Path) -> None:
    build = Path(os.environ["DGX_PIXELS_LIBRARY"]).parent
    program = ("from dgx_pixels import Model\n"
               "print(Model.load('tiny').generate('a', steps=2, size=(16, 16), seed=7).seed)")
    assert run(empty, "-c", program, DGX_PIXELS_BACKEND=str(build / "libdgxpixels_stub.so"),
               DGX_PIXELS_MODELS=str(tiny), XDG_CONFIG_HOME=str(tiny / "config")) == "7\n"
    program = ("import dgx_pixels, json\n"
               "print(json.dumps(dgx_pixels.doctor()['error']))")
    assert json.loads(run(empty, "-c", program))["status"] == "backend"


@pytest.mark.parametrize("words,packages", [
    (["dgx-pixels-server"], {"fastapi", "uvicorn"}), (["dgx-pixels-mcp"], {"fastmcp-slim", "fastapi"}),
    (["python", "-m", "dgx_pixels", "batch", "LIST", "-o", "out", "--executor", "ray"], {"ray"}),
    (["dgx-pixels-train", "train", "RUN"], {"torch", "diffusers"})], ids=["server", "mcp", "ray", "train"])
def test_a_part_without_its_extra_says_what_to_install(empty: Path, tmp_path: Path, words: list[str],
                                                       packages: set[str]) -> None:
    """One sentence, no traceback, and a command of packages that a registry has."""
    (tmp_path / "list.txt").write_text("a knight\n")
    (tmp_path / "sprites").mkdir()
    files = {"LIST": str(tmp_path / "list.txt"), "RUN": str(tmp_path / "run.toml")}
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("DGX_PIXELS", "PYTHON"))}

    def start(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([empty.parent / words[0], *words[1:]], text=True, capture_output=True, cwd=tmp_path,
                              env=clean, timeout=120)

    if "RUN" in words:
        assert start("dgx-pixels-train", "init", files["RUN"], "--base", "starter", "--data",
                     str(tmp_path / "sprites")).returncode == 0
    done = start(*(files.get(word, word) for word in words))
    assert done.returncode not in (0, 70) and "Traceback" not in done.stderr, done.stderr
    said = done.stderr.strip().splitlines()[-1]
    assert "is missing: pip install" in said and "dgx-pixels[" not in said, done.stderr
    named = {re.split(r"[<>=\[]", word)[0] for word in shlex.split(said.partition("pip install ")[2])}
    assert packages <= named, said


def test_no_word_sends_to_a_package_that_no_registry_has() -> None:
    for path in subprocess.run(["git", "ls-files", "-z", "*.py", "*.md", "*.rs", "*.c", "*.toml", "*.yaml"], cwd=ROOT,
                               text=True, capture_output=True, check=True).stdout.split("\0")[:-1]:
        if path != "tests/faces/test_wheel.py":
            assert not re.search(r"install '?\"?dgx[-_]pixels\b", (ROOT / path).read_text("utf-8")), path


def test_painting_with_torch(tmp_path: Path, full: bool, starter: Path) -> None:
    """`pip install '.[torch]'` into an empty environment, then the first example of README.md."""
    if not full:
        pytest.skip("a full run only: it compiles the torch backend and installs torch once more")
    launcher = [f"-Ccmake.define.CMAKE_{language}_COMPILER_LAUNCHER={shutil.which('ccache')}"
                for language in ("C", "CXX") if shutil.which("ccache")]
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps",
                    f"-Cbuild-dir={tmp_path}/build", *launcher, "-w", tmp_path, ROOT], check=True)
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in ("libdgxpixels_torch.so", "models/starter/bundle.json",
                 "models/starter/unet/diffusion_pytorch_model.safetensors"):
        assert "dgx_pixels/_lib/" + name in names
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"{wheel}[torch]"], check=True)
    example = (ROOT / "README.md").read_text("utf-8").split("```python\n")[1].split("```")[0]
    (tmp_path / "painted.png").write_bytes((ROOT / "docs/img/fix-before.png").read_bytes())
    run(python, "-c", f"import os; os.chdir({str(tmp_path)!r})\n{example}")
    knight = Image.open(tmp_path / "knight.png").convert("RGBA")
    assert knight.size == (32, 32) and {value for _, value in knight.getchannel("A").getcolors()} == {0, 255}
    assert (tmp_path / "sprite.png").exists()


def test_where_the_library_does_not_run_the_wheel_is_pure(tmp_path: Path) -> None:
    """As on Windows and macOS: it deploys without the library."""
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "-w",
                    tmp_path, ROOT], check=True, env={**os.environ, "DGX_PIXELS_PURE": "1"})
    [wheel] = tmp_path.glob("*.whl")
    assert wheel.name == "dgx_pixels-0.1.0-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if "_lib/" in name or name.endswith(".so")]
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-index", wheel], check=True)
    (tmp_path / "game").mkdir()
    (tmp_path / "game/Cargo.toml").write_text("[package]\n")
    run(python, "-m", "dgx_pixels", "deploy", str(ROOT / "docs/img/fix-after.png"), "--to", "a.png",
        "--project", str(tmp_path / "game"))
    assert (tmp_path / "game/assets/a.png.meta").exists()
    assert "Client" in run(python, "-c", "import dgx_pixels; print(dgx_pixels.Client())")


def test_importing_is_quick(python: Any, evidence: Any) -> None:
    """CPU seconds, which another program on the machine does not change: import and first call."""
    program = ("import time; a = time.process_time(); import dgx_pixels; b = time.process_time();"
               "dgx_pixels.version(); c = time.process_time(); print(b - a, c - b)")
    times = [tuple(map(float, python("-c", program).stdout.split())) for _ in range(5)]
    imported, called = (min(column) for column in zip(*times, strict=True))
    evidence("import dgx_pixels, CPU time of the best of 5", 5,
             f"{imported * 1000:.0f} ms, first call {called * 1000:.0f} ms")
    assert imported < 1
