# SPDX-License-Identifier: MIT OR Apache-2.0
"""Who may ask: Host, Origin, token, content type and size, before any route sees a request.

One guard for every door: the HTTP server and the MCP server stand behind the same one.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import json
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

OPEN = ("/healthz", "/readyz")  # for supervisors; they tell nothing
# What a page of an allowed origin may send, and may read of an answer (the fetch standard's words).
METHODS = b"GET, HEAD, POST, PUT, DELETE"
UPLOADS = frozenset({"/v1/images/edits"})  # where pictures come as a form's files
READABLE = b"Content-Location, ETag, Location, Mcp-Session-Id, Preference-Applied, Retry-After"
FIELD_NAMES = re.compile(rb"[A-Za-z0-9_-]{1,64}(?: *, *[A-Za-z0-9_-]{1,64}){0,63}")


@dataclass(frozen=True)
class Access:
    """Who may use a server."""

    host: str = "127.0.0.1"
    token: str | None = None  # needed when `host` is not loopback
    allowed_hosts: tuple[str, ...] = ()  # beside the loopback names, without port
    allowed_origins: tuple[str, ...] = ()  # "https://example.org", beside our own pages
    body_limit: int = 32 << 20  # bytes of a request

    def check(self) -> None:
        """Refuse to start open to a network without a token."""
        if not self.token and not is_loopback(self.host):
            raise ValueError(
                f"--host {self.host} is reachable from other machines: set a token with --token-file (any "
                "long random text), or keep --host 127.0.0.1")
        if self.token is not None and len(self.token) < 8:
            raise ValueError("the token is shorter than 8 characters: use a long random text")
        for origin in self.allowed_origins:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.netloc or origin != (
                    f"{parts.scheme}://{parts.netloc}"):
                raise ValueError(f"--allow-origin {origin}: write SCHEME://HOST or SCHEME://HOST:PORT, "
                                 "as browsers send it, without a path")


def is_loopback(host: str) -> bool:
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def read_token(file: Path | None, variable: str) -> str | None:
    """The token of a file's first line, else the variable's."""
    if file is None:
        return os.environ.get(variable) or None
    lines = file.read_text("utf-8").splitlines()
    if not lines or not lines[0].strip():
        raise ValueError(f"{file}: its first line is empty; write the token there")
    return lines[0].strip()


def problem(status: int, title: str, detail: str, **more: Any) -> bytes:
    """RFC 9457."""
    return json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail,
                       **more}).encode()


async def refuse(send: Send, status: int, title: str, detail: str,
                 headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    body = problem(status, title, detail)
    await send({"type": "http.response.start", "status": status, "headers": [
        (b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode()),
        *headers]})
    await send({"type": "http.response.body", "body": body})


class Head:
    """HEAD is GET without the body, which the web server leaves out (RFC 9110, 9.3.2)."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        head = scope["type"] == "http" and scope["method"] == "HEAD"
        await self.app({**scope, "method": "GET"} if head else scope, receive, send)


class TooLarge(Exception):
    pass


def host_name(header: str) -> str:
    """"[::1]:8000" is "::1"."""
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


class Guard:
    """Pure ASGI, so that disconnects reach the routes."""

    def __init__(self, app: App, settings: Access) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers: dict[bytes, bytes] = {}
        repeated = False
        for name, value in scope["headers"]:
            repeated = repeated or (name == b"host" and name in headers)
            headers[name] = value
        send = self._shared(scope, headers, send)
        answer = self._check(scope, headers, repeated)
        if answer:
            status, title, detail = answer
            extra = ((b"www-authenticate", self._challenge(headers)),) if status == 401 else ()
            if status == 413:
                await self._drain(receive)
            await refuse(send, status, title, detail, extra)
            return
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await send({"type": "http.response.start", "status": 204, "headers": self._permit(headers)})
            await send({"type": "http.response.body", "body": b""})
            return
        await self._limited(scope, headers, receive, send)

    def _check(self, scope: MutableMapping[str, Any], headers: dict[bytes, bytes],
               repeated: bool) -> tuple[int, str, str] | None:
        settings = self.settings
        host = host_name(headers.get(b"host", b"").decode("latin-1"))
        known = is_loopback(host) or host in settings.allowed_hosts or host == settings.host.lower()
        # Where a token is asked for anyway, a foreign name in front (a proxy's) does no harm.
        if repeated or not (known or (settings.token and not settings.allowed_hosts and host)):
            return 403, "Host not allowed", (f"Host '{host[:80]}' is not a name of this server: use "
                                             "localhost, or start it with --allow-host")
        origin = headers.get(b"origin")
        if origin is not None and not self._same(origin.decode("latin-1"), headers):
            return 403, "Origin not allowed", ("a page of another origin may not use this server: start "
                                               "it with --allow-origin if it should")
        # A browser asks without the token whether its page may send it.
        preflight = scope["method"] == "OPTIONS" and origin is not None and (
            b"access-control-request-method" in headers)
        if settings.token and scope["path"] not in OPEN and not preflight and not self._authorized(headers):
            return 401, "Token needed", "send 'Authorization: Bearer TOKEN'"
        if scope["method"] in ("POST", "PUT", "PATCH") and not self._typed(scope, headers):
            return 415, "Unsupported media type", (
                "send a form with 'Content-Type: multipart/form-data'" if scope["path"] in UPLOADS
                else "send JSON, with 'Content-Type: application/json'")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > settings.body_limit:
            return 413, "Too large", f"a request has at most {settings.body_limit} bytes"
        return None

    def _same(self, origin: str, headers: dict[bytes, bytes]) -> bool:
        if origin in self.settings.allowed_origins:
            return True
        try:
            asked = urlsplit(origin)
        except ValueError:
            return False
        # The same origin: the page that this server itself sent, port included.
        return asked.scheme in ("http", "https") and (
            asked.netloc.lower() == headers.get(b"host", b"").decode("latin-1").lower())

    def _shared(self, scope: MutableMapping[str, Any], headers: dict[bytes, bytes], send: Send) -> Send:
        """Let pages of an allowed origin read what is answered, errors too (CORS)."""
        origin = headers.get(b"origin", b"")
        if origin.decode("latin-1") not in self.settings.allowed_origins:
            return send

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [
                    *message.get("headers", ()), (b"access-control-allow-origin", origin),
                    (b"access-control-expose-headers", READABLE), (b"vary", b"Origin")]}
            await send(message)

        return marked

    @staticmethod
    def _permit(headers: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        """The answer to a browser's question before the real request."""
        answer = [(b"access-control-allow-methods", METHODS), (b"access-control-max-age", b"600")]
        asked = headers.get(b"access-control-request-headers", b"")
        if FIELD_NAMES.fullmatch(asked):
            answer.append((b"access-control-allow-headers", asked))
        if b"access-control-request-private-network" in headers:
            answer.append((b"access-control-allow-private-network", b"true"))
        return answer

    @staticmethod
    def _challenge(headers: dict[bytes, bytes]) -> bytes:
        """Programs are asked for a Bearer token; a browser that opens a page asks its user."""
        if b"text/html" in headers.get(b"accept", b""):
            return b'Basic realm="DGX-Pixels: any name, and the token as password", charset="UTF-8"'
        return b"Bearer"

    def _authorized(self, headers: dict[bytes, bytes]) -> bool:
        scheme, _, given = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if scheme.lower() == "basic":  # A1111's clients know no other; the user's name is free
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError, ValueError):
                return False
        elif scheme.lower() != "bearer":
            return False
        token = self.settings.token or ""
        return hmac.compare_digest(given.strip().encode(), token.encode())

    def _typed(self, scope: MutableMapping[str, Any], headers: dict[bytes, bytes]) -> bool:
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if scope["path"] in UPLOADS:
            return kind == b"multipart/form-data"  # a page elsewhere was refused by its Origin
        if kind == b"application/json":
            return True
        if headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers:
            return True  # no body
        # `curl -d '{…}'` says that it sends a form.  Browsers can say so too, without asking first,
        # but they add an Origin; so this is read from programs on this machine only.
        client = scope.get("client")
        if b"origin" in headers or b"sec-fetch-site" in headers or not client or not is_loopback(
                client[0]):
            return False
        scope["headers"] = [(name, value) for name, value in scope["headers"]
                            if name != b"content-type"] + [(b"content-type", b"application/json")]
        return True

    async def _drain(self, receive: Receive) -> None:
        """Read what a client insists on sending, within reason: else it never hears the answer."""
        left = 2 * self.settings.body_limit
        while left > 0:
            message = await receive()
            left -= len(message.get("body", b"")) or 1
            if not message.get("more_body"):
                return

    async def _limited(self, scope: MutableMapping[str, Any], headers: dict[bytes, bytes],
                       receive: Receive, send: Send) -> None:
        """Count the bytes of a body whose length was not told."""
        seen = 0
        begun = False

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.settings.body_limit:
                raise TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, counted, watched)
        except TooLarge:
            if not begun:
                await refuse(send, 413, "Too large",
                             f"a request has at most {self.settings.body_limit} bytes")
