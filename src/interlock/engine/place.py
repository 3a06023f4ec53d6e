"""Where the records of a project are: its own file, or the database that its stack names."""

from __future__ import annotations

from interlock.records.place import Place, Server
from interlock.stack.config import Project
from interlock.store.sources.address import filled_in


def records_place(project: Project) -> Place:
    """Return where the records are; what stands for a secret is put in here, and only shown again without it.

    Raises:
        UnsetVariable: The address names an environment variable that is not set.
    """
    return records_server(project.stack.records) if project.stack.records else project.home.records


def records_server(uri: str) -> Server:
    """Return the database that an address names.

    Raises:
        UnsetVariable: It names an environment variable that is not set.
        BadRecordsAddress: It is no address of a database for records.
    """
    server = Server(filled_in("The address of the records", uri))
    _ = server.address
    return server
