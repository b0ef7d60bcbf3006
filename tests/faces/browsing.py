# SPDX-License-Identifier: MIT OR Apache-2.0
"""A Chromium for tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import machine
import pytest
from playwright.sync_api import Browser, Error, sync_playwright


@contextmanager
def started(*words: str) -> Iterator[Browser]:
    """Debian's Chromium; where there is none (Ubuntu), the one that Playwright installed."""
    if os.environ.get("SKIP_BROWSER") == "1":
        pytest.skip("SKIP_BROWSER=1: what needs a browser is NOT TESTED")
    with sync_playwright() as playwright:
        system = shutil.which("chromium")
        try:
            made = playwright.chromium.launch(args=list(words), executable_path=system if (
                system and "snap" not in str(Path(system).resolve())) else None)
        except Error as error:
            machine.absent("Chromium that starts", "what needs a browser is",
                           f"run 'scripts/setup faces' ({str(error).splitlines()[0]})")
        yield made
        made.close()
