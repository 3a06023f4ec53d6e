from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.graph.deployables import check_deployable, judging_metrics
from interlock.graph.model import Const, Deployable, Graph, Node, Ref
from interlock.graph.pipeline import Pipeline
from interlock.graph.slices import (
    MapLengthError,
    Slice,
    SliceError,
    call_node,
    run_slice,
    slice_graph,
)
from interlock.graph.step import split, step


@step
def combine(a: int, b: int, salt: int = 0) -> int:
    return (31 * a + 7 * b + salt) % 10_007


@split
def pair(a: int) -> tuple[int, int]:
    return a % 101, a // 101


@step
def spread(a: int) -> list[int]:
    return [a, a + 1, a + 2]


@step
def add(a: int, b: int = 0) -> int:
    return a + b


@step
def total(parts: list[int]) -> int:
    return sum(parts)


def run_all(graph: Graph) -> dict[Ref, Any]:
    values: dict[Ref, Any] = {}
    for node in graph.nodes:
        assert node.step is not None
        for output, value in call_node(node, node.step.function, values).items():
            values[Ref(node.name, output)] = value
    return values


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Any graph of steps with one or two outputs, lists, maps and constants."""
    size = draw(st.integers(2, 14))
    script = [
        (
            draw(st.sampled_from(["combine", "pair", "mapped", "total"])),
            draw(st.integers(0, 99)),
            draw(st.integers(0, 99)),
        )
        for _ in range(size)
    ]

    def connect() -> None:
        values: list[Any] = [combine(1, 2)]
        for kind, first, second in script:
            one, other = values[first % len(values)], values[second % len(values)]
            if kind == "combine":
                values.append(combine(one, other, salt=first))
            elif kind == "pair":
                values.extend(pair(one))
            elif kind == "mapped":
                values.append(total(add.map(spread(one), b=other)))
            else:
                values.append(total([one, other, first]))

    return Pipeline(connect, name="drawn").trace({})


@given(graphs(), st.data())
def test_the_slice_on_the_recorded_given_equals_the_recorded_answer(
    graph: Graph, choice: st.DataObject
) -> None:
    values = run_all(graph)
    refs = list(values)
    start = choice.draw(st.sampled_from(refs))
    answer = choice.draw(st.sampled_from(refs))
    try:
        piece = slice_graph(graph, start, [answer])
    except SliceError:
        return
    frozen = {ref: values[ref] for ref in piece.frozen}
    assert run_slice(piece, values[start], frozen) == {answer: values[answer]}


@given(graphs(), st.data())
def test_frozen_values_do_not_depend_on_given(graph: Graph, choice: st.DataObject) -> None:
    refs = [ref for node in graph.nodes for ref in node.output_refs()]
    start, answer = choice.draw(st.sampled_from(refs)), choice.draw(st.sampled_from(refs))
    try:
        piece = slice_graph(graph, start, [answer])
    except SliceError:
        return
    live = {node.name for node in piece.nodes}
    assert not live & {ref.node for ref in piece.frozen}
    for node in piece.nodes:
        assert any(ref == start or ref.node in live for ref in node.refs())


def traced() -> tuple[Graph, Slice]:
    def connect() -> None:
        left, right = pair(1000)
        model = combine(right, 2)
        add(combine(left, model), b=5)

    graph = Pipeline(connect, name="p").trace({})
    return graph, slice_graph(graph, Ref("pair", "0"), [Ref("add")])


def test_a_given_and_an_answer_may_be_tuple_elements() -> None:
    _, piece = traced()
    assert [node.name for node in piece.nodes] == ["combine#2", "add"]
    assert piece.frozen == (Ref("combine"),)


def test_another_output_of_the_givens_node_is_frozen() -> None:
    graph = Pipeline(lambda: (lambda both: combine(both[0], both[1]))(pair(7)), name="p").trace({})
    assert slice_graph(graph, Ref("pair", "0"), [Ref("combine")]).frozen == (Ref("pair", "1"),)


def test_a_given_that_does_not_lead_to_the_answer_says_what_depends_on_it() -> None:
    graph, _ = traced()
    with pytest.raises(SliceError, match=r"'combine' does not depend on the given 'pair.0'") as caught:
        slice_graph(graph, Ref("pair", "0"), [Ref("combine")])
    assert caught.value.hint == "What depends on it: combine#2, add."


def test_given_and_answer_must_differ() -> None:
    graph, _ = traced()
    with pytest.raises(SliceError, match="both given and answer"):
        slice_graph(graph, Ref("add"), [Ref("add")])


@pytest.mark.parametrize(
    ("metrics", "problem"),
    [
        (
            ("combine",),
            "No metric is computed from the answer 'combine#2': 'combine' would not judge what is served",
        ),
        (("add", "combine#2"), "'combine#2' is both given and answer"),
    ],
)
def test_a_metric_has_to_judge_the_answer(metrics: tuple[str, ...], problem: str) -> None:
    graph, _ = traced()
    named = Deployable(Ref("pair", "0"), Ref("combine#2"), tuple(map(Ref, metrics)))
    with pytest.raises(SliceError, match=problem):
        check_deployable(replace(graph, deployable=named))


def test_a_metric_that_does_not_depend_on_the_answer_may_stand_beside_one_that_does() -> None:
    graph, _ = traced()
    named = Deployable(Ref("pair", "0"), Ref("combine#2"), (Ref("combine"), Ref("add")))
    check_deployable(replace(graph, deployable=named))
    assert judging_metrics(graph, named) == (Ref("add"),)


def test_lists_of_different_lengths_cannot_be_mapped() -> None:
    node = Node("add", "step", step=add, inputs={"a": Const([1, 2]), "b": Const([1])}, mapped=("a", "b"))
    with pytest.raises(MapLengthError, match=r"different lengths: \{'a': 2, 'b': 1\}"):
        call_node(node, add.function, {})


def test_a_step_that_writes_into_its_input_changes_it_for_nobody_else() -> None:
    @step
    def writes(rows: pd.DataFrame) -> int:
        rows["y"] = 0
        return len(rows.columns)

    table = pd.DataFrame({"x": [1, 2]})
    node = Node("writes", "step", step=writes, inputs={"rows": Ref("table")})
    assert call_node(node, writes.function, {Ref("table"): table}) == {"result": 2}
    assert list(table.columns) == ["x"]


def test_an_array_is_handed_over_read_only() -> None:
    @step
    def writes(x: np.ndarray) -> int:
        x[0] = 7
        return 0

    node = Node("writes", "step", step=writes, inputs={"x": Ref("a")})
    array = np.zeros(2)
    with pytest.raises(ValueError, match="read-only"):
        call_node(node, writes.function, {Ref("a"): array})
    assert array.flags.writeable
