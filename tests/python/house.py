# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the compiled house really calls: the symbols of each object, circles, copies, lines."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# From the ground up: a room may call what lies below it, and itself.  (`project` was four rooms.)
ORDER = ("core", "resident", "image", "diffusion", "job", "batch", "flow", "game", "project", "cli")


@dataclass(frozen=True)
class Object:
    """One compiled file: `room/name.c`, and its symbols."""

    name: str
    defines: frozenset[str]
    needs: frozenset[str]

    @property
    def room(self) -> str:
        return self.name.split("/")[0]


def objects(build: Path, root: Path = ROOT) -> list[Object]:
    """The objects of the library and of the command line, as `nm` sees them."""
    found = []
    for target in ("dgxp_objects", "dgx-pixels"):
        folder = build / f"CMakeFiles/{target}.dir/src"
        for path in sorted(folder.rglob("*.o")):
            if not (root / "src" / path.relative_to(folder).with_suffix("")).exists():
                continue  # of a file that has moved
            printed = subprocess.run(["nm", "-P", path], text=True, capture_output=True,
                                     check=True).stdout
            rows = [line.split()[:2] for line in printed.splitlines()]
            found.append(Object(
                str(path.relative_to(folder)).removesuffix(".o"),
                frozenset(name for name, kind in rows if kind.isupper() and kind not in "UW"),
                frozenset(name for name, kind in rows if kind == "U")))
    assert found, f"{build} has no objects: build it first"
    return found


def calls(found: list[Object]) -> dict[tuple[str, str], set[str]]:
    """(who calls, whose): the symbols that one file takes of another."""
    owner = {symbol: item.name for item in found for symbol in item.defines}
    edges: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item in found:
        for symbol in item.needs:
            if owner.get(symbol, item.name) != item.name:
                edges[item.name, owner[symbol]].add(symbol)
    return edges


def upward(found: list[Object]) -> list[str]:
    """Calls from a room to one above it."""
    return sorted(f"{who} calls {', '.join(sorted(symbols))} of {whose}"
                  for (who, whose), symbols in calls(found).items()
                  if ORDER.index(who.split("/")[0]) < ORDER.index(whose.split("/")[0]))


def python_imports(package: Path) -> set[tuple[str, str]]:
    """(who imports, whom) among the modules of one Python package, types apart."""
    edges = set()
    names = {path.stem for path in package.glob("*.py")} - {"__init__"}
    for path in package.glob("*.py"):
        if path.stem == "__init__":
            continue
        tree = ast.parse(path.read_text())
        typed = {id(node) for block in ast.walk(tree)
                 if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
                 for node in ast.walk(block)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level == 1 and id(node) not in typed:
                heads = [node.module.split(".")[0]] if node.module else [a.name for a in node.names]
                edges |= {(path.stem, head) for head in heads if head in names - {path.stem}}
    return {(f"{package.name}/{a}.py", f"{package.name}/{b}.py") for a, b in edges}


def circles(edges: set[tuple[str, str]]) -> list[list[str]]:
    """The groups of files that reach each other (Tarjan's strongly connected components)."""
    after: dict[str, list[str]] = defaultdict(list)
    for who, whose in sorted(edges):
        after[who].append(whose)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in after[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = stack[stack.index(node):]
            del stack[stack.index(node):]
            if len(group) > 1:
                found.append(sorted(group))

    for node in list(after):
        if node not in index:
            visit(node)
    return sorted(found)


def all_circles(found: list[Object], root: Path = ROOT) -> list[list[str]]:
    edges = set(calls(found))
    package = root / "bindings/python/dgx_pixels"
    for folder in [package, *sorted(path.parent for path in package.glob("*/__init__.py"))]:
        edges |= python_imports(folder)
    return circles(edges)


def code_files(root: Path, *suffixes: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=root, text=True, capture_output=True,
                            check=True).stdout.split("\n")
    return [root / name for name in listed
            if name.endswith(suffixes) and (root / name).is_file() and not is_made(root / name)]


def is_made(path: Path) -> bool:
    head = path.read_text(errors="replace").splitlines()[:3]
    return any("Made by scripts/" in line or "do not edit" in line for line in head)


def c_functions(text: str) -> dict[str, str]:
    """name: body of each function of a C file; comments and spaces folded."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    pattern = re.compile(r"^(?!#|typedef)[A-Za-z_][^;{}=]*?\b(\w+)\(([^;{}]*)\)\n\{\n(.*?)^\}", re.M | re.S)
    return {m[1]: re.sub(r"\s+", " ", m[2] + "{" + m[3]) for m in pattern.finditer(text)}


def identical_helpers(root: Path) -> list[list[str]]:
    """Functions of two statements or more that stand in more than one C file to the letter."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in code_files(root / "src", ".c", ".h"):
        for name, body in c_functions(path.read_text()).items():
            if body.count(";") >= 2:
                places[body].append(f"{path.relative_to(root / 'src')}:{name}")
    return sorted(where for where in places.values() if len(where) > 1)


def equal_places(root: Path, least: int = 6) -> list[str]:
    """Runs of `least` equal lines in two places of src, shim and bindings; the longest, once each."""
    runs: dict[tuple[str, ...], tuple[Path, int]] = {}
    found = []
    for path in code_files(root, ".c", ".h", ".cpp", ".py", ".rs"):
        if path.relative_to(root).parts[0] not in ("src", "shim", "bindings"):
            continue
        lines = [(number, " ".join(line.split())) for number, line in
                 enumerate(path.read_text().splitlines(), 1)]
        lines = [(number, line) for number, line in lines
                 if len(line) > 3 and not line.startswith(("#", "//", "/*", "*", "import", "from", "use "))]
        skip = 0
        for i in range(len(lines) - least + 1):
            key = tuple(line for _, line in lines[i:i + least])
            if key not in runs:
                runs[key] = (path, lines[i][0])
            elif i >= skip:
                other, at = runs[key]
                found.append(f"{path.relative_to(root)}:{lines[i][0]} ~ {other.relative_to(root)}:{at}")
                skip = i + least
    return found


def line_counts(root: Path) -> dict[str, int]:
    """Lines of hand-written code, by what they are for."""
    kinds = {"src": "library and command line", "shim": "library and command line",
             "include": "public header", "bindings": "bindings", "tests": "tests", "scripts": "scripts",
             "training": "training", "examples": "examples"}
    counts: dict[str, int] = defaultdict(int)
    for path in code_files(root, ".c", ".h", ".cpp", ".hpp", ".py", ".rs"):
        counts[kinds.get(path.relative_to(root).parts[0], "other")] += len(path.read_text().splitlines())
    return dict(counts)
