from __future__ import annotations

import json
from pathlib import Path

import pytest

from interlock.identity.direct_url import origin_of
from interlock.identity.environment import Environment, origins
from interlock.identity.facts import declared, machine_facts


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        (
            {"url": "https://me:pw@example.org/a.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "git+https://example.org/a.git@abc",
        ),
        ({"url": "file:///srv/a", "dir_info": {"editable": True}}, "editable folder"),
        ({"url": "file:///srv/a", "dir_info": {}}, "folder"),
        (
            {
                "url": "https://example.org/a-1.whl?token=x",
                "archive_info": {"hashes": {"sha256": "12"}},
            },
            "https://example.org/a-1.whl#sha256=12",
        ),
        ({"url": "file:///srv/a-1.whl", "archive_info": {}}, "a-1.whl"),
        ({"no": "url"}, "unknown"),
        ([], "unknown"),
    ],
)
def test_an_origin_means_the_same_everywhere_and_holds_no_secret(written: object, origin: str) -> None:
    assert origin_of(json.dumps(written)) == origin


def test_origins_are_found_beside_the_metadata(tmp_path: Path) -> None:
    folder = tmp_path / "Some_Name-1.0.dist-info"
    folder.mkdir()
    (folder / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {}}')
    assert origins([str(tmp_path)]) == {"some-name": "folder"}


def test_where_a_package_came_from_is_part_of_the_environment() -> None:
    plain = Environment.of("CPython 3", "Linux", {"a": "1"})
    elsewhere = Environment.of("CPython 3", "Linux", {"a": "1"}, {"a": "folder"})
    assert plain.digest != elsewhere.digest
    assert Environment.from_json(elsewhere.to_json()) == elsewhere
    assert Environment.from_json({n: v for n, v in plain.to_json().items() if n != "origins"}) == plain


def test_of_a_variable_named_like_a_secret_only_the_digest_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAVOUR", "dark")
    monkeypatch.setenv("API_TOKEN", "hunter2")
    found = declared(["FLAVOUR", "API_TOKEN", "NOT_SET"])
    assert (found["FLAVOUR"], found["NOT_SET"]) == ("dark", None)
    assert str(found["API_TOKEN"]).startswith("secret blake3:")
    assert "hunter2" not in json.dumps(found)


def test_facts_name_the_processor_the_threads_and_the_numerical_libraries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import numpy as np

    np.dot(np.ones(2), np.ones(2))
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    facts = machine_facts()
    assert facts["processor"]
    assert facts["cores"] >= 1
    assert facts["threads"]["OMP_NUM_THREADS"] == "3"
    assert any(one.get("internal_api") == "openblas" for one in facts["libraries"])
    assert json.loads(json.dumps(facts)) == facts
