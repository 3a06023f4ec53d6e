"""`interlock lock` and `interlock restore`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.console import console, print_json
from interlock.cli.options import Json, this_context

if TYPE_CHECKING:
    from interlock.history.lockfile import LockDifference
    from interlock.history.restore import Restored


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(lock)
    app.command()(restore)


def lock(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; say what differs from the lock.")
    ] = False,
    json: Json = False,
) -> None:
    """Write interlock.lock: the data, the environment and the champions as they now are."""
    from interlock.history import lockfile

    with this_context() as context:
        root = context.project.root
        before = lockfile.read_lock(root) if check else None
        now = lockfile.lock_of(context)
        if before is not None:
            _check(lockfile.differences(before, now), as_json=json)
            return
        path = lockfile.write_lock(root, now)
    if json:
        print_json(now.model_dump())
    else:
        console().print(f"{path.name}: {len(now.data)} datasets, {len(now.model)} champions. Commit it.")


def _check(found: list[LockDifference], *, as_json: bool) -> None:
    if as_json:
        print_json({"same": not found, "differences": [asdict(one) for one in found]})
    else:
        for one in found:
            console().print(_shown(one), style="yellow")
        console().print("not as locked" if found else "as locked")
    if found:
        raise typer.Exit(1)


def restore(
    source: Annotated[
        str | None, typer.Option("--from", metavar="SOURCE", help="A store to pull from what is not here.")
    ] = None,
    json: Json = False,
) -> None:
    """Bring back the data and the champions that interlock.lock names."""
    from interlock.cli.transfer import PrintedTransfer
    from interlock.history.restore import CannotRestore
    from interlock.history.restore import restore as bring_back

    with this_context() as context:
        try:
            done = bring_back(context, source=source, watch=PrintedTransfer())
        except CannotRestore as refused:
            if json:
                print_json({"restored": False, "problems": refused.problems})
            raise
    if json:
        print_json({"restored": True, **asdict(done)})
    else:
        _print(done)


def _print(done: Restored) -> None:
    out = console()
    if done.pulled:
        out.print(f"pulled {done.pulled.objects} objects from {done.pulled.source}")
    for name, what in done.data.items():
        out.print(f"data {name}: {what}")
    for one in done.models:
        before = "" if one.previous is None else f", in place of version {one.previous}"
        out.print(f"model {one.model}: version {one.version} is champion{before}")
    if not done.models:
        out.print("the champions are as they were")
    for difference in done.environment:
        out.print(_shown(difference), style="yellow")


def _shown(one: LockDifference) -> str:
    return f"{one.what}: locked {one.locked or 'without'}, now {one.now or 'without'}"
