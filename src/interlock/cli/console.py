"""What the command line prints, and where: results to stdout, progress and errors to stderr."""

from __future__ import annotations

import io
import json
import math
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from interlock.errors import InterlockError

if TYPE_CHECKING:
    from rich.console import Console


_answered: ContextVar[bool] = ContextVar("interlock_answered", default=False)
"""Whether this command has printed JSON."""


def steady_streams() -> None:
    """Stand in for closed streams, and spell out what a stream's encoding does not have."""
    _answered.set(False)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - to the end
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def console(*, stderr: bool = False) -> Console:
    """Return a console that takes text as it is: no markup, no guessing of colours."""
    from rich.console import Console  # the help and --json need none of it

    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)
    made.on_broken_pipe = _pass_on  # type: ignore[method-assign]  # rich's own ends the process
    return made


def _pass_on() -> None:
    raise BrokenPipeError


def print_json(body: Any, out: TextIO | None = None, *, indent: int | None = 2) -> None:
    """Print one JSON value at once; NaN and the infinities become null, which JSON has."""
    out = out or sys.stdout
    spelled = (out.encoding or "").lower().replace("-", "") != "utf8"
    text = json.dumps(_strict(body), indent=indent, ensure_ascii=spelled, allow_nan=False, default=str)
    out.write(f"{text}\n")
    out.flush()
    _answered.set(True)


def print_json_error(error: InterlockError) -> None:
    """Print an error as the one JSON value that is owed, unless a report has been printed that tells of it."""
    if not _answered.get():
        print_json({"error": error_body(error)})


def error_body(error: BaseException) -> dict[str, str]:
    """Return an error as it stands in JSON: its kind, what was wrong, where, and the way out."""
    if isinstance(error, InterlockError):
        return {"kind": type(error).__name__, "what": error.what, "where": error.where, "hint": error.hint}
    said = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
    return {"kind": type(error).__name__, "what": said, "where": "", "hint": ""}


def _strict(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_strict(item) for item in value]
    return value


def print_error(error: InterlockError) -> None:
    """Print what was wrong, where, and the way out; first the user's own traceback, where there is one."""
    if error.user_traceback:
        sys.stderr.write("\n" + "\n".join(map(_shown, error.user_traceback.splitlines())) + "\n\n")
    first, *rest = [_shown(line) for line in str(error).splitlines()]
    typer.secho(f"error: {first}", fg="red", bold=True, err=True)
    for line in rest:
        typer.echo(line, err=True)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table to stdout."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*[Text(_shown(cell)) for cell in row])
    console().print(table)


def _shown(cell: Any) -> str:
    """Return a cell as text without control characters: what a run recorded must not drive a terminal."""
    text = "" if cell is None else str(cell)
    return "".join(sign if sign.isprintable() or sign in "\n\t" else f"\\x{ord(sign):02x}" for sign in text)


def shown_time(at: float | None) -> str:
    """Return a moment in the local time zone."""
    return "" if at is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def shown_seconds(seconds: float | None) -> str:
    """Return a duration with three digits that matter."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def shown_metrics(metrics: Mapping[str, float]) -> str:
    """Return metrics on one line."""
    return "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())


def shown_bytes(size: int) -> str:
    """Return a size with its unit."""
    amount, units = float(size), ["B", "kB", "MB", "GB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.3g} {units[0]}"
