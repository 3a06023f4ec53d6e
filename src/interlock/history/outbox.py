"""Manifests that records write for another store: gathered, then sent several at once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from interlock.history.missing import several
from interlock.history.remotes import Remote
from interlock.identity.canonical import canonical_json
from interlock.identity.digest import digest_bytes


class Outbox:
    """The sink of records whose manifests belong into another store.

    Args:
        target: That store.
        dry: Whether nothing is sent.
    """

    def __init__(self, target: Remote, *, dry: bool = False) -> None:
        self._target = target
        self._dry = dry
        self._waiting: dict[tuple[str, str], bytes] = {}
        self._known: dict[str, set[str]] = {}
        self.objects = 0
        self.bytes = 0

    def put_manifest(self, kind: str, body: Mapping[str, Any]) -> str:
        """Note a manifest for the next `sync` and return its digest."""
        data = canonical_json(dict(body))
        digest = digest_bytes(data)
        if kind not in self._known:
            self._known[kind] = self._target.manifests(kind)
        if digest not in self._known[kind]:
            self._known[kind].add(digest)
            self._waiting[kind, digest] = data
            self.objects += 1
            self.bytes += len(data)
        return digest

    def sync(self) -> None:
        """Send what is waiting, kind after kind in the order in which they came."""
        waiting, self._waiting = self._waiting, {}
        if self._dry:
            return
        for kind in dict.fromkeys(kind for kind, _ in waiting):
            several(partial(self._target.write_manifest, kind), self._of(waiting, kind))
        self._target.sync()

    @staticmethod
    def _of(waiting: Mapping[tuple[str, str], bytes], kind: str) -> list[bytes]:
        return [data for (one, _), data in waiting.items() if one == kind]
