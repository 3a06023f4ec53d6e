"""Which source reads a dataset or a part of it, and the contents of its files."""

from __future__ import annotations

from pathlib import Path

from interlock.identity.artifact import SourceFormat
from interlock.identity.digest import digest_file
from interlock.store.faults import ReadFailed
from interlock.store.sources.address import recorded, resolved, scheme_of
from interlock.store.sources.content import Content, read_content
from interlock.store.sources.faults import ChangedPart, UnknownSource
from interlock.store.sources.local import LocalFiles
from interlock.store.sources.s3 import S3Files
from interlock.store.sources.source import Files, Shelf, SourceConfig


def open_files(dataset: str, config: SourceConfig, root: Path, shelf: Shelf | None) -> Files:
    """Return the source of a dataset in files, here or in a bucket.

    Raises:
        UnsetVariable: The uri names an environment variable that is not set.
        UnknownSource: Nothing here reads such a uri.
    """
    uri = resolved(dataset, config.uri)
    scheme = scheme_of(uri)
    if scheme == "s3":
        return open_bucket(dataset, uri, config, shelf)
    if scheme:
        raise UnknownSource(
            f"The uri of the dataset {dataset!r} is of a kind that nothing here reads: {scheme}.",
            where=recorded(config.uri),
            hint='A uri is a path, a pattern, s3://bucket/…, or a database together with a query = "SELECT …".',
        )
    return LocalFiles(dataset, uri, root, config.format)


def open_bucket(dataset: str, uri: str, config: SourceConfig | None, shelf: Shelf | None) -> S3Files:
    """Return the source of objects in a bucket."""
    cache = needed(shelf, dataset).cache
    if config is None:
        raise UnknownSource(f"{uri} can only be read as a dataset of interlock.toml.")
    return S3Files(dataset, uri, config.options, cache, config.format)


def needed(shelf: Shelf | None, dataset: str) -> Shelf:
    """Return the shelf, without which a dataset cannot be read that is fetched or asked for."""
    if shelf is None:
        raise UnknownSource(
            f"The dataset {dataset!r} can only be read in a project: what is fetched is kept there."
        )
    return shelf


def content_of(path: Path, file_format: SourceFormat) -> Content:
    """Read a part; what the system refuses is said in our words."""
    try:
        return read_content(path, file_format)
    except FileNotFoundError:
        raise ChangedPart(path, "is gone") from None
    except OSError as error:
        raise ReadFailed(path, error) from error


def bytes_digest(path: Path) -> str:
    """Return the digest of the bytes of a part."""
    try:
        return digest_file(path)
    except FileNotFoundError:
        raise ChangedPart(path, "is gone") from None
    except OSError as error:
        raise ReadFailed(path, error) from error
