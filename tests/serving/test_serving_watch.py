"""Following an alias: what is loaded when, and what happens when it cannot be."""

from __future__ import annotations

from dataclasses import dataclass, field

from serving_sample import TinyBundle

from interlock.errors import InterlockError
from interlock.serving.live import Live, Status
from interlock.serving.watch import Pointer, Watcher


class Unloadable(InterlockError):
    pass


@dataclass
class World:
    """Records that can be lost and bundles that can be broken."""

    points_at: int = 1
    lost: bool = False
    emptied: bool = False
    broken: set[int] = field(default_factory=set)
    loads: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)

    def resolve(self) -> Pointer:
        if self.lost:
            raise OSError("/secret/records.db: disk I/O error")
        return Pointer(self.points_at, f"blake3:{self.points_at}")

    def probe(self, pointer: Pointer) -> None:
        if self.emptied:
            raise Unloadable("It has no bundle.", where="/secret/store")

    def load(self, pointer: Pointer) -> TinyBundle:
        self.loads.append(pointer.version)
        if pointer.version in self.broken:
            raise Unloadable("Bundle blake3:2 is damaged.", where="/secret/store")
        return TinyBundle(pointer.version)


def _watcher(world: World, retry: float = 60.0) -> tuple[Watcher, Live, Status]:
    live, status = Live(TinyBundle(1)), Status()
    watcher = Watcher(
        world.resolve, world.load, live, status, probe=world.probe, loaded=world.told.append, retry=retry
    )
    return watcher, live, status


def test_nothing_is_loaded_while_the_alias_stays() -> None:
    world = World()
    watcher, live, _ = _watcher(world)

    watcher.look()

    assert (world.loads, live.current.name) == ([], "1")


def test_a_moved_alias_is_followed_there_and_back() -> None:
    world = World(points_at=2)
    watcher, live, _ = _watcher(world)

    watcher.look()
    assert live.current.name == "2"
    world.points_at = 1
    watcher.look()

    assert live.current.name == "1"
    assert world.told == [2, 1]


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_and_says_why() -> None:
    world = World(points_at=2, broken={2})
    watcher, live, status = _watcher(world)

    watcher.look()
    watcher.look()

    assert (live.current.name, world.loads) == ("1", [2])
    assert status.troubles == {"pending": "Version 2 cannot be served: Bundle blake3:2 is damaged."}


def test_a_failed_load_is_tried_again_later_and_then_forgotten() -> None:
    world = World(points_at=2, broken={2})
    watcher, live, status = _watcher(world, retry=0.0)
    watcher.look()

    world.broken.clear()
    watcher.look()

    assert live.current.name == "2"
    assert not status.troubles


def test_the_next_version_is_tried_at_once_after_a_broken_one() -> None:
    world = World(points_at=2, broken={2})
    watcher, live, _ = _watcher(world)
    watcher.look()

    world.points_at = 3
    watcher.look()

    assert live.current.name == "3"


def test_lost_records_are_reported_without_paths_and_found_again() -> None:
    world = World(points_at=2, lost=True)
    watcher, live, status = _watcher(world)

    watcher.look()
    assert live.current.name == "1"
    assert status.troubles == {"records": "The records do not tell what to serve: OSError (the log has more)"}
    world.lost = False
    watcher.look()

    assert live.current.name == "2"
    assert not status.troubles


def test_a_store_that_lost_the_live_version_is_reported_and_found_again() -> None:
    world = World(emptied=True)
    watcher, _, status = _watcher(world)

    watcher.look()
    assert status.troubles == {"store": "The store does not hold the live version: It has no bundle."}
    world.emptied = False
    watcher.look()

    assert not status.troubles
