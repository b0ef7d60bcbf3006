# SPDX-License-Identifier: MIT OR Apache-2.0
"""Into a Bevy project, and asking the running game whether it arrived."""

from __future__ import annotations

import ctypes
import os
import urllib.request
from collections.abc import Mapping, Sequence
from ctypes import byref, c_void_p
from typing import Any

from . import _abi
from ._lowlevel import choice, document, find_torch, lib, params, path_bytes, take_document
from .errors import Cancelled, DgxPixelsError
from .image import Image
from .model import Cancel, ProgressLike, Reporter, interruptible, show_progress
from .project.brp import GAME
from .result import Result

# A file's path, or something in memory with the name that it gets.
Files = (str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
         | Mapping[str, "bytes | Image | Result"])


class Asked:
    """A running game as the library asks it: it hands us the question, we POST it."""

    def __init__(self, url: str, cancel: Cancel | None = None) -> None:
        self._url = url
        self._text = self._reason = b""
        # The game runs here, whatever http_proxy says.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._callback = _abi.dgxp_game_callback(self._ask)
        self.pointer = ctypes.pointer(params(_abi.dgxp_game, ask=self._callback,
                                             cancel=cancel.handle if cancel else None))

    def _ask(self, request: bytes, answer: Any, _: Any) -> None:
        told = answer.contents
        try:
            posted = urllib.request.Request(self._url, request, {"Content-Type": "application/json"})
            with self._opener.open(posted, timeout=3) as reply:
                self._text = reply.read(16 << 20)
            told.text, told.size = self._text, len(self._text)
        except Exception as error:  # ctypes would print it and go on
            cause = getattr(error, "reason", error)
            told.nobody = int(isinstance(cause, ConnectionRefusedError))
            self._reason = str(cause).encode("utf-8", "replace")
            told.reason = self._reason


def deploy(files: Files, *, project: str | os.PathLike[str] | None = None, to: str | None = None,
           tile: int | tuple[int, int] = 0, array: bool = False, meta: str | int | None = None,
           force: bool = False, sidecar: bool = True, dry_run: bool = False, confirm: bool = False,
           brp: str = GAME) -> dict[str, Any]:
    """Put files into a Bevy project's assets/, all or none.

    `files` is a path, paths, or {"knight.png": a Result, an Image or bytes}.  `project` is the game's
    folder (None: from the working folder upwards).  `to` is a folder inside assets/, or of one file
    its new name.  `tile` (pixels) makes a tile set, with `array` one that Bevy cuts into an array texture
    (for TilemapChunk).  Files that were not deployed by us are replaced only with `force`.  `confirm`
    asks the running game at `brp` whether it has the new pixels.  Returns {"project", "deployment", "files":
    [{"path", "action", "load", "confirmed", …}], "warnings"}.
    """
    entries: list[tuple[bytes, bytes | None]] = []
    if isinstance(files, Mapping):
        for name, item in files.items():
            picture = item.image if isinstance(item, Result) else item
            entries.append((path_bytes(name),
                            picture.encode() if isinstance(picture, Image) else picture))
    else:
        paths = [files] if isinstance(files, (str, os.PathLike)) else files
        entries = [(path_bytes(path), None) for path in paths]
    table = (_abi.dgxp_deploy_file * len(entries))()
    for row, (path, data) in zip(table, entries, strict=True):
        row.path = path
        if data is not None:
            row.bytes = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value
            row.size = len(data)
    width, height = tile if isinstance(tile, tuple) else (tile, tile)
    game = Asked(brp) if confirm else None
    options = params(_abi.dgxp_deploy_params, game=game.pointer if game else None, meta=choice("meta", meta), tile_width=width,
                     tile_height=height, force=int(force), no_sidecar=int(not sidecar),
                     dry_run=int(dry_run), project=path_bytes(project) if project else None,
                     to=to.encode() if to else None, array=int(array))
    made: dict[str, Any] = document(lib.dgxp_deploy, table, len(entries), byref(options))
    return made


def undo_deploy(project: str | os.PathLike[str] | None = None, *, force: bool = False) -> Any:
    """Take back the last deployment; may be called again for the one before, up to 16."""
    return document(lib.dgxp_deploy_undo, path_bytes(project) if project else None, int(force))


def init_project(folder: str | os.PathLike[str] | None = None, *, bevy: bool = False) -> dict[str, Any]:
    """Write a dgx-pixels.json to begin with; `bevy` makes the Bevy game there ready, too.

    Returns {"changed": [files], "todo": [sentences]}; what is there stays.
    """
    place = path_bytes(folder) if folder is not None else None
    if not bevy:
        lib.dgxp_project_init(place)
        return {"changed": ["dgx-pixels.json"], "todo": []}
    made: dict[str, Any] = document(lib.dgxp_project_init_bevy, place)
    return made


def upgrade(path: str | os.PathLike[str] | None = None, *, dry_run: bool = False) -> dict[str, Any]:
    """Bring what an earlier state left at `path` (a game, any folder, a file; None: the project from here
    upwards) to today's names and places; `dry_run` only says what is old.

    A file's old text is kept as FILE.old.  Returns {"folder", "dry_run", "files": [{"path", "kind",
    "action", "to", "gone"}]}; "by-hand" is left to a person, and "gone" says why.
    """
    made: dict[str, Any] = document(lib.dgxp_upgrade, path_bytes(path) if path is not None else None, int(dry_run))
    return made


def describe_project(folder: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """The game's dgx-pixels.json, read and checked."""
    made: dict[str, Any] = document(lib.dgxp_project_describe, path_bytes(folder) if folder is not None else None)
    return made


def build(project: str | os.PathLike[str] | None = None, *, model: str | os.PathLike[str] | None = None,
          device: str | None = None, threads: int = 0, force: bool = False, dry_run: bool = False,
          confirm: bool = False, brp: str = GAME, progress: ProgressLike = False,
          cancel: Cancel | None = None) -> dict[str, Any]:
    """Make the wished-for assets of dgx-pixels.json that are missing or whose wish changed.

    Each is deployed when it is painted, so a build that is stopped goes on where it was.  `force` makes
    those anew that were edited by hand; `dry_run` says what would be made.  Returns {"project", "made",
    "due", "files", "warnings"}; Ctrl-C stops within a step.
    """
    find_torch()
    reporter = Reporter(show_progress() if progress is True else progress or None)
    token = cancel or Cancel()
    game = Asked(brp, token) if confirm else None
    loading = params(_abi.dgxp_model_params, device=device.encode() if device else None, threads=threads)
    options = params(
        _abi.dgxp_build_params, force=int(force), dry_run=int(dry_run),
        project=path_bytes(project) if project is not None else None,
        model=path_bytes(model) if model is not None else None, model_params=ctypes.pointer(loading),
        progress=reporter.callback, cancel=token.handle, game=game.pointer if game else None)
    out = c_void_p()
    report: dict[str, Any] = {}
    with interruptible(token):
        try:
            lib.dgxp_build(byref(options), byref(out))
        except DgxPixelsError as error:
            if not (reporter.error and isinstance(error, Cancelled)):
                raise
        finally:
            if out.value:
                report = take_document(out)
    if reporter.error is not None:
        raise reporter.error
    return report
