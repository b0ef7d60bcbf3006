# SPDX-License-Identifier: MIT OR Apache-2.0
"""What every folder of tests shares: asking the machine before using it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import machine  # noqa: E402


def pytest_runtest_setup(item: pytest.Item) -> None:
    required = os.environ.get("REQUIRE_MACHINE", "").split()
    for mark in item.iter_markers("needs_machine"):
        for what in mark.args:
            why = machine.lacks(what)
            if why and what in required:
                pytest.fail(f"REQUIRE_MACHINE={what}, but {why}", pytrace=False)
            if why:
                pytest.skip(f"needs_machine: no {what.replace('_', ' ')} here ({why})")
