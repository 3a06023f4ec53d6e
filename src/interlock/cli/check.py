"""What `interlock check` finds, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.cli.options import this_project
from interlock.errors import InterlockError


def check_target(pipeline: str, raw_params: Mapping[str, str]) -> dict[str, Any]:
    """Trace a pipeline and look for leaks; what is wrong with it is in `errors`, as text.

    Raises:
        InterlockError: There is no such pipeline, or its module cannot be imported.
    """
    from interlock.graph.leakage import find_leaks
    from interlock.graph.slices import check_deployable
    from interlock.stack.targets import load_pipeline

    target = load_pipeline(this_project(), pipeline)
    found: dict[str, Any] = {
        "pipeline": target.ref,
        "checked": False,
        "why_unchecked": "",
        "leaks": [],
        "errors": [],
    }
    try:
        graph = target.pipeline.trace(target.params(raw_params))
        check_deployable(graph)
        report = find_leaks(graph)
    except InterlockError as error:
        return found | {"why_unchecked": "the pipeline has errors", "errors": [str(error)]}
    leaks = [
        {"step": leak.step, "path": list(leak.path), "reason": leak.reason, "waived": leak.waived}
        for leak in report.leaks
    ]
    return found | {"checked": report.checked, "why_unchecked": report.why_unchecked, "leaks": leaks}
