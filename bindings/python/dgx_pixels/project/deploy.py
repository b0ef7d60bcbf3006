# SPDX-License-Identifier: MIT OR Apache-2.0
"""Files into a project's assets, all or none."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import InvalidArgument, LimitExceeded, NotFound
from . import beneath, dependants, payload, texts
from .brp import GAME, Game, confirm as confirm_all
from .payload import Payload
from .stage import RECIPES, Stage, Write, is_recipe

SETTINGS = "dgx-pixels.json"
FILES_MAX = 65536
WATCHER = ("Cargo.toml does not ask for Bevy's feature 'file_watcher': a running game will not see new "
           "files; try: cargo add bevy --features file_watcher")


class HasPng(Protocol):
    """What Client.generate() returns."""

    @property
    def png(self) -> bytes: ...


Files = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Mapping[str, "bytes | HasPng"]


# ------------------------------------------------------------------------------------ the project


def _is_project(folder: str) -> bool:
    return os.path.isfile(os.path.join(folder, SETTINGS)) or _holds_package(folder)


def _holds_package(folder: str) -> bool:
    """A Cargo.toml that is no more than the list of a workspace's members is no game."""
    try:
        with open(os.path.join(folder, "Cargo.toml"), encoding="utf-8", errors="replace") as file:
            lines = file.read(4 << 20).splitlines()
    except OSError:
        return False
    return not any(line.startswith("[workspace") for line in lines) or any(
        line.startswith("[package]") for line in lines)


def find_project(path: str | os.PathLike[str] | None) -> str:
    """`path` itself, or None: from the working folder upwards."""
    start = os.path.realpath(path or ".")
    if not os.path.isdir(start):
        raise NotFound(f"{start}: there is no such folder")
    folder = start
    while not _is_project(folder):
        above = os.path.dirname(folder)
        if path is not None or above == folder:
            where = "" if path is not None else " or in any folder above"
            what = ("is a workspace's folder and no game" if os.path.isfile(os.path.join(start, "Cargo.toml"))
                    else f"no Cargo.toml and no {SETTINGS} here{where}")
            raise NotFound(f"{start}: {what}; name the game's folder (`project`), or run "
                           "`dgx-pixels init` in it")
        folder = above
    return folder


def _assets_of(folder: str) -> str:
    """"assets_folder" of the project file, else "assets"."""
    path = os.path.join(folder, SETTINGS)
    if not os.path.isfile(path):
        return "assets"
    with open(path, "rb") as file:
        root = texts.Field(path, texts.parse(path, file.read(16 << 20))).of(dict, "an object")
    assets = root.text("assets_folder", beneath.PATH_MAX, "assets")
    try:
        beneath.check(assets)
    except InvalidArgument:
        raise root.refuse(f"has the assets_folder '{assets[:200]}'; it must be a folder in the project") from None
    return assets


def _asks_for_watcher(folder: str) -> bool | None:
    """None when there is no Cargo.toml.  A look at words: a false yes only loses a warning."""
    try:
        with open(os.path.join(folder, "Cargo.toml"), encoding="utf-8", errors="replace") as file:
            code = [line.partition("#")[0] for line in file.read(4 << 20).splitlines()]
    except OSError:
        return None
    return any('file_watcher"' in line or '"dev"' in line for line in code)


def warn_of_watcher(folder: str) -> str | None:
    """What would keep a running game from reloading files; the workspace's Cargo.toml counts too."""
    found = _asks_for_watcher(folder)
    while found is False and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
        found = _asks_for_watcher(folder) or False
    return WATCHER if found is False else None


# --------------------------------------------------------------------------------------- planning


@dataclass
class Plan:
    """One file and its writes; .meta and sidecar may be absent."""

    payload: Payload
    main: Write
    meta: Write | None
    sidecar: Write | None


def _plan(stage: Stage, payloads: list[Payload], force: bool) -> tuple[list[Plan], list[Write]]:
    """All .meta files first: a picture must not be seen before its settings.  Then sidecars, then
    pictures, then what refers to pictures."""
    plans = []
    for item in payloads:
        plans.append(Plan(
            item, Write(item.path, item.data, stage.known(item.path, "sha256"), force=force),
            # An edited .meta is never replaced.
            Write(item.meta_path, item.meta, stage.known(item.path, "meta"), yields=True) if item.meta else None,
            Write(item.sidecar_path, item.sidecar, stage.known(item.path, "sidecar"), force=force,
                  yields=True) if item.sidecar else None))
    ordered = [plan.meta for plan in plans] + [plan.sidecar for plan in plans]
    ordered += [plan.main for plan in plans if plan.payload.pixels]
    ordered += [plan.main for plan in plans if not plan.payload.pixels]
    return plans, [write for write in ordered if write]


def _changes(stage: Stage, plans: list[Plan]) -> dict[str, Any]:
    """Only entries that differ from the lock's: deploying the same again records nothing."""
    found = {}
    for plan in plans:
        entry = plan.payload.entry
        for name, write in (("meta", plan.meta), ("sidecar", plan.sidecar)):
            value = write.hash if write and write.act != "kept" else stage.known(plan.payload.path, name)
            if value:
                entry[name] = value
        if stage.entries.get(plan.payload.path) != entry:
            found[plan.payload.path] = entry
    return found


def _describe(plan: Plan) -> dict[str, Any]:
    item = plan.payload
    told = {"path": item.path, "kind": item.entry["kind"], "action": plan.main.act,
            "sha256": item.entry["sha256"]}
    if item.pixels:
        told.update(width=item.entry["width"], height=item.entry["height"], layers=item.layers,
                    pixels=item.pixels)
    for name, write in (("meta", plan.meta), ("sidecar", plan.sidecar)):
        if write:
            told[name] = write.act
    return {**told, "load": f'asset_server.load("{item.path}")'}


def _warnings(stage: Stage, plans: list[Plan]) -> list[str]:
    found = []
    deployed = {*stage.entries, *(plan.payload.path for plan in plans)}
    for plan in plans:
        item = plan.payload
        if plan.meta and plan.meta.act == "kept":
            tiles = "; the tile set needs its array_layout" if "array" in item.entry else ""
            found.append(f"{item.meta_path} was edited by hand and stays as it is{tiles}")
        if plan.sidecar and plan.sidecar.act == "kept":
            found.append(f"{item.sidecar_path} was edited by hand and stays as it is")
        image = item.entry.get("image")
        if image and image not in deployed:
            found.append(f"{item.path} shows a picture that was not deployed: {image}")
    watcher = warn_of_watcher(stage.folder)
    return [*found, watcher] if watcher else found


# ----------------------------------------------------------------------------------- public calls


def _collect(files: Files) -> list[tuple[str, bytes | None]]:
    if isinstance(files, Mapping):
        return [(str(name), bytes(item) if isinstance(item, (bytes, bytearray)) else item.png)
                for name, item in files.items()]
    paths = [files] if isinstance(files, (str, os.PathLike)) else files
    return [(os.fspath(path), None) for path in paths]


def _target(name: str, to: str, alone: bool, assets: str) -> str:
    """TO/NAME, or TO itself when it has the one file's own suffix; `assets/` in front is no second one."""
    name, to = os.path.basename(name), to.removeprefix(f"{assets}/")
    whole = (alone and to and not to.endswith("/") and payload.suffix(name)
             and payload.suffix(to) == payload.suffix(name))
    if not whole and not to.endswith("/") and payload.suffix(to) == "png":
        raise InvalidArgument(f"'{to}': is the name of one picture, but {name if alone else 'more than one file'} "
                              "is deployed; a folder's name ends with '/'")
    target = to if whole else f"{to}{'/' if to and not to.endswith('/') else ''}{name}"
    beneath.check(target)
    if is_recipe(target):
        raise InvalidArgument(f"'{target}': {RECIPES}/ is where recipes are kept; choose another folder")
    return target


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read((1 << 30) + 1)
    except FileNotFoundError:
        raise NotFound(f"{path}: there is no such file") from None
    if len(data) > 1 << 30:
        raise LimitExceeded(f"{path}: has more than {1 << 30} bytes")
    return data


def deploy(files: Files, *, project: str | os.PathLike[str] | None = None, to: str | None = None,
           tile: int | tuple[int, int] = 0, array: bool = False, meta: str = "nearest", force: bool = False,
           sidecar: bool = True, dry_run: bool = False, confirm: bool = False,
           brp: str = GAME) -> dict[str, Any]:
    """Put files into a Bevy project's assets/, all or none; the project is on this machine.

    `files` is a path, paths, or {"knight.png": bytes or what Client.generate() returned}.  `project` is
    the game's folder (None: from the working folder upwards).  `to` is a folder inside assets/, or of
    one file its new name.  `tile` (pixels) makes a tile set, with `array` one that Bevy cuts into an
    array texture; `meta` is "nearest" or "none".  Files that were not deployed by us, or would become
    what a sheet or a map cannot follow, are replaced only with `force`.  With `confirm` the running game is asked at
    `brp` whether it has the new pixels.  Returns {"project", "assets", "deployment", "files": [{"path",
    "action", "load", "confirmed": {"state", "reason"}, …}], "warnings"}.
    """
    entries = _collect(files)
    if not 1 <= len(entries) <= FILES_MAX:
        raise InvalidArgument(f"deploy: {len(entries)} files; 1..{FILES_MAX}")
    if meta not in ("nearest", "none"):
        raise InvalidArgument(f"meta '{meta}': 'nearest' or 'none'")
    width, height = tile if isinstance(tile, tuple) else (tile, tile)
    width, height = width or height, height or width
    if not 0 <= width <= payload.SIDE_MAX or not 0 <= height <= payload.SIDE_MAX:
        raise InvalidArgument(f"tile {width}x{height}: 1..{payload.SIDE_MAX} pixels")
    if array and not width:
        raise InvalidArgument("array: how large are its tiles? Give the tile's size with it")
    folder = find_project(project)
    assets = _assets_of(folder)
    payloads = []
    for name, data in entries:
        target = _target(name, to or "", len(entries) == 1, assets)
        size = (width, height) if payload.suffix(name) == "png" else (0, 0)
        payloads.append(payload.make(name, target, _read(name) if data is None else data, tile=size,
                                     array=array, meta=meta == "nearest", sidecar=sidecar))
    game = Game(brp) if confirm and not dry_run else None
    before = game.generations([item.path for item in payloads if item.pixels]) if game else {}
    with Stage(folder, assets) as stage:
        if not force:
            dependants.check(stage.entries, payloads)
        plans, writes = _plan(stage, payloads, force)
        stage.check(writes)
        changes = _changes(stage, plans)
        number = 0 if dry_run else stage.commit(writes, changes)
        told = {"project": folder, "assets": assets, "deployment": number,
                "files": [_describe(plan) for plan in plans], "warnings": _warnings(stage, plans)}
    if game:
        confirm_all(game, told, before)
    return told


# One transparent pixel: what stands for a picture that is not painted yet.
PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
                      "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082")


def check_place(to: str, *, project: str | os.PathLike[str] | None = None, force: bool = False,
                count: int = 1) -> None:
    """Raise what deploy() of `count` new pictures to `to` would raise for their place; writes nothing."""
    names = [f"{secrets.token_hex(8)}.png" for _ in range(count)]  # as no file is called
    deploy(dict.fromkeys(names, PIXEL), project=project, to=to, force=force, dry_run=True)


def undo_deploy(project: str | os.PathLike[str] | None = None, *, force: bool = False) -> dict[str, Any]:
    """Take back the last deployment; may be called again for the one before, up to 16."""
    folder = find_project(project)
    with Stage(folder, _assets_of(folder)) as stage:
        record = stage.undo(force)
    return {"project": folder, "deployment": record.get("number"),
            "files": [{"path": write["path"], "action": "restored" if write.get("before") else "removed"}
                      for write in record["writes"]]}
