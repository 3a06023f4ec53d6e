"""Load a bundle where no file of the project is near, as an endpoint on another machine does."""

from __future__ import annotations

import contextlib
import tempfile

from interlock.engine.context import RunContext
from interlock.models.bundle import GoldenRowsDiffer, LoadedBundle, load_bundle
from interlock.models.codespace import CodeSpaceError


def load_elsewhere(context: RunContext, digest: str) -> tuple[LoadedBundle, str]:
    """Load a bundle in an empty folder; where that fails, in this one.

    Returns:
        The bundle, and why it answers only in the folder of the project: empty when it answers anywhere.

    Raises:
        BundleError, CodeSpaceError: It cannot be loaded here either.
    """
    workdir = context.project.home.tmp
    try:
        # The folder is that of the whole process: it is left as soon as the golden rows are answered.
        with tempfile.TemporaryDirectory(dir=workdir) as empty, contextlib.chdir(empty):
            return load_bundle(context.store, digest, workdir=workdir), ""
    except (GoldenRowsDiffer, CodeSpaceError) as error:
        loaded = load_bundle(context.store, digest, workdir=workdir)
        return loaded, (
            "The slice answers only in the folder of the project, so that it reads a file which no bundle holds: "
            f"{_cause(error)}. Make the file part of the graph, as data(...) annotated with pathlib.Path, or hand "
            "its content to the step."
        )


def _cause(error: GoldenRowsDiffer | CodeSpaceError) -> str:
    """Return the user's own error, without the words around it."""
    cause = error.__cause__
    return f"{type(cause).__name__}: {cause}" if cause is not None else error.what.rstrip(".")
