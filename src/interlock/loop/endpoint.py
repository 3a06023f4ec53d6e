"""Keep the endpoint of a model's champion up: start it, start it again when it dies, stop it in the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from interlock.errors import InterlockError
from interlock.loop.events import Tell
from interlock.models.registry import CHAMPION
from interlock.records.deployments import Deployments
from interlock.serving.process import EndpointProcess, start_endpoint
from interlock.serving.server import CannotListen
from interlock.stack.config import DeployConfig
from interlock.stack.layout import Home

MAX_PAUSE = 60.0
"""Seconds that an endpoint which dies again and again is left alone at most."""

_STEADY = 60.0
"""Seconds after which an endpoint counts as up, so that its next death is a first one again."""


class EndpointKeeper:
    """The endpoint of one champion. A new champion is not its business: the endpoint follows the alias itself.

    Where the configuration leaves the port open, a restarted endpoint takes the port that it had before, also
    that of an earlier supervisor: clients keep their address.

    Args:
        home: Where the records are.
        model: The model.
        deploy: Where it is served.
        deployments: Where the endpoint says what it serves.
        tell: Told what happens.
        clock: A clock that nobody sets, in seconds.
        project: Its folder, where its stack says where the records are.
    """

    def __init__(
        self,
        home: Home,
        model: str,
        deploy: DeployConfig,
        deployments: Deployments,
        tell: Tell,
        clock: Callable[[], float] = time.monotonic,
        project: Path | None = None,
    ) -> None:
        self._home = home
        self._project = project
        self._model = model
        self._deploy = deploy
        self._deployments = deployments
        self._tell = tell
        self._clock = clock
        self._process: EndpointProcess | None = None
        self._started = self._retry_at = clock()
        self._deaths = 0
        self._serving: int | None = None

    @property
    def serving(self) -> int | None:
        """The version that the endpoint last said it answers with; None while there is none."""
        return self._serving

    @property
    def url(self) -> str | None:
        """Where it listens; None while it does not."""
        return self._process.url if self._process else None

    def keep(self) -> None:
        """Look once, and do what is needed: start, mourn, or note that another version answers now."""
        if self._process is None:
            if self._clock() >= self._retry_at:
                self._start()
        elif not self._process.running:
            self._mourn(self._process)
        else:
            self._note(self._process)

    def stop(self) -> None:
        """Let the endpoint answer what it has accepted, and end."""
        process, self._process, self._serving = self._process, None, None
        if process is not None:
            process.stop()
            self._tell("stopped", f"{process.url} serves no longer")

    def _start(self) -> None:
        target = f"{self._model}@{CHAMPION}"
        self._started = self._clock()
        try:
            try:
                self._process = self._begin(target, self._port())
            except CannotListen:
                if self._deploy.port:
                    raise
                self._process = self._begin(target, 0)
        except InterlockError as error:
            self._wait(f"the endpoint cannot be started: {error.what}")

    def _begin(self, target: str, port: int) -> EndpointProcess:
        options = ("--project", str(self._project)) if self._project else ()
        return start_endpoint(self._home, target, host=self._deploy.host, port=port, options=options)

    def _port(self) -> int:
        """Return the configured port, else the one of before."""
        last = self._deployments.get(self._model, CHAMPION)
        return self._deploy.port or (urlsplit(last.url).port if last else None) or 0

    def _mourn(self, process: EndpointProcess) -> None:
        if self._clock() - self._started >= _STEADY:
            self._deaths = 0
        self._process, self._serving = None, None
        self._deployments.put(self._model, CHAMPION, process.url, None, None, "down")
        self._wait(f"the endpoint ended with code {process.process.returncode}; its log is {process.log}")

    def _wait(self, why: str) -> None:
        pause = min(MAX_PAUSE, 2.0**self._deaths - 1)  # the first time at once
        self._deaths += 1
        self._retry_at = self._clock() + pause
        self._tell("trouble", why + (f"; next try in {pause:g} s" if pause else "; it is started again"))

    def _note(self, process: EndpointProcess) -> None:
        found = self._deployments.get(self._model, CHAMPION)
        if found is None or found.pid != process.pid or found.version == self._serving:
            return
        first, self._serving = self._serving is None, found.version
        verb = "serves" if first else "has swapped to"
        self._tell("endpoint" if first else "serving", f"{process.url} {verb} version {found.version}")
