# SPDX-License-Identifier: MIT OR Apache-2.0
"""Token ids equal Hugging Face's and prompt weights A1111's, on generated tables."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    subprocess.run([sys.executable, HERE / "make_tokenizer_cases.py", folder], check=True)
    return folder


@pytest.mark.parametrize("room,table", [("tokenizer", "cases.jsonl"), ("prompt", "prompts.jsonl")])
def test_equal_to_the_table(room: str, table: str, build: Path, cases: Path,
                            evidence: Callable[[str, int, str], None]) -> None:
    done = subprocess.run([build / f"bin/test_{room}"], text=True, capture_output=True,
                          env={**os.environ, "DGXP_TOKENIZER_CASES": str(cases)}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SKIPPED" not in done.stdout
    count = len((cases / table).read_text(encoding="utf-8").splitlines())
    assert count >= 1000
    evidence(f"{room}: equal to {table}", count, "equal")
