"""`python -m interlock.serving TARGET`: one endpoint, in the foreground.

Meant for `start_endpoint`; people use `interlock serve`.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from interlock.engine.place import records_place
from interlock.errors import InterlockError
from interlock.serving.endpoint import EndpointSettings, serve
from interlock.serving.logs import log_to_stderr
from interlock.serving.process import end_with
from interlock.stack.home import find_project
from interlock.stack.layout import Home
from interlock.store.opening import AT_HOME, place_of


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM and return the exit code."""
    options = _parser().parse_args(argv)
    log_to_stderr()
    if options.parent is not None:
        end_with(options.parent, lambda: os.kill(os.getpid(), signal.SIGTERM))
    settings = EndpointSettings(
        host=options.host,
        port=options.port,
        allowed_hosts=tuple(options.allow_host),
        require_token=options.require_token,
    )
    sock = None if options.fd is None else socket.socket(fileno=options.fd)
    try:
        project = find_project(options.project) if options.project else None
        serve(
            Home(options.home),
            options.target,
            settings,
            place=place_of(project) if project else AT_HOME,
            sock=sock,
            announce=_announce,
            records=records_place(project) if project else None,
        )
    except InterlockError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="interlock.serving", description="Serve one model.")
    parser.add_argument("target", help="MODEL@ALIAS or MODEL@VERSION")
    parser.add_argument("--home", type=Path, required=True, help="the .interlock folder")
    parser.add_argument(
        "--project", type=Path, help="the project whose stack says where store and records are"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on, 0 for any free one")
    parser.add_argument("--fd", type=int, help="a listening socket to use instead, by its descriptor")
    parser.add_argument("--parent", type=int, help="process whose end is the end of this one")
    parser.add_argument("--allow-host", action="append", default=[], help="a name to be addressed by")
    parser.add_argument("--require-token", action="store_true", help="ask for a token on loopback too")
    return parser


def _announce(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
