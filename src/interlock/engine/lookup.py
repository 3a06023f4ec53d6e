"""Look-up in the cache: which earlier outputs a step may take, and the reason why or why not."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from interlock.engine.context import RunContext
from interlock.engine.datasets import RunDatasets
from interlock.engine.keys import artifact_identity, cache_key, inputs_identity
from interlock.errors import InterlockError
from interlock.graph.model import Graph, Node, Ref
from interlock.graph.step import Step
from interlock.identity.artifact import Artifact
from interlock.identity.code import Fingerprint, fingerprints, project_naming
from interlock.identity.digest import digest_json
from interlock.identity.facts import declared
from interlock.records.cache import Entries
from interlock.stack.sockets import BlobStore
from interlock.store.formats.containers import blobs_of


def _blobs(outputs: Mapping[str, Artifact]) -> Iterator[str]:
    """Yield every blob that some outputs need, those inside containers and folders among them."""
    for artifact in outputs.values():
        yield from blobs_of(artifact)  # a short list stands in the record itself, what it holds does not


def is_stored(store: BlobStore, outputs: Mapping[str, Artifact]) -> bool:
    """Tell whether the store has all bytes of some outputs."""
    return all(map(store.has, _blobs(outputs)))


def _walked_identity(walked: Mapping[str, Artifact]) -> list[list[str]]:
    return [[name, artifact_identity(walked[name])] for name in sorted(walked)]


def setting_of(variables: Sequence[str], seed: int) -> dict[str, object]:
    """Return what all steps of a run depend on, as far as it is not the usual: seed and declared variables."""
    found: dict[str, object] = {"seed": seed} if seed else {}
    return found | ({"variables": declared(variables)} if variables else {})


@dataclass(frozen=True, slots=True)
class StepKey:
    """A cache key and what it was made of."""

    key: str
    fingerprint: Fingerprint
    inputs: Mapping[str, str]


class Lookup:
    """Finds earlier outputs for the steps of one graph, walked in order.

    Args:
        graph: What is run.
        context: Where the cache is.
        datasets: The snapshots that the run reads.
        cache: Whether earlier outputs may be taken at all.
        from_step: A step from which on, it included, none may be taken.
        seed: What the random numbers begin with.
    """

    def __init__(
        self,
        graph: Graph,
        context: RunContext,
        datasets: RunDatasets,
        *,
        cache: bool,
        from_step: str | None,
        seed: int = 0,
    ) -> None:
        self._graph = graph
        self._context = context
        self._setting = setting_of(context.project.config.environment.variables, seed)
        self._cache = cache
        self._from_step = from_step
        self._forced = graph.descendants(from_step) if from_step else frozenset[str]()
        self._naming = project_naming(context.project.root, context.project.data_files)
        self._steps = list(dict.fromkeys(node.step for node in graph.nodes if node.step is not None))
        self._fingerprints: dict[Step[..., object], Fingerprint] = {}
        self._identities: dict[Ref, str] = {
            Ref(node.name): datasets.identity(node) for node in graph.nodes if node.kind == "data"
        }

    @property
    def caching(self) -> bool:
        """Whether earlier outputs may be taken at all."""
        return self._cache

    def add(self, node: Node, artifacts: Mapping[str, Artifact]) -> None:
        """Note the outputs of a step: the keys of later steps are made of them."""
        for output in node.outputs:
            self._identities[Ref(node.name, output)] = artifact_identity(artifacts[output])

    @functools.cached_property
    def _latest(self) -> Entries:
        return self._context.records.cache.latest(self._graph.name)

    def knows(self, ref: Ref) -> bool:
        """Tell whether an output is known."""
        return ref in self._identities

    def key(self, node: Node) -> StepKey:
        """Return the key of a step whose inputs are known.

        Raises:
            InterlockError: An argument of the step has no digest, or a step depends on a file that is not there.
        """
        made_of = self._fingerprint(node)
        try:
            inputs = inputs_identity(node, self._identities, self._naming)
        except InterlockError as error:
            error.where = error.where or node.location
            raise
        shown = {name: one if isinstance(one, str) else digest_json(one) for name, one in inputs.items()}
        return StepKey(cache_key(node, made_of.digest, inputs, self._setting), made_of, shown)

    def fingerprints(self) -> dict[str, Fingerprint]:
        """Return the fingerprint of each step of the graph, by node."""
        return {node.name: self._fingerprint(node) for node in self._graph.nodes if node.step is not None}

    def find(self, node: Node, key: StepKey) -> tuple[Mapping[str, Artifact] | None, str]:
        """Return the earlier outputs for a key, or None, and the reason in words."""
        if not self._cache:
            return None, "the cache was not asked"
        if node.name in self._forced:
            return None, f"run anew from {self._from_step!r} on"
        if node.step is not None and not node.step.options.cache:
            return None, "the step is never taken from the cache"
        entry = self._latest.get(key.key) or self._context.records.cache.entry(key.key)
        if entry is None:
            return None, "no earlier result for this code, these inputs and these params"
        if not is_stored(self._context.store, entry.outputs):
            return None, f"the result of {entry.run_id} is no longer in the store"
        return entry.outputs, f"same code, inputs and params as in {entry.run_id}"

    def item_keys(self, node: Node, key: StepKey, walked: Iterable[Mapping[str, Artifact]]) -> list[str]:
        """Return the cache key of each item of a mapped step.

        Args:
            node: The step.
            key: Of the whole step.
            walked: What each item takes of the lists that are walked over.
        """
        inputs = inputs_identity(node, self._identities, self._naming)
        whole = {name: one for name, one in inputs.items() if name not in node.mapped}
        one = replace(node, product=False)  # an item is the same, however the lists are walked
        base = digest_json([cache_key(one, key.fingerprint.digest, whole, self._setting), "item"])
        return [digest_json([base, _walked_identity(item)]) for item in walked]

    def find_items(self, node: Node, keys: Sequence[str]) -> dict[int, Mapping[str, Artifact]]:
        """Return the earlier outputs for the keys of items, by the place of the item."""
        step = node.step
        if not self._cache or node.name in self._forced or step is None or not step.options.cache:
            return {}
        entries = self._context.records.cache.entries(keys)
        found = {}
        for place, key in enumerate(keys):
            entry = entries.get(key)
            if entry is not None and is_stored(self._context.store, entry.outputs):
                found[place] = entry.outputs
        return found

    def _apart(self) -> tuple[str, ...]:
        """Return the files of datasets, those that the pipeline names by their path included."""
        named = {node.dataset for node in self._graph.nodes if node.dataset is not None}
        paths = named - self._context.project.config.data.keys()
        return (*self._context.project.data_files, *sorted(paths))

    def _fingerprint(self, node: Node) -> Fingerprint:
        step = node.step
        if step is None:
            raise TypeError(f"{node.name!r} is a dataset, not a step")
        if not self._fingerprints:
            # All at once, before any step runs: what a step leaves behind in a module is no change of code.
            found = fingerprints(self._steps, root=self._context.project.root, apart=self._apart())
            self._fingerprints = dict(zip(self._steps, found, strict=True))
        return self._fingerprints[step]
