"""Where things lie below the root of a store: the same in a folder and in a bucket."""

from __future__ import annotations

import re

from interlock.identity.digest import PREFIX, digest_hex

_KIND = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)
_BLOB = re.compile(r"blobs/(?P<head>[0-9a-f]{2})/(?P<hex>(?P=head)[0-9a-f]{62})", re.ASCII)
_MANIFEST = re.compile(r"manifests/(?P<kind>[a-z][a-z0-9_-]*)/(?P<hex>[0-9a-f]{64})\.json", re.ASCII)

ASIDE = ".damaged"
"""How the name of what was found damaged ends."""


def blob_path(digest: str) -> str:
    """Return where a blob lies in a store."""
    name = digest_hex(digest)
    return f"blobs/{name[:2]}/{name}"


def manifest_folder(kind: str) -> str:
    """Return where the manifests of a kind lie in a store.

    Raises:
        ValueError: The kind is none: it could lead elsewhere.
    """
    if not _KIND.fullmatch(kind):
        raise ValueError(f"{kind!r} is no kind of manifest")
    return f"manifests/{kind}"


def manifest_path(kind: str, digest: str) -> str:
    """Return where a manifest lies in a store."""
    return f"{manifest_folder(kind)}/{digest_hex(digest)}.json"


def digest_at(path: str) -> str | None:
    """Return the digest that what lies at a path must have; None where nothing of ours lies there."""
    match = _BLOB.fullmatch(path) or _MANIFEST.fullmatch(path)
    return None if match is None else PREFIX + match["hex"]


def kind_at(path: str) -> str | None:
    """Return the kind of the manifest that lies at a path; None where none does."""
    match = _MANIFEST.fullmatch(path)
    return None if match is None else match["kind"]
