# SPDX-License-Identifier: MIT OR Apache-2.0
"""Small files of strangers: what they may take of memory, and what reaches the terminal.

docs/security.md says what is promised; the inputs are made here or lie in the shared cases.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import machine
import pytest

MEBIBYTE = 1 << 20
ROOT = Path(__file__).resolve().parents[2]


# A child begins with the memory of the process that forks it, which must be small to measure little.
MEASURE = """
import json, resource, subprocess, sys
ended = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, capture_output=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps([ended.returncode, peak, ended.stderr.decode(errors="replace")]))
"""


def run_measured(program: Path, *words: object, cwd: Path | None = None) -> tuple[int, int, str]:
    """Exit code, peak memory in bytes, what it said on stderr."""
    printed = subprocess.run([sys.executable, "-S", "-c", MEASURE, program, *map(str, words)],
                             capture_output=True, text=True, check=True, cwd=cwd,
                             env={**os.environ, "DGX_PIXELS_BACKEND": "stub", "DGX_PIXELS_MODELS": str(ROOT / "models"),
                                  "XDG_CONFIG_HOME": str(cwd or "/nonexistent")}).stdout
    code, peak, said = json.loads(printed)
    return code, peak, said


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return (len(body).to_bytes(4, "big") + kind + body
            + zlib.crc32(kind + body).to_bytes(4, "big"))


def make_bombs(folder: Path) -> list[Path]:
    """Few bytes, 16384x16384 or 8192x8192 pixels."""
    header = (16384).to_bytes(4, "big") * 2 + b"\x01\0\0\0\0"
    png = (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
           + png_chunk(b"IDAT", zlib.compress(bytes(2049 * 16384), 9)) + png_chunk(b"IEND", b""))
    gif = (b"GIF89a\0\x20\0\x20\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;")
    header = (8192).to_bytes(4, "big") * 2 + b"\x08\0\0\0\0"
    apng = (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
            + png_chunk(b"acTL", b"\0\0\0\x01\0\0\0\0") + png_chunk(b"IDAT", zlib.compress(b""))
            + png_chunk(b"fcTL", bytes(7) + b"\x01" + bytes(3) + b"\x01" + bytes(11) + b"\x0a\0\0")
            + png_chunk(b"IEND", b""))
    ase = ((144).to_bytes(4, "little") + b"\xe0\xa5\x01\0\0\x20\0\x20\x20\0" + bytes(114)
           + b"\x10\0\0\0\xfa\xf1\0\0\x64\0" + bytes(6))
    paths = []
    for name, data in (("a.png", png), ("b.gif", gif), ("c.png", apng), ("d.aseprite", ase)):
        (folder / name).write_bytes(data)
        paths.append(folder / name)
    return paths


def test_small_files_take_little_memory(build: Path, tmp_path: Path) -> None:
    check_memory(build, tmp_path, make_bombs(tmp_path))


def test_the_shared_cases_take_little_memory(build: Path, tmp_path: Path, data: Path) -> None:
    """Each file of cases/security, in its folders too."""
    folder = data.parent / "cases/security"
    if not folder.is_dir():
        machine.absent("shared cases", f"the files of {folder} are", "they lie beside the shared data")
    cases = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(cases) >= 8, cases
    check_memory(build, tmp_path, cases)


# Every command that reads a file of a stranger; {} is the file.
READ = ("sheet contact {} -o o.png", "sheet pack {} -o o.png", "fix {} -o o.png", "palette extract {} -o o.hex",
        "palette map {} -o o.png --palette pico-8", "palette show {}", "report {}", "motion {} -o o.gif", "recolor {} -n 2 -o colors",
        "normal {} -o o.png", "tileset corner {} -o o.png", "regen {} -o o.png", "lora info {}", "run {} -o flow --dry-run",
        "batch {} -o batch --dry-run", "deploy {} --project game", "generate a --init {} -o o.png --dry-run",
        "trust {}")


def check_memory(build: Path, folder: Path, files: list[Path]) -> None:
    """`info` under 64 MB; every other command refuses the file or stays under 128 MB."""
    program = build / "bin/dgx-pixels"
    (folder / "game/assets").mkdir(parents=True)
    (folder / "game/Cargo.toml").write_text('[package]\nname = "game"\nversion = "0.1.0"\n[dependencies]\nbevy = "0.19"\n')
    for path in files:
        code, peak, said = run_measured(program, "info", path)
        assert peak < 64 * MEBIBYTE, f"info {path.name}: {peak >> 20} MiB"
        assert code in (0, 4), f"info {path.name}: {said}"
        for line in READ:
            words = [str(path) if word == "{}" else word for word in line.split()]
            code, peak, said = run_measured(program, *words, cwd=folder)
            assert peak < 128 * MEBIBYTE, f"{words}: {peak >> 20} MiB: {said}"
            assert code >= 0, f"{words}: ended by signal {-code}"
            assert "--help" not in said, f"{words}: {said}"  # it was asked wrongly, and read nothing


def test_the_budget_can_be_raised(cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    gif = make_bombs(tmp_path)[1]
    gif.write_bytes(gif.read_bytes().replace(b"\0\x20\0\x20", b"\x08\0\x08\0"))  # 8x8
    words = ("sheet", "contact", gif, "-o", tmp_path / "o.png")
    refused = cli(*words, env={"DGX_PIXELS_MAX_PIXELS": "63"})
    assert refused.returncode == 4 and "DGX_PIXELS_MAX_PIXELS" in refused.stderr
    assert cli(*words, env={"DGX_PIXELS_MAX_PIXELS": "64"}).returncode == 0
    assert cli(*words, env={"DGX_PIXELS_MAX_PIXELS": "many"}).returncode == 2


@pytest.mark.parametrize("command", [["info"], ["info", "--json"], ["report"], ["sheet", "contact"]])
def test_no_escape_code_reaches_the_terminal(cli, tmp_path: Path,  # type: ignore[no-untyped-def]
                                             command: list[str]) -> None:
    """Neither from a text inside a file, nor from its name, nor from bytes that are no UTF-8."""
    text = b"Comment\0\x1b]0;owned\x07\x1b[31mhello\x1b[2J\x9b31m"
    png = (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", b"\0\0\0\x01\0\0\0\x01\x08\0\0\0\0")
           + png_chunk(b"tEXt", text) + png_chunk(b"IDAT", zlib.compress(b"\0\0"))
           + png_chunk(b"IEND", b""))
    named = tmp_path / "x\x1b[31m.png"
    named.write_bytes(png)
    for path in (named, tmp_path / "no\x1b[2Jsuch\x07.png"):
        result = cli(*command, path)
        shown = (result.stdout + result.stderr).encode()
        assert shown, command
        assert not any(byte < 32 and byte not in (9, 10) for byte in shown), shown
        assert b"\xc2\x9b" not in shown and b"\x7f" not in shown, shown


NULLS = """
import ctypes, os, signal, sys
from dgx_pixels import _abi
library = ctypes.CDLL(sys.argv[1])
for name, (_, arguments) in _abi.FUNCTIONS.items():
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        function = getattr(library, name)
        function.restype = ctypes.c_void_p
        function(*[a(0) if issubclass(a, ctypes._SimpleCData) and a not in (ctypes.c_char_p,
                   ctypes.c_void_p) else None for a in arguments])
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print(name, os.waitstatus_to_exitcode(status))
"""


def test_no_function_crashes_on_null(build: Path, tmp_path: Path) -> None:
    """Each function of the header with nothing but NULL and 0; to some, NULL is the current folder."""
    printed = subprocess.run(
        [sys.executable, "-c", NULLS, build / "lib/libdgxpixels.so"], text=True, check=True,
        capture_output=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "bindings/python")}).stdout
    results = dict(line.split() for line in printed.splitlines())
    assert set(results) == set((ROOT / "tests/exports.txt").read_text().split())
    assert {name: code for name, code in results.items() if code != "0"} == {}


def test_a_backend_by_name_is_no_folder_here(cli, build: Path,  # type: ignore[no-untyped-def]
                                             tmp_path: Path) -> None:
    """`stub` and `torch` are names: what lies in the current folder is not run."""
    for name in ("stub", "torch"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"libdgxpixels_{name}.so").write_bytes(b"\x7fELF planted")
    result = cli("doctor", cwd=tmp_path, env={"DGX_PIXELS_BACKEND": "stub"})
    assert "planted" not in result.stdout and str(tmp_path) not in result.stdout, result.stdout
    assert "stub" in result.stdout


def test_a_bare_name_opens_no_file_here(cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """LoRA names come over the network: a file that is no LoRA is not told by its first bytes."""
    (tmp_path / "secret").write_bytes(b"version https://git-lfs.github.com/spec/v1 secret")
    result = cli("lora", "info", "secret", cwd=tmp_path)
    assert result.returncode == 3 and "no LoRA 'secret'" in result.stderr, result.stderr
    assert "LFS" not in result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("name", ["dgx-pixels.json", "Cargo.toml"])
def test_a_project_of_another_user_must_be_named(cli, tmp_path: Path,  # type: ignore[no-untyped-def]
                                                 name: str) -> None:
    inside = tmp_path / "deep/inside"
    inside.mkdir(parents=True)
    text = '{"format": 1}' if name.endswith("json") else "[package]\n"
    (tmp_path / name).write_text(text)
    (tmp_path / "dgx-pixels.json").write_text('{"format": 1}')
    os.chown(tmp_path / name, 54321, 54321)
    refused = cli("build", "--dry-run", cwd=inside)
    assert refused.returncode != 0 and "belongs to another user (54321)" in refused.stderr
    assert f"--project {tmp_path}" in refused.stderr
    assert cli("build", "--dry-run", "--project", tmp_path, cwd=inside).returncode == 0
    os.chown(tmp_path / name, 0, 0)
    assert cli("build", "--dry-run", cwd=inside).returncode == 0


def test_pipes_are_not_waited_for(cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A FIFO that nobody writes to hangs nothing."""
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.png")
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out/journal-00000000000001.jsonl")
    for words in (["info", "pipe"], ["info", "pipe.png"], ["report", "pipe.png"],
                  ["sheet", "contact", "pipe.png", "-o", "o.png"], ["lora", "info", "pipe.safetensors"],
                  ["fix", "pipe.png", "-o", "o.png"], ["regen", "pipe.png"], ["run", "pipe"],
                  ["batch", "pipe", "-o", "out"], ["batch", "--resume", "out"],
                  ["palette", "show", "pipe"], ["trust", "pipe"]):
        result = cli(*words, cwd=tmp_path, timeout=600)
        assert result.returncode > 0, words


def test_work_of_small_inputs_is_bounded(cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Each had no end before: the time-outs only keep the test from hanging."""
    folder = tmp_path / "wildcards"
    folder.mkdir()
    for i in range(1, 7):  # ten of the next in each: ten million choices that come to nothing
        (folder / f"w{i}.txt").write_text(f"__w{i + 1}__" * 10 + "\n")
    (folder / "w7.txt").write_text("{}\n")
    (tmp_path / "list.txt").write_text("__w1__\n")
    result = cli("batch", tmp_path / "list.txt", "-o", tmp_path / "out", "--dry-run", timeout=600)
    assert result.returncode == 4 and "over 10000 choices" in result.stderr, result.stderr
    request = {"prompt": "{a} " * 60000}  # 240 kB
    workflow = {"format": "dgx-pixels-workflow", "version": 1, "kind": "sprite",
                "values": {"a": "x"}, "request": request}
    (tmp_path / "w.json").write_text(json.dumps(workflow))
    result = cli("run", tmp_path / "w.json", "--dry-run", timeout=600)
    assert result.returncode in (0, 4), result.stderr
    workflow["values"] = {"a": "x" * 100000}  # six gigabytes, if it were filled in
    (tmp_path / "w.json").write_text(json.dumps(workflow))
    result = cli("run", tmp_path / "w.json", "--dry-run", timeout=600)
    assert result.returncode == 4 and "grow longer than 16777216 bytes" in result.stderr
    request["prompt"] = ["{a}"] * 60000  # the same by whole values
    (tmp_path / "w.json").write_text(json.dumps(workflow))
    result = cli("run", tmp_path / "w.json", "--dry-run", timeout=600)
    assert result.returncode == 4 and "grow longer than 16777216 bytes" in result.stderr


def test_loras_are_found_among_thousands(cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The list was walked once a file: 2,000 took 11 s, 10,000 five minutes."""
    folder = tmp_path / "models/loras"
    folder.mkdir(parents=True)
    for i in range(10000):
        (folder / f"l{i}.safetensors").touch()
    (folder / "again.safetensors").symlink_to("l1.safetensors")
    result = cli("lora", "info", "l9999", env={"DGX_PIXELS_MODELS": str(tmp_path / "models")},
                 timeout=600)
    assert "l9999.safetensors" in result.stderr and "no LoRA" not in result.stderr, result.stderr


def seeds_of(cli, path: Path, *words: str) -> dict[str, int]:  # type: ignore[no-untyped-def]
    """Each picture's seed by what is painted, as the dry run tells them."""
    result = cli("batch", path, "-o", path.parent / "out", "--dry-run", "--json", *words)
    assert result.returncode == 0, result.stderr
    wishes = json.loads(result.stdout)["wishes"]
    found: dict[str, int] = {}
    for wish in wishes:
        request = wish.get("request", wish)
        words_of = request.get("prompt") or request["subject"]
        found[f"{words_of} {sum(key.startswith(words_of) for key in found)}"] = request["seed"]
    return found


def test_a_line_keeps_its_seed_when_the_list_changes(cli,  # type: ignore[no-untyped-def]
                                                     tmp_path: Path) -> None:
    """Neither CRLF, a BOM, a comment, another line nor another notation changes a picture."""
    path = tmp_path / "list.txt"
    path.write_text("red knight\nblue slime\nred knight\n")
    seeds = seeds_of(cli, path)
    assert len(set(seeds.values())) == 3  # the second red knight is another one
    changes = {"crlf": b"red knight\r\nblue slime\r\nred knight\r\n",
               "bom": b"\xef\xbb\xbfred knight\nblue slime\nred knight\n",
               "comment": b"# mine\nred knight\n\nblue slime\nred knight\n",
               "longer": b"green frog\nred knight\nblue slime\nold tree\nred knight\nred rose\n",
               "sorted": b"blue slime\nred knight\nred knight\n"}
    for change, text in changes.items():
        path.write_bytes(text)
        now = seeds_of(cli, path)
        assert {key: now[key] for key in seeds} == seeds, change
    listed = tmp_path / "list.jsonl"
    listed.write_text('{"subject": "red knight"}\n{"subject": "blue slime", "count": 2}\n'
                      '{"name": "other", "subject": "red knight"}\n')
    assert {key: seeds_of(cli, listed)[key] for key in seeds} == seeds
    assert seeds_of(cli, path, "--seed", "7") != seeds_of(cli, path, "--seed", "8")


READERS = sorted(path.name for path in (ROOT / "fuzz/seeds").iterdir())


@pytest.mark.parametrize("target", READERS if os.environ.get("DGXP_FULL") == "1" else ["manifest", "project", "workflow"])
def test_readers_under_valgrind(build: Path, target: str) -> None:
    """The kept seeds and their mutations by the library as it ships: no memory is read that nobody wrote."""
    if not shutil.which("valgrind"):
        pytest.skip("absent: no valgrind: readers of project files are NOT TESTED with it; run 'scripts/setup test'")
    env = {**os.environ, "DGX_PIXELS_MODELS": str(ROOT / "models"), "DGX_PIXELS_PRESETS": str(ROOT / "presets"),
           "CK_TIMEOUT_MULTIPLIER": "100"}
    done = subprocess.run(["valgrind", "-q", "--error-exitcode=99", build / f"bin/fuzz_{target}",
                           ROOT / "fuzz/seeds" / target], text=True, errors="replace", capture_output=True, env=env)
    assert done.returncode == 0 and "Errors: 0" in done.stdout, done.stderr[-4000:] + done.stdout[-500:]
