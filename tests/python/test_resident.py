# SPDX-License-Identifier: MIT OR Apache-2.0
"""The resident engine: the same bytes, no lost call, nothing left behind, nobody else let in."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STUB = {"DGX_PIXELS_BACKEND": "stub"}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def runtime(cli: Run) -> Iterator[Path]:
    """A runtime folder of this test's own; what still runs there is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="dgxp-run-", dir="/tmp"))  # a socket's path is short
    yield folder
    cli("resident", "stop", env={"XDG_RUNTIME_DIR": str(folder)})
    shutil.rmtree(folder)


def engines(cli: Run, runtime: Path) -> list[dict]:
    told = cli("resident", "status", "--json", env={"XDG_RUNTIME_DIR": str(runtime)})
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)["engines"]


def wait_until(true: Callable[[], bool], seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def paint(cli: Run, out: Path, env: dict[str, str], *words: object) -> bytes:
    done = cli("generate", "item", "red potion", "-s", 3, "-o", out, "-q", *words, env=env)
    assert done.returncode == 0, done.stderr
    return out.read_bytes()


def test_same_bytes(cli: Run, runtime: Path, tmp_path: Path, tiny: Path) -> None:
    """On torch: an adapter, tilings, a start from a picture, whatever another call left in the model."""
    env = {"XDG_RUNTIME_DIR": str(runtime), "OMP_NUM_THREADS": "1"}
    ways = [("-m", "starter"), ("-m", "starter", "--lora", "nouns"), ("-m", "starter", "--tiling", "xy"),
            ("-m", "starter"), ("-m", "tiny", "--steps", 2, "--canvas", "64x64"), ("-m", "starter", "--threads", 2)]
    plain = [paint(cli, tmp_path / "plain.png", env, "--no-resident", *way) for way in ways]
    first = [paint(cli, tmp_path / "kept.png", env, "--resident", "10m", *way) for way in ways]
    again = [paint(cli, tmp_path / "kept.png", env, *way) for way in ways]
    assert first == plain and again == plain
    start = tmp_path / "kept.png"
    more = ("-m", "starter", "--init", start, "--strength", 0.6)
    assert paint(cli, tmp_path / "b.png", env, *more) == paint(cli, tmp_path / "c.png", env, "--no-resident", *more)
    [engine] = engines(cli, runtime)
    assert engine["pictures"] == 2 * len(ways) + 1
    assert len(engine["models"]) == 3  # starter, tiny, and the starter on two threads


def test_many_at_once(cli: Run, runtime: Path, tmp_path: Path, full: bool,
                      evidence: Callable[[str, int, str], None]) -> None:
    env = {"XDG_RUNTIME_DIR": str(runtime), **STUB}
    calls = 200 if full else 40
    alone = {seed: cli("generate", "item", "potion", "-s", seed, "-o", tmp_path / "alone.png", env=env).returncode
             or (tmp_path / "alone.png").read_bytes() for seed in range(5)}

    def call(number: int) -> bool:
        out = tmp_path / f"{number}.png"
        done = cli("generate", "item", "potion", "-s", number % 5, "-o", out, "--resident", "10m", env=env)
        assert done.returncode == 0, done.stderr
        return out.read_bytes() == alone[number % 5]

    with ThreadPoolExecutor(4) as shells:
        right = list(shells.map(call, range(calls)))
    assert all(right)
    [engine] = engines(cli, runtime)  # four that start it at one moment start one
    assert engine["pictures"] == calls and engine["programs"] == 0
    evidence("calls of four shells at once through the resident engine, bytes equal to a lone call's", calls,
             f"{sum(right)} equal")


def test_killed_engine(cli: Run, runtime: Path, tmp_path: Path, full: bool,
                       evidence: Callable[[str, int, str], None]) -> None:
    """At random moments: the call says so, or is whole; the next one starts another."""
    slow = {"XDG_RUNTIME_DIR": str(runtime), **STUB, "DGXP_STUB_DELAY_MS": "100"}
    rng, kills, told = random.Random(5), 40 if full else 6, 0
    for number in range(kills):
        out = tmp_path / f"{number}.png"
        assert cli("resident", "start", env=slow).returncode == 0
        [engine] = engines(cli, runtime)
        with ThreadPoolExecutor(1) as shell:
            call = shell.submit(cli, "generate", "item", "potion", "-s", 1, "-o", out, env=slow)
            time.sleep(rng.uniform(0.05, 1))
            os.kill(engine["pid"], signal.SIGKILL)
            done = call.result()
        if done.returncode:
            assert done.returncode == 6 and "the resident engine ended" in done.stderr, done.stderr
            assert not out.exists() and not list(tmp_path.glob("*.part"))
            told += 1
        else:
            assert out.exists()
    assert told
    assert engines(cli, runtime) == []
    assert not list((runtime / "dgx-pixels").glob("*.sock")) and not list((runtime / "dgx-pixels").glob("*.lock"))
    evidence("kills of the resident engine in a call", kills, f"{told} told by the call, the others painted")


def test_killed_callers(cli: Run, build: Path, runtime: Path, tmp_path: Path, full: bool) -> None:
    """The engine goes on with the others, and keeps nothing of the dead."""
    env = {**os.environ, "XDG_RUNTIME_DIR": str(runtime), **STUB, "DGXP_STUB_DELAY_MS": "20"}
    assert cli("resident", "start", env=env).returncode == 0
    rng = random.Random(6)
    for number in range(40 if full else 8):
        caller = subprocess.Popen([build / "bin/dgx-pixels", "generate", "item", "potion", "-o", tmp_path / "a.png"],
                                  env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, 0.4))
        caller.send_signal(signal.SIGINT if number % 2 else signal.SIGKILL)
        caller.wait()
    assert cli("generate", "item", "potion", "-o", tmp_path / "b.png", env=env).returncode == 0
    wait_until(lambda: engines(cli, runtime)[0]["programs"] == 0)
    assert len(engines(cli, runtime)) == 1


def test_batch_and_regen_use_it(cli: Run, runtime: Path, tmp_path: Path) -> None:
    env = {"XDG_RUNTIME_DIR": str(runtime), **STUB}
    (tmp_path / "list.txt").write_text("red slime\ngreen slime\n")
    assert cli("batch", tmp_path / "list.txt", "-o", tmp_path / "out", "--resident", "10m", env=env).returncode == 0
    [first, *_] = sorted((tmp_path / "out").glob("*.png"))
    done = cli("regen", first, "-o", tmp_path / "again.png", env=env)
    assert done.returncode == 0, done.stderr
    assert engines(cli, runtime)[0]["pictures"] == 3


def test_every_face_meets_the_same_one(cli: Run, build: Path, runtime: Path, tmp_path: Path) -> None:
    """Python opens the library by another path than the program does."""
    env = {**os.environ, "XDG_RUNTIME_DIR": str(runtime), **STUB, "PYTHONPATH": str(ROOT / "bindings/python"),
           "DGX_PIXELS_LIBRARY": str(build / "lib/libdgxpixels.so")}
    paint(cli, tmp_path / "a.png", env, "-m", "starter", "--resident", "10m")
    code = ("from dgx_pixels import Job, Model, resident_engines, use_resident\n"
            "use_resident('auto')\n"
            "with Model.load('starter') as model:\n"
            "    model.generate_many([Job.of({'prompt': 'x', 'seed': 1})])\n"
            "    [engine] = resident_engines()\n"
            "    print(engine['pictures'], len(engine['models']))\n")
    told = subprocess.run([sys.executable, "-c", code], env=env, text=True, capture_output=True, check=True)
    assert told.stdout == "2 1\n"


def test_it_leaves(cli: Run, build: Path, runtime: Path, tmp_path: Path) -> None:
    """When idle, when told, and when the program on disk is another one."""
    env = {"XDG_RUNTIME_DIR": str(runtime), **STUB}
    assert cli("resident", "start", "--idle", "1s", env=env).returncode == 0
    wait_until(lambda: not list((runtime / "dgx-pixels").glob("*.sock")))
    copy = tmp_path / "copy"
    shutil.copytree(build / "lib", copy / "lib", ignore=shutil.ignore_patterns("*torch*", "models", "rust"),
                    symlinks=True)
    (copy / "bin").mkdir()
    shutil.copy(build / "bin/dgx-pixels", copy / "bin")
    models = {**env, "DGX_PIXELS_MODELS": str(build / "lib/models")}
    subprocess.run([copy / "bin/dgx-pixels", "resident", "start"], check=True, env={**os.environ, **models},
                   capture_output=True)
    assert len(engines(cli, runtime)) == 1
    os.utime(copy / "lib/libdgxpixels_stub.so")
    wait_until(lambda: engines(cli, runtime) == [])


def test_a_wish_of_every_call(cli: Run, runtime: Path, tmp_path: Path) -> None:
    env = {"XDG_RUNTIME_DIR": str(runtime), **STUB, "DGX_PIXELS_RESIDENT": "5m"}
    paint(cli, tmp_path / "a.png", env, "-m", "starter")
    assert engines(cli, runtime)[0]["idle_seconds"] == 300
    wrong = cli("generate", "item", "x", "-o", tmp_path / "b.png", env={**env, "DGX_PIXELS_RESIDENT": "soon"})
    assert wrong.returncode == 2 and "DGX_PIXELS_RESIDENT is 'soon'" in wrong.stderr
    wrong = cli("generate", "item", "x", "-o", tmp_path / "b.png", "--resident", "soon", env=env)
    assert wrong.returncode == 2 and "--resident" in wrong.stderr and "10m" in wrong.stderr


def test_nonsense_is_not_answered(cli: Run, runtime: Path) -> None:
    """Random frames: that connection ends or gets an error; the engine serves on."""
    env = {"XDG_RUNTIME_DIR": str(runtime), **STUB}
    assert cli("resident", "start", env=env).returncode == 0
    [engine] = engines(cli, runtime)
    rng = random.Random(8)
    for _ in range(300):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(engine["socket"])
            body = rng.randbytes(rng.choice([0, 1, 30, 400]))
            op = rng.choice([0, *range(100, 124), 1 << 31])
            size = rng.choice([len(body)] * 4 + [1 << 40, 1 << 63])
            peer.sendall(op.to_bytes(4, "little") + bytes(4) + size.to_bytes(8, "little") + body)
            if op != 102:  # STOP
                peer.settimeout(0.02)
                try:
                    peer.recv(1 << 16)
                except (TimeoutError, ConnectionError):
                    pass
        if op == 102 and size == len(body):
            wait_until(lambda: engines(cli, runtime) == [])
            assert cli("resident", "start", env=env).returncode == 0
            [engine] = engines(cli, runtime)
    assert engines(cli, runtime)[0]["pid"] == engine["pid"]


@pytest.mark.needs_machine("other_users")
def test_another_user_is_refused(cli: Run, runtime: Path) -> None:
    """Even where the folders let anybody through."""
    env = {"XDG_RUNTIME_DIR": str(runtime), **STUB}
    assert cli("resident", "start", env=env).returncode == 0
    [engine] = engines(cli, runtime)
    for path in (runtime, runtime / "dgx-pixels"):
        path.chmod(0o777)
    Path(engine["socket"]).chmod(0o777)
    code = ("import os, socket, sys; os.setgid(65534); os.setuid(65534); s = socket.socket(socket.AF_UNIX)\n"
            "s.connect(sys.argv[1]); s.settimeout(60)\n"
            "try: s.sendall((100).to_bytes(4, 'little') + bytes(12)); print(len(s.recv(100)))\n"
            "except ConnectionError: print(0)")
    told = subprocess.run([sys.executable, "-c", code, engine["socket"]], text=True, capture_output=True, check=True)
    assert told.stdout == "0\n"
    refused = cli("resident", "status", env=env)  # and that folder is no longer trusted
    assert refused.returncode == 4 and "0700" in refused.stderr
    for path in (runtime, runtime / "dgx-pixels"):
        path.chmod(0o700)
