"""How a run of a pipeline is started and what it reports: a port, and its default, a child process.

The pipeline is the user's code: it may crash, hang or eat the memory. In a process of its own it does that
without taking the supervisor and its endpoints along.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from interlock.loop.children import Child, Ended

RUN_TIMEOUT = 86_400.0
"""Seconds after which a run that the loop started is ended. Steps have time limits of their own."""

_TAIL = 3


@dataclass(frozen=True)
class RunReport:
    """What is known of a run that has ended.

    Attributes:
        run: Its id; None when it never got one.
        version: The number of the model version that came of it.
        failure: Why there is none, in words; empty when there is one.
        needless: Why the run did well to end without one; empty when it did not.
    """

    run: str | None
    version: int | None
    failure: str = ""
    needless: str = ""


class Running(Protocol):
    """A run under way."""

    def poll(self) -> RunReport | None:
        """Return the report, or None while it runs. Does not wait."""
        ...

    def stop(self) -> None:
        """End it, and return when it has ended."""
        ...


class Runner(Protocol):
    """Starts runs. Whatever it starts must end when the supervisor does."""

    def start(self, model: str, signal_id: int) -> Running:
        """Start the run that a signal causes. Does not wait for it."""
        ...

    def judge(self, model: str, version: int) -> Running:
        """Start to judge a version against the champion of now, which runs both. Does not wait for it."""
        ...


class ChildRunner:
    """Runs `interlock run MODEL --signal ID`, and what it takes to judge, in child processes."""

    def __init__(self, root: Path, *, timeout: float = RUN_TIMEOUT) -> None:
        self._root = root
        self._timeout = timeout

    def start(self, model: str, signal_id: int) -> Running:
        """Start the run that a signal causes."""
        arguments = ["run", model, "--json", "--signal", str(signal_id)]
        return _ChildRun(Child("interlock", arguments, self._root, timeout=self._timeout), read_report)

    def judge(self, model: str, version: int) -> Running:
        """Start to judge a version against the champion of now."""
        child = Child("interlock.loop.judge", [model, str(version)], self._root, timeout=self._timeout)
        return _ChildRun(child, read_judgement)


class _ChildRun:
    def __init__(self, child: Child, read: Callable[[Ended], RunReport]) -> None:
        self._child = child
        self._read = read

    def poll(self) -> RunReport | None:
        ended = self._child.poll()
        return None if ended is None else self._read(ended)

    def stop(self) -> None:
        self._child.stop()


def read_report(ended: Ended) -> RunReport:
    """Return what a run left behind; anything but exactly one report on stdout is a failure that says so."""
    body = _one_object(ended.output)
    run, version = (body.get("run"), body.get("model")) if body else (None, None)
    if ended.timed_out:
        return RunReport(run, version, "the run took too long and was ended")
    if body is None:
        return RunReport(None, None, _tail(ended) or f"the run ended with code {ended.code} and said nothing")
    if version is None and (needless := _needless(body)):
        return RunReport(run, None, needless=needless)
    if version is None:
        return RunReport(run, None, _why(body) or _tail(ended) or f"the run ended with code {ended.code}")
    return RunReport(run, version)


def read_judgement(ended: Ended) -> RunReport:
    """Return what came of judging a version again; its verdicts are in the records."""
    if ended.timed_out:
        return RunReport(None, None, "judging it took too long and was ended")
    said = "" if ended.code == 0 else _tail(ended) or f"judging it ended with code {ended.code}"
    return RunReport(None, None, said)


def _one_object(text: str) -> Mapping[str, Any] | None:
    try:
        body = json.loads(text)
    except ValueError:
        return None
    known = isinstance(body, dict) and (isinstance(body.get("run"), str) or "error" in body)
    return body if known else None


def _needless(body: Mapping[str, Any]) -> str:
    """Return why a run ended well without a model: a step stopped it, or a branch was not taken."""
    return str(body.get("no_model", ""))


def _why(body: Mapping[str, Any]) -> str:
    failed = [
        f"step {step['name']!r} failed: {step['error']}"
        for step in body.get("steps", ())
        if step.get("error")
    ]
    if not failed and "error" in body:
        failed = [body["error"]["what"]]
    if not failed and body.get("status") == "succeeded":
        return "the pipeline names no deployable, so that no model came of the run"
    return "; ".join(" ".join(text.split()) for text in failed)


def _tail(ended: Ended) -> str:
    lines = [line.strip() for line in ended.errors.splitlines() if line.strip()]
    return " ".join(lines[-_TAIL:])[:500]
