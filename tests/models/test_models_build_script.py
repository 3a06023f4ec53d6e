"""Pipelines that run themselves: from a script, with and without a guard, as a module, and at a prompt."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from interlock.models.bundle import load_bundle
from interlock.records.model import ModelVersion
from interlock.records.records import Records
from interlock.store.blobs import LocalStore

HELPER = "def scaled(row): return row / 10\n"
STEPS = """
from helper import scaled
from interlock import deployable, fit, pipeline, split, step

@step
def rows() -> list: return [float(row) for row in range(20)]

@split
def halves(rows: list) -> tuple[list, list]: return rows[::2], rows[1::2]

@fit
def mean(rows: list) -> float: return sum(map(scaled, rows)) / len(rows)

@step
def score(given: list, mean: float) -> list: return [scaled(row) - mean for row in given]

@step
def judge(scores: list) -> dict: return {"count": len(scores)}

@pipeline
def delays(scale: float = 1.0):
    train, test = halves(rows())
    scores = score(test, mean(train))
    return deployable(given=test, answer=scores, metrics=judge(scores))
"""
RUN = 'run = delays.run(scale=2.0)\nprint("ran", run.id, run.metrics["count"])\n'
GUARDED = f'\n\nif __name__ == "__main__":\n    {RUN.replace(chr(10), chr(10) + "    ")}'


def python(folder: Path, *words: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def write(folder: Path, files: dict[str, str]) -> Path:
    for path, text in ({"helper.py": HELPER} | files).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def versions(folder: Path) -> list[ModelVersion]:
    records = Records.open(folder / ".interlock/records.db", LocalStore(folder / ".interlock/store"))
    try:
        return list(records.models.list("delays"))
    finally:
        records.close()


@pytest.mark.parametrize(
    ("words", "file", "text"),
    [
        (["train.py"], "train.py", STEPS + GUARDED),
        (["train.py"], "train.py", f"{STEPS}\n\n{RUN}raise SystemExit(0)\n"),
        (["my-train.v2.py"], "my-train.v2.py", STEPS + GUARDED),
        (["turtle.py"], "turtle.py", STEPS + GUARDED),
        (["-m", "pack.train"], "pack/train.py", STEPS.replace("from helper", "from pack.near") + GUARDED),
    ],
    ids=["guarded", "not guarded", "no module name", "hides a library", "module"],
)  # fmt: skip
def test_a_script_makes_a_version_that_serves_without_it(
    tmp_path: Path, words: list[str], file: str, text: str
) -> None:
    write(tmp_path, {file: text, "pack/near.py": "from helper import scaled\n"})
    done = python(tmp_path, *words)
    assert (done.returncode, done.stdout) == (0, "ran delays/1 10.0\n"), done.stderr
    (version,) = versions(tmp_path)
    assert version.status == "passed"
    loaded = load_bundle(LocalStore(tmp_path / ".interlock/store"), version.bundle, workdir=tmp_path / "work")
    assert loaded.predict([1.0]) == loaded.reference_answer()[:1]
    loaded.close()


@pytest.mark.parametrize("words", [["-"], ["-c", STEPS + "\n\n" + RUN]], ids=["prompt", "command"])
def test_what_is_typed_in_runs_and_says_why_there_is_no_version(tmp_path: Path, words: list[str]) -> None:
    done = python(write(tmp_path, {}), *words, typed=f"{STEPS}\n\n{RUN}")
    assert (done.returncode, done.stdout) == (0, "ran delays/1 10.0\n"), done.stderr
    assert "Run delays/1 succeeded, but no model version can be made of it" in done.stderr
    assert "was typed into a prompt or a notebook; a server cannot import it." in done.stderr
    assert "Move the steps into a module and import them." in done.stderr
    assert versions(tmp_path) == []


def test_a_script_outside_of_the_project_is_no_part_of_it(tmp_path: Path) -> None:
    write(tmp_path / "project", {"interlock.toml": ""})
    write(tmp_path / "away", {"train.py": STEPS + GUARDED})
    done = python(tmp_path / "project", "../away/train.py")
    assert done.returncode == 1
    assert "NoVersion: Run delays/1 succeeded, but no model version can be made of it" in done.stderr
    assert "is neither in the project" in done.stderr
