"""What attempts are recorded to have taken, the processes that a step starts among it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from engine_project import project_in, run

from interlock.cli.main import main
from interlock.engine.gpu import open_gpu_memory
from interlock.engine.resources import gpus
from interlock.graph.step import step

_HUNGRY = """
import sys, time
held = bytearray(120_000_000)
end = time.process_time() + 0.3
while time.process_time() < end:
    pass
time.sleep(0.4)
"""


@step
def waits_for_another() -> int:
    return subprocess.run([sys.executable, "-c", _HUNGRY], check=False).returncode


@step
def alone(x: int) -> int:
    return x + 1


def flow() -> None:
    alone(waits_for_another())


def test_an_attempt_has_what_the_processes_took_that_the_step_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with project_in(tmp_path) as context:
        made = run(flow, context)
        hungry, plain = (one.attempts[0] for one in context.records.steps.of(made.id))
    assert hungry.children_memory > 120_000_000
    assert 0.3 <= hungry.children_cpu_seconds <= hungry.cpu_seconds
    assert (plain.children_memory, plain.children_cpu_seconds) == (0, 0.0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["show", made.id, "--resources"]) == 0
    assert "waits_for_another" in capsys.readouterr().out


@pytest.mark.skipif(bool(gpus()), reason="there is a GPU here")
def test_without_a_gpu_the_driver_is_not_asked() -> None:
    assert open_gpu_memory() is None
