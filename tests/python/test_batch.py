# SPDX-License-Identifier: MIT OR Apache-2.0
"""`dgx-pixels batch`: what a list means, what it refuses, what it leaves behind."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from batches import SMALL, STUB, check_once, pictures, run, start, wishes
from PIL import Image


def requests(build: Path, *words: object) -> list[dict]:
    done = run(build, *words, "-m", "tiny", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    return [wish["request"] | {"file": wish["name"]} for wish in json.loads(done.stdout)["wishes"]]


def test_three_formats_mean_the_same(build: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        '# a comment\n\n  a red slime --steps 8 --negative-prompt "dark, blurry"\n'
        "knight --size 32x48 --name hero --seed 5\n")
    (tmp_path / "a.jsonl").write_text(
        '{"subject": "a red slime", "steps": 8, "negative_prompt": "dark, blurry"}\n'
        '{"subject": "knight", "size": [32, 48], "name": "hero", "seed": 5}\n')
    (tmp_path / "a.csv").write_text(
        'subject,steps,negative-prompt,size,name,seed\r\n'
        'a red slime,8,"dark, blurry",,,\r\nknight,,,32x48,hero,5\r\n')
    found = []
    for suffix in ("txt", "jsonl", "csv"):
        wishes_ = requests(build, tmp_path / f"a.{suffix}", "--seed", 1)
        found.append([{key: value for key, value in wish.items() if key != "file"}
                      for wish in wishes_])
        assert wishes_[1]["file"] == "hero.png" and wishes_[0]["file"].startswith("0001-a-red-slime-")
    assert found[0] == found[1] == found[2]
    assert found[0][0]["negative_prompt"] == "dark, blurry" and found[0][1]["size"] == [32, 48]
    piped = subprocess.run([build / "bin/dgx-pixels", "batch", "-", "--dry-run", "--json", "-s", "1"],
                           input=(tmp_path / "a.jsonl").read_text(), text=True, check=True,
                           capture_output=True)
    assert [w["request"] for w in json.loads(piped.stdout)["wishes"]] == found[0]


def test_a_list_is_told_by_its_first_line_where_no_name_says_it(build: Path, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text('subject\tsteps\tname\n"a ""big""\tslime"\t8\t\nknight, 5"\t\thero\n')
    expected = list(csv.DictReader((tmp_path / "a.tsv").open(newline=""), dialect="excel-tab"))
    found = requests(build, tmp_path / "a.tsv")
    assert [wish["subject"] for wish in found] == [line["subject"] for line in expected]
    assert found[0]["steps"] == 8 and "steps" not in found[1] and found[1]["file"] == "hero.png"
    for text in ((tmp_path / "a.tsv").read_text(), "\ufeffsubject,seed\r\nknight,5\r\n", '\ufeff{"subject": "knight"}\n'):
        piped = subprocess.run([build / "bin/dgx-pixels", "batch", "-", "--dry-run", "--json"], input=text, text=True,
                               capture_output=True)
        assert piped.returncode == 0, piped.stderr
        assert [w["request"]["subject"] for w in json.loads(piped.stdout)["wishes"]][-1].startswith("knight")
    (tmp_path / "a.txt").write_text("a sign \\--steps -- wide --steps 8\n[red] [x]\n")
    found = requests(build, tmp_path / "a.txt")
    assert found[0]["subject"] == "a sign --steps -- wide" and found[0]["steps"] == 8
    (tmp_path / "list.yaml").write_text("- a knight\n")
    done = run(build, tmp_path / "list.yaml", "--dry-run")
    assert done.returncode == 4 and "list is text" in done.stderr


def test_a_style_without_a_kind_means_the_same_everywhere(build: Path, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"subject": "knight", "style": "gameboy", "seed": 1}\n'
                                      '{"subject": "knight", "style": "gameboy", "kind": "character", "seed": 1}\n')
    done = run(build, tmp_path / "a.jsonl", "-o", tmp_path / "out", *SMALL)
    assert done.returncode == 0, done.stderr
    first, second = (Image.open(path) for path in sorted((tmp_path / "out").glob("*.png")))
    assert first.tobytes() == second.tobytes() and first.info == second.info
    for words in (["knight"], ["character", "knight"]):
        done = subprocess.run([build / "bin/dgx-pixels", "generate", *words, "--style", "gameboy", "-m", "tiny", "-s", "1",
                               "--steps", "1", "--canvas", "64x64", "-o", tmp_path / f"{len(words)}.png"],
                              env={**os.environ, **STUB}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    one, two = (Image.open(tmp_path / f"{i}.png") for i in (1, 2))
    assert one.tobytes() == two.tobytes() and one.info == two.info
    assert json.loads(one.info["dgx_pixels"])["prompt"] == json.loads(first.info["dgx_pixels"])["prompt"]


def test_csv_cells_may_hold_lines_and_quotes(build: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('prompt,seed\n"two\nlines, ""quoted""",1\nplain,2\n')
    found = requests(build, tmp_path / "a.csv")
    assert found[0]["prompt"] == 'two\nlines, "quoted"' and found[1]["prompt"] == "plain"


def test_csv_is_read_as_python_reads_it(build: Path, tmp_path: Path) -> None:
    cells = ['plain', 'a 5" nail', '"a, b"', '"two\nlines"', '"a ""word"""', '"""all"""', '"ab"cd',
             'x"y', '"#1"', 'ends in "', '"1\n\n,2"', '"ends "']
    text = "subject,seed\n" + "".join(f"{cell},{i}\n" for i, cell in enumerate(cells))
    (tmp_path / "a.csv").write_text(text)
    expected = list(csv.reader(text.splitlines(keepends=True)))[1:]
    found = [[wish["subject"], str(wish["seed"])] for wish in requests(build, tmp_path / "a.csv")]
    assert found == expected and len(found) == len(cells)


def test_choices_and_wildcards(build: Path, tmp_path: Path) -> None:
    (tmp_path / "wildcards").mkdir()
    (tmp_path / "wildcards/color.txt").write_text("# two\ngold\n{deep|pale} violet\n")
    (tmp_path / "a.txt").write_text(r"{a|{b|c}} \{x\} __color__ snake_case --count 200" + "\n")
    found = requests(build, tmp_path / "a.txt")
    texts = [wish["subject"] for wish in found]
    assert {text.split()[0] for text in texts} == {"a", "b", "c"}
    assert {text.split("} ")[1] for text in texts} == {
        f"{color} snake_case" for color in ("gold", "deep violet", "pale violet")}
    assert all("{x}" in text for text in texts)
    share = sum(text.startswith("a") for text in texts) / 200
    assert 0.35 < share < 0.65, "a fair choice between two"
    assert texts == [wish["subject"] for wish in requests(build, tmp_path / "a.txt")]
    assert len({wish["seed"] for wish in found}) == 200
    assert all(0 <= wish["seed"] < 2**53 for wish in found)


def test_matrix_makes_every_combination_and_a_sheet(build: Path, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("slime\nbat\n")
    found = requests(build, tmp_path / "a.txt", "--matrix", "steps=1,2", "--matrix",
                     "guidance=1,2.5,4", "--set", "steps=9")
    assert [(w["subject"], w["steps"], w["guidance"]) for w in found] == [
        (s, n, g) for s in ("slime", "bat") for n in (1, 2) for g in (1, 2.5, 4)]
    assert len({wish["seed"] for wish in found[:6]}) == 1, "only what is compared differs"
    out = tmp_path / "out"
    done = run(build, tmp_path / "a.txt", "-o", out, *SMALL, "--matrix", "guidance=1,2,3")
    assert done.returncode == 0, done.stderr
    with Image.open(out / "contact.png") as sheet:
        assert sheet.width > sheet.height, "three across, two down"
    assert len(pictures(out)) == 7


@pytest.mark.parametrize("suffix,text,part", [
    ("txt", "slime --steps many\n", "a.txt:1: field 'steps'"),
    ("txt", "a\n\nslime --sampler magic\n", "a.txt:3: field 'sampler'"),
    ("jsonl", '{"subject": "a"}\n{"subject": "b", "stpes": 3}\n', "a.jsonl:2: there is no field"),
    ("jsonl", '{"subject": "a"\n', "a.jsonl:1"),
    ("jsonl", "[1]\n", "is not an object"),
    ("jsonl", '{"steps": 3}\n', "what to paint"),
    ("jsonl", '{"subject": "a", "steps": 100000}\n', "steps"),
    ("jsonl", '{"subject": "a", "mask": "m.png"}\n', "needs 'init'"),
    ("jsonl", '{"subject": "a", "name": "../b"}\n', "plain file name"),
    ("jsonl", '{"subject": "a", "name": "b"}\n{"subject": "c", "name": "b"}\n', "two lines"),
    ("jsonl", '{"subject": "a", "count": 0}\n', "count"),
    ("csv", "subject,colour\na,b\n", "'colour'"),
    ("csv", "subject\na,b\n", "a.csv:2"),
    ("txt", "\n# nothing\n", "asks for nothing"),
    ("txt", "a\nknight --stepz 3\n", "a.txt:2: there is no field '--stepz'"),
    ("txt", "subject,seed\nknight,2\n", "name the file .csv"),
    ("json", '[{"subject": "a"}]\n', "one JSON array"), ("txt", '\ufeff[\n  {"subject": "a"}]\n', "one JSON array"),
    ("json", '{\n "subject": "a"\n}\n', "a.json:1"),
    ("csv", "subject,steps,steps\na,3,4\n", "'steps' twice"),
    ("csv", "subject,negative_prompt,negative-prompt\na,b,c\n", "twice"),
    ("csv", 'subject,seed\na,1\n"b,2\nc,3\n', "a.csv:3: the quote"),
    ("tsv", "subject\tseed\na\t1\t2\n", "more cells than the header's 2"),
    ("jsonl", '{"prompt": "a", "style": "gameboy"}\n', "field 'style' refines a kind"),
])
def test_faults_name_line_and_field(suffix: str, text: str, part: str, build: Path, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_text(text)
    done = run(build, path, "-o", tmp_path / "out", "-m", "tiny")
    assert done.returncode == 4 and part in done.stderr, done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text,part", [("a {b|c", "never closed"), ("__nofile__", "nofile.txt"),
                                       ("__me__", "name itself")])
def test_faults_of_choices_are_named(text: str, part: str, build: Path, tiny: Path,
                                     tmp_path: Path) -> None:
    (tmp_path / "wildcards").mkdir()
    (tmp_path / "wildcards/me.txt").write_text("__me__\n")
    (tmp_path / "a.txt").write_text(text + "\n")
    done = run(build, tmp_path / "a.txt", "-o", tmp_path / "out", *SMALL)
    assert done.returncode in (3, 4) and part in done.stderr and "a.txt:1" in done.stderr


def test_every_fault_is_told_before_anything_is_painted(build: Path, tiny: Path, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "half.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "half.png").read_bytes()[:60])
    late = {"a {b|c": "never closed", "{a __nofile__|__nofile__} x": "nofile.txt", "y --lora nosuch:1": "no LoRA 'nosuch'",
            "y <lora:none:1>": "no LoRA 'none'", "z --init nofile.png": "cannot open", "z --init half.png": "half.png",
            "y --size 31x31 --canvas 65x65": "65"}
    at_once = {"y --size 9000": "9000", "v --style gambeoy": "16bit", "u --stepz 3": "--stepz", "u --sampler magic": "magic"}
    (tmp_path / "a.txt").write_text("".join(f"{line} --seed 6\n" for line in ["good", *late, *at_once]))
    done = run(build, tmp_path / "a.txt", "--dry-run", "-m", "tiny")
    told = done.stderr.splitlines()
    assert done.returncode in (3, 4) and told[-1] == "11 pictures cannot be painted", done.stderr
    for number, part in enumerate([*late.values(), *at_once.values()], 2):
        assert any(f"a.txt:{number}: " in line and part in line for line in told), (number, part, told)
    for line, part in late.items():
        (tmp_path / "b.txt").write_text(f"good\ngood too\n{line} --seed 6\n")
        done = run(build, tmp_path / "b.txt", "-o", tmp_path / "out", "-m", "tiny", "-q")
        assert done.returncode in (2, 3, 4) and "b.txt:3: " in done.stderr and part in done.stderr, done.stderr
        assert pictures(tmp_path / "out") == {}, "nothing is painted before all is checked"
        shutil.rmtree(tmp_path / "out")


def test_going_on_after_errors(build: Path, tiny: Path, tmp_path: Path) -> None:
    """Bad lines fail alone and keep nobody from its place; --resume tries them again."""
    (tmp_path / "a.jsonl").write_text("".join(
        line + "\n" for line in ('{"subject": "one"}', '{"subject": "two", "sampler": "magic"}',
                                 '{"subject": "three", "init": "late.png", "strength": 1}', '{"subject": "four"}',
                                 '{"subject": "five <lora:none:1>"}', '{"subject": "six"}')))
    out = tmp_path / "out"
    words = (tmp_path / "a.jsonl", "-o", out, *SMALL, "--batch", 4, "--continue-on-error")
    done = run(build, *words, "--json")
    assert done.returncode == 1, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["painted"], summary["failed"]) == (3, 3)
    assert [entry["line"] for entry in summary["failures"]] != []
    assert {entry["line"] for entry in summary["failures"]} == {2, 3, 5}
    for part in ("a.jsonl:2: field 'sampler'", "late.png", "none"):
        assert part in done.stderr
    first = pictures(out)
    Image.new("RGBA", (32, 32), "red").save(tmp_path / "late.png")
    done = run(build, *words, "--resume", "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["painted"] == 1
    assert {name: data for name, data in pictures(out).items() if name in first} == first
    stopped = run(build, tmp_path / "a.jsonl", "-o", tmp_path / "strict", *SMALL)
    assert stopped.returncode == 4 and not (tmp_path / "strict").exists()


def test_batches_are_true_and_fixed_by_order(build: Path, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(
        f"slime {i} --steps {1 + i % 2}\n" for i in range(10)))
    done = run(build, tmp_path / "a.txt", "-o", tmp_path / "out", "-m", "tiny", "--set",
               "canvas=64x64", "--batch", 4, "-q")
    assert done.returncode == 0, done.stderr
    shapes = []
    for path in sorted((tmp_path / "out").glob("*.png")):
        with Image.open(path) as image:
            shapes.append(json.loads(image.text["dgx_pixels"])["batch"])
    assert [(shape["size"], shape["position"]) for shape in shapes] == [
        (4 if i < 8 else 1, i // 2 % 4) for i in range(10)]


def test_another_list_or_other_settings_are_refused(build: Path, tiny: Path, tmp_path: Path) -> None:
    manifest, out = wishes(tmp_path / "a.txt", 3), tmp_path / "out"
    assert run(build, manifest, "-o", out, *SMALL).returncode == 0
    done = run(build, manifest, "-o", out, *SMALL)
    assert done.returncode == 2 and "--resume" in done.stderr
    for words in (("--batch", "2"), ("--seed", "1"), ("--scale", "2"), ("--set", "guidance=2")):
        done = run(build, manifest, "-o", out, *SMALL, *words, "--resume")
        assert done.returncode == 4 and "differs" in done.stderr, words
    wishes(tmp_path / "a.txt", 4)
    done = run(build, manifest, "-o", out, *SMALL)
    assert done.returncode == 4 and "'manifest' differs" in done.stderr and "resume" in done.stderr


def test_an_edited_list_goes_on(build: Path, tiny: Path, tmp_path: Path) -> None:
    """Lines that did not change keep their pictures, wherever they stand now; the rest is as if painted afresh."""
    path, out = tmp_path / "a.txt", tmp_path / "out"
    path.write_text("one\ntwo --name hero\nthree --count 2\nfour\ngone\nsix --name old\n")
    assert run(build, path, "-o", out, *SMALL).returncode == 0
    stamps = {item.stat().st_ino for item in out.glob("*.png")}
    path.write_text("# grown\r\nzero\r\n\ufefffour\r\n".replace("\ufeff", "") +
                    "one\r\nthree --count 3\r\ntwo, changed --name hero\r\nsix --name new\r\n")
    done = run(build, path, "-o", out, *SMALL, "--resume")
    assert done.returncode == 0 and "3 painted, 5 were there" in done.stderr, done.stderr
    fresh = tmp_path / "fresh"
    assert run(build, path, "-o", fresh, *SMALL).returncode == 0
    expected = pictures(fresh)
    assert {name: data for name, data in pictures(out).items() if name in expected} == expected
    [left] = set(pictures(out)) - set(expected)
    assert "gone" in left, "the picture of a line that is gone is nobody's to delete"
    assert len(stamps & {(out / name).stat().st_ino for name in expected}) == 5
    again = run(build, path, "-o", out, *SMALL, "--resume", "--verify")
    assert "0 painted, 8 were there" in again.stderr, again.stderr


def test_an_edited_list_that_was_killed_goes_on(build: Path, tiny: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "a.txt", tmp_path / "out"
    path.write_text("one --name hero\ntwo\n")
    assert run(build, path, "-o", out, *SMALL).returncode == 0
    path.write_text("two\nchanged --name hero\nlast --lora nosuch:1\n")
    done = run(build, path, "-o", out, *SMALL, "--resume")
    assert done.returncode in (3, 4), done.stderr  # the folder has taken the new list, nothing was painted
    path.write_text("two\nchanged --name hero\n")
    done = run(build, path, "-o", out, *SMALL, "--resume")
    assert done.returncode == 0 and "1 painted, 1 were there" in done.stderr, done.stderr
    path.write_text("two\nchanged --name foreign\n")
    (out / "foreign.png").write_bytes(b"mine")
    done = run(build, path, "-o", out, *SMALL, "--resume")
    assert done.returncode == 5 and (out / "foreign.png").read_bytes() == b"mine"


def test_files_of_others_are_never_replaced(build: Path, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("slime --name hero\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/hero.png").write_bytes(b"mine")
    done = run(build, tmp_path / "a.txt", "-o", tmp_path / "out", *SMALL)
    assert done.returncode == 5 and "hero.png" in done.stderr
    assert pictures(tmp_path / "out") == {"hero.png": b"mine"}


def test_missing_and_altered_files_are_made_again(build: Path, tiny: Path, tmp_path: Path) -> None:
    manifest, out = wishes(tmp_path / "a.txt", 4), tmp_path / "out"
    assert run(build, manifest, "-o", out, *SMALL).returncode == 0
    good = pictures(out)
    names = sorted(good)
    (out / names[0]).unlink()
    (out / names[1]).write_bytes(good[names[1]][:-1])
    flipped = bytearray(good[names[2]])
    flipped[60] ^= 1
    (out / names[2]).write_bytes(flipped)
    done = run(build, manifest, "-o", out, *SMALL, "--resume", "--verify", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["painted"] == 3, done.stderr
    assert pictures(out) == good


def test_interrupt_stops_and_resumes(build: Path, tiny: Path, tmp_path: Path) -> None:
    import signal

    manifest, out = wishes(tmp_path / "a.txt", 50), tmp_path / "out"
    words = (manifest, "-o", out, "-m", "tiny", "--set", "steps=2", "--set", "canvas=64x64")
    process = start(build, *words, env={"DGXP_STUB_DELAY_MS": "30"})
    assert process.stdout
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=600)
    assert process.returncode == 130 and "--resume" in text
    assert run(build, *words, "--resume").returncode == 0
    check_once(out, 50)


def test_the_same_shard_twice_is_busy(build: Path, tiny: Path, tmp_path: Path) -> None:
    manifest, out = wishes(tmp_path / "a.txt", 40), tmp_path / "out"
    first = start(build, manifest, "-o", out, *SMALL, "--shard", "1/2",
                  env={"DGXP_STUB_DELAY_MS": "100"})
    shard = out / ".dgx-pixels/shard-1-of-2"
    while not shard.exists() and first.poll() is None:
        time.sleep(0.01)
    second = run(build, manifest, "-o", out, *SMALL, "--shard", "1/2", "--resume")
    first.kill()
    first.communicate()
    assert second.returncode == 9 and "shard 1/2" in second.stderr
    for i in (1, 2):
        done = run(build, manifest, "-o", out, *SMALL, "--shard", f"{i}/2", "--resume")
        assert done.returncode == 0, done.stderr
    check_once(out, 40)


def test_into_a_game(build: Path, tiny: Path, tmp_path: Path) -> None:
    """An output inside assets/ is painted elsewhere and deployed whole; --deploy says it plainly."""
    game = tmp_path / "game"
    (game / "assets").mkdir(parents=True)
    (game / "Cargo.toml").write_text('[package]\nname = "game"\n[dependencies]\nbevy = "0.19"\n')
    manifest = wishes(tmp_path / "a.txt", 3)
    done = run(build, manifest, "-o", game / "assets/enemies", *SMALL)
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (game / "assets/enemies").glob("*.png"))
    assert len(names) == 3 and (game / f"assets/enemies/{names[0]}.meta").exists()
    assert not list((game / "assets").rglob(".dgx-pixels"))
    lock = json.loads((game / "dgx-pixels.lock.json").read_text())
    assert all(f"enemies/{name}" in json.dumps(lock) for name in names)
    again = run(build, manifest, "-o", game / "assets/enemies", *SMALL, "--resume")
    assert again.returncode == 0, again.stderr
    other = run(build, manifest, "--deploy", "--project", game, "--to", "heroes", *SMALL)
    assert other.returncode == 0, other.stderr
    assert len(list((game / "assets/heroes").glob("*.png"))) == 3


def test_the_next_list_into_the_same_game(build: Path, tiny: Path, tmp_path: Path) -> None:
    """An edited list is another batch, and goes into the same folder of the game all the same."""
    game = tmp_path / "game"
    game.mkdir()
    (game / "Cargo.toml").write_text('[dependencies]\nbevy = { features = ["file_watcher"] }\n')
    into = ("--deploy", "--project", game, "--to", "heroes/", "--seed", "7", *SMALL)
    manifest = tmp_path / "a.txt"
    for count in (2, 3):
        done = run(build, wishes(manifest, count), *into)
        assert done.returncode == 0, done.stderr
    assert len(list((game / "assets/heroes").glob("*.png"))) == 3  # the first two are the same again
    again = run(build, manifest, *into)
    assert again.returncode == 2 and "3 of 3" in again.stderr and "--resume" in again.stderr
    staged = game / ".dgx-pixels/batch"
    assert [path.name for path in staged.iterdir()] == ["heroes-2"], "the list before is deployed and gone"
    resumed = run(build, manifest, *into, "--resume")
    assert resumed.returncode == 0 and "0 painted, 3 were there" in resumed.stderr


def test_what_resume_needs_is_kept(build: Path, tiny: Path, tmp_path: Path) -> None:
    """A batch that is not wholly deployed outlives the next list, and finds its own folder again."""
    game = tmp_path / "game"
    game.mkdir()
    (game / "Cargo.toml").write_text('[dependencies]\nbevy = { features = ["file_watcher"] }\n')
    into = ("--deploy", "--project", game, "--to", "heroes/", *SMALL)
    whole, share = wishes(tmp_path / "whole.txt", 2), wishes(tmp_path / "share.txt", 4)
    assert run(build, share, *into, "--resume", "--shard", "1/2").returncode == 0
    for count in (2, 3):  # the second of them removes the first
        assert run(build, wishes(whole, count), *into).returncode == 0
    staged = game / ".dgx-pixels/batch"
    assert sorted(path.name for path in staged.iterdir()) == ["heroes", "heroes-3"]
    assert run(build, wishes(whole, 5), *into).returncode == 0  # takes the number that is free
    assert sorted(path.name for path in staged.iterdir()) == ["heroes", "heroes-2"]
    done = run(build, share, *into, "--resume")
    assert done.returncode == 0 and "2 painted, 2 were there" in done.stderr, done.stderr
    assert [path.name for path in staged.iterdir()] == ["heroes"]


def test_a_share_is_not_deployed_alone(build: Path, tiny: Path, tmp_path: Path) -> None:
    game = tmp_path / "game"
    game.mkdir()
    (game / "Cargo.toml").write_text('[dependencies]\nbevy = { features = ["file_watcher"] }\n')
    words = (wishes(tmp_path / "a.txt", 6), "--deploy", "--project", game, *SMALL, "--resume")
    first = run(build, *words, "--shard", "1/2")
    assert first.returncode == 0 and "not deployed yet: 3 are not done" in first.stderr
    assert not (game / "assets").exists()
    second = run(build, *words, "--shard", "2/2")
    assert second.returncode == 0, second.stderr
    assert len(list((game / "assets/sprites").glob("*.png"))) == 6


def test_options_of_a_deployment_need_one(build: Path, tiny: Path, tmp_path: Path) -> None:
    for words in (("--to", "x/"), ("--force",), ("--confirm",), ("--project", tmp_path)):
        done = run(build, wishes(tmp_path / "a.txt", 1), "-o", tmp_path / "out", *SMALL, *words)
        assert done.returncode == 2 and "belong to --deploy" in done.stderr
    assert not (tmp_path / "out").exists()
