"""A project whose data lies in a bucket, trained from the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

sys.path.insert(0, str(Path(__file__).parent))
from cli_project import interlock, interlock_json, project

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
PIPELINE = """
@step
def total(flights: pd.DataFrame) -> int:
    return int(flights["late"].sum())

@pipeline
def totals():
    return total(data("flights"))
"""


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in (
        ("ACCESS_KEY_ID", "test"),
        ("SECRET_ACCESS_KEY", "not-told"),
        ("DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.mark.parametrize("keep", ["reference", "copy"])
def test_old_snapshots_of_a_bucket_are_read_or_refused_and_never_replaced(
    tmp_path: Path, endpoint: str, keep: str
) -> None:
    bucket = boto3.resource("s3", endpoint_url=endpoint).create_bucket(Bucket="lake")
    bucket.put_object(Key="flights/1.csv", Body=b"late\n1\n2\n")
    toml = f'[data.flights]\nuri = "s3://lake/flights/*.csv"\nkeep = "{keep}"\noptions = {{ endpoint = "{endpoint}" }}\n'
    folder = project(tmp_path, PIPELINE, toml)
    assert interlock_json(folder, "run", "steps:totals")["status"] == "succeeded"
    bucket.put_object(Key="flights/1.csv", Body=b"late\n5\n5\n")
    assert interlock_json(folder, "data", "diff", "flights@1", "flights")["columns"][0]["to"]["mean"] == 5.0
    old = interlock(folder, "run", "steps:totals", "--data", "flights@1", "--no-cache")
    assert old.returncode == (0 if keep == "copy" else 1), old.stderr
    assert ("flights@1 cannot be read any more: 1.csv changed since" in old.stderr) == (keep == "reference")
    kept = b"".join(path.read_bytes() for path in (folder / ".interlock").rglob("*") if path.is_file())
    assert b"not-told" not in kept
