# SPDX-License-Identifier: MIT OR Apache-2.0
"""Files staged outside the assets and renamed in, with the versions before kept for undo.

The folder `.dgx-pixels`, its records and the lock file are the C library's (src/game/stage.c): either
can take back or finish what the other began.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import BadFormat, Busy, DgxPixelsError, InputOutputError, InvalidArgument, Mismatch, NotFound
from . import beneath, texts
from .beneath import Folder
from .payload import sha256
from .texts import Field

STATE, LOCK, RECIPES = ".dgx-pixels", "dgx-pixels.lock.json", "dgx-pixels.recipes"
WAIT, KEPT = 10.0, 16  # seconds for another deployment; deployments that can be undone
FILE_MAX, RECORD_MAX = 1 << 30, 256 << 20
Act = Literal["new", "replaced", "unchanged", "kept"]
Entries = dict[str, dict[str, Any]]


@dataclass
class Write:
    """One file to put below the assets, or in dgx-pixels.recipes/ beside the lock file."""

    path: str
    data: bytes
    owned: str | None  # the hash that was recorded when we wrote it last
    force: bool = False  # replace it whoever wrote it
    yields: bool = False  # leave somebody else's in place instead of refusing
    act: Act = "new"
    before: str = ""  # of what was there
    hash: str = field(init=False)
    staged: bool = False
    kept: bool = False
    moved: bool = False

    def __post_init__(self) -> None:
        self.hash = sha256(self.data)

    @property
    def writes(self) -> bool:
        return self.act in ("new", "replaced")


def is_recipe(path: str) -> bool:
    """Whether it lies in dgx-pixels.recipes/, so beside the lock file and not below the assets."""
    return path == RECIPES or path.startswith(f"{RECIPES}/")


def _record_name(number: int, *, pending: bool) -> str:
    return f"{number:06d}{'.pending' if pending else ''}.json"


def _kept_name(number: int, index: int) -> str:
    return f"{number:06d}-{index}"


def _try_lock(fd: int) -> bool:
    """Ours until the file is closed; False while somebody else has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError, InterruptedError):
        return False
    return True


def _patiently(move: Callable[[], None]) -> None:
    """Windows refuses to replace a file that somebody reads at this moment."""
    for _ in range(20 if sys.platform == "win32" else 0):
        try:
            return move()
        except PermissionError:
            time.sleep(0.05)
    move()


def _read_entries(shown: str, document: Any) -> Entries:
    """Every path and hash is checked here: they decide what may be overwritten."""
    root = Field(shown, document).of(dict, "an object")
    root.integer("format", 1, 1)
    found: Entries = {}
    root.member("assets", needed=True)
    for entry in root.array("assets", 1 << 20):
        entry.of(dict, "an object")
        path = entry.text("path", beneath.PATH_MAX)
        entry.text("sha256", 64)
        try:
            beneath.check(path)
        except InvalidArgument:
            raise entry.refuse(f"has the path '{path[:200]}', which is none inside assets/") from None
        if path in found:
            raise entry.refuse(f"names '{path}' a second time")
        found[path] = entry.value
    return found


class Stage:
    """The project's assets and `.dgx-pixels/`, locked for this process; use it in a `with`."""

    def __init__(self, folder: str, assets: str) -> None:
        self.folder, self.assets_name = folder, assets
        self.shown = f"{folder}/{assets}"  # for sentences
        self.newest = 0  # the last deployment's number
        self.entries: Entries = {}  # of the lock file
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Stage:
        with contextlib.ExitStack() as opened:
            take = opened.enter_context
            self.root = take(Folder.open(self.folder))
            self.assets = take(self.root.descend(self.assets_name, make=True))
            self.assets.shown = self.shown
            self.state = take(self.root.enter(STATE, make=True))
            self.staging = take(self.state.enter("staging", make=True, shown=f"{STATE}/staging"))
            self.history = take(self.state.enter("history", make=True, shown=f"{STATE}/history"))
            opened.callback(os.close, self._take_guard())
            if self.state.about(".gitignore") is None:  # nobody commits it
                with contextlib.suppress(DgxPixelsError):
                    self.state.create(".gitignore", b"*\n")
            for name in self.staging.names():  # with the guard held, every file there is a dead process's
                if not name.startswith("."):
                    self.staging.remove(name)
            self._load_lock()
            self._recover()
            self._closing = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def _take_guard(self) -> int:
        shown = f"{self.folder}/{STATE}/deploy.lock"
        about = self.state.about("deploy.lock")
        if about is not None and not stat.S_ISREG(about.st_mode):
            raise InputOutputError(f"{shown}: is a link or a folder, not a file")
        path, at = self.state._at("deploy.lock")
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666, **at)
        except OSError as error:
            raise InputOutputError(f"{shown}: cannot open: {error.strerror}") from None
        end = time.monotonic() + WAIT
        while not _try_lock(fd):
            if time.monotonic() > end:
                os.close(fd)
                raise Busy(f"{self.folder}: another deployment has been running for {WAIT:.0f} s; wait for it")
            time.sleep(0.02)
        return fd

    # ------------------------------------------------------------------------------ the lock

    def _load_lock(self) -> None:
        try:
            data = self.root.read(LOCK, RECORD_MAX)
        except NotFound:
            return
        shown = f"{self.folder}/{LOCK}"
        self.entries = _read_entries(shown, texts.parse(shown, data))

    def _save_lock(self, entries: Entries) -> None:
        listed = [entries[path] for path in sorted(entries, key=str.encode)]
        self.staging.remove("lock.json")
        self.staging.create("lock.json", (texts.write({"format": 1, "assets": listed}) + "\n").encode())
        try:
            _patiently(lambda: self.staging.move_over("lock.json", self.root, LOCK))
        except OSError as error:
            self.staging.remove("lock.json")
            raise InputOutputError(f"{self.folder}/{LOCK}: cannot replace: {error.strerror}") from None
        self.entries = entries

    @staticmethod
    def _merged(entries: Entries, changes: dict[str, Any]) -> Entries:
        """`changes` maps paths to entries; None removes one."""
        merged = {path: entry for path, entry in entries.items() if changes.get(path, entry) is not None}
        return {**merged, **{path: entry for path, entry in changes.items() if entry is not None}}

    def known(self, path: str, name: str) -> str | None:
        """A text of a path's entry in the lock."""
        value = self.entries.get(path, {}).get(name)
        return value if isinstance(value, str) else None

    # ------------------------------------------------------------------------------- helpers

    @contextlib.contextmanager
    def _folder_of(self, path: str, *, make: bool = False) -> Iterator[tuple[Folder, str]]:
        beneath.check(path)
        folder, _, name = path.rpartition("/")
        with self._descend(path, folder, make=make) as found:
            yield found, name

    def _descend(self, path: str, folder: str, *, make: bool = False) -> contextlib.AbstractContextManager[Folder]:
        """Recipes lie beside the lock file, everything else below the assets."""
        return (self.root if is_recipe(path) else self.assets).descend(folder, make=make)

    def _shown(self, path: str) -> str:
        """The whole path, for sentences."""
        return f"{self.folder if is_recipe(path) else self.shown}/{path}"

    @staticmethod
    def _hash(folder: Folder, name: str) -> str:
        """Of a file; "" when there is none."""
        try:
            return sha256(folder.read(name, FILE_MAX))
        except NotFound:
            return ""

    def _hash_of(self, path: str) -> str:
        try:
            with self._folder_of(path) as (folder, name):
                return self._hash(folder, name)
        except NotFound:
            return ""

    # --------------------------------------------------------------------------------- check

    def check(self, writes: list[Write]) -> None:
        """Decide what happens to each file; nothing is changed."""
        seen = set()
        for write in writes:
            beneath.check(write.path)
            same = beneath.key(write.path)
            if same in seen:
                raise InvalidArgument(f"{write.path}: two of the files would get this name (case and accents "
                                      "aside); deploy them apart")
            seen.add(same)
            try:
                with self._folder_of(write.path) as (folder, name):
                    write.before = self._hash(folder, name)
                    if not write.before:
                        folder.refuse_clash(name)
            except NotFound:  # a new folder: whether it may be made is seen later
                write.before = ""
            write.act = self._decide(write)

    def _decide(self, write: Write) -> Act:
        if not write.before:
            return "new"
        if write.before == write.hash:
            return "unchanged"
        if write.force or (write.owned and write.before == write.owned):
            return "replaced"
        if write.yields:
            return "kept"
        how = ("was changed since it was deployed; `force`" if write.owned else
               "is there and was not deployed by dgx-pixels; choose another name, or `force`")
        raise Mismatch(f"{self._shown(write.path)}: {how} replaces it (`undo` brings it back)")

    # -------------------------------------------------------------------------------- commit

    def commit(self, writes: list[Write], changes: dict[str, Any]) -> int:
        """All or nothing, in this order; returns the deployment's number, 0 when nothing had to be done."""
        number = self.newest + 1
        if not changes and not any(write.writes for write in writes):
            return 0
        folders = self._folders_to_make(writes)
        try:
            for index, write in enumerate(writes):
                if write.writes:
                    self.staging.create(str(index), write.data)
                    write.staged = True
            for index, write in enumerate(writes):
                if write.act == "replaced":
                    self._keep(write, number, index)
            self._write_record(writes, changes, folders, number)
            for index, write in enumerate(writes):
                if write.writes:
                    self._move_in(write, number, index)
            self._finish(changes, number)
        except BaseException:
            self._forget(writes, folders, number)
            raise
        return number

    def _keep(self, write: Write, number: int, index: int) -> None:
        """A second name for the very file that is replaced; where there are none, a copy of its bytes."""
        kept = _kept_name(number, index)
        with self._folder_of(write.path) as (folder, name):
            self.history.remove(kept)
            if not folder.link(name, self.history, kept):
                self.history.create(kept, folder.read(name, FILE_MAX))
        write.kept = True
        if self._hash(self.history, kept) != write.before:
            raise self._changing(write)

    def _changing(self, write: Write) -> Mismatch:
        return Mismatch(f"{self._shown(write.path)}: is being changed right now; try again")

    def _folders_to_make(self, writes: list[Write]) -> list[str]:
        """Those that the new files need and that are not there, each after the one it lies in."""
        found = []
        for write in writes:
            names = write.path.split("/")[:-1] if write.act == "new" else []
            for folder in ("/".join(names[:end]) for end in range(1, len(names) + 1)):
                if folder in found:
                    continue
                try:
                    with self._descend(write.path, folder):
                        pass
                except NotFound:
                    found.append(folder)
                except (OSError, DgxPixelsError):
                    pass  # moving in will tell
        return found

    def _clear(self, folders: list[Any]) -> None:
        """Remove those of a deployment's new folders that nothing is left in."""
        for path in reversed(folders):
            with contextlib.suppress(OSError, DgxPixelsError), self._folder_of(str(path)) as (folder, name):
                folder.remove_folder(name)

    def _write_record(self, writes: list[Write], changes: dict[str, Any], folders: list[str],
                      number: int) -> None:
        record = {"format": 1, "number": number,
                  "writes": [{"index": index, "path": write.path, "before": write.before or None,
                              "after": write.hash} for index, write in enumerate(writes) if write.writes],
                  "folders": folders,
                  "before": {path: self.entries.get(path) for path in changes}, "after": changes}
        self.history.create(_record_name(number, pending=True), texts.write(record, indent=None).encode())

    def _move_in(self, write: Write, number: int, index: int) -> None:
        with self._folder_of(write.path, make=True) as (folder, name):
            try:
                if write.act == "new":
                    self.staging.move_new(str(index), folder, name)
                else:
                    now, then = folder.about(name), self.history.about(_kept_name(number, index))
                    if (now is None or then is None or not stat.S_ISREG(now.st_mode)
                            or (then.st_nlink > 1 and now.st_ino != then.st_ino)):
                        raise self._changing(write)  # swapped for another file since it was kept
                    _patiently(lambda: self.staging.move_over(str(index), folder, name))
            except FileExistsError:
                raise self._changing(write) from None
            except OSError as error:
                if isinstance(error, DgxPixelsError):
                    raise
                raise InputOutputError(f"{self._shown(write.path)}: {error.strerror or error}") from None
            write.moved, write.staged = True, False
            folder.sync()

    def _finish(self, changes: dict[str, Any], number: int) -> None:
        self._save_lock(self._merged(self.entries, changes))
        with contextlib.suppress(OSError):  # then the next deployment finds it pending, and does this
            self.history.move_over(_record_name(number, pending=True), self.history,
                                   _record_name(number, pending=False))
        self.history.sync()
        self.root.sync()
        self.newest = number
        for name in self.history.names():  # too old to be undone
            found = re.match(r"\d+", name)
            if found and 0 < int(found[0]) <= number - KEPT:
                self.history.remove(name)

    def _forget(self, writes: list[Write], folders: list[str], number: int) -> None:
        """Back to what was there."""
        for index, write in reversed(list(enumerate(writes))):
            if write.moved:
                with (contextlib.suppress(OSError, DgxPixelsError),
                      self._folder_of(write.path) as (folder, name)):
                    if write.act == "new":
                        folder.remove(name)
                    else:
                        self.history.move_over(_kept_name(number, index), folder, name)
                        write.kept = False
            if write.staged:
                self.staging.remove(str(index))
            if write.kept:
                self.history.remove(_kept_name(number, index))
        self._clear(folders)
        self.history.remove(_record_name(number, pending=True))

    # ------------------------------------------------------------------------- recovery, undo

    def _record(self, name: str) -> tuple[dict[str, Any], list[tuple[int, str, str, str]]]:
        """A record and its writes (index, path, before or "", after): a person may have edited them."""
        root = Field(name, texts.parse(name, self.history.read(name, RECORD_MAX))).of(dict, "an object")
        root.member("writes", needed=True)
        rows = []
        for write in root.array("writes", 1 << 20):
            write.of(dict, "an object")
            rows.append((write.integer("index", 0, 1 << 20), write.text("path", beneath.PATH_MAX),
                         write.text("before", 64, ""), write.text("after", 64)))
        for side in ("before", "after"):
            root.object(side)
        return root.value, rows

    def _recover(self) -> None:
        """A killed deployment: what it moved in is ours, and can be taken back."""
        pending = False
        for name in self.history.names():
            found = re.fullmatch(r"(\d+)(\.pending)?\.json", name)
            if found and int(found[1]) > self.newest:
                self.newest, pending = int(found[1]), bool(found[2])
        if not pending:
            return
        name = _record_name(self.newest, pending=True)
        try:
            record, writes = self._record(name)
        except BadFormat:  # killed while the record was written: nothing moved yet
            self.history.remove(name)
            return
        there = {path: record["after"][path] for _, path, _, after in writes
                 if record["after"].get(path) and self._hash_of(path) == after}
        self._save_lock(self._merged(self.entries, there))
        self.history.move_over(name, self.history, _record_name(self.newest, pending=False))

    def undo(self, force: bool) -> dict[str, Any]:
        """Take back the newest deployment; returns its record."""
        if self.newest == 0:
            raise NotFound(f"{self.folder}: no deployment to undo")
        name, number = _record_name(self.newest, pending=False), self.newest
        record, writes = self._record(name)
        for _, path, before, after in writes:
            now = self._hash_of(path)
            if not force and now not in (before, after):
                raise Mismatch(
                    f"{self._shown(path)}: was {'changed' if now else 'removed'} since it was deployed; "
                    "`undo` with `force` takes the deployment back all the same")
        for index, path, before, _ in reversed(writes):  # pictures before their .meta
            self._restore(number, index, path, before)
        self._save_lock(self._merged(self.entries, record["before"]))
        made = record.get("folders")
        self._clear(made if isinstance(made, list) else [])
        for kept in self.history.names():
            if kept.startswith(f"{number:06d}-"):
                self.history.remove(kept)
        self.history.remove(name)  # last, so that a killed undo can be repeated
        self.newest -= 1
        return record

    def _restore(self, number: int, index: int, path: str, before: str) -> None:
        try:
            with self._folder_of(path, make=bool(before)) as (folder, name):
                now = self._hash(folder, name)
                if not before and now:
                    folder.remove(name, needed=True)
                elif before and now != before:
                    data = self.history.read(_kept_name(number, index), FILE_MAX)
                    self.staging.create("undo", data)
                    try:
                        _patiently(lambda: self.staging.move_over("undo", folder, name))
                    except OSError as error:
                        self.staging.remove("undo")
                        raise InputOutputError(
                            f"{self._shown(path)}: cannot replace: {error.strerror}") from None
                folder.sync()
        except NotFound:
            if before:
                raise
            # its folder is gone, and so is the file
