# SPDX-License-Identifier: MIT OR Apache-2.0
"""The pages: /review and /docs.  All their files come from this server, so they work without a network."""

from __future__ import annotations

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FILES = Path(__file__).parent
SWAGGER = Path(fastapi_offline.__file__).parent / "static"  # swagger-ui-bundle.js and .css


class Page(StaticFiles):
    """A page's own files; nothing from elsewhere runs in it, and nobody may frame it."""

    def __init__(self, directory: Path, styles: str = "'self'") -> None:
        super().__init__(directory=directory, html=True)
        self.policy = (f"default-src 'self'; style-src {styles}; img-src 'self' data:; frame-ancestors 'none'; "
                       "base-uri 'none'; form-action 'none'; object-src 'none'")

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["Content-Security-Policy"] = self.policy
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "no-referrer"
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def add_pages(app: FastAPI) -> None:
    """/review, /docs, and / leads to the first."""

    @app.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse("/review/")

    app.mount("/review", Page(FILES / "page"))
    # Swagger UI sets styles of its own elements.
    app.mount("/docs/swagger", Page(SWAGGER))
    app.mount("/docs", Page(FILES / "interface", styles="'self' 'unsafe-inline'"))
