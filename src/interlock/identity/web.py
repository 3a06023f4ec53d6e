"""The web of parts that code is made of, and what of it can be reached from where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress

from blake3 import blake3

from interlock.identity.places import Places

# A byte that `compress` takes for true, and one that it takes for false.
_BITS = bytes.maketrans(b"01", b"\0\1")


@dataclass(eq=False, slots=True)
class Node:
    """One part: a function, a class, a constant, a file, a distribution.

    Attributes:
        name: What it is called in digests: its label, and what tells it from others of that label.
        label: What people call it.
        digest: Digest of the part, what it reaches left out; "" for one that has nothing to tell.
        shown: The digest or the version that people see.
        file: The file that it is in.
        line: The line in it.
        edges: What it reaches.
        extras: What else there is of it, for code that reads it: "docs", "annotations", "text".
        reads: Which extras of others this part may read, and "imports" for one that imports modules by a text.
        follow: Notes what its annotations lead to, for code that reads them.
        texts: The texts in it, which may be names of modules.
    """

    name: str
    label: str
    digest: str = ""
    shown: str = ""
    file: str | None = None
    line: int | None = None
    edges: set[Node] = field(default_factory=set)
    extras: Callable[[str], str] | None = None
    reads: frozenset[str] = frozenset()
    follow: Callable[[], None] | None = None
    texts: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Told:
    """What people are told of some nodes; see `Fingerprint`."""

    parts: dict[str, str]
    places: dict[str, str]
    files: tuple[str, ...]


class Web:
    """Nodes in a fixed order, with everything that each one reaches as the bits of a number.

    Args:
        nodes: All nodes that edges lead to.
        places: How their files are told.
    """

    def __init__(self, nodes: Iterable[Node], places: Places) -> None:
        self._nodes = sorted(nodes, key=lambda node: (node.name, node.digest))
        self._numbers = {node: number for number, node in enumerate(self._nodes)}
        self._hashes = [_hash(node.name, node.digest) if node.digest else b"" for node in self._nodes]
        self._reached = _closures(self._nodes, self._numbers)
        counts = Counter(node.label for node in self._nodes if node.digest)
        self._readers = self._bits(lambda node: bool(node.reads))
        self._single = self._bits(lambda node: counts[node.label] == 1 and bool(node.digest))
        self._siblings = self._bits(lambda node: counts[node.label] > 1 and bool(node.digest))
        self._places = places
        self._paths = [places.path(node.file) if node.file is not None else None for node in self._nodes]
        self._items = [(node.label, node.shown) for node in self._nodes]
        self._lines = [
            (node.label, f"{path}:{node.line}") if path is not None and node.line is not None else None
            for node, path in zip(self._nodes, self._paths, strict=True)
        ]

    def reach(self, starts: Iterable[Node]) -> int:
        """Return the nodes that are reached, as bits."""
        found = 0
        for node in starts:
            found |= self._reached[self._numbers[node]]
        return found

    def content(self, reached: int) -> str:
        """Return the hash of the nodes that are reached."""
        mask = self._mask(reached)
        pieces = list(compress(self._hashes, mask))
        if reached & self._readers:
            pieces += _extras(list(compress(self._nodes, mask)))
        return blake3(b"".join(pieces)).hexdigest()

    def tell(self, reached: int) -> Told:
        """Return what people are told. Parts of one label are numbered in the order of their lines."""
        single = self._mask(reached & self._single)
        parts = dict(compress(self._items, single))
        places = dict(filter(None, compress(self._lines, single)))
        counts: dict[str, int] = {}
        siblings = compress(self._nodes, self._mask(reached & self._siblings))
        for node in sorted(siblings, key=lambda node: (node.label, node.line or 0)):
            number = counts[node.label] = counts.get(node.label, 0) + 1
            label = node.label if number == 1 else f"{node.label}#{number}"
            parts[label] = node.shown
            if node.file is not None and node.line is not None:
                places[label] = f"{self._places.path(node.file)}:{node.line}"
        files = set(compress(self._paths, self._mask(reached)))
        return Told(
            parts,
            places,
            tuple(sorted(one for one in files if one is not None and self._places.is_inside(one))),
        )

    def _bits(self, test: Callable[[Node], bool]) -> int:
        return sum(1 << number for number, node in enumerate(self._nodes) if test(node))

    def _mask(self, reached: int) -> bytes:
        return f"{reached:0{len(self._nodes)}b}"[::-1].encode().translate(_BITS)


def closure_of(starts: Iterable[Node]) -> set[Node]:
    """Return the nodes that are reached from some, these included."""
    found = set(starts)
    waiting = list(found)
    while waiting:
        new = waiting.pop().edges - found
        found |= new
        waiting.extend(new)
    return found


def _hash(*texts: str) -> bytes:
    return blake3("\0".join(texts).encode("utf-8", "surrogatepass")).digest()


def _extras(nodes: Sequence[Node]) -> Iterator[bytes]:
    """Yield what of the nodes is read by others of them, such as docstrings."""
    for kind in sorted({kind for node in nodes for kind in node.reads}):
        for node in nodes:
            if node.extras is not None:
                yield _hash(kind, node.name, node.extras(kind))


def _closures(nodes: Sequence[Node], numbers: dict[Node, int]) -> list[int]:
    """Return what each node reaches, itself included: Tarjan's components, from the leaves up."""
    count = len(nodes)
    edges = [[numbers[one] for one in node.edges] for node in nodes]
    order, low, closures, depth = [0] * count, [0] * count, [0] * count, [0] * count
    pending: list[int] = []
    clock = 0
    for root in range(count):
        work = [(root, iter(edges[root]))] if not order[root] else []
        if work:
            clock += 1
            order[root] = low[root] = clock
            depth[root] = len(pending)
            pending.append(root)
        while work:
            here, rest = work[-1]
            for there in rest:
                if not order[there]:
                    clock += 1
                    order[there] = low[there] = clock
                    depth[there] = len(pending)
                    pending.append(there)
                    work.append((there, iter(edges[there])))
                    break
                if not closures[there]:
                    low[here] = min(low[here], order[there])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[here])
                if low[here] == order[here]:
                    _close(depth[here], pending, edges, closures)
    return closures


def _close(start: int, pending: list[int], edges: list[list[int]], closures: list[int]) -> None:
    """Give the members of one component, the last of the pending nodes, their common closure."""
    members = pending[start:]
    del pending[start:]
    found = 0
    for member in members:
        found |= 1 << member
        for there in edges[member]:
            found |= closures[there]
    for member in members:
        closures[member] = found
