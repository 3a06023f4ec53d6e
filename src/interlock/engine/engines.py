"""Which engine runs the tasks of a project."""

from __future__ import annotations

from interlock.engine.inprocess import InProcess
from interlock.engine.socket import Engine, Job
from interlock.stack.plugins import load_plugin


def open_engine(job: Job) -> Engine:
    """Return the engine of the stack that is in use, ready for the tasks of a run.

    Raises:
        InterlockError: It cannot be started.
    """
    config = job.context.project.stack.engine
    if config.use == "processes":
        from interlock.engine.processes import Processes  # most runs start no process

        return Processes(job, config)
    if config.use == "in-process":
        return InProcess(job)
    engine: Engine = load_plugin("engine", config.use)(job, config)
    return engine
