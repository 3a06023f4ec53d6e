from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cli_project import interlock, interlock_json
from history_project import edit, write_project


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A project with copies of its data in the store, a champion, and a lock of both."""
    folder = write_project(tmp_path / "p")
    edit(
        folder,
        "steps.py",
        "    return report(total(rows, weight=weight))",
        "    shown = clean(rows)\n"
        "    return deployable(given=rows, answer=shown, metrics=report(total(shown, weight=weight)))",
    )
    edit(folder, "interlock.toml", 'pipeline = "steps:sums"', 'pipeline = "steps:sums"\ngates = ["parity"]')
    edit(folder, "interlock.toml", 'uri = "data/*.csv"', 'uri = "data/*.csv"\nkeep = "copy"')
    made = interlock_json(folder, "run", "sums")
    interlock_json(folder, "promote", f"sums@{made['model']}")
    assert interlock(folder, "lock").returncode == 0
    return folder


def test_the_data_and_the_champion_of_a_lock_come_back(locked: Path) -> None:
    first = interlock_json(locked, "show", "sums/1")
    (locked / "data" / "a.csv").write_text("x\n100\n")
    second = interlock_json(locked, "run", "sums")
    interlock_json(locked, "promote", f"sums@{second['model']}")
    assert interlock(locked, "lock", "--check").returncode == 1
    assert interlock_json(locked, "restore")["data"] == {"numbers": "pinned to numbers@1"}
    assert "numbers is pinned: numbers@1 was read." in interlock(locked, "run", "sums").stderr
    again = interlock_json(locked, "run", "sums")
    assert again["metrics"] == first["metrics"] != second["metrics"]
    assert interlock(locked, "lock", "--check").returncode == 0


def test_they_come_back_in_another_place_from_a_shared_store(locked: Path, tmp_path: Path) -> None:
    shared = str(tmp_path / "shared")
    interlock_json(locked, "push", shared)
    clone = tmp_path / "clone"
    shutil.copytree(locked, clone, ignore=shutil.ignore_patterns(".interlock"))
    (clone / "data" / "a.csv").write_text("x\n100\n")
    assert interlock(clone, "restore").returncode == 1
    restored = interlock_json(clone, "restore", "--from", shared)
    assert restored["data"] == {"numbers": "pinned to numbers@1"}
    assert {step["state"] for step in interlock_json(clone, "run", "sums")["steps"]} == {"cached"}
    assert interlock_json(clone, "models")[0]["aliases"] == {"champion": 1}
