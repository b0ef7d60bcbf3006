# SPDX-License-Identifier: MIT OR Apache-2.0
"""`make check` is green on the tree's own style, and red after one unformatted line in each language."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("clang-format", "ruff", "codespell")

# A file of each language, a line that is not as the tools want it, and the tool that says so.
LINES = [
    ("src/core/clock.c", "static int  a ( int b ){return b ;}\n", "clang-format"),
    ("shim/guarded.cpp", "static int a(int b) { int  c=b; return c; }\n", "clang-format"),
    ("bindings/python/dgx_pixels/errors.py", "def a( b ):\n  return b+ 1\n", "ruff"),
    ("bindings/python/dgx_pixels/errors.py", "import json\n", "ruff"),
    ("bindings/rust/dgx-pixels/src/lib.rs", "fn  a( ) { }\n", "rustfmt"),
    ("docs/architecture.md", "Reci" "eve " "te" "h picture.\n", "codespell"),
]


def run(where: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([where / "scripts/check", *words], text=True, capture_output=True, timeout=600)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A checkout of a file of each language, with the tree's settings and tools."""
    for tool in TOOLS:
        if not (ROOT / ".venv/bin" / tool).exists():
            pytest.skip(f"absent: no {tool}: make check is NOT TESTED; scripts/setup check brings it")
    for name in (".clang-format", "pyproject.toml", "scripts/check", *(name for name, _, _ in LINES)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (tmp_path / ".gitignore").write_text(".venv\n")
    crate = tmp_path / "bindings/rust"
    (crate / "Cargo.toml").write_text('[package]\nname = "a"\nversion = "0.1.0"\nedition = "2024"\n'
                                      '[lib]\npath = "dgx-pixels/src/lib.rs"\n')
    # Alone: its modules are not here.
    (crate / "dgx-pixels/src/lib.rs").write_text("pub fn a() {}\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def test_one_line_in_each_language_is_seen(small: Path) -> None:
    rust = shutil.which("cargo") is not None
    tools = [*TOOLS, "rustfmt"]
    clean = run(small, *tools)
    assert clean.returncode == 0, clean.stdout + clean.stderr
    for name, line, tool in LINES:
        if tool == "rustfmt" and not rust:
            continue
        path = small / name
        before = path.read_text()
        path.write_text(before + line)
        told = run(small, *tools)
        path.write_text(before)
        assert told.returncode == 1 and f"{tool}: NOT GOOD" in told.stdout, f"{name}: {told.stdout}{told.stderr}"
        assert told.stdout.count("NOT GOOD") == 1 and Path(name).name in told.stdout, told.stdout


def test_an_unknown_tool_is_named(small: Path) -> None:
    told = run(small, "clang-tidy")
    assert told.returncode == 2 and "clang-tidy" in told.stderr
