from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from interlock.graph.annotations import ConnectionTypeError, fits
from interlock.graph.deployables import check_deployable
from interlock.graph.model import Const, CycleError, Graph, GraphError, Group, Node, Ref, UnknownNode
from interlock.graph.output import TraceError
from interlock.graph.params import ParamError
from interlock.graph.pipeline import DeployableError, Pipeline, PipelineFailed, data, deployable
from interlock.graph.step import step


@step
def clean(rows: pd.DataFrame) -> pd.DataFrame:
    return rows


@step
def target(rows: pd.DataFrame) -> pd.Series:
    return rows["y"]


@step
def add(a: int, b: int = 1) -> int:
    return a + b


@step
def listed(n: int) -> list[int]:
    return list(range(n))


@step
def untyped(x):  # type: ignore[no-untyped-def]
    return x


def trace(connect: Callable[..., Any], **params: Any) -> Graph:
    return Pipeline(connect, name="p").trace(params)


def test_a_step_used_twice_makes_two_nodes() -> None:
    graph = trace(lambda: add(add(1)))
    assert [node.name for node in graph.nodes] == ["add", "add#2"]
    assert graph.node("add#2").inputs == {"a": Ref("add")}


def test_plain_arguments_are_constants_and_outputs_may_stand_in_containers() -> None:
    @step
    def join(parts: list[int], scale: float) -> int:
        return 0

    graph = trace(lambda: join([add(1), 7], scale=0.5))
    assert graph.node("join").inputs == {
        "parts": Group("list", (), (Ref("add"), Const(7))),
        "scale": Const(0.5),
    }


def test_a_series_into_a_data_frame_names_both_steps_and_the_line() -> None:
    def connect() -> None:
        clean(target(data("d")))

    with pytest.raises(ConnectionTypeError) as caught:
        trace(connect)
    line = connect.__code__.co_firstlineno + 1
    assert "Step 'target' gives Series, but 'rows' of step 'clean' takes DataFrame." in str(caught.value)
    assert caught.value.where == f"{__file__}:{line}"


@pytest.mark.parametrize(
    ("produced", "wanted", "expected"),
    [
        (int, float, True),
        (float, int, False),
        (bool, int, True),
        (int, int | None, True),
        (str, int | None, False),
        (int | str, str, True),
        (list[int], list[str], False),
        (list[int], list, True),
        (dict[str, float], dict[str, int], False),
        (np.ndarray, pd.DataFrame, False),
        (Any, pd.DataFrame, True),
        ("DataFrame", pd.DataFrame, True),
        ("Series", pd.DataFrame, False),
        (None, int, False),
    ],
)
def test_what_fits_where(produced: Any, wanted: Any, expected: bool) -> None:
    assert fits(produced, wanted) is expected


def test_two_different_steps_of_one_name_are_refused_with_both_places() -> None:
    other = step(name="add")(lambda a: a)
    with pytest.raises(TraceError, match=r"Two different steps of pipeline 'p' are named 'add'") as caught:
        trace(lambda: other(add(1)))
    assert "Give one of them another name" in caught.value.hint


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda out: out + 1, "computes with 'add'"),
        (lambda out: out.shape, "reads the attribute 'shape' of 'add'"),
        (lambda out: list(out), "unpacks or loops over 'add'"),
        (lambda out: 1 if out else 2, "asks for the truth of 'add'"),
        (lambda out: out[0], "takes the item 0 of 'add'"),
        (lambda out: len(out), "asks for the length of 'add'"),
        (lambda out: out(), "calls 'add'"),
        (lambda out: out**2, "computes with 'add'"),
        (lambda out: 2 // out, "computes with 'add'"),
        (lambda out: abs(out), "computes with 'add'"),
        (lambda out: np.ones(2) + out, "computes with 'add'"),
        (lambda out: float(out), "converts 'add'"),
        (lambda out: round(out, 2), "converts 'add'"),
        (lambda out: range(out), "converts 'add'"),
        (lambda out: np.mean(out), "reads the attribute 'mean' of 'add'"),
        (lambda out: np.asarray(out), "converts 'add'"),
        (lambda out: out == 1, "compares 'add'"),
        (lambda out: out != 1, "compares 'add'"),
        (lambda out: out > 1, "compares 'add'"),
        (lambda out: out in [1, 2], "compares 'add'"),
        (lambda out: 1 in out, "compares 'add'"),
        (lambda out: f"{out}", "writes into text 'add'"),
        (lambda out: str(out), "writes into text 'add'"),
        (lambda out: {out}, "puts into a set or a dict, by its hash, 'add'"),
        (lambda out: setattr(out, "name", 1), "sets the attribute 'name' of 'add'"),
    ],
)
def test_an_output_has_no_value_while_tracing(use: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(TraceError, match=message) as caught:
        trace(lambda: use(add(1)))
    assert __file__ in caught.value.where


def test_an_error_of_the_function_itself_is_told_from_the_users_line() -> None:
    def connect() -> Any:
        _one, _two, _three = (add(1), add(2))

    with pytest.raises(PipelineFailed, match="'connect' cannot be connected: ValueError") as caught:
        Pipeline(connect).trace({})
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.user_traceback.splitlines()[1].endswith("in connect")
    assert __file__ in caught.value.where


def test_a_wrong_call_says_what_the_step_takes() -> None:
    with pytest.raises(TraceError) as caught:
        trace(lambda: add(1, 2, 3))
    assert caught.value.hint == "It takes (a, b=1)."


def test_an_output_of_another_trace_is_refused() -> None:
    kept: list[Any] = []
    trace(lambda: kept.append(add(1)))
    with pytest.raises(TraceError, match="another pipeline or another trace"):
        trace(lambda: untyped(kept[0]))


def test_a_dataset_needs_an_annotated_consumer_and_one_type() -> None:
    @step
    def arrays(rows: np.ndarray) -> int:
        return 0

    def both() -> None:
        clean(data("d"))
        arrays(data("d"))

    with pytest.raises(TraceError, match="'x' of step 'untyped' has no annotation"):
        trace(lambda: untyped(data("d")))
    with pytest.raises(ConnectionTypeError, match="wanted as DataFrame by step 'clean' and as ndarray"):
        trace(both)


def test_map_walks_over_lists_and_takes_the_rest_whole() -> None:
    graph = trace(lambda: add.map(listed(3), b=5))
    node = graph.node("add")
    assert (node.mapped, node.outputs) == (("a",), ("result",))


def test_map_over_what_is_no_list_says_how_to_give_it_whole() -> None:
    with pytest.raises(ConnectionTypeError, match="not a list") as caught:
        trace(lambda: add.map(add(1)))
    assert "a=..." in caught.value.hint


def test_a_pipeline_inside_a_pipeline_becomes_part_of_it() -> None:
    inner = Pipeline(lambda x: add(x), name="inner")
    graph = trace(lambda: add(inner(1)))
    assert [node.name for node in graph.nodes] == ["inner/add", "add"]


@pytest.mark.parametrize(
    ("connect", "error", "message"),
    [
        (
            lambda: deployable(given=3, answer=add(1)),
            DeployableError,
            "given of a deployable must be the output",
        ),
        (lambda: deployable((add(1), add(2)), add(3)), DeployableError, "takes one given, but gets 2"),
        (
            lambda: deployable(add(1), add(2), metrics=listed(3)),
            DeployableError,
            "Metrics are a dict of numbers",
        ),
        (
            lambda: [deployable(add(1), add(2)), deployable(add(1), add(2))],
            DeployableError,
            "two deployables",
        ),
        (lambda: deployable(add(1), add(2), waive={"add": " "}), DeployableError, "gives no reason"),
        (lambda: 7, TraceError, "returns int 7"),
        (lambda: None, TraceError, "calls no step"),
    ],
)
def test_what_a_pipeline_may_not_do(connect: Callable[[], Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        trace(connect)


def test_data_and_deployable_stand_only_inside_pipelines() -> None:
    with pytest.raises(TraceError, match="outside a pipeline"):
        data("d")
    with pytest.raises(DeployableError, match="outside a pipeline"):
        deployable(1, 2)


def test_a_graph_made_by_hand_is_checked() -> None:
    with pytest.raises(CycleError, match="'a', 'b' of pipeline 'p' wait for each other"):
        Graph("p", (Node("a", "step", inputs={"x": Ref("b")}), Node("b", "step", inputs={"x": Ref("a")})))
    with pytest.raises(GraphError, match="consumes 'b', which nothing produces"):
        Graph("p", (Node("a", "step", inputs={"x": Ref("b")}),))
    with pytest.raises(UnknownNode, match=r"no step 'ad'.\n  Did you mean 'add'\?"):
        trace(lambda: add(1)).node("ad")


def test_references_read_back_what_they_print() -> None:
    for ref in (Ref("a"), Ref("a#2", "1"), Ref("data:some/file.csv")):
        assert Ref.parse(str(ref)) == ref


def rate(n: int, rate: float = 0.1, name: str | None = None, deep: bool = False, on: list[int] = []) -> None:  # noqa: B006
    add(n)


def test_params_are_read_by_their_annotations() -> None:
    bound = Pipeline(rate).bind({"n": "3", "rate": "1", "name": "none", "deep": "yes", "on": "[1, 2]"})
    assert bound == {"n": 3, "rate": 1.0, "name": None, "deep": True, "on": [1, 2]}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"n": "x"}, "Param 'n' of pipeline 'rate' takes int, not 'x'."),
        ({"n": 1.5}, "Param 'n' of pipeline 'rate' takes int, not 1.5."),
        ({"n": True}, "Param 'n' of pipeline 'rate' takes int, not True."),
        ({}, "needs a value for the param 'n' (int)."),
        ({"n": "1", "rat": "2"}, "has no param 'rat'.\n  Did you mean 'rate'?"),
        ({"n": "1", "deep": "maybe"}, "takes bool, not 'maybe'"),
        ({"n": "x", "deep": "maybe"}, "takes bool, not 'maybe'"),
    ],
)
def test_wrong_params_are_all_named(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamError) as caught:
        Pipeline(rate).bind(raw)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("connect", "said"),
    [
        (lambda: add(1) == 1, "compares 'add'"),
        (lambda: add(1) % 2, "computes with 'add'"),
        (lambda: add("1"), "'a' of step 'add' takes int, not '1'"),
        (lambda: add(1, b=1.5), "'b' of step 'add' takes int, not 1.5"),
        (lambda: add.map(a=[1, 2]), "add.map is given no list to walk over"),
        (lambda: {}[1], "Pipeline 'p' cannot be connected: KeyError"),
        (lambda: deployable(add(1), add(2), waive=["fit"]), "not as ['fit']"),  # type: ignore[arg-type]
    ],
)
def test_what_would_only_go_wrong_later_is_refused_while_connecting(
    connect: Callable[[], Any], said: str
) -> None:
    with pytest.raises(GraphError) as caught:
        trace(connect)
    assert said in str(caught.value)
    assert f"{__file__}:" in caught.value.where


def test_a_long_value_is_cut_short_in_a_message() -> None:
    with pytest.raises(ConnectionTypeError) as caught:
        trace(lambda: add.map(pd.DataFrame({"column": range(1000)})))
    assert len(caught.value.what.splitlines()) == 1
    assert len(caught.value.what) < 200


def test_metrics_that_do_not_depend_on_the_answer_are_told_in_their_own_words() -> None:
    def connect() -> Any:
        given = add(1)
        return deployable(given, add(given), untyped(3))

    with pytest.raises(
        GraphError, match=r"No metric is computed from the answer 'add#2': 'untyped' would not"
    ):
        check_deployable(trace(connect))


@pytest.mark.parametrize("text", ["1e999", "-1e400"])
def test_a_number_too_large_for_a_float_is_no_number(text: str) -> None:
    def connect(rate: float) -> None:
        add(1)

    with pytest.raises(ParamError, match="takes float"):
        Pipeline(connect, name="p").bind({"rate": text})


def test_a_pipeline_names_each_of_its_params() -> None:
    def connect(*numbers: int) -> None:
        add(1)

    with pytest.raises(ParamError, match=r"takes \*numbers; a pipeline names each"):
        Pipeline(connect, name="p").bind({})


@step
def typed(
    x: int,
    names: list[str] | None = None,
    rates: dict[str, float] | None = None,
    pair: tuple[int, str] = (1, "a"),
) -> int:
    return x


@step
def texts() -> str:
    return "a"


@pytest.mark.parametrize(
    ("connect", "said"),
    [
        (lambda: typed("not an int"), "'x' of step 'typed' takes int, not 'not an int'"),
        (lambda: typed(None), "takes int, not None"),
        (lambda: typed(1, names=["a", 2]), "'names' of step 'typed'"),
        (lambda: typed(1, rates={"a": "x"}), "'rates' of step 'typed'"),
        (lambda: typed(1, pair=(1, 2)), "'pair' of step 'typed'"),
        (
            lambda: typed(1, names=["a", add(1)]),
            "Step 'add' gives int, but 'names' of step 'typed' takes str",
        ),
        (
            lambda: typed(1, rates={"a": texts()}),
            "Step 'texts' gives str, but 'rates' of step 'typed' takes float",
        ),
        (lambda: typed.map([1, "a"]), "'x' of step 'typed'"),
        (lambda: typed.map([add(1), texts()]), "Step 'texts' gives str, but 'x' of step 'typed' takes int"),
    ],
)
def test_plain_values_and_what_containers_hold_are_checked_too(connect: Callable[[], Any], said: str) -> None:
    with pytest.raises(ConnectionTypeError, match=said):
        trace(connect)


def test_values_that_may_fit_pass() -> None:
    made = trace(
        lambda: typed(
            np.int64(1), names=[], rates={"a": 1, "b": np.float32(2), "c": add(1)}, pair=(True, "b")
        )
    )
    assert [ref.node for ref in made.node("typed").refs()] == ["add"]
    assert trace(lambda: typed(1, names=None)).node("typed").inputs["names"] == Const(None)


def test_a_dict_param_is_checked_inside() -> None:
    def connect(d: dict[str, float]) -> Any:
        return add(1)

    pipeline = Pipeline(connect)
    assert pipeline.bind({"d": '{"a": 1}'}) == {"d": {"a": 1.0}}
    for wrong in ('{"a": "x"}', {"a": "x"}):
        with pytest.raises(ParamError, match="Param 'd' of pipeline 'connect' takes"):
            pipeline.bind({"d": wrong})
