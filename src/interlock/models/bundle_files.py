"""The code of a bundle as files in a working folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from interlock.identity.digest import digest_file, digest_json
from interlock.models.bundle_manifest import BundleError
from interlock.stack.sockets import BlobStore
from interlock.store.publish import Pending, publish_bytes


def lay_out(store: BlobStore, files: Mapping[str, str], workdir: Path) -> Path:
    """Write the code of a bundle into a folder named by its content, and return the folder.

    What lies there already is checked file by file and written anew where it is damaged: it was never
    synced, and anybody may have edited it.

    Args:
        store: Where the blobs are.
        files: The blob of each file, by its path below the folder.
        workdir: Where the folder is made.

    Raises:
        BundleError: A path leads out of the folder.
        CorruptBlob, MissingBlob: A file of the bundle is damaged or gone.
    """
    folder = workdir / "code" / digest_json(["Code", dict(files)]).removeprefix("blake3:")[:32]
    unsynced = Pending()  # a power loss may take the files: they are checked, and can be made again
    for name, blob in files.items():
        target = folder / _checked(name)
        if not target.is_file() or digest_file(target) != blob:
            publish_bytes(store.get_bytes(blob), target, unsynced)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _checked(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.suffix != ".py" or "\\" in name:
        raise BundleError(f"The bundle's code holds {name!r}, which is no path of a Python module.")
    return path
