"""R5 beside a bucket: a disk that is full at a write of a run is an error, and the next run succeeds.

The same for a store in a folder is in tests/chaos.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from history_project import write_project

# One process imports everything and forks for each fault; a failpoint is read when it is first passed.
_FORKING = """
import json, os, shutil, sys
from pathlib import Path
import pandas, pyarrow
import interlock.engine.run, interlock.models.build, interlock.records.records
from interlock.cli.main import main

folder, point, kind, store, step = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])

def command(place, name, *words, failpoint=""):
    pid = os.fork()
    if pid == 0:
        os.chdir(place)
        sys.path.insert(0, str(place))
        os.environ["INTERLOCK_FAILPOINT"] = failpoint
        out = os.open(place / name, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os._exit(main(list(words)))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

for n in range(1, 400, step):
    place = folder / f"p{n}"
    shutil.copytree(folder / "template", place)
    with (place / "interlock.toml").open("a") as file:
        if store:
            file.write(f'\\n[stack.default]\\nstore = "{store}{n}"\\n')
    first = command(place, "1", "run", "sums", failpoint=f"{point}:{n}={kind}")
    checked = command(place, "2", "store", "verify")
    second = command(place, "3", "run", "sums")
    after = command(place, "4", "store", "verify")
    text, told = (place / "1").read_text(), (place / "2").read_text()
    damaged = "corrupt:" in told or "unreadable:" in told
    print(json.dumps([n, first, checked, damaged, second, after, "Unforeseen" in text, text[-600:] + told]), flush=True)
    if first == 0:
        break
"""


def faults(folder: Path, point: str, kind: str, *, store: str = "", step: int = 1) -> list[list[object]]:
    """Run a project with a fault at every `step`-th pass of a place, until one run meets none."""
    write_project(folder / "template")
    here = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    words = [str(folder), point, kind, store, str(step)]
    done = subprocess.run(
        [sys.executable, "-c", _FORKING, *words],
        env={**os.environ, "PYTHONPATH": here},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_errors_without_damage(rows: list[list[object]]) -> None:
    """See that each fault was an error in words, that nothing is damaged, and that the next run succeeds."""
    assert len(rows) > 1
    for n, first, checked, damaged, second, after, unforeseen, text in rows[:-1]:
        assert (first, unforeseen, damaged) == (1, False, False), (n, text)
        assert (checked, second, after) == (0, 0, 0), (n, text)
    assert rows[-1][1:6] == [0, 0, False, 0, 0]


@pytest.mark.xdist_group("s3")
def test_a_full_disk_beside_a_bucket_ends_a_run_with_an_error_and_the_next_succeeds(
    tmp_path: Path, bucket: str
) -> None:
    assert_errors_without_damage(faults(tmp_path, "publish.write", "enospc", store=bucket, step=13))
