# SPDX-License-Identifier: MIT OR Apache-2.0
"""Whether a running game has the new pixels: the Bevy Remote Protocol (docs/deploy.md)."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Sequence
from typing import Any

GAME = "http://127.0.0.1:15702/"
PATIENCE = 5.0  # seconds; Bevy's watcher waits 0.3 s for silence
NO_METHOD = -32601

NOBODY = ("no game answers: start it with RemotePlugin and RemoteHttpPlugin, or name its address "
          "(`brp`)")
NO_PLUGIN = ("the game runs without the plugin DgxPixelsPlugin (crate dgx-pixels-bevy, feature brp); its "
             "watcher may have reloaded the file")


class GameError(Exception):
    """`gone` when nobody listens at all."""

    def __init__(self, reason: str, *, gone: bool = False) -> None:
        super().__init__(reason)
        self.gone = gone


class Game:
    """A game that answers at `url`, with the plugin of dgx-pixels-bevy."""

    def __init__(self, url: str = GAME) -> None:
        self.url = url
        # The game runs here, whatever http_proxy says.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, method: str, params: Any = None) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        try:
            with self._opener.open(request, timeout=3) as answer:
                told = json.loads(answer.read(16 << 20))
        except OSError as error:
            cause = getattr(error, "reason", error)
            if isinstance(cause, ConnectionRefusedError):
                raise GameError(NOBODY, gone=True) from None
            raise GameError(str(cause)) from None
        except ValueError:
            told = None
        if not isinstance(told, dict) or ("error" not in told and "result" not in told):
            raise GameError("what listens there does not speak the Bevy Remote Protocol")
        if "error" in told:
            fault = told["error"] if isinstance(told["error"], dict) else {}
            raise GameError(NO_PLUGIN if fault.get("code") == NO_METHOD
                            else str(fault.get("message", "an error")))
        return told["result"]

    def status(self, path: str | None = None) -> dict[str, Any]:
        """{"plugin", "bevy", "watching", "images"}."""
        told = self.ask("dgx_pixels/status", {"path": path} if path else None)
        return told if isinstance(told, dict) else {}

    def image(self, path: str) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        """What the game holds under a path, or None; and what it says of itself."""
        told = self.status(path)
        found = (image for image in told.get("images") or [] if image.get("path") == path)
        return next(found, None), told

    def generations(self, paths: Sequence[str]) -> dict[str, int]:
        """How often each was loaded; what cannot be asked is left out."""
        found = {}
        for path in paths:
            try:
                image, _ = self.image(path)
            except GameError as error:
                if error.gone:
                    break  # nobody is there: the others need not wait for it
                continue
            if image:
                found[path] = int(image.get("generation") or 0)
        return found


def _why(image: dict[str, Any], watching: bool, before: int) -> str:
    if image.get("error"):
        return f"the game could not load it: {image['error']}"
    if image.get("state") == "loading":
        return "the game is still loading it"
    if image.get("hash") is None:
        return ("the game's pixels cannot be read: they are not RGBA8 or only on the GPU "
                "(RenderAssetUsages without MAIN_WORLD)")
    if int(image.get("generation") or 0) > before:
        return ("the game reloaded it, but has other pixels: was it deployed into the assets of that game?")
    if not watching:
        return ("the game does not watch its files (Bevy's feature file_watcher) and did not reload it when "
                "it was asked to")
    return "the game watches its files but did not reload it: does it run from another folder?"


def _absent(told: dict[str, Any], file: dict[str, Any], assets: str) -> tuple[str, str]:
    """A game that has not loaded the path: it may not have come to it yet, or be another game."""
    theirs = told.get("assets")
    known = isinstance(theirs, str) and os.path.isdir(theirs)
    same = known and os.path.realpath(str(theirs)) == os.path.realpath(assets)
    if known and not same:
        return "unconfirmed", (f"another game answers, whose assets are in {theirs}; name the address of "
                               "yours (`brp`)")
    return ("waiting" if same or file["action"] == "new" else "unconfirmed",
            "the game has not loaded this path; it will find the new file when it does")


def _has(image: dict[str, Any], file: dict[str, Any]) -> bool:
    """The same bytes may be another kind of texture: an array of tiles, or one picture."""
    shape = ("layers",) if file["layers"] > 1 else ("layers", "width", "height")
    return (image.get("state") == "loaded" and image.get("hash") == file["pixels"]
            and all(image.get(key) == file[key] for key in shape))


def _wait(game: Game, file: dict[str, Any], before: int, assets: str) -> tuple[str, str]:
    """Poll until the pixels are there or patience ends; the last answer as state and reason."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            image, told = game.image(file["path"])
        except GameError as error:
            return "unconfirmed", str(error)
        if image is None:
            return _absent(told, file, assets)
        if _has(image, file):
            return "confirmed", "the game has the new pixels"
        if time.monotonic() > end:
            return "unconfirmed", _why(image, bool(told.get("watching")), before)
        time.sleep(0.1)


def _confirm(game: Game, file: dict[str, Any], before: int, assets: str) -> dict[str, str]:
    state, reason = _wait(game, file, before, assets)
    if state == "unconfirmed":
        try:
            known = game.ask("dgx_pixels/reload", {"path": file["path"]})
        except GameError:
            known = None
        if isinstance(known, dict) and known.get("known") is True:
            state, reason = _wait(game, file, before, assets)
            reason += ", after it was asked to reload" if state == "confirmed" else ""
    return {"state": state, "reason": reason}


def confirm(game: Game, report: dict[str, Any], before: dict[str, int]) -> bool:
    """Put "confirmed" into each picture's entry of a deployment's report; True when all are, or wait for
    the game to come to them.

    Waits up to 5 s for the game's watcher and 5 s after a forced reload.
    """
    pictures = [file for file in report["files"] if file.get("pixels")]
    assets = os.path.join(report["project"], report["assets"])
    for file in pictures:
        file["confirmed"] = _confirm(game, file, before.get(file["path"], 0), assets)
    return all(file["confirmed"]["state"] != "unconfirmed" for file in pictures)
