"""A disk that is full or failing, and a process that dies, at each write of a run; power loss after it.

`make chaos` has the fault at every single write, the ordinary tests at one of each kind.
"""

from __future__ import annotations

import json
import os
import random
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from chaos_project import STEPS, Chaos, Outputs, call_of, kill

from interlock.failpoints import names

EVERY = int(os.environ.get("CHAOS_EVERY", "0"))
"""At every how many passes of a failpoint there is a fault; 0 for one pass of each failpoint only."""

LOSSES = int(os.environ.get("CHAOS_LOSSES", "3"))
"""How many times the power goes."""

_PASSES = {"publish.folder": 4, "publish.fsync": 40, "records.begin": 60}
"""About how often a run passes a failpoint, where it is not 30 times."""


def _faults(kind: str) -> list[str]:
    passed = sorted(one for one in names() if not one.startswith("sweep."))  # a run removes nothing
    points = [one for one in passed if kind != "torn" or one == "publish.write"]
    chance = random.Random(kind)
    return [f"{one}:{1 if EVERY else chance.randint(1, _PASSES.get(one, 30))}={kind}" for one in points]


def _disturbed(folder: Path, kind: str) -> list[dict[str, Any]]:
    command = [sys.executable, str(Path(__file__).with_name("forking.py")), str(folder), str(EVERY)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [*command, *_faults(kind)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("kind", ["kill", "torn", "eio", "enospc"])
def test_after_a_fault_at_any_write_nothing_is_damaged_and_the_run_goes_on(
    tmp_path: Path, undisturbed: Outputs, kind: str
) -> None:
    found = _disturbed(tmp_path, kind)
    assert {one["point"] for one in found} == {one.partition(":")[0] for one in _faults(kind)}
    killed = kind in ("kill", "torn")
    for one in found:
        assert one["code"] in (0, -9 if killed else 1), one
        assert killed or one["temporary"] == [], one
        # A file whose sync failed is thrown away: the step that made it was never safe, and runs again.
        unsafe = not killed and one["point"] in ("publish.fsync", "publish.folder")
        gone = {
            fault.split()[1].rstrip(":") for fault in one["faults"] if unsafe and fault.endswith("is gone")
        }
        assert unsafe or one["faults"] == [], one
        assert one["again"] == 0, one
        assert set(one["twice"]) <= {call_of(node) for node in gone} or "item" in gone, one
        assert Chaos.at(Path(one["place"])).outputs() == undisturbed, one
    assert any(one["code"] for one in found)


def test_a_run_on_a_full_disk_fails_and_goes_on_when_there_is_room(
    tmp_path: Path, undisturbed: Outputs
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=640k", "tmpfs", disk], check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        chaos = Chaos(disk / "project", "in-process")
        code, told = chaos.run()
        assert code == 1, told
        assert "No space left on device" in told or "disk is full" in told, told
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        assert chaos.faults() == []
        finished, before = chaos.finished(), chaos.calls()
        assert len(finished) > 0
        code, told = chaos.again(resume=True)
        assert code == 0, told
        after = chaos.calls()
        assert {name: after[name] for name in finished} == {name: before[name] for name in finished}
        assert chaos.outputs() == undisturbed
        assert list(chaos.store().verify()) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_what_a_run_reported_is_safe_from_power_loss(tmp_path: Path) -> None:
    chaos = Chaos(tmp_path / "project", "in-process")
    code, told = chaos.run()
    assert code == 0, told
    blobs = [path for path in (chaos.home / "store").rglob("*") if path.is_file()]
    # The mode of a file says whether it was synced; and SQLite has nothing left in a log that may be lost.
    assert {stat.S_IMODE(path.stat().st_mode) for path in blobs} == {0o444}
    assert not (chaos.home / "records.db-wal").exists()


@pytest.mark.parametrize("loss", range(LOSSES))
def test_after_a_power_loss_a_run_goes_on_though_files_are_empty_or_gone(
    tmp_path: Path, undisturbed: Outputs, loss: int
) -> None:
    chance = random.Random(loss)
    chaos = Chaos(tmp_path / "project", "in-process")
    process = chaos.start()
    after = chance.randrange(3, STEPS)
    while process.poll() is None and sum(chaos.calls().values()) < after:
        time.sleep(0.002)
    kill(process.pid)
    process.communicate(timeout=60.0)

    _lose_power(chaos, chance)
    code, told = chaos.again(resume=loss % 2 == 0)
    assert code == 0, told
    assert chaos.outputs() == undisturbed


def _lose_power(chaos: Chaos, chance: random.Random) -> None:
    """Do to files that were never synced what a power loss may do: they are gone, empty, or half there."""
    unsafe = [path for path in (chaos.home / "store").rglob("*") if path.is_file() and _mode(path) == 0o400]
    for path in unsafe:
        whole = path.read_bytes()
        fate = chance.choice(["whole", "gone", "empty", "half"])
        if fate == "gone":
            path.unlink()
        elif fate != "whole":
            path.chmod(0o600)
            path.write_bytes(whole[: len(whole) // 2] if fate == "half" else b"")
            path.chmod(0o400)
    log = chaos.home / "records.db-wal"
    if (
        log.exists() and chance.random() < 0.5
    ):  # the last transactions of a log that is not synced may be torn off
        os.truncate(log, int(log.stat().st_size * chance.uniform(0.5, 1.0)))


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
