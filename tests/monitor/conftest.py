from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # tiny_project is shared with the tests of the loop

from tiny_project import make_project, train

from interlock.engine.context import RunContext, open_context


@pytest.fixture
def context(tmp_path: Path) -> Iterator[RunContext]:
    """A project whose first version is champion."""
    with open_context(make_project(tmp_path)) as opened:
        train(opened)
        yield opened
