"""`interlock data` as a user calls it."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cli_project import interlock, interlock_json, project

PIPELINE = """
@step
def total(flights: pd.DataFrame) -> int:
    return int(flights["late"].sum())

@pipeline
def totals():
    return total(data("flights"))
"""
TOML = '[data.flights]\nuri = "data/*.parquet"\n[model.m]\npipeline = "steps:totals"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project(tmp_path, PIPELINE, TOML)
    write(tmp_path, 1, {"late": [1, 2], "carrier": ["UA", "B6"]})
    return tmp_path


def write(folder: Path, month: int, columns: dict[str, list[object]]) -> None:
    (folder / "data").mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), folder / f"data/{month}.parquet")


def test_the_log_lists_snapshots_and_show_describes_one(folder: Path) -> None:
    assert [one["snapshot"] for one in interlock_json(folder, "data")] == [1]
    write(folder, 2, {"late": [10], "carrier": ["UA"]})
    assert [(one["snapshot"], one["parts"]) for one in interlock_json(folder, "data", "log", "flights")] == [
        (2, 2),
        (1, 1),
    ]
    shown = interlock_json(folder, "data", "show", "flights@1")
    assert (shown["snapshot"], shown["rows"], shown["parts"][0]["rows"]) == ("flights@1", 2, 2)
    assert shown["columns"]["late"]["mean"] == 1.5
    assert interlock_json(folder, "data", "show", "flights")["columns"]["carrier"]["top"] == [
        ["UA", 2],
        ["B6", 1],
    ]


def test_a_diff_tells_parts_rows_columns_and_values(folder: Path) -> None:
    write(folder, 2, {"late": [0], "carrier": ["UA"]})
    interlock_json(folder, "data")
    write(folder, 1, {"late": [1.5, None], "origin": ["JFK", "LGA"]})
    (folder / "data/2.parquet").unlink()
    found = interlock_json(folder, "data", "diff", "flights@1", "flights")
    assert found["rows"] == {"from": 3, "to": 2}
    assert [(one["path"], one["change"]) for one in found["parts"]] == [
        ("data/1.parquet", "changed"),
        ("data/2.parquet", "removed"),
    ]
    assert found["schema"] == [
        {"column": "late", "from": "int64", "to": "double"},
        {"column": "origin", "from": None, "to": "string"},
        {"column": "carrier", "from": "string", "to": None},
    ]
    late = found["columns"][0]
    assert (late["from"]["mean"], late["to"]["mean"], late["to"]["null_share"]) == (1.0, 1.5, 0.5)
    text = interlock(folder, "data", "diff", "flights@1", "flights@2").stdout
    assert "parts 1 removed, 1 changed; rows 3 → 2" in text
    assert "column late: type int64 → double, null_share 0 → 0.5, mean 1 → 1.5" in text
    assert "column origin: added (string)" in text


def test_a_run_reads_the_snapshot_of_its_data_option_and_of_the_pin(folder: Path) -> None:
    interlock_json(folder, "run", "m")
    write(folder, 2, {"late": [10], "carrier": ["UA"]})
    assert "cached" not in interlock(folder, "run", "m").stderr
    assert "cached" in interlock(folder, "run", "m", "--data", "flights@1").stderr
    assert interlock_json(folder, "data", "pin", "flights@1") == {"dataset": "flights", "pinned": 1}
    write(folder, 3, {"late": [100], "carrier": ["UA"]})
    assert interlock_json(folder, "run", "m", "--dry")["plan"][0]["state"] == "hit"
    (listed,) = interlock_json(folder, "data")
    assert (listed["snapshot"], listed["pinned"]) == (3, 1)
    assert interlock_json(folder, "data", "pin", "flights", "--off")["pinned"] is None
    assert interlock_json(folder, "run", "m", "--dry")["plan"][0]["state"] == "miss"


def test_a_pin_survives_a_rebuild_of_the_records(folder: Path) -> None:
    interlock_json(folder, "data")
    interlock_json(folder, "data", "pin", "flights@1")
    before = interlock_json(folder, "data", "show", "flights@1")
    assert interlock_json(folder, "records", "rebuild")["unreadable"] == []
    assert interlock_json(folder, "data")[0]["pinned"] == 1
    assert interlock_json(folder, "data", "show", "flights@1") == before


def test_restore_writes_files_back(folder: Path) -> None:
    (folder / "interlock.toml").write_text(TOML.replace("[model", 'keep = "copy"\n[model'))
    interlock_json(folder, "data")
    before = (folder / "data/1.parquet").read_bytes()
    write(folder, 1, {"late": [9], "carrier": ["UA"]})
    made = interlock_json(folder, "data", "restore", "flights@1", "--to", "old")
    assert made == {"snapshot": "flights@1", "folder": "old", "files": {"1.parquet": True}}
    assert (folder / "old/1.parquet").read_bytes() == before
    refused = interlock(folder, "data", "restore", "flights@1", "--to", "data")
    assert (refused.returncode, "Other content is in the way: 1.parquet" in refused.stderr) == (1, True)
    assert interlock(folder, "data", "restore", "flights@1", "--to", "data", "--force").returncode == 0
    assert (folder / "data/1.parquet").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data", "show", "flights@9"], "There is no snapshot flights@9.\n  The nearest one is flights@1"),
        (["data", "show", "flihgts"], "Did you mean 'flights'?"),
        (["data", "pin", "flights"], "pin takes NAME@N"),
        (["data", "pin", "flights@1", "--off"], "pin takes NAME@N"),
        (["data", "diff", "flights@x", "flights"], "NAME@NUMBER, as in flights@3"),
        (["run", "m", "--data", "flights@9"], "There is no snapshot flights@9."),
        (["run", "m", "--data", "flights"], "names no snapshot"),
    ],
)
def test_what_is_not_there_is_told(folder: Path, words: list[str], said: str) -> None:
    interlock_json(folder, "data")
    done = interlock(folder, *words)
    assert done.returncode in (1, 2)
    assert said in done.stderr


def test_the_content_is_checked_on_request(folder: Path) -> None:
    interlock_json(folder, "data")
    records = folder / ".interlock/records.db"
    with sqlite3.connect(records) as file:  # as if the file had changed and looked unchanged
        (parts,) = file.execute("SELECT parts FROM snapshots").fetchone()
        other = json.loads(parts)
        other[0] |= {"digest": f"blake3:{'0' * 64}", "stored": f"blake3:{'1' * 64}"}
        file.execute("UPDATE snapshots SET parts = ?, digest = 'blake3:old'", [json.dumps(other)])
    file.close()
    assert [one["snapshot"] for one in interlock_json(folder, "data", "log", "flights")] == [2, 1]
    zero = f"blake3:{'0' * 64}"
    assert interlock_json(folder, "data", "show", "flights")["parts"][0]["digest"] == zero
    checked = interlock_json(folder, "data", "show", "flights", "--check-content")
    assert checked["parts"][0]["digest"] != zero
    assert interlock_json(folder, "run", "m", "--check-content")["status"] == "succeeded"


def test_from_python_a_snapshot_is_chosen_by_number(folder: Path) -> None:
    interlock_json(folder, "data")
    write(folder, 2, {"late": [10], "carrier": ["UA"]})
    (folder / "go.py").write_text(
        'from steps import totals\nprint(totals.run()["total"].value, totals.run(data={"flights": 1})["total"].value)\n'
    )
    import subprocess

    done = subprocess.run([sys.executable, "go.py"], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["13", "3"]


def test_no_credential_reaches_records_or_output(folder: Path) -> None:
    (folder / "interlock.toml").write_text(
        '[data.flights]\nuri = "sqlite://me:hunter2secret@/flights.db?key=hunter2secret"\nquery = "SELECT 1"\n'
        '[data.other]\nuri = "postgresql://me:${FLIGHTS_PW}@127.0.0.1:9/x"\nquery = "SELECT 1"\n'
    )
    done = interlock(folder, "data", "--json", env={"FLIGHTS_PW": "hunter2secret"})
    assert done.returncode == 0
    assert "hunter2" not in done.stdout + done.stderr
    kept = [path.read_bytes() for path in (folder / ".interlock").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"hunter2" in one for one in kept)
