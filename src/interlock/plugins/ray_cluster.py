"""A Ray cluster, joined for as long as something runs on it: one that is there, or a local one of its own."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.engine.resources import NotEnoughResources, usable_cores
from interlock.errors import InterlockError, first_line
from interlock.extras import require
from interlock.graph.model import Node
from interlock.graph.options import memory_bytes
from interlock.graph.step import StepOptions
from interlock.stack.config import EngineConfig, Project
from interlock.stack.sockets import BlobStore
from interlock.store.blobs import LocalStore

_NEVER_SENT = (
    *("/.interlock/", "/.git/", "/.venv/", "/venv/", "/node_modules/", "/interlock-demo/"),
    *("__pycache__/", ".mypy_cache/", ".ruff_cache/", ".pytest_cache/", ".env", "*.pem", "*.key"),
)
"""What of a project stays here, in the patterns of `.gitignore`: state, history, environments, secrets."""


class RayUnreachable(InterlockError):
    """The Ray cluster of a stack cannot be joined, or must not be."""


class StoreOutOfReach(InterlockError):
    """The nodes of a cluster cannot reach the store of a project."""


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that this process has joined.

    Attributes:
        ray: The module.
        remote: Whether some of its nodes are other machines than this one.
        ours: Whether this process joined it for the run, and leaves it at its end.
    """

    ray: Any
    remote: bool
    ours: bool

    def nodes(self) -> list[Mapping[str, Any]]:
        """Return the nodes that are alive."""
        return [node for node in self.ray.nodes() if node["Alive"]]

    def cpus(self) -> float:
        """Return the CPUs of all nodes."""
        return float(sum(node["Resources"].get("CPU", 0.0) for node in self.nodes()))

    def leave(self) -> None:
        """Leave it; a local one that was started for the run ends."""
        if self.ours:
            self.ray.shutdown()


def join(config: EngineConfig, project: Project, store: BlobStore) -> Cluster:
    """Join the cluster of a stack; without an address, start a local one. One that is joined already is taken.

    Raises:
        MissingExtra: Ray is not installed.
        RayUnreachable: Nothing answers at the address, or whoever reaches it could run code.
        StoreOutOfReach: Nodes are on other machines, and the store is a folder of this one.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray = require("ray", extra="ray")
    if ray.is_initialized():
        return Cluster(ray, _is_remote(ray), ours=False)
    _init(ray, config)
    try:
        cluster = Cluster(ray, _is_remote(ray), ours=True)
        _check_guarded(cluster, config)
        if cluster.remote:
            _check_reach(store)
            ray.shutdown()  # code can be sent with the joining only
            _init(ray, config, runtime_env={"working_dir": str(project.root), "excludes": not_sent(project)})
    except BaseException:
        ray.shutdown()
        raise
    return cluster


def not_sent(project: Project) -> list[str]:
    """Return what of a project's folder is not sent to other machines, in the patterns of `.gitignore`."""
    uris = [config.uri for config in project.config.data.values()]
    datasets = [
        f"/{uri.removeprefix('./')}" for uri in uris if "://" not in uri and not Path(uri).is_absolute()
    ]
    data = [] if (project.root / "data" / "__init__.py").exists() else ["/data/"]
    return [*_NEVER_SENT, *data, *datasets]


def variables(project: Project) -> dict[str, str]:
    """Return the environment variables that the steps of a project are declared to read, as they are here."""
    declared = project.config.environment.variables
    return {name: os.environ[name] for name in declared if name in os.environ}


def check_nodes(cluster: Cluster, nodes: tuple[Node, ...]) -> None:
    """Refuse steps for which no node is large enough; Ray would wait for one without end.

    Raises:
        NotEnoughResources: There is such a step.
    """
    there = [node["Resources"] for node in cluster.nodes()]
    for node in nodes:
        if node.step is None:
            continue
        wanted = wants(node.step.options)
        if not any(all(one.get(name, 0.0) >= count for name, count in wanted.items()) for one in there):
            words = ", ".join(f"{count:g} {name}" for name, count in wanted.items())
            raise NotEnoughResources(
                f"Step {node.name!r} asks for {words}; no node of the Ray cluster has that much.",
                where=node.step.location,
            )


def wants(options: StepOptions) -> dict[str, float]:
    """Return what a step asks for, by Ray's names; of GPUs a part of one, or whole ones."""
    gpus = options.gpus if options.gpus <= 1 else float(-(-options.gpus // 1))
    wanted = {
        "CPU": options.cpus,
        "GPU": gpus,
        "memory": 0 if options.memory is None else memory_bytes(options.memory),
    }
    return {name: float(count) for name, count in wanted.items() if count}


def _init(ray: Any, config: EngineConfig, **more: Any) -> None:
    if config.address is not None and config.address.startswith("ray://"):
        raise RayUnreachable(
            f"{config.address} is an address of Ray Client, over which values cannot be shared.",
            hint='Start the run on a node of the cluster, with address = "auto".',
        )
    options = {"log_to_driver": False, "logging_level": "error", **more}
    if config.address is None:
        options |= {
            "address": "local",  # left out, Ray looks for a cluster of somebody
            "num_cpus": config.workers or usable_cores(),
            "include_dashboard": False,
            "_node_ip_address": "127.0.0.1",
        }
    else:
        options |= {"address": config.address}
    local = _joined_locally(config)
    if local and config.address is not None:
        options |= {"_node_ip_address": "127.0.0.1"}
    try:
        with _own_sigterm(), on_loopback() if local else contextlib.nullcontext():
            ray.init(**options)
    except Exception as error:  # Ray raises what it likes
        where = config.address or "a local Ray"
        raise RayUnreachable(
            f"Ray cannot be joined at {where}: {first_line(error)}",
            hint='Name a running cluster: engine = { use = "ray", address = "HOST:PORT" }; without an address a local '
            "Ray is started.",
        ) from error


def _joined_locally(config: EngineConfig) -> bool:
    return config.address is None or _is_loopback(config.address.rpartition(":")[0])


@contextlib.contextmanager
def on_loopback() -> Iterator[None]:
    """Keep Ray on 127.0.0.1: it takes that for a slip, and would listen on all interfaces of the machine."""
    services: Any = require("ray._private.services", extra="ray")
    before = services.resolve_ip_for_localhost
    services.resolve_ip_for_localhost = lambda host: host
    try:
        yield
    finally:
        services.resolve_ip_for_localhost = before


@contextlib.contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep what this process does on SIGTERM, which Ray would replace."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _check_guarded(cluster: Cluster, config: EngineConfig) -> None:
    """Refuse a cluster in which whoever reaches its ports can run code."""
    open_to = [
        node["NodeManagerAddress"] for node in cluster.nodes() if not _is_loopback(node["NodeManagerAddress"])
    ]
    if open_to and config.address is None:
        raise RayUnreachable(
            f"The local Ray would listen on {open_to[0]}, not on 127.0.0.1 alone.",
            hint="This release of Ray is not known to Interlock; install another one.",
        )
    if open_to and os.environ.get("RAY_AUTH_MODE") != "token":
        raise RayUnreachable(
            f"The Ray cluster at {open_to[0]} asks for no token: whoever reaches it can run code.",
            hint="Switch token authentication on: RAY_AUTH_MODE=token on all of its nodes, and here.",
        )


def _check_reach(store: BlobStore) -> None:
    if isinstance(store, LocalStore):
        raise StoreOutOfReach(
            "The Ray cluster has nodes on other machines, and the store is a folder of this one.",
            hint='Name a store that all nodes reach: store = "s3://bucket/prefix" in the stack.',
        )


def _is_remote(ray: Any) -> bool:
    here = socket.gethostname()
    return any(node["NodeManagerHostname"] != here for node in ray.nodes() if node["Alive"])


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False
