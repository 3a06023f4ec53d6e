"""The threads that predict: bounded, timed, and deaf to SystemExit."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from serving_sample import ROWS, RunningEndpoint, TinyBundle, late

from interlock.serving.pool import Pool
from interlock.serving.refusal import Refusal


def test_work_is_done_in_another_thread() -> None:
    assert asyncio.run(Pool(1).run(threading.current_thread)).name == "predict-0"


def test_more_than_fits_the_queue_is_refused_with_a_time_to_come_again() -> None:
    go = threading.Event()
    pool = Pool(1, waiting=1)

    async def crowd() -> list[Any]:
        work = [asyncio.ensure_future(pool.run(go.wait)) for _ in range(3)]
        await asyncio.sleep(0.01)
        go.set()
        return await asyncio.gather(*work, return_exceptions=True)

    *done, refused = asyncio.run(crowd())

    assert done == [True, True]
    assert (refused.status, refused.headers) == (429, {"Retry-After": "1"})
    assert pool.busy == 0


def test_work_that_takes_too_long_is_given_up_and_the_queue_stays_right() -> None:
    go = threading.Event()
    pool = Pool(1, seconds=0.02)

    async def wait() -> int:
        with pytest.raises(Refusal, match=r"did not answer within 0\.02 s") as refused:
            await pool.run(go.wait)
        assert refused.value.status == 504
        go.set()
        return await pool.run(lambda: 7)

    assert asyncio.run(wait()) == 7
    assert pool.busy == 0


@pytest.mark.parametrize("fail", [sys.exit, lambda: next(iter([]))])
def test_what_would_end_an_event_loop_is_an_error_of_the_work(fail: Callable[[], Any]) -> None:
    with pytest.raises(RuntimeError, match=r"the model raised (SystemExit|StopIteration)"):
        asyncio.run(Pool(1).run(fail))


def test_health_is_told_and_overload_refused_while_all_threads_are_busy(
    start: Callable[..., RunningEndpoint],
) -> None:
    go, entered = threading.Event(), threading.Semaphore(0)

    def slowly(given: Any, version: int) -> Any:
        entered.release()
        go.wait(10)
        return late(given, version)

    endpoint = start(TinyBundle(1, compute=slowly), threads=1, waiting=0)
    first: list[httpx.Response] = []
    asking = threading.Thread(
        target=lambda: first.append(httpx.post(f"{endpoint.url}/models/delays/predict", json={"rows": ROWS}))
    )
    asking.start()
    entered.acquire()

    assert endpoint.client.get("/v2/health/ready").status_code == 200
    refused = endpoint.predict(ROWS)
    go.set()
    asking.join()

    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert first[0].status_code == 200
