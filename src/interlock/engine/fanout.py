"""A mapped step under way: one task for each item of its lists, and the list of what they give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from interlock.engine.context import RunContext
from interlock.engine.lookup import Lookup, StepKey
from interlock.engine.values import RunValues
from interlock.graph.model import Node, Ref, refs_of
from interlock.graph.slices import MapLengthError, resolve, walked_items
from interlock.identity.artifact import Artifact
from interlock.store.artifacts import ArtifactStore


class Fanout:
    """The items of one mapped step in one run.

    There may be a hundred thousand: kept of each is its key, and what it takes or, once it is made, gave.

    Args:
        node: The step.
        lists: What is walked over, by argument; this object takes away what it no longer needs.
        keys: The cache key of each item.
    """

    def __init__(self, node: Node, lists: Mapping[str, list[Artifact | None]], keys: Sequence[str]) -> None:
        self.node = node
        self.keys = keys
        self._lists = lists
        self._made: list[Artifact | None] = [None] * len(keys)
        self._logged: dict[int, dict[str, Artifact]] = {}
        self._left = len(keys)
        self.cached = 0

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def done(self) -> bool:
        """Whether every item has been made."""
        return not self._left

    def take(self, found: Mapping[int, Mapping[str, Artifact]]) -> None:
        """Take in the items that an earlier run made."""
        for place, outputs in found.items():
            self.finished(place, outputs)
        self.cached += len(found)

    def finished(self, place: int, outputs: Mapping[str, Artifact]) -> None:
        """Take in what an item gave."""
        output = self.node.outputs[0]
        self._made[place] = outputs[output]
        if len(outputs) > 1:
            self._logged[place] = {name: one for name, one in outputs.items() if name != output}
        for items in self._lists.values():
            items[place] = None
        self._left -= 1

    def has(self, place: int) -> bool:
        """Tell whether an item has been made."""
        return self._made[place] is not None

    def missing(self) -> Iterator[tuple[int, Mapping[str, Artifact]]]:
        """Yield the place of each item that is yet to be made, and what it takes."""
        for place, made in enumerate(self._made):
            if made is None:
                yield place, {name: one for name, items in self._lists.items() if (one := items[place])}

    def outputs(self, artifacts: ArtifactStore) -> dict[str, Artifact]:
        """Return the outputs of the whole step: the list, and what items logged under the number of the item."""
        made = [one for one in self._made if one is not None]
        logged = {
            f"{name}[{place}]": artifact
            for place, one in sorted(self._logged.items())
            for name, artifact in one.items()
        }
        return {self.node.outputs[0]: artifacts.join(made), **logged}

    def words(self) -> str:
        """Say how many of the items ran."""
        ran = len(self) - self.cached
        return f"{ran} of {len(self)} items, {self.cached} from the cache" if self.cached else f"{ran} items"


def spread(node: Node, key: StepKey, context: RunContext, values: RunValues, lookup: Lookup) -> Fanout:
    """Return the items of a mapped step whose inputs are there.

    Raises:
        MapLengthError: A mapped input is no list, or the lists are not equally long.
    """
    lists = {name: _list(node, name, context.artifacts, values) for name in node.mapped}
    walked = walked_items(node, lists)
    keys = lookup.item_keys(node, key, walked)
    return Fanout(node, {name: [one[name] for one in walked] for name in lists}, keys)


def _list(node: Node, name: str, artifacts: ArtifactStore, values: RunValues) -> Sequence[Artifact]:
    value = node.inputs[name]
    artifact = values.artifacts.get(value) if isinstance(value, Ref) else None
    if artifact is None:  # a list written down in the pipeline, or one that a dataset holds
        held = resolve(value, values.of(refs_of(value)))
        found = [artifacts.save(one, allow_pickle=True) for one in held] if _is_list(held) else None
    else:
        found = artifacts.split(artifact)
    if found is None:
        kind = artifact.type if artifact is not None else type(held).__name__
        raise MapLengthError(
            f"Step {node.name!r} is mapped over {name!r}, which is {kind}, not a list.", where=node.location
        )
    return found


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)
