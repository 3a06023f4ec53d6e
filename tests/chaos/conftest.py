"""What a run gives when nobody disturbs it: every test of chaos compares with that."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from chaos_project import STEPS, Chaos, Outputs


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    """Run once, undisturbed, and return the artifacts of each step."""
    chaos = Chaos(tmp_path_factory.mktemp("undisturbed") / "project", "in-process")
    code, told = chaos.run()
    assert code == 0, told
    assert sorted(chaos.calls().values()) == [1] * STEPS
    return chaos.outputs()
