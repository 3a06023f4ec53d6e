from __future__ import annotations

from pathlib import Path

import pytest
from loop_world import RecordsRunner, World
from tiny_project import MODEL, make_project

from interlock.engine.context import open_context
from interlock.loop.outcome import ACTOR
from interlock.models.registry import promote
from interlock.monitor.drift import ColumnDrift, DriftReport


def drift() -> dict[str, object]:
    column = ColumnDrift("x", "number", 500, psi=0.4, drifted=True)
    return DriftReport(500, 500, (column,), (), share=1.0, drifted=True).to_json()


def test_a_model_without_a_champion_gets_one(world: World):
    world.turn()
    assert world.champion() == 1
    assert world.states() == [("first", "acted")]
    assert world.decisions() == [
        ("retrained", "tiny@1 by run tiny/1, because: there is no champion yet"),
        ("promoted", "tiny@1 passed its gates"),
    ]


def test_the_signal_knows_its_run_and_version(world: World):
    world.turn()
    [signal] = world.records.signals.list(MODEL)
    assert (signal.run_id, signal.version) == ("tiny/1", 1)
    assert world.records.models.moves(MODEL)[0].actor == ACTOR


def test_a_refused_version_is_not_promoted_and_the_reason_kept(world: World):
    world.runner.outcomes = ["passed", "refused"]
    world.turn()
    world.offset = 7200
    world.new_data()
    world.turn()
    assert world.champion() == 1
    assert world.decisions()[-1] == ("not promoted", "tiny@2, because error <= 5: it is refused")
    assert world.states()[-1] == ("data", "acted")


def test_a_run_that_comes_to_the_champion_again_makes_and_promotes_nothing(world: World):
    world.runner.outcomes = ["passed", "same"]
    world.turn()
    world.offset = 7200
    world.new_data()
    world.turn()
    assert world.decisions()[-2:] == [
        ("retrained", "nothing new by run tiny/2, the same as tiny@1, because: new data (rows: 1 new part)"),
        ("not promoted", "tiny@1 is the same as before, and has been promoted already"),
    ]
    [signal, _] = world.records.signals.list(MODEL)
    assert (signal.state, signal.run_id, signal.version) == ("acted", "tiny/2", 1)
    assert len(world.records.models.moves(MODEL)) == 1


def test_a_run_that_comes_to_a_version_made_by_hand_promotes_it(world: World):
    world.offset = 7200
    world.runner.record(MODEL, 99, "passed")
    world.runner.outcomes = ["same"]
    world.turn()
    assert world.champion() == 1
    assert [kind for kind, _ in world.decisions()] == ["retrained", "promoted"]


def test_new_data_waits_for_the_cooldown_then_runs(world: World):
    world.turn()
    world.new_data()
    world.turn()
    kind, reason = world.decisions()[-1]
    assert kind == "not retrained"
    assert reason.startswith("new data (rows: 1 new part): cooldown until ")
    assert len(world.decisions()) == 3  # said once, however often it was looked at
    world.offset = 3601
    world.turn()
    assert world.champion() == 2


def test_a_clock_set_back_does_not_stretch_the_cooldown(world: World):
    world.turn()
    world.new_data()
    world.offset = -86_400
    world.turn()
    assert world.champion() == 2


def test_data_still_being_written_waits_for_a_second_look(world: World):
    world.turn()
    world.offset = 7200
    world.new_data()
    world.keeper.look()
    assert world.states() == [("first", "acted")]
    world.keeper.look()
    assert world.states()[-1] == ("data", "claimed")


def test_a_run_that_stops_early_is_no_failure_and_is_not_run_again(world: World):
    world.turn()
    world.offset = 7200
    world.new_data()
    world.runner.outcomes = ["stopped"]
    world.turn()
    assert world.states()[-1] == ("data", "declined")
    assert world.decisions()[-1] == ("not retrained", "nothing new since yesterday")
    world.offset = 2 * 7200
    world.turn()
    assert world.states() == [("first", "acted"), ("data", "declined")]


def test_drift_without_new_data_is_declined(world: World):
    world.turn()
    world.window("drift", alarm=True, values=drift())
    world.turn()
    assert world.states()[-1] == ("drift", "declined")
    expected = "drift in x, over 500 rows: run tiny/1 has read all the data that there is"
    assert world.decisions()[-1] == ("not retrained", expected)


def test_drift_with_new_data_is_acted_on_once(tmp_path: Path):
    with open_context(make_project(tmp_path, on=("drift",))) as context:
        world = World(context)
        world.turn()
        world.window("drift", alarm=True, values=drift())
        world.new_data()
        world.turn()
        assert world.champion() == 2
        assert world.states() == [("first", "acted"), ("drift", "acted")]


def test_new_data_is_reason_enough_without_drift(world: World):
    world.turn()
    world.offset = 7200
    world.window("drift", alarm=True, values=drift())
    world.new_data()
    world.turn()
    assert world.states() == [("first", "acted"), ("data", "acted")]


def test_drift_of_a_former_champion_is_declined(world: World):
    world.turn()
    evidence = {"reason": "drift in x", "version": 1}
    world.runner.outcomes = ["passed"]
    world.records.signals.add(MODEL, "manual", {"reason": "by hand"}, "by-hand")
    world.records.signals.add(MODEL, "drift", evidence, "drift:1:old")
    world.offset = 7200
    world.turn()
    assert world.decisions()[-1] == (
        "not retrained",
        "drift in x: that was about version 1, which is no longer the champion",
    )


def test_a_broken_metric_wakes_the_loop(world: World):
    world.turn()
    world.window("metric", alarm=False, values={"parts": {}, "metrics": {"error": 9.0}})
    world.turn()
    assert world.states()[-1][0] == "metric"
    assert world.decisions()[-1][1].startswith("error is 9 over 500 answers, and the trigger is 'error > 5'")


def test_a_failed_run_is_tried_again_after_a_pause(world: World):
    world.runner.outcomes = ["failed", "passed"]
    world.turn()
    kind, reason = world.decisions()[-1]
    assert kind == "not retrained"
    assert reason == "the run failed (attempt 1 of 3, next try in 60 s): step 'learn' failed: boom"
    assert world.runner.started == [1]
    world.offset = 61
    world.turn()
    assert world.champion() == 1


def test_a_run_that_always_fails_is_given_up(world: World):
    world.runner.outcomes = ["failed"] * 9
    for offset in (0, 100, 1000, 10_000):
        world.offset = offset
        world.turn()
    assert len(world.runner.started) == 3
    assert world.states() == [("first", "failed")]
    assert "attempt 3 of 3, given up" in world.decisions()[-1][1]


def test_a_broken_pipeline_is_not_run_for_each_signal_of_a_storm(world: World):
    world.runner.outcomes = ["failed"] * 99
    for number in range(20):
        world.records.signals.add(MODEL, "manual", {"reason": "storm"}, f"storm:{number}")
    for minute in range(50):
        world.offset = minute * 60.0
        world.turn(1)
    assert len(world.runner.started) <= 7  # at once, then after 1, 2, 4, 8, 16 and 32 minutes


def test_after_giving_up_new_data_is_a_new_chance(world: World):
    world.runner.outcomes = ["failed"] * 3
    for offset in (0, 100, 1000):
        world.offset = offset
        world.turn()
    world.offset = 10_000
    world.new_data()
    world.turn()
    assert world.states() == [("first", "failed"), ("data", "acted")]


def test_a_restart_after_giving_up_is_a_new_chance(world: World):
    world.runner.outcomes = ["failed"] * 3
    for offset in (0, 100, 1000):
        world.offset = offset
        world.turn()
    world.keeper.release()
    world.offset = 10_000
    world.keeper = world.another()
    world.turn()
    assert world.champion() == 1


def test_a_signal_of_somebody_else_is_acted_on_too(world: World):
    world.turn()
    world.offset = 7200
    world.records.signals.add(MODEL, "manual", {"reason": "because I say so"}, "by-hand")
    world.turn()
    assert world.decisions()[-2:] == [
        ("retrained", "tiny@2 by run tiny/2, because: because I say so"),
        ("promoted", "tiny@2 passed its gates"),
    ]


def test_only_the_holder_of_the_lease_acts(world: World):
    world.turn()
    other = world.another("them", runner=RecordsRunner(world.context))
    world.new_data()
    other.look(patient=False)
    assert not other.holding
    assert world.states() == [("first", "acted")]


def test_a_released_lease_is_taken_over_at_once(world: World):
    world.turn()
    world.keeper.release()
    other = world.another("them")
    other.look()
    assert other.holding


def test_whoever_lost_the_lease_ends_its_run_and_writes_nothing(world: World):
    world.runner.held = True
    world.keeper = world.another(seconds=0.0)
    world.keeper.look()
    assert world.keeper.busy
    other = world.another("them", runner=RecordsRunner(world.context))
    other.look(patient=False)
    world.runner.held = False
    world.keeper.look()
    assert world.runner.stopped == 1
    assert ("trouble", "another supervisor has taken over") in world.told
    assert len(world.records.models.list(MODEL)) == 0


@pytest.mark.parametrize("after", ["version", "promotion", "decision"])
def test_a_successor_goes_on_where_the_dead_one_stood(world: World, after: str):
    world.runner.held = True
    world.keeper = world.another(seconds=0.0)
    world.keeper.look()  # claimed, and running; then it dies, at one of three points
    world.runner.record(MODEL, 1, "passed")
    if after in ("promotion", "decision"):
        promote(world.records, MODEL, 1, reason="tiny@1 passed its gates", actor=ACTOR)
    if after == "decision":
        world.records.decisions.add(
            MODEL, 1, "promoted", "tiny@1 passed its gates", run_id="tiny/1", version=1
        )
    other = world.another("them", runner=RecordsRunner(world.context))
    for _ in range(4):
        other.look(patient=False)
    assert world.champion() == 1
    assert [kind for kind, _ in world.decisions()].count("promoted") == 1
    assert len(world.records.models.moves(MODEL)) == 1
    assert len(world.records.runs.list(MODEL)) == 1
    assert world.states() == [("first", "acted")]


def overtaken(world: World) -> None:
    """Let a person make another champion while a run of the loop is under way, and then let the run end."""
    world.runner.gate = "error < champion.error"
    world.turn()
    world.runner.held = True
    world.offset = 7200
    world.new_data()
    world.turn(1)
    report = world.runner.record(MODEL, 0, "passed")  # by somebody else, for no signal of the loop's
    by_loop = world.runner.record(MODEL, 2, "passed")
    world.runner.recorded = by_loop
    world.records.models.move_alias(MODEL, "champion", report.version, "better", "somebody")
    world.runner.held = False


def test_a_champion_that_came_during_the_run_is_compared_with(world: World):
    world.runner.judgements = ["refused"]
    overtaken(world)
    world.turn()
    assert (world.runner.judged, world.champion()) == ([3], 2)
    refusal = "tiny@3, because error < champion.error: it is refused, now"
    assert world.decisions()[-1] == ("not promoted", refusal)
    assert world.states()[-1] == ("data", "acted")


def test_what_beats_the_champion_that_came_during_the_run_is_promoted(world: World):
    overtaken(world)
    world.turn()
    assert (world.runner.judged, world.champion()) == ([3], 3)


def test_a_version_that_cannot_be_judged_again_is_not_promoted(world: World):
    world.runner.judgements = ["broken"]
    overtaken(world)
    world.turn()
    assert (world.runner.judged, world.champion()) == ([3], 2)
    assert world.decisions()[-1][1].endswith("against the champion of now: its bundle is damaged")


def test_a_promotion_that_a_person_has_undone_is_not_repeated(world: World):
    world.turn()
    world.runner.held = True
    world.offset = 7200
    world.new_data()
    world.turn()
    world.runner.record(MODEL, 2, "passed")
    promote(world.records, MODEL, 2, reason="r", actor=ACTOR)
    promote(world.records, MODEL, 1, reason="back", actor="somebody")
    world.keeper.release()
    world.keeper = world.another()
    world.turn()
    assert world.champion() == 1


def test_a_run_that_outlives_its_supervisor_is_waited_for(world: World):
    world.runner.held = True
    world.keeper = world.another(seconds=0.0)
    world.keeper.look()
    run = world.records.runs.start(MODEL, signal_id=1)  # by this process, which lives
    other = world.another("them")
    for _ in range(3):
        other.look(patient=False)
    assert world.runner.started == [1]
    world.records.runs.finish(run.id, "succeeded")
    made = world.records.models.add_version(MODEL, run.id, "blake3:b", {}, "passed", signal_id=1)
    other.look(patient=False)
    assert world.champion() == made.number


def test_releasing_ends_the_run_under_way_and_keeps_the_signal(world: World):
    world.runner.held = True
    world.turn(1)
    world.keeper.release()
    assert world.runner.stopped == 1
    assert world.states() == [("first", "claimed")]
