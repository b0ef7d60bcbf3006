# SPDX-License-Identifier: MIT OR Apache-2.0
"""Connections: nobody holds one for long without asking something, and newcomers are never locked out."""

from __future__ import annotations

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE = 20.0  # seconds for the head of a request, and between the parts of a body
RATE = 1024  # bytes a second that a body brings at least
CONNECTIONS = 1000


class Impatient(H11Protocol):
    """uvicorn's protocol with time limits for reading.

    It has one for connections that were used before; one that never sends a whole request could stay for ever.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self._heard = self.loop.time()
        self._got = 0
        if len(self.connections) > CONNECTIONS:
            self._make_room()
        self._timer = self.loop.call_later(PATIENCE / 4, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._heard = self.loop.time()
        self._got += len(data)
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._since = self._heard = self.loop.time()
        self._got = 0
        super().on_response_complete()

    @property
    def _expected(self) -> bool:
        """More has to come from the client before anything can be done for it."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def _look(self) -> None:
        now = self.loop.time()
        head = self.cycle is None or self.cycle.response_complete
        late = self._expected and not self.flow.read_paused and (
            now - self._since > PATIENCE + (0 if head else self._got / RATE)
            or now - self._heard > PATIENCE)
        if late:
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(PATIENCE / 4, self._look)

    def _make_room(self) -> None:
        """Close who has kept us waiting for longest; those who wait for us stay."""
        waiting = [other for other in self.connections
                   if isinstance(other, Impatient) and other._expected and other is not self]
        if waiting:
            oldest = min(waiting, key=lambda other: other._since)
            self.connections.discard(oldest)  # its end is noticed a round later
            oldest.transport.abort()


def limits() -> dict[str, Any]:
    """For uvicorn.Config; raises the limit of open files, which each connection needs one of."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return {"http": Impatient, "ws": "none", "limit_concurrency": CONNECTIONS + 24}
