# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a running game builds on: a deployment may not change what a file is beneath its users.

The rules and the sentences are the C library's (src/game/dependants.c).
"""

from __future__ import annotations

from typing import Any

from ..errors import Mismatch
from .payload import Payload

INSTEAD = "; deploy it under another name, or `force` (the game may stop)"
Entry = dict[str, Any]


def _shape(entry: Entry) -> str:
    if entry.get("array") is True:
        return "an array of tiles"
    return {"sheet": "a sheet", "file": "a file"}.get(str(entry.get("kind")), "a picture")


def _number(entry: Entry, field: str) -> int:
    value = entry.get(field)
    return value if isinstance(value, int) else 0


def _check_kind(path: str, old: Entry, now: Entry) -> None:
    if _shape(old) != _shape(now):
        raise Mismatch(f"{path}: is {_shape(old)} and would become {_shape(now)}, which a game that shows it "
                       f"cannot follow{INSTEAD}")
    if old.get("array") is not True:
        return
    had, has = ([_number(entry, "columns") * _number(entry, "rows"), _number(entry, "tile_width"),
                 _number(entry, "tile_height")] for entry in (old, now))
    if had[1:] != has[1:] or has[0] < had[0]:
        raise Mismatch(f"{path}: is an array of {had[0]} tiles of {had[1]}x{had[2]} and would become one of "
                       f"{has[0]} of {has[1]}x{has[2]}, which a map that shows it cannot follow{INSTEAD}")


def _check_sheet(path: str, sheet: Entry, picture: Entry | None) -> None:
    """Frames are places in a picture of one size; in another they show anything."""
    if not picture or "width" not in picture:
        return  # not deployed; said as a warning
    if picture.get("kind") == "tileset":
        raise Mismatch(f"{path}: this sheet stands on {sheet['image']}, which would become a tile set{INSTEAD}")
    made, now = ((_number(entry, "width"), _number(entry, "height")) for entry in (sheet, picture))
    if made != now:
        raise Mismatch(f"{path}: this sheet is made for a picture of {made[0]}x{made[1]} pixels, and "
                       f"{sheet['image']} would have {now[0]}x{now[1]}; deploy sheet and picture together, or "
                       "`force` (the game may stop)")


def check(entries: dict[str, Entry], payloads: list[Payload]) -> None:
    """Refuse what a game that runs could not follow; what is deployed together is looked at together."""
    new = {item.path: item.entry for item in payloads}
    after = {**entries, **new}
    for path, entry in new.items():
        if path in entries:
            _check_kind(path, entries[path], entry)
        if entry.get("image"):
            _check_sheet(path, entry, after.get(entry["image"]))
    for path, entry in entries.items():
        if entry.get("image") in new and path not in new:
            _check_sheet(path, entry, after.get(entry["image"]))
