# SPDX-License-Identifier: MIT OR Apache-2.0
"""`dgx-pixels-server`: paint over HTTP."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..extras import missing
from ..terminal import log_to_stderr, say

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from .settings import Settings

DEVICE_LOST = 75  # EX_TEMPFAIL: a supervisor should start it again


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
    add("--tls-cert", type=Path, metavar="FILE", help="speak HTTPS with this certificate (PEM), and --tls-key")
    add("--tls-key", type=Path, metavar="FILE", help="the certificate's private key (PEM)")
    add("--queue", type=int, default=usual.queue_limit, help="jobs that may wait (%(default)s)")
    add("--queue-client", type=int, default=usual.client_limit,
        help="of them from one address (%(default)s)")
    add("--batch", type=int, default=usual.batch_limit, help="pictures in one call (%(default)s)")
    add("--memory", type=float, default=0, help="GiB of resident models (default: two models)")
    add("--keep", type=int, default=usual.keep_jobs,
        help="finished jobs to keep (%(default)s); those with an approved picture stay anyway")
    add("--keep-days", type=float, default=usual.keep_seconds / 86400, help="(%(default)s)")
    add("--quiet", "-q", action="store_true", help="log warnings only")
    return parser.parse_args()


def main() -> int:
    options = parse()
    try:
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
            client_limit=options.queue_client, batch_limit=options.batch, memory_limit=int(options.memory * 2**30),
            keep_jobs=options.keep, keep_seconds=options.keep_days * 86400)
        if (options.tls_cert is None) != (options.tls_key is None):
            raise ValueError("--tls-cert and --tls-key go together")
        server = serve(create_app, settings, options.tls_cert, options.tls_key)
    except (OSError, ValueError) as error:
        say(f"dgx-pixels-server: {error}", file=sys.stderr)
        return 2
    level = logging.WARNING if options.quiet else logging.INFO
    log_to_stderr(level)
    server.run()
    if not server.started:
        return 1  # its log says why
    return DEVICE_LOST if server.config.app.state.engine.broken else 0  # type: ignore[union-attr]


def serve(create_app: Callable[..., FastAPI], settings: Settings, certificate: Path | None,
          key: Path | None) -> uvicorn.Server:
    """Ready to run; it ends by itself when the device was lost."""
    import uvicorn

    from ..listening import limits

    def stop() -> None:
        server.should_exit = True

    server = uvicorn.Server(uvicorn.Config(
        create_app(settings, stop), host=settings.host, port=settings.port, log_config=None, access_log=False,
        server_header=False, timeout_graceful_shutdown=5, ssl_certfile=certificate, ssl_keyfile=key, **limits()))
    server.config.load()  # a certificate that is none is told now
    return server


if __name__ == "__main__":
    sys.exit(main())
