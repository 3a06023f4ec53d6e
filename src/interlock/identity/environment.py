"""The environment of a run: interpreter, platform, and the exact set of installed distributions."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from interlock.identity.digest import digest_json
from interlock.identity.fields import take_fields

_INFO = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+?)(?:-py[\d.]+)?\.(?:dist|egg)-info")


@dataclass(frozen=True)
class Environment:
    """What code ran in.

    Attributes:
        digest: Over the other three.
        python: Implementation and version, such as `CPython 3.11.7`.
        platform: System and machine, such as `Linux x86_64`.
        distributions: Version by normalised name.
    """

    digest: str
    python: str
    platform: str
    distributions: Mapping[str, str]

    @classmethod
    def of(cls, python: str, system: str, distributions: Mapping[str, str]) -> Self:
        """Make the environment of these facts."""
        ordered = dict(sorted(distributions.items()))
        return cls(digest_json(["Environment", python, system, ordered]), python, system, ordered)

    def to_json(self) -> dict[str, Any]:
        """Return the environment as a JSON object."""
        facts = {"digest": self.digest, "python": self.python, "platform": self.platform}
        return facts | {"distributions": dict(self.distributions)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            MalformedRecord: A field is missing or has the wrong type.
        """
        return cls(**take_fields(record, "environment", _FIELDS))


_FIELDS: dict[str, type | tuple[type, ...]] = {
    "digest": str,
    "python": str,
    "platform": str,
    "distributions": dict,
}


def environment() -> Environment:
    """Return the environment of this process."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return Environment.of(python, f"{platform.system()} {platform.machine()}", installed(sys.path))


def installed(folders: list[str]) -> dict[str, str]:
    """Return the installed distributions, by the names of their metadata folders; the first found counts.

    Reading each METADATA file would say the same and take a hundred times as long.
    """
    found: dict[str, str] = {}
    for folder in folders:
        path = Path(folder or ".")
        if not path.is_dir():
            continue
        for entry in path.iterdir():
            match = _INFO.fullmatch(entry.name)
            if match:
                found.setdefault(re.sub(r"[-_.]+", "-", match["name"]).lower(), match["version"])
    return found
