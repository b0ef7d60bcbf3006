# SPDX-License-Identifier: MIT OR Apache-2.0
"""The tools.  Their descriptions are written for an agent that has never seen this project."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult
from fastmcp.utilities.types import Image as Shown
from mcp_types import TextContent, ToolAnnotations
from pydantic import Field

from .._settings import NAMES
from ..client import Painted
from ..errors import DgxPixelsError
from ..project.png import enlarge
from .workshop import OUT, Workshop

PATIENCE = 25.0  # seconds; clients give up on a call after about 60
READ = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
MAKE = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
CHANGE = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)

Prompt = Annotated[str | None, Field(description="the subject in a few words: 'medieval knight'", min_length=1,
                              max_length=2000)]
Kind = Annotated[str | None, Field(description="what it is: character, monster, item, tile, icon, effect "
                                   "(list_presets tells all)")]
Style = Annotated[str | None, Field(description="a look that list_presets names, for example 16bit")]
Size = Annotated[str | None, Field(description="sprite pixels, 'WxH' or one number: '32x32'",
                                   pattern=r"^[0-9]{1,4}(x[0-9]{1,4})?$")]
Seed = Annotated[int | None, Field(description="the same seed paints the same picture", ge=0)]
Count = Annotated[int, Field(description="candidates to choose from", ge=1, le=8)]
JobId = Annotated[str, Field(description="as generate returned it", pattern=r"^[0-9a-f]{24}$")]
To = Annotated[str, Field(description="inside assets/: a folder 'sprites/' or a new name "
                          "'sprites/knight.png'", max_length=128)]
More = Annotated[dict[str, Any] | None, Field(
    description="further fields, or a whole recipe in place of the prompt: " + ", ".join(NAMES) + "; loras are "
    "[{name, weight}], palette is a name or ['#rrggbb'], init and mask are PNGs in base64; and model")]


# What fix_image has no argument of its own for: all but the pictures.
FIX_MORE = ("cell", "prior", "non_square", "snap", "straight", "rule", "detail", "keep_colors", "quantizer",
            "background", "tolerance", "holes", "keep_holes", "keep_specks", "keep_fringe", "dither", "orphans",
            "jaggies", "padding", "pivot")


def summary(path: Path, painted: Painted) -> dict[str, Any]:
    quality = painted.quality
    return {"path": str(path), "seed": painted.seed, "score": quality.get("score"),
            "pass": quality.get("pass"), "warnings": quality.get("warnings", []),
            "recipe": painted.recipe, "quality": quality.get("metrics", {})}


def result(told: dict[str, Any], pictures: list[bytes] | None = None) -> ToolResult:
    """Text for every client, structure for those that read it, previews for those that see."""
    short = {name: value for name, value in told.items() if name != "images"}
    if "images" in told:
        short["images"] = [{key: value for key, value in image.items()
                            if key not in ("recipe", "quality")} for image in told["images"]]
    content: list[Any] = [TextContent(type="text", text=json.dumps(short))]
    content += [Shown(data=enlarge(png, 256), format="png").to_image_content()
                for png in (pictures or [])[:4]]
    return ToolResult(content=content, structured_content=told)


def add_tools(mcp: FastMCP, shop: Workshop) -> None:
    """The tools over one workshop."""

    async def call(function: Any, *arguments: Any, **named: Any) -> Any:
        try:
            return await asyncio.to_thread(function, *arguments, **named)
        except (DgxPixelsError, ValueError, OSError) as error:
            raise ToolError(str(error)) from None

    async def watch(id: str, context: Context, patience: float = PATIENCE) -> dict[str, Any]:
        """Wait with progress notifications, but not longer than a client does."""
        end = time.monotonic() + patience
        reached = -1.0
        while True:
            job: dict[str, Any] = await call(shop.client.job, id)
            if job["state"] in ("done", "failed", "cancelled"):
                return job
            now = job.get("progress") or {"phase": "queued", "step": 0, "step_count": 1}
            share = 100 * now["step"] / now["step_count"] if now["phase"] == "denoise" else 0.0
            if share > reached:  # each notification must tell more than the one before
                reached = share
                await context.report_progress(share, 100, now["phase"])
            if time.monotonic() > end:
                return job
            await asyncio.sleep(0.2)

    @asynccontextmanager
    async def stopped_with_the_call(id: str) -> AsyncIterator[None]:
        """A client that cancels its call, or is gone, does not want the picture any more."""
        try:
            yield
        except asyncio.CancelledError:
            with suppress(ToolError):
                await asyncio.shield(call(shop.client.cancel, id))
            raise

    async def told_of(job: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        told: dict[str, Any] = {"job_id": job["id"], "state": job["state"]}
        if job["state"] == "done":
            kept: list[tuple[Path, Painted]] = await call(shop.keep, job)
            told["images"] = [summary(path, painted) for path, painted in kept]
            return told, [painted.png for _, painted in kept]
        if job["state"] == "failed":
            raise ToolError(f"job {job['id']} failed: {job['error']['message']}")
        if job["state"] in ("queued", "running"):
            told["next"] = "not finished yet: call get_job with this job_id"
            told["progress"] = job.get("progress")
        return told, []

    async def submit(prompt: str | None, kind: str | None, style: str | None, size: str | None,
                     seed: int | None, count: int, more: dict[str, Any] | None) -> str:
        given = {"prompt": prompt, "kind": kind, "style": style, "size": size, "seed": seed,
                 "count": count if count > 1 else None}
        fields = {**{name: value for name, value in given.items() if value is not None}, **(more or {})}
        prompt, kind = fields.pop("prompt", None), fields.pop("kind", None)
        id: str = await call(shop.client.submit, prompt, kind, **fields)
        return id

    @mcp.tool(annotations=MAKE)
    async def generate(context: Context, prompt: Prompt = None, kind: Kind = None, style: Style = None,
                       size: Size = None, seed: Seed = None, count: Count = 1,
                       more: More = None) -> ToolResult:
        """Paint pixel-art sprites from words. Returns for each the absolute path of a PNG (true pixels,
        transparent background), a preview, the recipe and a quality report. Takes seconds on a GPU; if it
        takes longer than 25 s you get a job_id for get_job. Nothing is put into the game: use deploy."""
        id = await submit(prompt, kind, style, size, seed, count, more)
        async with stopped_with_the_call(id):
            return result(*await told_of(await watch(id, context)))

    @mcp.tool(annotations=MAKE)
    async def generate_and_deploy(context: Context, prompt: Prompt, to: To, kind: Kind = None,
                                  style: Style = None, size: Size = None, seed: Seed = None,
                                  force: bool = False, more: More = None) -> ToolResult:
        """Paint one sprite and put it into the Bevy project's assets/, then ask the running game whether
        it reloaded. Only files that this tool deployed before are replaced, unless force is true."""
        await call(shop.check_place, to, force)  # before anything is painted
        id = await submit(prompt, kind, style, size, seed, 1, more)
        async with stopped_with_the_call(id):
            told, pictures = await told_of(await watch(id, context))
        if pictures:
            try:
                told["deploy"] = await call(shop.deploy, {f"{id}.png": pictures[0]}, to, 0, False, force)
            except ToolError as error:
                raise ToolError(f"{error}; the picture is kept: deploy {told['images'][0]['path']}") from None
        else:
            told["next"] = "not finished yet: call get_job, then deploy with the path it returns"
        return result(told, pictures)

    @mcp.tool(annotations=READ)
    async def get_job(context: Context, job_id: JobId,
                      wait: Annotated[float, Field(ge=0, le=25, description="seconds")] = 20) -> ToolResult:
        """State of a job; waits up to `wait` seconds for its end and then returns its pictures."""
        return result(*await told_of(await watch(job_id, context, wait)))

    @mcp.tool(annotations=READ)
    async def list_jobs(limit: Annotated[int, Field(ge=1, le=50)] = 10) -> dict[str, Any]:
        """The newest jobs with id, state and prompt: finds a job_id that was lost."""
        jobs = await call(shop.client.jobs, limit)
        return {"jobs": [{name: job[name] for name in ("id", "state", "prompt", "created")}
                         for job in jobs]}

    @mcp.tool(annotations=CHANGE)
    async def cancel_job(job_id: JobId) -> dict[str, Any]:
        """Stop a waiting or running job within one step."""
        job = await call(shop.client.cancel, job_id)
        return {"job_id": job["id"], "state": job["state"]}

    @mcp.tool(annotations=MAKE)
    async def fix_image(
        path: Annotated[str | list[str], Field(description="a PNG inside the project, or several")],
        size: Size = None, colors: Annotated[int | None, Field(ge=1, le=256)] = None,
        palette: Annotated[str | None, Field(description="a built-in palette: pico-8, sweetie-16 …")] = None,
        share_palette: Annotated[bool, Field(description="one palette, found over all of them")] = False,
        frames: Annotated[bool, Field(description="they are one animation: one grid, one palette")] = False,
        outline: bool = False, trim: bool = False, tile: bool = False,
        more: Annotated[dict[str, Any] | None, Field(
            description="further fields of POST /api/v1/fix: " + ", ".join(FIX_MORE))] = None,
    ) -> ToolResult:
        """Turn any pictures (painted, upscaled, blurry 'pixel art') into true pixels: one pixel a cell,
        clear alpha, few colors. Writes new PNGs and returns their paths, previews and reports."""
        paths = [path] if isinstance(path, str) else path
        names = [f"{Path(each).stem}-fixed.png" for each in paths]
        if not 1 <= len(paths) <= 256:
            raise ToolError("name 1 to 256 pictures")
        if len(set(names)) < len(names):
            raise ToolError("two of the pictures have one name: fix them in two calls")
        if share_palette and (palette or frames):
            raise ToolError("share_palette finds one palette: leave palette and frames out")
        sources = [await call(shop.read_png, each) for each in paths]
        given: dict[str, Any] = {"size": size, "colors": colors, "palette": palette}
        fields = {**{name: value for name, value in given.items() if value is not None}, "outline": outline,
                  "trim": trim, "tile": tile, **(more or {})}
        if share_palette:
            shared = await call(shop.client.share_palette, sources, **fields)
            fields = {**fields, "palette": shared}
        if frames:
            pngs, report = await call(shop.client.fix_frames, sources, **fields)
            reports = [report]
        else:
            made = [await call(shop.client.fix, source, **fields) for source in sources]
            pngs, reports = [png for png, _ in made], [report for _, report in made]
        written = [str(await call(shop.write, name, png)) for name, png in zip(names, pngs, strict=True)]
        return result({"path": written[0], "report": reports[0], "paths": written, "reports": reports}, pngs)

    @mcp.tool(annotations=MAKE)
    async def make_sheet(
        paths: Annotated[list[str], Field(description="PNGs inside the project, one a frame",
                                          min_length=1, max_length=256)],
        name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")],
        clip: Annotated[str | None, Field(description="name of the animation over all frames")] = None,
        duration: Annotated[int, Field(ge=1, le=65535, description="ms a frame")] = 100,
        columns: Annotated[int, Field(ge=0, le=256)] = 0,
        format: Literal["aseprite-array", "tsx", "ldtk", "bevy-ron"] = "aseprite-array",
    ) -> ToolResult:
        """Put frames on one picture with the description that engines read (Aseprite JSON by default).
        Returns both paths; give both to deploy."""
        frames = [await call(shop.read_png, path) for path in paths]
        tags = [{"name": clip, "first": 0, "last": len(frames) - 1}] if clip else []
        png, text = await call(shop.client.sheet, frames, duration=duration, columns=columns,
                               format=format, tags=tags, image_name=f"{name}.png")
        suffix = {"tsx": "tsx", "ldtk": "ldtk.json", "bevy-ron": "assets.ron"}.get(format, "json")
        picture = await call(shop.write, f"{name}.png", png)
        description = await call(shop.write, f"{name}.{suffix}", text.encode())
        return result({"paths": [str(picture), str(description)], "frames": len(frames)}, [png])

    @mcp.tool(annotations=MAKE)
    async def move_sprite(
        path: Annotated[str, Field(description="a finished sprite inside the project, at most 512 pixels a side")],
        motions: Annotated[str, Field(description="with commas: idle, bob, float, hop, walk, run, hit, squash, sway, "
                                      "spin, blink, attack, cast, death, collapse, dissolve, appear, turn, "
                                      "turn-quarter; or all",
                                      pattern=r"^[a-z0-9-]{1,63}(,[a-z0-9-]{1,63}){0,63}$")] = "idle,walk",
        facing: Literal["front", "back", "right", "left"] = "front",
        speed: Annotated[int, Field(ge=10, le=1000, description="percent")] = 100,
        normal: Annotated[bool, Field(description="also a normal map of the sheet, for lights")] = False,
    ) -> ToolResult:
        """Animate a still sprite by its own pixels, without the model: its palette stays, its feet stay where they
        are, the same every time. Writes a sheet, Aseprite's JSON of it and an .aseprite file; deploy the PNG and
        the JSON together. A clip a motion, by its name."""
        name = Path(path).stem + "-moves"
        made = await call(shop.client.motion, await call(shop.read_png, path), motions, facing=facing, speed=speed,
                          image_name=f"{name}.png", **({"normal": {}} if normal else {}))
        files = {f"{name}.png": made["image"], f"{name}.json": made["description"].encode(),
                 f"{name}.aseprite": made["aseprite"]}
        if made["normal"]:
            files[f"{name}.n.png"] = made["normal"]
        paths = [str(await call(shop.write, file, data)) for file, data in files.items()]
        return result({"paths": paths, "report": made["report"]}, [made["image"]])

    @mcp.tool(annotations=MAKE)
    async def recolor_sprite(
        path: Annotated[str, Field(description="a finished sprite inside the project")],
        map: Annotated[str | None, Field(description="ramps by name or color: red=blue,#c03030=silver",
                                         max_length=4096)] = None,
        variants: Annotated[int, Field(ge=0, le=16, description="so many colorways of the whole sprite")] = 0,
        keep_skin: bool = False,
    ) -> ToolResult:
        """Team colors and variants of a sprite, without the model: its ramps in other hues, every shade as light
        as it was, the dark outline kept. Give `map`, or `variants`. The report names the ramps there are."""
        source = await call(shop.read_png, path)
        if not map and not variants:
            raise ToolError("say what changes: map 'red=blue', or variants 4")
        paths, pictures, ramps = [], [], []
        for variant in range(1, variants + 1) if variants else (0,):
            fields: dict[str, Any] = {"variant": variant, "keep_skin": keep_skin, **({"map": map} if map else {})}
            png, report = await call(shop.client.recolor, source, **fields)
            paths.append(str(await call(shop.write, f"{Path(path).stem}-{variant or 'recolored'}.png", png)))
            pictures.append(png)
            ramps.append(report["ramps"])
        return result({"paths": paths, "ramps": ramps}, pictures)

    @mcp.tool(annotations=MAKE)
    async def normal_map(
        path: Annotated[str, Field(description="a finished sprite inside the project, at most 512 pixels a side")],
        strength: Annotated[int, Field(ge=10, le=400, description="how steep, percent")] = 100,
        y_down: Annotated[bool, Field(description="for engines whose green points downwards")] = False,
    ) -> ToolResult:
        """A normal map of a sprite for lights in 2D, without the model: by its outline, flat faces and shading.
        Writes NAME.n.png, which deploy brings into the game as data and not as colors."""
        png, report = await call(shop.client.normal, await call(shop.read_png, path), strength=strength,
                                 y_down=y_down)
        made = await call(shop.write, f"{Path(path).stem}.n.png", png)
        return result({"path": str(made), "report": report}, [png])

    @mcp.tool(annotations=READ)
    async def list_presets() -> dict[str, Any]:
        """What can be painted: kinds and styles with their help, models, limits. Call it first."""
        presets = await call(shop.client.presets)
        keep = ("name", "group", "help")
        return {"presets": [{key: preset[key] for key in keep if key in preset} for preset in presets],
                "models": [model["name"] for model in await call(shop.client.models)],
                "limits": (await call(shop.client.capabilities))["limits"]}

    @mcp.tool(annotations=READ)
    async def list_assets() -> dict[str, Any]:
        """What lies in the project: deployed assets, and pictures that are not deployed yet."""

        def read() -> dict[str, Any]:
            lock = shop.project / "dgx-pixels.lock.json"
            assets = json.loads(lock.read_text("utf-8"))["assets"] if lock.exists() else []
            folder = shop.inside(OUT)
            waiting = sorted(folder.glob("*.png"), key=lambda path: -path.stat().st_mtime)[:50] \
                if folder.is_dir() else []
            return {"project": str(shop.project), "deployed": [
                {key: asset.get(key) for key in ("path", "kind", "width", "height")} for asset in assets],
                "generated": [str(path) for path in waiting]}

        made: dict[str, Any] = await call(read)
        return made

    @mcp.tool(annotations=CHANGE)
    async def deploy(
        paths: Annotated[list[str], Field(description="files inside the project, as the other tools "
                                          "returned them", min_length=1, max_length=64)],
        to: To, tile: Annotated[int, Field(ge=0, le=1024, description="pixels; makes a tile set")] = 0,
        array: Annotated[bool, Field(description="a tile set as an array texture, for TilemapChunk")] = False,
        force: bool = False,
    ) -> dict[str, Any]:
        """Put files into the Bevy project's assets/ (with .meta for crisp pixels) and ask the running game
        whether it reloaded them. Returns the line of Rust that loads each."""
        files: dict[str, bytes] = {}
        sources: dict[str, str] = {}
        for path in paths:
            name = Path(path).name
            if name in files:
                raise ToolError(f"{sources[name]} and {path} would both become {name}: deploy them in two calls, "
                                "each with its own place")
            files[name], sources[name] = await call(shop.read_png, path), path
        made: dict[str, Any] = await call(shop.deploy, files, to, tile, array, force)
        return made

    @mcp.tool(annotations=MAKE)
    async def regenerate(context: Context, job_id: JobId, seed: Seed = None, count: Count = 1,
                         changes: More = None) -> ToolResult:
        """Paint a job again with another seed ("more like this"), or with changed fields. With
        the same seed and no changes the same picture comes out."""
        fields = {**(changes or {}), **({"count": count} if count > 1 else {})}
        id: str = await call(shop.client.again, job_id, seed=seed, **fields)
        async with stopped_with_the_call(id):
            return result(*await told_of(await watch(id, context)))

    @mcp.tool(annotations=READ)
    async def doctor() -> dict[str, Any]:
        """Is everything there? The server, its limits, the project and what in it is of an older version (`dgx-pixels
        init --upgrade` mends that), the running game."""

        def look() -> dict[str, Any]:
            project = {"folder": str(shop.project), "is_bevy_project":
                       (shop.project / "Cargo.toml").exists(), "assets": (shop.project / "assets").is_dir()}
            return {"server": shop.client.url, **shop.client.capabilities(), "project": project,
                    "game": shop.game(), "old": shop.old()}

        made: dict[str, Any] = await call(look)
        return made
