from __future__ import annotations

from loop_world import World
from tiny_project import MODEL

from interlock.loop.story import story
from interlock.models.registry import rollback


def test_a_model_nobody_knows_has_no_story(world: World):
    assert list(story(world.records, "nobody")) == []


def test_the_story_tells_signals_runs_gates_and_decisions_in_order(world: World):
    world.runner.outcomes = ["passed", "refused"]
    world.turn()
    world.offset = 7200
    world.new_data()
    world.turn()
    told = story(world.records, MODEL)
    assert [one.kind for one in told] == ["signal", "run", "gates", "retrained", "promoted"] + [
        "signal", "run", "gates", "retrained", "not promoted"
    ]  # fmt: skip
    assert [one.at for one in told] == sorted(one.at for one in told)
    assert {one.signal_id for one in told[5:]} == {2}
    assert told[7].text == "tiny@2 refused: ✗ error <= 5"


def test_the_story_tells_what_people_did(world: World):
    world.turn()
    world.offset = 7200
    world.new_data()
    world.turn()
    rollback(world.records, MODEL, reason="it felt wrong", actor="ada")
    assert story(world.records, MODEL)[-1].text == "champion to version 1 by ada: it felt wrong"


def test_the_story_tells_alarms(world: World):
    world.turn()
    world.window("drift", alarm=True)
    world.window("drift", alarm=False)
    alarms = [one.text for one in story(world.records, MODEL) if one.kind == "alarm"]
    assert alarms == ["drift of what version 1 was asked, over 500 rows"]
