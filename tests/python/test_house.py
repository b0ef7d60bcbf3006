# SPDX-License-Identifier: MIT OR Apache-2.0
"""The house rules that a machine can check (docs/architecture.md, CONTRIBUTING.md)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import house
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from make_lowlevel import header_text  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]

# Each room, and what it may include of ours: those below it, from the ground up, and itself.
ROOMS = ("core", "resident", "image", "diffusion", "job", "batch", "flow", "game")
MAY_INCLUDE = {**{room: set(ROOMS[:i + 1]) for i, room in enumerate(ROOMS)}, "cli": {"cli"}}


def sources(*suffixes: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True,
                            capture_output=True, check=True).stdout.split("\n")
    return [ROOT / name for name in listed if name.endswith(suffixes) and (ROOT / name).exists()]


def includes(path: Path) -> list[str]:
    return re.findall(r'^#include "([^"]+)"', path.read_text(), re.M)


def wrong_includes(room: str, root: Path = ROOT) -> tuple[int, list[str]]:
    """How many includes a room has, and those that point upwards."""
    seen, wrong = 0, []
    for path in sorted((root / "src" / room).rglob("*.[ch]")):
        for name in includes(path):
            seen += 1
            folder = name.split("/")[0] if "/" in name else ""
            if folder not in MAY_INCLUDE[room] and name not in ("dgxpixels.h", "shim.h", "imagequant.h"):
                wrong.append(f"{room}/{path.name}: {name}")
    return seen, wrong


@pytest.mark.parametrize("room", MAY_INCLUDE)
def test_includes_point_one_way(room: str) -> None:
    seen, wrong = wrong_includes(room)
    assert seen, f"no include seen in src/{room}: the test looks in the wrong place"
    assert wrong == []


def test_calls_point_one_way(build: Path) -> None:
    """The public header declares every room's functions, so an include tells little: `nm` tells all."""
    found = house.objects(build)
    assert {item.room for item in found} == set(MAY_INCLUDE), "a room without objects"
    assert sum(map(len, house.calls(found).values())) > 1000, "the test sees no calls"
    assert house.upward(found) == []


def test_no_circles(build: Path) -> None:
    """No two files reach each other: of C by their calls, of a Python package by its imports."""
    assert house.all_circles(house.objects(build)) == []


BREACHES = {  # a house of a few files, each with one wall broken
    "an include upwards": {"image/a.c": '#include "job/request.h"\n'},
    "a call upwards": {"image/a.c": '#include "dgxpixels.h"\nvoid a(dgxp_job *j);\nvoid a(dgxp_job *j) { dgxp_job_free(j); }\n',
                       "job/b.c": '#include "dgxpixels.h"\nvoid dgxp_job_free(dgxp_job *j) { (void)j; }\n'},
    "a circle": {"core/a.c": "void b(void);\nvoid a(void);\nvoid a(void) { b(); }\n",
                 "core/b.c": "void a(void);\nvoid b(void);\nvoid b(void) { a(); }\n"},
}


@pytest.mark.parametrize("breach", BREACHES)
def test_each_wall_is_seen_when_it_breaks(breach: str, tmp_path: Path) -> None:
    build = tmp_path / "build"
    for name, text in BREACHES[breach].items():
        source = tmp_path / "src" / name
        compiled = build / f"CMakeFiles/dgxp_objects.dir/src/{name}.o"
        for path in (source, compiled):
            path.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text)
        command = ["cc", "-c", f"-I{ROOT}/include", f"-I{ROOT}/src", source, "-o", compiled]
        subprocess.run(command, check=True)
    found = house.objects(build, tmp_path)
    assert {"an include upwards": [wrong for room in ROOMS for wrong in wrong_includes(room, tmp_path)[1]],
            "a call upwards": house.upward(found),
            "a circle": house.circles(set(house.calls(found)))} == {
        "an include upwards": ["image/a.c: job/request.h"] if breach == "an include upwards" else [],
        "a call upwards": ["image/a.c calls dgxp_job_free of job/b.c"] if breach == "a call upwards" else [],
        "a circle": [["core/a.c", "core/b.c"]] if breach == "a circle" else []}


def test_only_the_shim_names_torch() -> None:
    pattern = re.compile(r"#include\s*<(torch|ATen|c10)/|\b(at|c10|torch)::[a-zA-Z]")
    for path in sources(".c", ".h"):
        code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
        assert not pattern.search(code), path


def test_the_plugin_runs_in_a_browser() -> None:
    """On wasm32 the clocks and threads of `std` compile, and panic at the first call."""
    pattern = re.compile(r"\bstd::(thread|time::\{?[^;]*\b(SystemTime|Instant)\b)")
    seen = sources(".rs")
    seen = [path for path in seen if "dgx-pixels-bevy/src" in path.as_posix()]
    assert seen
    for path in seen:
        assert not pattern.search(path.read_text()), path


def test_no_game_lies_in_the_source_tree() -> None:
    """A project file in the root would give every command that is started here its defaults."""
    assert not [name for name in ("dgx-pixels.json", "dgx-pixels.lock.json", "dgx-pixels.recipes")
                if (ROOT / name).exists()]


def c_literals(path: Path) -> list[str]:
    """The texts of a C file, each with those that the compiler joins to it; comments are none."""
    code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    code = re.sub(r"^ *#include.*$", "", code, flags=re.M)
    joined = re.findall(r'"(?:\\.|[^"\\\n])*"(?:[\s\w]*?"(?:\\.|[^"\\\n])*")*', code)
    return [re.sub(r'"[\s\w]*?"', "", text) for text in joined]


def test_sentences_of_the_library_name_parameters() -> None:
    """A caller from Rust has no --force: the library writes `force`, and each program its own flag for it."""
    flag = re.compile(r"(?<![\w-])--\w")
    seen, quoted = 0, set()
    for path in [path for path in sources(".c") if "src" in path.parts and "cli" not in path.parts]:
        for text in c_literals(path):
            seen += 1
            quoted |= set(re.findall("`([a-z_]+)`", text))
            if "cargo add" not in text:
                assert not flag.search(text), f"{path}: {text}"
    assert seen > 3000, "the test looks in the wrong place"
    for path in sorted((ROOT / "bindings/python/dgx_pixels/project").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "cargo add" not in node.value:
                assert not flag.search(node.value), f"{path}: {node.value}"
    # The program knows each of them, and no other, and has an option of that name.
    hints = (ROOT / "src/cli/hints.c").read_text()
    known = set(re.findall(r'"(\w+)"', re.search(r"flags\[\] = \{(.*?)\}", hints, re.S)[1]))  # type: ignore[index]
    assert known == quoted
    options = "\n".join(path.read_text() for path in sorted((ROOT / "src/cli").glob("*.c")))
    for name in known:
        assert f'{{"{name.replace("_", "-")}", ' in options, name


PAGES = [path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))]


@pytest.mark.parametrize("page", sorted(PAGES))
def test_pages_are_read_in_a_terminal(page: str) -> None:
    """Lines under 110 columns, but rows of tables, pictures and what is typed; and each link leads to a file."""
    typed = False
    for number, line in enumerate((ROOT / page).read_text().splitlines(), 1):
        typed ^= line.lstrip().startswith("```")
        short = len(line) < 110 or typed or line.startswith(("|", "![", "    "))
        assert short, f"{page}:{number}: {len(line)} columns"
        for target in [] if typed else re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", line):
            assert ((ROOT / page).parent / target).exists(), f"{page}:{number}: {target}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text()
    for path in sorted((ROOT / "docs").glob("*.md")):
        assert path.name == "README.md" or f"({path.name})" in index, path.name


# What they do hangs on the host's locale: core/text and core/number have what we use in their place.
LOCAL = {"strtod", "strtof", "strtold", "atof", "strcasecmp", "strncasecmp", "strcasestr", "strcoll", "strxfrm", "toupper",
         "tolower", "isalnum", "isalpha", "isblank", "iscntrl", "isdigit", "isgraph", "islower", "isprint", "ispunct",
         "isspace", "isupper", "isxdigit", "__ctype_b_loc", "__ctype_tolower_loc", "__ctype_toupper_loc", "alphasort",
         "strftime", "strptime", "localeconv", "nl_langinfo", "setlocale", "mbstowcs", "mbtowc", "mbrtowc",
         "wcstombs", "wcwidth", "regcomp", "fnmatch", "strfmon", "strfromd"}


def test_nothing_asks_the_locale(build: Path) -> None:
    """A German point, a Turkish i, a letter above 127: neither the library nor the program looks at them."""
    asked = {item.name: sorted(item.needs & LOCAL) for item in house.objects(build) if item.needs & LOCAL}
    assert asked.pop("core/text.c") == ["regcomp"], "in the C locale, once"
    assert asked == {}, asked
    names = "|".join(sorted(name for name in LOCAL if not name.startswith("__")))
    seen = 0
    for path in [path for path in sources(".c", ".h") if path.is_relative_to(ROOT / "src")]:
        code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
        seen += len(re.findall(r"\b\w*printf\(", code))
        assert path.name == "text.c" or not re.search(rf"\b({names})\(|#include <(ctype|strings|wctype)\.h>", code), path
        # Numbers of data are printed by core/number; the program talks to people, and its process has no locale.
        if "cli" not in path.parts and path.name != "number.c":
            found = re.findall(r"\b(?:f|s|vs|sn|vsn|vf|d|as)?printf\([^;]*?%[-+ #0-9.*]*l?[aAeEfFgG][^;]*;", code)
            assert not found, f"{path}: {found}"
    assert seen > 200, "the test looks in the wrong place"


def test_every_source_has_its_licence_and_purpose() -> None:
    for path in sources(".c", ".h", ".cpp", ".hpp", ".py", ".rs"):
        lines = path.read_text().splitlines()
        assert lines and "SPDX-License-Identifier" in lines[0], path


def test_rooms_stay_small() -> None:
    for path in sources(".c", ".cpp", ".hpp", ".py", ".rs"):
        lines = path.read_text().splitlines()
        if any("Made by scripts/" in line or "do not edit" in line for line in lines[:3]):
            continue  # written by a script
        assert len(lines) <= 600, f"{path}: split it by step"


def test_exports_equal_the_list(build: Path) -> None:
    """`nm -D` equals tests/exports.txt and the header: nothing leaks, nothing is missing."""
    printed = subprocess.run(["nm", "-D", "--defined-only", build / "lib/libdgxpixels.so"],
                             text=True, capture_output=True, check=True).stdout
    exported = sorted(line.split()[-1].split("@")[0] for line in printed.splitlines() if " A " not in line)
    header = header_text()
    declared = sorted(set(re.findall(r"DGXP_API[^;(]*?\b(dgxp_\w+)\(", header)))
    assert exported == declared
    assert exported == (ROOT / "tests/exports.txt").read_text().split()


def list_run_paths(folder: Path) -> dict[Path, list[str]]:
    """The run-path entries of every ELF file of ours under a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file() or "CMakeFiles" in path.parts:
            continue
        with path.open("rb") as file:
            if file.read(4) != b"\x7fELF":
                continue
        printed = subprocess.run(["readelf", "-d", path], text=True, capture_output=True,
                                 check=True).stdout
        lists = re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", printed)
        found[path] = [entry for line in lists for entry in line.split(":")]
    return found


def test_no_run_path_names_the_current_folder(build: Path, tmp_path: Path) -> None:
    """An empty or relative entry would run code from wherever the program is started."""
    subprocess.run(["cmake", "--install", build, "--prefix", tmp_path], check=True,
                   capture_output=True)
    for folder, least in ((build / "bin", 1), (build / "lib", 1), (tmp_path, 2)):
        found = list_run_paths(folder)
        assert len(found) >= least, f"{folder}: the test looks in the wrong place"
        for path, entries in found.items():
            for entry in entries:
                assert entry.startswith("$ORIGIN"), f"{path}: run path {entries}"
        program = [path for path in found if path.name == "dgx-pixels"]
        for path in program:  # and it still finds its library
            subprocess.run([path, "--version"], check=True, capture_output=True, cwd="/",
                           env={"PATH": "/usr/bin:/bin"})


MANUALS = ("dgxpixels", "dgxpixels/base", "dgxpixels/image", "dgxpixels/sheet", "dgxpixels/model",
           "dgxpixels/job", "dgxpixels/game", "dgxpixels/batch")


def example(manual: str) -> str:
    """The program text that a manual opens with, as a function."""
    [opening] = re.findall(r"/\*\*\n(.*?)\*/", (ROOT / f"include/{manual}.h").read_text(), re.S)[:1]
    lines = [line[7:] for line in opening.splitlines() if line.startswith(" *     ") or line == " *"]
    text = "\n".join(lines).strip()
    return text if text.startswith("static") else f"static void example(void)\n{{\n{text}\n}}\n"


@pytest.mark.parametrize("manual", MANUALS)
@pytest.mark.parametrize("compiler,standard", [("gcc", "c99"), ("gcc", "c11"), ("g++", "c++17")])
def test_header_compiles_alone(manual: str, compiler: str, standard: str, tmp_path: Path) -> None:
    """Each manual by itself, and what it opens with."""
    source = tmp_path / ("alone.cpp" if compiler == "g++" else "alone.c")
    text = f'#include "{manual}.h"\n'
    if manual != "dgxpixels" and compiler == "gcc":
        text += f'#include "dgxpixels.h"\n#include <stdio.h>\n{example(manual)}'
        name = re.findall(r"^static void (\w+)\(", text, re.M)[-1]
        text += f"int main(void)\n{{\n    (void){name};\n}}\n"
    source.write_text(text)
    subprocess.run([compiler, f"-std={standard}", "-pedantic", "-Wall", "-Wextra", "-Werror",
                    "-fsyntax-only", f"-I{ROOT}/include", source], check=True)


def test_every_error_status_is_described(cli) -> None:  # type: ignore[no-untyped-def]
    """The enum in the header and the list at run time have the same length."""
    header = header_text()
    values = re.findall(r"\bDGXP_(?:OK|ERR_\w+) = (\d+)", header)
    assert values == [str(i) for i in range(len(values))]
    text = (ROOT / "src/core/error.c").read_text()
    assert len(re.findall(r"\[DGXP_(?:OK|ERR_\w+)\]", text)) == len(values)


def test_builds_without_imagequant(tmp_path: Path) -> None:
    """Without the plug-in nothing else is missing; the library itself never names libimagequant's file."""
    subprocess.run(["cmake", "-S", ROOT, "-B", tmp_path, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                    "-DDGXP_IMAGEQUANT=OFF", "-DDGXP_TORCH=OFF", "-DDGXP_TESTS=OFF"], check=True,
                   capture_output=True)
    subprocess.run(["ninja", "-C", tmp_path, "dgxpixels"], check=True, capture_output=True)
    assert b"libimagequant.so" not in (tmp_path / "lib/libdgxpixels.so").read_bytes()
    assert not (tmp_path / "lib/libdgxpixels_imagequant.so").exists()


def test_installed_copy_builds_the_example(build: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    subprocess.run(["cmake", "--install", build, "--prefix", prefix], check=True,
                   capture_output=True)
    texts = prefix / "share/doc/dgxpixels"
    begins = {"LICENSE-MIT": "MIT License", "LICENSE-APACHE": "Apache License", "LICENSE-CC0-1.0": "CC0 1.0 Universal",
              "LICENSE-GPL-3.0-imagequant-plugin": "GNU GENERAL PUBLIC LICENSE"}
    if not (prefix / "lib/dgx-pixels/libdgxpixels_imagequant.so").exists():
        del begins["LICENSE-GPL-3.0-imagequant-plugin"]
    assert {path.name for path in texts.iterdir()} == set(begins)
    for name, title in begins.items():
        assert title in (texts / name).read_text()[:300], name
    example = tmp_path / "example"
    subprocess.run(["cmake", "-S", ROOT / "examples", "-B", example,
                    f"-DCMAKE_PREFIX_PATH={prefix}"], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", example], check=True, capture_output=True)
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "dgxpixels"], text=True, capture_output=True,
        check=True, env={"PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig", "PATH": "/usr/bin:/bin"},
    ).stdout.split()
    subprocess.run(["cc", ROOT / "examples/generate.c", "-o", tmp_path / "generate", *flags],
                   check=True)
