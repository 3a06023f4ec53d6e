"""The supervisor: it turns the wheel of each model, keeps the endpoints up, and waits for nobody."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import ClassVar

from interlock.engine.context import RunContext, open_context
from interlock.errors import InterlockError, did_you_mean
from interlock.loop.endpoint import EndpointKeeper
from interlock.loop.events import Event, OnEvent, Tell
from interlock.loop.keeper import Holder, Keeper
from interlock.loop.monitors import Monitors
from interlock.loop.runner import ChildRunner, Runner
from interlock.loop.triggers import Trigger, TriggerSyntaxError, parse_trigger
from interlock.loop.watcher import Watcher
from interlock.models.registry import CHAMPION
from interlock.records.model import Signal
from interlock.stack.config import Project
from interlock.stack.config_file import ConfigError

__all__ = ["Event", "Supervisor", "UnknownModelToKeep"]

TICK_SECONDS = 0.5
"""How often the supervisor looks."""

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class UnknownModelToKeep(InterlockError):
    """A model was to be kept alive that the project does not configure."""

    exit_code: ClassVar[int] = 2

    def __init__(self, name: str, project: Project) -> None:
        super().__init__(
            f"There is no model {name!r} in the configuration.",
            where=str(project.file or project.root),
            hint=did_you_mean(name, project.config.model),
        )
        self.name = name


@dataclass(frozen=True)
class _Kept:
    """What belongs to one model."""

    keeper: Keeper
    monitors: Monitors
    endpoint: EndpointKeeper
    tell: Tell


class Supervisor:
    """Keeps models alive until it is stopped. Several may run: each model has one that holds its lease.

    Args:
        project: The project.
        models: The models to keep alive; all that are configured when none is named.
        on_event: Told of each event, as it happens.
        runner: Starts the runs; by default each in a child process.
        clock: The time, in seconds since the epoch.
        holder: Who it is to other supervisors; by default a name of its own.
        serve: Whether to keep endpoints up.

    Raises:
        UnknownModelToKeep: A model is not configured.
        TriggerSyntaxError: An entry of `retrain.on` cannot be read.
        ConfigError: Several of them cannot.
    """

    def __init__(
        self,
        project: Project,
        models: Sequence[str] = (),
        *,
        on_event: OnEvent = lambda _event: None,
        runner: Runner | None = None,
        clock: Callable[[], float] = time.time,
        holder: Holder | None = None,
        serve: bool = True,
    ) -> None:
        self._project = project
        self._triggers = _triggers(project, models or tuple(project.config.model))
        self._on_event = on_event
        self._runner = runner or ChildRunner(project.root)
        self._clock = clock
        self._holder = holder or Holder(f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}")
        self._serve = serve
        self._kept: dict[str, _Kept] = {}
        self._troubles: dict[str, str] = {}

    def run(self, stop: threading.Event | None = None) -> None:
        """Look again and again until `stop` is set or, in the main thread, SIGTERM or SIGINT comes.

        Runs and endpoints are ended and the leases given back before it returns.
        """
        stop = stop or threading.Event()
        with self._open(), _stopping_on_signals(stop):
            while not stop.is_set():
                self.tick()
                stop.wait(TICK_SECONDS)

    def run_once(self) -> None:
        """Let the monitors look, act on all that is due, and return when it has ended; nothing is served."""
        with self._open():
            for kept in self._kept.values():
                kept.monitors.look_now()
            while self._turn(patient=False):
                time.sleep(0.05)

    @contextlib.contextmanager
    def opened(self) -> Iterator[Supervisor]:
        """Open the records for `tick`, and in the end stop what was started; `run` does that by itself."""
        with self._open():
            yield self

    def tick(self) -> None:
        """Look once: act on what is due, without waiting for anything that takes long."""
        for name, kept in self._kept.items():
            self._attempt(name, kept, lambda kept=kept: self._look(kept))  # type: ignore[misc]

    def _look(self, kept: _Kept) -> None:
        kept.keeper.look()
        if not kept.keeper.holding:
            kept.monitors.stop()
            kept.endpoint.stop()
            return
        if not kept.keeper.busy:
            kept.monitors.look()
        if self._serve and self._context.records.models.alias(kept.keeper.model, CHAMPION) is not None:
            kept.endpoint.keep()

    def _turn(self, *, patient: bool) -> bool:
        """Act once on each model; return whether there may be more to do."""
        before = self._open_signals()
        for name, kept in self._kept.items():
            self._attempt(name, kept, lambda kept=kept: kept.keeper.look(patient=patient))  # type: ignore[misc]
        return any(kept.keeper.busy for kept in self._kept.values()) or self._open_signals() != before

    def _open_signals(self) -> list[tuple[int, str]]:
        pending = self._context.records.signals.pending
        found: list[Signal] = [one for name in self._kept for one in pending(name)]
        return [(one.id, one.state) for one in found]

    def _attempt(self, name: str, kept: _Kept, work: Callable[[], None]) -> None:
        """Let one model's trouble be its own: it is told once, and the others go on."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the last line of defence of a process that must not end
            said = error.what if isinstance(error, InterlockError) else f"{type(error).__name__}: {error}"
            if self._troubles.get(name) != said:
                kept.tell("trouble", said)
            self._troubles[name] = said
        else:
            self._troubles.pop(name, None)

    @contextlib.contextmanager
    def _open(self) -> Iterator[None]:
        with open_context(self._project) as context:
            self._context = context
            self._kept = {name: self._keep(context, name) for name in self._triggers}
            try:
                yield
            finally:
                self._close()

    def _keep(self, context: RunContext, name: str) -> _Kept:
        config = context.project.config.model[name]

        def tell(kind: str, text: str) -> None:
            self._on_event(Event(self._clock(), name, kind, text))

        watcher = Watcher(context, name, self._triggers[name], self._clock)
        keeper = Keeper(
            context,
            config.retrain,
            watcher=watcher,
            runner=self._runner,
            tell=tell,
            holder=self._holder,
            clock=self._clock,
        )
        home = context.project.home
        root = context.project.root
        endpoint = EndpointKeeper(home, name, config.deploy, context.records.deployments, tell, project=root)
        return _Kept(keeper, Monitors(context, name, tell, every=config.drift.every), endpoint, tell)

    def _close(self) -> None:
        """End what was started: first the runs, so that nothing new goes live, then the endpoints."""
        with contextlib.ExitStack() as stack:  # whatever fails, the rest is stopped as well
            for kept in self._kept.values():
                stack.callback(kept.endpoint.stop)
                stack.callback(kept.monitors.stop)
                stack.callback(kept.keeper.release)
        self._kept = {}


def _triggers(project: Project, models: Sequence[str]) -> Mapping[str, Sequence[Trigger]]:
    found: dict[str, list[Trigger]] = {name: [] for name in models}
    faults: list[tuple[str, TriggerSyntaxError]] = []
    for name in models:
        if name not in project.config.model:
            raise UnknownModelToKeep(name, project)
        for text in project.config.model[name].retrain.on:
            try:
                found[name].append(parse_trigger(text))
            except TriggerSyntaxError as fault:
                faults.append((name, fault))
    if len(faults) == 1:
        raise faults[0][1]
    if faults:
        lines = [f"  model.{name}.retrain.on: {fault.what} {fault.hint}" for name, fault in faults]
        raise ConfigError(project.file or project.root, lines)
    return found


@contextlib.contextmanager
def _stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    """Set an event on SIGTERM and SIGINT; only the main thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, handler) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
