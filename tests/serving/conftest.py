from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
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


@pytest.fixture
def endpoint(start: Callable[..., RunningEndpoint]) -> RunningEndpoint:
    return start()
