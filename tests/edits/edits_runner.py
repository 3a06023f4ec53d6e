"""Run pipelines of small projects, each in a process of its own that is forked off a warm one.

Reads one request a line, as JSON, and answers each with one line: the state of each step. What a
project imports is imported in the fork: nothing of one run is there in the next.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from interlock.engine.context import open_context
from interlock.engine.run import RunOptions, run_graph
from interlock.stack.home import find_project
from interlock.stack.targets import load_pipeline


def main() -> None:
    """Answer until the input ends."""
    # A file that is edited within one second, to the same length, would be taken for its cached bytecode.
    sys.dont_write_bytecode = True
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(_forked(json.loads(line)) + "\n")
        answers.flush()


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
    except BaseException:
        return {"error": traceback.format_exc()}


if __name__ == "__main__":
    main()
