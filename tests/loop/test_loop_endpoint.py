from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tiny_project import MODEL, make_project, rows, train, write_rows

from interlock.engine.context import RunContext, open_context
from interlock.loop.endpoint import EndpointKeeper
from interlock.stack.config import DeployConfig


@pytest.fixture
def context(tmp_path: Path) -> Iterator[RunContext]:
    with open_context(make_project(tmp_path)) as opened:
        train(opened)
        yield opened


class Told(list):
    def __call__(self, kind: str, text: str) -> None:
        self.append((kind, text))


def until(keeper: EndpointKeeper, condition: Callable[[], bool], within: float = 30.0) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        keeper.keep()
        time.sleep(0.05)


def test_an_endpoint_is_kept_up_and_its_swaps_are_noted(context: RunContext):
    told = Told()
    keeper = EndpointKeeper(context.project.home, MODEL, DeployConfig(), context.records.deployments, told)
    try:
        until(keeper, lambda: keeper.serving == 1)
        url, pid = keeper.url, context.records.deployments.get(MODEL, "champion").pid
        write_rows(context.project.root, 2, rows(seed=5))
        train(context)
        until(keeper, lambda: keeper.serving == 2)
        os.kill(pid, signal.SIGKILL)
        until(keeper, lambda: keeper.serving is None)
        until(keeper, lambda: keeper.serving == 2)
        assert keeper.url == url
        answer = httpx.post(f"{url}/models/{MODEL}/predict", json={"rows": [{"x": 1.0, "place": "north"}]})
        assert answer.json()["version"] == 2
    finally:
        keeper.stop()
    kinds = [kind for kind, _ in told]
    assert kinds == ["endpoint", "serving", "trouble", "endpoint", "stopped"]
    assert told[1] == ("serving", f"{url} has swapped to version 2")
    assert "ended with code -9" in told[2][1]


def test_an_endpoint_that_cannot_start_is_tried_again_ever_more_slowly(context: RunContext):
    told, now = Told(), [0.0]
    unsafe = DeployConfig(host="0.0.0.0")
    keeper = EndpointKeeper(
        context.project.home, MODEL, unsafe, context.records.deployments, told, clock=lambda: now[0]
    )
    tries = []
    for second in range(300):
        now[0] = float(second)
        before = len(told)
        keeper.keep()
        if len(told) > before:
            tries.append(second)
    assert tries == [0, 1, 2, 5, 12, 27, 58, 118, 178, 238, 298]
    assert "the endpoint cannot be started" in told[0][1]
