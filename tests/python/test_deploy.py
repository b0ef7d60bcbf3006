# SPDX-License-Identifier: MIT OR Apache-2.0
"""`dgx-pixels deploy`: what it writes, what it refuses, and that nothing is ever lost or leaked."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

CARGO = '[package]\nname = "game"\n[dependencies]\nbevy = { version = "0.19", features = ["file_watcher"] }\n'
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def paint(path: Path, color: tuple[int, int, int] = (200, 40, 40), size: int = 16) -> Path:
    """A PNG with the metadata that ours have."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("dgx_pixels", json.dumps({"seed": 7, "prompt": "a knight"}))
    texts.add_itxt("parameters", "a knight\nSteps: 2, Sampler: euler, Seed: 7, Size: 16x16")
    image = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    image.paste((*color, 255), (2, 2, size - 2, size - 2))
    image.save(path, pnginfo=texts)
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def snapshot(folder: Path) -> dict[str, str]:
    """Every entry of a tree: files by content, links by target."""
    seen = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            seen[name] = f"-> {os.readlink(path)}"
        elif path.is_file():
            seen[name] = digest(path)
        else:
            seen[name] = "folder" if path.is_dir() else "other"
    return seen


def lock_of(game: Path) -> dict[str, dict[str, object]]:
    document = json.loads((game / "dgx-pixels.lock.json").read_text())
    assert document["format"] == 1
    paths = [entry["path"] for entry in document["assets"]]
    assert paths == sorted(paths, key=str.encode) and len(set(paths)) == len(paths)
    return {entry["path"]: entry for entry in document["assets"]}


@pytest.fixture
def game(tmp_path: Path) -> Path:
    folder = tmp_path / "game"
    (folder / "assets").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(CARGO)
    return folder


@pytest.fixture
def knight(tmp_path: Path) -> Path:
    return paint(tmp_path / "knight.png")


def test_picture_settings_sidecar_and_lock(cli: Run, game: Path, knight: Path) -> None:
    done = cli("deploy", knight, "--to", "sprites/", cwd=game)
    assert done.returncode == 0, done.stderr
    assert 'asset_server.load("sprites/knight.png")' in done.stdout and not done.stderr
    written = game / "assets/sprites/knight.png"
    with Image.open(written) as image, Image.open(knight) as source:
        assert image.convert("RGBA").tobytes() == source.convert("RGBA").tobytes()
        assert not getattr(image, "text", {}), "metadata ships with the game"
    meta = (game / "assets/sprites/knight.png.meta").read_text()
    assert "mag_filter: Nearest" in meta and "array_layout" not in meta
    sidecar = json.loads((game / "dgx-pixels.recipes/sprites/knight.json").read_text())
    assert sidecar["recipe"] == {"seed": 7, "prompt": "a knight"}
    assert sidecar["sha256"] == digest(written)
    entry = lock_of(game)["sprites/knight.png"]
    assert entry["kind"] == "image" and entry["sha256"] == digest(written)
    assert entry["bytes"] == written.stat().st_size and (entry["width"], entry["height"]) == (16, 16)
    assert entry["meta"] == hashlib.sha256(meta.encode()).hexdigest()
    with Image.open(knight) as source:
        assert entry["recipe"] == hashlib.sha256(source.text["dgx_pixels"].encode()).hexdigest()


def test_project_is_found_upwards(cli: Run, game: Path, knight: Path) -> None:
    (game / "src/deep").mkdir(parents=True)
    assert cli("deploy", knight, cwd=game / "src/deep").returncode == 0
    assert (game / "assets/knight.png").exists()
    done = cli("deploy", knight, "--project", game / "src")
    assert done.returncode == 3 and "Cargo.toml" in done.stderr


def test_warns_without_a_watcher(cli: Run, game: Path, knight: Path) -> None:
    (game / "Cargo.toml").write_text('[dependencies]\nbevy = "0.19" # features = ["file_watcher"]\n')
    done = cli("deploy", knight, cwd=game)
    assert done.returncode == 0 and "file_watcher" in done.stderr


def test_same_again_changes_nothing(cli: Run, game: Path, knight: Path) -> None:
    assert cli("deploy", knight, cwd=game).returncode == 0
    before, inode = snapshot(game), (game / "assets/knight.png").stat().st_ino
    done = cli("deploy", knight, "--json", cwd=game)
    report = json.loads(done.stdout)
    assert report["files"][0]["action"] == "unchanged" and report["deployment"] == 0
    assert snapshot(game) == before and (game / "assets/knight.png").stat().st_ino == inode


def test_sheet_and_tile_set(cli: Run, game: Path, tmp_path: Path) -> None:
    for i in range(4):
        paint(tmp_path / f"walk_{i}.png", (200, 40 * i, 40))
    sheet = tmp_path / "walk.png"
    done = cli("sheet", "pack", *sorted(tmp_path.glob("walk_*.png")), "-o", sheet, "-d",
               "aseprite-array")
    assert done.returncode == 0, done.stderr
    described = json.loads((tmp_path / "walk.json").read_text())
    done = cli("deploy", sheet, tmp_path / "walk.json", "--to", "sprites", "--json", cwd=game)
    assert done.returncode == 0, done.stderr
    entry = lock_of(game)["sprites/walk.json"]
    assert entry["kind"] == "sheet" and entry["image"] == "sprites/walk.png"
    assert [(f["x"], f["y"], f["width"], f["height"], f["duration"]) for f in entry["frames"]] == [
        (*f["frame"].values(), f["duration"]) for f in described["frames"]]

    tiles = paint(tmp_path / "cave.png", size=32)
    done = cli("deploy", tiles, "--to", "tiles/", "--tile", "16x8", "--array", "--json", cwd=game)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)["files"][0]
    with Image.open(tiles) as image:
        parts = [image.convert("RGBA").crop((x, y, x + 16, y + 8)).tobytes()
                 for y in range(0, 32, 8) for x in range(0, 32, 16)]
    assert report["layers"] == 8
    assert report["pixels"] == hashlib.sha256(b"".join(parts)).hexdigest()
    meta = (game / "assets/tiles/cave.png.meta").read_text()
    assert "GridSize(tile_width_pixels: 16, tile_height_pixels: 8)" in meta
    assert lock_of(game)["tiles/cave.png"]["columns"] == 2
    done = cli("deploy", tiles, "--to", "five.png", "--tile", "5", cwd=game)
    assert done.returncode == 4 and "5x5" in done.stderr
    # Bevy loads no array of one layer, so a set of one tile is a plain picture.
    assert cli("deploy", tiles, "--to", "one.png", "--tile", "32", "--array", cwd=game).returncode == 0
    assert "array_layout" not in (game / "assets/one.png.meta").read_text()
    assert lock_of(game)["one.png"]["kind"] == "tileset"
    # Other crates' maps, atlases and sprites want the grid as it is.
    assert cli("deploy", tiles, "--to", "grid.png", "--tile", "16", cwd=game).returncode == 0
    assert "array_layout" not in (game / "assets/grid.png.meta").read_text()
    assert lock_of(game)["grid.png"]["columns"] == 2 and "array" not in lock_of(game)["grid.png"]
    done = cli("deploy", tiles, "--array", cwd=game)
    assert done.returncode == 2 and "tile's size" in done.stderr


def test_names_of_folders_that_people_type(cli: Run, game: Path, knight: Path) -> None:
    """The shell completes assets/…; recipes have a folder of their own; a workspace is no game."""
    assert cli("deploy", knight, "--to", "assets/sprites/", cwd=game).returncode == 0
    assert (game / "assets/sprites/knight.png").exists() and not (game / "assets/assets").exists()
    done = cli("deploy", knight, "--to", "dgx-pixels.recipes/", cwd=game)
    assert done.returncode == 2 and "choose another folder" in done.stderr
    (game.parent / "Cargo.toml").write_text('[workspace]\nmembers = ["game"]\n')
    other = game.parent / "tools"
    other.mkdir()
    for folder in (game.parent, other):
        done = cli("deploy", knight, cwd=folder)
        assert done.returncode == 3 and "(--project)" in done.stderr, done.stderr
    assert "is a workspace's folder" in cli("deploy", knight, cwd=game.parent).stderr
    with (game.parent / "Cargo.toml").open("a") as file:
        file.write('[package]\nname = "game"\n')
    assert cli("deploy", knight, cwd=other).returncode == 0


def test_edited_settings_are_never_replaced(cli: Run, game: Path, knight: Path) -> None:
    assert cli("deploy", knight, cwd=game).returncode == 0
    meta = game / "assets/knight.png.meta"
    meta.write_text("// mine\n" + meta.read_text())
    paint(knight, (1, 2, 3))
    done = cli("deploy", knight, "--force", cwd=game)
    assert done.returncode == 0 and "edited by hand" in done.stderr
    assert meta.read_text().startswith("// mine")


def test_undo_goes_back_step_by_step(cli: Run, game: Path, knight: Path) -> None:
    states = [snapshot(game / "assets")]
    locks = []
    for color in [(1, 1, 1), (2, 2, 2), (3, 3, 3)]:
        paint(knight, color)
        assert cli("deploy", knight, "--to", "a/b/", cwd=game).returncode == 0
        states.append(snapshot(game / "assets"))
        locks.append((game / "dgx-pixels.lock.json").read_bytes())
    for state in (states[2], states[1]):
        assert cli("deploy", "--undo", cwd=game).returncode == 0
        assert snapshot(game / "assets") == state
        locks.pop()
        assert (game / "dgx-pixels.lock.json").read_bytes() == locks[-1]
    (game / "assets/a/b/knight.png").write_bytes(b"mine")
    done = cli("deploy", "--undo", cwd=game)
    assert done.returncode == 4 and "changed" in done.stderr
    assert cli("deploy", "--undo", "--force", cwd=game).returncode == 0
    assert not [path for path in (game / "assets").rglob("*") if path.is_file()]
    assert cli("deploy", "--undo", cwd=game).returncode == 3


def test_undo_removes_the_folders_it_made(cli: Run, game: Path, knight: Path) -> None:
    """And no others: one that was there, though empty, and one that somebody uses by now."""
    (game / "assets/mine").mkdir()
    for to in ("mine/new/deep/", "used/"):
        assert cli("deploy", knight, "--to", to, cwd=game).returncode == 0
    (game / "assets/used/notes.txt").write_text("mine")
    for _ in range(2):
        assert cli("deploy", "--undo", cwd=game).returncode == 0
    left = {str(path.relative_to(game / "assets")) for path in (game / "assets").rglob("*")}
    assert left == {"mine", "used", "used/notes.txt"}


def test_two_deployments_at_once_both_stand(build: Path, game: Path, tmp_path: Path) -> None:
    names = [f"s{i}.png" for i in range(12)]
    running = [subprocess.Popen([build / "bin/dgx-pixels", "deploy", paint(tmp_path / name)], cwd=game,
                                stdout=subprocess.DEVNULL) for name in names]
    assert [process.wait(timeout=600) for process in running] == [0] * len(names)
    assert sorted(lock_of(game)) == sorted(names)


# --------------------------------------------------------------------------------- hostile targets

ODD = ["../x.png", "../../x.png", "a/../../x.png", "a/../x.png", "..", ".", "./x.png", "a/./x.png",
       "//x.png", "a//x.png", "/tmp/x.png", "/", "~/../x.png/..", "..\\x.png", "a\\..\\x.png",
       "C:\\x.png", "C:x.png", "%2e%2e/x.png", "%2e%2e%2fx.png", "..%2fx.png", "x.png#label",
       "embedded://x.png", "http://x/x.png", "x?.png", "x*.png", 'x".png', "x<.png", "x>.png",
       "x|.png", ".hidden.png", ".git/x.png", ".dgx-pixels/x.png", "a/.b/x.png", "x.png.", "x.png ",
       " x.png", "a /x.png", "a./x.png", "\tx.png", "x\n.png", "x\r.png", "x\x01.png", "x\x7f.png",
       "x\u202egnp.png", "x\u200b.png", "x\u2028.png", "x\ufeff.png", "x\ue000.png", "x\u0085.png",
       "a" * 201 + ".png", "a" * 300 + ".png", "/".join(["abcdefgh"] * 130) + "/x.png", "...", "..png/..",
       "x.png/../../..", "a/b/c/../../../../x.png", "-/../../x.png"]
DEVICES = ["con", "PRN", "Aux", "nul", "conin$", "CONOUT$"] + [
    f"{kind}{n}" for kind in ("com", "LPT") for n in range(1, 10)]


def names() -> list[str]:
    """Targets that must be refused whatever lies on the disk."""
    devices = [f"{name}.png" for name in DEVICES] + [f"{name}/x.png" for name in DEVICES] + [
        f"sprites/{name}.tar.png" for name in DEVICES] + [f"{name} .png" for name in DEVICES]
    nested = [f"{folder}/{odd}" for folder in ("sprites", "a/b") for odd in ODD[:44]
              if odd != "/tmp/x.png"]  # sprites//tmp/x.png is in the list as a//x.png
    return ODD + devices + nested


def place_links(game: Path, outside: Path) -> Iterator[tuple[str, str]]:
    """(what, target): links and special files in the way."""
    assets = game / "assets"
    (assets / "real").mkdir()
    (assets / "real/mine.png").write_bytes(b"mine")
    links = {"out": outside, "up": Path(".."), "root": Path("/"), "self": Path("self"),
             "deep/out": outside, "abs": outside.resolve(), "inside": Path("real"),
             "gone": outside / "gone", "dot": Path("."), "proc": Path("/proc/self/root") / str(outside)[1:]}
    for name, target in links.items():
        (assets / name).parent.mkdir(exist_ok=True)
        (assets / name).symlink_to(target)
        yield "linked folder", f"{name}/x.png"
        yield "linked folder, as folder", f"{name}/"
        yield "linked folder, deeper", f"{name}/new/x.png"
    (outside / "victim.png").write_bytes(b"victim")
    for name, target in {"a.png": outside / "victim.png", "b.png": Path("real/mine.png"),
                         "c.png": outside / "new.png", "d.png": Path("../Cargo.toml"),
                         "e.png": Path("/dev/null"), "f.png": Path("f.png")}.items():
        (assets / name).symlink_to(target)
        yield "linked file", name
    (assets / "folder.png").mkdir()
    (assets / "folder.png/keep").write_bytes(b"keep")
    yield "folder", "folder.png"
    os.mkfifo(assets / "pipe.png")
    yield "pipe", "pipe.png"
    (assets / "file").write_bytes(b"a file")
    yield "file as folder", "file/x.png"
    for n in range(20):
        (assets / f"existing{n}.png").write_bytes(b"mine %d" % n)
        yield "existing file", f"existing{n}.png"
    for name, clash in [("Hero.png", "hero.png"), ("HERO2.PNG", "hero2.png"), ("stra\u00dfe.png", "strasse.png"),
                        ("caf\u00e9.png", "cafe\u0301.png"), ("\u212bng.png", "\u00e5ng.png"),
                        ("\u03a3.png", "\u03c2.png"), ("\u0130.png", "i\u0307.png"),
                        ("Ж.png", "ж.png")]:
        (assets / name).write_bytes(b"mine")
        yield "case clash", clash
    for name in ("Sprites", "T\u00e4iles", "ÉPÉES"):
        (assets / name).mkdir()
        yield "case clash of a folder", f"{name.lower()}/x.png"


def refuse(cli: Run, game: Path, knight: Path, target: str, force: bool = False) -> None:
    words = ["deploy", knight, "--to", target, "--project", game] + (["--force"] if force else [])
    done = cli(*words)
    assert done.returncode in (2, 3, 4, 5), (target, done.returncode, done.stdout, done.stderr)
    assert done.stderr, target


def test_300_hostile_targets(cli: Run, tmp_path: Path, game: Path, knight: Path,
                             evidence: Callable[[str, int, str], None]) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "canary").write_bytes(b"canary")
    refused = 0
    cases = [("name", name) for name in names()] + list(place_links(game, outside))

    def everything() -> dict[str, str]:
        return {name: value for name, value in snapshot(tmp_path).items()
                if not name.startswith("game/.dgx-pixels") and not name.startswith("cache")}

    before = everything()
    for what, target in cases:
        refuse(cli, game, knight, target, force=what not in ("existing file",))
        refused += 1
        assert everything() == before, (what, target)
        assert not list((game / ".dgx-pixels/staging").iterdir()) if (
            game / ".dgx-pixels").exists() else True
    # Links where deploy keeps its own state, and the assets themselves.
    for state in (".dgx-pixels", ".dgx-pixels/staging", ".dgx-pixels/history",
                  ".dgx-pixels/deploy.lock", "dgx-pixels.lock.json", "assets"):
        for target in (outside, outside / "canary", outside / "new"):
            other = tmp_path / "other"
            shutil.rmtree(other, ignore_errors=True)
            (other / "assets").mkdir(parents=True)
            (other / "Cargo.toml").write_text(CARGO)
            if state == "assets":
                (other / "assets").rmdir()
            (other / state).parent.mkdir(exist_ok=True)
            (other / state).symlink_to(target)
            refuse(cli, other, knight, "x.png")
            refused += 1
            shutil.rmtree(other)
            assert everything() == before, (state, target)
    assert refused >= 300, refused
    evidence("deploy: hostile targets", refused, "0 written outside, 0 files lost")


def test_hostile_lock_gives_no_licence(cli: Run, game: Path, knight: Path) -> None:
    """A lock file that a stranger wrote names hashes, never places."""
    mine = game / "assets/mine.png"
    mine.write_bytes(b"mine")
    for entry in ({"path": "../../x.png", "sha256": "0" * 64}, {"path": "mine.png", "sha256": 7},
                  {"path": "mine.png"}, "x", {"path": "/etc/x.png", "sha256": "0" * 64}):
        (game / "dgx-pixels.lock.json").write_text(json.dumps({"format": 1, "assets": [entry]}))
        before = snapshot(game / "assets")
        assert cli("deploy", knight, "--to", "mine.png", cwd=game).returncode == 4
        assert snapshot(game / "assets") == before
    (game / "dgx-pixels.lock.json").write_text('{"format": 2, "assets": []}')
    done = cli("deploy", knight, cwd=game)
    assert done.returncode == 4 and "format" in done.stderr


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user may enter, wherever this clone and the temporary files lie."""
    folder = Path(tempfile.mkdtemp(prefix="dgx-pixels-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.needs_machine("other_users")
def test_read_only_folders(build: Path, knight: Path, public: Path) -> None:
    game = public / "game"
    game.mkdir()
    (game / "Cargo.toml").write_text(CARGO)
    program, library = public / "dgx-pixels", public / "lib"
    shutil.copy(build / "bin/dgx-pixels", program)
    shutil.copytree(build / "lib", library, ignore=lambda folder, names: [
        name for name in names if not name.startswith("libdgxpixels.so")], symlinks=True)
    knight = Path(shutil.copy(knight, public))
    (game / "assets/locked").mkdir(parents=True)
    (game / "assets/locked/old.png").write_bytes(b"old")
    as_user = {}
    if os.geteuid() == 0:  # root may write anywhere: be somebody else
        for path in [game, *game.rglob("*")]:
            os.chown(path, 65534, 65534)
        as_user = {"user": 65534, "group": 65534, "extra_groups": []}
    (game / "assets/locked").chmod(0o555)

    def deploy(*words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, "deploy", *map(str, words)], cwd=game, text=True, timeout=600,
                              env={**os.environ, "LD_LIBRARY_PATH": str(library)},
                              capture_output=True, check=False, **as_user)  # type: ignore[call-overload]

    before = snapshot(game / "assets")
    for words in ((knight, "--to", "locked/"), (knight, "--to", "locked/old.png", "--force"),
                  (knight, "--to", "locked/new/")):
        done = deploy(*words)
        assert done.returncode == 5 and "Permission denied" in done.stderr, done.stderr
        assert snapshot(game / "assets") == before
        assert not list((game / ".dgx-pixels/staging").iterdir())
    (game / "assets/locked").chmod(0o755)
    game.chmod(0o555)
    done = deploy(knight)
    assert done.returncode == 5, done.stderr
    game.chmod(0o755)
    assert deploy(knight).returncode == 0


def exchange(a: Path, b: Path) -> None:
    """Swap two names at once, so that neither is missing in between (renameat2)."""
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(here, bytes(a), here, bytes(b), swap) != 0:
        raise OSError(ctypes.get_errno(), "renameat2", str(a))


def test_swapped_folder_never_leads_outside(cli: Run, game: Path, tmp_path: Path, full: bool,
                                            evidence: Callable[[str, int, str], None]) -> None:
    """A folder becomes a link to the outside and back, all the time, while files are deployed."""
    outside = tmp_path / "outside"
    outside.mkdir()
    real, link = game / "assets/sprites", game / "assets/link"
    real.mkdir()
    link.symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            exchange(real, link)
            time.sleep(0.001)
            exchange(real, link)
            time.sleep(0.01)  # a busy machine deploys within it now and then

    swapper = threading.Thread(target=swap)
    swapper.start()
    tries, done = 400 if full else 40, 0
    try:
        for i in range(8 * tries):  # until both were seen: one that got through, one that did not
            if i >= tries and 0 < done < i:
                tries = i
                break
            source = paint(tmp_path / f"k{i}.png", (i % 256, 0, 0))
            done += cli("deploy", source, "--to", "sprites/", "--project", game).returncode == 0
    finally:
        stop.set()
        swapper.join()
    assert not list(outside.iterdir())
    for path, entry in lock_of(game).items():
        assert digest(game / "assets" / path) == entry["sha256"]
    assert done, "not one got through: the swap is too fast to show anything"
    evidence("deploy: folder swapped for a link", tries, f"0 written outside, {done} deployed")


def test_killed_deployments_leave_whole_files(build: Path, cli: Run, game: Path, tmp_path: Path,
                                              full: bool,
                                              evidence: Callable[[str, int, str], None]) -> None:
    """SIGKILL at random moments: every file is an old or a new one, the next deployment goes on."""
    dice = random.Random(7)
    kills, number = 0, 0
    wanted = 300 if full else 30
    sources = [tmp_path / f"s{i}.png" for i in range(6)]
    known: set[str] = set()
    while kills < wanted:
        number += 1
        for i, source in enumerate(sources):
            paint(source, (number % 256, number // 256, i))
            with Image.open(source) as image:
                known.add(hashlib.sha256(image.convert("RGBA").tobytes()).hexdigest())
        process = subprocess.Popen([build / "bin/dgx-pixels", "deploy", *sources, "--to", "s/"], cwd=game,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0.001, 0.03))
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        for path in (game / "assets").rglob("*.png"):
            with Image.open(path) as image:  # whole, and one of ours
                assert hashlib.sha256(image.convert("RGBA").tobytes()).hexdigest() in known
            assert path.with_name(path.name + ".meta").exists(), "the picture came before its .meta"
    done = cli("deploy", *sources, "--to", "s/", cwd=game)
    assert done.returncode == 0, done.stderr
    assert not list((game / ".dgx-pixels/staging").iterdir())
    assert not list((game / ".dgx-pixels/history").glob("*.pending.json"))
    entries = lock_of(game)
    assert len(entries) == len(sources)
    for path, entry in entries.items():
        assert digest(game / "assets" / path) == entry["sha256"]
    evidence("deploy: SIGKILL at random moments", kills, "0 torn files, 0 refused afterwards")


@pytest.mark.needs_machine("user_namespaces")
def test_full_disk_changes_nothing(build: Path, tmp_path: Path) -> None:
    script = tmp_path / "full.sh"
    paint(tmp_path / "small.png")
    noise = Image.frombytes("RGBA", (128, 128), random.Random(7).randbytes(128 * 128 * 4))
    noise.save(tmp_path / "large.png")
    script.write_text(f"""set -e
mkdir -p {tmp_path}/disk && mount -t tmpfs -o size=64k t {tmp_path}/disk && cd {tmp_path}/disk
mkdir assets && printf '[package]' >Cargo.toml
{build}/bin/dgx-pixels deploy {tmp_path}/small.png --to a.png 2>/dev/null
find . -type f ! -path './.dgx-pixels/deploy.lock' | sort | xargs sha256sum >{tmp_path}/before
if {build}/bin/dgx-pixels deploy {tmp_path}/large.png --to a.png 2>{tmp_path}/said; then exit 9; fi
find . -type f ! -path './.dgx-pixels/deploy.lock' | sort | xargs sha256sum >{tmp_path}/after
""")
    ran = subprocess.run(["unshare", "-rm", "sh", script], capture_output=True, text=True, check=False,
                         timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert "No space left" in (tmp_path / "said").read_text()
    assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()
