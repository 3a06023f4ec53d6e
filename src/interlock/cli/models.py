"""`interlock models`, `promote` and `rollback`."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlock.cli.console import console, print_json, print_table, shown_metrics, shown_time
from interlock.cli.options import Json, this_context
from interlock.errors import UsageError

if TYPE_CHECKING:
    from interlock.engine.context import RunContext
    from interlock.records.model import ModelVersion

Reason = Annotated[str, typer.Option("--reason", "-m", help="Why; it is recorded.")]
_BY_HAND = "promoted by hand"


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(models)
    app.command()(promote)
    app.command()(rollback)


def models(
    model: Annotated[str | None, typer.Argument(help="Show the versions of this model.")] = None,
    json: Json = False,
) -> None:
    """List the models, or the versions of one with its aliases and what was decided about them."""
    with this_context() as context:
        if model is None:
            _list_models(context, as_json=json)
        else:
            _list_versions(context, model, as_json=json)


def _list_models(context: RunContext, *, as_json: bool) -> None:
    models = context.records.models
    rows = [(name, len(models.list(name)), models.aliases(name)) for name in models.names()]
    if as_json:
        print_json([{"model": name, "versions": count, "aliases": aliases} for name, count, aliases in rows])
    else:
        shown = [(name, count, _aliases(aliases)) for name, count, aliases in rows]
        print_table("", ("model", "versions", "aliases"), shown)


def _list_versions(context: RunContext, model: str, *, as_json: bool) -> None:
    from interlock.loop.story import story

    records = context.records
    versions = list(reversed(records.models.list(model)))
    if not versions:
        from interlock.records.unknown import UnknownModel

        raise UnknownModel(model, records.models.names())
    aliases, told = records.models.aliases(model), story(records, model)
    if as_json:
        body = [_version_json(one, aliases) for one in versions]
        print_json(
            {"model": model, "versions": body, "aliases": aliases, "story": [asdict(one) for one in told]}
        )
        return
    columns = ("version", "status", "alias", "made", "run", "metrics")
    print_table("", columns, [_version_row(one, aliases) for one in versions])
    print_table("", ("when", "what", "why"), [(shown_time(one.at), one.kind, one.text) for one in told])


def _version_row(version: ModelVersion, aliases: dict[str, int]) -> tuple[Any, ...]:
    named = _aliases_of(version, aliases)
    made, metrics = shown_time(version.created_at), shown_metrics(version.metrics)
    return (
        f"{version.model}@{version.number}",
        version.status,
        ", ".join(named),
        made,
        version.run_id,
        metrics,
    )


def _version_json(version: ModelVersion, aliases: dict[str, int]) -> dict[str, Any]:
    body = {name: value for name, value in asdict(version).items() if name not in ("manifest", "recorded_at")}
    return body | {"aliases": _aliases_of(version, aliases)}


def _aliases_of(version: ModelVersion, aliases: dict[str, int]) -> list[str]:
    return sorted(alias for alias, number in aliases.items() if number == version.number)


def _aliases(aliases: dict[str, int]) -> str:
    return "  ".join(f"{alias} → {number}" for alias, number in sorted(aliases.items()))


def show_version(context: RunContext, name: str, *, as_json: bool) -> None:
    """Print a model version and the verdicts of its gates."""
    from interlock.models.registry import resolve

    version = resolve(context.records, name)
    aliases = context.records.models.aliases(version.model)
    verdicts = context.records.models.verdicts(version.model, version.number)
    run = context.records.runs.get(version.run_id)
    if as_json:
        body = _version_json(version, aliases) | {"version_id": run.version_id}
        print_json(body | {"verdicts": [asdict(one) for one in verdicts]})
        return
    out = console()
    out.print(f"{version.model}@{version.number}  {version.status}", style="bold")
    for fact, text in {
        "version id": run.version_id or "",
        "aliases": ", ".join(_aliases_of(version, aliases)),
        "made": shown_time(version.created_at),
        "run": version.run_id,
        "metrics": shown_metrics(version.metrics),
        "bundle": version.bundle[:20],
    }.items():
        out.print(f"  {fact:<12} {text}")
    for verdict in verdicts:
        mark, style = ("✓", "green") if verdict.passed else ("✗", "red")
        out.print(f"  {mark} {verdict.gate}: {verdict.reason}", style=style)


def promote(
    model: Annotated[str, typer.Argument(help="A model, for its challenger, or a version such as delays@3.")],
    reason: Reason = _BY_HAND,
    anyway: Annotated[
        bool,
        typer.Option(
            "--anyway",
            help="Although it lost to the champion, or cannot be compared with it; needs --reason.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Make a version the champion; one that its gates refuse is refused here too, with their reasons."""
    from interlock.models.promotion import promote as move

    if anyway and reason == _BY_HAND:
        raise UsageError("--anyway needs a --reason: it is recorded with the promotion.")
    name, _, which = model.partition("@")
    with this_context() as context:
        actor = getpass.getuser()
        moved = move(context, name, which or None, reason=reason, actor=actor, anyway=anyway)
    if json:
        print_json(asdict(moved))
    else:
        before = f" in place of version {moved.previous}" if moved.previous else ""
        console().print(
            f"{name}@{moved.version} is champion{before}. Serve it: interlock serve {name}@champion"
        )


def rollback(
    model: Annotated[str, typer.Argument(help="A model.")],
    reason: Reason = "rolled back by hand",
    json: Json = False,
) -> None:
    """Make the previous champion the champion again."""
    from interlock.models.registry import rollback as move

    with this_context() as context:
        moved = move(context.records, model, reason=reason, actor=getpass.getuser())
    if json:
        print_json(asdict(moved))
    else:
        console().print(f"{model}@{moved.version} is champion again, in place of version {moved.previous}.")
