"""The edit table: real small projects, each run, edited, and run again in another process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from edits_case import Case
from edits_classes import CLASSES
from edits_declared import DECLARED
from edits_form import FORM
from edits_functions import FUNCTIONS
from edits_graph import GRAPH
from edits_held import HELD
from edits_imports import IMPORTS
from edits_kept import KEPT
from edits_late import LATE
from edits_named import NAMED
from edits_opaque import OPAQUE
from edits_read import READ
from edits_styles import STYLES
from edits_values import VALUES

CASES = [
    *FUNCTIONS,
    *CLASSES,
    *VALUES,
    *IMPORTS,
    *FORM,
    *GRAPH,
    *LATE,
    *DECLARED,
    *OPAQUE,
    *NAMED,
    *READ,
    *KEPT,
    *STYLES,
    *HELD,
]
TABLE_SIZE = 80


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_edit_reruns_what_it_can_change_and_nothing_else(
    case: Case, tmp_path: Path, run_project: Callable[..., dict[str, str]]
) -> None:
    case.write(tmp_path)
    first = run_project(tmp_path, params=case.params[0], preload=case.preload[0])
    assert set(first.values()) == {"ran"}
    case.edit(tmp_path)
    again = run_project(tmp_path, params=case.params[1], preload=case.preload[1])
    assert {name for name, state in again.items() if state == "ran"} == case.ran


def test_every_case_has_its_own_name_and_the_table_is_long() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= TABLE_SIZE


def test_both_verdicts_are_in_the_table() -> None:
    assert sum(bool(case.ran) for case in CASES) >= TABLE_SIZE // 2
    assert sum(not case.ran for case in CASES) >= TABLE_SIZE // 4
