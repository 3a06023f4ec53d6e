"""From a name to a pipeline: each way to name one, and each way for that to go wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from interlock.stack.config import Project
from interlock.stack.home import find_project
from interlock.stack.targets import (
    AmbiguousTarget,
    PipelineImportFailed,
    UnknownPipeline,
    load_pipeline,
    target_of,
)

FLOW = """
from interlock import pipeline, step

@step
def one() -> int:
    return 1

@pipeline
def train(n: int = 1, m: int = 2):
    one()

@pipeline(name="other")
def retrain():
    one()

number = 7
nothing = None
"""
MODEL = '[model.delays]\npipeline = "stack_flow:train"\nparams = { n = 5 }\n'


@pytest.fixture(autouse=True)
def _forget_what_was_imported() -> Iterator[None]:
    path, before = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if name.startswith("stack_"):
            del sys.modules[name]


def project(folder: Path, toml: str = MODEL, flow: str = FLOW) -> Project:
    folder.mkdir(exist_ok=True)
    (folder / "interlock.toml").write_text(toml)
    (folder / "stack_flow.py").write_text(flow)
    return find_project(folder)


def test_a_model_and_its_pipeline_are_the_same_target(tmp_path: Path) -> None:
    made = project(tmp_path)
    by_model, by_ref = load_pipeline(made, "delays"), load_pipeline(made, "stack_flow:train")
    assert by_model == by_ref
    assert (by_ref.model, by_ref.pipeline.name, by_ref.ref) == ("delays", "train", "stack_flow:train")
    assert target_of(made, by_ref.pipeline) == by_ref


def test_params_given_win_over_those_configured_and_those_over_defaults(tmp_path: Path) -> None:
    target = load_pipeline(project(tmp_path), "delays")
    assert target.params({}) == {"n": 5, "m": 2}
    assert target.params({"n": "6"}) == {"n": 6, "m": 2}


def test_a_pipeline_without_a_model_goes_by_its_own_name(tmp_path: Path) -> None:
    target = load_pipeline(project(tmp_path), "stack_flow:retrain")
    assert (target.model, target.config.gates, target.config.pipeline) == (
        "other",
        None,
        "stack_flow:retrain",
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("delys", "There is no model 'delys'.\n  at {root}/interlock.toml\n  Did you mean 'delays'?"),
        ("stak_flow:train", "There is no module 'stak_flow'.\n  at {root}\n  Did you mean 'stack_flow'?"),
        (
            "stack_flow:trian",
            "Module 'stack_flow' has no pipeline 'trian'.\n  at {root}/stack_flow.py\n  Did you mean 'train'?",
        ),
        (
            "stack_flow:one",
            (
                "'stack_flow:one' is a Step, not a pipeline.\n  at {root}/stack_flow.py\n  "
                "Its pipelines: train, retrain."
            ),
        ),
        ("stack_flow:number", "'stack_flow:number' is an int, not a pipeline."),
        ("stack_flow:nothing", "'stack_flow:nothing' is a NoneType, not a pipeline."),
        (":train", "':train' names no pipeline.\n  A pipeline is named as package.module:name."),
        (".stack_flow:train", "'.stack_flow:train' names no pipeline."),
        ("stack_flow:a;b", "'stack_flow:a;b' names no pipeline."),
        ("stack_flow.deeper:train", "There is no module 'stack_flow.deeper'."),
    ],
)
def test_what_is_no_pipeline_is_answered_with_the_nearest(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(UnknownPipeline) as caught:
        load_pipeline(project(tmp_path), name)
    assert str(caught.value).startswith(said.replace("{root}", str(tmp_path)))


def test_without_models_the_way_to_name_a_pipeline_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownPipeline, match=r"Name one in interlock.toml, or say package.module:pipeline"):
        load_pipeline(project(tmp_path, ""), "delays")


def test_a_module_without_pipelines_says_so(tmp_path: Path) -> None:
    made = project(tmp_path, flow="def train(): ...\n")
    with pytest.raises(UnknownPipeline, match="is a function, not a pipeline"):
        load_pipeline(made, "delays")
    with pytest.raises(UnknownPipeline, match="It has no @pipeline function"):
        load_pipeline(made, "stack_flow:other")


def test_a_pipeline_of_two_models_asks_for_the_model(tmp_path: Path) -> None:
    made = project(tmp_path, MODEL + '[model.twin]\npipeline = "stack_flow:train"\n')
    with pytest.raises(AmbiguousTarget) as caught:
        load_pipeline(made, "stack_flow:train")
    assert str(caught.value).splitlines()[0] == (
        "'stack_flow:train' is the pipeline of 2 models: 'delays', 'twin'."
    )
    assert load_pipeline(made, "twin").model == "twin"


def test_a_pipeline_that_borrows_the_name_of_a_model_is_refused(tmp_path: Path) -> None:
    made = project(tmp_path, '[model.other]\npipeline = "stack_flow:train"\n')
    with pytest.raises(AmbiguousTarget) as caught:
        load_pipeline(made, "stack_flow:retrain")
    assert str(caught.value) == (
        "'stack_flow:retrain' goes by the name 'other', which is another pipeline's model: 'stack_flow:train'.\n"
        f"  at {tmp_path}/interlock.toml\n"
        "  Give it another name, as in @pipeline(name=...), or run the model: other."
    )


@pytest.mark.parametrize(
    ("flow", "what", "where"),
    [
        ("x = 1\nx.y\n", "AttributeError: 'int' object has no attribute 'y'", "2: x.y"),
        ("def f(:\n", "SyntaxError: invalid syntax", "1: def f(:"),
        ("import json\n\njson.loads('{')\n", "JSONDecodeError: Expecting", "3: json.loads('{')"),
        ("raise SystemExit(3)\n", "SystemExit: 3", "1: raise SystemExit(3)"),
        ("import stack_absent\n", "ModuleNotFoundError: No module named", "1: import stack_absent"),
    ],
)
def test_a_module_that_fails_shows_the_users_own_line(
    tmp_path: Path, flow: str, what: str, where: str
) -> None:
    made = project(tmp_path, flow=flow)
    with pytest.raises(PipelineImportFailed) as caught:
        load_pipeline(made, "delays")
    assert caught.value.what.startswith(f"Module 'stack_flow' cannot be imported: {what}")
    assert caught.value.where == f"{tmp_path}/stack_flow.py:{where}"
    assert caught.value.__cause__ is not None
    assert ("installed" in caught.value.hint) == ("absent" in flow)


def test_the_failing_line_may_be_in_a_module_that_the_pipelines_module_imports(tmp_path: Path) -> None:
    made = project(tmp_path, flow="import stack_helper\n")
    (tmp_path / "stack_helper.py").write_text("\n\n1 / 0\n")
    with pytest.raises(PipelineImportFailed) as caught:
        load_pipeline(made, "delays")
    assert caught.value.where == f"{tmp_path}/stack_helper.py:3: 1 / 0"


def test_two_projects_in_one_process_keep_modules_of_one_name_apart(tmp_path: Path) -> None:
    first = load_pipeline(project(tmp_path / "a"), "delays")
    second = load_pipeline(project(tmp_path / "b"), "delays")
    files = [target.pipeline.function.__code__.co_filename for target in (first, second)]
    assert files == [f"{tmp_path}/a/stack_flow.py", f"{tmp_path}/b/stack_flow.py"]


def test_a_module_is_imported_once_in_a_project(tmp_path: Path) -> None:
    made = project(tmp_path)
    assert load_pipeline(made, "delays").pipeline is load_pipeline(made, "delays").pipeline
