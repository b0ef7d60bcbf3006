# SPDX-License-Identifier: MIT OR Apache-2.0
"""`--confirm` of deploy, generate and build against a game that is played by an HTTP server: each answer and its reason.

The real game stands in tests/game.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Run = Callable[..., "subprocess.CompletedProcess[str]"]
STUB = {"DGX_PIXELS_BACKEND": "stub"}


class Game:
    """Answers as the plugin of dgx-pixels-bevy does; the attributes say what goes wrong."""

    def __init__(self, assets: Path) -> None:
        self.assets = assets
        self.watching, self.plugin, self.loaded = True, True, {"sprites/knight.png"}
        self.error: str | None = None
        self.hidden = self.stale = self.stuck = self.babble = self.array = False
        self.told: str | None = None  # the assets folder that it says it plays from
        self.asked: list[str] = []
        self.seen: dict[str, tuple[str, int]] = {}  # hash and generation of what the game holds
        self.sizes: dict[str, tuple[int, int]] = {}
        self.slow = 0.0

    def reload(self, path: str) -> None:
        file = self.assets / path
        pixels = "0" * 64
        if file.exists() and not self.stale:
            with Image.open(file) as image:
                self.sizes[path] = image.size
                pixels = hashlib.sha256(image.convert("RGBA").tobytes()).hexdigest()
        old = self.seen.get(path, ("", 0))
        if old[0] != pixels or self.stale:
            self.seen[path] = (pixels, old[1] + 1)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        method, path = request["method"], (request.get("params") or {}).get("path")
        self.asked.append(method)
        if not self.plugin:
            return {"error": {"code": -32601, "message": f"Method `{method}` not found"}}
        if method == "dgx_pixels/reload":
            if path in self.loaded and not self.stuck:
                self.reload(path)
            return {"result": {"path": path, "known": path in self.loaded}}
        if self.watching and path in self.loaded and not self.stuck:
            self.reload(path)
        images = []
        if path in self.loaded:
            pixels, generation = self.seen.get(path, ("1" * 64, 1))
            width, height = self.sizes.get(path, (16, 16))
            images.append({"path": path, "generation": generation, "width": width, "height": height,
                           "layers": 4 if self.array else 1,
                           "hash": None if self.hidden else pixels, "error": self.error,
                           "state": "failed" if self.error else "loaded"})
        return {"result": {"plugin": "0.1.0", "bevy": "0.19.1", "watching": self.watching,
                           "images": images, **({"assets": self.told} if self.told else {})}}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "game"
    folder.mkdir()
    (folder / "Cargo.toml").write_text('[dependencies]\nbevy = { features = ["file_watcher"] }\n')
    return folder


@pytest.fixture
def game(project: Path) -> Iterator[tuple[Game, str]]:
    played = Game(project / "assets")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert request["jsonrpc"] == "2.0" and self.path == "/"
            time.sleep(played.slow)
            answer = {"jsonrpc": "2.0", "id": request["id"], **played.answer(request)}
            body = b"hello" if played.babble else json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield played, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()


def deploy(cli: Run, project: Path, tmp_path: Path, url: str, color: int = 7) -> tuple[int, dict[str, str]]:
    source = tmp_path / "knight.png"
    Image.new("RGBA", (16, 16), (color, 2, 3, 255)).save(source)
    done = cli("deploy", source, "--to", "sprites/", "--confirm", "--brp", url, "--json", cwd=project,
               env={"http_proxy": "http://127.0.0.1:9"})
    assert done.stdout, done.stderr
    [file] = json.loads(done.stdout)["files"]
    assert (project / "assets/sprites/knight.png").exists()
    return done.returncode, file["confirmed"]


def test_the_watcher_brings_the_new_pixels(cli: Run, game: tuple[Game, str], project: Path,
                                           tmp_path: Path) -> None:
    for color in (1, 2, 2):  # the third is unchanged: the game has it already
        code, confirmed = deploy(cli, project, tmp_path, game[1], color)
        assert (code, confirmed["state"]) == (0, "confirmed"), confirmed
    assert "dgx_pixels/reload" not in game[0].asked


def test_without_a_watcher_the_game_is_asked_to_reload(cli: Run, game: tuple[Game, str], project: Path,
                                                       tmp_path: Path) -> None:
    game[0].watching = False
    code, confirmed = deploy(cli, project, tmp_path, game[1])
    assert code == 0 and "asked to reload" in confirmed["reason"]
    assert "dgx_pixels/reload" in game[0].asked


@pytest.mark.parametrize("trouble,reason", [
    ({"plugin": False}, "without the plugin"),
    ({"array": True}, "other pixels"),
    ({"loaded": set(), "told": "/"}, "another game answers, whose assets are in /"),
    ({"error": "no PNG"}, "no PNG"),
    ({"hidden": True}, "cannot be read"),
    ({"stale": True}, "other pixels"),
    ({"stuck": True}, "another folder"),
    ({"stuck": True, "watching": False}, "file_watcher"),
    ({"babble": True}, "does not speak"),
    ({"slow": 3.5}, "imeout"),
])
def test_unconfirmed_says_why(cli: Run, game: tuple[Game, str], project: Path, tmp_path: Path,
                              trouble: dict[str, Any], reason: str) -> None:
    vars(game[0]).update(trouble)
    code, confirmed = deploy(cli, project, tmp_path, game[1])
    assert code == 1 and confirmed["state"] == "unconfirmed" and reason in confirmed["reason"], confirmed


def test_a_game_may_come_to_a_file_later(cli: Run, game: tuple[Game, str], project: Path,
                                         tmp_path: Path) -> None:
    """A new file is none that a running game could have loaded; a replaced one may be another game's."""
    game[0].loaded = set()
    code, confirmed = deploy(cli, project, tmp_path, game[1])
    assert (code, confirmed["state"]) == (0, "waiting") and "not loaded this path" in confirmed["reason"]
    code, confirmed = deploy(cli, project, tmp_path, game[1], 8)
    assert (code, confirmed["state"]) == (1, "unconfirmed") and "not loaded this path" in confirmed["reason"]
    game[0].told = str(project / "assets")
    code, confirmed = deploy(cli, project, tmp_path, game[1], 9)
    assert (code, confirmed["state"]) == (0, "waiting")


def test_no_game_is_no_loss(cli: Run, project: Path, tmp_path: Path) -> None:
    code, confirmed = deploy(cli, project, tmp_path, "http://127.0.0.1:1/")
    assert code == 1 and "no game answers" in confirmed["reason"]


def test_generate_asks_the_game(cli: Run, game: tuple[Game, str], project: Path, tiny: Path) -> None:
    played, url = game
    words = ("generate", "item", "knight", "-m", "tiny", "--size", "16", "--steps", "1", "--deploy",
             "--confirm", "--brp", url, "--json")
    shown = set()
    for seed in "12":
        done = cli(*words, "-s", seed, cwd=project, env=STUB)
        [file] = json.loads(done.stdout)[0]["files"]
        assert (done.returncode, file["confirmed"]["state"]) == (0, "confirmed"), done.stderr
        shown.add(file["pixels"])
    assert len(shown) == 2
    played.plugin = False
    done = cli(*words[:-1], "-s", "3", cwd=project, env=STUB)
    assert done.returncode == 1 and "without the plugin" in done.stdout
    done = cli("generate", "item", "knight", "--confirm", cwd=project)
    assert done.returncode == 2 and "belong to --deploy" in done.stderr


def test_build_asks_the_game(cli: Run, game: tuple[Game, str], project: Path, tiny: Path) -> None:
    """What was made is asked for, each on its own; what was kept is not."""
    played, url = game
    (project / "dgx-pixels.json").write_text(json.dumps({
        "format": 1, "model": "tiny", "defaults": {"size": [16, 16], "steps": 1},
        "assets": [{"path": f"sprites/{name}.png", "kind": "item", "subject": name}
                   for name in ("knight", "stranger")]}))
    words = ("build", "--confirm", "--brp", url)
    done = cli(*words, "--json", cwd=project, env=STUB)
    said = {file["path"]: file["confirmed"] for file in json.loads(done.stdout)["files"]}
    assert done.returncode == 0, done.stderr
    assert said["sprites/knight.png"]["state"] == "confirmed"
    assert said["sprites/stranger.png"]["state"] == "waiting"
    assert "not loaded this path" in said["sprites/stranger.png"]["reason"]
    played.loaded.add("sprites/stranger.png")
    (project / "assets/sprites/stranger.png").unlink()
    done = cli(*words, cwd=project, env=STUB)
    assert done.returncode == 0 and done.stdout.count("confirmed") == 1, done.stdout


def test_batch_asks_the_game(cli: Run, game: tuple[Game, str], project: Path, tmp_path: Path,
                             tiny: Path) -> None:
    """Only what the game does not have is told, one line each, and all of it is counted."""
    played, url = game
    manifest = tmp_path / "a.txt"
    manifest.write_text("knight --name knight\nstranger --name stranger\n")
    words = ("batch", manifest, "--deploy", "--confirm", "--brp", url, "-m", "tiny", "--set", "steps=1",
             "--set", "canvas=64x64")
    done = cli(*words, cwd=project, env=STUB)
    assert done.returncode == 0 and "the running game has 1 of 2" in done.stderr, done.stderr
    assert "sprites/stranger.png: waiting: the game has not loaded" in done.stderr
    assert "sprites/knight.png:" not in done.stderr
    played.loaded.add("sprites/stranger.png")
    done = cli(*words, "--seed", "3", cwd=project, env=STUB)
    assert done.returncode == 0 and "the running game has 2 of 2" in done.stderr, done.stderr


def test_only_the_program_links_libcurl(build: Path) -> None:
    def needed(path: Path) -> str:
        return subprocess.run(["readelf", "-d", path], text=True, capture_output=True, check=True).stdout

    assert "libcurl" in needed(build / "bin/dgx-pixels")
    assert "libcurl" not in needed(build / "lib/libdgxpixels.so")
