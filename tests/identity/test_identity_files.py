from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from interlock.identity.digest import Undigestible, digest_value


def folder(top: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    return top


def test_a_file_is_its_content_under_any_name(tmp_path: Path) -> None:
    folder(tmp_path, {"a": "1", "b": "1", "c": "2"})
    assert digest_value(tmp_path / "a") == digest_value(tmp_path / "b") != digest_value(tmp_path / "c")


def test_a_folder_is_the_names_and_contents_in_it(tmp_path: Path) -> None:
    one, two = (folder(tmp_path / top, {"x/a": "1", "b": "2"}) for top in ("one", "two"))
    renamed, moved = (
        folder(tmp_path / "r", {"x/c": "1", "b": "2"}),
        folder(tmp_path / "m", {"a": "1", "x/b": "2"}),
    )
    assert digest_value(one) == digest_value(two)
    assert len({digest_value(top) for top in (one, renamed, moved, one / "b")}) == 4


def test_an_empty_folder_inside_counts(tmp_path: Path) -> None:
    before = digest_value(folder(tmp_path / "top", {"a": "1"}))
    (tmp_path / "top" / "empty").mkdir()
    assert digest_value(tmp_path / "top") != before


def test_links_are_followed(tmp_path: Path) -> None:
    real = folder(tmp_path / "real", {"a": "1", "b": "1"})
    linked = folder(tmp_path / "linked", {"a": "1"})
    (linked / "b").symlink_to(real / "b")
    assert digest_value(linked) == digest_value(real)


def test_a_link_that_leads_back_is_refused(tmp_path: Path) -> None:
    (tmp_path / "again").symlink_to(tmp_path)
    with pytest.raises(Undigestible, match="leads back to a folder that holds it"):
        digest_value(tmp_path)


def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Undigestible, match=r"cannot be read \(No such file or directory\)") as caught:
        digest_value({"weights": tmp_path / "missing"})
    assert caught.value.place == "value['weights']"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Undigestible, match="is neither a file nor a folder"):
        digest_value(tmp_path)


def test_a_pure_path_is_text() -> None:
    assert digest_value(PurePosixPath("a/b")) == digest_value(PurePosixPath("a", "b")) != digest_value("a/b")
