"""What a step declares to depend on, and what it is told when that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.graph.step import StepDefinitionError, fit, step
from interlock.identity.code import fingerprint
from interlock.identity.depends import UnknownDependency


def test_a_file_that_is_not_there_names_the_step_and_its_line(tmp_path: Path) -> None:
    @step(depends=["no/such.txt"])
    def lost(x: int) -> int:
        return x

    with pytest.raises(UnknownDependency) as caught:
        fingerprint(lost, root=tmp_path)
    assert "'lost' depends on 'no/such.txt'" in str(caught.value)
    assert f"{Path(__file__).name}:{lost.function.__code__.co_firstlineno}" in caught.value.where


def test_a_declared_file_has_a_label_and_a_place(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "a.ini").write_text("a")

    @fit(depends=["conf/*.ini"])
    def reads(x: int) -> int:
        return x

    found = fingerprint(reads, root=tmp_path)
    assert found.places["file:conf/a.ini"] == "conf/a.ini:1"
    assert "conf/a.ini" in found.files
    (tmp_path / "conf" / "a.ini").write_text("b!")
    again = fingerprint(reads, root=tmp_path)
    assert again.parts["file:conf/a.ini"] != found.parts["file:conf/a.ini"]
    assert again.digest != found.digest


def test_dependencies_are_a_list() -> None:
    with pytest.raises(StepDefinitionError, match=r"depends takes a list, not 'a\.txt'"):

        @step(depends="a.txt")
        def work() -> int:
            return 1


def test_a_dependency_does_not_hide_what_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")

    @step(depends=["a.txt"])
    def seen(x: int) -> int:
        return x

    plain = fingerprint(seen.function, root=tmp_path)
    declared = fingerprint(seen, root=tmp_path)
    assert set(declared.parts) - set(plain.parts) == {"file:a.txt"}
