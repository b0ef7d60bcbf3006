# SPDX-License-Identifier: MIT OR Apache-2.0
"""Tools that make several things: a project's wishes, workflows; taking back; what can be named.

The library of this machine does the work here, not the server, for it is about the project's own files.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from pydantic import Field

from .. import flow, game, project
from ..errors import DgxPixelsError
from ..model import Cancel, Model
from .tools import CHANGE, MAKE, READ
from .workshop import Workshop


async def stoppable(work: Callable[[Cancel], Any]) -> Any:
    """In a thread; a client that cancels its call stops it within a step."""
    token = Cancel()
    running = asyncio.ensure_future(asyncio.to_thread(work, token))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        token.fire()
        await asyncio.wait([running])
        running.exception()  # looked at: it is the cancelling
        raise
    except (DgxPixelsError, ValueError, OSError) as error:
        raise ToolError(str(error)) from None


TEXTS = {"prompt", "negative_prompt", "negative", "subject", "folder"}  # of words, and what the library says itself


def check_places(shop: Workshop, value: Any, own: str, folder: Path, key: str = "") -> None:
    """What a caller's values make a workflow read lies inside the project; what the file itself says is its owner's."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name not in TEXTS:
                check_places(shop, part, own, folder, name)
    elif isinstance(value, list):
        for part in value:
            check_places(shop, part, own, folder, key)
    elif isinstance(value, str) and json.dumps(value, ensure_ascii=False) not in own:
        for word in value.split() if key == "lines" else [value]:
            if word.startswith(("/", "~")) or ".." in Path(word).parts or os.path.lexists(folder / word):
                shop.inside(str(folder / word))


def add_making(mcp: FastMCP, shop: Workshop, model: str | None, device: str | None) -> None:
    """Five tools over the project."""

    @mcp.tool(annotations=CHANGE)
    async def build(dry_run: Annotated[bool, Field(description="only say what is due")] = False,
                    force: Annotated[bool, Field(description="make files anew that were edited by hand")] = False,
                    ) -> dict[str, Any]:
        """Make the assets that the project's dgx-pixels.json wishes for and that are missing or changed, and
        put each into assets/. May take minutes; each is kept when it is done, so a call that was given up
        goes on when it is called again. Returns each file with its state and action."""
        made: dict[str, Any] = await stoppable(lambda token: game.build(
            shop.project, dry_run=dry_run, force=force, device=device, confirm=not dry_run, brp=shop.brp,
            cancel=token))
        return made

    @mcp.tool(annotations=CHANGE)
    async def undo_deploy(force: Annotated[bool, Field(description="also over files that were changed since")] = False,
                          ) -> dict[str, Any]:
        """Take back the last deployment into assets/: files it replaced come back, new ones go. Again: the one
        before, up to 16."""
        made: dict[str, Any] = await stoppable(lambda _: project.undo_deploy(shop.project, force=force))
        return made

    @mcp.tool(annotations=MAKE)
    async def run_workflow(
        path: Annotated[str, Field(description="a workflow or a ComfyUI graph inside the project")],
        values: Annotated[dict[str, Any] | None, Field(description="its placeholders, or fields of its request")] = None,
        name: Annotated[str | None, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="of the files")] = None,
        dry_run: Annotated[bool, Field(description="only return the filled workflow")] = False,
    ) -> dict[str, Any]:
        """Make what a workflow file says: a sprite, an animation painted frame by frame, a seamless tile set or a
        batch. Returns the absolute paths of the files; deploy them with deploy. May take minutes."""

        def work(token: Cancel) -> dict[str, Any]:
            found = shop.inside(path)
            filled = flow.load_workflow(found, values)
            check_places(shop, filled, found.read_bytes().decode(errors="replace"), found.parent)
            if dry_run:
                return {"workflow": filled}
            folder = shop.write(".keep", b"").parent
            with Model.load(filled.get("model") or model, device=device) as painter:
                report = flow.run_workflow(painter, filled, folder, name=name, cancel=token)
            return {**report, "files": [str(Path(file).resolve()) for file in report.get("files", [])]}

        made: dict[str, Any] = await stoppable(work)
        return made

    @mcp.tool(annotations=READ)
    async def list_palettes() -> dict[str, Any]:
        """The palettes that can be named in a request's or fix_image's palette, with what they are."""
        found = await stoppable(lambda _: shop.client.json("GET", "/api/v1/palettes"))
        return {"palettes": found}

    @mcp.tool(annotations=READ)
    async def list_loras() -> dict[str, Any]:
        """The adapters (LoRAs) that a request's loras can name, as the painting server finds them."""
        found = await stoppable(lambda _: shop.client.json("GET", "/api/v1/loras"))
        return {"loras": found}
