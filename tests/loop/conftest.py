from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent.parent / "monitor"))  # tiny_project
sys.path.append(str(Path(__file__).parent))  # loop_world is shared with child processes

from loop_world import World
from tiny_project import make_project

from interlock.engine.context import open_context


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A project whose runs take no time, and a clock that the test turns."""
    with open_context(make_project(tmp_path, on=("data", "drift", "error > 5"), cooldown="1h")) as context:
        yield World(context)
