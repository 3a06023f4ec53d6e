"""Scoring files on Ray: the answers of one process, in a folder that is whole or not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
from models_project import opened, train, write_shop

from interlock.engine.context import RunContext
from interlock.models.codec import InvalidRequest
from interlock.models.score import UnknownOutput, score_file
from interlock.plugins.ray_cluster import join
from interlock.plugins.ray_scoring import ScoringFailed, score_files
from interlock.stack.config import EngineConfig

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.filterwarnings("default"),  # Ray leaves files and sockets open
]


FAR = """
def matrix(rows):
    if rows["distance"].max() > 1e6:
        raise ValueError("nobody flies that far")
    return rows[["hour", "distance"]].to_numpy(dtype=float) / 10
"""


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


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineConfig]:
    """A local Ray for several scorings: one that is joined already is taken."""
    monkeypatch.setenv(
        "RAY_AUTH_MODE", "disabled"
    )  # a token would be written into the home folder of the user
    config = EngineConfig(use="ray", workers=2)
    with opened_cluster(config):
        yield config


@contextmanager
def opened_cluster(config: EngineConfig) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as anywhere:
        cluster = join(config, anywhere.project, anywhere.store)
    try:
        yield
    finally:
        cluster.leave()


def rows(count: int) -> pd.DataFrame:
    hours, distances = [one % 24 for one in range(count)], [float(one % 977) for one in range(count)]
    return pd.DataFrame({"hour": hours, "distance": distances, "carrier": "UA"})


def test_files_are_scored_on_ray_as_in_one_process(
    context: RunContext, tmp_path: Path, ray: EngineConfig
) -> None:
    write_shop(context.project.root, features=FAR)
    assert train(context).version is not None
    parquet, csv, many = tmp_path / "rows.parquet", tmp_path / "rows.csv", tmp_path / "many"
    rows(120_000).to_parquet(parquet, row_group_size=30_000)  # more than two chunks
    rows(120_000).to_csv(csv, index=False)
    score_file(context, "delays@1", parquet, tmp_path / "one.parquet")
    wanted = pd.read_parquet(tmp_path / "one.parquet")

    assert score_files(context, ray, "delays@1", [parquet], many).rows == len(wanted)
    pd.testing.assert_frame_equal(pd.read_parquet(many), wanted, check_dtype=False)
    assert score_files(context, ray, "delays@1", [csv, csv], tmp_path / "from_csv").rows == 2 * len(wanted)
    twice = pd.concat([wanted, wanted], ignore_index=True)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "from_csv"), twice, check_dtype=False)

    with pytest.raises(UnknownOutput, match="it is there already"):
        score_files(context, ray, "delays@1", [parquet], many)
    bad, far = tmp_path / "bad.csv", tmp_path / "far.csv"
    pd.DataFrame({"hour": ["noon"], "distance": [1.0], "carrier": ["UA"]}).to_csv(bad, index=False)
    pd.DataFrame({"hour": [1], "distance": [1e9], "carrier": ["UA"]}).to_csv(far, index=False)
    with pytest.raises(InvalidRequest, match="hour"):
        score_files(context, ray, "delays@1", [csv, bad], tmp_path / "none")
    with pytest.raises(ScoringFailed, match="ValueError: nobody flies that far"):
        score_files(context, ray, "delays@1", [far], tmp_path / "none")
    assert not [path for path in tmp_path.iterdir() if "none" in path.name]


def test_several_files_are_scored_by_naming_an_engine(context: RunContext, tmp_path: Path) -> None:
    assert train(context).version is not None
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    for file in (first, second):
        rows(10).to_csv(file, index=False)
    asked = ["predict", "delays@1", str(first), str(second)]
    refused = interlock(context, *asked)
    assert refused.returncode != 0
    assert "Try --engine ray" in refused.stderr
    done = interlock(context, *asked, "--engine", "ray", "-o", str(tmp_path / "scored"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == len(pd.read_parquet(tmp_path / "scored")) == 20
