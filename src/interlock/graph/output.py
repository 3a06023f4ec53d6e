"""Outputs: what steps return while a pipeline function is called to find out its graph."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from interlock.graph.model import GraphError, Ref

_PACKAGE = __file__.rpartition("graph")[0]
_TABLE_LIBRARIES = ("numpy", "pandas", "polars", "pyarrow")


class TraceError(GraphError):
    """A pipeline function does something that only a step can do, or connects steps wrongly."""


class Output:
    """What a step returns while tracing: a name for a value that does not exist yet.

    It can be handed to other steps, alone or inside a list, tuple or dict, and nothing else.
    """

    __slots__ = ("ref", "type")

    def __init__(self, ref: Ref, kind: Any = Any) -> None:
        object.__setattr__(self, "ref", ref)
        object.__setattr__(self, "type", kind)

    if TYPE_CHECKING:
        ref: Ref
        type: Any

    def __repr__(self) -> str:
        return f"<output {self.ref}>"

    def _refuse(self, doing: str) -> Any:
        raise TraceError(
            f"The pipeline function {doing} {str(self.ref)!r}, which has no value while steps are connected.",
            where=user_location(),
            hint="Do this inside a step, and connect the step here.",
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._refuse(f"reads the attribute {name!r} of")

    def __iter__(self) -> Iterator[Any]:
        raise TraceError(
            f"The pipeline function unpacks or loops over {str(self.ref)!r}, which is one output.",
            where=user_location(),
            hint="Annotate the step's return as tuple[A, B] to give it several outputs, or use step.map(...).",
        )

    def __bool__(self) -> bool:
        raise TraceError(
            f"The pipeline function asks for the truth of {str(self.ref)!r}, which has no value while steps are "
            "connected.",
            where=user_location(),
            hint="Let the run decide: `with when(...):`, and either(...) for what comes of the branches.",
        )

    def __hash__(self) -> int:
        return int(self._refuse("puts into a set or a dict, by its hash,"))

    def __str__(self) -> str:
        return str(self._refuse("writes into text"))

    def __format__(self, spec: str) -> str:
        return str(self)

    def __len__(self) -> int:
        return int(self._refuse("asks for the length of"))

    def __getitem__(self, key: object) -> Any:
        return self._refuse(f"takes the item {key!r} of")

    def __setitem__(self, key: object, value: object) -> None:
        self._refuse(f"sets the item {key!r} of")

    def __setattr__(self, name: str, value: object) -> None:
        self._refuse(f"sets the attribute {name!r} of")

    def __call__(self, *_: object, **__: object) -> Any:
        """Refuse: an output is no function."""
        return self._refuse("calls")

    def _convert(self, *_: object, **__: object) -> Any:
        return self._refuse("converts")

    def _compare(self, _: object) -> Any:
        return self._refuse("compares")

    def _operate(self, *_: object) -> Any:
        return self._refuse("computes with")

    __int__ = __float__ = __complex__ = __index__ = __round__ = __array__ = _convert
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _compare
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _operate
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __divmod__ = __rdivmod__ = __pow__ = __rpow__ = (
        _operate
    )
    __matmul__ = __rmatmul__ = __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _operate
    __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = _operate
    __neg__ = __pos__ = __abs__ = __invert__ = _operate
    __array_ufunc__ = None  # an array that computes with an output leaves it to the output, which refuses


def user_location() -> str:
    """Return file and line of the innermost frame that is neither ours nor that of a library of tables."""
    frame = sys._getframe(1)  # noqa: SLF001 - inspect.stack() reads source files and is 1,000 times slower
    while frame.f_back is not None and (
        frame.f_code.co_filename.startswith(_PACKAGE)
        or frame.f_globals.get("__name__", "").partition(".")[0] in _TABLE_LIBRARIES
    ):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def user_line(error: BaseException) -> str:
    """Return file, line and source of the last line that is not ours among those that an error came through."""
    frames = [
        one for one in traceback.extract_tb(error.__traceback__) if not one.filename.startswith(_PACKAGE)
    ]
    return f"{frames[-1].filename}:{frames[-1].lineno}: {frames[-1].line}" if frames else ""
