# SPDX-License-Identifier: MIT OR Apache-2.0
"""Paint on another machine: a client of dgx-pixels-server in pure Python.

Needs neither the C library nor any other package, so it runs where the game is developed, on Windows and
macOS too.
"""

from __future__ import annotations

import base64
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import (BackendError, BadFormat, Busy, Cancelled, DgxPixelsError, InvalidArgument,
                     LimitExceeded, NotFound, Untrusted)
from .files import write_whole
from .project import GAME, check_place, deploy

# What an answer of the server becomes here.
STATUS: dict[int, type[DgxPixelsError]] = {
    400: InvalidArgument, 401: Untrusted, 403: Untrusted, 404: NotFound, 409: Cancelled,
    413: LimitExceeded, 415: BadFormat, 422: InvalidArgument, 429: Busy, 503: BackendError}


class ServerError(DgxPixelsError):
    """The server could not be reached, or answered what it should not."""

    status = "backend"


class StayHere(urllib.request.HTTPRedirectHandler):
    """The token and the pictures are for one server: it cannot send them on to another."""

    def redirect_request(self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any,
                         newurl: str) -> urllib.request.Request | None:
        here, there = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise ServerError(f"{here.scheme}://{here.netloc} sends on to another address, which is not followed: "
                              f"if you trust it, name it as the server: {there.scheme}://{there.netloc}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


OPENER = urllib.request.build_opener(StayHere)


@dataclass(frozen=True)
class Painted:
    """One picture from a server: its PNG, seed, recipe and quality report."""

    png: bytes
    seed: int
    job: str
    recipe: dict[str, Any]
    quality: dict[str, Any]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the PNG, whole or not at all."""
        if os.path.splitext(path)[1].lower() not in ("", ".png"):
            raise InvalidArgument(f"{os.fspath(path)}: what is written is PNG; name it .png")
        write_whole(path, self.png)

    def _repr_png_(self) -> bytes:
        return self.png


class Client:
    """`Client()` asks $DGX_PIXELS_SERVER (else port 8000 here) with $DGX_PIXELS_TOKEN.

    Any number of threads may use one.
    """

    def __init__(self, server: str | None = None, token: str | None = None, *,
                 timeout: float = 60.0) -> None:
        url = server or os.environ.get("DGX_PIXELS_SERVER") or "http://127.0.0.1:8000"
        parts = urllib.parse.urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"'{url}' is no server: write http://HOST:PORT")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self.timeout = timeout
        self._token = token or os.environ.get("DGX_PIXELS_TOKEN")

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> bytes:
        """One request; an error of the server is raised as its exception."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        if not path.startswith("/"):  # else it could change the host that the token is sent to
            raise ServerError(f"{self.url}: told an address that is none of its own: {path[:200]}")
        request = urllib.request.Request(self.url + path, data, sent, method=method)
        try:
            with OPENER.open(request, timeout=self.timeout) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            text = error.read().decode("utf-8", "replace")
            try:
                told = json.loads(text).get("detail") or text
            except ValueError:
                told = text or str(error)
            raise STATUS.get(error.code, ServerError)(f"{self.url}: {told}") from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise ServerError(f"{self.url} does not answer ({reason}): is dgx-pixels-server running "
                              "there, and is the address right?") from None

    def json(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return json.loads(self.ask(method, path, body, **headers))

    def submit(self, prompt: str | None = None, kind: str | None = None, *, key: str | None = None,
               **fields: Any) -> str:
        """Queue a job and return its id; `fields` are those of POST /api/v1/generate.

        The same `key` (an Idempotency-Key) makes it the same job, so that a retry is harmless.
        """
        body = {"prompt": prompt, "kind": kind, **fields}
        headers = {"Prefer": "respond-async", **({"Idempotency_Key": key} if key else {})}
        job = self.json("POST", "/api/v1/generate",
                        {name: value for name, value in body.items() if value is not None}, **headers)
        return str(job["id"])

    def job(self, id: str) -> dict[str, Any]:
        """{"state": queued|running|done|failed|cancelled, "progress", "images", "error", …}."""
        made: dict[str, Any] = self.json("GET", f"/api/v1/jobs/{urllib.parse.quote(id, safe='')}")
        return made

    def again(self, id: str, *, seed: int | None = None, **changes: Any) -> str:
        """Queue a job's request once more, with another seed unless given; returns the new id."""
        made = self.json("POST", f"/api/v1/jobs/{urllib.parse.quote(id, safe='')}/again", {
            "seed": seed, "changes": changes})
        return str(made["id"])

    def jobs(self, limit: int = 50) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = self.json("GET", f"/api/v1/jobs?limit={limit}")
        return made

    def cancel(self, id: str) -> dict[str, Any]:
        made: dict[str, Any] = self.json("DELETE", f"/api/v1/jobs/{urllib.parse.quote(id, safe='')}")
        return made

    def wait(self, id: str, *, timeout: float | None = None,
             progress: Callable[[dict[str, Any]], Any] | None = None) -> dict[str, Any]:
        """Until the job is over or `timeout` seconds have passed; returns it as it is then."""
        end = None if timeout is None else time.monotonic() + timeout
        pause = 0.05
        while True:
            job = self.job(id)
            if progress:
                progress(job)
            if job["state"] in ("done", "failed", "cancelled") or (end and time.monotonic() > end):
                return job
            time.sleep(pause)
            pause = min(0.5, pause * 1.5)

    def fetch(self, job: Mapping[str, Any]) -> list[Painted]:
        """The pictures of a finished job."""
        if job["state"] == "cancelled":
            raise Cancelled(f"job {job['id']} was cancelled")
        if job["state"] != "done":
            told = (job.get("error") or {}).get("message", f"it is {job['state']}")
            raise ServerError(f"job {job['id']}: {told}")
        found = []
        for image in job["images"]:
            about = self.json("GET", image["about"])
            found.append(Painted(self.ask("GET", image["url"]), image["seed"], str(job["id"]),
                                 about["recipe"], about["quality"]))
        return found

    def generate(self, prompt: str, kind: str | None = None, *,
                 progress: Callable[[dict[str, Any]], Any] | None = None,
                 **fields: Any) -> list[Painted]:
        """Paint and wait; Ctrl-C cancels the job on the server."""
        id = self.submit(prompt, kind, **fields)
        try:
            return self.fetch(self.wait(id, progress=progress))
        except KeyboardInterrupt:
            self.cancel(id)
            raise

    def generate_and_deploy(self, prompt: str, kind: str | None = None, *, to: str,
                            project: str | os.PathLike[str] | None = None, force: bool = False,
                            confirm: bool = True, brp: str = GAME,
                            progress: Callable[[dict[str, Any]], Any] | None = None,
                            **fields: Any) -> dict[str, Any]:
        """Paint there, put the pictures into the Bevy project here, ask the game that runs here.

        `to`, `project`, `force`, `confirm` and `brp` are those of project.deploy(), whose report comes back;
        of several pictures `to` is the folder.
        """
        check_place(to, project=project, force=force, count=int(fields.get("count") or 1))  # before anything is painted
        painted = self.generate(prompt, kind, progress=progress, **fields)
        files = {f"{one.job}-{index}.png": one for index, one in enumerate(painted)}
        return deploy(files, project=project, to=to, force=force, confirm=confirm, brp=brp)

    def fix(self, png: bytes, **fields: Any) -> tuple[bytes, dict[str, Any]]:
        """(PNG, report); `fields` are those of POST /api/v1/fix."""
        made = self.json("POST", "/api/v1/fix", {"image": base64.b64encode(png).decode(), **fields})
        return base64.b64decode(made["image"]), made["report"]

    def share_palette(self, pngs: Sequence[bytes], **fields: Any) -> list[str]:
        """The colors of one palette for all; `fields` are those of POST /api/v1/palette."""
        made = self.json("POST", "/api/v1/palette", {
            "images": [base64.b64encode(png).decode() for png in pngs], **fields})
        return list(made["colors"])

    def fix_frames(self, pngs: Sequence[bytes], **fields: Any) -> tuple[list[bytes], dict[str, Any]]:
        """(PNGs, report) of the frames of one animation; `fields` are those of POST /api/v1/fix/frames."""
        made = self.json("POST", "/api/v1/fix/frames", {
            "images": [base64.b64encode(png).decode() for png in pngs], **fields})
        return [base64.b64decode(image) for image in made["images"]], made["report"]

    def sheet(self, frames: Sequence[bytes], **fields: Any) -> tuple[bytes, str]:
        """(PNG, description); `fields` are those of POST /api/v1/sheet."""
        made = self.json("POST", "/api/v1/sheet", {
            "frames": [base64.b64encode(frame).decode() for frame in frames], **fields})
        return base64.b64decode(made["image"]), str(made["description"])

    def motion(self, png: bytes, motions: str = "idle", **fields: Any) -> dict[str, Any]:
        """`image`, `description`, `aseprite`, `normal` (or None) and `report`; `fields` of POST /api/v1/motion."""
        made = self.json("POST", "/api/v1/motion", {
            "image": base64.b64encode(png).decode(), "motions": motions, **fields})
        for name in ("image", "aseprite", "normal"):
            made[name] = base64.b64decode(made[name]) if made[name] else None
        return dict(made)

    def recolor(self, png: bytes, **fields: Any) -> tuple[bytes, dict[str, Any]]:
        """(PNG, report); `fields` are those of POST /api/v1/recolor."""
        made = self.json("POST", "/api/v1/recolor", {"image": base64.b64encode(png).decode(), **fields})
        return base64.b64decode(made["image"]), made["report"]

    def normal(self, png: bytes, **fields: Any) -> tuple[bytes, dict[str, Any]]:
        """(PNG, report); `fields` are those of POST /api/v1/normal."""
        made = self.json("POST", "/api/v1/normal", {"image": base64.b64encode(png).decode(), **fields})
        return base64.b64decode(made["image"]), made["report"]

    def presets(self) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = self.json("GET", "/api/v1/presets")
        return made

    def models(self) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = self.json("GET", "/api/v1/models")
        return made

    def capabilities(self) -> dict[str, Any]:
        made: dict[str, Any] = self.json("GET", "/api/v1/capabilities")
        return made
