# SPDX-License-Identifier: MIT OR Apache-2.0
"""Batches that are killed, starved of disk, lied to by their journal, or shared: nothing is lost."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import machine
import pytest
from batches import SMALL, STUB, check_once, pictures, records, run, start, wishes

ROOT = Path(__file__).resolve().parents[2]
LINES = 200
Evidence = Callable[[str, int, str], None]


@pytest.fixture(scope="module")
def memory(full: bool) -> Iterator[Path]:
    """A folder in memory: these tests are about order, not about the disk's patience."""
    folder = Path(tempfile.mkdtemp(prefix="dgx-pixels-",
                                   dir=machine.memory_folder((1024 if full else 48) << 20)))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def undisturbed(build: Path, tiny: Path, memory: Path) -> dict[str, bytes]:
    """What LINES lines give when nobody interferes."""
    wishes(memory / "a.txt", LINES)
    done = run(build, memory / "a.txt", "-o", memory / "reference", *SMALL)
    assert done.returncode == 0, done.stderr
    check_once(memory / "reference", LINES)
    return pictures(memory / "reference")


def kill(build: Path, out: Path, words: tuple[object, ...], lines: int, wanted: int, pause: float,
         undisturbed: dict[str, bytes], env: dict[str, str]) -> tuple[int, list[int]]:
    """SIGKILL until the count is reached; a batch that gets through is checked, and begun anew.

    Returns how many got through, and how many pictures were there at each kill.
    """
    kills, batches, seen = 0, 0, []
    rng = random.Random(7)
    while kills < wanted:
        process = start(build, *words, env=env)
        try:
            assert process.stdout
            if kills % 4:  # while it paints; else at any moment of its beginning
                process.stdout.readline()
            process.wait(rng.uniform(0, pause))
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
            seen.append(len(list(out.glob("*.png"))) if out.exists() else 0)
        else:
            assert process.returncode == 0, process.communicate()[1]
            check_once(out, lines)
            assert pictures(out) == undisturbed
            shutil.rmtree(out)
            batches += 1
        process.communicate()
    done = run(build, *words, env=env)
    assert done.returncode == 0, done.stderr
    check_once(out, lines)
    assert pictures(out) == undisturbed
    return batches + 1, seen


def test_killed_at_random_moments(build: Path, memory: Path, undisturbed: dict[str, bytes],
                                  full: bool, evidence: Evidence) -> None:
    wanted = 200 if full else 20
    out = memory / "killed"
    words = (memory / "a.txt", "-o", out, *SMALL[:-1], "--resume")
    batches, seen = kill(build, out, words, LINES, wanted, 0.3, undisturbed,
                         {"DGXP_STUB_DELAY_MS": "2"})
    assert len(set(seen)) > wanted // 3, f"the kills came too early or too late: {seen}"
    evidence("batch: SIGKILL at random moments of 200 lines, then --resume", wanted,
             f"bytes equal to an undisturbed run's, every line once; {batches} batches")


@pytest.mark.skipif(not (ROOT / "models/starter/bundle.json").exists(),
                    reason="models/starter holds no weights")
def test_killed_while_the_starter_paints(build: Path, memory: Path, full: bool,
                                         evidence: Evidence) -> None:
    """The same with torch and a real model: groups of two, so that half a group is lost too."""
    lines, wanted = (200, 20) if full else (8, 3)
    torch = {"DGX_PIXELS_BACKEND": "torch"}
    manifest, out = wishes(memory / "starter.txt", lines), memory / "starter"
    common = ("-m", "starter", "--set", "steps=2", "--batch", "2", "--threads", "1")
    done = run(build, manifest, "-o", out, *common, "-q", env=torch)
    assert done.returncode == 0, done.stderr
    undisturbed = pictures(out)
    shutil.rmtree(out)
    batches, seen = kill(build, out, (manifest, "-o", out, *common, "--resume"), lines, wanted, 4,
                         undisturbed, torch)
    assert len(set(seen)) > wanted // 3, f"the kills came too early or too late: {seen}"
    evidence(f"batch: SIGKILL at random moments of {lines} lines on the starter, then --resume",
             wanted, f"bytes equal to an undisturbed run's, every line once; {batches} batches")


@pytest.mark.needs_machine("user_namespaces")
def test_full_disk(build: Path, memory: Path, undisturbed: dict[str, bytes], full: bool,
                   evidence: Evidence) -> None:
    """A tmpfs too small for 200 pictures (0.9 MiB): the run stops with exit code 5, more room and --resume end it."""
    sizes = [str(k) for k in range(64, 800, 64 if full else 500)]
    for size in sizes:
        out = memory / f"full-{size}"
        script = f"""
            mkdir -p "$1" && mount -t tmpfs -o size={size}k,nr_inodes=2000 none "$1"
            "$2" batch "$3" -o "$1/out" {' '.join(SMALL)}; echo first $?
            ls -A "$1/out/.dgx-pixels/tmp" 2>/dev/null | sed 's/^/left /'
            mount -o remount,size=64m "$1"
            "$2" batch "$3" -o "$1/out" {' '.join(SMALL)} --resume; echo second $?
            cp -a "$1/out" "$1.copy"
        """
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", script, "sh", out, build / "bin/dgx-pixels",
             memory / "a.txt"], text=True, capture_output=True,
            timeout=600, env={**os.environ, **STUB})
        assert "first 5" in done.stdout and "No space left" in done.stderr, (size, done)
        assert "left " not in done.stdout and "second 0" in done.stdout, (size, done)
        copy = memory / f"full-{size}.copy"
        check_once(copy, LINES)
        assert pictures(copy) == undisturbed
        shutil.rmtree(copy)
    evidence("batch: disk full, then room and --resume", len(sizes),
             "exit code 5, nothing half written left, bytes equal to an undisturbed run's")


@pytest.mark.needs_machine("user_namespaces")
def test_read_only_folder(build: Path, tiny: Path, memory: Path) -> None:
    wishes(memory / "few.txt", 3)
    script = """
        mkdir -p "$1" && mount -t tmpfs none "$1"
        [ "$4" ] && "$2" batch "$3" -o "$1/out" $4 >/dev/null 2>&1
        mount -o remount,ro "$1"
        "$2" batch "$3" -o "$1/out" $5
    """
    for before in ("", " ".join(SMALL)):
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", script, "sh", memory / "read-only",
             build / "bin/dgx-pixels", memory / "few.txt", before, " ".join((*SMALL, "--resume"))],
            text=True, capture_output=True,
            timeout=600, env={**os.environ, **STUB})
        assert done.returncode == 5 and "read-only/out" in done.stderr, done
        assert "Read-only" in done.stderr


def test_spoiled_journals(build: Path, memory: Path, undisturbed: dict[str, bytes], full: bool,
                          evidence: Evidence) -> None:
    """Cut short, a bit flipped, lines doubled or of another batch: what was lost is painted again."""
    rng = random.Random(11)
    count = 200 if full else 6
    repainted = 0
    for i in range(count):
        out = memory / "spoiled"
        shutil.copytree(memory / "reference", out)
        [journal] = (out / ".dgx-pixels").glob("journal-*")
        data = bytearray(journal.read_bytes())
        at = rng.randrange(len(data))
        if i % 3 == 0:
            del data[at:]
        elif i % 3 == 1:
            data[at] ^= 1 << rng.randrange(8)
        else:
            data[at:at] = rng.randbytes(rng.randrange(1, 300))
        journal.write_bytes(data)
        lost = LINES - sum(len(record["pictures"]) for record in records(out))
        done = run(build, memory / "a.txt", "-o", out, *SMALL, "--resume")
        assert done.returncode == 0, (i, done.stderr)
        assert f"{lost} painted" in done.stderr, (i, done.stderr)
        check_once(out, LINES)
        assert pictures(out) == undisturbed
        repainted += lost
        shutil.rmtree(out)
    evidence("batch: journal cut, bits flipped or bytes inserted, then --resume", count,
             f"bytes equal, every line once; {repainted} lines painted again")


def share(build: Path, memory: Path, out: Path, words: list[list[str]]) -> list[int]:
    processes = [start(build, memory / "a.txt", "-o", out, *SMALL, *more,
                       env={"DGXP_STUB_DELAY_MS": "3"}) for more in words]
    for process in processes:
        _, error = process.communicate(timeout=600)
        assert process.returncode == 0, error
    check_once(out, LINES)
    by_process = [sum(1 for _ in path.open())
                  for path in (out / ".dgx-pixels").glob("journal-*.jsonl")]
    shutil.rmtree(out / ".dgx-pixels")
    return by_process


def test_two_shards_at_once(build: Path, memory: Path, undisturbed: dict[str, bytes],
                            evidence: Evidence) -> None:
    out = memory / "shards"
    shares = share(build, memory, out, [["--shard", "1/2"], ["--shard", "2/2"]])
    assert pictures(out) == undisturbed and sorted(shares) == [100, 100]
    evidence("batch: two shards at once in one folder, lines", LINES, "every line once, bytes equal")


def test_four_processes_over_one_list(build: Path, memory: Path, undisturbed: dict[str, bytes],
                                      full: bool, evidence: Evidence) -> None:
    rounds = 20 if full else 2
    for _ in range(rounds):
        out = memory / "four"
        shares = share(build, memory, out, [["--resume"]] * 4)
        assert pictures(out) == undisturbed and len(shares) > 1, "only one of them worked"
        shutil.rmtree(out)
    evidence("batch: four processes over one list, rounds of 200 lines", rounds,
             "every line once, bytes equal")


def test_a_dead_process_leaves_its_group_to_the_living(build: Path, memory: Path,
                                                       undisturbed: dict[str, bytes]) -> None:
    """Killed while another one works: the other one takes what it dropped, without a restart."""
    out = memory / "dead"
    slow = {"DGXP_STUB_DELAY_MS": "40"}
    first = start(build, memory / "a.txt", "-o", out, *SMALL, env=slow)
    until = time.monotonic() + 600
    while not (out / ".dgx-pixels/claims").exists():
        assert first.poll() is None and time.monotonic() < until, "it claimed nothing"
        time.sleep(0.01)
    second = start(build, memory / "a.txt", "-o", out, *SMALL, "--resume",
                   env={"DGXP_STUB_DELAY_MS": "10"})
    time.sleep(0.8)
    first.kill()
    first.communicate()
    _, error = second.communicate(timeout=600)
    assert second.returncode == 0, error
    check_once(out, LINES)
    assert pictures(out) == undisturbed


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_a_long_list_is_flat(build: Path, tiny: Path, memory: Path, full: bool,
                             evidence: Evidence) -> None:
    """Memory between line 1,000 and the last one; processor time a line, first and last tenth."""
    count = 100_000 if full else 2_000
    tenth = count // 10
    wishes(memory / "long.txt", count)
    words = [word for word in SMALL if word != "-q"]
    process = start(build, memory / "long.txt", "-o", memory / "long", *words, "-j", "1",
                    stderr=None)
    assert process.stdout
    spent, resident = {}, {}
    for line, _ in enumerate(process.stdout, 1):
        if line % tenth == 0 or line == 1:
            spent[line] = processor_seconds(process.pid)
        if line >= 1_000 and line % 500 == 0:
            resident[line] = resident_mib(process.pid)
        if line == count:
            break
    process.communicate()
    assert process.returncode == 0
    growth = max(resident.values()) - resident[1_000]
    ratio = (spent[count] - spent[count - tenth]) / (spent[tenth] - spent[1]) * (tenth - 1) / tenth
    check_once(memory / "long", count)
    shutil.rmtree(memory / "long")
    assert abs(growth) <= 16 and min(resident.values()) - resident[1_000] >= -16
    if full:
        assert ratio <= 1.2
    evidence("batch: a long list, lines", count,
             f"{growth:+.1f} MiB resident from line 1,000 on; processor time a line, last tenth over "
             f"first: {ratio:.2f} ({1e3 * (spent[count] - spent[count - tenth]) / tenth:.2f} ms)")
