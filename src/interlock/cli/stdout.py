"""Stdout kept for one JSON object: whatever else is printed, by whomever, goes to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TextIO


@contextmanager
def reserved_stdout() -> Iterator[TextIO]:
    """Give what stdout is to the block alone, and turn the stream and the descriptor over to stderr meanwhile.

    The descriptor too, because subprocesses and libraries in C write to it, and threads may after a step.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with _own_stream(kept) as out, redirect_stdout(sys.stderr):
            os.dup2(2, 1)
            try:
                yield out
            finally:
                with suppress(OSError, ValueError):  # a closed stderr is no reason to lose the object
                    sys.stderr.flush()
                out.flush()
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@contextmanager
def _own_stream(kept: int) -> Iterator[TextIO]:
    standard = sys.__stdout__
    if standard is None or sys.stdout is not standard:  # somebody has put another stream in its place already
        yield sys.stdout
        return
    with open(kept, "w", encoding=standard.encoding, closefd=False) as out:
        yield out
