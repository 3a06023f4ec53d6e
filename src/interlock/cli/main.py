"""The command `interlock`: its commands, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from interlock.cli import (
    data,
    demo,
    diff,
    endpoint,
    env,
    init,
    loop,
    models,
    records,
    reproduce,
    run,
    runs,
    token,
    why,
)
from interlock.cli.console import print_error
from interlock.errors import InterlockError

INTERRUPTED = 130
"""Exit code of a command that the user interrupted, as shells have it (128 + SIGINT)."""

app = typer.Typer(
    name="interlock",
    help="Keeps a machine-learning project production-ready: train, gate, serve, watch, retrain.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # the help is text; laying it out with rich would double the start-up time
    pretty_exceptions_enable=False,
)
for part in (run, runs, why, diff, reproduce, env, models, endpoint, loop, data, records, token, init, demo):
    part.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        app(args=list(sys.argv[1:] if arguments is None else arguments))
    except SystemExit as end:  # how typer ends every command, and how it answers words that it does not know
        return end.code if isinstance(end.code, int) else 1
    except InterlockError as error:
        print_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe went away: that is its right
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0
