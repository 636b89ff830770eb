from gnomon.worlds.needs import NEEDS
from gnomon.worlds.problems import PROBLEMS
from gnomon.worlds.questions import TASKS
from gnomon.worlds.world import tasks_of, worlds


def test_every_system_has_a_task():
    assert len(NEEDS) == 77 and all(NEEDS.values())


def test_every_named_task_exists():
    known = {"microworld", *worlds(), *(f"microworld/{name}" for name in (*TASKS, *PROBLEMS))}
    known |= {f"{world}/{name}" for world in worlds() for name in tasks_of(world)}
    assert not {place for places in NEEDS.values() for place in places} - known


def test_every_world_stands_in_for_some_system():
    used = {place.split("/")[0] for places in NEEDS.values() for place in places}
    assert set(worlds()) <= used
