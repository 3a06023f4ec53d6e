"""Branches and products while a pipeline is connected, and slices through them."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock import either, when
from interlock.graph.annotations import ConnectionTypeError
from interlock.graph.conditions import (
    ConditionError,
    is_always_there,
    taken,
    why_left_out,
    words_of_choice,
)
from interlock.graph.deployables import check_deployable
from interlock.graph.leakage import LeakReport, find_leaks
from interlock.graph.model import Condition, CycleError, Graph, Node, Ref
from interlock.graph.output import TraceError
from interlock.graph.pipeline import Pipeline, data, deployable
from interlock.graph.slices import (
    MapLengthError,
    NoAnswer,
    SliceError,
    call_node,
    decided,
    run_slice,
    slice_graph,
)
from interlock.graph.step import StepDefinitionError, fit, split, step


@step
def number(n: int) -> int:
    return n


@step
def is_odd(n: int) -> bool:
    return n % 2 == 1


@step
def is_odd_to_numpy(n: int) -> np.bool_:
    return np.bool_(n % 2 == 1)


@step
def unsaid(n):  # type: ignore[no-untyped-def]
    return n


@step
def add(a: int, b: int = 1) -> int:
    return a + b


@step
def text(n: int) -> str:
    return str(n)


@step
def listed(n: int) -> list[int]:
    return list(range(n))


@step
def join(a: int, b: int = 0, c: int = 0) -> int:
    return (a * 31 + b * 7 + c) % 1009


@fit
def learn(n: int) -> int:
    return n


@step
def frame(rows: pd.DataFrame) -> pd.DataFrame:
    return rows


@step
def scored(answer: int) -> dict[str, float]:
    return {"score": float(answer)}


def trace(connect: Callable[..., Any], **params: Any) -> Graph:
    return Pipeline(connect, name="p").trace(params)


def run_all(graph: Graph) -> tuple[dict[Ref, Any], dict[str, str]]:
    """Run a graph from beginning to end, step after step."""
    values: dict[Ref, Any] = {}
    left_out: dict[str, str] = {}
    for node in graph.nodes:
        why = why_left_out(node, left_out, values.__getitem__)
        if why:
            left_out[node.name] = why
        elif node.kind == "either":
            values[Ref(node.name)] = values[taken(node, left_out)]
        else:
            assert node.step is not None
            made = call_node(node, node.step.function, values)
            values |= {Ref(node.name, name): value for name, value in made.items()}
    return values, left_out


def both_ways(n: int) -> Any:
    start = number(n)
    odd = when(is_odd(start))
    with odd:
        one = add(start, b=100)
        one = add(one)
    with odd.otherwise:
        other = add(start, b=200)
    return add(either(one, other), b=0)


@pytest.mark.parametrize(("n", "expected"), [(3, 104), (4, 204)])
def test_the_branch_that_the_condition_says_is_taken(n: int, expected: int) -> None:
    graph = trace(both_ways, n=n)
    values, left_out = run_all(graph)
    assert values[graph.results[0]] == expected
    assert set(left_out.values()) == {f"is_odd was {n % 2 == 0}"} or set(left_out.values()) == {
        f"is_odd was {n % 2 == 1}"
    }
    assert set(left_out) == ({"add#3"} if n == 3 else {"add", "add#2"})


def test_what_depends_on_a_branch_that_is_not_taken_is_left_out_with_the_first_reason() -> None:
    def connect() -> Any:
        start = number(2)
        with when(is_odd(start)):
            one = add(start)
        return add(add(one))

    _, left_out = run_all(trace(connect))
    assert left_out == {
        "add": "is_odd was False",
        "add#2": "add was skipped: is_odd was False",
        "add#3": "add#2 was skipped: is_odd was False",
    }


def test_branches_inside_branches_and_either_of_three() -> None:
    def connect(n: int, m: int) -> Any:
        start = number(n)
        odd = when(is_odd(start))
        with odd:
            deep = when(is_odd(number(m)))
            with deep:
                one = add(start, b=10)
            with deep.otherwise:
                two = add(start, b=20)
        return either(one, two, add(start, b=30))

    for n, m, expected in [(1, 1, 11), (1, 2, 21), (2, 1, 32), (2, 2, 32)]:
        graph = trace(connect, n=n, m=m)
        values, left_out = run_all(graph)
        assert values[graph.results[0]] == expected
        words = words_of_choice(graph.node("either"), left_out)
        assert words.startswith(f"took {taken(graph.node('either'), left_out)}")


@pytest.mark.parametrize("value", [1, "yes", None, [True], np.int64(1), np.array([True])])
def test_only_a_bool_decides(value: Any) -> None:
    node = Node("big", "step", conditions=(Condition(Ref("asked")),), location="flow.py:3")
    with pytest.raises(
        ConditionError, match="Step 'big' runs when 'asked' is True or False, but it gave"
    ) as e:
        why_left_out(node, {}, lambda _: value)
    assert e.value.where == "flow.py:3"
    assert "return a bool" in e.value.hint


@pytest.mark.parametrize("value", [True, np.True_])
def test_a_bool_of_python_or_of_numpy_decides(value: Any) -> None:
    node = Node("big", "step", conditions=(Condition(Ref("asked"), wanted=False),))
    assert why_left_out(node, {}, lambda _: value) == "asked was True"


def branch_of(condition: Any) -> Any:
    with when(condition):
        return add(1)


@pytest.mark.parametrize(
    ("connect", "error", "message", "hint"),
    [
        (lambda: branch_of(condition=True), TraceError, "takes what a step gives, not True", "plain `if`"),
        (lambda: branch_of(add(1)), TraceError, "takes a bool, but 'add' gives int", "returns a bool"),
        (lambda: branch_of(data("d")), TraceError, "'data:d' is a dataset", "returns a bool"),
        (lambda: either(add(1)), TraceError, "two outputs or more, not 1", ""),
        (lambda: either(add(1), 3), TraceError, "takes what steps give, not 3", ""),
        (lambda: either(add(1), data("d")), TraceError, "would always give 'add'|the dataset 'd'", ""),
        (lambda: either(add(1), add(2)), TraceError, "would always give 'add'", "name it last"),
        (lambda: 1 if is_odd(1) else 2, TraceError, "asks for the truth of 'is_odd'", "with when"),
    ],
)
def test_what_makes_no_sense_is_told_where_it_stands(
    connect: Any, error: type[Exception], message: str, hint: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        trace(connect)
    assert hint in caught.value.hint  # type: ignore[attr-defined]
    assert __file__ in caught.value.where  # type: ignore[attr-defined]


@pytest.mark.parametrize("word", [lambda: when(condition=True), lambda: either(1, 2)])
def test_branches_stand_in_pipelines_only(word: Any) -> None:
    with pytest.raises(TraceError, match="outside a pipeline function"):
        word()


@pytest.mark.parametrize("asks", [is_odd, is_odd_to_numpy, unsaid])
def test_a_condition_may_be_a_bool_of_numpy_or_unsaid(asks: Any) -> None:
    def connect() -> Any:
        with when(asks(1)):
            return add(1)

    assert trace(connect).node("add").conditions == (Condition(Ref(asks.name)),)


def test_each_side_of_an_either_must_fit_where_it_goes() -> None:
    def connect() -> None:
        odd = when(is_odd(1))
        with odd:
            number_ = add(1)
        with odd.otherwise:
            word = text(1)
        add(either(number_, word))

    with pytest.raises(ConnectionTypeError, match="Step 'text' gives str, but 'a' of step 'add#2' takes int"):
        trace(connect)


def test_an_either_of_lists_may_be_mapped_over() -> None:
    def connect(n: int) -> Any:
        odd = when(is_odd(number(n)))
        with odd:
            long = listed(4)
        with odd.otherwise:
            short = listed(2)
        return add.map(either(long, short))

    graph = trace(connect, n=2)
    assert run_all(graph)[0][graph.results[0]] == [1, 2]


def test_a_step_may_not_be_called_either_beside_one() -> None:
    mine = step(name="either")(lambda a: a)

    def connect() -> None:
        mine(1)
        with when(is_odd(1)):
            one = add(1)
        either(one, add(2))

    with pytest.raises(TraceError, match="Two different steps of pipeline 'p' are named 'either'"):
        trace(connect)


def live_branch(*, complete: bool) -> Graph:
    def connect() -> Any:
        start = number(3)
        odd = when(is_odd(start))
        with odd:
            one = add(start, b=10)
        with odd.otherwise:
            other = add(start, b=20)
        answer = either(one, other) if complete else one
        return deployable(start, answer, scored(answer))

    return trace(connect)


def test_a_branch_that_depends_on_given_is_decided_for_each_request() -> None:
    graph = live_branch(complete=True)
    check_deployable(graph)
    piece = slice_graph(graph, Ref("number"), [Ref("either")])
    assert [node.name for node in piece.nodes] == ["is_odd", "add", "add#2", "either"]
    assert [run_slice(piece, n, {})[Ref("either")] for n in (1, 2)] == [11, 22]


def test_an_answer_that_a_request_may_be_without_is_refused() -> None:
    graph = live_branch(complete=False)
    with pytest.raises(
        SliceError, match="'add' is missing for a request for which is_odd is False"
    ) as caught:
        check_deployable(graph)
    assert "otherwise" in caught.value.hint
    piece = slice_graph(graph, Ref("number"), [Ref("add")])
    with pytest.raises(NoAnswer, match="There is no 'add': is_odd was False"):
        run_slice(piece, 2, {})


def test_what_learns_must_not_stand_in_a_branch_that_each_request_decides() -> None:
    def connect() -> Any:
        start, other = number(1), number(2)
        with when(is_odd(start)):
            model = learn(add(other))  # add runs for each request as well, but on nothing of it
        answer = join(start, either(model, add(other)))
        return deployable(start, answer, scored(answer))

    with pytest.raises(SliceError, match="@fit 'learn' stands in a branch that is decided for each request"):
        check_deployable(trace(connect))


def test_what_the_run_decided_is_no_part_of_the_slice() -> None:
    def connect(n: int) -> Any:
        start, size = number(5), number(n)
        odd = when(is_odd(size))
        with odd:
            model = learn(size)
            one = join(start, model)
        with odd.otherwise:
            other = join(start, 1, 1)
        answer = either(one, other)
        return deployable(start, answer, scored(answer))

    graph = trace(connect, n=2)
    check_deployable(graph)
    values, left_out = run_all(graph)
    piece = decided(slice_graph(graph, Ref("number"), [Ref("either")]), left_out, values.__getitem__)
    assert [node.name for node in piece.nodes] == ["join#2", "either"]
    assert piece.frozen == ()
    assert run_slice(piece, 5, {})[Ref("either")] == values[Ref("either")]


_MOVES = ["join", "choice", "choice", "maybe", "either", "product", "nested"]


@st.composite
def branching_graphs(draw: st.DrawFn) -> Graph:
    """Any graph of steps in branches, one inside the other or not, with `either` and products."""
    number_ = st.integers(0, 99)
    script = draw(
        st.lists(st.tuples(st.sampled_from(_MOVES), number_, number_, number_), min_size=2, max_size=9)
    )
    first = draw(st.integers(0, 9))

    def connect() -> None:
        values: list[Any] = [number(first), number(first + 1)]
        for kind, *places in script:
            one, other, third = (values[place % len(values)] for place in places)
            branch = when(is_odd(third))
            if kind == "join":
                values.append(join(one, other, c=places[0]))
            elif kind == "product":
                values.append(largest(join.product(places[:2], [1, 2], c=other)))
            elif kind == "either":
                with branch:
                    mine = join(one, c=2)
                values.append(either(mine, other))
            else:
                with branch:
                    mine = join(one, other)
                    values.append(mine)
                    if kind == "nested":
                        deep = when(is_odd(other))
                        with deep.otherwise:
                            values.append(join(one, c=3))
                with branch.otherwise:
                    theirs = join(other)
                if kind == "choice":
                    values.append(either(mine, theirs))

    return Pipeline(connect, name="drawn").trace({})


@step
def largest(parts: list[int]) -> int:
    return max(parts)


@given(branching_graphs(), st.data())
def test_a_slice_with_branches_gives_the_recorded_answer(graph: Graph, choice: st.DataObject) -> None:
    values, left_out = run_all(graph)
    refs = list(values)
    answer = choice.draw(st.sampled_from(refs[::-1]))
    before = [ref for ref in refs if ref.node in graph.ancestors((answer,)) and ref != answer]
    start = choice.draw(st.sampled_from(before or refs))
    try:
        piece = slice_graph(graph, start, [answer])
    except SliceError:
        return
    piece = decided(piece, left_out, values.__getitem__)
    frozen = {ref: values[ref] for ref in piece.frozen}
    assert run_slice(piece, values[start], frozen) == {answer: values[answer]}


@given(branching_graphs())
def test_what_is_always_there_is_never_left_out(graph: Graph) -> None:
    nodes = {node.name: node for node in graph.nodes}
    _, left_out = run_all(graph)
    assert not [name for name in left_out if is_always_there(nodes, name)]


@given(st.lists(st.integers(0, 9), max_size=4), st.lists(st.integers(0, 9), max_size=4))
def test_a_product_is_that_of_itertools(first: list[int], second: list[int]) -> None:
    expected = [join.function(a, b, 5) for a, b in itertools.product(first, second)]
    assert join.product(first, second, c=5) == expected
    graph = trace(lambda: join.product(first, second, c=5))
    assert run_all(graph)[0][graph.results[0]] == expected


def test_lists_go_to_the_params_that_no_keyword_names() -> None:
    assert join.map([1, 2], a=10) == [join.function(10, 1), join.function(10, 2)]
    graph = trace(lambda: join.product([1, 2], range(3), a=number(10)))
    assert (graph.node("join").mapped, graph.node("join").product) == (("b", "c"), True)
    assert run_all(graph)[0][Ref("join")] == [join.function(10, b, c) for b in (1, 2) for c in range(3)]


@pytest.mark.parametrize(
    ("connect", "error", "message", "hint"),
    [
        (lambda: add.product(a=[1]), StepDefinitionError, "add.product is given no list", "by position"),
        (lambda: add.map([1], [2], [3]), TraceError, "mapped over 3 lists, but has room for 2", "It takes (a, b=1)."),
        (lambda: add.map([1], a=[3], b=3), TraceError, "mapped over 1 lists, but has room for 0", "It takes"),
        (lambda: join.map([1], b=2, d=3), TraceError, "unexpected keyword argument 'd'", "It takes"),
        (lambda: add.product(["a"], [1]), ConnectionTypeError, "'a' of step 'add' takes list", ""),
        (lambda: add.product(listed(2), 5), ConnectionTypeError, "mapped over 'b', but 5 is int", "b=..."),
        (lambda: add.map({"x": 1}), ConnectionTypeError, "is dict, not a list", "list(d.values())"),
    ],
)  # fmt: skip
def test_lists_that_do_not_fit_are_told(
    connect: Any, error: type[Exception], message: str, hint: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        trace(connect)
    assert hint in caught.value.hint  # type: ignore[attr-defined]


def test_lists_of_different_lengths_name_the_product() -> None:
    graph = trace(lambda: add.map([1, 2], [1, 2, 3]))
    with pytest.raises(MapLengthError, match="different lengths") as caught:
        run_all(graph)
    assert "add.product(...)" in caught.value.hint


def prepare_(n: int, scale: float = 1.0) -> dict[str, Any]:
    start = number(n)
    return {"one": add(start), "two": add(start, b=2)}


prepare = Pipeline(prepare_, name="prepare")


def test_a_pipeline_inside_another_gives_its_outputs_and_names_its_steps() -> None:
    def connect() -> Any:
        first, second = prepare(1), prepare(n=add(5))
        return join(first["one"], second["two"])

    graph = trace(connect)
    assert [node.name for node in graph.nodes] == [
        "prepare/number",
        "prepare/add",
        "prepare/add#2",
        "add",
        "prepare#2/number",
        "prepare#2/add",
        "prepare#2/add#2",
        "join",
    ]
    values, _ = run_all(graph)
    assert values[Ref("join")] == join.function(2, 8)
    assert Ref.parse(str(Ref("prepare#2/add", "0"))) == Ref("prepare#2/add", "0")


def test_a_pipeline_inside_a_branch_stands_in_it() -> None:
    def connect() -> Any:
        with when(is_odd(2)):
            return prepare(1)["one"]

    _, left_out = run_all(trace(connect))
    assert set(left_out) == {"prepare/number", "prepare/add", "prepare/add#2"}


def test_a_pipeline_two_floors_down() -> None:
    middle = Pipeline(lambda n: prepare(n)["one"], name="middle")
    graph = trace(lambda: add(middle(1)))
    assert graph.nodes[0].name == "middle/prepare/number"


@pytest.mark.parametrize(
    ("connect", "error", "message"),
    [
        (
            lambda: prepare(),
            TraceError,
            "Pipeline 'prepare' is called wrongly: missing a required argument: 'n'",
        ),
        (lambda: prepare(1, size=2), TraceError, "unexpected keyword argument 'size'"),
        (lambda: prepare("many"), ConnectionTypeError, "'n' of pipeline 'prepare' takes int, not 'many'"),
        (
            lambda: prepare(text(1)),
            ConnectionTypeError,
            "Step 'text' gives str, but 'n' of pipeline 'prepare' takes int",
        ),
        (lambda: Pipeline(lambda: add(1), name="a.b")(), TraceError, "'a.b' cannot be called inside another"),
        (lambda: Pipeline(lambda: 3, name="inner")(), TraceError, "Pipeline 'inner' returns int 3"),
        (
            lambda: (Pipeline(lambda: add(1), name="prepare")(), prepare(1)),
            TraceError,
            "Two different pipelines of pipeline 'p' are named 'prepare'",
        ),
    ],
)
def test_a_pipeline_inside_another_that_is_called_wrongly(
    connect: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        trace(connect)


def test_pipelines_that_call_each_other_are_named_in_their_circle() -> None:
    made: dict[str, Pipeline] = {}
    made["one"] = Pipeline(lambda: made["two"](), name="one")
    made["two"] = Pipeline(lambda: made["one"](), name="two")
    with pytest.raises(CycleError, match="Pipeline 'one' calls itself: one → two → one"):
        made["one"].trace({})
    with pytest.raises(CycleError, match="Pipeline 'two' calls itself: two → one → two"):
        trace(lambda: made["two"]())


def test_a_dataset_is_one_whatever_pipeline_reads_it() -> None:
    inner = Pipeline(lambda: frame(data("d")), name="inner")
    graph = trace(lambda: (frame(data("d")), inner()))
    assert [node.name for node in graph.nodes] == ["data:d", "frame", "inner/frame"]


def test_a_deployable_of_a_pipeline_inside_is_that_of_the_whole() -> None:
    def connect(n: int) -> Any:
        start = number(n)
        answer = join(start, learn(n))
        return deployable(start, answer, scored(answer), waive={"learn": "it may"})

    inner = Pipeline(connect, name="inner")
    made = trace(lambda: inner(3)).deployable
    assert made is not None
    assert (made.given, made.answer) == (Ref("inner/number"), Ref("inner/join"))
    assert made.waivers == {"inner/learn": "it may"}


@split
def halves(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return rows, rows


@step
def asks(rows: pd.DataFrame) -> bool:
    return len(rows) > 3


@fit
def fitted(rows: pd.DataFrame) -> dict[str, float]:
    return {}


@step
def answered(model: dict[str, float], rows: pd.DataFrame) -> pd.Series:
    return rows["x"]


def branched(*, learn_from: str, ask: str) -> LeakReport:
    def connect() -> Any:
        train, test = halves(frame(data("d")))
        rows = {"train": train, "test": test}
        asked = when(asks(rows[ask]))
        with asked:
            one = fitted(rows["train"])
        with asked.otherwise:
            other = fitted(rows[learn_from])
        return deployable(test, answered(either(one, other), test))

    return find_leaks(trace(connect))


def test_a_condition_on_the_rows_of_given_is_no_leak_and_learning_from_them_in_a_branch_is() -> None:
    assert branched(learn_from="train", ask="test").leaks == ()
    assert branched(learn_from="train", ask="test").checked
    assert [leak.step for leak in branched(learn_from="test", ask="train").leaks] == ["fitted#2"]


def test_an_either_of_rows_passes_on_the_rows_of_each() -> None:
    def connect() -> Any:
        train, test = halves(frame(data("d")))
        asked = when(asks(train))
        with asked:
            mine = frame(test)
        model = fitted(either(mine, train))
        return deployable(test, answered(model, test))

    (leak,) = find_leaks(trace(connect)).leaks
    assert leak.step == "fitted"
    assert "either" in leak.path


def test_a_graph_with_branches_is_sent_to_another_process_as_it_is() -> None:
    graph = trace(both_ways, n=3)
    again = pickle.loads(pickle.dumps(graph))
    assert [(node.name, node.conditions, node.kind) for node in again.nodes] == [
        (node.name, node.conditions, node.kind) for node in graph.nodes
    ]
