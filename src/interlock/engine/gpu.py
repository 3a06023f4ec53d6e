"""How much memory processes have on NVIDIA GPUs, as NVML tells it."""

from __future__ import annotations

import importlib
from collections.abc import Set as AbstractSet
from typing import Any

from interlock.engine.resources import gpus


class GpuMemory:
    """Asks the driver for the processes on each GPU.

    Args:
        nvml: The module `pynvml`, begun.
    """

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._devices = [nvml.nvmlDeviceGetHandleByIndex(n) for n in range(nvml.nvmlDeviceGetCount())]

    def of(self, pids: AbstractSet[int]) -> int:
        """Return the memory of some processes on all GPUs together, in bytes; 0 where the driver does not say."""
        total = 0
        for device in self._devices:
            try:
                running = self._nvml.nvmlDeviceGetComputeRunningProcesses(device)
            except self._nvml.NVMLError:
                continue
            total += sum(one.usedGpuMemory or 0 for one in running if one.pid in pids)
        return total


def open_gpu_memory() -> GpuMemory | None:
    """Return what asks the driver; None without a GPU, without the extra `gpu`, or without a driver that answers."""
    if not gpus():
        return None
    try:
        nvml = importlib.import_module("pynvml")
    except ModuleNotFoundError:
        return None
    try:
        nvml.nvmlInit()
        return GpuMemory(nvml)
    except nvml.NVMLError:
        return None
