from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The small projects of this folder, the helpers that call commands as a user does, and an S3.
_TESTS = Path(__file__).parent.parent
sys.path += [str(Path(__file__).parent), str(_TESTS / "cli"), str(_TESTS / "store")]


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    from bucket_sample import s3_server

    with s3_server() as url:
        yield url


@pytest.fixture
def bucket(s3_url: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """Return a place in a bucket of the test's own, with the variables set by which it is found."""
    from bucket_sample import BUCKET, aws_variables

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in aws_variables(s3_url).items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{request.node.name.replace('[', '-').replace(']', '')}"
