# SPDX-License-Identifier: MIT OR Apache-2.0
"""JSON read as strictly, and written byte for byte, as the C library does.

The lock file, sidecars and records of undo are shared with it: if they differed, two people who deploy
in turns would see files change that nobody touched.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import BadFormat, LimitExceeded

DEPTH = 32
_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise ValueError(f"duplicate object key '{name}'")
        made[name] = value
    return made


def _integer(text: str) -> int:
    value = int(text)
    if not -2**63 <= value < 2**63:
        raise ValueError("too big integer")
    return value


def _real(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("real number overflow")
    return value


def _constant(text: str) -> Any:
    raise ValueError(f"invalid token '{text}'")


def _check(value: Any, depth: int = 0) -> None:
    """What Python's reader lets pass: depth, halves of surrogate pairs, NUL."""
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("\\u0000 is not allowed")
        value.encode()  # UnicodeEncodeError is a ValueError
    elif isinstance(value, (dict, list)):
        if depth >= DEPTH:
            raise LimitExceeded(f"arrays and objects are nested deeper than {DEPTH}")
        for name in value if isinstance(value, dict) else ():
            _check(name)
        for item in value.values() if isinstance(value, dict) else value:
            _check(item, depth + 1)


def parse(file: str, data: bytes) -> Any:
    """Any JSON value; BadFormat names the file."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_int=_integer,
                           parse_float=_real, parse_constant=_constant)
        _check(value)
    except LimitExceeded as error:
        raise LimitExceeded(f"{file}: {error}") from None
    except RecursionError:
        raise LimitExceeded(f"{file}: arrays and objects are nested deeper than {DEPTH}") from None
    except ValueError as error:
        raise BadFormat(f"{file}: not valid JSON: {error}") from None
    return value


def _text(value: str) -> str:
    return '"' + _ESCAPED.sub(lambda found: _SHORT.get(found[0], f"\\u{ord(found[0]):04X}"), value) + '"'


def _number(value: float) -> str:
    """17 digits, as the C library writes them."""
    text = f"{value:.17g}"
    if "e" in text:
        digits, _, exponent = text.partition("e")
        return f"{digits}e{exponent.lstrip('+-0') if exponent[0] == '+' else '-' + exponent[1:].lstrip('0')}"
    return text if "." in text else text + ".0"


def write(value: Any, *, indent: int | None = 2, level: int = 0) -> str:
    """The text of a value; `indent` None is the compact form."""
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    opened, closed = "{}" if isinstance(value, Mapping) else "[]"
    colon = ":" if indent is None else ": "
    if isinstance(value, Mapping):
        parts = [_text(name) + colon + write(item, indent=indent, level=level + 1)
                 for name, item in value.items()]
    else:
        parts = [write(item, indent=indent, level=level + 1) for item in value]
    if not parts:
        return opened + closed
    if indent is None:
        return opened + ",".join(parts) + closed
    inner, outer = "\n" + " " * indent * (level + 1), "\n" + " " * indent * level
    return opened + inner + ("," + inner).join(parts) + outer + closed


_KINDS = {dict: "an object", list: "an array", str: "text", bool: "true or false", int: "an integer",
          float: "a number", type(None): "null"}


class Field:
    """A value in a document that knows its file and its own name there, for sentences."""

    def __init__(self, file: str, value: Any, path: str = "") -> None:
        self.file, self.value, self.path = file, value, path

    def refuse(self, sentence: str, kind: type[Exception] = BadFormat) -> Exception:
        what = f"field '{self.path}'" if self.path else "the document"
        return kind(f"{self.file}: {what} {sentence}")

    def of(self, kind: type, wanted: str) -> Field:
        if type(self.value) is not kind:
            raise self.refuse(f"is {_KINDS[type(self.value)]}; it must be {wanted}")
        return self

    def member(self, name: str, *, needed: bool) -> Field | None:
        """None stands for absent and for null, unless `needed`."""
        found = Field(self.file, (self.value or {}).get(name), f"{self.path}.{name}" if self.path else name)
        if found.value is None:
            if needed:
                raise found.refuse("is missing")
            return None
        return found

    def integer(self, name: str, low: int, high: int, default: int | None = None) -> int:
        found = self.member(name, needed=default is None)
        if found is None:
            assert default is not None
            return default
        value: int = found.of(int, "an integer").value
        if not low <= value <= high:
            raise found.refuse(f"is {value}; it must be {low} to {high}")
        return value

    def number(self, name: str, low: float, high: float, default: float) -> float:
        found = self.member(name, needed=False)
        if found is None:
            return default
        if type(found.value) not in (int, float):
            raise found.refuse(f"is {_KINDS[type(found.value)]}; it must be a number")
        if not low <= found.value <= high:
            raise found.refuse(f"is {found.value:g}; it must be {low:g} to {high:g}")
        return float(found.value)

    def text(self, name: str, limit: int, default: str | None = None) -> str:
        found = self.member(name, needed=default is None)
        if found is None:
            assert default is not None
            return default
        value: str = found.of(str, "text").value
        size = len(value.encode())
        if size > limit:
            raise found.refuse(f"has {size} bytes; the limit is {limit}", LimitExceeded)
        return value

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """The first choice when it is absent."""
        found = self.member(name, needed=False)
        if found is None:
            return choices[0]
        if found.value not in choices:
            listed = ", ".join(f'"{choice}"' for choice in choices)
            shown = f'"{found.value}"' if isinstance(found.value, str) else _KINDS[type(found.value)]
            raise found.refuse(f"is {shown}; it must be one of {listed}")
        return str(found.value)

    def object(self, name: str, *, needed: bool = True) -> Field | None:
        found = self.member(name, needed=needed)
        return found.of(dict, "an object") if found else None

    def array(self, name: str, limit: int, *, needed: bool = True) -> list[Field]:
        """Its elements; none when it is absent."""
        found = self.member(name, needed=needed)
        if found is None:
            return []
        found.of(list, "an array")
        if len(found.value) > limit:
            raise found.refuse(f"has {len(found.value)} elements; the limit is {limit}", LimitExceeded)
        return [Field(self.file, value, f"{found.path}[{i}]") for i, value in enumerate(found.value)]
