"""Requests per second of an endpoint beside a hand-written Starlette application that calls the same model.

The hand-written one parses, builds the frame, predicts and answers: no schema, no guard, no log, no versions.
Needs wrk, scikit-learn and pandas. Usage: python bench/serving_quick.py [SECONDS]
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

COLUMNS = ["hour", "distance", "wind", "temp", "day", "month"]
WRK = """
wrk.method = "POST"
wrk.body = '%s'
wrk.headers["Content-Type"] = "application/json"
"""


class Model:
    """One step that encodes, one that scores: the shape of most tabular models."""

    def __init__(self, kind: str) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import OrdinalEncoder

        rng = np.random.default_rng(0)
        rows = pd.DataFrame(rng.normal(size=(4000, len(COLUMNS))), columns=COLUMNS)
        rows["hour"] = rng.integers(0, 24, len(rows))
        rows.insert(0, "carrier", pd.Series(rng.choice(["AA", "B6", "UA"], len(rows)), dtype="str"))
        self.rows = rows
        self.encoder = OrdinalEncoder().fit(rows[["carrier"]])
        target = (rows["wind"] + rows["temp"] > 0).to_numpy()
        estimator = LogisticRegression() if kind == "linear" else HistGradientBoostingClassifier(max_iter=50)
        self.model = estimator.fit(self.encode(rows), target)

    def encode(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(carrier=self.encoder.transform(rows[["carrier"]])[:, 0])

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return self.model.predict_proba(self.encode(rows))[:, 1]


def by_hand(kind: str, threads: bool, sock: Any) -> None:
    import orjson
    import uvicorn
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    model = Model(kind)

    async def predict(request: Request) -> Response:
        rows = pd.DataFrame(orjson.loads(await request.body())["rows"])
        answers = await run_in_threadpool(model.predict, rows) if threads else model.predict(rows)
        return Response(orjson.dumps({"answers": answers.tolist()}), media_type="application/json")

    app = Starlette(routes=[Route("/models/delays/predict", predict, methods=["POST"])])
    uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="error")).run(sockets=[sock])


def ours(kind: str, sock: Any) -> None:
    from interlock.models import codec
    from interlock.serving.endpoint import Endpoint, EndpointSettings
    from interlock.serving.server import Server
    from interlock.stack.layout import Home

    made = Model(kind)

    class Bundle:
        model = "delays"
        version = 1
        run_id = "delays/1"
        request_schema = codec.infer_schema(made.rows)
        answer_schema = codec.answer_schema(made.predict(made.rows))
        predict = staticmethod(made.predict)

        def close(self) -> None: ...

    endpoint = Endpoint(Home(Path(tempfile.mkdtemp())).create(), Bundle(), EndpointSettings())  # type: ignore[arg-type]
    Server(endpoint.guard, sock).serve_until_stopped()


def wrk(url: str, connections: int, seconds: int) -> tuple[int, float, str]:
    """Return the requests answered, the requests per second and the 99th percentile of their time."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        row = {"carrier": "UA", **dict.fromkeys(COLUMNS, 1.5), "hour": 5}
        script.write(WRK % json.dumps({"rows": [row]}))
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script.name, url]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        raise SystemExit(f"requests failed:\n{said}")
    found = re.search(r"99%\s+(\S+).*?(\d+) requests in.*Requests/sec:\s+([\d.]+)", said, re.DOTALL)
    assert found is not None, said
    return int(found[2]), float(found[3]), found[1]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(who: str, kind: str, seconds: int) -> None:
    from interlock.serving.server import listen, url_of

    with listen("127.0.0.1", 0) as sock:
        command = [sys.executable, __file__, "--serve", who, kind, str(sock.fileno())]
        child = subprocess.Popen(command, pass_fds=[sock.fileno()])
        url = url_of(sock) + "/models/delays/predict"
    try:
        row = {"carrier": "UA", **dict.fromkeys(COLUMNS, 1.5), "hour": 5}
        httpx.post(url, json={"rows": [row]}, timeout=60).raise_for_status()
        for connections in (1, 32):
            wrk(url, connections, 1)
            before = cpu_seconds(child.pid)
            count, rate, p99 = wrk(url, connections, seconds)
            cost = (cpu_seconds(child.pid) - before) / max(count, 1) * 1000
            line = f"{rate:6.0f} requests/s   p99 {p99:>9}   {cost:.2f} ms of CPU a request"
            print(f"{kind:8}  {who:16}  {connections:2} connections  {line}", flush=True)
    finally:
        child.terminate()
        child.wait()


def main() -> None:
    import socket

    if sys.argv[1:2] == ["--serve"]:
        who, kind, fd = sys.argv[2:]
        sock = socket.socket(fileno=int(fd))
        ours(kind, sock) if who == "interlock" else by_hand(kind, who.endswith("threads"), sock)
        return
    for kind in ("linear", "boosting"):
        for who in ("by hand, inline", "by hand, threads", "interlock"):
            measure(who, kind, int(sys.argv[1]) if len(sys.argv) > 1 else 5)


if __name__ == "__main__":
    main()
