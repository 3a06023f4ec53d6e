"""An endpoint put together, from the records to the socket."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from interlock.errors import InterlockError
from interlock.models.bundle import KIND, load_bundle
from interlock.records.place import Place
from interlock.records.records import Records
from interlock.serving.app import build_app, openings
from interlock.serving.guard import Guard, Policy
from interlock.serving.guard_checks import LOOPBACK_NAMES
from interlock.serving.live import Live, Servable, Status
from interlock.serving.metrics import Metrics
from interlock.serving.pool import Pool
from interlock.serving.prediction_log import PredictionLog
from interlock.serving.server import Server, listen, url_of
from interlock.serving.service import Service
from interlock.serving.target import Pointers, Target, parse_target
from interlock.serving.tokens import TokenBook, check_bind, is_loopback
from interlock.serving.watch import Pointer, Watcher
from interlock.stack.layout import Home
from interlock.store.opening import AT_HOME, Store, StorePlace, open_store

_log = logging.getLogger("interlock.serving")
_WILDCARDS = frozenset({"", "*", "0.0.0.0", "::"})  # noqa: S104 - compared, not bound


@dataclass(frozen=True)
class EndpointSettings:
    """How an endpoint serves.

    Args:
        host: The address to listen on.
        port: The port; 0 takes any free one.
        allowed_hosts: Names, besides those of loopback and `host`, by which it may be addressed.
        require_token: Ask for a token on loopback too.
        max_body: Bytes of a request.
        threads: How many predictions run at once.
        waiting: How many more may wait.
        predict_seconds: How long a prediction may take.
        poll_seconds: How often the alias is looked at.
        drain_seconds: How long clients have to let go of their connections at the end.
    """

    host: str = "127.0.0.1"
    port: int = 0
    allowed_hosts: tuple[str, ...] = ()
    require_token: bool = False
    max_body: int = 8 * 1024 * 1024
    threads: int = max(2, min(4, os.cpu_count() or 2))
    waiting: int = 128
    predict_seconds: float = 30.0
    poll_seconds: float = 0.2
    drain_seconds: float = 0.3


class Endpoint:
    """One model behind HTTP, without the socket: the application and what it needs.

    Args:
        home: Where the prediction log and the tokens lie.
        first: The version that answers until another one is swapped in.
        settings: How to serve.
    """

    def __init__(self, home: Home, first: Servable, settings: EndpointSettings) -> None:
        self.live = Live(first)
        self.status = Status()
        self.pool = Pool(settings.threads, waiting=settings.waiting, seconds=settings.predict_seconds)
        self.log = PredictionLog(home, first.model)
        self.metrics = Metrics(first.model)
        self.metrics.watch(
            version=lambda: self.live.current.bundle.version,
            in_flight=lambda: self.pool.busy,
            log=lambda: self.log.counts,
        )
        service = Service(self.live, self.status, self.pool, self.metrics, self.log)
        self.guard: Guard = build_app(service, _policy(home, settings))

    def stopping(self) -> None:
        """Say from now on that this endpoint is not ready for new work; it still answers."""
        self.status.closing = True

    def close(self) -> None:
        """Write what is to be logged, and let the threads go."""
        self.pool.close()
        self.log.close()


def serve(
    home: Home,
    target: str,
    settings: EndpointSettings | None = None,
    *,
    place: StorePlace = AT_HOME,
    sock: socket.socket | None = None,
    announce: Callable[[str], None] = lambda _url: None,
    records: Place | None = None,
) -> None:
    """Serve a model until SIGTERM or SIGINT; return when everything that was accepted is answered.

    Args:
        home: Where the records and the logs are.
        target: `MODEL@ALIAS`, which is followed, or `MODEL@VERSION`.
        settings: How to serve.
        place: Where the store is.
        sock: A listening socket to use instead of a new one.
        announce: Told the address when requests are taken.
        records: Where the records are, when not in the file of `home`.

    Raises:
        BadTarget, UnsafeBind, CannotListen: It cannot be served so.
        UnknownModel, UnknownVersion, UnknownAlias, RecordsGone: There is nothing to serve.
        BundleError, CodeSpaceError, CorruptBlob: The version cannot be loaded.
    """
    settings = settings or EndpointSettings()
    wanted = parse_target(target)
    check_bind(home, settings.host)
    home.create()
    store = open_store(home, place)
    recorded = records or home.records
    pointers = Pointers(recorded, store, wanted)

    def load(pointer: Pointer) -> Servable:
        return load_bundle(store, pointer.bundle, workdir=home.tmp, version=pointer.version, run=pointer.run)

    first = load(pointers.resolve())
    sock = sock or listen(settings.host, settings.port)
    endpoint = Endpoint(home, first, settings)
    register = _Register(recorded, store, wanted, url_of(sock))
    watcher = Watcher(
        pointers.resolve,
        load,
        endpoint.live,
        endpoint.status,
        probe=lambda pointer: store.get_manifest(KIND, pointer.bundle),
        loaded=lambda version: register.put("running", version),
        every=settings.poll_seconds,
    )
    server = Server(endpoint.guard, sock, drain_seconds=settings.drain_seconds, stopping=endpoint.stopping)
    register.put("running", first.version)
    watcher.start()
    announce(url_of(sock))
    try:
        server.serve_until_stopped()
    finally:
        watcher.stop()
        endpoint.close()
        register.put("stopped", endpoint.live.current.bundle.version)


@dataclass(frozen=True)
class _Register:
    """Tells the records where the endpoint is. Serving does not depend on being told."""

    place: Place
    store: Store
    target: Target
    url: str

    def put(self, state: str, version: int) -> None:
        alias = self.target.alias or str(self.target.version)
        pid = os.getpid() if state == "running" else None
        # A new file in the place of one that is gone would be in the way of the old one.
        if isinstance(self.place, Path) and not self.place.exists():
            _log.error("the deployment was not recorded", extra={"state": state})
            return
        try:
            with Records.open(self.place, self.store) as records:
                records.deployments.put(self.target.model, alias, self.url, pid, version, state)
        except InterlockError:
            _log.exception("the deployment was not recorded", extra={"state": state})


def _policy(home: Home, settings: EndpointSettings) -> Policy:
    public = is_loopback(settings.host) and not settings.require_token
    return Policy(
        hosts=_hosts(settings),
        openings=openings(public=public),
        verify=TokenBook(home.token_file).verify,
        max_body=settings.max_body,
    )


def _hosts(settings: EndpointSettings) -> frozenset[str]:
    host = settings.host.lower()
    own = set() if host in _WILDCARDS else {f"[{host.strip('[]')}]" if ":" in host else host}
    return LOOPBACK_NAMES | own | {name.lower() for name in settings.allowed_hosts}
