"""From a name to a pipeline: a model of `interlock.toml`, or `package.module:name`."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

from interlock.errors import InterlockError, did_you_mean
from interlock.stack.config import ModelConfig, Project


class UnknownPipeline(InterlockError):
    """There is no pipeline of that name."""


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
    for name, config in models.items():
        if config.pipeline == target:
            return Target(name, pipeline, config, target)
    return Target(pipeline.name, pipeline, ModelConfig(pipeline=target), target)


def target_of(project: Project, pipeline: PipelineLike) -> Target:
    """Return how a pipeline object is used in a project: as the model that names it, else by its own name."""
    ref = f"{pipeline.module}:{getattr(pipeline, 'qualname', pipeline.name)}"
    for name, config in project.config.model.items():
        if config.pipeline == ref:
            return Target(name, pipeline, config, ref)
    return Target(pipeline.name, pipeline, ModelConfig.model_construct(pipeline=ref), ref)


def _import(project: Project, ref: str) -> Any:
    module_name, _, name = ref.partition(":")
    module = _import_module(project.root, module_name)
    found = getattr(module, name, None)
    if found is None:
        known = [key for key, value in vars(module).items() if isinstance(value, PipelineLike)]
        hint = did_you_mean(name, known) or "It has no @pipeline function."
        raise UnknownPipeline(
            f"Module {module_name!r} has no pipeline {name!r}.", where=module.__file__ or "", hint=hint
        )
    if not isinstance(found, PipelineLike):
        raise UnknownPipeline(
            f"{ref!r} is a {type(found).__name__}, not a pipeline.",
            where=module.__file__ or "",
            hint="Decorate the function with @pipeline.",
        )
    return found


def _import_module(root: Path, name: str) -> ModuleType:
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise UnknownPipeline(
                f"There is no module {name!r}.", where=str(root), hint=_near_modules(root, name)
            ) from None
        raise _import_failed(name, error) from error
    except InterlockError:
        raise
    except (Exception, SystemExit) as error:
        raise _import_failed(name, error) from error


def _near_modules(root: Path, name: str) -> str:
    known = [
        ".".join(path.relative_to(root).with_suffix("").parts)
        for path in [*root.glob("*.py"), *root.glob("[!.]*/*.py"), *root.glob("[!.]*/[!.]*/*.py")]
    ]
    return did_you_mean(name, known) or "Run the command in the project's folder."


def _import_failed(name: str, error: BaseException) -> PipelineImportFailed:
    if isinstance(error, SyntaxError):
        where = f"{error.filename}:{error.lineno}"
    else:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if not _is_machinery(f.filename)]
        where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else name
    return PipelineImportFailed(
        f"Module {name!r} cannot be imported: {type(error).__name__}: {error}", where=where
    )


def _is_machinery(file: str) -> bool:
    return file == __file__ or file.startswith("<frozen") or file == importlib.__file__
