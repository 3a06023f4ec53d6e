"""An endpoint as a child process: started, waited for, stopped by its own process id."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from interlock.errors import InterlockError
from interlock.stack.layout import Home

_TAIL = 12


class EndpointFailed(InterlockError):
    """An endpoint ended, or said nothing, before it was ready."""

    def __init__(self, target: str, reason: str, log: Path, tail: Sequence[str]) -> None:
        super().__init__(
            f"The endpoint of {target} did not start: {reason}.",
            where=str(log),
            hint="\n  ".join(["The end of its log:", *tail]) if tail else "",
        )
        self.target = target


@dataclass
class EndpointProcess:
    """A running endpoint.

    Attributes:
        target: What it serves, such as `delays@champion`.
        url: Where; known before it is ready.
        log: The file that its stderr goes to; earlier endpoints of the target wrote to it before.
    """

    target: str
    url: str
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)
    log_begins: int = field(default=0, repr=False)

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process.poll() is None

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Return when the endpoint answers.

        Raises:
            EndpointFailed: It ended, or was not ready in time.
        """
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            if not self.running:
                raise self._failed(f"it ended with exit code {self.process.returncode}")
            if is_ready(self.url):
                return
            time.sleep(0.05)
        raise self._failed(f"it was not ready within {timeout:g} s")

    def stop(self, timeout: float = 40.0) -> int:
        """Ask it to answer what it has accepted and end; kill it if it does not. Return the exit code."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _failed(self, reason: str) -> EndpointFailed:
        return EndpointFailed(self.target, reason, self.log, _tail(self.log, self.log_begins))


def start_endpoint(
    home: Home, target: str, *, host: str = "127.0.0.1", port: int = 0, options: Sequence[str] = ()
) -> EndpointProcess:
    """Start an endpoint in a process of its own that ends when this one does.

    The socket is made here and handed down: the address is known at once, and a client that comes before
    the endpoint is ready waits instead of being refused.

    Raises:
        CannotListen: The port is taken.
        UnsafeBind: The address is open to others and there is no token.
    """
    # uvicorn and its parts are heavy: whoever only asks for the class above does not pay for them.
    from interlock.serving.server import listen, url_of
    from interlock.serving.tokens import check_bind

    check_bind(home, host)
    log = _log_file(home, target)
    with listen(host, port) as sock, log.open("ab") as stderr:
        begins = stderr.tell()
        process = subprocess.Popen(
            _command(home, target, host, sock, options),
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
            pass_fds=[sock.fileno()],
            start_new_session=True,
        )
        return EndpointProcess(target, url_of(sock), log, process, begins)


def end_with(parent: int, stop: Callable[[], None]) -> None:
    """Call `stop` when the process `parent`, our parent, has ended.

    `PR_SET_PDEATHSIG` would signal the end of the thread that started us, not of the process: a supervisor
    that starts endpoints from a worker thread would lose them with that thread.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.25)
        stop()

    threading.Thread(target=watch, name="parent", daemon=True).start()


def is_ready(url: str, timeout: float = 2.0) -> bool:
    """Return whether the endpoint at a URL says that it is ready."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)
    try:
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _command(home: Home, target: str, host: str, sock: socket.socket, options: Sequence[str]) -> list[str]:
    return [
        *(sys.executable, "-m", "interlock.serving", target),
        *("--home", str(home.path), "--host", host),
        *("--fd", str(sock.fileno()), "--parent", str(os.getpid())),
        *options,
    ]


def _log_file(home: Home, target: str) -> Path:
    folder = home.create().path / "logs"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{target.replace('@', '-')}.log"


def _tail(log: Path, begins: int) -> list[str]:
    try:
        lines = log.read_bytes()[begins:].decode(errors="replace").splitlines()
    except OSError:
        return []
    return [line[:300] for line in lines[-_TAIL:]]
