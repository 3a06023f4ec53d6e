"""Arguments: what a call of a step, or of a pipeline, gives to which parameter."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from interlock.graph.output import TraceError


def bind(
    called: str, signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """Return the arguments of a call by parameter.

    Raises:
        TraceError: They do not fit the signature.
    """
    try:
        return dict(signature.bind(*args, **kwargs).arguments)
    except TypeError as error:
        raise TraceError(
            f"{called} is called wrongly: {error}.", where=where, hint=f"It takes ({_takes(signature)})."
        ) from None


def bind_lists(
    called: str, signature: inspect.Signature, lists: Sequence[Any], same: Mapping[str, Any], where: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the arguments of a mapped call by parameter, and which of them are walked over.

    The lists go, in their order, to the parameters that are not given by name.

    Raises:
        TraceError: They do not fit the signature.
    """
    free = [name for name in signature.parameters if name not in same]
    if len(lists) > len(free):
        raise TraceError(
            f"{called} is mapped over {len(lists)} lists, but has room for {len(free)}.",
            where=where,
            hint=f"It takes ({_takes(signature)}).",
        )
    walked = {
        name: list(one) if isinstance(one, range) else one for name, one in zip(free, lists, strict=False)
    }
    given = bind(called, signature, (), {**same, **walked}, where)
    return given, tuple(walked)


def walk(lists: Mapping[str, Sequence[Any]], *, product: bool) -> Iterable[dict[str, Any]]:
    """Yield what each call of a mapped step takes of the lists: side by side, or in every combination.

    In a product the last list is walked fastest.

    Raises:
        ValueError: Lists that are walked side by side are not equally long.
    """
    items = itertools.product(*lists.values()) if product else zip(*lists.values(), strict=True)
    for item in items:
        yield dict(zip(lists, item, strict=True))


def _takes(signature: inspect.Signature) -> str:
    return ", ".join(
        name if parameter.default is inspect.Parameter.empty else f"{name}={parameter.default!r}"
        for name, parameter in signature.parameters.items()
    )
