from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest
from store_sample import flip_a_byte, round_trip, run_python

from interlock.store.arrange import UnsafeName, arrange
from interlock.store.artifacts import ArtifactStore
from interlock.store.blobs import CorruptBlob, LocalStore
from interlock.store.faults import StoreNotWritable
from interlock.store.formats.format import Unstorable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "report" / "plots" / "none").mkdir(parents=True)
    (tmp_path / "report" / "index.html").write_text("<html>")
    (tmp_path / "report" / "plots" / "auc.png").write_bytes(b"\x89PNG" * 2000)
    (tmp_path / "report" / "plots" / "empty").touch()
    return tmp_path / "report"


def _tree(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def test_a_file_comes_back_under_its_name_and_read_only(artifacts: ArtifactStore, folder: Path) -> None:
    back = round_trip(artifacts, folder / "index.html")
    assert back.name == "index.html"
    assert back.read_text() == "<html>"
    assert back.stat().st_mode & 0o222 == 0


def test_a_folder_comes_back_whole(artifacts: ArtifactStore, folder: Path) -> None:
    back = round_trip(artifacts, folder)
    assert (back.name, _tree(back)) == (folder.name, _tree(folder))


def test_a_file_takes_no_space_twice(artifacts: ArtifactStore, store: LocalStore, folder: Path) -> None:
    artifact = artifacts.save(folder / "index.html")
    assert artifacts.load(artifact).samefile(store.get_file(artifact.blob or ""))


def test_a_folder_is_made_once_and_made_anew_when_it_was_tampered_with(
    artifacts: ArtifactStore, folder: Path
) -> None:
    artifact = artifacts.save(folder)
    first = artifacts.load(artifact)
    assert artifacts.load(artifact) == first
    assert first.stat().st_ino == artifacts.load(artifact).stat().st_ino
    (first / "plots" / "auc.png").unlink()
    (first / "intruder").touch()
    (first / "plots" / "none").rmdir()
    assert _tree(artifacts.load(artifact)) == _tree(folder)


def test_a_damaged_file_in_a_folder_is_found(artifacts: ArtifactStore, folder: Path) -> None:
    artifact = artifacts.save(folder)
    flip_a_byte(artifacts.load(artifact) / "plots" / "auc.png")
    with pytest.raises(CorruptBlob):
        artifacts.load(artifact)


def test_an_artifact_lists_all_blobs_that_it_needs(artifacts: ArtifactStore, folder: Path) -> None:
    assert len(artifacts.save(folder).meta["blobs"]) == 3


def test_a_path_to_nothing_is_refused(artifacts: ArtifactStore, tmp_path: Path) -> None:
    from interlock.store.formats.paths import PathFormat

    with pytest.raises(Unstorable) as caught:
        PathFormat().save(tmp_path / "nothing", None)  # type: ignore[arg-type]  # refused before the store is needed
    assert str(caught.value) == (
        f"The path '{tmp_path}/nothing' leads to no file or folder.\n"
        "  Write the file before the step returns its path."
    )


@pytest.mark.parametrize(("make", "what"), [("link", "a link"), ("pipe", "no regular file")])
def test_a_link_or_a_pipe_in_a_folder_is_refused(
    artifacts: ArtifactStore, folder: Path, make: str, what: str
) -> None:
    from interlock.store.formats.paths import _walk

    if make == "link":
        (folder / "plots" / "odd").symlink_to("/etc/passwd")
    else:
        os.mkfifo(folder / "plots" / "odd")
    with pytest.raises(Unstorable, match=f"'plots/odd' in the folder .* is {what}."):
        list(_walk(folder, folder))


def test_a_pure_path_is_no_file(artifacts: ArtifactStore) -> None:
    with pytest.raises(Unstorable, match="PurePosixPath"):
        artifacts.save(PurePosixPath("/etc/passwd"))


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret", "a/../../b", "", "a\0b"])
def test_a_name_that_leads_out_is_refused(store: LocalStore, tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafeName, match="which would lie outside of it"):
        arrange(store, tmp_path / "cache", {name: store.put_bytes(b"data")})
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_made_is_told(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreNotWritable):
        arrange(store, tmp_path / "file" / "cache", {"a": store.put_bytes(b"data")})


def test_copies_do_where_links_are_not_possible(store: LocalStore, tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from interlock.store.arrange import arrange
from interlock.store.blobs import LocalStore
store = LocalStore(Path(sys.argv[1]))
files = {"a/b": store.put_bytes(b"data")}
def refuse(*_): raise OSError(95, "Operation not supported")
os.link = refuse
for _ in range(2):
    place = arrange(store, Path(sys.argv[2]), files)
print((place / "a/b").read_text(), oct((place / "a/b").stat().st_mode), len(list(Path(sys.argv[2]).iterdir())))
"""
    assert run_python(code, store.root, tmp_path / "cache").stdout.split() == ["data", "0o100444", "1"]
