# SPDX-License-Identifier: MIT OR Apache-2.0
"""The HTTP server: `dgx-pixels-server`, or `uvicorn.run(create_app(Settings()))`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["Settings", "create_app"]


def create_app(settings: Settings) -> FastAPI:
    """The application; `uvicorn.run(create_app(Settings()))` serves it."""
    from .app import create_app as create  # so that the program can say what is missing

    return create(settings)
