# SPDX-License-Identifier: MIT OR Apache-2.0
"""The HTTP server: `dgx-pixels-server`, or `uvicorn.run(create_app(Settings()))`."""

from __future__ import annotations

from .app import create_app
from .settings import Settings

__all__ = ["Settings", "create_app"]
