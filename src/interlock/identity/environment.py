"""What code runs in: the interpreter, the platform and every installed distribution."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from interlock.identity.digest import digest_json
from interlock.identity.direct_url import origin_of
from interlock.identity.fields import MalformedRecord, take_fields

# The folder `numpy-2.4.6.dist-info` tells name and version without a look inside.
_NAMED = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+?)(?:-py[\d.]+)?\.(?:dist|egg)-info")
_RUN_OF_DASHES = re.compile(r"[-_.]+")
_FIELDS = {"digest": str, "python": str, "platform": str, "distributions": dict}

Found = tuple[str, str]
"""Name and version of an installed distribution."""


@dataclass(frozen=True)
class Environment:
    """What code ran in.

    Attributes:
        digest: Over the other three.
        python: Implementation and version, such as `CPython 3.11.7`.
        platform: System and machine, such as `Linux x86_64`.
        distributions: Version by normalised name.
        origins: By normalised name, where a distribution came from that is not from a package index:
            `git+https://…@commit`, the address of an archive, or `folder` and `editable folder` for what
            was installed from a folder of the machine.
    """

    digest: str
    python: str
    platform: str
    distributions: Mapping[str, str]
    origins: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        python: str,
        system: str,
        distributions: Mapping[str, str],
        origins: Mapping[str, str] | None = None,
    ) -> Self:
        """Make the environment of these facts."""
        ordered, elsewhere = dict(sorted(distributions.items())), dict(sorted((origins or {}).items()))
        facts = [python, system, ordered, *([elsewhere] if elsewhere else [])]
        return cls(digest_json(["Environment", *facts]), python, system, ordered, elsewhere)

    def to_json(self) -> dict[str, Any]:
        """Return the environment as a JSON object."""
        found = {name: getattr(self, name) for name in _FIELDS} | {"distributions": dict(self.distributions)}
        return found | {"origins": dict(self.origins)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            MalformedRecord: A field is missing or has the wrong type.
        """
        found = take_fields(record, "environment", _FIELDS)
        faults = [name for name, version in found["distributions"].items() if not isinstance(version, str)]
        if faults:
            raise MalformedRecord("environment", [f"the version of {name!r} is no text" for name in faults])
        return cls(**found, origins=record.get("origins") or {})


def environment() -> Environment:
    """Return the environment of this process."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    found = installed(sys.path)
    system = f"{platform.system()} {platform.machine()}"
    return Environment.of(
        python, system, found, {name: one for name, one in origins(sys.path).items() if name in found}
    )


def installed(path: Sequence[str]) -> dict[str, str]:
    """Return the version of each distribution, by normalised name, in alphabetical order.

    As for the import system, the first folder of the path that has a distribution wins. Where one
    folder has it twice, as a broken upgrade leaves behind, the newer version is taken.
    """
    versions: dict[str, str] = {}
    for entry in dict.fromkeys(path):
        here: dict[str, str] = {}
        for name, version in _in_entry(entry or "."):
            if name not in here or _order(version) > _order(here[name]):
                here[name] = version
        versions = here | versions
    return dict(sorted(versions.items()))


def origins(path: Sequence[str]) -> dict[str, str]:
    """Return where the distributions came from that were not installed from a package index."""
    found: dict[str, str] = {}
    for entry in dict.fromkeys(path):
        for folder in Path(entry or ".").glob("*.dist-info/direct_url.json"):
            known = distribution_of(folder.parent)
            if known is not None:
                found.setdefault(known[0], origin_of(folder.read_text("utf-8", "replace")))
    return found


def normalised(name: str) -> str:
    """Return a distribution's name as package indexes compare it."""
    return _RUN_OF_DASHES.sub("-", name).lower()


def distribution_of(folder: Path) -> Found | None:
    """Return name and version of the distribution that a metadata folder describes, or None."""
    match = _NAMED.fullmatch(folder.name)
    if match is None:
        return _by_metadata(importlib.metadata.Distribution.at(folder))
    if match["name"].startswith("~"):
        # pip renames what it is about to remove to `~ame`; what is left of that is not installed.
        return None
    return normalised(match["name"]), match["version"].replace("_", "-")


def _in_entry(entry: str) -> Iterator[Found]:
    try:
        # Only names are read: opening 80 metadata files costs ten times as much.
        names = os.listdir(entry)  # noqa: PTH208
    except OSError:
        names = []
    described = [name for name in names if name.endswith((".dist-info", ".egg-info"))]
    found = [distribution_of(Path(entry, name)) for name in described]
    if "EGG-INFO" in names or (not names and Path(entry).is_file()):
        # An egg, or an archive, into which only the import system's own finder can look.
        found += map(_by_metadata, importlib.metadata.distributions(path=[entry]))
    yield from (one for one in found if one is not None)


def _by_metadata(distribution: importlib.metadata.Distribution) -> Found | None:
    found = distribution.metadata
    if "Name" not in found or "Version" not in found:
        return None
    return normalised(found["Name"]), found["Version"]


def _order(version: str) -> list[tuple[int, str]]:
    """Return a key by which 1.10 comes after 1.9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|[a-z]+", version)]
