# SPDX-License-Identifier: MIT OR Apache-2.0
"""The server: routes of the native interface, put together with everything else."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sqlite3
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException as StarletteError

from .. import __version__
from ..errors import DgxPixelsError
from ..guard import Guard, Head, problem
from . import compat_a1111, compat_openai, jobs, moves, pages, pixels, review, sheets
from .engine import Engine
from .metrics import Metrics
from .schema import HTTP_STATUS, BadField
from .settings import Settings
from .store import Forgotten, KeyReused, Store


def answer(status: int, title: str, detail: str, headers: dict[str, str] | None = None,
           **more: Any) -> Response:
    return Response(problem(status, title, detail, **more), status, headers,
                    media_type="application/problem+json")


def http_error(status: int, detail: str, **headers: str) -> HTTPException:
    return HTTPException(status, detail, headers=headers or None)


def add_error_handlers(app: FastAPI) -> None:
    """Every error is problem+json (RFC 9457); compatible routes wrap it as their clients expect."""

    def shaped(request: Request, status: int, title: str, detail: str,
               headers: dict[str, str] | None = None, field: str | None = None) -> Response:
        if request.url.path.startswith("/v1/"):
            return compat_openai.error(status, detail, field, headers)
        if request.url.path.startswith("/sdapi/"):
            return compat_a1111.error(status, title, detail, field, headers)
        more = {"field": field} if field else {}
        return answer(status, title, detail, headers, **more)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        # The input is not echoed: it may be large, or hold what JSON cannot say (NaN).
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        more = f" (and {len(error.errors()) - 1} more)" if len(error.errors()) > 1 else ""
        return shaped(request, 422, "Invalid request", f"{field}: {first['msg']}{more}", field=field)

    @app.exception_handler(StarletteError)
    async def _http(request: Request, error: StarletteError) -> Response:
        headers = dict(error.headers) if error.headers else None
        return shaped(request, error.status_code, "Request failed", str(error.detail), headers)

    @app.exception_handler(BadField)
    async def _field(request: Request, error: BadField) -> Response:
        return shaped(request, error.status, "Invalid request", f"{error.field}: {error}",
                      field=error.field)

    @app.exception_handler(KeyReused)
    async def _key(request: Request, error: KeyReused) -> Response:
        return shaped(request, 422, "Idempotency-Key reused", str(error), field="Idempotency-Key")

    @app.exception_handler(Forgotten)
    async def _gone(request: Request, error: Forgotten) -> Response:
        return shaped(request, 404, "Picture forgotten", str(error))

    @app.exception_handler(DgxPixelsError)
    async def _library(request: Request, error: DgxPixelsError) -> Response:
        status = HTTP_STATUS.get(error.status, 500)
        headers = {"Retry-After": "10"} if status == 503 else None
        return shaped(request, status, error.status, str(error), headers)

    @app.exception_handler(sqlite3.OperationalError)
    @app.exception_handler(OSError)
    async def _disk(request: Request, error: OSError | sqlite3.OperationalError) -> Response:
        request.app.state.store.troubled(error)
        reason = getattr(error, "strerror", None) or error
        return shaped(request, 503, "The server's disk", f"the server's disk takes nothing now: {reason}",
                      {"Retry-After": "10"})


def create_app(settings: Settings, lost: Callable[[], object] = lambda: None) -> FastAPI:
    """The application; `uvicorn.run(create_app(Settings()))` serves it.

    `lost` is called, from any thread, when the device was lost: the process should end and be started anew.
    """
    settings.check()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        store = Store(settings.data)
        metrics = Metrics()
        engine = Engine(settings, store, metrics, lost)
        metrics.watch_queue(lambda: store.count("queued"))
        app.state.settings, app.state.store = settings, store
        app.state.engine, app.state.metrics = engine, metrics
        engine.start(asyncio.get_running_loop())
        try:
            yield
        finally:
            await asyncio.to_thread(engine.stop)
            store.close()

    app = FastAPI(
        title="DGX-Pixels", version=__version__, lifespan=lifespan,
        description="Words in, finished pixel art out. Sizes are sprite pixels. Errors are "
                    "application/problem+json (RFC 9457).",
        license_info={"name": "MIT OR Apache-2.0"}, docs_url=None, redoc_url=None,
        responses={"4XX": {"description": "what is wrong, as problem+json"},
                   "503": {"description": "cannot paint now; see Retry-After"}})
    app.state.settings = settings
    add_error_handlers(app)
    app.include_router(jobs.router)
    app.include_router(pixels.router)
    app.include_router(sheets.router)
    app.include_router(moves.router)
    app.include_router(review.router)
    app.include_router(compat_openai.router)
    app.include_router(compat_a1111.router)

    @app.get("/healthz", tags=["service"], operation_id="healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["service"], operation_id="readyz", responses={503: {}})
    async def readyz(request: Request) -> JSONResponse:
        """A worker can paint, and the disk takes pictures."""
        engine: Engine = request.app.state.engine
        status = "ready" if engine.ready else "disk" if engine.store.trouble and not engine.broken else "broken"
        return JSONResponse({"status": status}, 200 if engine.ready else 503)

    @app.get("/metrics", tags=["service"], operation_id="metrics", response_class=Response,
             responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
    async def metrics(request: Request) -> Response:
        """For Prometheus."""
        text = await asyncio.to_thread(request.app.state.metrics.text)
        return Response(text, media_type="text/plain; version=0.0.4")

    pages.add_pages(app)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Head)
    return app


def retry_after(engine: Engine) -> str:
    """Seconds until there may be room, for the header."""
    return str(max(1, math.ceil(engine.seconds_per_job)))
