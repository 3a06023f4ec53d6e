"""The documents say what there is: every command, option and key, and no more."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

from interlock.cli.main import app
from interlock.demo.projects import write_project
from interlock.stack.config import (
    DataConfig,
    DataOptions,
    DeployConfig,
    DriftConfig,
    EngineConfig,
    EnvironmentConfig,
    ModelConfig,
    RetrainConfig,
    StackConfig,
    TruthConfig,
)

ROOT = Path(__file__).parents[2]
HIDDEN = {"--signal", "--help"}


def commands() -> dict[str, set[str]]:
    """Return every command with its options, read from the application itself."""
    group = typer.main.get_command(app)
    found: dict[str, set[str]] = {}
    for name, command in group.commands.items():  # type: ignore[attr-defined]  # a group has commands
        inner = getattr(command, "commands", None) or {"": command}
        for sub, leaf in inner.items():
            options = {word for one in leaf.params for word in one.opts if word.startswith("--")}
            found[f"{name} {sub}".strip()] = options - HIDDEN
    return found


def section(text: str, command: str) -> str:
    """Return the part of docs/cli.md whose heading names a command."""
    for part in text.split("\n## ")[1:]:
        heading = part.splitlines()[0]
        if re.search(rf"[`,] ?(interlock )?{re.escape(command)}\b", heading):
            return part
    raise AssertionError(f"docs/cli.md has no heading for {command!r}")


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_and_option_is_documented(command: str) -> None:
    part = section((ROOT / "docs/cli.md").read_text(), command)
    missing = [option for option in commands()[command] if option not in part]
    assert missing == []


@pytest.mark.parametrize(
    "table",
    [
        DataConfig,
        DataOptions,
        ModelConfig,
        RetrainConfig,
        DeployConfig,
        TruthConfig,
        DriftConfig,
        EnvironmentConfig,
        StackConfig,
        EngineConfig,
    ],
    ids=lambda t: t.__name__,
)
def test_every_key_of_the_configuration_is_documented(table: type[BaseModel]) -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    assert [key for key in table.model_fields if f"| `{key}` |" not in text] == []


def test_the_readme_shows_the_project_that_init_writes(tmp_path: Path) -> None:
    write_project("starter", tmp_path)
    readme = (ROOT / "README.md").read_text()
    python, toml = (re.search(rf"```{kind}\n(.*?)```", readme, re.DOTALL) for kind in ("python", "toml"))
    assert python is not None
    assert toml is not None
    written = (tmp_path / "pipeline.py").read_text()
    assert written == f'"""Will a flight land late? Plain typed functions, connected once."""\n\n{python[1]}'
    assert tomllib.loads((tmp_path / "interlock.toml").read_text()) == tomllib.loads(toml[1])


def test_the_example_connects_in_few_lines_and_words() -> None:
    readme = (ROOT / "README.md").read_text()
    connecting = readme.split("def delays(")[1].split("```")[0].strip().splitlines()[1:]
    assert len(connecting) <= 8
    imported = re.search(r"from interlock import (.*)", readme)
    assert imported is not None
    assert set(imported[1].split(", ")) == {"data", "deployable", "fit", "pipeline", "split", "step"}
    toml = readme.split("```toml\n")[1].split("```")[0].strip().splitlines()
    assert len(toml) <= 15


def test_every_command_in_the_readme_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)
    called = {words for block in blocks for words in re.findall(r"^interlock (\w+)", block, re.MULTILINE)}
    assert called >= {"run", "promote", "serve", "up"}
    assert called <= {name.split()[0] for name in commands()}


def test_links_between_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
