"""`interlock up`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.console import console, print_json, shown_time
from interlock.cli.options import Json, this_project
from interlock.errors import InterlockError
from interlock.extras import require_all

if TYPE_CHECKING:
    from interlock.loop.supervisor import Event


class NothingToWatch(InterlockError):
    """`interlock up` was called in a project without models."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(up)


def up(
    model: Annotated[
        list[str] | None, typer.Argument(help="The models to keep alive; all when none is named.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Act once on what is due, serve nothing, and end.")
    ] = False,
    json: Json = False,
) -> None:
    """Keep models alive: watch the data and the answers, retrain, gate, promote, and keep the endpoints up."""
    require_all("starlette", "uvicorn", "orjson", "prometheus_client", "pyarrow", extra="serve")
    from interlock.loop.supervisor import Supervisor

    project = this_project()
    if not project.config.model:
        raise NothingToWatch(
            "There is no model to keep alive.",
            where=str(project.file or project.root),
            hint='Name one in interlock.toml:  [model.NAME]  pipeline = "package.module:pipeline"',
        )
    troubled: set[str] = set()

    def tell(event: Event) -> None:
        troubled.update({event.model} if event.kind == "trouble" else ())
        (_print_json if json else _print)(event)

    supervisor = Supervisor(project, models=tuple(model or ()), on_event=tell)
    if not once:
        supervisor.run()
        return
    supervisor.run_once()
    if troubled:
        raise typer.Exit(1)


def _print(event: Event) -> None:
    console().print(f"{shown_time(event.at)}  {event.model}  {event.kind}: {event.text}")


def _print_json(event: Event) -> None:
    print_json({"at": event.at, "model": event.model, "kind": event.kind, "text": event.text}, indent=None)
