"""Facts of a machine and a process that no environment lock tells, and that results may depend on."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from interlock.identity.digest import digest_bytes

_THREADS = re.compile(r"(OMP|MKL|OPENBLAS|BLIS|NUMEXPR|VECLIB|POLARS|RAYON|TF|TBB|NUMBA)_.*THREADS.*|OMP_.*")
_SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|(^|_)KEY(_|$)", re.IGNORECASE)


def machine_facts(variables: Iterable[str] = ()) -> dict[str, Any]:
    """Return what results may depend on beside code, data, params and distributions.

    Args:
        variables: Names of environment variables that the project declares.

    Returns:
        Processor, number of cores, C library, the setting of hashes, of threads, the numerical
        libraries that are loaded, and the declared variables.
    """
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "libc": " ".join(platform.libc_ver()).strip(),
        "hash_seed": os.environ.get("PYTHONHASHSEED", "random"),
        "threads": {name: os.environ[name] for name in sorted(os.environ) if _THREADS.fullmatch(name)},
        "libraries": native_libraries(),
        "variables": declared(variables),
    }


def declared(variables: Iterable[str]) -> dict[str, str | None]:
    """Return the values of environment variables; of what is named like a secret, only the digest."""
    return {name: _shown(name, os.environ.get(name)) for name in sorted(variables)}


def native_libraries() -> list[dict[str, Any]]:
    """Return the numerical libraries that this process has loaded: name, version, architecture, threads."""
    if "numpy" not in sys.modules:
        return []
    try:
        # scikit-learn brings it; without it there is nothing to ask.
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    found = [_library(one) for one in threadpool_info()]
    return sorted(found, key=lambda one: str(sorted(one.items(), key=str)))


def _library(info: Mapping[str, Any]) -> dict[str, Any]:
    names = ("internal_api", "version", "architecture", "threading_layer", "num_threads")
    return {name: info[name] for name in names if info.get(name) is not None}


def _shown(name: str, value: str | None) -> str | None:
    if value is None or not _SECRET.search(name):
        return value
    return f"secret {digest_bytes(value.encode())[:19]}"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - read until the first name only
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
