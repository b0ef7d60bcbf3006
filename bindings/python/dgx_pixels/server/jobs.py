# SPDX-License-Identifier: MIT OR Apache-2.0
"""Painting: generate, jobs, their events and pictures."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import math
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, HTTPException, Path, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import NotFound
from .asked import GenerateBody
from .engine import Engine
from .models import described, model_names
from .schema import HTTP_STATUS, BadField, Whole, jobs_of
from .store import Forgotten, Row, Store

router = APIRouter(prefix="/api/v1", tags=["jobs"])
JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{24}$", description="as POST /generate returned it")]
PING = 15.0  # seconds between signs of life of a quiet event stream


class Review(BaseModel):
    """What people decided about a picture; it stands in the picture's sidecar."""

    state: Literal["open", "approved", "rejected"] = "open"
    note: str = ""
    at: float | None = Field(None, description="when, seconds since 1970")


class Picture(BaseModel):
    """One finished picture."""

    url: str = Field(description="the PNG, with its recipe in the metadata")
    about: str = Field(description="the sidecar: recipe, quality report and review as JSON")
    seed: int
    width: int
    height: int
    sha256: str
    score: float | None = Field(description="quality, 0..100")
    passed: bool | None = Field(description="no hard rule of the quality report is broken")
    warnings: list[str]
    review: Review
    data: str | None = Field(None, description="the PNG in base64, when asked for")


class ProgressView(BaseModel):
    phase: str
    step: int
    step_count: int
    remaining: float | None = Field(description="seconds, an estimate")


class JobError(BaseModel):
    status: str
    message: str
    field: str | None = None


class JobView(BaseModel):
    """A job; `images` are there when it is done."""

    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    position: int | None = Field(None, description="how many wait before it")
    progress: ProgressView | None = None
    error: JobError | None = None
    images: list[Picture] = []
    prompt: str
    created: float = Field(description="seconds since 1970, like the other times")
    started: float | None = None
    finished: float | None = None


def view(row: Row, engine: Engine, store: Store, with_data: bool = False) -> JobView:
    live = engine.live.get(row.id)
    progress = live.progress if live else None
    pictures = []
    for index, image in enumerate(row.images if row.state == "done" else []):
        url = f"/api/v1/jobs/{row.id}/images/{index}"
        data = None
        if with_data:
            with contextlib.suppress(Forgotten):
                data = base64.b64encode(store.read(row.id, index)).decode()
        pictures.append(Picture(url=url + ".png", about=url + ".json", seed=image["seed"],
                                width=image["width"], height=image["height"], sha256=image["sha256"],
                                score=image["score"], passed=image["pass"],
                                warnings=image["warnings"], data=data,
                                review=Review(**store.review(row.id, index))))
    return JobView(
        id=row.id, state=row.state,  # type: ignore[arg-type]
        prompt=str(row.request.get("prompt") or row.request.get("subject") or ""),  # a row that is broken is told as well
        position=store.position(row) if row.state == "queued" else None,
        progress=ProgressView(phase=progress.phase, step=progress.step, step_count=progress.step_count,
                              remaining=progress.remaining) if progress else None,
        error=JobError(**row.error) if row.error else None, images=pictures, created=row.created,
        started=row.started, finished=row.finished)


def engine_of(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


def open_stream(request: Request) -> Engine:
    """The engine, when one more may listen: streams last, and must not take all connections."""
    engine = engine_of(request)
    if engine.streams >= engine.settings.stream_limit:
        raise HTTPException(503, f"{engine.streams} clients listen to events already", {"Retry-After": "30"})
    return engine


def find(request: Request, id: str) -> Row:
    row = engine_of(request).store.get(id)
    if row is None:
        raise HTTPException(404, f"no job {id}: it never existed or was forgotten")
    return row


async def accept(request: Request, body: GenerateBody, key: str | None = None) -> Row:
    """Check and queue a request; 429 when too many wait, 503 when nothing can paint."""
    engine = engine_of(request)
    asked = body.model_dump(exclude_none=True, exclude_defaults=True)

    def add() -> tuple[Row, bool] | str:
        # A wrong preset, style or size is told now, not when the job's turn comes.
        if body.model and body.model != engine.settings.model and body.model not in model_names():
            raise NotFound(f"no model '{body.model}': GET /api/v1/models lists them")
        model = described(body.model or engine.settings.model)
        model.describe(jobs_of({**asked, "seed": 0, "count": 1}, engine.settings.pixel_limit)[0])
        if engine.store.count("queued") >= engine.settings.queue_limit:
            return f"{engine.settings.queue_limit} jobs"
        if engine.store.count("queued", client) >= engine.settings.client_limit:
            return f"{engine.settings.client_limit} jobs from your address"
        return engine.store.add(asked, key, client)

    client = request.client.host if request.client else ""
    if engine.broken:
        raise HTTPException(503, f"no worker can paint: {engine.broken}", {"Retry-After": "30"})
    added = await asyncio.to_thread(add)
    if isinstance(added, str):
        engine.metrics.refused.inc()
        raise HTTPException(429, f"{added} wait already: try again later",
                            {"Retry-After": str(max(1, math.ceil(engine.seconds_per_job)))})
    row, new = added
    if new:
        engine.wake(row.id)
    return row


async def wait(request: Request, row: Row, cancel: bool = True) -> Row:
    """Wait until the job is over; when the client goes away it is cancelled."""
    engine = engine_of(request)
    event = engine.listen(row.id)
    gone = asyncio.ensure_future(disconnected(request))
    try:
        while True:
            event.clear()
            now = await asyncio.to_thread(engine.store.get, row.id)
            if now is None:
                raise HTTPException(404, f"job {row.id} was forgotten")
            if now.final:
                return now
            if engine.stuck:
                raise HTTPException(503, f"job {row.id}: {engine.stuck}", {"Retry-After": "30"})
            changed = asyncio.ensure_future(event.wait())
            await asyncio.wait([changed, gone], timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
            if gone.done():
                if cancel:
                    await asyncio.to_thread(engine.cancel, row.id)
                raise HTTPException(499, "the client went away")
    finally:
        gone.cancel()
        engine.unlisten(row.id, event)


async def disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


PNG: dict[int | str, dict[str, Any]] = {
    200: {"description": "finished: the job, or with `Accept: image/png` the first picture itself",
          "content": {"image/png": {}}},
    202: {"model": JobView, "description": "accepted, with `Prefer: respond-async`"},
    429: {"description": "the queue is full; see Retry-After"}}


@router.post("/generate", response_model=JobView, responses=PNG, operation_id="generate")
async def generate(
    request: Request, body: GenerateBody,
    prefer: Annotated[str | None, Header(description="`respond-async`: do not wait")] = None,
    idempotency_key: Annotated[str | None, Header(
        max_length=200, description="a repeated request with the same key is one job")] = None,
    accept_header: Annotated[str | None, Header(alias="accept", include_in_schema=False)] = None,
) -> Response:
    """Paint.  Waits for the picture (base64 in `images[].data`); closing the connection cancels."""
    row = await accept(request, body, idempotency_key)
    engine = engine_of(request)
    location = f"/api/v1/jobs/{row.id}"
    if prefer and "respond-async" in prefer.lower():
        made = await asyncio.to_thread(view, row, engine, engine.store)
        return JSONResponse(made.model_dump(), 202, {
            "Location": location, "Retry-After": "1", "Preference-Applied": "respond-async"})
    row = await wait(request, row, cancel=idempotency_key is None)
    fail_if_not_done(row)
    if accept_header and "image/png" in accept_header and "json" not in accept_header:
        return FileResponse(engine.store.path(row.id, 0), media_type="image/png",
                            headers={"Content-Location": f"{location}/images/0.png"})
    made = await asyncio.to_thread(view, row, engine, engine.store, True)
    return JSONResponse(made.model_dump(), headers={"Location": location})


def fail_if_not_done(row: Row) -> None:
    """Turn a job's end into the answer of who waits for it."""
    if row.state == "cancelled":
        raise HTTPException(409, "the job was cancelled")
    if row.state == "failed":
        told = row.error or {}
        status = HTTP_STATUS.get(told.get("status", ""), 500)
        raise HTTPException(503 if status == 500 else status, told.get("message", "failed"))


@router.get("/jobs", operation_id="list_jobs")
def list_jobs(
    request: Request,
    state: Literal["queued", "running", "done", "failed", "cancelled"] | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    approved: Annotated[bool, Query(description="only jobs with an approved picture")] = False,
    before: Annotated[str | None, Query(
        pattern=r"^[0-9a-f]{24}$", description="a job's id: those older than it, for the next page")] = None,
) -> list[JobView]:
    """The newest first."""
    engine = engine_of(request)
    number = find(request, before).number if before else None
    return [view(row, engine, engine.store) for row in engine.store.newest(state, limit, number, approved)]


@router.get("/jobs/{id}", operation_id="get_job")
def get_job(request: Request, id: JobId,
            data: Annotated[bool, Query(description="pictures in base64")] = False) -> JobView:
    """State, progress, and the pictures when it is done."""
    engine = engine_of(request)
    return view(find(request, id), engine, engine.store, data)


@router.delete("/jobs/{id}", operation_id="cancel_job", responses={409: {}})
def cancel_job(request: Request, id: JobId) -> JobView:
    """Stop it within a step."""
    engine = engine_of(request)
    row = find(request, id)
    if not engine.cancel(id):
        state = find(request, id).state
        raise HTTPException(409, f"the job is {state} already")
    return view(find(request, row.id), engine, engine.store)


class AgainBody(BaseModel):
    """What is to be different; nothing: the same with another seed."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    seed: Whole | None = Field(None, ge=0, le=2**53 - 17)
    changes: dict[str, Any] = Field({}, description="fields of POST /generate", max_length=32)


@router.post("/jobs/{id}/again", status_code=202, operation_id="again")
async def again(request: Request, id: JobId, body: AgainBody) -> JobView:
    """Queue a job's request once more: "more like this", or with its seed the same again."""
    row = await asyncio.to_thread(find, request, id)
    wanted = {**row.request, **body.changes, "seed": body.seed}
    try:
        checked = GenerateBody(**wanted)
    except ValidationError as error:
        first = error.errors()[0]
        field = "changes." + ".".join(str(part) for part in first["loc"])
        raise BadField(field, first["msg"]) from None
    engine = engine_of(request)
    return await asyncio.to_thread(view, await accept(request, checked), engine, engine.store)


@router.get("/jobs/{id}/events", operation_id="job_events", response_class=StreamingResponse,
            responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}})
async def job_events(request: Request, id: JobId) -> StreamingResponse:
    """Server-sent events: `job` (a job as GET tells it), `preview` ({"data": PNG in base64}); the last
    `job` event is final."""
    await asyncio.to_thread(find, request, id)
    engine = open_stream(request)

    async def events() -> AsyncIterator[str]:
        engine.streams += 1
        event = engine.listen(id)
        number, told, preview = 0, "", b""
        try:
            while True:
                event.clear()
                row = await asyncio.to_thread(engine.store.get, id)
                if row is None:
                    return
                live = engine.live.get(id)
                if live and live.preview and live.preview is not preview:
                    preview = live.preview
                    number += 1
                    yield sse("preview", number, json.dumps(
                        {"data": base64.b64encode(preview).decode()}))
                text = (await asyncio.to_thread(view, row, engine, engine.store)).model_dump_json()
                if text != told:
                    told = text
                    number += 1
                    yield sse("job", number, text)
                if row.final:
                    return
                try:
                    await asyncio.wait_for(event.wait(), PING)
                    await asyncio.sleep(0.05)  # at most 20 events a second
                except TimeoutError:
                    yield ": ping\n\n"
        finally:
            engine.streams -= 1
            engine.unlisten(id, event)

    return StreamingResponse(events(), media_type="text/event-stream",
                             headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


def sse(name: str, number: int, data: str) -> str:
    return f"event: {name}\nid: {number}\ndata: {data}\n\n"


@router.get("/jobs/{id}/images/{name}", operation_id="get_image", response_class=Response,
            responses={200: {"content": {"image/png": {}, "application/json": {}}}, 304: {}})
def get_image(request: Request, id: JobId,
              name: Annotated[str, Path(pattern=r"^([0-9]|1[0-5])\.(png|json)$")],
              scale: Annotated[int, Query(ge=1, le=64, description="whole enlargement")] = 1,
              if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """A picture, or with .json its sidecar: recipe, quality report, review."""
    engine = engine_of(request)
    row = find(request, id)
    index, _, suffix = name.partition(".")
    if row.state != "done" or int(index) >= len(row.images):
        raise HTTPException(404, f"the job is {row.state}, with {len(row.images)} pictures")
    data = engine.store.read(id, int(index), "." + suffix)
    if suffix == "json":  # a review changes it
        return Response(data, media_type="application/json",
                        headers={"Cache-Control": "no-cache"})
    etag = f'"{row.images[int(index)]["sha256"]}-{scale}"'
    headers = {"ETag": etag, "Cache-Control": "private, max-age=31536000, immutable"}
    if if_none_match and etag in if_none_match:
        return Response(status_code=304, headers=headers)
    if scale > 1:
        from ..image import Image

        data = Image.decode(data).encode(scale=scale)
    return Response(data, media_type="image/png", headers=headers)
