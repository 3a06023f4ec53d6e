"""What users call from Python: pipelines that run themselves, and logging inside steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, overload

from interlock.engine.tracking import log, log_figure, log_table
from interlock.graph.pipeline import Pipeline as GraphPipeline
from interlock.graph.step import StepDefinitionError

if TYPE_CHECKING:
    from interlock.engine.result import Run

__all__ = ["Pipeline", "log", "log_figure", "log_table", "pipeline"]


class Pipeline(GraphPipeline):
    """A pipeline that can be run from a script, a shell or a notebook."""

    def run(self, *, cache: bool = True, data: Mapping[str, int] | None = None, **params: Any) -> Run:
        """Run the pipeline with these params in its project, and return the run.

        When the pipeline names a deployable, its gates are judged and a model version is registered, just
        as `interlock run` does it.

        The project is that of the script which holds the pipeline, else that of the current folder.

        Args:
            cache: Whether earlier results for the same code, inputs and params may be taken.
            data: Numbers of the snapshots to read, by dataset; of the others the pinned or the current one.
            params: The params of the pipeline function.

        Raises:
            InterlockError: A param is wrong, the graph leaks, or a step fails.
        """
        from interlock.models.direct import run_pipeline  # keeps `import interlock` light

        return run_pipeline(self, params, cache=cache, data=data or {})


@overload
def pipeline(function: Callable[..., Any]) -> Pipeline: ...
@overload
def pipeline(*, name: str | None = None) -> Callable[[Callable[..., Any]], Pipeline]: ...
def pipeline(function: Any = None, *, name: str | None = None) -> Any:
    """Make a function that connects steps a pipeline, bare or with a `name` of its own."""

    def decorate(target: Any) -> Pipeline:
        if not callable(target) or isinstance(target, GraphPipeline):
            raise StepDefinitionError(f"@pipeline decorates a function, not {target!r}.")
        return Pipeline(target, name=name)

    return decorate if function is None else decorate(function)
