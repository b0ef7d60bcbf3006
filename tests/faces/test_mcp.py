# SPDX-License-Identifier: MIT OR Apache-2.0
"""The MCP server with fastmcp's client over stdio and HTTP, on the stub backend and on the starter."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError

import dgx_pixels
from serving import ROOT, environment, free_port

SMALL: dict[str, Any] = {"prompt": "knight", "kind": "character", "size": "16x16", "more": {"steps": 2}}
TOOLS = {"generate", "generate_and_deploy", "get_job", "list_jobs", "cancel_job", "fix_image", "make_sheet",
         "move_sprite", "recolor_sprite", "normal_map", "list_presets", "list_assets", "deploy", "regenerate", "doctor",
         "build", "undo_deploy", "run_workflow", "list_palettes", "list_loras", "report_sprites", "slice_sheet", "contact_sheet",
         "make_tileset"}


def words(game: Path, *more: object) -> list[str]:
    return ["-m", "dgx_pixels.mcp", "--project", str(game), "--model", "tiny", "--data",
            str(game.parent / "data"), "--brp", f"http://127.0.0.1:{free_port()}/", *map(str, more)]


def colors_of(path: Path) -> set[bytes]:
    data = dgx_pixels.Image.load(path).tobytes()
    return {data[i:i + 3] for i in range(0, len(data), 4) if data[i + 3]}


def stdio(game: Path, *more: object, **env: str) -> Client[Any]:
    return Client(StdioTransport(sys.executable, words(game, *more), env=environment(**env)),
                  init_timeout=120)


@pytest.fixture(params=["tiny", "starter"])
def paints(request: pytest.FixtureRequest, tiny: Path) -> tuple[str, dict[str, str]]:
    """The server's model and environment."""
    if request.param == "tiny":
        return "tiny", {}
    request.getfixturevalue("starter")  # skips where it holds no weights
    return "starter", {"DGX_PIXELS_BACKEND": "torch", "DGX_PIXELS_MODELS": str(ROOT / "models")}


def test_a_project_is_built_and_taken_back(game: Path) -> None:
    async def tour() -> None:
        async with stdio(game) as client:
            async def ask(tool: str, **fields: Any) -> dict[str, Any]:
                told = (await client.call_tool(tool, fields)).structured_content
                assert told is not None
                return told

            assert (await ask("build", dry_run=True))["due"] == 1
            built = await ask("build")
            assert built["made"] == 1 and (game / "assets/a.png").exists() and built["confirmed"] is False
            assert (await ask("undo_deploy"))["files"][0]["action"] == "removed"
            assert not (game / "assets/a.png").exists()
            filled = await ask("run_workflow", path="w.json", values={"what": "a bat"}, dry_run=True)
            assert filled["workflow"]["request"]["prompt"] == "a bat"
            made = await ask("run_workflow", path="w.json", values={"what": "a bat"}, name="bat")
            assert [Path(path).name for path in made["files"]] == ["bat.png"] and Path(made["files"][0]).exists()
            assert "pico-8" in str(await ask("list_palettes")) and "loras" in await ask("list_loras")
            with pytest.raises(ToolError, match="outside the project"):
                await ask("run_workflow", path="../x.json")
            (game.parent / "secret.png").write_bytes(b"")
            (game / "link.png").symlink_to("../secret.png")
            for field, place in (("init", str(game.parent / "secret.png")), ("init", "../secret.png"), ("init", "link.png"),
                                 ("loras", [{"name": "/x.safetensors"}]), ("finish", {"palette": "/etc/passwd"})):
                with pytest.raises(ToolError, match="outside the project"):  # a caller's, not the file's own
                    await ask("run_workflow", path="w.json", values={"what": "a", field: place}, dry_run=True)

    (game / "dgx-pixels.json").write_text(json.dumps({
        "format": 1, "model": "tiny", "defaults": {"steps": 1, "size": [16, 16]},
        "assets": [{"path": "a.png", "subject": "a bat"}]}))
    (game / "w.json").write_text(json.dumps({
        "format": "dgx-pixels-workflow", "version": 1, "kind": "sprite", "values": {"what": {"help": "what to paint"}},
        "model": "tiny", "request": {"prompt": "{what}", "size": [16, 16], "steps": 1}}))
    asyncio.run(tour())


async def whole_tour(client: Client[Any], game: Path) -> None:
    assert {tool.name for tool in await client.list_tools()} == TOOLS
    presets = (await client.call_tool("list_presets")).structured_content
    assert "character" in [preset["name"] for preset in presets["presets"]]

    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    made = await client.call_tool("generate", {**SMALL, "seed": 7, "count": 2}, progress_handler=hear)
    told = made.structured_content
    assert told["state"] == "done" and [image["seed"] for image in told["images"]] == [7, 8]
    first = told["images"][0]
    assert Path(first["path"]).is_relative_to(game) and first["recipe"]["seed"] == 7
    assert "score" in first and first["quality"]
    shown = [block for block in made.content if block.type == "image"]
    assert len(shown) == 2
    assert max(PIL.Image.open(io.BytesIO(base64.b64decode(shown[0].data))).size) == 256
    assert PIL.Image.open(first["path"]).size == (16, 16)
    assert len(PIL.Image.open(first["path"]).convert("RGBA").getcolors()) > 2, "a picture, not a blot"

    again = (await client.call_tool("regenerate", {"job_id": told["job_id"], "seed": 7})).structured_content
    assert Path(again["images"][0]["path"]).exists()
    pixels = [PIL.Image.open(image["images"][0]["path"]).convert("RGBA").tobytes() for image in (told, again)]
    assert pixels[0] == pixels[1], "the same seed paints the same picture"

    done = (await client.call_tool("generate_and_deploy", {**SMALL, "to": "sprites/hero.png"})).structured_content
    assert (game / "assets/sprites/hero.png").exists()
    confirmed = done["deploy"]["files"][0]["confirmed"]
    assert confirmed["state"] == "unconfirmed" and "no game answers" in confirmed["reason"]

    sheet = (await client.call_tool("make_sheet", {"paths": [image["path"] for image in told["images"]],
                                                   "name": "walk", "clip": "walk"})).structured_content
    deployed = (await client.call_tool("deploy", {"paths": sheet["paths"], "to": "sprites/"})).structured_content
    assert {file["path"] for file in deployed["files"]} == {"sprites/walk.png", "sprites/walk.json"}
    assets = (await client.call_tool("list_assets")).structured_content
    assert "sprites/hero.png" in [asset["path"] for asset in assets["deployed"]]

    fixed = (await client.call_tool("fix_image", {"path": first["path"], "colors": 4})).structured_content
    assert Path(fixed["path"]).exists()
    both = [image["path"] for image in told["images"]][:2]
    shared = (await client.call_tool("fix_image", {"path": both, "colors": 3, "share_palette": True})
              ).structured_content
    assert len(shared["paths"]) == len(both) and len(
        {color for path in shared["paths"] for color in colors_of(Path(path))}) <= 3
    as_one = (await client.call_tool("fix_image", {"path": both, "frames": True, "more": {"rule": "center"}})
              ).structured_content
    assert len(as_one["reports"]) == 1 and len(as_one["paths"]) == len(both)
    reports = (await client.call_tool("report_sprites", {"paths": both})).structured_content["reports"]
    assert len(reports) == len(both) and all("score" in report for report in reports)
    cut = (await client.call_tool("slice_sheet", {"path": sheet["paths"][0], "cell_width": 16})).structured_content
    assert [dgx_pixels.Image.load(path).width for path in cut["paths"]] == [16] * len(cut["paths"])
    assert Path((await client.call_tool("contact_sheet", {"paths": both})).structured_content["path"]).exists()
    tiles = (await client.call_tool("make_tileset", {"inside": both[0], "kind": "corner"})).structured_content
    assert tiles["tiles"] == 16 and "wangset" in Path(tiles["paths"][1]).read_text()
    moved = (await client.call_tool("move_sprite", {"path": first["path"], "motions": "idle,hit", "normal": True})
             ).structured_content
    assert [Path(path).suffixes for path in moved["paths"]] == [[".png"], [".json"], [".aseprite"], [".n", ".png"]]
    assert [row["name"] for row in moved["report"]["motions"]] == ["idle", "hit"]
    await client.call_tool("deploy", {"paths": [path for path in moved["paths"] if ".aseprite" not in path],
                                      "to": "sprites/"})
    normals = next(Path(path).name for path in moved["paths"] if path.endswith(".n.png"))
    assert "is_srgb: false" in (game / f"assets/sprites/{normals}.meta").read_text()
    colors = (await client.call_tool("recolor_sprite", {"path": first["path"], "variants": 2})).structured_content
    assert len({Path(path).read_bytes() for path in colors["paths"]}) == 2
    lit = (await client.call_tool("normal_map", {"path": first["path"]})).structured_content
    assert lit["path"].endswith(".n.png") and Path(lit["path"]).exists()
    jobs = (await client.call_tool("list_jobs")).structured_content["jobs"]
    assert told["job_id"] in [job["id"] for job in jobs]
    assert (await client.call_tool("get_job", {"job_id": told["job_id"]})).structured_content["state"] == "done"
    assert (await client.call_tool("doctor")).structured_content["project"]["is_bevy_project"]

    for path in ("../secret.png", "/etc/passwd", "link/x.png"):
        with pytest.raises(ToolError, match="outside the project"):
            await client.call_tool("fix_image", {"path": path})
    for to in ("../out.png", "/tmp/out.png"):
        with pytest.raises(ToolError):
            await client.call_tool("deploy", {"paths": [first["path"]], "to": to})
    with pytest.raises(ToolError, match="character"):
        await client.call_tool("generate", {"prompt": "a", "kind": "nonsense"})


def test_fastmcps_client_over_stdio(paints: tuple[str, dict[str, str]], game: Path, tmp_path: Path) -> None:
    name, env = paints
    (tmp_path / "secret.png").write_bytes(b"x")
    (game / "link").symlink_to(tmp_path)

    async def run() -> None:
        async with stdio(game, "--model", name, **env) as client:
            await whole_tour(client, game)

    asyncio.run(run())


def test_fastmcps_client_over_http(paints: tuple[str, dict[str, str]], game: Path, tmp_path: Path) -> None:
    name, env = paints
    (game / "link").symlink_to(tmp_path)
    port = free_port()
    process = subprocess.Popen([sys.executable, *words(game, "--model", name, "--http", port)],
                               env=environment(**env), stdin=subprocess.DEVNULL)

    async def run() -> None:
        for _ in range(300):
            try:
                async with Client(f"http://127.0.0.1:{port}/mcp") as client:
                    await whole_tour(client, game)
                    return
            except (ConnectionError, RuntimeError):
                await asyncio.sleep(0.2)
        raise AssertionError("it did not start")

    try:
        asyncio.run(run())
    finally:
        process.terminate()
        process.wait(60)


def test_a_long_job_gives_its_id_and_stops(tiny: Path, game: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        heard: list[str | None] = []

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            heard.append(message)

        async with stdio(game, DGXP_STUB_DELAY_MS="200") as client:
            made = await client.call_tool("generate", {**SMALL, "more": {"steps": 200}},
                                          progress_handler=hear)
            told = made.structured_content
            assert told["state"] == "running" and "get_job" in told["next"]
            assert "denoise" in heard
            stopped = (await client.call_tool("cancel_job", {"job_id": told["job_id"]})).structured_content
            assert stopped["state"] == "cancelled"

    asyncio.run(run())


def test_a_cancelled_call_stops_its_job(tiny: Path, game: Path) -> None:
    async def run() -> None:
        async with stdio(game, DGXP_STUB_DELAY_MS="100") as client, stdio(game) as other:
            call = asyncio.ensure_future(client.call_tool("generate", {**SMALL, "more": {"steps": 200}}))
            while not (jobs := (await other.call_tool("list_jobs")).structured_content["jobs"]):
                await asyncio.sleep(0.1)
            call.cancel()
            for _ in range(300):
                if (await other.call_tool("list_jobs")).structured_content["jobs"][0]["state"] == "cancelled":
                    return
                await asyncio.sleep(0.1)
            raise AssertionError(f"it went on: {jobs}")

    asyncio.run(run())


def test_what_is_wrong_is_told_before_anything_is_painted(tiny: Path, game: Path) -> None:
    for folder in ("a", "b"):
        (game / folder).mkdir()
        PIL.Image.new("RGBA", (8, 8), "red").save(game / folder / "x.png")
    (game / "assets/mine.png").write_bytes(b"drawn by hand")

    async def run() -> None:
        async with stdio(game) as client:
            for to, why in (("../x.png", "x.png"), ("mine.png", "mine.png"), ("a.gif/../b", "b")):
                with pytest.raises(ToolError, match=why):
                    await client.call_tool("generate_and_deploy", {**SMALL, "to": to})
            for wrong in ({"kind": "nonsense"}, {"style": "nonsense"}, {"size": "4000x4000"}, {"more": {"model": "no"}}):
                with pytest.raises(ToolError):
                    await client.call_tool("generate", {**SMALL, **wrong})
            assert (await client.call_tool("list_jobs")).structured_content["jobs"] == [], "none was queued"
            with pytest.raises(ToolError, match="a/x.png and b/x.png would both become x.png"):
                await client.call_tool("deploy", {"paths": ["a/x.png", "b/x.png"], "to": "sprites/"})
            assert not (game / "assets/sprites").exists()

    asyncio.run(run())


def test_stdout_holds_the_protocol_only(tiny: Path, game: Path, full: bool, evidence: Any) -> None:
    """Mutated messages; native code that prints to fd 1 must not be seen."""
    count = 10_000 if full else 300
    chance = random.Random(7)
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}
    calls = [{"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
             {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {
                 "name": "list_jobs", "arguments": {"limit": 5}}},
             {"jsonrpc": "2.0", "id": 4, "method": "ping"}]
    lines = [json.dumps(hello), json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"})]
    for i in range(count):
        text = list(json.dumps({**chance.choice(calls), "id": i + 10}))
        if i % 2:
            for _ in range(3):
                text[chance.randrange(len(text))] = chr(chance.randrange(32, 127))
        lines.append("".join(text))
    lines.append(json.dumps({"jsonrpc": "2.0", "id": "last", "method": "ping"}))
    process = subprocess.Popen([sys.executable, *words(game)], env=environment(), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdin and process.stdout
    import threading
    feeder = threading.Thread(target=lambda: (process.stdin.write("\n".join(lines) + "\n"),  # type: ignore[union-attr]
                                              process.stdin.flush()))  # type: ignore[union-attr]
    feeder.start()
    seen = 0
    for line in process.stdout:
        message = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        if message.get("id") == 1 and "result" in message:  # not FastMCP's own
            assert message["result"]["serverInfo"] == {"name": "dgx-pixels", "version": dgx_pixels.__version__}
        seen += 1
        if message.get("id") == "last":
            break
    feeder.join()
    process.stdin.close()
    process.terminate()
    process.wait(60)
    assert seen > count / 3
    evidence("MCP: mutated messages over stdio", count, f"{seen} answers, all valid JSON-RPC")
