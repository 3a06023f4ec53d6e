"""Content digests: of bytes, of files, of JSON and of any Python value.

A digest is the text ``blake3:`` and 64 lower-case hexadecimal digits. The name of the algorithm is
part of it, so that another algorithm can be added one day without guessing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from blake3 import blake3

from interlock.errors import InterlockError
from interlock.identity.canonical import canonical_json
from interlock.identity.hashing import hash_buffer, hash_file
from interlock.identity.walk import Naming, Undigestible, Walk

__all__ = [
    "BadDigest",
    "Undigestible",
    "digest_bytes",
    "digest_file",
    "digest_hex",
    "digest_json",
    "digest_value",
    "is_digest",
]

PREFIX = "blake3:"
_DIGEST = re.compile(r"blake3:([0-9a-f]{64})", re.ASCII)


class BadDigest(InterlockError):
    """A text that should be a digest is none."""

    def __init__(self, text: object) -> None:
        super().__init__(
            f"{text!r} is not a digest.",
            hint="A digest is 'blake3:' and 64 lower-case hexadecimal digits.",
        )
        self.text = text


def digest_bytes(data: bytes | bytearray | memoryview) -> str:
    """Return the digest of these bytes."""
    return PREFIX + hash_buffer(data).hex()


def digest_file(path: Path | str) -> str:
    """Return the digest of a file's bytes, read piece by piece.

    It equals `digest_bytes` of the content.

    Raises:
        OSError: The file cannot be read.
    """
    return PREFIX + hash_file(Path(path)).hex()


def digest_json(obj: Any) -> str:
    """Return the digest of a JSON value's canonical text.

    Raises:
        NotCanonical: `obj` is no JSON value.
    """
    return PREFIX + blake3(canonical_json(obj)).hexdigest()


def digest_value(value: Any, *, naming: Naming | None = None) -> str:
    """Return the digest of a Python value by its logical content.

    Equal content gives equal digests whatever the layout in memory: the order in which dicts and
    sets were filled, the chunks of a table, strides of an array and shared references leave no
    trace. The type is content: ``1``, ``1.0`` and ``True`` differ, and so do a list and a tuple.

    Args:
        value: Anything made of plain Python values, paths of files and folders, numpy, scipy,
            pandas, polars and pyarrow data, and objects that can be pickled.
        naming: Names the functions, classes and paths inside the value. Left out, or where it
            answers None, importable functions and classes enter by their qualified name, so a
            changed body does not change the digest, and paths by the content they lead to.

    Raises:
        Undigestible: Something inside has no content that can be read, such as an open file, a
            lock or a generator; the error names its type and its place.
    """
    return PREFIX + blake3(Walk(naming).encode_top(value)).hexdigest()


def is_digest(text: object) -> bool:
    """Say whether `text` is a well-formed digest."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def digest_hex(digest: object) -> str:
    """Return the 64 hexadecimal digits of a digest: safe as a file name.

    Raises:
        BadDigest: `digest` is not a well-formed digest.
    """
    match = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    if match is None:
        raise BadDigest(digest)
    return match.group(1)
