"""The store of a stack: in a folder, or in a bucket."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from interlock.stack.config import Project
from interlock.stack.layout import Home
from interlock.store.blobs import LocalStore
from interlock.store.bucket_store import BucketStore
from interlock.store.near import NearStore
from interlock.store.objects import Objects

Store = LocalStore | BucketStore


@dataclass(frozen=True)
class StorePlace:
    """Where a store is.

    Attributes:
        address: A place in a bucket, or an absolute path of a folder; "" is the folder in the home.
        cache: How many bytes of a store in a bucket are kept on this machine.
    """

    address: str = ""
    cache: int = 20 * 10**9


AT_HOME = StorePlace()
"""The folder in the home."""


def place_of(project: Project) -> StorePlace:
    """Return where the store of a project's stack is; a folder is named from the project's own."""
    stack = project.stack
    address = stack.store or ""
    if address and "://" not in address:
        address = str((project.root / Path(address).expanduser()).resolve())
    return StorePlace(address, stack.cache)


def open_store(home: Home, place: StorePlace) -> Store:
    """Open the store at a place.

    Args:
        home: Where what is used of a store in a bucket is kept.
        place: Where the store is.

    Raises:
        MissingExtra: The package for buckets is not installed.
        BucketFailed: The variables of the environment hold what cannot be.
    """
    if "://" not in place.address:
        return LocalStore(Path(place.address) if place.address else home.store)
    near = NearStore(home.store / "near", place.cache)
    return BucketStore(Objects.open(place.address), near, home.store / "cache")


def store_of(project: Project) -> Store:
    """Open the store of a project's stack.

    Raises:
        As `open_store`.
    """
    return open_store(project.home, place_of(project))
