"""Kill -9 at every failpoint of every transaction, and many processes at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from records_sample import ADDRESS, FolderManifests, count, dump, open_records, tell_story

from interlock.records.rebuild import rebuild
from interlock.records.records import Records

_HERE = str(Path(__file__).parent)

# One process imports SQLAlchemy and forks once for each kill: an import of its own would cost each of
# them 0.4 s. Interlock is imported in the child, as failpoints are read when their process starts.
_KILLER = """
import os, signal, sys
from pathlib import Path
import sqlalchemy.dialects.sqlite

folder, here, failpoint = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
sys.path.append(here)
for n in range(1, 100):
    place = folder / str(n)
    place.mkdir(exist_ok=True)
    child = os.fork()
    if child == 0:
        os.environ["INTERLOCK_FAILPOINT"] = f"{failpoint}:{n}=kill"
        from records_sample import open_records, tell_story
        tell_story(open_records(place))
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(n, code)
    if code != -signal.SIGKILL:
        break
"""

_FAILING = """
import sys
from collections.abc import Callable
from pathlib import Path
sys.path.append(sys.argv[2])
from interlock.records.faults import RecordsNotWritable
from records_sample import count, open_records
records = open_records(Path(sys.argv[1]))
try:
    records.runs.start("delays")
except RecordsNotWritable as error:
    print(error.what, count(records)["runs"], records.runs.start("delays").id)
"""

_WRITER = """
import sys
from collections.abc import Callable
from pathlib import Path
sys.path.append(sys.argv[2])
from records_sample import build_step, open_records
records = open_records(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.readline()
for i in range(50):
    run = records.runs.start("delays")
    records.steps.record(run.id, build_step())
    records.models.add_version("delays", run.id, f"blake3:{i}", {}, "passed")
"""


def _states(folder: Path) -> list[dict[str, int]]:
    """Return how many rows each table has after each transaction of the story."""
    states: list[dict[str, int]] = []
    with open_records(folder) as records:
        states += [dict.fromkeys(count(records), 0), count(records)]
        write = records.database.write

        def counting(work, **options):
            result = write(work, **options)
            states.append(count(records))
            return result

        records.database.write = counting  # type: ignore[method-assign]
        tell_story(records)
    return states


@pytest.mark.parametrize(
    ("failpoint", "committed"),
    [("records.begin", 0), ("records.commit.before", 0), ("records.commit.after", 1)],
)
def test_a_kill_leaves_whole_transactions_only(tmp_path: Path, failpoint: str, committed: int) -> None:
    (tmp_path / "whole").mkdir()
    _kill_everywhere(tmp_path, _states(tmp_path / "whole"), failpoint, committed)


@pytest.mark.xdist_group("postgres")
def test_a_kill_after_each_commit_on_a_server_leaves_whole_transactions_only(
    tmp_path: Path, databases: Callable[[], str]
) -> None:
    (tmp_path / "whole").mkdir()
    states = _states(tmp_path / "whole")
    for n in range(1, len(states) + 1):
        (tmp_path / str(n)).mkdir()
        (tmp_path / str(n) / ADDRESS).write_text(databases())
    _kill_everywhere(tmp_path, states, "records.commit.after", 1)


def _kill_everywhere(folder: Path, states: list[dict[str, int]], failpoint: str, committed: int) -> None:
    command = [sys.executable, "-c", _KILLER, str(folder), _HERE, failpoint]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")[:-1]
    assert said[-1] == f"{len(states)} 0"
    for n in range(1, len(said)):
        with open_records(folder / str(n)) as records:
            assert records.database.faults() == []
            assert count(records) == states[n - 1 + committed]
            _every_row_has_its_manifest(records, folder / str(n))


def _every_row_has_its_manifest(records: Records, folder: Path) -> None:
    kept = {digest for _, digest, _ in FolderManifests(folder / "manifests").all()}
    for table in ("runs", "model_versions", "alias_moves", "signals", "decisions", "snapshots", "windows"):
        query = f"SELECT manifest FROM {table}"
        rows = records.database.read(
            lambda connection, query=query: connection.exec_driver_sql(query).fetchall()
        )
        assert {row[0] for row in rows} <= kept


def test_what_a_kill_left_is_gone_on_with_and_rebuilt(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _KILLER, str(tmp_path), _HERE, "records.commit.before"]
    subprocess.run(command, capture_output=True, check=True)
    for folder in sorted(path for path in tmp_path.iterdir() if path.name != "manifests"):
        with open_records(folder) as records:
            records.runs.mark_lost()
            epoch = records.leases.get("loop")
            records.leases.release("loop", epoch.epoch if epoch else 0)
            tell_story(records)
            numbers = [version.number for version in records.models.list("delays")]
            assert numbers == list(range(len(numbers), 0, -1))
            assert records.models.resolve("delays", "champion").number == len(numbers)
        with Records.open(folder / "rebuilt.db", FolderManifests(folder / "unused")) as rebuilt:
            done = rebuild(rebuilt, FolderManifests(folder / "manifests").all())
            assert done.skipped == []
            assert rebuilt.models.aliases("delays") == {"champion": len(numbers)}


@pytest.mark.parametrize(
    ("fault", "words"), [("enospc", "No space left on device"), ("eio", "Input/output error")]
)
def test_a_failing_disk_is_an_error_and_the_next_try_works(tmp_path: Path, fault: str, words: str) -> None:
    # The first commit is that of the tables.
    environment = os.environ | {"INTERLOCK_FAILPOINT": f"records.commit.before:2={fault}"}
    command = [sys.executable, "-c", _FAILING, str(tmp_path), _HERE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == f"The records cannot be written: {words}. 0 delays/1\n"


def test_six_processes_write_at_once_and_lose_nothing(folder: Path) -> None:
    command = [sys.executable, "-c", _WRITER, str(folder), _HERE]
    writers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
    for writer in writers:
        writer.communicate("go\n")
    assert [writer.returncode for writer in writers] == [0] * 6
    with open_records(folder) as records:
        assert [run.number for run in records.runs.list(limit=1000)] == list(range(300, 0, -1))
        assert [version.number for version in records.models.list("delays")] == list(range(300, 0, -1))
        assert len(dump(records)["steps"]) == 300
        assert records.database.faults() == []
