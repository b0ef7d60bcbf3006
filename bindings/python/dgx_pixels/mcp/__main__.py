# SPDX-License-Identifier: MIT OR Apache-2.0
"""`dgx-pixels-mcp`: sprites for agents, over the Model Context Protocol."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from ..extras import missing
from ..terminal import log_to_stderr, say


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dgx-pixels-mcp", description=__doc__,
        epilog="Files are read and written inside --project only. Without --server it paints in this "
               "process; with it the server paints and this program deploys here.")
    add = parser.add_argument
    add("--project", type=Path, default=Path.cwd(), help="the game's folder (default: this one)")
    add("--server", default=os.environ.get("DGX_PIXELS_SERVER"),
        help="http://HOST:PORT of a dgx-pixels-server (default: $DGX_PIXELS_SERVER); its token is "
             "$DGX_PIXELS_TOKEN")
    add("--model", "-m", help="without --server: the default model")
    add("--device", help="without --server: cpu, cuda:0 …")
    add("--data", type=Path, help="without --server: where jobs are kept")
    add("--brp", default="http://127.0.0.1:15702/", help="the running game (default: %(default)s)")
    add("--http", type=int, metavar="PORT", help="serve HTTP at http://HOST:PORT/mcp instead of stdio")
    add("--host", default="127.0.0.1", help="with --http: address to listen on (default: this machine only)")
    add("--token-file", type=Path, help="with --http: a file whose first line clients must send as Bearer "
        "token (or $DGX_PIXELS_MCP_TOKEN); needed when other machines may connect")
    add("--allow-host", action="append", default=[], help="with --http: a further name of this machine")
    add("--allow-origin", action="append", default=[],
        help="with --http: a web page that may ask, besides programs: https://host:port")
    return parser.parse_args()


def own_stdout() -> None:
    """Keep fd 1 for the protocol: whatever else is printed goes to stderr."""
    protocol = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(protocol, "w", encoding="utf-8", buffering=1)


def main() -> int:
    options = parse()
    log_to_stderr(logging.WARNING)
    try:
        from fastmcp import FastMCP

        from starlette.middleware import Middleware

        from .. import __version__
        from ..client import Client
        from ..guard import Access, Guard, read_token
        from ..listening import limits
        from .making import add_making
        from .sheets import add_sheets
        from .tools import add_tools
        from .workshop import Workshop, data_folder, local_server
    except ImportError as error:
        say(f"dgx-pixels-mcp: {missing(error, 'mcp', 'server')}", file=sys.stderr)
        return 2
    if not options.project.is_dir():
        say(f"dgx-pixels-mcp: --project {options.project}: is no folder", file=sys.stderr)
        return 2
    if options.http is None:
        own_stdout()
    try:
        access = Access(host=options.host, token=read_token(options.token_file, "DGX_PIXELS_MCP_TOKEN"),
                        allowed_hosts=tuple(name.lower() for name in options.allow_host),
                        allowed_origins=tuple(options.allow_origin))
        access.check()
        client = Client(options.server) if options.server else local_server(
            options.data or data_folder(options.project), options.model, options.device)
    except (ValueError, RuntimeError, OSError, ImportError) as error:
        say(f"dgx-pixels-mcp: {error}", file=sys.stderr)
        return 2
    mcp: FastMCP = FastMCP("dgx-pixels", version=__version__, instructions=(
        "Paints pixel-art sprites and puts them into a Bevy game. Start with list_presets; generate "
        "shows candidates; deploy puts one into assets/ and asks the running game whether it arrived."))
    shop = Workshop(options.project, client, options.brp)
    add_tools(mcp, shop)
    add_sheets(mcp, shop)
    add_making(mcp, shop, options.model, options.device)
    if options.http is None:
        mcp.run(transport="stdio", show_banner=False)
    else:
        # FastMCP's own check of Host and Origin would let in every page of this machine, whatever its port.
        mcp.run(transport="http", host=access.host, port=options.http, show_banner=False,
                log_level="warning", host_origin_protection=False,
                middleware=[Middleware(Guard, settings=access)], uvicorn_config=limits())
    return 0


if __name__ == "__main__":
    sys.exit(main())
