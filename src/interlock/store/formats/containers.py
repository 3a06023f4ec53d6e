"""Lists, tuples, sets and dicts that hold more than plain data: a tree of JSON whose leaves are artifacts."""

from __future__ import annotations

import json
from typing import Any

from interlock.identity.artifact import Artifact
from interlock.identity.canonical import canonical_json
from interlock.store.formats.format import BLOBS, Stored, Unstorable, Vault
from interlock.store.formats.plain import TAG, decode, encode, to_text
from interlock.store.formats.scalars import NotPlain

_CONTAINERS = (list, tuple, dict)


class ContainerFormat:
    """A list of tables, a dict of models, a tuple of an array and a number, and so on."""

    name = "container"

    def handles(self, value: Any) -> bool:
        """Look at the container only; what is inside is asked for when it is saved."""
        return type(value) in _CONTAINERS

    def save(self, value: Any, vault: Vault) -> Stored:
        """Save each leaf as an artifact of its own, then the tree."""
        blobs: list[str] = []

        def leaf(item: Any) -> Any:
            artifact = vault.save(item)
            blobs.extend(blobs_of(artifact))
            return leaf_of(artifact)

        try:
            tree = encode(value, leaf)
        except NotPlain as error:
            raise Unstorable(
                f"A {type(value).__name__} cannot be kept: {error}.", hint="Use plain keys and fewer levels."
            ) from error
        return vault.put_text(to_text(tree), **{BLOBS: sorted(set(blobs))})

    def load(self, artifact: Artifact, vault: Vault) -> Any:
        """Read the tree and load its leaves."""
        return decode(json.loads(vault.text(artifact)), lambda record: vault.load(Artifact.from_json(record)))


def leaf_of(artifact: Artifact) -> dict[str, Any]:
    """Return an artifact as it stands in the tree: the same text, however its facts were ordered where it came from."""
    body = artifact.to_json()
    return {TAG: ["leaf", body | {"meta": json.loads(canonical_json(body["meta"]))}]}


def leaf_in(tree: Any) -> Artifact | None:
    """Return the artifact that a tree is nothing but, or None."""
    if not isinstance(tree, dict) or TAG not in tree or tree[TAG][0] != "leaf":
        return None
    return Artifact.from_json(tree[TAG][1])


def blobs_of(artifact: Artifact) -> list[str]:
    """Return the digests of all blobs that the value of an artifact needs."""
    own = [] if artifact.blob is None else [artifact.blob]
    return own + list(artifact.meta.get(BLOBS, ()))
