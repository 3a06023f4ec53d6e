"""A pinned dataset wakes nobody: its runs read the same snapshot whatever arrives."""

from __future__ import annotations

from loop_world import World


def test_new_data_of_a_pinned_dataset_is_no_occasion_until_it_is_unpinned(world: World):
    world.turn()
    runs, world.offset = len(world.runner.started), 7200
    world.records.datasets.pin("rows", 1)
    world.new_data()
    world.turn()
    assert len(world.runner.started) == runs
    world.records.datasets.pin("rows", None)
    world.turn()
    assert len(world.runner.started) == runs + 1
