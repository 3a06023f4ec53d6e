"""Conditions: which nodes are left out because of what a step gave, and which may be."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from interlock.graph.model import Condition, GraphError, Node, Ref

_MOST_CONDITIONS = 10
"""How many conditions are looked at in all their combinations."""

_SKIPPED = " was skipped: "


class ConditionError(GraphError):
    """A condition gave something else than a bool."""


def why_left_out(node: Node, left_out: Mapping[str, str], value_of: Callable[[Ref], Any]) -> str:
    """Return why a node does not run, in words; "" when it does.

    Args:
        node: A node all of whose inputs and conditions are decided.
        left_out: Why nodes before it do not run, by name.
        value_of: Gives the value of a condition.

    Raises:
        ConditionError: The value of a condition is no bool.
    """
    for condition in node.conditions:
        if condition.ref.node in left_out:
            return _after(condition.ref, left_out)
        value = _truth(node, condition.ref, value_of(condition.ref))
        if value is not condition.wanted:
            return f"{condition.ref} was {value}"
    gone = [ref for ref in node.input_refs() if ref.node in left_out]
    if node.kind == "either":
        return "" if len(gone) < len(node.inputs) else f"none of {_listed(gone)} ran"
    return _after(gone[0], left_out) if gone else ""


def taken(node: Node, left_out: Collection[str]) -> Ref:
    """Return the output that an `either` gives: the first that there is."""
    return next(ref for ref in node.input_refs() if ref.node not in left_out)


def words_of_choice(node: Node, left_out: Mapping[str, str]) -> str:
    """Say which output an `either` gives, and why the ones before it are not there."""
    one = taken(node, left_out)
    before = [ref for ref in node.input_refs() if ref.node in left_out]
    why = "; ".join(dict.fromkeys(left_out[ref.node] for ref in before))
    return f"took {one}" + (f": {why}" if why else "")


def is_always_there(nodes: Mapping[str, Node], name: str, given: Collection[Condition] = ()) -> bool:
    """Tell whether a node runs whatever the conditions before it give, but for those that are `given`."""
    known = {condition.ref: condition.wanted for condition in given}
    free = [ref for ref in conditions_before(nodes, [name]) if ref not in known]
    if len(free) > _MOST_CONDITIONS:
        return False
    return all(is_there(nodes, name, known | one) for one in combinations(free))


def conditions_before(nodes: Mapping[str, Node], names: Collection[str]) -> list[Ref]:
    """Return every condition on which some nodes depend, directly or through others."""
    seen: set[str] = set()
    found: dict[Ref, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            found |= {condition.ref: None for condition in nodes[name].conditions}
            waiting.extend(ref.node for ref in nodes[name].refs())
    return list(found)


def combinations(refs: Collection[Ref]) -> Iterator[dict[Ref, bool]]:
    """Yield all that some conditions may give."""
    for values in itertools.product((True, False), repeat=len(refs)):
        yield dict(zip(refs, values, strict=True))


def is_there(nodes: Mapping[str, Node], name: str, decided: Mapping[Ref, bool]) -> bool:
    """Tell whether a node runs, given what the conditions before it give."""
    known: dict[str, bool] = {}
    waiting = [name]
    while waiting:
        node = nodes[waiting[-1]]
        ahead = [ref.node for ref in node.refs() if ref.node in nodes and ref.node not in known]
        if ahead:
            waiting.extend(ahead)
            continue
        waiting.pop()
        inputs = [known.get(ref.node, True) for ref in node.input_refs()]
        known[node.name] = (any(inputs) if node.kind == "either" else all(inputs)) and all(
            known.get(one.ref.node, True) and decided[one.ref] is one.wanted for one in node.conditions
        )
    return known[name]


def _truth(node: Node, ref: Ref, value: Any) -> bool:
    kind = type(value)
    if kind is bool or (kind.__module__ == "numpy" and kind.__name__ in ("bool", "bool_")):
        return bool(value)
    raise ConditionError(
        f"Step {node.name!r} runs when {str(ref)!r} is True or False, but it gave {kind.__name__} {value!r:.80}.",
        where=node.location,
        hint="Let the step return a bool, for example: return len(rows) > 1000",
    )


def _after(ref: Ref, left_out: Mapping[str, str]) -> str:
    return f"{ref.node}{_SKIPPED}{left_out[ref.node].rpartition(_SKIPPED)[2]}"


def _listed(refs: Collection[Ref]) -> str:
    return ", ".join(map(str, refs))
