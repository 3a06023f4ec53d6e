from __future__ import annotations

import json
from pathlib import Path

from cli_project import interlock, interlock_json

STEPS = """
import datetime as dt
from enum import Enum
from pathlib import Path
from interlock import pipeline, step


class Mode(Enum):
    FAST = "f"
    SLOW = "s"


@step
def used(mode: Mode, pair: tuple[int, int], day: dt.date, odd, text: str, numbers: list[float]) -> str:
    return f"{mode} {pair!r} {day!r} {odd!r} {text} {numbers!r}"


@pipeline
def many(
    mode: Mode = Mode.FAST,
    pair: tuple[int, int] = (1, 2),
    day: dt.date = dt.date(2020, 1, 2),
    odd=(1, "a"),
    text: str = "12",
    numbers: list[float] = [1.0],
):
    return used(mode, pair, day, odd, text, numbers)
"""


def _verdict(folder: Path, run: str) -> tuple[str, list[str]]:
    found = json.loads(interlock(folder, "reproduce", run, "--here", "--json").stdout)
    return found["verdict"], found["missing"]


def test_params_that_json_has_not_are_the_same_when_a_run_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(STEPS)
    interlock_json(tmp_path, "run", "steps:many")
    interlock_json(
        tmp_path, "run", "steps:many", "-p", "mode=SLOW", "-p", "pair=[3, 4]", "-p", "numbers=[2, 3]"
    )
    shown = interlock_json(tmp_path, "show", "many/2")["params"]
    assert (shown["mode"], shown["pair"], shown["day"]) == ("SLOW", [3, 4], "2020-01-02")
    for number in (1, 2):
        assert _verdict(tmp_path, f"many/{number}") == ("identical", [])


def test_a_long_param_is_kept_whole_and_told_short(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(STEPS)
    for end in "xy":
        interlock_json(tmp_path, "run", "steps:many", "-p", f"text={'a' * 20_000}{end}")
    assert _verdict(tmp_path, "many/2") == ("identical", [])
    assert max(map(len, interlock(tmp_path, "diff", "many/1", "many/2").stdout.splitlines())) < 500


def test_a_param_that_its_record_does_not_tell_is_named(tmp_path: Path) -> None:
    text = STEPS.replace("def many(", "def many(odder=frozenset({1}),\n   ").replace(
        "@pipeline\ndef many(odder", "@pipeline\ndef many(\n    odder"
    )
    (tmp_path / "steps.py").write_text(text)
    script = "from steps import many; print(many.run(odder=frozenset({2})).id)"
    (tmp_path / "go.py").write_text(script)
    import subprocess
    import sys

    subprocess.run([sys.executable, "go.py"], cwd=tmp_path, check=True, capture_output=True)
    verdict, missing = _verdict(tmp_path, "many/1")
    assert verdict == "not reproducible"
    assert "The param 'odder' was recorded as" in missing[0]
