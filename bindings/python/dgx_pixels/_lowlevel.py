# SPDX-License-Identifier: MIT OR Apache-2.0
"""The C library through ctypes: found and opened at the first call, every status checked.

`lib.dgxp_image_load(path, byref(handle))` either works or raises.  Signatures are in `_abi`, which is
written from the header.  ctypes lets go of the GIL in every call.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import json
import os
import re
import sys
import threading
from collections.abc import Callable
from ctypes import byref, c_int32, c_size_t, c_void_p
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from . import _abi
from .errors import BY_STATUS, BackendError, InternalError, Unsupported

PACKAGE = Path(__file__).resolve().parent
T = TypeVar("T", bound=ctypes.Structure)


def candidates() -> list[str]:
    """Where the library may be, in the order in which it is looked for."""
    given = os.environ.get("DGX_PIXELS_LIBRARY")
    if given:
        return [given]
    found = [str(PACKAGE / "_lib/libdgxpixels.so")]
    checkout = PACKAGE.parents[2]
    if (checkout / "include/dgxpixels.h").exists():
        found.append(str(checkout / "build/release/lib/libdgxpixels.so"))
    return [*found, ctypes.util.find_library("dgxpixels") or "libdgxpixels.so.0"]


class Library:
    """Every `dgxp_*` function as an attribute, bound when it is first used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cdll: ctypes.CDLL | None = None

    def _open(self) -> ctypes.CDLL:
        with self._lock:
            if self._cdll is None:
                failures = []
                for path in candidates():
                    try:
                        self._cdll = ctypes.CDLL(path)
                        break
                    except OSError as error:
                        failures.append(f"{path}: {error}")
                else:
                    raise BackendError(
                        "libdgxpixels.so cannot be loaded: run 'make build', install the wheel, or set "
                        "DGX_PIXELS_LIBRARY to the file. Tried:\n  " + "\n  ".join(failures))
            return self._cdll

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in _abi.FUNCTIONS:
            if name.startswith("dgxp_"):
                raise Unsupported(f"this version of the library has no {name}()")
            raise AttributeError(name)
        cdll = self._open()
        result, arguments = _abi.FUNCTIONS[name]
        try:
            function = cdll[name]  # an object of its own: signatures are not shared
        except AttributeError:
            raise BackendError(f"{cdll._name} is older than this package: it lacks {name}") from None
        function.argtypes = arguments
        function.restype = c_int32 if result == "status" else result
        if result == "status":
            function.errcheck = _check  # type: ignore[assignment]
        setattr(self, name, function)
        return function

    @property
    def path(self) -> str:
        """The file that was opened."""
        return str(self._open()._name)


def _check(status: int, function: Any, arguments: tuple[Any, ...]) -> int:
    if status != _abi.OK:
        text = (lib.dgxp_last_error() or b"").decode("utf-8", "replace")
        text = re.sub(r"^dgxp_\w+: ", "", text)  # the C function: for C programmers only
        raise BY_STATUS.get(status, InternalError)(text or f"status {status}")
    return status


lib = Library()


def find_torch() -> None:
    """Tell the library where torch is installed, unless the user or `make setup` did.

    Nothing of torch is imported.
    """
    if "DGX_PIXELS_TORCH_DIR" in os.environ or (Path(lib.path).parent / "torch.path").exists():
        return
    spec = importlib.util.find_spec("torch")
    if spec and spec.submodule_search_locations:
        os.environ["DGX_PIXELS_TORCH_DIR"] = spec.submodule_search_locations[0]


# ------------------------------------------------------------------------------------ small things


def path_bytes(path: str | os.PathLike[str]) -> bytes:
    return os.fsencode(os.fspath(path))


def text_bytes(text: str | None) -> bytes | None:
    if text is None:
        return None
    if "\0" in text:
        raise ValueError("text must not hold a NUL character")
    return text.encode()


def params(kind: type[T], /, **values: Any) -> T:
    """A dgxp_*_params with its size and the values that are not None; unknown names are refused."""
    made = kind()
    setattr(made, "struct_size", ctypes.sizeof(kind))
    known = {field[0] for field in kind._fields_}
    for name, value in values.items():
        if name not in known:
            raise TypeError(f"{kind.__name__} has no field '{name}': it has {', '.join(sorted(known))}")
        if value is not None:
            setattr(made, name, value)
    return made


_choices: dict[str, dict[str, int]] = {}


def choices(enum: str) -> dict[str, int]:
    """The names and values of an enum: choices("sampler") is {"auto": 0, "euler": 1, …}."""
    if enum not in _choices:
        count = c_int32()
        rows = lib.dgxp_choices(enum.encode(), byref(count))
        if not rows:
            raise ValueError(f"the library has no list of '{enum}'")
        _choices[enum] = {rows[i].name.decode(): rows[i].value for i in range(count.value)}
    return _choices[enum]


def choice(enum: str, value: str | int | None) -> int:
    """The value behind a name; None is 0, the default."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value
    known = choices(enum)
    if value not in known:
        raise ValueError(f"no {enum} '{value}': it is one of {', '.join(known)}")
    return known[value]


class Handle:
    """A C object.  Freed by close(), at the end of a `with`, or with the last reference."""

    _free: ClassVar[str]

    def __init__(self, pointer: int | None, owner: object = None) -> None:
        self._pointer = pointer
        self._owner = owner  # a borrowed handle keeps what it belongs to
        self._process = os.getpid()

    @property
    def handle(self) -> int:
        if not self._pointer:
            raise ValueError(f"this {type(self).__name__} is closed")
        return self._pointer

    # ctypes takes the object itself for a pointer, which also keeps it alive during the call.
    _as_parameter_ = handle

    @property
    def closed(self) -> bool:
        return not self._pointer

    def close(self) -> None:
        """Free it now; a second call does nothing."""
        pointer, self._pointer = self._pointer, None
        # A forked child has the same numbers but must not free what the parent still uses.
        if pointer and self._owner is None and os.getpid() == self._process:
            getattr(lib, self._free)(pointer)
        self._owner = None

    def __del__(self, ending: Callable[[], bool] = sys.is_finalizing) -> None:
        if getattr(self, "_pointer", None) and not ending():
            self.close()

    def __enter__(self: H) -> H:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


H = TypeVar("H", bound=Handle)


def take_document(document: c_void_p) -> Any:
    """Read and free a dgxp_document."""
    try:
        return json.loads(lib.dgxp_document_text(document))
    finally:
        lib.dgxp_document_free(document)


def document(function: Callable[..., Any], *arguments: Any) -> Any:
    """The JSON that a function fills into its last argument."""
    out = c_void_p()
    function(*arguments, byref(out))
    return take_document(out)


def take_bytes(function: Callable[..., Any], *arguments: Any) -> bytes:
    """The bytes that a function fills into its last two arguments."""
    block = ctypes.POINTER(ctypes.c_uint8)()
    size = c_size_t()
    function(*arguments, byref(block), byref(size))
    try:
        return ctypes.string_at(block, size.value)
    finally:
        lib.dgxp_bytes_free(block)
