# SPDX-License-Identifier: MIT OR Apache-2.0
"""Into a Bevy project, and asking the running game whether it arrived."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from ctypes import byref
from typing import Any

from . import _abi
from ._lowlevel import choice, document, lib, params, path_bytes
from .image import Image
from .result import Result

# A file's path, or something in memory with the name that it gets.
Files = (str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
         | Mapping[str, "bytes | Image | Result"])


def deploy(files: Files, *, project: str | os.PathLike[str] | None = None, to: str | None = None,
           tile: int | tuple[int, int] = 0, array: bool = False, meta: str | int | None = None,
           force: bool = False, sidecar: bool = True, dry_run: bool = False) -> dict[str, Any]:
    """Put files into a Bevy project's assets/, all or none.

    `files` is a path, paths, or {"knight.png": a Result, an Image or bytes}.  `project` is the game's
    folder (None: from the working folder upwards).  `to` is a folder inside assets/, or of one file
    its new name.  `tile` (pixels) makes a tile set, with `array` one that Bevy cuts into an array texture
    (for TilemapChunk).  Files that were not deployed by us are replaced only with `force`.  Returns {"project", "deployment", "files": [{"path", "action", "load", …}],
    "warnings"}.
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
    options = params(_abi.dgxp_deploy_params, meta=choice("meta", meta), tile_width=width,
                     tile_height=height, force=int(force), no_sidecar=int(not sidecar),
                     dry_run=int(dry_run), project=path_bytes(project) if project else None,
                     to=to.encode() if to else None, array=int(array))
    made: dict[str, Any] = document(lib.dgxp_deploy, table, len(entries), byref(options))
    return made


def undo_deploy(project: str | os.PathLike[str] | None = None, *, force: bool = False) -> Any:
    """Take back the last deployment; may be called again for the one before, up to 16."""
    return document(lib.dgxp_deploy_undo, path_bytes(project) if project else None, int(force))
