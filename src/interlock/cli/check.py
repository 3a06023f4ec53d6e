"""What `interlock check` finds, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interlock.cli.options import parse_params, this_project
from interlock.errors import InterlockError


def check_target(pipeline: str, params: Sequence[str]) -> tuple[dict[str, Any], int]:
    """Trace a pipeline and look for leaks; return what was found, and the exit code.

    What is wrong with the pipeline, or with its name or params, is in `errors`, as text.
    """
    found: dict[str, Any] = {
        "pipeline": pipeline,
        "checked": False,
        "why_unchecked": "",
        "leaks": [],
        "errors": [],
    }
    try:
        found |= _leaks(pipeline, params)
    except InterlockError as error:
        said = f"{error.user_traceback}\n\n{error}" if error.user_traceback else str(error)
        return found | {"why_unchecked": "the pipeline has errors", "errors": [said]}, error.exit_code
    return found, int(any(leak["waived"] is None for leak in found["leaks"]))


def _leaks(pipeline: str, params: Sequence[str]) -> dict[str, Any]:
    from interlock.engine.datasets import data_places
    from interlock.graph.deployables import check_deployable
    from interlock.graph.leakage import find_leaks
    from interlock.stack.targets import load_pipeline

    given = parse_params(params)
    project = this_project()
    target = load_pipeline(project, pipeline)
    graph = target.pipeline.trace(target.params(given))
    check_deployable(graph)
    report = find_leaks(graph, data_places(graph, project))
    leaks = [
        {"step": leak.step, "path": list(leak.path), "reason": leak.reason, "waived": leak.waived}
        for leak in report.leaks
    ]
    return {
        "pipeline": target.ref,
        "checked": report.checked,
        "why_unchecked": report.why_unchecked,
        "leaks": leaks,
    }
