"""What the edit table needs: cases, and a way to run them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, str]]


@pytest.fixture(scope="session")
def run_project() -> Iterator[Run]:
    """Run a pipeline of a project in a fresh process and return the state of each step."""
    script = Path(__file__).with_name("edits_runner.py")
    with subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None

        def run(
            root: Path,
            target: str = "pipe:main",
            params: Mapping[str, Any] | None = None,
            preload: Sequence[str] = (),
        ) -> dict[str, str]:
            request = {"root": str(root), "target": target, "params": params or {}, "preload": preload}
            worker.stdin.write(json.dumps(request) + "\n")
            worker.stdin.flush()
            answer: dict[str, Any] = json.loads(worker.stdout.readline())
            assert "states" in answer, answer
            states: dict[str, str] = answer["states"]
            return states

        yield run
        worker.stdin.close()
