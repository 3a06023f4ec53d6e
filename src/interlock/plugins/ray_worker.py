"""What runs on a Ray cluster: a process that does tasks, and the mailbox through which it tells of them."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from interlock.engine.capture import capturing_streams
from interlock.engine.child import Message, Started, Teller, words_of, work
from interlock.engine.recent import RecentValues
from interlock.engine.setup import Bench, Setup, get_ready
from interlock.engine.worker import Outcome, Task
from interlock.graph.handing import is_guarded
from interlock.identity.artifact import Artifact
from interlock.stack.layout import Home

ValueKey = tuple[str, str]
"""The type and the digest of an artifact."""

_PATIENCE = 60.0
"""Seconds that a value of the object store is waited for, before it is loaded from the store."""


@dataclass(frozen=True)
class Kit:
    """What each task of a run takes along.

    Attributes:
        setup: The reference of the setup.
        mailbox: Where it is told what happens.
        folder: The working directory of the run; None where the code was sent to the node.
    """

    setup: Any
    mailbox: Any
    folder: str | None


@dataclass(frozen=True)
class Done:
    """What came of a task.

    Attributes:
        unusable: Why the process cannot load the project; "" where it can.
        told: How many messages went to the mailbox.
        shared: The outputs whose values follow in the object store.
    """

    outcome: Outcome | None
    unusable: str = ""
    told: int = 0
    shared: tuple[str, ...] = ()


class Mailbox:
    """An actor: keeps what the tasks of a run tell until the run asks for it."""

    def __init__(self) -> None:
        self._letters: list[tuple[int, Message]] = []
        self._arrived = asyncio.Event()

    async def put(self, task: int, message: Message) -> None:
        """Take in a message of a task."""
        self._letters.append((task, message))
        self._arrived.set()

    async def take(self) -> list[tuple[int, Message]]:
        """Return what has come, as soon as there is something."""
        await self._arrived.wait()
        return await self.drain()

    async def wake(self) -> None:
        """Let `take` return at once."""
        self._arrived.set()

    async def drain(self) -> list[tuple[int, Message]]:
        """Return what has come."""
        letters, self._letters = self._letters, []
        self._arrived.clear()
        return letters


class SharedValues(RecentValues):
    """Takes values of the run from Ray's object store, and those that are not there from the store."""

    shared: Mapping[ValueKey, Any] = {}

    def load(self, artifact: Artifact) -> Any:
        """Return the value of an artifact."""
        import ray

        reference = self.shared.get((artifact.type, artifact.digest))
        if reference is not None:
            try:
                return ray.get(reference, timeout=_PATIENCE)
            except ray.exceptions.RayError:  # it was lost with its node
                return super().load(artifact)
        return super().load(artifact)


@dataclass
class _Place:
    """This process, ready for the tasks of a run."""

    bench: Bench
    inputs: SharedValues
    around: ExitStack = field(repr=False)


class _Sender:
    """Sends messages of a task, each one until it has arrived: what a process says last is not lost with it."""

    def __init__(self, mailbox: Any, task: int) -> None:
        self._mailbox = mailbox
        self._task = task
        self.count = 0

    def __call__(self, message: Message) -> None:
        self.count += 1
        # `ray.get` would give the CPUs of this task away while it waits.
        self._mailbox.put.remote(self._task, message).future().result()


def do(kit: Kit, task: Task, shared: Mapping[ValueKey, Any], *, timed: bool, outputs: tuple[str, ...]) -> Any:
    """Do a task: the function that Ray calls.

    Args:
        kit: Of the run.
        task: What is to be done.
        shared: The references of inputs that are in the object store.
        timed: Whether to tell when it begins.
        outputs: The outputs whose values go into the object store.

    Returns:
        A `Done` and, where `outputs` are named, the value of each, or None for what is not shared.
    """
    send = _Sender(kit.mailbox, task.id)
    try:
        place = _place(kit.setup, kit.folder)
    except BaseException as error:  # noqa: BLE001 - whatever the project's modules raise
        return _returned(Done(None, words_of(error)), outputs, {})
    if timed:
        send(Started())
    place.inputs.shared = shared
    outcome = work(place.bench, task, Teller(send))
    values = {name: value for name, value in outcome.values.items() if name in outputs and is_guarded(value)}
    return _returned(Done(replace(outcome, values={}), "", send.count, tuple(values)), outputs, values)


def _returned(done: Done, outputs: tuple[str, ...], values: Mapping[str, Any]) -> Any:
    return [done, *(values.get(name) for name in outputs)] if outputs else done


@functools.lru_cache(maxsize=1)  # a process of Ray does tasks of one run only, by its environment
def _place(reference: Any, folder: str | None) -> _Place:
    import ray

    setup: Setup = ray.get(reference)
    if folder is None:
        setup = moved(setup, Path.cwd())
    else:
        os.chdir(folder)
    around = ExitStack()
    around.enter_context(capturing_streams(None))
    try:
        bench = get_ready(setup, SharedValues)
    except BaseException:
        around.close()
        raise
    if not isinstance(bench.inputs, SharedValues):
        raise TypeError("the bench has other inputs than were asked for")
    return _Place(bench, bench.inputs, around)


def moved(setup: Setup, root: Path) -> Setup:
    """Return the setup of a project whose code was sent into a folder of this machine."""
    project, old = setup.project, setup.project.root

    def placed(text: str) -> str:
        return str(root / Path(text).relative_to(old)) if Path(text).is_relative_to(old) else text

    own = [text for text in setup.path if text and Path(text).is_relative_to(old)]
    home = project.home if project.home.path.is_dir() else Home(root / ".interlock").create()
    return replace(
        setup,
        # What is installed is found where it is on this machine.
        path=tuple(dict.fromkeys([*map(placed, own), *sys.path])),
        main=placed(setup.main) if setup.main else "",
        project=replace(project, root=root, home=home, file=None),
    )
