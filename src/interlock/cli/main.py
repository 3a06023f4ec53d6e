"""The command `interlock`: its commands, and the one place where errors become exit codes."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, TextIO

import typer

from interlock.cli import (
    data,
    demo,
    diff,
    endpoint,
    env,
    init,
    lock,
    loop,
    models,
    monitor,
    records,
    reproduce,
    resume,
    run,
    runs,
    store,
    token,
    transfer,
    why,
)
from interlock.cli.console import print_error, print_json_error, steady_streams
from interlock.errors import InterlockError, Stopped, first_line
from interlock.stack.layout import STACK_VARIABLE

TRACEBACK_VARIABLE = "INTERLOCK_TRACEBACK"
"""Set, it shows the traceback of an error that nobody foresaw."""

_ENDINGS = {2: "The command was called wrongly; stderr says how.", 130: "The command was interrupted."}
"""What typer itself says on stderr only, by exit code."""

app = typer.Typer(
    name="interlock",
    help="Keeps a machine-learning project production-ready: train, gate, serve, watch, retrain.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # the help is text; laying it out with rich would double the start-up time
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"interlock {version('interlock')}\n")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[  # noqa: ARG001 - its callback has acted on it
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
    stack: Annotated[
        str | None,
        typer.Option(
            "--stack",
            help="The stack to use: [stack.NAME] of interlock.toml.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Keeps a machine-learning project production-ready: train, gate, serve, watch, retrain."""
    if stack is not None:
        os.environ[STACK_VARIABLE] = stack  # and so for every process that this one starts


for part in (
    run,
    resume,
    runs,
    why,
    diff,
    reproduce,
    env,
    models,
    monitor,
    endpoint,
    loop,
    data,
    transfer,
    lock,
    records,
    store,
    token,
    init,
    demo,
):
    part.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    steady_streams()
    try:
        code = _call(words, as_json="--json" in words)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe went away: that is its right
        _let_go(sys.stdout)
        return 0
    except OSError as error:  # a full disk behind a redirection
        _let_go(sys.stdout)
        print_error(InterlockError(f"The output could not be written: {error.strerror or error}."))
        return 1
    return code


def _call(words: list[str], *, as_json: bool) -> int:
    try:
        app(args=words)
    except SystemExit as end:  # how typer ends every command, and how it answers words that it does not know
        code = end.code if isinstance(end.code, int) else 1
        said = _ENDINGS.get(code)
        if as_json and said is not None:
            print_json_error(InterlockError(said))
        return code
    except Stopped as stop:
        return _tell(InterlockError(f"The command was {stop}."), stop.exit_code, as_json=as_json)
    except InterlockError as error:
        return _tell(error, error.exit_code, as_json=as_json)
    except OSError as error:
        if error.filename is None:
            raise  # of the streams
        return _tell(_unforeseen(error), 1, as_json=as_json)
    except Exception as error:  # a fault of ours: nobody is helped by fifty lines of it
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        return _tell(_unforeseen(error), 1, as_json=as_json)
    return 0


def _tell(error: InterlockError, code: int, *, as_json: bool) -> int:
    print_error(error)
    if as_json:
        print_json_error(error)
    return code


def _unforeseen(error: Exception) -> InterlockError:
    *_, last = traceback.extract_tb(error.__traceback__)
    return InterlockError(
        f"Unforeseen: {type(error).__name__}: {first_line(error)}",
        where=f"{last.filename}:{last.lineno}",
        hint=f"Please report it, with what {TRACEBACK_VARIABLE}=1 shows.",
    )


def _let_go(stream: TextIO) -> None:
    """Point a stream that takes nothing any more to where all is taken, so that its last flush is quiet."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
