"""Steps on a Ray cluster: several raylets of this machine, one of which is killed while a step runs on it."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock.engine.context import RunContext, open_context
from interlock.engine.processes import WorkerDied, WorkerUnusable
from interlock.engine.resources import NotEnoughResources
from interlock.engine.result import Run
from interlock.engine.run import RunOptions, run_graph
from interlock.engine.timeouts import StepTimeout
from interlock.graph.pipeline import Pipeline
from interlock.plugins import ray_cluster
from interlock.plugins.ray_cluster import RayUnreachable, StoreOutOfReach
from interlock.stack.home import find_project
from interlock.stack.targets import load_pipeline

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.filterwarnings("default"),  # Ray leaves files and sockets open
]

FLOW = """
import ctypes, os, subprocess, sys, time
from pathlib import Path
import numpy as np
import pandas as pd
from interlock import log, pipeline, step

@step
def numbers(n: int) -> list[int]:
    return list(range(n))

@step
def squared(x: int) -> int:
    return x * x

@step
def total(xs: list[int], rows: pd.DataFrame, wave: np.ndarray) -> float:
    print("adding", len(xs))
    log(count=len(xs))
    return float(sum(xs) + rows["a"].sum() + wave.sum())

@step
def table(n: int) -> pd.DataFrame:
    return pd.DataFrame({"a": np.arange(n), "b": np.arange(n) / 3, "c": [str(one) for one in range(n)]})

@step
def wave(rows: pd.DataFrame) -> np.ndarray:
    return np.sqrt(rows["b"].to_numpy())

@pipeline
def fan(n: int = 5):
    rows = table(1000)
    total(squared.map(numbers(n)), rows, wave(rows))

@step(cache=False)
def where(n: int) -> tuple[int, str, str, str]:
    return os.getpid(), __file__, os.getcwd(), os.environ.get("COLOUR", "")

@pipeline
def placing():
    where(0)

@step(retries=1, retry_delay=0, cache=False)
def die(how: str) -> int:
    print("about to die by", how)
    mark = Path("died-once")
    if mark.exists():
        return 4
    if how == "once":
        mark.touch()
    os._exit(3)

@pipeline
def dying(how: str):
    die(how)

@step(retries=1, retry_delay=0, cache=False)
def sit(me: int) -> str:
    import ray
    node = ray.get_runtime_context().get_node_id()
    with open("seats", "a") as file:
        file.write(f"{me} {node}\\n")
    doomed = Path("doomed").read_text()
    if node == doomed:
        time.sleep(60)
    end = time.monotonic() + 30
    while doomed not in Path("seats").read_text():
        assert time.monotonic() < end, "the node that is to die has got no step"
        time.sleep(0.02)
    return node

@step
def address() -> str:
    import ray
    print("at", ray.util.get_node_ip_address(), "below", os.getppid())
    return "told"

@pipeline
def locating():
    address()

@pipeline
def sitting():
    sit(0)
    sit(1)
    sit(2)

@step(timeout=1)
def hang() -> int:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(67)"])
    ctypes.PyDLL(None).sleep(60)
    return 1

@pipeline
def hanging():
    hang()

@step(cpus=64)
def huge() -> int:
    return 1

@pipeline
def too_large():
    huge()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_AUTH_MODE", "disabled")  # a token would be written into the home folder of the user
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    cluster_utils = importlib.import_module("ray.cluster_utils")
    with ray_cluster.on_loopback():
        options = {"include_dashboard": False, "node_ip_address": "127.0.0.1"}
        made = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **options})
        made.add_node(num_cpus=1, node_ip_address="127.0.0.1")
        yield made
        made.shutdown()
    patch.undo()


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Any) -> Iterator[RunContext]:
    (tmp_path / "interlock.toml").write_text(
        f'[environment]\nvariables = ["COLOUR"]\n[stack.default.engine]\nuse = "ray"\naddress = "{cluster.address}"\n'
        '[stack.plain]\n[stack.local.engine]\nuse = "ray"\nworkers = 2\n'
    )
    (tmp_path / "ray_flow.py").write_text(FLOW)
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    with open_context(find_project(tmp_path)) as opened:
        yield opened
    sys.path[:] = before
    sys.modules.pop("ray_flow", None)


def run(context: RunContext, name: str, **params: object) -> Run:
    pipeline = load_pipeline(context.project, f"ray_flow:{name}").pipeline
    assert isinstance(pipeline, Pipeline)
    return run_graph(pipeline.trace(params), context, RunOptions())


def alive(pattern: str) -> bool:
    return any(
        pattern in line for line in subprocess.check_output(["ps", "-eo", "cmd"], text=True).splitlines()
    )


def gone_within(pattern: str, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while alive(pattern):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_a_run_gives_and_records_what_it_would_in_one_process(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run(context, "fan", n=40)
    assert {step.state for step in made.steps} == {"ran"}
    assert made["squared"].value == [one * one for one in range(40)]
    assert [chunk.text for chunk in context.records.logs.read(made.id, "total")] == ["adding 40\n"]
    assert made["total"].metrics == {"count": [(0, 40.0)]}
    monkeypatch.setenv("INTERLOCK_STACK", "plain")
    with open_context(find_project(context.project.root)) as plain:
        again = run_graph(made.graph, plain, RunOptions(cache=False))
        assert {ref: one.digest for ref, one in again.outputs.items()} == {
            ref: one.digest for ref, one in made.outputs.items()
        }
        cached = run_graph(made.graph, plain, RunOptions())
        assert {step.state for step in cached.steps} == {"cached"}


def test_steps_see_the_folder_the_code_and_the_variables_of_the_project(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLOUR", "green")
    pid, file, folder, colour = run(context, "placing")["where"].value
    assert pid != os.getpid()
    assert Path(file).parent == Path(folder) == context.project.root
    assert colour == "green"


def test_code_travels_to_other_machines_without_state_and_data(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Several raylets are on one machine here; the engine is told that they are not, and the store is within reach.
    monkeypatch.setattr(ray_cluster, "_is_remote", lambda ray: True)
    monkeypatch.setattr(ray_cluster, "_check_reach", lambda store: None)
    root = context.project.root
    (root / "data").mkdir()
    (root / "data" / "large.csv").write_text("a\n1\n")
    _, file, folder, _ = run(context, "placing")["where"].value
    assert Path(file).parent == Path(folder) != root
    there = {one.name for one in Path(folder).iterdir()}
    assert {"ray_flow.py", "interlock.toml"} <= there
    assert not there & {"data", ".interlock"} or not (Path(folder) / ".interlock" / "records.db").exists()
    assert not (Path(folder) / "data").exists()


def test_a_store_in_a_folder_is_no_store_for_other_machines(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "_is_remote", lambda ray: True)
    with pytest.raises(StoreOutOfReach, match="the store is a folder of this one"):
        run(context, "placing")
    assert context.records.runs.get("placing/1").status == "failed"


def test_a_process_that_dies_is_a_failed_attempt_with_its_cause(context: RunContext) -> None:
    made = run(context, "dying", how="exit")
    assert made.status == "failed"
    assert isinstance(made.failure and made.failure.__cause__, WorkerDied)
    assert "its worker process died" in str(made.failure)
    record = context.records.steps.get(made.id, "die")
    assert record is not None
    assert len(record.attempts) == 2
    printed = "".join(chunk.text for chunk in context.records.logs.read(made.id, "die"))
    assert printed.count("about to die by exit\n") == 2
    assert run(context, "dying", how="once")["die"].value == 4


def test_a_timeout_ends_a_step_that_does_not_listen_and_what_it_started(context: RunContext) -> None:
    made = run(context, "hanging")
    assert isinstance(made.failure and made.failure.__cause__, StepTimeout)
    assert gone_within("import time; time.sleep(67)", 10)


def test_a_step_that_no_node_can_run_is_refused(context: RunContext) -> None:
    with pytest.raises(NotEnoughResources, match="'huge' asks for 64 CPU; no node of the Ray cluster"):
        run(context, "too_large")


def test_a_project_that_a_node_cannot_load_is_told(context: RunContext) -> None:
    pipeline = load_pipeline(context.project, "ray_flow:fan").pipeline
    graph = pipeline.trace({"n": 3})  # type: ignore[attr-defined]
    (context.project.root / "ray_flow.py").write_text("raise RuntimeError('broken since')\n")
    with pytest.raises(WorkerUnusable, match="broken since"):
        run_graph(graph, context, RunOptions())


def test_a_node_that_dies_takes_one_attempt_and_another_node_the_next(
    context: RunContext, cluster: Any
) -> None:
    lost = cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1")
    (context.project.root / "doomed").write_text(lost.node_id)
    seats = context.project.root / "seats"

    def kill() -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until and not (seats.exists() and lost.node_id in seats.read_text()):
            time.sleep(0.02)
        cluster.remove_node(lost, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    made = run(context, "sitting")
    killer.join()
    assert made.status == "succeeded"
    tries = [len(context.records.steps.get(made.id, step.name).attempts) for step in made.steps]  # type: ignore[union-attr]
    assert sorted(tries) == [1, 1, 2]
    assert lost.node_id not in {made[step.name].value for step in made.steps}
    failed = [
        one.error
        for step in made.steps
        for one in context.records.steps.get(made.id, step.name).attempts
        if one.error
    ]  # type: ignore[union-attr]
    assert ["died with its node of the Ray cluster" in error for error in failed] == [True]


def test_a_cluster_that_listens_elsewhere_must_ask_for_a_token(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The cluster here is on 127.0.0.1 and asks for none; the engine is told that this is no loopback address.
    monkeypatch.setattr(ray_cluster, "_is_loopback", lambda host: False)
    monkeypatch.setattr(ray_cluster, "_joined_locally", lambda config: True)
    with pytest.raises(RayUnreachable, match="asks for no token: whoever reaches it can run code"):
        run(context, "placing")


def test_an_address_of_ray_client_is_refused(context: RunContext) -> None:
    file = context.project.root / "interlock.toml"
    file.write_text('[stack.default.engine]\nuse = "ray"\naddress = "ray://127.0.0.1:10001"\n')
    with (
        open_context(find_project(context.project.root)) as there,
        pytest.raises(RayUnreachable, match="Ray Client"),
    ):
        run(there, "placing")


def test_a_local_ray_is_for_this_machine_and_ends_with_the_run(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERLOCK_STACK", "local")
    words = [sys.executable, "-m", "interlock", "run", "ray_flow:locating"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.search(r"at (\S+) below (\d+)", done.stdout + done.stderr)
    assert told is not None
    assert told[1] == "127.0.0.1"
    assert not Path("/proc", told[2]).exists()


def test_a_run_that_is_killed_leaves_nothing_on_the_cluster(context: RunContext) -> None:
    file = context.project.root / "ray_flow.py"
    file.write_text(FLOW.replace("@step(timeout=1)", "@step").replace("sleep(67)", "sleep(68)"))
    process = subprocess.Popen(
        [sys.executable, "-m", "interlock", "run", "ray_flow:hanging"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    while not alive("import time; time.sleep(68)"):
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert gone_within("import time; time.sleep(68)", 10)
