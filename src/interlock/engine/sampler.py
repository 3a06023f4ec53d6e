"""What the processes that a step starts take, and the memory that it has on GPUs: looked at now and then."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from interlock.engine.gpu import GpuMemory, open_gpu_memory

EVERY = 0.1
"""Seconds between two looks; one takes some 50 microseconds where no process was started."""

_GPU_EVERY = 5
"""Every how many looks the GPUs are asked: the driver takes longer to answer."""

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen while an attempt ran.

    Attributes:
        children_memory: Peak of the resident memory of all processes that it started, together, in bytes.
        running_cpu_seconds: CPU time of those of them that had not ended, or not been waited for, when last seen.
        gpu_memory: Peak of the memory on all GPUs of this process and those that it started, in bytes.
    """

    children_memory: int = 0
    running_cpu_seconds: float = 0.0
    gpu_memory: int = 0

    def higher(self, other: Seen) -> Seen:
        """Return the peaks of both; of what runs, what was seen last."""
        return Seen(
            max(self.children_memory, other.children_memory),
            other.running_cpu_seconds,
            max(self.gpu_memory, other.gpu_memory),
        )


class Sampler:
    """Looks at the processes below this one from a thread of its own, while an attempt runs."""

    def __init__(self, *, every: float = EVERY) -> None:
        self._every = every
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._seen: Seen | None = None
        self._looks = 0
        self._gpu: GpuMemory | None = open_gpu_memory()
        self._thread = threading.Thread(target=self._watch, name="interlock-sampler", daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Note that an attempt begins."""
        self._seen = Seen()

    def end(self) -> Seen:
        """Return what was seen of the attempt. One shorter than the time between two looks may not have been seen."""
        seen = self._seen or Seen()
        if seen.children_memory:  # there are such processes: what they have used by now counts
            with self._lock:
                seen = seen.higher(self.look(gpu=False))
        self._seen = None
        return seen

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _watch(self) -> None:
        while not self._ended.wait(self._every):
            if self._seen is None:
                continue
            with self._lock:
                now = self.look(gpu=self._looks % _GPU_EVERY == 0)
                seen = self._seen
                if seen is not None:
                    self._seen = seen.higher(now)
            self._looks += 1

    def look(self, *, gpu: bool) -> Seen:
        """Look once at the processes below this one, and at the GPUs if wanted."""
        below = list(descendants(os.getpid()))
        used = [one for one in map(_used, below) if one is not None]
        on_gpus = self._gpu.of({os.getpid(), *below}) if gpu and self._gpu is not None else 0
        return Seen(sum(memory for memory, _ in used), sum(cpu for _, cpu in used), on_gpus)


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes that a process started, and those that they started (proc(5), children)."""
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                for child in (thread / "children").read_bytes().split():
                    yield int(child)
                    yield from descendants(int(child))


def _used(pid: int) -> tuple[int, float] | None:
    """Return resident memory in bytes and CPU seconds of a process, its ended children included."""
    try:
        # The name of the command, in brackets, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        pages = int(Path(f"/proc/{pid}/statm").read_bytes().split()[1])
    except (OSError, IndexError, ValueError):
        return None  # it has ended
    return pages * _PAGE, (int(fields[11]) + int(fields[12])) / _TICKS
