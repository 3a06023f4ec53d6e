"""Pipelines: functions that connect steps, and the two words that stand only inside them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from interlock.errors import InterlockError, first_line, format_user_traceback, shown
from interlock.graph.annotations import NOTHING, annotations_of, fits, type_name
from interlock.graph.arguments import bind
from interlock.graph.model import Deployable, Graph, GraphError, Ref
from interlock.graph.output import Output, TraceError, user_line, user_location
from interlock.graph.params import bind_params
from interlock.graph.tracing import current_trace, tracing


class DeployableError(GraphError):
    """What `deployable` is given cannot go to production."""


class PipelineFailed(GraphError):
    """A pipeline function raised while its steps were connected. The user's own error is its cause."""

    def __init__(self, pipeline: str, error: BaseException, *, where: str) -> None:
        said = f"{type(error).__name__}: {first_line(error)}".rstrip(": ")
        super().__init__(f"Pipeline {pipeline!r} cannot be connected: {said}", where=where)
        self.user_traceback = format_user_traceback(error)


class Pipeline:
    """A function that connects steps; calling `trace` finds out its graph.

    Called inside another pipeline function, its steps become part of that one, under names that begin with its
    own: `prepare/clean`.
    """

    def __init__(self, function: Callable[..., Any], *, name: str | None = None) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = name or function.__name__
        self.module: str = function.__module__
        self.qualname: str = function.__qualname__

    @functools.cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The params of the pipeline, with annotations resolved."""
        hints = annotations_of(self.function)
        found = inspect.signature(self.function).parameters
        return {name: one.replace(annotation=hints.get(name, NOTHING)) for name, one in found.items()}

    @property
    def location(self) -> str:
        """File and line of the function."""
        return f"{self.function.__code__.co_filename}:{self.function.__code__.co_firstlineno}"

    def bind(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return the params of a run: those given, parsed by their annotations, and the defaults of the rest.

        Raises:
            ParamError: A param is unknown, missing or of the wrong type.
        """
        return bind_params(self.name, self.parameters, raw)

    def trace(self, params: Mapping[str, Any]) -> Graph:
        """Call the function with the params and return the graph of the steps that it connects.

        Raises:
            GraphError: The function connects steps wrongly.
            PipelineFailed: The function raises.
        """
        with tracing(self.name, self.function) as trace:
            returned = self._connect(params)
            results = _results(returned, self)
        graph = trace.graph(params, results)
        if not graph.nodes:
            raise TraceError(f"Pipeline {self.name!r} calls no step.", where=self.location)
        return graph

    def _connect(self, params: Mapping[str, Any]) -> Any:
        try:
            return self.function(**params)
        except InterlockError:
            raise
        except (Exception, SystemExit) as error:
            raise PipelineFailed(self.name, error, where=user_line(error) or self.location) from error

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Connect the steps of this pipeline into the one that is being traced, and return what it returns.

        Raises:
            TraceError: No pipeline is being traced, or the arguments do not fit.
            ConnectionTypeError: An argument has another type than the param.
            CycleError: This pipeline is being connected already.
        """
        trace, where = current_trace(), user_location()
        if trace is None:
            raise TraceError(
                f"Pipeline {self.name!r} is called like a function.",
                where=where,
                hint=f"Run it with {self.name}.run(...), or from the shell: interlock run {self.module}:{self.name}",
            )
        signature = inspect.Signature(list(self.parameters.values()))
        given = bind(f"Pipeline {self.name!r}", signature, args, kwargs, where)
        trace.check_params(self.name, self.parameters, given, self.location)
        with trace.inside(self.name, self.function, self.location):
            returned = self._connect(given)
            _results(returned, self)
        return returned

    def __repr__(self) -> str:
        return f"<pipeline {self.name}>"


def data(name: str, *, reference: bool = False) -> Any:
    """Name a dataset that a pipeline reads.

    It is loaded as the type that the consuming step's input is annotated with.

    Args:
        name: A dataset of `interlock.toml`, or the path of a file, folder or pattern in the project.
        reference: Whether it is reference data (a calendar, a table of airports): data that carries no
            rows of what is predicted, so that it may be seen on both sides of a split.
    """
    trace = current_trace()
    if trace is None:
        raise TraceError(
            f"data({name!r}) stands outside a pipeline function.",
            where=user_location(),
            hint="Datasets are named inside a @pipeline function; to look at one, use: interlock data show",
        )
    if not name:
        raise TraceError(f"data(...) takes the name of a dataset, not {name!r}.", where=user_location())
    return trace.add_data(name, reference=reference)


def deployable(
    given: Any, answer: Any, metrics: Any = None, *, waive: Mapping[str, str] | None = None
) -> Any:
    """Name the part of the graph that goes to production: the slice from `given` to `answer`.

    Args:
        given: The output whose rows a request will bring.
        answer: The output that a request is answered with.
        metrics: The output (or a list of them) that holds the metrics of the answer, a dict of numbers.
        waive: Names of `@fit` steps whose structural leak is accepted, each with the reason.

    Raises:
        DeployableError: An argument is not the output of a step, or there are two deployables.
    """
    trace = current_trace()
    if trace is None:
        raise DeployableError("deployable(...) stands outside a pipeline function.", where=user_location())
    if trace.deployable is not None:
        raise DeployableError(
            f"Pipeline {trace.pipeline!r} names two deployables; a pipeline makes one model.",
            where=user_location(),
            hint="Write a second pipeline; what both share is computed once and taken from the cache.",
        )
    trace.deployable = Deployable(
        given=_one_output("given", given),
        answer=_one_output("answer", answer),
        metrics=_metric_outputs(metrics),
        waivers={f"{trace.prefix}{name}": why for name, why in _checked_waivers(waive or {}).items()},
    )
    return trace.deployable


def _one_output(role: str, value: Any) -> Ref:
    if isinstance(value, Output):
        return value.ref
    if isinstance(value, list | tuple) and any(isinstance(one, Output) for one in value):
        raise DeployableError(
            f"deployable takes one {role}, but gets {len(value)} of them: {shown(value)}.",
            where=user_location(),
            hint=f"Join them in a step, so that one output is the {role}.",
        )
    raise DeployableError(
        f"The {role} of a deployable must be the output of a step, not {type_name(type(value))} {shown(value)}.",
        where=user_location(),
    )


def _metric_outputs(metrics: Any) -> tuple[Ref, ...]:
    several: Sequence[Any] = metrics if isinstance(metrics, list | tuple) else [metrics]
    outputs = [one for one in several if one is not None]
    for one in outputs:
        if isinstance(one, Output) and not fits(one.type, dict | Mapping):
            raise DeployableError(
                f"Metrics are a dict of numbers, but {str(one.ref)!r} gives {type_name(one.type)}.",
                where=user_location(),
            )
    return tuple(_one_output("metrics", one) for one in outputs)


def _checked_waivers(waive: Any) -> Mapping[str, str]:
    if not isinstance(waive, Mapping):
        raise DeployableError(
            f"Waivers are given as {{step: reason}}, not as {shown(waive)}.", where=user_location()
        )
    for name, reason in waive.items():
        if not isinstance(reason, str) or not reason.strip():
            raise DeployableError(f"The waiver of {name!r} gives no reason.", where=user_location())
    return dict(waive)


def _results(returned: Any, pipeline: Pipeline) -> tuple[Ref, ...]:
    if returned is None or isinstance(returned, Deployable):
        return ()
    values = returned.values() if isinstance(returned, dict) else returned
    several = values if isinstance(returned, list | tuple | dict) else [returned]
    found = [one for one in several if not isinstance(one, Deployable)]
    for one in found:
        if not isinstance(one, Output):
            raise TraceError(
                f"Pipeline {pipeline.name!r} returns {type_name(type(one))} {shown(one)}; it returns deployable(...), "
                "outputs of steps, or nothing.",
                where=pipeline.location,
            )
    return tuple(one.ref for one in found)
