"""Datasets in a bucket of S3, or of a service that speaks its language.

Objects are fetched into a folder of this machine before they are read: their content has to be digested anyhow,
and what was fetched serves until the object is another one.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from interlock.extras import require
from interlock.identity.artifact import SourceFormat
from interlock.identity.digest import digest_hex, digest_json
from interlock.store.faults import write_error
from interlock.store.sources.faults import ChangedPart, NoData, SourceFailed, UnknownSource
from interlock.store.sources.formats import is_hidden, pick_format
from interlock.store.sources.source import Options, Stamp

_ADDRESS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,62})(?:/(?P<key>.*))?", re.DOTALL)
_MAGIC = re.compile(r"[*?\[]")
_PIECES = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_PIECE = re.compile(r"\*\*/|\*\*|\*|\?|\[[^]]+\]|.", re.DOTALL)

T = TypeVar("T")


@dataclass(frozen=True)
class S3Files:
    """The objects that a uri names.

    Args:
        dataset: The name of the dataset.
        uri: `s3://bucket/` and a key, a prefix that ends with `/`, or a pattern.
        options: How the bucket is reached.
        cache: Where fetched objects are kept for a while.
        format: The format, where names do not tell it.
    """

    dataset: str
    uri: str
    options: Options
    cache: Path
    format: str | None = None
    _listed: dict[str, Stamp] = field(default_factory=dict, compare=False)

    def find(self) -> tuple[SourceFormat, list[str]]:
        """Return the format, and the addresses of the objects."""
        bucket, pattern = _split(self.dataset, self.uri)
        found = {PurePosixPath(one["path"]): _stamp(one) for one in self._objects(bucket, pattern)}
        if not found:
            raise NoData(
                self.dataset, self.uri, f"s3://{bucket}", "Put the objects there, or correct the uri."
            )
        file_format, keys = pick_format(self.dataset, self.format, list(found))
        names = {f"s3://{bucket}/{key}": found[key] for key in keys}
        self._listed.update(names)
        return file_format, list(names)

    def stamp(self, name: str) -> Stamp:
        """Return ETag, size and time of an object: as it was listed, else as it is now."""
        listed = self._listed.pop(name, None)
        if listed is not None:
            return listed
        bucket, key = _split(self.dataset, name)
        return _stamp(self._ask(bucket, lambda store: _obstore().head(store, key), name))

    def fetch(self, name: str, stamp: Stamp) -> Path:
        """Return the fetched object, provided that it is still the one of that stamp."""
        where = digest_hex(digest_json([name, stamp.tag, stamp.size, self.options.endpoint]))
        path = self.cache / "fetched" / where / PurePosixPath(name).name
        if not path.is_file() or path.stat().st_size != stamp.size:
            bucket, key = _split(self.dataset, name)
            self._ask(bucket, lambda store: _download(store, key, stamp, path), name)
        return path

    def _objects(self, bucket: str, pattern: str) -> list[Mapping[str, Any]]:
        """Return the object of that key, those below that prefix, or those that match that pattern."""
        if _MAGIC.search(pattern) is None:
            if not pattern.endswith("/") and (one := self._ask(bucket, lambda store: _head(store, pattern))):
                return [one]
            pattern = f"{pattern.rstrip('/')}/**".lstrip("/")
        folder = _MAGIC.split(pattern)[0].rpartition("/")[0]  # clients list by whole names of folders
        matches = re.compile("".join(map(_expression, _PIECE.findall(pattern))), re.DOTALL).fullmatch
        batches = self._ask(bucket, lambda store: list(_obstore().list(store, prefix=folder or None)))
        return [
            one
            for batch in batches
            for one in batch
            if matches(one["path"])
            and not is_hidden(PurePosixPath(one["path"].removeprefix(folder).lstrip("/")))
        ]

    def _ask(self, bucket: str, ask: Callable[[Any], T], name: str = "") -> T:
        faults = require("obstore.exceptions", extra="s3")
        try:
            return ask(self._store(bucket))
        except (faults.NotFoundError, FileNotFoundError):
            raise ChangedPart(name or f"s3://{bucket}", "is gone") from None
        except faults.PreconditionError:
            raise ChangedPart(name, "changed while it was read") from None
        except (faults.BaseError, OSError) as error:
            if "NoSuchBucket" in str(error):
                raise NoData(self.dataset, self.uri, f"s3://{bucket}", "There is no such bucket.") from None
            raise SourceFailed(
                f"The bucket {bucket!r} of the dataset {self.dataset!r} cannot be read: "
                f"{str(error).strip().partition(chr(10))[0]}",
                where=self.uri,
                hint="Credentials come from the environment (AWS_ACCESS_KEY_ID, …); endpoint and region from "
                f"[data.{self.dataset}] options, or from there too.",
            ) from error

    def _store(self, bucket: str) -> Any:
        require("obstore", extra="s3")
        return require("obstore.store", extra="s3").S3Store(bucket, **_access(self.options))


def _access(options: Options) -> Mapping[str, Any]:
    """Return how a bucket is reached; credentials are found in the environment by the client itself."""
    endpoint = options.endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = options.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    access: dict[str, Any] = {"region": region or "us-east-1", "skip_signature": options.anonymous}
    if endpoint:
        # Services beside Amazon's own are seldom reached by a host name for each bucket.
        access |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
        access["client_options"] = {"allow_http": endpoint.startswith("http://")}
    return access


def _download(store: Any, key: str, stamp: Stamp, path: Path) -> None:
    """Fetch an object of this stamp into a file that appears whole or not at all."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, half = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in _obstore().get(store, key, options={"if_match": stamp.tag} if stamp.tag else {}):
                    file.write(piece)
                if file.tell() != stamp.size:
                    raise ChangedPart(key, f"came with {file.tell()} bytes instead of {stamp.size}")
            Path(half).replace(path)
        finally:
            Path(half).unlink(missing_ok=True)
    except OSError as error:
        if error.filename is None:  # not the disk's
            raise
        raise write_error(path, error) from error


def _stamp(found: Mapping[str, Any]) -> Stamp:
    # Whole seconds: some services tell more of them when they list than when one object is asked for.
    return Stamp(found["size"], int(found["last_modified"].timestamp()) * 10**9, found["e_tag"] or "")


def _split(dataset: str, uri: str) -> tuple[str, str]:
    found = _ADDRESS.fullmatch(uri)
    if found is None:
        raise UnknownSource(
            f"The uri of the dataset {dataset!r} is no address of a bucket.",
            hint="It is written s3://bucket/prefix/*.parquet, without user and password: these come from the "
            "environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY).",
        )
    return found["bucket"], found["key"] or ""


def _head(store: Any, key: str) -> Mapping[str, Any] | None:
    if not key:
        return None
    try:
        found: Mapping[str, Any] = _obstore().head(store, key)
    except FileNotFoundError:
        return None
    return found


def _expression(piece: str) -> str:
    if piece in _PIECES:
        return _PIECES[piece]
    return piece.replace("[!", "[^") if len(piece) > 1 else re.escape(piece)


def _obstore() -> Any:
    return require("obstore", extra="s3")
