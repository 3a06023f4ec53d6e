"""From a name to a pipeline: a model of `interlock.toml`, or `package.module:name`."""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

from interlock.errors import InterlockError, did_you_mean
from interlock.stack.config import ModelConfig, Project
from interlock.stack.fresh import import_fresh

_REF = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


class UnknownPipeline(InterlockError):
    """There is no pipeline of that name."""


class AmbiguousTarget(InterlockError):
    """A pipeline is named whose model is not clear."""


class PipelineImportFailed(InterlockError):
    """The module of a pipeline cannot be imported."""


@runtime_checkable
class PipelineLike(Protocol):
    """What a pipeline is to this room, which stands beside `graph`."""

    name: str
    module: str

    def bind(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return the params of a run."""

    def trace(self, params: Mapping[str, Any]) -> Any:
        """Return the graph."""


@dataclass(frozen=True)
class Target:
    """A pipeline and how it is used here.

    Attributes:
        model: The name that its runs and versions go by.
        pipeline: The pipeline.
        config: Its gates and the rest.
        ref: Where it is, as `package.module:name`.
    """

    model: str
    pipeline: Any
    config: ModelConfig
    ref: str

    def params(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the params of a run: those given, else those of the configuration, else the defaults.

        Raises:
            InterlockError: A param is unknown, missing or of the wrong type.
        """
        bound: dict[str, Any] = self.pipeline.bind({**self.config.params, **given})
        return bound


def load_pipeline(project: Project, target: str) -> Target:
    """Find a pipeline by its name and import it from the project's folder.

    Raises:
        UnknownPipeline: There is none; the nearest name is offered.
        AmbiguousTarget: It could be meant for more than one model.
        PipelineImportFailed: Its module cannot be imported; the user's own line is shown.
    """
    models = project.config.model
    if target in models:
        ref = models[target].pipeline
        return Target(target, _import(project, ref), models[target], ref)
    if ":" not in target:
        raise UnknownPipeline(
            f"There is no model {target!r}.",
            where=str(project.file or project.root),
            hint=did_you_mean(target, models)
            or "Name one in interlock.toml, or say package.module:pipeline.",
        )
    pipeline = _import(project, target)
    named = [name for name, config in models.items() if config.pipeline == target]
    if len(named) > 1:
        raise AmbiguousTarget(
            f"{target!r} is the pipeline of {len(named)} models: {', '.join(map(repr, named))}.",
            where=str(project.file),
            hint="Name the model.",
        )
    if named:
        return Target(named[0], pipeline, models[named[0]], target)
    if pipeline.name in models:
        # Its runs and versions would go by the model's name, and pass by the model's gates.
        raise AmbiguousTarget(
            f"{target!r} goes by the name {pipeline.name!r}, which is another pipeline's model: "
            f"{models[pipeline.name].pipeline!r}.",
            where=str(project.file),
            hint=f"Give it another name, as in @pipeline(name=...), or run the model: {pipeline.name}.",
        )
    return Target(pipeline.name, pipeline, ModelConfig(pipeline=target), target)


def target_of(project: Project, pipeline: PipelineLike) -> Target:
    """Return how a pipeline object is used in a project: as the model that names it, else by its own name."""
    ref = f"{pipeline.module}:{getattr(pipeline, 'qualname', pipeline.name)}"
    for name, config in project.config.model.items():
        if config.pipeline == ref:
            return Target(name, pipeline, config, ref)
    return Target(pipeline.name, pipeline, ModelConfig.model_construct(pipeline=ref), ref)


def _import(project: Project, ref: str) -> Any:
    if not _REF.fullmatch(ref):
        raise UnknownPipeline(
            f"{ref!r} names no pipeline.", hint="A pipeline is named as package.module:name."
        )
    module_name, _, name = ref.partition(":")
    module = _import_module(project.root, module_name)
    known = [key for key, value in vars(module).items() if _is_pipeline(value)]
    found = getattr(module, name, None)
    if _is_pipeline(found):
        return found
    where = module.__file__ or module_name
    if name not in vars(module):
        hint = did_you_mean(name, known) or "It has no @pipeline function."
        raise UnknownPipeline(f"Module {module_name!r} has no pipeline {name!r}.", where=where, hint=hint)
    kind = type(found).__name__
    article = "an" if kind[0] in "aeiouAEIOU" else "a"
    hint = f"Its pipelines: {', '.join(known)}." if known else "Decorate the function with @pipeline."
    raise UnknownPipeline(f"{ref!r} is {article} {kind}, not a pipeline.", where=where, hint=hint)


def _is_pipeline(value: object) -> bool:
    # A module may make up its attributes, and fail at it: to ask it for those of a pipeline would run it.
    return not isinstance(value, ModuleType) and isinstance(value, PipelineLike)


def _import_module(root: Path, name: str) -> ModuleType:
    if sys.path[:1] != [str(root)]:
        sys.path.insert(0, str(root))
    import_fresh(root)
    _forget_namesake(root, name.partition(".")[0])
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise UnknownPipeline(
                f"There is no module {name!r}.", where=str(root), hint=_near_modules(root, name)
            ) from None
        raise _import_failed(root, name, error) from error
    except InterlockError:
        raise
    except (Exception, SystemExit) as error:
        raise _import_failed(root, name, error) from error


def _forget_namesake(root: Path, top: str) -> None:
    """Forget a module of the same name that another project's folder gave to this process."""
    loaded = sys.modules.get(top)
    ours = (root / f"{top}.py", root / top / "__init__.py")
    here = [file.resolve() for file in ours if file.is_file()]
    if loaded is None or not here or top in sys.stdlib_module_names:
        return
    if loaded.__file__ is None or Path(loaded.__file__).resolve() not in here:
        for name in [one for one in sys.modules if one == top or one.startswith(f"{top}.")]:
            del sys.modules[name]
        importlib.invalidate_caches()


def _near_modules(root: Path, name: str) -> str:
    known = [
        ".".join(path.relative_to(root).with_suffix("").parts)
        for path in [*root.glob("*.py"), *root.glob("[!.]*/*.py"), *root.glob("[!.]*/[!.]*/*.py")]
    ]
    return did_you_mean(name, known) or "Run the command in the project's folder."


def _import_failed(root: Path, name: str, error: BaseException) -> PipelineImportFailed:
    file, line, source = _users_line(root, error)
    return PipelineImportFailed(
        f"Module {name!r} cannot be imported: {type(error).__name__}: {_message(error)}",
        where=f"{file}:{line}: {source}" if file else name,
        hint="Is it installed in this environment?" if isinstance(error, ModuleNotFoundError) else "",
    )


def _message(error: BaseException) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)


def _users_line(root: Path, error: BaseException) -> tuple[str, int, str]:
    """Return the last line of the project's own that the error came through, else the last of anybody's."""
    if isinstance(error, SyntaxError):
        return error.filename or "", error.lineno or 0, (error.text or "").strip()
    frames = [one for one in traceback.extract_tb(error.__traceback__) if not _is_machinery(one.filename)]
    own = [
        one
        for one in frames
        if Path(one.filename).is_relative_to(root) and "site-packages" not in one.filename
    ]
    if not frames:
        return "", 0, ""
    last = (own or frames)[-1]
    return last.filename, last.lineno or 0, last.line or ""


def _is_machinery(file: str) -> bool:
    return file == __file__ or file.startswith("<frozen") or file == importlib.__file__
