# SPDX-License-Identifier: MIT OR Apache-2.0
"""Tools on finished sprites: cut a sheet, compose a tile set, measure, show many on one picture."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Annotated, Any, Literal

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult
from pydantic import Field

from ..errors import DgxPixelsError
from .tools import MAKE, READ, result
from .workshop import Workshop

Paths = Annotated[list[str], Field(description="PNGs inside the project", min_length=1, max_length=256)]
Cells = Annotated[int, Field(ge=0, le=4096)]
SUFFIX = {"tsx": "tsx", "tsj": "tsj", "ldtk": "ldtk.json", "bevy-ron": "assets.ron"}


def add_sheets(mcp: FastMCP, shop: Workshop) -> None:
    """Four tools over one workshop."""

    async def ask(route: str, pictures: dict[str, str | list[str] | None], **fields: Any) -> dict[str, Any]:
        """POST what lies at these paths, in base64, with the other fields."""

        def read(path: str) -> str:
            return base64.b64encode(shop.read_png(path)).decode()

        def work() -> dict[str, Any]:
            sent = {name: read(path) if isinstance(path, str) else [read(each) for each in path]
                    for name, path in pictures.items() if path is not None}
            made: dict[str, Any] = shop.client.json("POST", route, {**sent, **fields})
            return made

        try:
            return await asyncio.to_thread(work)
        except (DgxPixelsError, ValueError, OSError) as error:
            raise ToolError(str(error)) from None

    async def keep(name: str, data: bytes) -> str:
        return str(await asyncio.to_thread(shop.write, name, data))

    @mcp.tool(annotations=READ)
    async def report_sprites(
        paths: Paths, colors: Annotated[int, Field(ge=0, le=256, description="so many are wanted at most")] = 0,
        tile: Annotated[bool, Field(description="a seamless tile")] = False,
        frames: Annotated[bool, Field(description="they are one animation: its flicker counts")] = False,
    ) -> dict[str, Any]:
        """Measure finished sprites: score of 100, pass, warnings, and the metrics behind them."""
        if frames:
            return {"reports": [await ask("/api/v1/report", {"images": paths}, colors=colors, tile=tile)]}
        return {"reports": [await ask("/api/v1/report", {"images": [path]}, colors=colors, tile=tile)
                            for path in paths]}

    @mcp.tool(annotations=MAKE)
    async def slice_sheet(
        path: Annotated[str, Field(description="a sheet, a PNG inside the project")], cell_width: Cells = 0,
        cell_height: Cells = 0, columns: Annotated[int, Field(ge=0, le=1024)] = 0,
        rows: Annotated[int, Field(ge=0, le=1024)] = 0,
        align: Literal["auto", "feet", "center", "none"] = "auto",
    ) -> ToolResult:
        """Cut a sheet into frames: by cells, by columns and rows, or, when nothing is given, by the pieces that touch
        nothing else, with their feet aligned. Writes a PNG a frame; make_sheet packs them again."""
        made = await ask("/api/v1/slice", {"image": path}, cell_width=cell_width, cell_height=cell_height,
                         columns=columns, rows=rows, align=align)
        pngs = [base64.b64decode(image) for image in made["images"]]
        paths = [await keep(f"{Path(path).stem}-{number:03}.png", png) for number, png in enumerate(pngs)]
        return result({"paths": paths}, pngs)

    @mcp.tool(annotations=MAKE)
    async def contact_sheet(paths: Paths, columns: Annotated[int, Field(ge=0, le=256)] = 0) -> ToolResult:
        """Show many sprites on one enlarged, numbered picture, to choose from."""
        png = base64.b64decode((await ask("/api/v1/contact", {"images": paths}, columns=columns))["image"])
        return result({"path": await keep("contact.png", png)}, [png])

    @mcp.tool(annotations=MAKE)
    async def make_tileset(
        inside: Annotated[str, Field(description="a seamless texture, a PNG inside the project")],
        outside: Annotated[str | None, Field(description="another one around it; else transparent")] = None,
        kind: Literal["blob", "corner"] = "blob", rough: Annotated[int, Field(ge=0, le=127)] = 0,
        seed: Annotated[int, Field(ge=0)] = 0, format: Literal["tsx", "tsj", "ldtk", "bevy-ron"] = "tsx",
    ) -> ToolResult:
        """Compose a whole autotile set (blob: 47 tiles, corner: 16) of one or two seamless textures, with Tiled's
        wangset or another engine's description. Returns both paths; give both to deploy."""
        made = await ask("/api/v1/tileset", {"inside": inside, "outside": outside}, kind=kind, rough=rough, seed=seed,
                         format=format)
        png = base64.b64decode(made["image"])
        paths = [await keep("tileset.png", png),
                 await keep(f"tileset.{SUFFIX[format]}", made["description"].encode())]
        return result({"paths": paths, "tiles": len(made["places"])}, [png])
