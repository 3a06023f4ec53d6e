"""One small pipeline a row: what leaks, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from interlock.graph.leakage import LeakReport, UnknownWaiver, find_leaks
from interlock.graph.pipeline import Pipeline, data, deployable
from interlock.graph.step import fit, split, step

Frame = pd.DataFrame


@step
def clean(rows: Frame) -> Frame:
    return rows


@step
def join(rows: Frame, other: Frame) -> Frame:
    return rows


@split
def by_day(rows: Frame) -> tuple[Frame, Frame]:
    return rows, rows


@split
def again(rows: Frame) -> tuple[Frame, Frame]:
    return rows, rows


@fit
def fit_encoder(rows: Frame) -> dict[str, int]:
    return {}


@fit
def fit_model(rows: Frame) -> dict[str, int]:
    return {}


@fit
def fit_plot(rows: Frame) -> dict[str, int]:
    return {}


@step
def encode(rows: Frame, encoder: dict[str, int]) -> Frame:
    return rows


@step
def score(model: dict[str, int], rows: Frame) -> list[float]:
    return []


@step
def evaluate(rows: Frame, scores: list[float]) -> dict[str, float]:
    return {}


def honest() -> Any:
    train, test = by_day(clean(data("d")))
    encoder = fit_encoder(train)
    answer = score(fit_model(encode(train, encoder)), encode(test, encoder))
    return deployable(test, answer, evaluate(test, answer))


def encoder_sees_all() -> Any:
    rows = clean(data("d"))
    train, test = by_day(rows)
    encoder = fit_encoder(rows)
    answer = score(fit_model(encode(train, encoder)), encode(test, encoder))
    return deployable(test, answer)


def encoder_sees_raw_data() -> Any:
    raw = data("d")
    train, test = by_day(clean(raw))
    answer = score(fit_model(train), encode(test, fit_encoder(raw)))
    return deployable(test, answer)


def judged_on_training_rows() -> Any:
    train, _ = by_day(data("d"))
    return deployable(train, score(fit_model(train), train))


def fitted_on_each_request() -> Any:
    train, test = by_day(data("d"))
    return deployable(test, score(fit_model(train), encode(test, fit_encoder(test))))


def sides_swapped_in_one_place() -> Any:
    train, test = by_day(data("d"))
    return deployable(test, score(fit_model(join(train, test)), test))


def a_second_split_of_the_same_rows() -> Any:
    rows = clean(data("d"))
    _, test = by_day(rows)
    train, _ = again(rows)
    return deployable(test, score(fit_model(train), test))


def a_split_of_the_training_side() -> Any:
    train, test = by_day(data("d"))
    inner, _ = again(train)
    return deployable(test, score(fit_model(inner), test))


def given_before_its_features() -> Any:
    train, test = by_day(data("d"))
    return deployable(test, score(fit_model(clean(train)), clean(test)))


def a_fit_that_does_not_lead_to_the_answer() -> Any:
    rows = data("d")
    train, test = by_day(rows)
    fit_plot(rows)
    return deployable(test, score(fit_model(train), test))


def rows_joined_with_another_source_on_both_sides() -> Any:
    weather = data("weather")
    train, test = by_day(data("d"))
    train, test = join(train, weather), join(test, weather)
    return deployable(test, score(fit_model(train), test))


def rows_joined_with_reference_data_on_both_sides() -> Any:
    airports = data("airports", reference=True)
    train, test = by_day(data("d"))
    train, test = join(train, airports), join(test, airports)
    return deployable(test, score(fit_model(train), test))


def both_sides_joined_back() -> Any:
    train, test = by_day(data("d"))
    return deployable(join(test, train), score(fit_model(train), test))


@fit
def standardise(rows: Frame) -> Frame:
    return rows


@fit
def learn_calendar(rows: Frame) -> Frame:
    return rows


def rows_given_out_by_a_fit() -> Any:
    train, test = by_day(standardise(data("d")))
    return deployable(test, score(fit_model(train), test))


def state_learned_from_all_rows_before_the_split() -> Any:
    rows = data("d")
    train, test = by_day(encode(rows, fit_encoder(rows)))
    return deployable(test, score(fit_model(train), test))


def rows_that_go_around_the_split() -> Any:
    rows = clean(data("d"))
    train, test = by_day(rows)
    _, given = again(join(test, rows))
    return deployable(given, score(fit_model(train), given))


def one_file_under_two_names() -> Any:
    train, test = by_day(data("f.csv"))
    return deployable(test, score(fit_model(join(train, data("./g/../f.csv"))), test))


def cleaned_reference_data_on_both_sides() -> Any:
    airports = clean(data("airports", reference=True))
    train, test = by_day(data("d"))
    train, test = join(train, airports), join(test, airports)
    return deployable(test, score(fit_model(train), test))


def learned_from_reference_data_on_both_sides() -> Any:
    calendar = clean(data("calendar", reference=True))
    encoder = fit_encoder(calendar)
    train, test = by_day(data("d"))
    return deployable(test, score(fit_model(encode(train, encoder)), encode(test, encoder)))


@pytest.mark.parametrize(
    ("connect", "leaking"),
    [
        (honest, []),
        (encoder_sees_all, ["fit_encoder"]),
        (encoder_sees_raw_data, ["fit_encoder"]),
        (judged_on_training_rows, ["fit_model"]),
        (fitted_on_each_request, ["fit_encoder"]),
        (sides_swapped_in_one_place, ["fit_model"]),
        (a_second_split_of_the_same_rows, ["fit_model"]),
        (a_split_of_the_training_side, []),
        (given_before_its_features, []),
        (a_fit_that_does_not_lead_to_the_answer, []),
        (rows_joined_with_another_source_on_both_sides, ["fit_model"]),
        (rows_joined_with_reference_data_on_both_sides, []),
        (both_sides_joined_back, ["fit_model"]),
        (rows_given_out_by_a_fit, ["standardise"]),
        (state_learned_from_all_rows_before_the_split, ["fit_encoder"]),
        (rows_that_go_around_the_split, ["fit_model"]),
        (one_file_under_two_names, ["fit_model"]),
        (cleaned_reference_data_on_both_sides, []),
        (learned_from_reference_data_on_both_sides, []),
    ],
)
def test_which_fits_leak(connect: Callable[[], Any], leaking: list[str]) -> None:
    report = find_leaks(Pipeline(connect).trace({}))
    assert report.checked
    assert [leak.step for leak in report.leaks] == leaking


def test_a_leak_names_its_path_from_the_source_to_the_fit() -> None:
    (leak,) = find_leaks(Pipeline(encoder_sees_all).trace({})).leaks
    assert leak.path == ("data:d", "clean", "fit_encoder")
    assert "'fit_encoder' learns from 'clean', which may hold rows of the given 'by_day.1'" in leak.reason


def test_a_fit_that_gives_rows_is_told_what_it_should_be() -> None:
    (leak,) = find_leaks(Pipeline(rows_given_out_by_a_fit).trace({})).leaks
    assert leak.path == ("data:d", "standardise")
    assert "return rows from a @step" in leak.reason


def test_two_datasets_of_one_place_are_one_source() -> None:
    def connect() -> Any:
        train, test = by_day(data("d"))
        return deployable(test, score(fit_model(join(train, data("same"))), test))

    graph = Pipeline(connect).trace({})
    assert find_leaks(graph).leaks == ()
    (leak,) = find_leaks(graph, {"d": "/data/d.csv", "same": "/data/d.csv"}).leaks
    assert leak.path == ("data:same", "join", "fit_model")


@pytest.mark.parametrize(
    ("given_from", "why"),
    [
        (lambda: learn_calendar(data("c", reference=True)), "come out of the @fit 'learn_calendar'"),
        (lambda: clean(data("c", reference=True)), "is reference data"),
    ],
)
def test_rows_without_a_known_source_are_not_called_clean(given_from: Callable[[], Any], why: str) -> None:
    def connect() -> Any:
        train, test = by_day(given_from())
        return deployable(test, score(fit_model(train), test))

    report = find_leaks(Pipeline(connect).trace({}))
    assert (report.checked, report.leaks) == (False, ())
    assert why in report.why_unchecked


def test_a_waived_leak_keeps_its_reason() -> None:
    def connect() -> Any:
        train, _ = by_day(data("d"))
        return deployable(train, score(fit_model(train), train), waive={"fit_model": "a smoke test"})

    report = find_leaks(Pipeline(connect).trace({}))
    assert report.leaks[0].waived == "a smoke test"
    assert report.unwaived == ()


def test_a_waiver_of_what_is_no_fit_is_refused() -> None:
    def connect() -> Any:
        train, test = by_day(data("d"))
        return deployable(test, score(fit_model(train), test), waive={"fit_modle": "typo"})

    with pytest.raises(UnknownWaiver, match="Did you mean 'fit_model'"):
        find_leaks(Pipeline(connect).trace({}))


@pytest.mark.parametrize(
    ("connect", "why"),
    [
        (lambda: clean(data("d")), "the pipeline names no deployable"),
        (lambda: deployable(data("d"), clean(data("d"))), "no @fit and no @split"),
        (lambda: deployable(data("d"), score(fit_model(data("d")), data("d"))), "no @split"),
    ],
)
def test_not_checked_is_not_clean(connect: Callable[[], Any], why: str) -> None:
    report: LeakReport = find_leaks(Pipeline(connect, name="p").trace({}))
    assert not report.checked
    assert why in report.why_unchecked
