"""Start replays in processes of their own, and read what they found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from interlock.engine.scripts import IMPORTING
from interlock.errors import InterlockError
from interlock.history.replay import ReplaySpec

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
)

ONE_THREAD = dict.fromkeys(_THREADS, "1")
"""Environment variables under which numerical libraries use one thread."""


class ReplayFailed(InterlockError):
    """A process that should make a run again ended without a result."""


class ReplayRefused(InterlockError):
    """A run cannot be made again with what is there: a dataset changed, a module is missing."""


@dataclass(frozen=True)
class Surroundings:
    """What a replay finds around it.

    Attributes:
        python: The interpreter.
        variables: Environment variables that are set for it; None takes one away.
        still: What stands still: `clock`, `entropy`.
        timeout: Seconds after which it is given up.
    """

    python: Path = field(default_factory=lambda: Path(sys.executable))
    variables: Mapping[str, str | None] = field(default_factory=dict)
    still: Sequence[str] = ()
    timeout: float | None = None


def run_replay(spec: ReplaySpec, surroundings: Surroundings) -> dict[str, Any]:
    """Make a run again in another process and return what `Replay.to_json` made there.

    Raises:
        ReplayRefused: The run cannot be made again; the reason is told.
        ReplayFailed: The process died, or took too long.
    """
    scratch = Path(spec.scratch)
    scratch.mkdir(parents=True, exist_ok=True)
    asked, answered = scratch / "spec.json", scratch / "result.json"
    asked.write_text(json.dumps(asdict(spec)), encoding="utf-8")
    command = [str(surroundings.python), "-P", "-m", "interlock.history.replay_child"]
    try:
        done = subprocess.run(
            [*command, str(asked), str(answered), *surroundings.still],
            cwd=spec.root,
            env=_variables(surroundings.variables),
            capture_output=True,
            text=True,
            timeout=surroundings.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ReplayFailed(f"The run was not made again within {surroundings.timeout:.0f} s.") from None
    if not answered.exists():
        told = done.stderr.strip().splitlines()[-1:]
        raise ReplayFailed("\n".join([f"The replay ended with code {done.returncode}.", *told]))
    result: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
    if "error" in result:
        raise ReplayRefused(result["error"])
    return result


def run_pair(
    one: tuple[ReplaySpec, Surroundings], other: tuple[ReplaySpec, Surroundings]
) -> list[dict[str, Any]]:
    """Run two replays side by side."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda pair: run_replay(*pair), (one, other)))


def _variables(changed: Mapping[str, str | None]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INTERLOCK_")}
    wanted = {**kept, "PYTHONHASHSEED": "random", IMPORTING: "1", **changed}
    return {name: value for name, value in wanted.items() if value is not None}
