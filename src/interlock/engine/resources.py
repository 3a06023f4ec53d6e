"""What a step costs, and whether this machine has what a step asks for."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from interlock.errors import InterlockError
from interlock.graph.model import Node
from interlock.graph.options import memory_bytes

_STATUS = Path("/proc/self/status")


class NotEnoughResources(InterlockError):
    """A step asks for more than this machine has."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What an attempt of a step took.

    Attributes:
        seconds: By the clock.
        cpu_seconds: Of this process, and of those that it started.
        peak_memory: Resident memory of this process, in bytes.
        bytes_read: Bytes that it read from files, pipes and sockets, from the page cache too.
        bytes_written: Bytes that it wrote.
        children_cpu_seconds: The part of the CPU time that processes took which it started.
        children_memory: Peak of their resident memory, together, in bytes; looked at ten times a second.
        gpu_memory: Peak of the memory on GPUs of this process and of those that it started, in bytes.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    children_cpu_seconds: float = 0.0
    children_memory: int = 0
    gpu_memory: int = 0

    def joined(self, other: Usage) -> Usage:
        """Return what two attempts took together."""
        return Usage(
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
            max(self.peak_memory, other.peak_memory),
            self.bytes_read + other.bytes_read,
            self.bytes_written + other.bytes_written,
            self.children_cpu_seconds + other.children_cpu_seconds,
            max(self.children_memory, other.children_memory),
            max(self.gpu_memory, other.gpu_memory),
        )

    def more(self) -> dict[str, Any]:
        """Return all but the seconds, by name."""
        return {name: getattr(self, name) for name in _MORE}


_MORE = tuple(one.name for one in fields(Usage) if one.name != "seconds")


class Meter:
    """Measures this process from its making to `read`; the peak of memory is that of the span alone.

    Linux keeps a high-water mark of the resident set that can be reset (proc(5), clear_refs 5);
    elsewhere the peak of the whole process is the best there is.
    """

    def __init__(self) -> None:
        _reset_peak()
        self._io = _io()
        self._cpu, self._ended = time.process_time(), _ended_cpu()
        self._clock = time.perf_counter()

    def read(self) -> Usage:
        """Return what was used since the meter was made; what only a sampler sees is left out."""
        seconds = time.perf_counter() - self._clock
        children = _ended_cpu() - self._ended
        cpu, io = time.process_time() - self._cpu + children, _io()
        return Usage(
            seconds, cpu, _peak(), io[0] - self._io[0], io[1] - self._io[1], children_cpu_seconds=children
        )


def _ended_cpu() -> float:
    """Return the CPU time of the processes that this one started and waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def _io() -> tuple[int, int]:
    """Return the bytes that this process has read and written so far (proc(5), rchar and wchar)."""
    try:
        file = os.open("/proc/self/io", os.O_RDONLY)
    except OSError:
        return 0, 0
    try:
        fields = os.read(file, 512).split()
    finally:
        os.close(file)
    return int(fields[1]), int(fields[3])


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
    cores = _cores()
    for node in nodes:
        if node.step is None:
            continue
        options = node.step.options
        if options.cpus > cores:
            raise NotEnoughResources(
                f"Step {node.name!r} asks for {options.cpus:g} CPUs; this machine has {cores}.",
                where=node.step.location,
            )
        if options.memory is not None and memory_bytes(options.memory) > total_memory():
            raise NotEnoughResources(
                f"Step {node.name!r} asks for {options.memory} of memory; this machine has "
                f"{total_memory() / 1e9:.1f}GB.",
                where=node.step.location,
            )
        if options.gpus and options.gpus > len(gpus()):
            raise NotEnoughResources(
                f"Step {node.name!r} asks for {options.gpus:g} GPUs; this machine has {len(gpus())}.",
                where=node.step.location,
            )


def _cores() -> int:
    """Return the cores of the machine, also where this process may use fewer of them."""
    return os.cpu_count() or 1


def usable_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else _cores()


def total_memory() -> int:
    """Return the memory of this machine, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def gpus() -> list[Path]:
    """Return the GPUs of this machine."""
    return list(Path("/dev").glob("nvidia[0-9]*"))
