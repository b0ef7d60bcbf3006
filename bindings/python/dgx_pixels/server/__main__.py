# SPDX-License-Identifier: MIT OR Apache-2.0
"""`dgx-pixels-server`: paint over HTTP."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from ..extras import missing
from ..terminal import log_to_stderr, say


def parse() -> argparse.Namespace:
    from .settings import Settings

    usual = Settings()
    parser = argparse.ArgumentParser(
        prog="dgx-pixels-server", description="Paint over HTTP. Open /review in a browser to look at candidates, decide and "
                    "deploy; the documentation is at /docs.",
        epilog="Other machines may connect only with a token: --host 0.0.0.0 --token-file FILE, or the "
               "variable DGX_PIXELS_TOKEN.")
    add = parser.add_argument
    add("--host", default=usual.host, help="address to listen on (default: this machine only)")
    add("--port", type=int, default=usual.port, help="default: %(default)s")
    add("--data", type=Path, default=usual.data, help="jobs and results (default: %(default)s)")
    add("--model", "-m", help="the default model: a name or path (default: the starter)")
    add("--device", action="append", help="one worker each, repeat it: cuda:0 (default: the best)")
    add("--project", type=Path, action="append", default=[],
        help="a game project that POST /deploy may fill; repeat it")
    add("--token-file", type=Path, help="a file whose first line clients must send as Bearer token")
    add("--allow-host", action="append", default=[], help="a further name of this server")
    add("--allow-origin", action="append", default=[], help="a further web origin: https://host:port")
    add("--queue", type=int, default=usual.queue_limit, help="jobs that may wait (%(default)s)")
    add("--batch", type=int, default=usual.batch_limit, help="pictures in one call (%(default)s)")
    add("--memory", type=float, default=0, help="GiB of resident models (default: two models)")
    add("--keep", type=int, default=usual.keep_jobs, help="finished jobs to keep (%(default)s)")
    add("--keep-days", type=float, default=usual.keep_seconds / 86400, help="(%(default)s)")
    add("--quiet", "-q", action="store_true", help="log warnings only")
    return parser.parse_args()


def main() -> int:
    options = parse()
    try:
        import uvicorn

        from ..guard import read_token
        from . import Settings
        from .app import create_app
    except ImportError as error:
        say(f"dgx-pixels-server: {missing(error, 'server')}", file=sys.stderr)
        return 2
    try:
        token = read_token(options.token_file, "DGX_PIXELS_TOKEN")
        settings = Settings(
            data=options.data, host=options.host, port=options.port, token=token, model=options.model,
            devices=tuple(options.device or (None,)), allowed_hosts=tuple(
                name.lower() for name in options.allow_host),
            allowed_origins=tuple(options.allow_origin),
            projects=tuple(path.resolve() for path in options.project), queue_limit=options.queue,
            batch_limit=options.batch, memory_limit=int(options.memory * 2**30),
            keep_jobs=options.keep, keep_seconds=options.keep_days * 86400)
        app = create_app(settings)
    except (OSError, ValueError) as error:
        say(f"dgx-pixels-server: {error}", file=sys.stderr)
        return 2
    level = logging.WARNING if options.quiet else logging.INFO
    log_to_stderr(level)
    uvicorn.run(app, host=settings.host, port=settings.port, log_config=None, access_log=False,
                server_header=False, timeout_graceful_shutdown=5, limit_concurrency=1024)
    return 0


if __name__ == "__main__":
    sys.exit(main())
