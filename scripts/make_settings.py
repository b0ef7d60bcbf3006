# SPDX-License-Identifier: MIT OR Apache-2.0
"""Write what every face knows of the settings, from the library's own table (dgxp_settings()).

usage: scripts/make_settings.py [--check]

The table is src/diffusion/setting.c; build first.  --check writes nothing, names each file that is not
what the table says, and fails.  After a change of the HTTP schema docs/openapi.json is made anew too:
`python -m dgx_pixels.server.openapi > docs/openapi.json` (this script does it where fastapi is installed).
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / "bindings/python/dgx_pixels"
MADE = "Made by scripts/make_settings.py from src/diffusion/setting.c; do not edit."
Row = dict[str, Any]


def table() -> dict[str, Any]:
    """The library's answer."""
    build = Path(os.environ.get("DGXP_BUILD", ROOT / "build/release"))
    library = ctypes.CDLL(str(build / "lib/libdgxpixels.so"))
    library.dgxp_document_text.restype = ctypes.c_char_p
    library.dgxp_document_text.argtypes = [ctypes.c_void_p]
    out = ctypes.c_void_p()
    if library.dgxp_settings(ctypes.byref(out)):
        raise SystemExit("dgxp_settings() failed")
    made: dict[str, Any] = json.loads(library.dgxp_document_text(out))
    return made


def asked(rows: list[Row]) -> list[Row]:
    """What may be asked for, without what only recipes tell."""
    return [row for row in rows if "request" in row["in"]]


def limits(row: Row) -> str:
    """The range in words: "1..1000"."""
    if row["type"] == "choice":
        return ", ".join(choice["name"] for choice in row["choices"])
    if "low" in row:
        high = "2^53-1" if row["high"] == 2**53 - 1 else row["high"]
        return f"{row['low']}..{high}"
    return f"at most {row['bytes']} bytes" if row["type"] == "text" else ""


def default(row: Row) -> str:
    return f"{row['default']:g}" if row["type"] in ("number", "integer") and "default" in row else ""


# -------------------------------------------------------------------------------------------- Python

TYPES = {"text": "str", "integer": "int", "number": "float", "boolean": "bool", "choice": "str | int",
         "sides": "tuple[int, int] | list[int] | int | str"}
SPECIAL = {
    "init": "ImageLike", "mask": "ImageLike",
    "palette": "str | Sequence[str] | Mapping[str, Any]",
    "fields": "Mapping[str, str] | Sequence[tuple[str, str]]",
    "finish": "Mapping[str, Any]",
    "loras": "Mapping[str, float] | Sequence[tuple[str, float]] | Sequence[Mapping[str, Any]]"}


def python_type(row: Row) -> str:
    return SPECIAL.get(row["name"]) or TYPES[row["type"]]


def python(told: dict[str, Any]) -> str:
    rows = [row for row in asked(told["settings"]) if row["name"] not in ("prompt", "subject", "kind")]
    lines = ["# SPDX-License-Identifier: MIT OR Apache-2.0",
             f'"""What a picture can be asked for.  {MADE}"""', "", "from __future__ import annotations", "",
             "from collections.abc import Mapping, Sequence", "from dataclasses import dataclass",
             "from typing import Any, TypedDict", "", "from .image import ImageLike", "", "",
             "class JobOptions(TypedDict, total=False):",
             '    """The options of Job, for generate()."""', ""]
    lines += [f"    {row['name']}: {python_type(row)} | None" for row in rows]
    lines += ["", "", "@dataclass(frozen=True)", "class JobFields:",
              '    """Each setting by its name; None is the model\'s or the preset\'s own.', ""]
    for row in rows:
        about = limits(row) if row["type"] != "text" else ""
        sentence = f"{row['name']}: {row['help']}" + (f" ({about})" if about else "")
        lines += textwrap.wrap(sentence, 104, initial_indent="    ", subsequent_indent="        ")
    lines += ['    """', "", "    prompt: str | None = None", "    kind: str | None = None"]
    lines += [f"    {row['name']}: {python_type(row)} | None = None" for row in rows]
    lines += ["", "", "# In the order of recipes.", "NAMES = ("]
    lines += textwrap.wrap(", ".join(f'"{row["name"]}"' for row in rows) + ",", 104,
                           initial_indent="    ", subsequent_indent="    ")
    lines += [")", "# Jobs of one call may differ in these.", "VARIES = frozenset(("]
    lines += textwrap.wrap(", ".join(f'"{row["name"]}"' for row in told["settings"] if row["varies"]) + ",", 104,
                           initial_indent="    ", subsequent_indent="    ")
    lines += ["))", "# What recipes tell and nobody asks for.", "TOLD = ("]
    told_rows = [row for row in told["settings"] if "request" not in row["in"]]
    lines += textwrap.wrap(", ".join(f'"{row["name"]}"' for row in told_rows) + ",", 104,
                           initial_indent="    ", subsequent_indent="    ")
    lines += [")", "# With one of these what is asked for is a subject, not a whole prompt.",
              'REFINES = ("kind", "style", "speed", "fields", ' + ", ".join(
        f'"{row["name"]}"' for row in rows if row["field"]) + ")", "# An old name, and what it is called now.", "RENAMED = {"]
    lines += textwrap.wrap(", ".join(f'"{old}": "{now}"' for old, now in told["renamed"].items()) + ",", 104,
                           initial_indent="    ", subsequent_indent="    ")
    return "\n".join([*lines, "}", ""])


# ---------------------------------------------------------------------------------------------- HTTP

# What strangers may send is narrower than what the library takes: names and bytes, never paths.
BODY = {
    "kind": "Slug", "style": "Slug", "speed": "Slug", "subject": "Prompt", "prompt": "Words",
    "negative_prompt": "Text", "fields": "Fields", "canvas": "Canvases", "size": "Size",
    "init": "Picture", "mask": "Picture", "palette": "str | list[Hex] | dict[str, Any]",
    "background": "Background", "finish": "dict[str, Any]", "lora": "Loras", "loras": "LoraUses"}


def body_type(row: Row) -> tuple[str, str]:
    """The annotation, and what else Field() is told."""
    name = row["name"]
    if name in BODY:
        return BODY[name], ""
    if row["type"] == "choice":
        return "Literal[" + ", ".join(f'"{choice["name"]}"' for choice in row["choices"]) + "]", ""
    if row["type"] == "boolean":
        return "bool", ", strict=True"
    if row["type"] in ("integer", "number"):
        high = row.get("shared_high", row["high"])
        return "Whole" if row["type"] == "integer" else "Number", f", ge={row['low']}, le={high}"
    return ("Slug" if row["type"] == "text" else "Any"), ""


def body(told: dict[str, Any]) -> str:
    lines = ["# SPDX-License-Identifier: MIT OR Apache-2.0",
             f'"""The body of POST /api/v1/generate.  {MADE}"""', "", "from __future__ import annotations", "",
             "from typing import Any, Literal", "", "from pydantic import ConfigDict, Field", "",
             "from .schema import (Asked, Background, Canvases, Fields, Hex, Loras, LoraUses, ModelName, Number,",
             "                     Picture, Prompt, Size, Slug, Text, Whole, Words)", "", "",
             "class GenerateBody(Asked):",
             '    """What to paint: `prompt`, or `kind` and `subject`; everything else has the model\'s own default.', "",
             "    A recipe is a request: post it as it stands.  With a kind and no subject `prompt` is the subject.",
             '    """', "",
             "    model_config = ConfigDict(extra=\"forbid\", allow_inf_nan=False, json_schema_extra={",
             '        "examples": [{"prompt": "knight sprite", "style": "16bit"},',
             '                     {"subject": "medieval knight", "kind": "character", "size": "32x32", "seed": 7}]})',
             ""]
    for row in told["settings"]:
        name = row["name"]
        if name == "model":
            lines += ["    model: ModelName = Field(None, description=\"as /api/v1/models lists them; a recipe's"
                      " own is not looked at\")"]
            continue
        kind, more = body_type(row) if "request" in row["in"] else ("Any", "")
        help = row["help"] if "request" in row["in"] else f"told by recipes: {row['help']}"
        kind = kind if kind in ("Any", "Words") else f"{kind} | None"
        more += ", validate_default=True" if kind == "Words" else ""
        lines.append(f"    {name}: {kind} = Field(")
        text = json.dumps(help, ensure_ascii=False)
        if len(text) > 80:
            parts = textwrap.wrap(help, 80, drop_whitespace=False)
            text = "\n        ".join(json.dumps(part, ensure_ascii=False) for part in parts)
        lines.append(f"        None, description={text}{more})")
    lines.append("    count: Whole = Field(1, ge=1, le=16, description=\"pictures, with seeds seed, seed+1, …\")")
    return "\n".join([*lines, ""])


# ---------------------------------------------------------------------------------------------- docs


def page(told: dict[str, Any]) -> str:
    lines = ["# Settings", "",
             "What one picture can be asked for. Every face has the same names: a request in JSON (a line of a",
             "batch, a wish of `dgx-pixels.json`, the body of `POST /api/v1/generate`, `fields` of the MCP tools), an",
             "option of `dgx-pixels generate` (`--guidance-rescale`), a keyword of Python's `generate()`, a",
             "method of Rust's `Job`. A recipe is a request. `dgxp_settings()` answers this table as JSON.", "",
             f"<!-- {MADE} -->", "",
             "| setting | range | default | what it does |", "|---|---|---|---|"]
    for row in asked(told["settings"]):
        unit = f" ({row['unit']})" if row.get("unit") else ""
        help = row["help"].replace("|", "\\|")
        lines.append(f"| `{row['name']}` | {limits(row)} | {default(row)} | {help}{unit} |")

    def names(rows: Iterable[dict]) -> str:
        return ", ".join(f"`{row['name']}`" for row in rows)

    every = told["settings"]
    for text in (f"In a preset's sections may stand: {names(row for row in every if 'preset' in row['in'])}; in the "
                 f"`defaults` of a bundle: {names(row for row in every if 'bundle' in row['in'])}.",
                 f"Lines of one batch may differ in: {names(row for row in asked(every) if row['varies'])}.",
                 f"Recipes tell besides: {names(row for row in every if 'request' not in row['in'])}.",
                 "Old names are refused by name: "
                 + ", ".join(f"`{old}` is `{now}`" for old, now in told["renamed"].items()) + "."):
        lines += ["", *textwrap.wrap(text, 106, break_on_hyphens=False)]
    lines += [""]
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------- Rust


def variant(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def rust_enum(row: Row) -> list[str]:
    kind = row["name"].capitalize()
    lines = [f"/// {row['help'][0].upper()}{row['help'][1:]}.",
             "#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]", "#[non_exhaustive]", f"pub enum {kind} {{"]
    for choice in row["choices"]:
        lines += [f"    /// {choice['help'][0].upper()}{choice['help'][1:]}."]
        lines += ["    #[default]"] if choice["value"] == 0 else []
        lines += [f"    {variant(choice['name'])},"]
    lines += ["}", "", f"impl {kind} {{", "    /// As requests and recipes spell it.",
              "    pub fn name(self) -> &'static str {", "        match self {"]
    lines += [f'            Self::{variant(choice["name"])} => "{choice["name"]}",' for choice in row["choices"]]
    return [*lines, "        }", "    }", "}", ""]


def rust(told: dict[str, Any]) -> str:
    lines = ["// SPDX-License-Identifier: MIT OR Apache-2.0",
             f"//! What a picture can be asked for.  {MADE}", "", "use crate::{Job, Result};", ""]
    for row in asked(told["settings"]):
        lines += rust_enum(row) if row["type"] == "choice" else []
    lines.append("impl Job {")
    for row in asked(told["settings"]):
        name, kind = row["name"], row["type"]
        if name in ("kind", "subject", "prompt", "init", "mask", "strength", "style", "speed", "lora") or (
                row["field"] or kind == "json"):
            continue  # they begin a job, or have a shape of their own: job.rs
        about = "" if kind in ("text", "choice", "boolean") else f"  {limits(row)}."
        sentence = row["help"][0].upper() + row["help"][1:]
        lines += [f"    /// {line}" for line in textwrap.wrap(f"{sentence}.{about}", 96)]
        whole = "u64" if row.get("high", 0) > 2**32 else "u32"
        takes, puts = {
            "sides": ("width: u32, height: u32", f'put("{name}", &format!("[{{width}}, {{height}}]"))'),
            "choice": (f"{name}: {name.capitalize()}", f'put_text("{name}", {name}.name())'),
            "text": ("text: &str", f'put_text("{name}", text)'),
            "boolean": ("value: bool", f'put("{name}", &value.to_string())'),
            "integer": (f"value: {whole}", f'put("{name}", &value.to_string())'),
            "number": ("value: f64", f'put("{name}", &format!("{{value:?}}"))')}[kind]
        lines += [f"    pub fn {name}(self, {takes}) -> Result<Self> {{", f"        self.{puts}", "    }", ""]
    lines[-1] = "}"
    return "\n".join([*lines, ""])


FILES: dict[str, Callable[[dict[str, Any]], str]] = {
    "bindings/python/dgx_pixels/_settings.py": python,
    "bindings/python/dgx_pixels/server/asked.py": body,
    "bindings/rust/dgx-pixels/src/settings.rs": rust,
    "docs/settings.md": page,
}


def openapi() -> str:
    """The interface's description, from the server's own schema."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "bindings/python")}
    return subprocess.run([sys.executable, "-m", "dgx_pixels.server.openapi"], env=environment, text=True,
                          capture_output=True, check=True).stdout


def main() -> int:
    told = table()
    check = "--check" in sys.argv
    stale = 0
    for name, make in [*FILES.items(), ("docs/openapi.json", lambda _: openapi())]:
        path, text = ROOT / name, make(told)
        if path.exists() and path.read_text() == text:
            continue
        stale += 1
        if check:
            print(f"{name} is not what src/diffusion/setting.c says: run scripts/make_settings.py", file=sys.stderr)
        else:
            path.write_text(text)
            print(f"{name}: written")
    return int(check and stale > 0)


if __name__ == "__main__":
    sys.exit(main())
