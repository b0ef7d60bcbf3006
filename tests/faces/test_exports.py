# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the library exports, every face has: counted, and what one has not stands in a list with its reason."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import dgx_pixels as dp
from dgx_pixels import steps
from serving import ROOT

EXPORTS = (ROOT / "tests/exports.txt").read_text().split()
FACES = {
    "python": (ROOT / "bindings/python/dgx_pixels", "*.py", {"_abi.py"}),
    "rust": (ROOT / "bindings/rust/dgx-pixels/src", "*.rs", set()),
}


def unused(face: str) -> set[str]:
    folder, pattern, made = FACES[face]
    text = "".join(path.read_text() for path in sorted(folder.rglob(pattern)) if path.name not in made)
    return set(EXPORTS) - set(re.findall(r"\bdgxp_\w+", text))


def listed(face: str) -> dict[str, str]:
    """tests/faces/unbound.txt: FACE NAME REASON."""
    rows = [line.split(None, 2) for line in (ROOT / "tests/faces/unbound.txt").read_text().splitlines()
            if line and not line.startswith("#")]
    return {name: reason for owner, name, reason in rows if owner == face}


@pytest.mark.parametrize("face", FACES)
def test_every_export_is_bound_or_has_a_reason(face: str, evidence: Callable[..., None]) -> None:
    missing, reasons = unused(face), listed(face)
    assert sorted(missing - set(reasons)) == [], f"bind them in {face}, or say why not in tests/faces/unbound.txt"
    assert sorted(set(reasons) - missing) == [], f"{face} has them: take them out of tests/faces/unbound.txt"
    assert not [name for name, reason in reasons.items() if "yet" in reason], "no reason: bind it"
    evidence(f"exports that the safe face of {face} uses", len(EXPORTS) - len(missing), f"of {len(EXPORTS)}")


def picture() -> dp.Image:
    return dp.Image(16, 16, bytes([200, 40, 40, 255] * 128 + [20, 20, 160, 255] * 128))


def test_steps_one_by_one() -> None:
    big = dp.Image.decode(picture().encode(scale=4))
    with dp.Grid.detect(big, cell_width=4, cell_height=4) as grid:
        assert (grid.info["width"], grid.info["height"]) == (16, 16) and grid.info["cell_width"] == 4
        sprite = grid.downscale(big, rule="median")
        assert sprite == picture() and grid.residual(big, sprite) < 0.01
    with dp.Grid.detect([big, big]) as both:
        assert both.info["cell_width"] > 0
    cut, told = steps.matte(picture(), background="#c82828")
    assert cut.tobytes()[3] == 0 and told
    assert steps.remove_orphans(picture())[1] == 0 and steps.remove_jaggies(picture())[1] == 0
    lined, _ = steps.outline(cut, kind="outer", color=(255, 0, 255, 255))
    trimmed, _ = steps.trim(cut)
    assert lined != cut and trimmed.height == 8
    shared = dp.share_palette([big, picture()], colors=2)
    assert len(shared.colors) == 2


def test_what_the_library_knows() -> None:
    assert {"best_of", "panel"} <= {row["name"] for row in dp.settings()["settings"]}
    assert dp.describe_preset("item")["styles"] and dp.slug("Medieval knight, red") == "medieval-knight-red"
    assert dp.devices()[0]["id"] == "cpu"
    dp.set_limits(pixels=64)
    try:
        with pytest.raises(dp.LimitExceeded):
            dp.Image.decode(picture().encode())
    finally:
        dp.set_limits()


def test_the_log_is_heard() -> None:
    heard: list[tuple[str, str]] = []
    dp.set_log(lambda level, line: heard.append((level, line)))
    steps.remove_jaggies(picture())
    dp.set_log(None)
    assert ("debug", "jaggies: 0 cells") in heard
    told = len(heard)
    steps.remove_jaggies(picture())
    assert len(heard) == told


def test_recipes_panels_and_workflows(tmp_path: Path) -> None:
    with dp.Model.load("tiny", device="cpu") as model:
        made = model.generate("oak", kind="panel", seed=3, size=(24, 24), steps=1)
        told = json.loads(made.image.panel("oak.png") or b"{}")
        assert told["meta"]["slices"][0]["keys"][0]["center"] == {"x": 8, "y": 8, "w": 8, "h": 8}
        assert picture().panel("a.png") is None and picture().recipe is None
        again = dp.regen(model, made.image)
        assert again.image == made.image and again.report["recipe"]["seed"] == 3
        assert dp.regen(model, made.image, changes={"seed": 4}).image != made.image
        (tmp_path / "walk.json").write_text(json.dumps({
            "format": "dgx-pixels-workflow", "version": 1, "kind": "sprite", "values": {"what": {"help": "what to paint"}}, "request": {"prompt": "{what}", "size": [16, 16], "steps": 1, "seed": 1}}))
        filled = dp.load_workflow(tmp_path / "walk.json", {"what": "a bat"})
        assert filled["request"]["prompt"] == "a bat"
        report = dp.run_workflow(model, filled, tmp_path, name="bat")
        assert Path(report["files"][0]).exists()


def test_games_are_built_and_asked(game: Path) -> None:
    (game / "dgx-pixels.json").write_text(json.dumps({
        "format": 1, "model": "tiny", "defaults": {"steps": 1, "size": [16, 16]},
        "assets": [{"path": "a.png", "subject": "a bat"}]}))
    assert dp.describe_project(game)["assets"][0]["path"] == "a.png"
    assert dp.build(game, dry_run=True)["due"] == 1

    asked: list[str] = []

    class Game(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["method"])
            body = json.dumps({"result": {"images": [], "watching": True}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Game)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    built = dp.build(game, device="cpu", confirm=True, brp=url)
    server.shutdown()
    server.server_close()
    assert built["made"] == 1 and built["confirmed"] and "dgx_pixels/status" in asked
    told = dp.deploy({"b.png": picture()}, project=game, confirm=True, brp=url)
    assert not told["confirmed"] and "no game answers" in told["files"][0]["confirmed"]["reason"]
    image = dp.Image.load(game / "assets/a.png")
    image.load_sidecar(game / "assets/a.png")
    assert image.recipe and image.recipe["prompt"] == "a bat"
