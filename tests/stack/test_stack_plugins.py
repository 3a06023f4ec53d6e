"""Plugins are found by what is installed, and imported only when they are asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from interlock.stack.plugins import PluginConflict, PluginImportFailed, UnknownPlugin, load_plugin, plugins


def install(folder: Path, name: str, entries: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay out a distribution as an installer would, on the path of this process."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[interlock.tested]\n{entries}\n")
    monkeypatch.syspath_prepend(str(folder))


def test_a_plugin_is_listed_without_being_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stack_piece.py").write_text("def make(): return 7\n")
    install(tmp_path, "piece", "seven = stack_piece:make", monkeypatch)
    assert list(plugins("tested")) == ["seven"]
    assert "stack_piece" not in sys.modules
    assert load_plugin("tested", "seven")() == 7


def test_a_distribution_found_twice_is_one_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "source", "piece", "seven = stack_piece:make", monkeypatch)
    install(tmp_path / "built", "piece", "seven = stack_piece:make", monkeypatch)
    assert list(plugins("tested")) == ["seven"]


def test_an_unknown_plugin_is_answered_with_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnknownPlugin) as caught:
        load_plugin("tested", "seven")
    assert str(caught.value) == (
        "No plugin 'seven' is installed for the socket 'tested'.\n"
        "  Plugins register in the entry point group 'interlock.tested'."
    )
    install(tmp_path, "piece", "seven = stack_piece:make", monkeypatch)
    with pytest.raises(UnknownPlugin, match=r"Did you mean 'seven'\?"):
        load_plugin("tested", "sevne")


def test_two_plugins_of_one_name_are_not_decided_by_chance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "one", "first", "seven = one:make", monkeypatch)
    install(tmp_path / "two", "second", "seven = two:make", monkeypatch)
    with pytest.raises(PluginConflict) as caught:
        plugins("tested")
    assert str(caught.value).startswith("Two plugins are named 'seven' for the socket 'tested': ")
    assert "one:make (first)" in str(caught.value)
    assert "two:make (second)" in str(caught.value)


def test_a_broken_plugin_shows_its_own_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stack_broken.py").write_text("1 / 0\n")
    install(tmp_path, "broken", "zero = stack_broken:make", monkeypatch)
    with pytest.raises(PluginImportFailed) as caught:
        load_plugin("tested", "zero")
    assert str(caught.value) == (
        "The plugin 'zero' of the socket 'tested' failed to import: ZeroDivisionError: division by zero\n"
        "  at stack_broken:make (broken)"
    )
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
