"""Interlock keeps a machine-learning project production-ready at every moment.

Write typed functions, connect them once in a pipeline, and train, gate, serve, monitor and retrain
from that one graph.
"""

from __future__ import annotations

from interlock.api import Pipeline, log, log_figure, log_table, pipeline
from interlock.errors import InterlockError, StopRun
from interlock.graph.branches import either, when
from interlock.graph.pipeline import data, deployable
from interlock.graph.step import fit, split, step

__version__ = "0.1.0"

__all__ = [
    "InterlockError",
    "Pipeline",
    "StopRun",
    "data",
    "deployable",
    "either",
    "fit",
    "log",
    "log_figure",
    "log_table",
    "pipeline",
    "split",
    "step",
    "when",
]
