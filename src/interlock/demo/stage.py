"""The play of the demo: months arrive, the supervisor keeps the model alive, a client keeps asking."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from interlock.demo.client import Client, Tally, in_background
from interlock.demo.judge import MonthScore, judge_months
from interlock.demo.projects import write_project
from interlock.demo.world import OUTCOME, World, load_flights
from interlock.engine.context import RunContext, open_context
from interlock.errors import InterlockError
from interlock.history.reproduce import How, reproduce
from interlock.loop.story import Entry, story
from interlock.models.registry import CHAMPION
from interlock.monitor.drift import DriftReport
from interlock.records.model import Certificate
from interlock.stack.home import find_project

MODEL = "delays"
_PATIENCE = 120.0
"""Seconds that the loop has to act on a month before the demo gives up."""


class DemoStuck(InterlockError):
    """The loop did not act on a month in time."""


@dataclass
class Played:
    """All that the play left behind."""

    folder: Path
    home: Path
    tally: Tally
    scores: list[MonthScore] = field(default_factory=list)
    events: list[Entry] = field(default_factory=list)
    drift: dict[int, dict[str, float]] = field(default_factory=dict)
    certificate: Certificate | None = None
    seconds: float = 0.0


def play(folder: Path, months: int, say: Callable[[str], None]) -> Played:
    """Live through the first months of the year in a new project, and return what came of it.

    Raises:
        FolderInUse: The folder holds the demo's project already.
        DemoStuck: The loop stopped turning.
    """
    clock = time.perf_counter()
    write_project("project", folder)
    folder = folder.resolve()
    world = World(load_flights(), folder)
    world.publish(1)
    say("January is known; the supervisor trains the first model …")
    with ExitStack() as stack:
        context = stack.enter_context(open_context(find_project(folder)))
        supervisor = Supervisor(folder)
        stack.callback(supervisor.stop)
        stage = _Stage(context, world, supervisor, say)
        stage.wait_until_settled(1)
        client = Client(stage.endpoint_url(), MODEL)
        stack.callback(client.close)
        for month in range(2, months + 1):
            stage.live_through(month, client)
        world.publish(months)
        stage.wait_until_settled(months)
        supervisor.stop()
        played = Played(folder, context.project.home.path, client.tally)
        played.scores = judge_months(context, world, MODEL, list(range(2, months + 1)))
        played.events = stage.story()
        played.drift = stage.measured_drift()
        champion = context.records.models.resolve(MODEL, CHAMPION)
        say(f"{champion.run_id}, the run of the last champion, is made again …")
        played.certificate = reproduce(context, champion.run_id, How(here=True))
        played.seconds = time.perf_counter() - clock
    return played


class Supervisor:
    """`interlock up` as a child process, as a user would run it."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "supervisor.log"
        self._output = self.log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "interlock", "up"],
            cwd=folder,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Ask it to end, and wait until it and its endpoint have."""
        if self.running:
            self._process.terminate()
            self._process.wait(timeout=60)
        self._output.close()


class _Stage:
    """What the play needs to know of the loop, read from the records as anybody may read them."""

    def __init__(
        self, context: RunContext, world: World, supervisor: Supervisor, say: Callable[[str], None]
    ) -> None:
        self._context = context
        self._world = world
        self._supervisor = supervisor
        self._say = say
        self._told = 0
        self._began: dict[int, float] = {}

    def live_through(self, month: int, client: Client) -> None:
        """Let the month before become known, and ask about this one while the loop is at work."""
        self._began[month] = time.time()
        if month > 2:
            self._world.publish(month - 1)
        columns = [str(name) for name in self._world.flights if name not in ("row_id", "month", OUTCOME)]
        flights = self._world.requests(month, columns)
        asking = in_background(lambda: client.ask_all(flights, lambda: not self._settled(month - 1)))
        self.wait_until_settled(month - 1)
        asking.join()

    def wait_until_settled(self, months: int) -> None:
        """Wait until the loop has acted on each of the months that are known.

        Raises:
            DemoStuck: It does not, or it has ended.
        """
        until = time.monotonic() + _PATIENCE
        while not self._settled(months):
            if time.monotonic() > until or not self._supervisor.running:
                raise DemoStuck(f"The loop did not act on month {months}.", where=str(self._supervisor.log))
            time.sleep(0.1)
        self._tell()

    def endpoint_url(self) -> str:
        """Return where the model is served, once it is."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            deployment = self._context.records.deployments.get(MODEL, "champion")
            if deployment is not None and deployment.state == "running":
                return deployment.url
            time.sleep(0.1)
        raise DemoStuck("The endpoint did not come up.", where=str(self._supervisor.log))

    def _settled(self, months: int) -> bool:
        signals = self._context.records.signals.list(MODEL)
        closed = [s for s in signals if s.kind in ("first", "data") and s.state not in ("new", "claimed")]
        return len(closed) >= months

    def _tell(self) -> None:
        decisions = sorted(self._context.records.decisions.list(MODEL), key=lambda one: one.id)
        for decision in decisions[self._told :]:
            self._say(f"  {decision.kind}: {decision.reason}")
        self._told = len(decisions)

    def story(self) -> list[Entry]:
        """Return what happened, in order."""
        return list(story(self._context.records, MODEL))

    def measured_drift(self) -> dict[int, dict[str, float]]:
        """Return the drift of each column in each month: the largest of the month's windows."""
        found: dict[int, dict[str, float]] = {}
        for window in self._context.records.windows.list(MODEL, kind="drift"):
            month = self._month_at(window.started_at)
            for name, psi in DriftReport.from_json(window.values).psi.items():
                found.setdefault(month, {})[name] = max(psi, found.get(month, {}).get(name, 0.0))
        return found

    def _month_at(self, moment: float) -> int:
        return max((month for month, began in self._began.items() if began <= moment), default=2)
