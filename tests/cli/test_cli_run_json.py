"""`interlock run --json`: exactly one object on stdout, whatever happens, and a short traceback for the user."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cli_project import interlock, project

from interlock.cli.report import run_schema

NOISY = """
import os, subprocess, sys, threading, time
print("at import")
subprocess.run([sys.executable, "-c", "print('a subprocess at import')"])

@step
def loud() -> int:
    print("from a step")
    os.write(1, b"from the descriptor\\n")
    subprocess.run([sys.executable, "-c", "print('a subprocess of a step')"])
    thread = threading.Thread(target=print, args=("from a thread",))
    thread.start()
    thread.join()
    return 1

@step
def leaves(x: int) -> int:
    sys.exit(3)

@step
def waits(x: int) -> int:
    print("waiting", flush=True)
    time.sleep(60)
    return x

@step
def metrics(x: int) -> dict:
    return {"auc": "high"}

@step(gpus=99)
def greedy(x: int) -> int:
    return x

@step
def text(x: str) -> int:
    return 1

@pipeline
def noisy():
    print("in the pipeline")
    loud()

@pipeline
def left():
    leaves(loud())

@pipeline
def waiting():
    waits(loud())

@pipeline
def bad_metric():
    x = loud()
    answer = leaves2(x)
    return deployable(x, answer, metrics(answer))

@step
def leaves2(x: int) -> int:
    return x

@pipeline
def wants_gpus():
    greedy(loud())

@pipeline
def miswired():
    text(loud())

@pipeline
def no_dataset():
    rows_of(data("nothing"))

@step
def rows_of(rows: pd.DataFrame) -> int:
    return 1

@pipeline
def raises(n: int = 1):
    x = loud()
    return 1 // 0

@pipeline
def exits():
    sys.exit("enough")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project(tmp_path, NOISY)


def one_object(text: str) -> Any:
    body = json.loads(text)
    jsonschema.validate(body, run_schema())
    return body


def test_nothing_but_the_report_reaches_stdout(folder: Path) -> None:
    done = interlock(folder, "run", "steps:noisy", "--json")
    assert one_object(done.stdout)["status"] == "succeeded"
    for said in ("at import", "a subprocess", "in the pipeline", "from a step", "descriptor", "a thread"):
        assert said in done.stderr


@pytest.mark.parametrize(
    ("pipeline", "status", "said"),
    [("left", "failed", "Step 'leaves' failed: SystemExit: 3"), ("bad_metric", "failed", "'auc'")],
)
def test_a_run_that_ends_badly_is_reported_as_it_was_recorded(
    folder: Path, pipeline: str, status: str, said: str
) -> None:
    done = interlock(folder, "run", f"steps:{pipeline}", "--json")
    body = one_object(done.stdout)
    assert (done.returncode, body["run"], body["status"]) == (1, f"{pipeline}/1", status)
    assert said in json.dumps(body)


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (["steps:nosy"], 1, "UnknownPipeline"),
        (["steps:raises", "-p", "n=x"], 1, "ParamError"),
        (["steps:raises", "-p", "n"], 2, "UsageError"),
        (["steps:raises"], 1, "PipelineFailed"),
        (["steps:exits"], 1, "PipelineFailed"),
        (["steps:miswired"], 1, "ConnectionTypeError"),
        (["steps:no_dataset"], 1, "UnknownDataset"),
        (["steps:wants_gpus"], 1, "NotEnoughResources"),
    ],
)
def test_where_no_run_begins_the_object_says_why(
    folder: Path, words: list[str], code: int, kind: str
) -> None:
    done = interlock(folder, "run", *words, "--json")
    body = one_object(done.stdout)
    assert (done.returncode, list(body), body["error"]["kind"]) == (code, ["error"], kind)


def test_an_interrupted_run_is_reported_as_cancelled(folder: Path) -> None:
    words = [sys.executable, "-m", "interlock", "run", "steps:waiting", "--json"]
    with subprocess.Popen(
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr
        for line in running.stderr:
            if line == "waiting\n":
                break
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=60)
    body = one_object(out)
    assert (running.returncode, body["status"], body["error"]["kind"]) == (
        130,
        "cancelled",
        "KeyboardInterrupt",
    )
    assert [step["state"] for step in body["steps"]] == ["ran"]


def test_an_error_of_the_pipeline_function_starts_at_the_users_line(folder: Path) -> None:
    done = interlock(folder, "run", "steps:raises")
    assert "return 1 // 0" in done.stderr
    assert "error: Pipeline 'raises' cannot be connected: ZeroDivisionError" in done.stderr
    assert "interlock/graph" not in done.stderr
    assert len(done.stderr.splitlines()) < 16


def test_a_tag_is_asked_for_in_its_own_words(folder: Path) -> None:
    done = interlock(folder, "run", "steps:noisy", "--tag", "a")
    assert "--tag takes NAME=TEXT, not 'a'." in done.stderr
