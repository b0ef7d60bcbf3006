# SPDX-License-Identifier: MIT OR Apache-2.0
"""Write bindings/python/dgx_pixels/_abi.py from include/dgxpixels.h.

usage: scripts/make_lowlevel.py [--check] [--layout]

The header keeps to a small part of C, so a few patterns read it; what they do not understand is an
error, never left out.  --check fails when the file on disk is another; --layout prints a C program that
prints every struct's size and offsets, for the test that compares them with ctypes'.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "bindings/python/dgx_pixels/_abi.py"

SCALARS = {
    "int32_t": "c_int32", "uint32_t": "c_uint32", "int64_t": "c_int64", "uint64_t": "c_uint64",
    "uint8_t": "c_uint8", "size_t": "c_size_t", "float": "c_float", "double": "c_double",
    "char": "c_char", "int": "c_int",
}


class Field(NamedTuple):
    name: str
    type: str


class Api(NamedTuple):
    enums: dict[str, dict[str, int]]
    structs: dict[str, list[Field]]
    callbacks: dict[str, list[str]]  # restype and argument types
    functions: dict[str, list[str]]  # restype and argument types


class Reader:
    """The declarations of one header, in its order."""

    def __init__(self, text: str) -> None:
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        text = re.sub(r"^#[^\n]*(\\\n[^\n]*)*", "", text, flags=re.M)
        self.api = Api({}, {}, {}, {})
        self.opaque = set(re.findall(r"typedef struct (\w+) \1;", text))
        for kind, name, body in re.findall(r"typedef (enum|struct) (\w+) \{(.*?)\} \2;", text, re.S):
            if kind == "enum":
                self.api.enums[name] = self.read_enum(body)
        # Callbacks take structs by pointer and structs hold callbacks: in the order of the file.
        pattern = re.compile(
            r"typedef struct (?P<struct>\w+) \{(?P<body>.*?)\} (?P=struct);"
            r"|typedef (?P<result>[\w ]+?) ?\(\*(?P<callback>\w+)\)\((?P<arguments>.*?)\);"
            r"|DGXP_API (?P<restype>[\w ]+?[ *]+?)(?P<function>dgxp_\w+)\((?P<parameters>.*?)\);",
            re.S)
        for found in pattern.finditer(text):
            if found["struct"]:
                self.api.structs[found["struct"]] = self.read_struct(found["body"])
            elif found["callback"]:
                self.api.callbacks[found["callback"]] = [
                    self.result(found["result"]), *self.parameters(found["arguments"])]
            else:
                self.api.functions[found["function"]] = [
                    self.result(found["restype"]), *self.parameters(found["parameters"])]
        missed = set(re.findall(r"\b(dgxp_\w+)\(", text)) - set(self.api.functions)
        if missed:
            raise ValueError(f"cannot read the declarations of {sorted(missed)}")

    @staticmethod
    def read_enum(body: str) -> dict[str, int]:
        values: dict[str, int] = {}
        for item in filter(None, (part.strip() for part in body.split(","))):
            name, _, value = (part.strip() for part in item.partition("="))
            values[name] = int(value, 0) if value else len(values)
        return values

    def read_struct(self, body: str) -> list[Field]:
        fields = []
        for line in filter(None, (part.strip() for part in body.split(";"))):
            if match := re.fullmatch(r"[\w ]+\**\(\*(\w+)\)\(.*\)", line, re.S):
                fields.append(Field(match[1], "c_void_p"))  # a function pointer
                continue
            match = re.fullmatch(r"((?:const )?\w+ )(.*)", line, re.S)
            if not match:
                raise ValueError(f"cannot read the field '{line}'")
            for name in match[2].split(","):
                stars, bare, size = re.fullmatch(
                    r"\s*((?:\*|const|\s)*)(\w+)\s*(?:\[(\w+)\])?\s*", name).groups()  # type: ignore[union-attr]
                kind = self.type(match[1] + stars)
                fields.append(Field(bare, f"{kind} * {size}" if size else kind))
        return fields

    def result(self, text: str) -> str:
        text = text.strip()
        return {"void": "None", "dgxp_status": '"status"'}.get(text) or self.type(text)

    def parameters(self, text: str) -> list[str]:
        if text.strip() in ("void", ""):
            return []
        types = []
        for parameter in text.split(","):
            match = re.fullmatch(r"\s*(.*?)(\w+)\s*(\[\w*\])?\s*", parameter, re.S)
            if not match:
                raise ValueError(f"cannot read the parameter '{parameter}'")
            kind = match[1] if match[1].strip() else match[2]
            types.append(self.type(kind + ("*" if match[3] else "")))
        return types

    def type(self, text: str) -> str:
        """What ctypes calls a type: 'const dgxp_image *const *' is 'POINTER(c_void_p)'."""
        base = re.sub(r"\bconst\b|\bstruct\b|\*", " ", text).split()
        stars = text.count("*")
        if len(base) != 1:
            raise ValueError(f"cannot read the type '{text}'")
        name = base[0]
        if name == "char" and stars:
            name, stars = "c_char_p", stars - 1
        elif name == "void" and stars or name in self.opaque:
            name, stars = "c_void_p", stars - 1
        elif name in self.api.enums:
            name = "c_int32"
        elif name in SCALARS:
            name = SCALARS[name]
        elif name not in self.api.structs and name not in self.api.callbacks:
            raise ValueError(f"unknown type '{text}'")
        return "POINTER(" * stars + name + ")" * stars


def header_text(include: Path = ROOT / "include") -> str:
    """The public header, with the manuals that it includes in their places."""
    def manual(found: re.Match[str]) -> str:
        return (include / found[1]).read_text()

    return re.sub(r'^#include "(dgxpixels/\w+\.h)"$', manual, (include / "dgxpixels.h").read_text(), flags=re.M)


def wrap(text: str) -> list[str]:
    return textwrap.wrap(text, 96, initial_indent="    ", subsequent_indent="    ")


def python(api: Api) -> str:
    names = sorted({word for kind in ("structs", "callbacks", "functions")
                    for item in getattr(api, kind).values() for field in item
                    for word in re.findall(r"\bc_\w+", field[1] if kind == "structs" else field)})
    lines = [
        "# SPDX-License-Identifier: MIT OR Apache-2.0",
        '"""The C interface as ctypes sees it.  Written by scripts/make_lowlevel.py; do not edit."""',
        "", "# fmt: off",
        "from __future__ import annotations", "",
        "from ctypes import (", *wrap("CFUNCTYPE, POINTER, Structure, " + ", ".join(names)), ")",
        "from typing import Any", ""]
    for enum, values in api.enums.items():
        lines.append(f"# {enum}")
        lines += [f"{name.removeprefix('DGXP_')} = {value}" for name, value in values.items()]
    lines.append("")
    written: dict[str, str] = {}
    for name, signature in api.callbacks.items():
        written[name] = f"{name} = CFUNCTYPE({', '.join(signature)})"
    pending = dict(written)
    for name, fields in api.structs.items():
        # A callback that takes no struct, or one that is written already, comes before its user.
        used = " ".join(field.type for field in fields)
        for callback in [word for word in re.findall(r"dgxp_\w+", used) if word in pending]:
            lines.append(pending.pop(callback))
        lines += ["", f"class {name}(Structure):", "    _fields_ = ["]
        row = "       "
        for field in fields:
            item = f' ("{field.name}", {field.type}),'
            if len(row) + len(item) > 98:
                lines.append(row)
                row = "       "
            row += item
        lines += [row, "    ]"]
    lines += ["", *pending.values(), "", "STRUCTS = ("]
    lines += [f"    {name}," for name in api.structs]
    lines += [")", "", '# name: (result, arguments); "status" is a dgxp_status, which is checked',
              "FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {"]
    for name, (result, *arguments) in api.functions.items():
        row = f'    "{name}": ({result}, ['
        for i, argument in enumerate(arguments):
            item = argument + ("" if i == len(arguments) - 1 else ", ")
            if len(row) + len(item) > 96:
                lines.append(row.rstrip())
                row = "        "
            row += item
        lines.append(row + "]),")
    return "\n".join([*lines, "}", ""])


def layout_program(api: Api) -> str:
    lines = ["#include <dgxpixels.h>", "#include <stddef.h>", "#include <stdio.h>",
             "int main(void)", "{"]
    for name, fields in api.structs.items():
        lines.append(f'    printf("{name} %zu", sizeof({name}));')
        lines += [f'    printf(" {field.name}:%zu", offsetof({name}, {field.name}));'
                  for field in fields]
        lines.append('    putchar(10);')
    return "\n".join([*lines, "    return 0;", "}", ""])


def main() -> int:
    api = Reader(header_text()).api
    if "--layout" in sys.argv:
        print(layout_program(api), end="")
        return 0
    text = python(api)
    if "--check" in sys.argv:
        if OUTPUT.exists() and OUTPUT.read_text() == text:
            return 0
        print(f"{OUTPUT.relative_to(ROOT)} is not what the header says: run scripts/make_lowlevel.py",
              file=sys.stderr)
        return 1
    OUTPUT.write_text(text)
    print(f"{OUTPUT.relative_to(ROOT)}: {len(api.structs)} structs, {len(api.functions)} functions")
    return 0


if __name__ == "__main__":
    sys.exit(main())
