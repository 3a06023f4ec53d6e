"""How changes between runs are printed: code with its lines, environments as before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interlock.cli.console import console

if TYPE_CHECKING:
    from interlock.history.changes import Change
    from interlock.history.environments import EnvironmentDiff


def print_change(change: Change, kind: str = "") -> None:
    """Print one change, with the lines that went and came below it."""
    out = console()
    moved = " → ".join(one for one in (change.before, change.after) if one)
    what = f"{kind} {change.what}".strip()
    out.print(f"    {what}{f': {moved}' if moved else ''}{f'  {change.where}' if change.where else ''}")
    for line in change.lines:
        out.print(f"      {line}", style={"-": "red", "+": "green"}.get(line[:1], ""))


def environment_rows(found: EnvironmentDiff) -> list[tuple[str, str, str]]:
    """Return what differs between two environments, as name, before and after."""
    pairs = {"python": found.python, "platform": found.platform, **found.distributions, **found.facts}
    return [(name, *pair) for name, pair in pairs.items() if pair]
