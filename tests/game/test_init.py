# SPDX-License-Identifier: MIT OR Apache-2.0
"""A new game, `init --bevy` and the plugin's README: what they give together is built by cargo."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from conftest import ROOT

EXAMPLE = ROOT / "examples/bevy-game"


def test_a_new_game_builds(build: Path, tmp_path: Path) -> None:
    # The example's Bevy and profile, so that no second Bevy is compiled; nothing of ours is left in it.
    cargo = (EXAMPLE / "Cargo.toml").read_text()
    cargo = re.sub(r"(?ms)^\[(features|build-dependencies|profile\.dev\.package\.sha2)\].*?(?=^\[|\Z)", "", cargo)
    cargo = "".join(line for line in cargo.splitlines(True) if "dgx-pixels" not in line).replace(", optional = true", "")
    assert "dgx" not in cargo.lower().replace("dgx-pixels but", "")
    (tmp_path / "Cargo.toml").write_text(cargo.replace('"bevy-game"', '"new-game"'))
    shutil.copy(EXAMPLE / "Cargo.lock", tmp_path)
    readme = (ROOT / "bindings/rust/dgx-pixels-bevy/README.md").read_text()
    program = re.search(r"```rust,ignore\n(use bevy.*?)```", readme, re.S)
    assert program
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main.rs").write_text(program[1])

    said = subprocess.run([build / "bin/dgx-pixels", "init", "--bevy", tmp_path], text=True, capture_output=True,
                          check=True, timeout=600).stdout
    assert "main.rs" not in said, "the README's program has the plugin"
    built = subprocess.run(["cargo", "build", "--offline"], cwd=tmp_path, text=True, capture_output=True,
                           timeout=3600, check=False, env={**os.environ, "CARGO_TERM_COLOR": "never"})
    assert built.returncode == 0, built.stderr[-4000:]
