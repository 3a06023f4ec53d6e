"""Discovery of plugins: whatever is installed and says which socket it fills.

A plugin is an entry point in the group ``interlock.<socket>``. Nothing here imports a plugin until it is
asked for by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from interlock.errors import InterlockError, did_you_mean


class UnknownPlugin(InterlockError):
    """No installed distribution offers a plugin of that name for the socket."""

    exit_code = 2

    def __init__(self, socket: str, name: str, known: Mapping[str, EntryPoint]) -> None:
        super().__init__(
            f"No plugin {name!r} is installed for the socket {socket!r}.",
            hint=did_you_mean(name, known)
            or f"Plugins register in the entry point group 'interlock.{socket}'.",
        )
        self.socket = socket
        self.name = name


class PluginConflict(InterlockError):
    """Two installed distributions offer a plugin of the same name."""

    def __init__(self, socket: str, first: EntryPoint, second: EntryPoint) -> None:
        super().__init__(
            f"Two plugins are named {first.name!r} for the socket {socket!r}: "
            f"{first.value} ({_distribution(first)}) and {second.value} ({_distribution(second)}).",
            hint="Uninstall one of the two.",
        )


class PluginImportFailed(InterlockError):
    """An installed plugin cannot be imported."""

    def __init__(self, socket: str, entry: EntryPoint, reason: Exception) -> None:
        super().__init__(
            f"The plugin {entry.name!r} of the socket {socket!r} failed to import: "
            f"{type(reason).__name__}: {reason}",
            where=f"{entry.value} ({_distribution(entry)})",
        )


def plugins(socket: str) -> Mapping[str, EntryPoint]:
    """Return the installed plugins of a socket by name, unloaded.

    Raises:
        PluginConflict: Two different plugins share a name; picking one would be a coin toss.
    """
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=f"interlock.{socket}"):
        # A distribution that is on the path twice (an editable install beside its build) is one plugin.
        if entry.name in found and found[entry.name].value != entry.value:
            raise PluginConflict(socket, found[entry.name], entry)
        found[entry.name] = entry
    return found


def load_plugin(socket: str, name: str) -> Any:
    """Import a plugin and return what its entry point names.

    Raises:
        UnknownPlugin: Nothing of that name is installed for the socket.
        PluginImportFailed: It is installed and broken.
    """
    known = plugins(socket)
    if name not in known:
        raise UnknownPlugin(socket, name, known)
    try:
        return known[name].load()
    except Exception as error:
        raise PluginImportFailed(socket, known[name], error) from error


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "unknown distribution"
