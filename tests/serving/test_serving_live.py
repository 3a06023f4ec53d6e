"""Swapping versions: under load, without a lost, failed or mixed answer."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx
from serving_sample import ROWS, RunningEndpoint, TinyBundle

from interlock.serving.live import Live, Status


def test_a_version_that_was_replaced_is_closed_when_its_last_request_has_ended() -> None:
    old, new = TinyBundle(1), TinyBundle(2)
    live = Live(old)

    with live.take() as first:
        live.swap(new)
        assert (first.name, live.current.name, old.closed) == ("1", "2", False)

    assert old.closed
    assert not new.closed


def test_a_version_without_requests_is_closed_at_once() -> None:
    old = TinyBundle(1)
    live = Live(old)

    live.swap(TinyBundle(2))

    assert old.closed


def test_trouble_is_news_once() -> None:
    status = Status()

    assert status.report("records", "gone")
    assert not status.report("records", "gone")
    assert dict(status.troubles) == {"records": "gone"}
    assert status.report("records", "")
    assert not status.troubles


def _ask(url: str, stop: threading.Event, failures: list[str], seen: set[int]) -> None:
    """Keep asking; note every answer that is not wholly of the version that it names."""
    rows = [{**ROWS[0], "hour": hour} for hour in range(20)]
    with httpx.Client(base_url=url) as client:
        while not stop.is_set():
            reply = client.post("/models/delays/predict", json={"rows": rows})
            body = reply.json()
            if reply.status_code != 200:
                failures.append(reply.text)
            elif body["answers"] != [hour + 100.0 * body["version"] for hour in range(20)]:
                failures.append(f"mixed: {body}")
            else:
                seen.add(body["version"])


def test_a_hundred_swaps_under_load_lose_and_mix_nothing(start: Callable[..., RunningEndpoint]) -> None:
    endpoint = start()
    stop, failures, seen = threading.Event(), [], set()
    clients = [threading.Thread(target=_ask, args=(endpoint.url, stop, failures, seen)) for _ in range(4)]
    for client in clients:
        client.start()

    bundles = [TinyBundle(version) for version in range(2, 102)]
    for bundle in bundles:
        while not endpoint.endpoint.live.current.bundle.calls:
            stop.wait(0.001)
        endpoint.endpoint.live.swap(bundle)
    stop.set()
    for client in clients:
        client.join()

    assert failures == []
    assert len(seen) > 50
    assert [bundle.version for bundle in bundles if not bundle.closed] == [101]
