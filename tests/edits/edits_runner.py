"""Run pipelines of small projects, each in a process of its own that is forked off a warm one.

Reads one request a line, as JSON, and answers each with one line: the state of each step. What a
project imports is imported in the fork: nothing of one run is there in the next.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from interlock.engine.context import open_context
from interlock.engine.run import RunOptions, run_graph
from interlock.stack.home import find_project
from interlock.stack.targets import load_pipeline

WARM = """from interlock import pipeline, step
@step
def one(n: int) -> int:
    return n
@pipeline
def main():
    one(1)
"""


def main() -> None:
    """Answer until the input ends."""
    # A file that is edited within one second, to the same length, would be taken for its cached bytecode.
    sys.dont_write_bytecode = True
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _warm_up()
    for line in sys.stdin:
        answers.write(_forked(json.loads(line)) + "\n")
        answers.flush()


def _warm_up() -> None:
    """Run a project here, twice: forks then find ready what the database and the store need."""
    path = list(sys.path)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "warm.py").write_text(WARM)
        for _ in range(2):
            _run({"root": folder, "target": "warm:main", "params": {}})
        os.chdir("/")
    sys.path[:] = path
    sys.path_importer_cache.clear()


def _forked(request: dict[str, Any]) -> str:
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        with os.fdopen(theirs, "w") as answer:
            answer.write(json.dumps(_run(request)))
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text


def _run(request: dict[str, Any]) -> dict[str, Any]:
    root = Path(request["root"])
    os.chdir(root)
    try:
        if request.get("preload"):
            sys.path.insert(0, str(root))
            for name in request["preload"]:
                __import__(name)
        project = find_project(root)
        target = load_pipeline(project, request["target"])
        with open_context(project) as context:
            graph = target.pipeline.trace(target.params(request["params"]))
            run = run_graph(graph, context, RunOptions(ref=target.ref))
        if run.failure is not None:
            return {"error": str(run.failure)}
        return {"states": {step.name: step.state for step in run.steps}}
    except BaseException:  # noqa: BLE001 - told to the test, whatever it is
        return {"error": traceback.format_exc()}


if __name__ == "__main__":
    main()
