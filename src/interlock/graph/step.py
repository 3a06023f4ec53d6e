"""Steps: typed functions that become nodes inside a pipeline and stay functions everywhere else."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, Literal, ParamSpec, TypeVar, cast, overload

from interlock.errors import did_you_mean
from interlock.graph.annotations import NOTHING, annotations_of, output_clash, output_types, type_name
from interlock.graph.arguments import bind, bind_lists, walk
from interlock.graph.model import RESULT, GraphError
from interlock.graph.options import read_options
from interlock.graph.output import user_location
from interlock.graph.tracing import current_trace

P = ParamSpec("P")
R = TypeVar("R")
StepKind = Literal["step", "fit", "split"]


class StepDefinitionError(GraphError):
    """A function cannot be a step as it is written or decorated."""


class StepOutputError(GraphError):
    """A step returned something else than its annotation promises."""


@dataclass(frozen=True, slots=True)
class StepOptions:
    """How a step is run.

    Args:
        retries: How often a failed call is tried again.
        retry_on: The errors after which it is: an exception class, or a list of them.
        retry_delay: Seconds before the first retry, or text such as "5s"; each further one waits about twice as
            long.
        timeout: Seconds after which a call is given up, or text such as "5m"; or None.
        cpus: Cores that the step uses.
        gpus: GPUs that the step uses.
        memory: Memory that the step needs, such as "4GB", or None.
        cache: Whether an earlier result for the same code, inputs and params may be taken.
        pickle: Whether outputs that no safe format can hold may be pickled.
        depends: What the step depends on beside what can be seen in its code: functions, classes, modules,
            values, or paths and patterns of files of the project. A change of any of them makes it run anew.
    """

    retries: int = 0
    retry_on: tuple[type[BaseException], ...] = (Exception,)
    retry_delay: float = 0.1
    timeout: float | None = None
    cpus: float = 1
    gpus: float = 0
    memory: str | None = None
    cache: bool = True
    pickle: bool = False
    depends: tuple[Any, ...] = ()


class Step(Generic[P, R]):
    """A function that a pipeline can connect.

    Called inside a `@pipeline` function it makes a node and returns that node's outputs; called anywhere
    else it is the function that it wraps.
    """

    def __init__(
        self, function: Callable[P, R], *, kind: StepKind, name: str | None, options: StepOptions
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.kind: StepKind = kind
        self.name = name or function.__name__
        self.options = options
        self.module: str = function.__module__
        self.qualname: str = function.__qualname__

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """The signature of the function, with annotations resolved."""
        return _resolved_signature(self)

    @functools.cached_property
    def output_types(self) -> Mapping[str, Any]:
        """The named outputs and their types, as the return annotation gives them."""
        return output_types(self.signature.return_annotation)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return tuple(self.output_types)

    @property
    def location(self) -> str:
        """File and line of the function."""
        code = getattr(inspect.unwrap(self.function), "__code__", None)
        return f"{code.co_filename}:{code.co_firstlineno}" if code else self.module

    def check_outputs(self) -> None:
        """Check that a `@split` has outputs between which it can divide rows.

        Raises:
            StepDefinitionError: It has fewer than two.
        """
        outputs = output_types(annotations_of(inspect.unwrap(self.function)).get("return", NOTHING))
        if self.kind == "split" and len(outputs) < 2:
            raise StepDefinitionError(
                f"@split {self.name!r} has one output; it divides rows between two or more.",
                where=self.location,
                hint="Annotate what it returns, for example: -> tuple[pd.DataFrame, pd.DataFrame]",
            )

    def split_outputs(self, value: Any) -> dict[str, Any]:
        """Return what a call returned, by the name of the output.

        Raises:
            StepOutputError: The number of values is not the annotated one, or one has another type.
        """
        if self.outputs == (RESULT,):
            return {RESULT: self.checked(value)}
        if not isinstance(value, tuple) or len(value) != len(self.outputs):
            got = f"{len(value)} values" if isinstance(value, tuple) else f"one {type_name(type(value))}"
            raise StepOutputError(
                f"Step {self.name!r} returned {got}, but its annotation promises {len(self.outputs)} outputs.",
                where=self.location,
            )
        return {name: self.checked(one, name) for name, one in zip(self.outputs, value, strict=True)}

    def checked(self, value: Any, output: str = RESULT) -> Any:
        """Return an output if it is what the annotation promises, as far as `output_clash` looks.

        Raises:
            StepOutputError: It is not.
        """
        if output_clash(value, self.output_types[output]):
            what = "" if output == RESULT else f" as its output {output!r}"
            promised = type_name(self.output_types[output])
            raise StepOutputError(
                f"Step {self.name!r} returned {'None' if value is None else _full_name(type(value))}{what}, "
                f"but its annotation promises {promised}.",
                where=self.location,
                hint="Is a return missing?" if value is None else "Convert it, or change the annotation.",
            )
        return value

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Make a node inside a pipeline function, else call the function."""
        trace = current_trace()
        if trace is None:
            return self.function(*args, **kwargs)
        arguments = bind(f"Step {self.name!r}", self.signature, args, kwargs, user_location())
        return cast("R", trace.add_step(self, arguments))

    def map(self, *lists: Any, **same: Any) -> Any:
        """Call the step once for each item of the lists, which are walked side by side.

        Positional arguments are lists (a node output that is a list, or a list written down): they go to the
        parameters that are not given by keyword, in their order. Keyword arguments are given whole to every
        call. Returns the list of results.
        """
        return self._map("map", lists, same)

    def product(self, *lists: Any, **same: Any) -> Any:
        """Call the step once for each combination of the items of the lists; else as `map`.

        The list of results is in the order of `itertools.product`: the last list is walked fastest.
        """
        return self._map("product", lists, same)

    def _map(self, word: str, lists: tuple[Any, ...], same: Mapping[str, Any]) -> Any:
        if not lists:
            raise StepDefinitionError(
                f"{self.name}.{word} is given no list to walk over.",
                where=user_location(),
                hint="What it walks over is given by position; what is given by keyword goes whole to every call.",
            )
        called, product = f"Step {self.name!r}", word == "product"
        arguments, walked = bind_lists(called, self.signature, lists, same, user_location())
        trace = current_trace()
        if trace is not None:
            return trace.add_step(self, arguments, walked, product=product)
        items = walk({name: arguments[name] for name in walked}, product=product)
        return [self.function(**same, **item) for item in items]  # type: ignore[call-arg]  # bound above

    def __reduce__(self) -> tuple[Any, ...] | str:
        """Be pickled by the place where it is defined; by value where it is in no module that can be imported."""
        typed_in = self.module == "__main__" and not hasattr(sys.modules["__main__"], "__file__")
        if not typed_in and _defined_at(self.module, self.qualname) is self:
            return _find, (self.module, self.qualname)
        return _made_again, (self.function, self.kind, self.name, self.options)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is not None:
            raise StepDefinitionError(
                f"Step {self.name!r} is a method; a step must be a plain function.", where=self.location
            )
        return self

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}>"


def _defined_at(module: str, qualname: str) -> Any:
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def _find(module: str, qualname: str) -> Any:
    importlib.import_module(module)
    return _defined_at(module, qualname)


def _made_again(function: Any, kind: StepKind, name: str, options: StepOptions) -> Step[..., Any]:
    return Step(function, kind=kind, name=name, options=options)


def _full_name(kind: type) -> str:
    library = kind.__module__.partition(".")[0]
    return kind.__name__ if library == "builtins" else f"{library}.{kind.__name__}"


def _resolved_signature(step: Step[..., Any]) -> inspect.Signature:
    signature = inspect.signature(step.function)
    hints = annotations_of(inspect.unwrap(step.function))
    parameters = [
        parameter.replace(annotation=hints.get(name, NOTHING))
        for name, parameter in signature.parameters.items()
    ]
    for parameter in parameters:
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            raise StepDefinitionError(
                f"Step {step.name!r} takes '*{parameter.name}'; a step names each of its inputs.",
                where=step.location,
                hint="Pass a list: a node output may stand inside a list, tuple or dict.",
            )
    return signature.replace(parameters=parameters, return_annotation=hints.get("return", NOTHING))


def _make(kind: StepKind, function: Any, name: str | None, options: Mapping[str, Any]) -> Any:
    _check_known(kind, options)

    def decorate(target: Any) -> Any:
        _check_function(kind, target)
        own_name = _checked_name(name or target.__name__)
        made = Step(target, kind=kind, name=own_name, options=_checked_options(kind, own_name, options))
        if not isinstance(annotations_of(target).get("return"), str):  # else it may be known later
            made.check_outputs()
        return made

    return decorate if function is None else decorate(function)


def _check_function(kind: StepKind, target: Any) -> None:
    if isinstance(target, Step):
        raise StepDefinitionError(f"{target.name!r} is a {target.kind} already; decorate it once.")
    if not inspect.isfunction(target):
        raise StepDefinitionError(f"@{kind} decorates a function, not {type_name(type(target))} {target!r}.")
    if inspect.iscoroutinefunction(target) or inspect.isgeneratorfunction(target):
        raise StepDefinitionError(
            f"Step {target.__name__!r} is a coroutine or generator; return a value instead."
        )


def _checked_name(name: str) -> str:
    if not name.isidentifier():
        raise StepDefinitionError(f"{name!r} cannot name a step: use letters, digits and underscores.")
    return name


def _check_known(kind: StepKind, options: Mapping[str, Any]) -> None:
    known = [one.name for one in fields(StepOptions)]
    for option in options:
        if option not in known:
            raise StepDefinitionError(f"@{kind} has no option {option!r}.", hint=did_you_mean(option, known))


def _checked_options(kind: StepKind, name: str, options: Mapping[str, Any]) -> StepOptions:
    try:
        return StepOptions(**read_options(options))
    except ValueError as error:
        raise StepDefinitionError(f"@{kind} of step {name!r}: {error}.") from None


@overload
def step(function: Callable[P, R]) -> Step[P, R]: ...
@overload
def step(*, name: str | None = None, **options: Any) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def step(function: Any = None, *, name: str | None = None, **options: Any) -> Any:
    """Make a function a step: rows in, rows (or anything else) out.

    Bare, or with `name` and the options of `StepOptions`.
    """
    return _make("step", function, name, options)


@overload
def fit(function: Callable[P, R]) -> Step[P, R]: ...
@overload
def fit(*, name: str | None = None, **options: Any) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def fit(function: Any = None, *, name: str | None = None, **options: Any) -> Any:
    """Make a function a step that learns from rows: what it returns is learned state, not rows.

    Bare, or with `name` and the options of `StepOptions`.
    """
    return _make("fit", function, name, options)


@overload
def split(function: Callable[P, R]) -> Step[P, R]: ...
@overload
def split(*, name: str | None = None, **options: Any) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def split(function: Any = None, *, name: str | None = None, **options: Any) -> Any:
    """Make a function a step whose outputs hold disjoint rows of its input.

    Bare, or with `name` and the options of `StepOptions`.

    Raises:
        StepDefinitionError: The return annotation does not name at least two outputs.
    """
    return _make("split", function, name, options)
