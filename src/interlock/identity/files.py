"""Write files and folders by their content; the name of the top one is not part of it."""

from __future__ import annotations

import stat
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from interlock.identity.hashing import hash_file
from interlock.identity.scalars import Encoding, frame

if TYPE_CHECKING:
    from interlock.identity.walk import Encoder, Walk


def encoder_for(cls: type) -> Encoder | None:
    """Return the encoder of paths; a pure path names nothing on this disk and is text."""
    if issubclass(cls, Path):
        return encode_path
    return _encode_pure if issubclass(cls, PurePath) else None


def encode_path(path: Path, walk: Walk) -> Encoding:
    """Write the content that a path leads to, links followed, unless the caller has a name for it."""
    given = walk.naming(path) if walk.naming is not None else None
    if given is not None:
        return b"P+" + frame(given)
    return b"P" + _encode_entry(path, path, ())


def _encode_pure(path: PurePath, _walk: Walk) -> Encoding:
    return b"p" + frame(type(path).__name__) + frame(str(path))


def _encode_entry(path: Path, top: Path, above: tuple[Path, ...]) -> Encoding:
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            return b"f" + hash_file(path)
        if stat.S_ISDIR(mode):
            return _encode_folder(path, top, above)
    except OSError as error:
        raise _stuck(top, f"{str(path)!r} cannot be read ({error.strerror or error})") from error
    # A pipe or a device would be waited for, or never end.
    raise _stuck(top, f"{str(path)!r} is neither a file nor a folder")


def _encode_folder(folder: Path, top: Path, above: tuple[Path, ...]) -> Encoding:
    real = folder.resolve()
    if real in above:
        raise _stuck(top, f"the link {str(folder)!r} leads back to a folder that holds it")
    entries = sorted(folder.iterdir(), key=lambda entry: frame(entry.name))
    inside = [frame(entry.name) + _encode_entry(entry, top, (*above, real)) for entry in entries]
    return b"d%d:" % len(inside) + b"".join(inside)


def _stuck(top: Path, reason: str) -> Exception:
    # Imported here as the walk imports this module when it meets a path.
    from interlock.identity.walk import Stuck

    return Stuck(top, reason)
