# SPDX-License-Identifier: MIT OR Apache-2.0
"""lint finds every planted defect and nothing in a clean set; --fix cures what it says it cures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from conftest import make_set, run_file, sprite

Pixels = np.ndarray
COUNT = 60


def enlarged(p: Pixels, k: int) -> Pixels:
    return p.repeat(k, 0).repeat(k, 1)


def smoothed(p: Pixels, k: int) -> Pixels:
    """Enlarged by nearest, turned and brought back with a smooth filter: as downloads often are."""
    image = PIL.Image.fromarray(enlarged(p, 6)).rotate(5 + k, resample=PIL.Image.Resampling.BICUBIC)
    small = np.asarray(image.resize((p.shape[1], p.shape[0]), PIL.Image.Resampling.LANCZOS)).copy()
    small[..., 3] = np.where(small[..., 3] >= 128, 255, 0)
    return small


def bilinear(p: Pixels, k: int) -> Pixels:
    flat = PIL.Image.new("RGBA", p.shape[1::-1], (96, 140, 96, 255))
    flat.alpha_composite(PIL.Image.fromarray(p))
    return np.asarray(flat.resize((p.shape[1] + 5 + k, p.shape[0] + 5 + k), PIL.Image.Resampling.BILINEAR))


def near_colours(p: Pixels, k: int) -> Pixels:
    out = p.copy()
    rows, columns = np.where(p[..., 3] > 0)
    out[rows[::3], columns[::3], k % 3] ^= 2
    return out


def soft_alpha(p: Pixels, k: int) -> Pixels:
    out = p.copy()
    rows, columns = np.where(p[..., 3] > 0)
    out[rows[:6 + k], columns[:6 + k], 3] = 150
    return out


def mixed(p: Pixels, k: int) -> Pixels:
    """Two sprites side by side, one at twice the pixel size."""
    big = enlarged(sprite(200 + k)[0], 2)
    small = np.zeros((32, 16, 4), np.uint8)
    small[8:24] = p
    return np.concatenate([small, big], 1)[:, :32]


def too_large(p: Pixels, k: int) -> Pixels:
    whole = np.concatenate([p, sprite(300 + k)[0], sprite(310 + k)[0], sprite(320 + k)[0]], 1)
    whole[8, 0], whole[8, -1] = (24, 20, 40, 255), (24, 20, 40, 255)
    return whole


def blank(p: Pixels, k: int) -> Pixels:
    return np.zeros_like(p)


# check, what plants it, how often
DEFECTS: list[tuple[str, Callable[[Pixels, int], Pixels], int]] = [
    ("scale", lambda p, k: enlarged(p, 2 + k), 5),
    ("anti-aliasing", smoothed, 4), ("anti-aliasing", bilinear, 2), ("near-duplicates", near_colours, 5),
    ("soft-alpha", soft_alpha, 5), ("mixed-sizes", mixed, 4), ("size", too_large, 3), ("empty", blank, 1)]


def read(folder: Path, name: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads((folder / f"runs/{name}/lint.json").read_text())
    return found


def test_a_clean_set_has_no_finding(tmp_path: Path, train: Callable[..., int], starter: Path) -> None:
    make_set(tmp_path / "sprites", COUNT)
    assert train("lint", run_file(tmp_path, "clean")) == 0
    assert read(tmp_path, "clean") == []
    assert (tmp_path / "runs/clean/lint.png").exists()


def drawn(rows: list[str]) -> Pixels:
    """A picture from letters: o outline, y and w flat colours, s a shade between outline and w."""
    colours = {"o": (24, 20, 40, 255), "y": (248, 200, 40, 255), "w": (248, 240, 236, 255),
               "s": (204, 190, 188, 255), ".": (0, 0, 0, 0)}
    return np.array([[colours[c] for c in row] for row in rows], np.uint8)


def chequered() -> Pixels:
    """A surface of 2x2 squares, as a pineapple's, inside of an outline one pixel wide."""
    squares = enlarged(np.indices((10, 10)).sum(0)[..., None] % 2, 2)[..., 0]
    fruit = np.where(squares[..., None] == 1, drawn(["y"])[0, 0], drawn(["w"])[0, 0]).astype(np.uint8)
    out = np.pad(fruit, ((2, 2), (2, 2), (0, 0)))
    out[1, 2:-2] = out[-2, 2:-2] = out[2:-2, 1] = out[2:-2, -2] = drawn(["o"])[0, 0]
    out[1:4, 3:20:3] = drawn(["o"])[0, 0]
    return out


def striped() -> Pixels:
    """A long blade of stripes two pixels wide, with a fine tip."""
    return drawn(["ooyywwssyywwooyy"] * 20 + [row.center(16, ".") for row in (
        "oywswywo", "oyswyo", "oswo", "oo")])


def dust() -> Pixels:
    """Few pixels, two of them shaded."""
    return drawn(["...oo....", "..owwo...", ".owwwwo..", ".oswwsoo.", "..oooo..."])


@pytest.mark.parametrize("picture", [chequered, striped, dust])
def test_what_is_drawn_on_purpose_is_no_defect(picture: Callable[[], Pixels], tmp_path: Path,
                                               train: Callable[..., int], starter: Path) -> None:
    """Each is the shape of a real CC0 sprite that was once taken for mixed sizes or for a blend."""
    folder = make_set(tmp_path / "sprites", COUNT)
    PIL.Image.fromarray(picture()).save(folder / "000.png")
    train("lint", run_file(tmp_path, "drawn"))
    assert [f for f in read(tmp_path, "drawn") if f["check"] not in ("duplicate", "size")] == []


def test_every_planted_defect_is_found(tmp_path: Path, train: Callable[..., int], starter: Path,
                                       capsys: pytest.CaptureFixture[str],
                                       evidence: Callable[[str, int, str], None]) -> None:
    folder = make_set(tmp_path / "sprites", COUNT)
    planted: set[tuple[str, str]] = set()
    number = 0
    for check, plant, times in DEFECTS:
        for k in range(times):
            name = f"{number:03d}.png"
            PIL.Image.fromarray(plant(sprite(number)[0], k)).save(folder / name)
            planted.add((check, name))
            number += 1
    for k in range(2):  # equal, and nearly so
        shutil.copyfile(folder / "059.png", folder / f"{number + k:03d}.png")
        planted.add(("duplicate", "059.png") if k == 0 else ("duplicate", f"{number + 1:03d}.png"))
    for k in range(2):
        pixels = sprite(58 - k)[0].copy()
        rows, columns = np.where(pixels[..., 3] > 0)
        pixels[rows[20], columns[20]] = pixels[rows[40], columns[40]]
        PIL.Image.fromarray(pixels).save(folder / f"{number + 2 + k:03d}.png")
        planted.add(("duplicate", f"{58 - k:03d}.png"))
    number += 4
    for k in range(3):
        (folder / f"{number + k:03d}.txt").unlink()
        planted.add(("no-caption", f"{number + k:03d}.png"))
        (folder / f"{number + 3 + k:03d}.txt").write_text("\n")
        planted.add(("empty-caption", f"{number + 3 + k:03d}.png"))
    number += 6
    (folder / f"{number:03d}.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    planted.add(("unreadable", f"{number:03d}.png"))
    assert len(planted) >= 40
    file = run_file(tmp_path, "bad")
    assert train("lint", file, "--fix") == 1
    found = {(f["check"], f["file"]) for f in read(tmp_path, "bad")}
    assert planted <= found, sorted(planted - found)
    # A picture that was spoilt in one way may show another; the whole ones show none.
    spoilt = {name for _, name in planted}
    assert {f for f in found if f[1] not in spoilt} == set()
    shown = capsys.readouterr().out
    assert all(f["cure"] in shown and f["file"] in shown for f in read(tmp_path, "bad"))
    evidence("training: planted defects that lint finds", len(planted), "all; none in a clean set")
    # What --fix says it cures is cured, and the originals are as they were.
    cured = {f["file"] for f in read(tmp_path, "bad") if f["fixable"]}
    again = run_file(tmp_path, "again", data={"folder": str(tmp_path / "sprites-fixed")})
    train("lint", again)
    left = {(f["check"], f["file"]) for f in read(tmp_path, "again")}
    for check in ("soft-alpha", "near-duplicates", "scale"):
        assert not {f for c, f in left if c == check and f in cured}, check
    assert PIL.Image.open(folder / "004.png").size == (96, 96)


def test_captions_that_the_model_cannot_read(tmp_path: Path, train: Callable[..., int], starter: Path) -> None:
    """transformers' tokenizer, which the training cuts with, says the same of each."""
    from transformers import CLIPTokenizer

    folder, trigger = make_set(tmp_path / "sprites", COUNT), "spacy style, "
    captions = ["red " * n for n in range(15, 22)] + [
        "a (red:1.3) [blue] \\(dragon\\) of the north, monster", "a knight BREAK a horse, character",
        "(((red))) <lora:x:1> knight <lora:y:2>, character", "\u65e5\u672c\u8a9e knight, character", "a, " * 4000]
    for i, text in enumerate(captions):
        (folder / f"{i:03d}.txt").write_text(text, "utf-8")
    train("lint", run_file(tmp_path, "long"))
    found = {f["file"]: f for f in read(tmp_path, "long") if f["check"] == "long-caption"}
    words = CLIPTokenizer.from_pretrained(starter / "tokenizer_2")
    long = {f"{i:03d}.png" for i, text in enumerate(captions)
            if len(words(trigger + text.strip()).input_ids) > words.model_max_length}
    assert set(found) == long and 3 <= len(long) < len(captions)
    told = found["006.png"]
    assert told["severity"] == "warning" and "22 tokens" in told["message"] and "'red red red'" in told["message"]


def test_defects_of_the_whole_set(tmp_path: Path, train: Callable[..., int], starter: Path, tiny: Path) -> None:
    folder = make_set(tmp_path / "sprites", 12)
    for text in folder.glob("*.txt"):
        text.write_text("a creature")
    file = run_file(tmp_path, "set", data={"folder": str(folder), "add_trigger": False})
    assert train("lint", file) == 1
    found = {f["check"] for f in read(tmp_path, "set")}
    assert found == {"few", "same-captions", "no-trigger"}
    file = run_file(tmp_path, "set", run={"trigger": ""}, data={"folder": str(folder)})
    assert train("lint", file) == 1  # the starter is better off without trigger words, SDXL is not
    assert {f["check"] for f in read(tmp_path, "set")} == {"few", "same-captions"}
    file = run_file(tmp_path, "set", run={"base": str(tiny / "tiny-diffusers"), "trigger": ""}, data={"folder": str(folder)})
    assert train("lint", file) == 1
    assert {f["check"] for f in read(tmp_path, "set")} == {"few", "same-captions", "no-trigger"}
    make_set(folder, 30)
    assert train("lint", run_file(tmp_path, "set")) == 0
    assert [(f["check"], f["severity"]) for f in read(tmp_path, "set")] == [("few", "warning")]


@pytest.mark.parametrize("text,told", [
    ("[run\n", "not valid TOML"), ("[run]\nname = 'x'\n", "[run] base: is missing"),
    ("[run]\nname='x'\nbase='y'\n[data]\nfolder='z'\n[train]\nsteps='many'", "[train] steps: must be a whole"),
    ("[run]\nname='x'\nbase='y'\n[data]\nfolder='z'\n[train]\nrate=-1", "[train] rate: must be 0 to 10"),
    ("[run]\nname='x'\nbase='y'\n[data]\nfolder='z'\n[train]\nrate=nan", "[train] rate: must be 0 to 10"),
    ("[run]\nname='x'\nbase='y'\n[data]\nfolder='z'\n[adaptor]\nrank=1", "[adaptor]: unknown section; did you mean"),
    ("[run]\nname='x'\nbase='y'\n[data]\nfolder='z'\n[adapter]\nrnak=1", "did you mean 'rank'?"),
    ("[run]\nname='x'\nbase='y'\n[data]\nfolder='z'\nflip=1", "[data] flip: must be true or false"),
    ("[run]\nname='x'\nbase='y'\n[data]\nfolder='z'\n[adapter]\ntext_encoders=[3]", "text_encoders[0]: must be 1 to 2"),
    ("[run]\nname='../x'\nbase='y'\n[data]\nfolder='z'", "[run] name: '../x' cannot name a file"),
    ("[run]\nname='x'\nbase='y'\n[data]\nfolder='z'\nbackground='pink'", "[data] background: must be"),
    ("[run]\nname='x'\nbase='nowhere'\n[data]\nfolder='.'", "[run] base: 'nowhere' is neither"),
])
def test_errors_name_file_and_field(text: str, told: str, tmp_path: Path, train: Callable[..., int],
                                    capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.toml"
    file.write_text(text)
    assert train("lint", file) == 1
    error = capsys.readouterr().err
    assert told in error and str(file) in error


@pytest.mark.parametrize("base", ["starter", "sdxl"])
def test_the_template_is_read_back(base: str, tmp_path: Path, train: Callable[..., int]) -> None:
    """Every field is in it, with the values that init chose, and uncommented defaults are valid."""
    from dgx_pixels.train import settings

    file = tmp_path / "mine.toml"
    assert train("init", file, "--base", base) == 0
    assert train("init", file) == 1  # it overwrites nothing
    chosen = settings.load(file)
    file.write_text("\n".join(line[1:] if line.startswith("#") and not line.startswith("# ") else line
                              for line in file.read_text().splitlines()))
    whole = settings.load(file)
    assert whole.table() == chosen.table()
    trigger, rank, steps = ("", 4, 80) if base == "starter" else ("mine style", 32, 3000)
    assert (chosen.run.base, chosen.run.trigger, chosen.adapter.rank, chosen.train.steps) == (base, trigger, rank, steps)
