"""Scoring files on Ray: the answers of one process, in a folder that is whole or not there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
from models_project import opened, train, write_shop

from interlock.engine.context import RunContext

pytestmark = pytest.mark.xdist_group("ray")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[RunContext]:
    with opened(write_shop(tmp_path / "shop")) as made:
        yield made


def interlock(context: RunContext, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    return subprocess.run(
        [sys.executable, "-m", "interlock", *words],
        cwd=context.project.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_files_are_scored_on_ray_as_in_one_process(context: RunContext, tmp_path: Path) -> None:
    assert train(context).version is not None
    count = 120_000  # more than two chunks
    rows = pd.DataFrame(
        {
            "hour": [one % 24 for one in range(count)],
            "distance": [float(one % 977) for one in range(count)],
            "carrier": "UA",
        }
    )
    rows.to_parquet(tmp_path / "rows.parquet", row_group_size=30_000)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    one = interlock(
        context, "predict", "delays@1", str(tmp_path / "rows.parquet"), "-o", str(tmp_path / "one.parquet")
    )
    assert one.returncode == 0, one.stderr
    wanted = pd.read_parquet(tmp_path / "one.parquet")

    asked = ["predict", "delays@1", str(tmp_path / "rows.parquet"), "--engine", "ray"]
    done = interlock(context, *asked, "-o", str(tmp_path / "many"))
    assert done.returncode == 0, done.stdout + done.stderr
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "many"), wanted, check_dtype=False)

    again = interlock(context, *asked, "-o", str(tmp_path / "many"))
    assert again.returncode != 0
    assert "it is there already" in again.stderr

    bad = tmp_path / "bad.csv"
    pd.DataFrame({"hour": ["noon"], "distance": [1.0], "carrier": ["UA"]}).to_csv(bad, index=False)
    both = ["predict", "delays@1", str(tmp_path / "rows.csv"), str(bad), "--engine", "ray"]
    failed = interlock(context, *both, "-o", str(tmp_path / "none"))
    assert failed.returncode != 0
    assert "hour" in failed.stderr
    assert {path.name for path in tmp_path.iterdir()} >= {"rows.csv", "many"}
    assert not [path for path in tmp_path.iterdir() if "none" in path.name]

    several = interlock(context, "predict", "delays@1", str(bad), str(bad))
    assert several.returncode != 0
    assert "Try --engine ray" in several.stderr

    csv = interlock(context, *both[:3], "--engine", "ray", "-o", str(tmp_path / "from_csv"))
    assert csv.returncode == 0, csv.stderr
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "from_csv"), wanted, check_dtype=False)
