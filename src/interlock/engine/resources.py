"""What a step costs, and whether this machine has what a step asks for."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from interlock.errors import InterlockError
from interlock.graph.model import Node
from interlock.graph.options import memory_bytes

_STATUS = Path("/proc/self/status")


class NotEnoughResources(InterlockError):
    """A step asks for more than this machine has."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds by the clock, seconds of CPU, and peak resident memory in bytes."""

    seconds: float
    cpu_seconds: float
    peak_memory: int


class Meter:
    """Measures this process from its making to `read`; the peak of memory is that of the span alone.

    Linux keeps a high-water mark of the resident set that can be reset (proc(5), clear_refs 5);
    elsewhere the peak of the whole process is the best there is.
    """

    def __init__(self) -> None:
        _reset_peak()
        self._cpu = time.process_time()
        self._clock = time.perf_counter()

    def read(self) -> Usage:
        """Return what was used since the meter was made."""
        seconds = time.perf_counter() - self._clock
        return Usage(seconds, time.process_time() - self._cpu, _peak())


def _reset_peak() -> None:
    try:
        clear = os.open("/proc/self/clear_refs", os.O_WRONLY)
    except OSError:
        return
    try:
        os.write(clear, b"5")
    finally:
        os.close(clear)


def _peak() -> int:
    try:
        status = os.open(_STATUS, os.O_RDONLY)
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if os.uname().sysname == "Darwin" else peak * 1024
    try:
        text = os.read(status, 4096)
    finally:
        os.close(status)
    start = text.index(b"VmHWM:") + 6
    return int(text[start : text.index(b"kB", start)]) * 1024


def check_capacity(nodes: Iterable[Node]) -> None:
    """Refuse steps that this machine can never run, before anything runs.

    Raises:
        NotEnoughResources: A step wants more cores, memory or GPUs than there are.
    """
    for node in nodes:
        if node.step is None:
            continue
        options = node.step.options
        if options.cpus > max(_cores(), 1):
            raise NotEnoughResources(
                f"Step {node.name!r} asks for {options.cpus:g} CPUs; this machine has {_cores()}.",
                where=node.step.location,
            )
        if options.memory is not None and memory_bytes(options.memory) > _total_memory():
            raise NotEnoughResources(
                f"Step {node.name!r} asks for {options.memory} of memory; this machine has "
                f"{_total_memory() / 1e9:.1f}GB.",
                where=node.step.location,
            )
        if options.gpus and options.gpus > len(_gpus()):
            raise NotEnoughResources(
                f"Step {node.name!r} asks for {options.gpus:g} GPUs; this machine has {len(_gpus())}.",
                where=node.step.location,
            )


def _cores() -> int:
    """Return the cores of the machine, also where this process may use fewer of them."""
    return os.cpu_count() or 1


def _total_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _gpus() -> list[Path]:
    return list(Path("/dev").glob("nvidia[0-9]*"))
