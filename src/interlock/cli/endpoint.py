"""`interlock serve` and `interlock predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.console import console, print_json
from interlock.cli.options import Json, this_context, this_project
from interlock.errors import UsageError
from interlock.extras import require_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interlock.engine.context import RunContext
    from interlock.models.score import Scored
    from interlock.stack.config import EngineConfig

DEFAULT_PORT = 8080


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(serve)
    app.command()(predict)


def serve(
    model: Annotated[
        str,
        typer.Argument(help="A model's alias, which is followed, or a version: delays@champion, delays@3."),
    ],
    host: Annotated[
        str, typer.Option(help="The address to listen on; any other than loopback needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = DEFAULT_PORT,
    allow_host: Annotated[
        list[str], typer.Option("--allow-host", help="A further name to be addressed by.")
    ] = [],  # noqa: B006 - typer reads it
    require_token: Annotated[
        bool, typer.Option("--require-token", help="Ask for a token on loopback too.")
    ] = False,
) -> None:
    """Serve a model over HTTP until stopped; a new champion takes over without a dropped request."""
    require_all("starlette", "uvicorn", "orjson", "prometheus_client", "pyarrow", extra="serve")
    from interlock.engine.place import records_place
    from interlock.serving.endpoint import EndpointSettings
    from interlock.serving.endpoint import serve as run_endpoint
    from interlock.serving.logs import log_to_stderr
    from interlock.store.opening import place_of

    log_to_stderr()
    settings = EndpointSettings(
        host=host, port=port, allowed_hosts=tuple(allow_host), require_token=require_token
    )
    project = this_project()
    run_endpoint(
        project.home.create(),
        model,
        settings,
        announce=lambda url: _announce(model, url),
        place=place_of(project),
        records=records_place(project),
    )


def _announce(model: str, url: str) -> None:
    name = model.partition("@")[0]
    out = console()
    out.print(f"{model} at {url}", style="bold")
    out.print(f"  try it: {url}/docs   ask it: POST {url}/models/{name}/predict   v2: {url}/v2/models/{name}")


def predict(
    model: Annotated[str, typer.Argument(help="A model's alias or version: delays@champion, delays@3.")],
    rows: Annotated[
        list[Path],
        typer.Argument(help="A file of rows: csv, parquet, arrow or JSON lines; several with --engine."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Where the answers go: .csv, .parquet or .jsonl; by default NAME.scored.parquet in this folder. With "
            "--engine, a new folder.",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="What scores rows that are larger than memory, such as ray; by default this process, or the engine of "
            "the stack where it can."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Score files of rows with the slice of a model version."""
    from interlock.models.score import score_file
    from interlock.models.score_target import default_target

    if not all(one.name for one in rows):
        raise UsageError("No file of rows is named.")
    with this_context() as context:
        scorer = _scorer(context.project.stack.engine, engine)
        if scorer is not None:
            target = output or default_target(rows[0], Path()).with_suffix("")
            scored = scorer(context, model, rows, target)
        elif len(rows) > 1:
            raise UsageError(
                f"{len(rows)} files are named, and this process scores one.", hint="Try --engine ray"
            )
        else:
            target = output or default_target(rows[0], Path())
            scored = score_file(context, model, rows[0], target)
    if json:
        print_json(
            {"model": scored.model, "version": scored.version, "rows": scored.rows, "output": str(target)}
        )
    else:
        console().print(f"{scored.rows} rows scored by {scored.model}@{scored.version}: {target}")


def _scorer(
    stack: EngineConfig, name: str | None
) -> Callable[[RunContext, str, Sequence[Path], Path], Scored] | None:
    """Return what scores files elsewhere; None for this process."""
    from interlock.stack.config import EngineConfig
    from interlock.stack.plugins import load_plugin, plugins

    if name is None and stack.use not in plugins("scorer"):
        return None
    if name == "in-process":
        return None
    score = load_plugin("scorer", name or stack.use)
    config = stack if name in (None, stack.use) else EngineConfig(use=str(name))
    return lambda context, model, rows, target: score(context, config, model, rows, target)
