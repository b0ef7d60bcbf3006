# SPDX-License-Identifier: MIT OR Apache-2.0
"""Looking at candidates and deciding about them: what the page at /review asks the server."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import StreamingResponse

from .jobs import PING, JobId, Review, engine_of, find, open_stream, sse, view
from .schema import ReviewBody

router = APIRouter(prefix="/api/v1", tags=["review"])


@router.put("/jobs/{id}/images/{index}/review", operation_id="review")
def review(request: Request, id: JobId, index: Annotated[int, Path(ge=0, le=15)],
           body: ReviewBody) -> Review:
    """Approve or reject a picture, or write a note; it stands in the picture's sidecar, and in the
    game's `dgx-pixels.recipes/` once it is deployed."""
    engine = engine_of(request)
    row = find(request, id)
    if row.state != "done" or index >= len(row.images):
        raise HTTPException(404, f"the job is {row.state}, with {len(row.images)} pictures")
    decided = Review(**{**engine.store.review(id, index), **body.model_dump(exclude_none=True),
                        "at": time.time()})
    engine.store.set_review(id, index, decided.model_dump())
    engine.tell(id)
    return decided


@router.get("/events", operation_id="events", response_class=StreamingResponse,
            responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}})
async def events(request: Request, newest: Annotated[int, Query(
        ge=0, le=200, description="tell of so many jobs first")] = 50) -> StreamingResponse:
    """Server-sent events of all jobs, without end: `job` (as GET /jobs/{id} tells it), first of the
    newest ones, then at each change; `preview` ({"id", "data": PNG in base64}) while one is painted."""
    engine = open_stream(request)
    store = engine.store

    async def stream() -> AsyncIterator[str]:
        engine.streams += 1
        watch = engine.watch()
        previews: dict[str, bytes] = {}
        number = 0
        try:
            rows = await asyncio.to_thread(store.newest, None, newest)
            changed = [row.id for row in reversed(rows)]
            while True:
                for id in changed:
                    row = await asyncio.to_thread(store.get, id)
                    if row is None:
                        continue
                    live = engine.live.get(id)
                    if live and live.preview and live.preview is not previews.get(id):
                        previews[id] = live.preview
                        number += 1
                        yield sse("preview", number, json.dumps(
                            {"id": id, "data": base64.b64encode(live.preview).decode()}))
                    if row.final:
                        previews.pop(id, None)
                    number += 1
                    told = await asyncio.to_thread(view, row, engine, store)
                    yield sse("job", number, told.model_dump_json())
                try:
                    await asyncio.wait_for(watch.event.wait(), PING)
                    await asyncio.sleep(0.05)  # at most 20 rounds a second
                except TimeoutError:
                    yield ": ping\n\n"
                watch.event.clear()
                changed, watch.changed = list(watch.changed), set()
        finally:
            engine.streams -= 1
            engine.unwatch(watch)

    return StreamingResponse(stream(), media_type="text/event-stream",
                             headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
