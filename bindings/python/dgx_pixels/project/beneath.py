# SPDX-License-Identifier: MIT OR Apache-2.0
"""Paths that must stay below one folder: rules for their names, and folders opened without any link.

The rules are those of the C library (src/core/beneath.c), so a project looks the same whoever deploys.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import unicodedata
from typing import Any

from ..errors import InputOutputError, InvalidArgument, LimitExceeded, Mismatch, NotFound

PATH_MAX, NAME_MAX = 1024, 200  # bytes of UTF-8
DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{kind}{number}" for kind in ("com", "lpt") for number in range(1, 10)])
INVISIBLE = frozenset(["Cc", "Cf", "Zl", "Zp", "Cn", "Co"])

# Where the system can open a name relative to an open folder, nothing that is swapped meanwhile leads
# outside.  Windows cannot: there each step is looked at just before it is used.
RELATIVE = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd


def _fault_of_name(name: str) -> str | None:
    if not name:
        return "has an empty name in it"
    if name.startswith("."):
        return "leaves its folder with '..'" if name == ".." else "has a name that begins with a dot"
    if len(name.encode()) > NAME_MAX:
        return "has a name of more than 200 bytes"
    if name[-1] in ". " or name[0] == " ":
        return "has a name that begins or ends with a blank, or ends with a dot"
    if name.partition(".")[0].rstrip(" ").lower() in DEVICES:
        return "has a name that is a device on Windows"
    return None


def _fault_of_characters(path: str) -> str | None:
    for character in path:
        category = unicodedata.category(character)
        if category == "Cs":
            return "is not UTF-8"
        if category in INVISIBLE:
            return "has an invisible or control character"
        if character in '\\:*?"<>|#%':
            return 'has one of \\ : * ? " < > | # %'
    return None


def check(path: str, *, folder: bool = False) -> None:
    """Refuse a path that is not a plain relative one on every system; "" is the root of a `folder`."""
    if not path and folder:
        return
    size = len(path.encode("utf-8", "surrogatepass"))
    if size > PATH_MAX:
        raise InvalidArgument(f"'{path[:60]}…': a path of {size} bytes; at most {PATH_MAX}")
    fault = "is absolute" if path.startswith("/") else _fault_of_characters(path)
    if not fault:
        names = (path[:-1] if folder and path.endswith("/") else path).split("/")
        fault = next(filter(None, map(_fault_of_name, names)), None)
    if fault:
        raise InvalidArgument(f"'{path}': {fault}; name a place inside assets/, as in sprites/knight.png")


def key(name: str) -> str:
    """What names have in common that are one file where case or the way of writing accents is ignored."""
    folded = unicodedata.normalize("NFD", name.casefold()).casefold()
    return unicodedata.normalize("NFC", folded)


def _is_link(about: os.stat_result) -> bool:
    tag = getattr(about, "st_reparse_tag", 0)  # Windows: links and junctions
    return stat.S_ISLNK(about.st_mode) or tag in (0xA0000003, 0xA000000C)


class Folder:
    """An open folder.  Names given to its methods are single names, never followed when they are links."""

    def __init__(self, path: str, fd: int | None, shown: str) -> None:
        self.path, self.shown = path, shown  # `shown` is what errors call it
        self._fd = fd

    @classmethod
    def open(cls, path: str, shown: str | None = None) -> Folder:
        """The root, which may be reached through links."""
        flags = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
        try:
            return cls(path, os.open(path, flags) if RELATIVE else None, shown or path)
        except OSError as error:
            raise InputOutputError(f"{path}: cannot open: {error.strerror}") from None

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _at(self, name: str) -> tuple[str, dict[str, Any]]:
        """How the os module is told of `name` in this folder."""
        return (name, {"dir_fd": self._fd}) if self._fd is not None else (os.path.join(self.path, name), {})

    def _pair(self, name: str, other: Folder, target: str) -> tuple[str, str, dict[str, Any]]:
        source, _ = self._at(name)
        place, _ = other._at(target)
        return source, place, ({} if self._fd is None
                               else {"src_dir_fd": self._fd, "dst_dir_fd": other._fd})

    def failed(self, name: str, doing: str, error: OSError) -> Exception:
        where = f"{self.shown}/{name}" if self.shown and name else self.shown or name
        if error.errno == errno.ELOOP:
            return Mismatch(f"{where}: is a symbolic link; links are never followed or replaced here")
        kind = NotFound if error.errno == errno.ENOENT else InputOutputError
        return kind(f"{where}: cannot {doing}: {error.strerror or error}")

    # -------------------------------------------------------------------------------- looking

    def about(self, name: str) -> os.stat_result | None:
        """Of the name itself, not of what a link points to; None when there is nothing."""
        path, at = self._at(name)
        try:
            return os.stat(path, follow_symlinks=False, **at)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self.failed(name, "look at it", error) from None

    def names(self) -> list[str]:
        try:
            return os.listdir(self.path if self._fd is None else self._fd)
        except OSError as error:
            raise self.failed("", "list", error) from None

    def refuse_clash(self, name: str) -> None:
        """Refuse a new `name` beside one that differs only in case or accents."""
        wanted = key(name)
        for other in self.names():
            if other != name and key(other) == wanted:
                raise Mismatch(
                    f"{self.shown}/{name}: '{other}' is there and differs only in case or accents; on "
                    "Windows and macOS they are one file: use that name")

    def _exact(self, name: str) -> None:
        """Where the disk ignores case, the name that is there must be the very one that is asked for."""
        if name not in self.names():
            self.refuse_clash(name)

    # -------------------------------------------------------------------------------- folders

    def enter(self, name: str, *, make: bool = False, shown: str | None = None) -> Folder:
        """The folder `name` in this one, not through a link; `make` makes a missing one."""
        path, at = self._at(name)
        shown = self.shown if shown is None else shown
        about = self.about(name)
        if about is None and make:
            self.refuse_clash(name)
            try:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(path, **at)
            except OSError as error:
                raise self.failed(name, "make the folder", error) from None
            about = self.about(name)
        if about is not None and _is_link(about):
            raise self.failed(name, "open the folder", OSError(errno.ELOOP, "a link"))
        if about is not None and not stat.S_ISDIR(about.st_mode):
            raise self.failed(name, "open the folder", NotADirectoryError(errno.ENOTDIR, "Not a directory"))
        if about is not None:
            self._exact(name)
        try:
            if self._fd is None:
                if about is None:
                    raise FileNotFoundError(errno.ENOENT, "No such file or directory")
                return Folder(path, None, shown)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            return Folder(os.path.join(self.path, name), os.open(path, flags, **at), shown)
        except OSError as error:
            raise self.failed(name, "open the folder", error) from None

    def descend(self, path: str, *, make: bool = False) -> Folder:
        """The folder at a path that check() has passed, one name at a time; "" is a second handle."""
        check(path, folder=True)
        fd = os.dup(self._fd) if self._fd is not None else None
        at = Folder(self.path, fd, self.shown)
        for name in filter(None, path.split("/")):
            try:
                deeper = at.enter(name, make=make)
            finally:
                at.close()
            at = deeper
        return at

    # ---------------------------------------------------------------------------------- files

    def read(self, name: str, limit: int) -> bytes:
        """A regular file of at most `limit` bytes; NotFound, or Mismatch when it is something else."""
        about = self.about(name)
        if about is not None and _is_link(about):
            raise self.failed(name, "open", OSError(errno.ELOOP, "a link"))
        if about is not None and not stat.S_ISREG(about.st_mode):
            raise Mismatch(f"{self.shown}/{name}: is a folder or a device, not a file")
        if about is not None:
            self._exact(name)
        path, at = self._at(name)
        flags = (os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
                 | getattr(os, "O_BINARY", 0))
        try:
            with os.fdopen(os.open(path, flags, **at), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size > limit:
                    raise LimitExceeded(f"{self.shown}/{name}: has {size} bytes; the limit is {limit}")
                return file.read()
        except LimitExceeded:
            raise
        except OSError as error:
            raise self.failed(name, "open", error) from None

    def create(self, name: str, data: bytes) -> None:
        """A new file with these bytes, synced to the disk; on failure nothing is left."""
        path, at = self._at(name)
        flags = (os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
                 | getattr(os, "O_BINARY", 0))
        try:
            fd = os.open(path, flags, 0o666, **at)
        except OSError as error:
            raise self.failed(name, "create", error) from None
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except BaseException as error:
            self.remove(name)
            if isinstance(error, OSError):
                raise self.failed(name, "write", error) from None
            raise

    def remove(self, name: str, *, needed: bool = False) -> None:
        path, at = self._at(name)
        try:
            os.unlink(path, **at)
        except OSError as error:
            if needed:
                raise self.failed(name, "remove", error) from None

    def remove_folder(self, name: str) -> None:
        """An empty one; OSError when something is in it."""
        path, at = self._at(name)
        os.rmdir(path, **at)

    def link(self, name: str, other: Folder, target: str) -> bool:
        """Give the file a second name in another folder; False where that cannot be."""
        source, place, at = self._pair(name, other, target)
        try:
            os.link(source, place, **at, **({"follow_symlinks": False} if sys.platform != "win32" else {}))
        except (OSError, NotImplementedError):
            return False
        return True

    def move_new(self, name: str, other: Folder, target: str) -> None:
        """Into another folder under a name that is free; FileExistsError when it is not."""
        source, place, at = self._pair(name, other, target)
        if sys.platform == "win32":
            os.rename(source, place)  # refuses to replace
            return
        try:
            os.link(source, place, **at, follow_symlinks=False)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                raise
            if other.about(target) is not None:  # a disk without links: looked at just before
                raise FileExistsError(errno.EEXIST, "it is there") from None
            os.rename(source, place, **at)
        else:
            self.remove(name)

    def move_over(self, name: str, other: Folder, target: str) -> None:
        """Into another folder, replacing what is there."""
        source, place, at = self._pair(name, other, target)
        os.replace(source, place, **at)

    def sync(self) -> None:
        """New names reach the disk, where a folder can be told to."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.fsync(self._fd)
