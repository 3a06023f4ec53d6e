from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # serving_sample is shared by the tests, so it is a file

from serving_sample import RunningEndpoint, TinyBundle, run_endpoint

from interlock.stack.layout import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


@pytest.fixture
def start(home: Home) -> Iterator[Callable[..., RunningEndpoint]]:
    """Start endpoints that end with the test."""
    running: list[RunningEndpoint] = []

    def start(bundle: TinyBundle | None = None, **settings: object) -> RunningEndpoint:
        running.append(run_endpoint(home, bundle or TinyBundle(1), **settings))
        return running[-1]

    yield start
    for endpoint in running:
        endpoint.stop()


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEndpoint]:
    """An endpoint for the tests of a file that leave it as it is."""
    endpoint = run_endpoint(Home(tmp_path_factory.mktemp("home")).create(), TinyBundle(1))
    yield endpoint
    endpoint.stop()
