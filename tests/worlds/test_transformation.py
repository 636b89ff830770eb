import itertools
from dataclasses import replace

import numpy as np
import pytest

from gnomon.records import Answer
from gnomon.rewards.puzzles import call_sequence
from gnomon.worlds.scene import COLOURS, EXTENTS, Placed, Scene, Shape
from gnomon.worlds.transformation import (
    CALLS,
    DIRECTIONS,
    TASKS,
    Change,
    apply_call,
    confirm_transform,
    count_new,
    draw_change,
    is_cheapest,
    read_objects,
    transform,
)
from gnomon.worlds.world import world_source


def shape(cell, size="small", colour="red", kind="circle"):
    column, row = ord(cell[0]) - ord("a"), int(cell[1]) - 1
    return Placed(Shape(kind, colour, size), column, row, 0, 0, 13, COLOURS[colour])


def changes(level, count=40):
    return [draw_change(np.random.default_rng([level, i]), level) for i in range(count)]


@pytest.mark.parametrize("direction, cell", [("left", "a2"), ("down_right", "c3"), ("up", "b1")])
def test_a_move_is_one_cell_in_its_direction(direction, cell):
    (moved,) = apply_call((shape("b2"),), ("change_position", "0", direction))
    assert moved.cell == cell


def test_directions_come_with_their_opposites():
    steps = set(DIRECTIONS.values())
    assert len(steps) == 8 and steps == {(-x, -y) for x, y in steps}


def test_a_changed_colour_is_drawn_in_that_colour():
    (changed,) = apply_call((shape("b2"),), ("change_color", "0", "blue"))
    assert changed.thing.colour == "blue" and changed.ink == COLOURS["blue"]


def test_a_changed_size_is_drawn_at_that_size():
    (changed,) = apply_call((shape("b2"),), ("change_size", "0", "large"))
    assert EXTENTS["large"][0] <= changed.extent <= EXTENTS["large"][1]


@pytest.mark.parametrize(
    "call, reason",
    [
        (("change_mood", "0", "happy"), "no such function"),
        (("change_size", "0", "huge"), "no such function or value"),
        (("change_size", "5", "large"), "objects 0 to 1"),
        (("change_size", "-1", "large"), "objects 0 to 1"),
        (("change_color", "0", "red"), "red already"),
        (("change_position", "0", "up"), "not free"),
        (("change_position", "0", "right"), "not free"),
    ],
)
def test_a_function_that_does_not_fit_is_refused(call, reason):
    with pytest.raises(ValueError, match=reason):
        apply_call((shape("a1"), shape("b1")), call)


@pytest.mark.parametrize("level", [1, 3, 5])
def test_a_difficulty_has_its_number_of_functions(level):
    assert {len(change.calls) for change in changes(level)} == {CALLS[level - 1]}


def test_no_property_of_an_object_is_changed_twice():
    for change in changes(5):
        assert len({call[:2] for call in change.calls}) == len(change.calls)


def test_pictures_tell_every_change_apart():
    for change in changes(5):
        changed = len({number for _, number, _ in change.calls})
        assert count_new(change.before.written, change.result.written) == changed


def fewest(old, new):
    """Functions that make one object of another: its properties, and its steps to the cell."""
    one, other = (item.thing.written.split() for item in (old, new))
    column, row = (abs(ord(old.cell[i]) - ord(new.cell[i])) for i in (0, 1))
    return sum(a != b for a, b in zip(one, other, strict=True)) + max(column, row)


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_no_other_pairing_of_the_objects_needs_as_few_functions(level):
    for change in changes(level, 60):
        places = range(len(change.after))
        costs = [[fewest(old, new) for new in change.after] for old in change.before.objects]
        totals = {
            order: sum(costs[one][other] for one, other in enumerate(order))
            for order in itertools.permutations(places)
        }
        assert totals.pop(tuple(places)) == len(change.calls)
        assert min(totals.values()) > len(change.calls)


def test_a_swap_of_neighbours_is_no_change_of_their_shapes():
    """Two objects that take each other's shape look as two that change places."""
    before = (shape("a1", kind="circle"), shape("b1", kind="star"))
    after = (shape("a1", kind="star"), shape("b1", kind="circle"))
    calls = (("change_shape", "0", "star"), ("change_shape", "1", "circle"))
    assert not is_cheapest(Change(Scene(4, 4, before), calls, after))
    assert is_cheapest(Change(Scene(4, 4, before), calls[:1], (after[0], before[1])))


@pytest.mark.parametrize("level", [4, 5])
def test_functions_can_be_called_in_the_order_that_they_are_written(level):
    for change in changes(level, 100):
        objects = change.before.objects
        for call in change.calls:
            objects = apply_call(objects, call)
        assert objects == change.after


def test_a_wrong_sequence_is_not_confirmed():
    posed = transform(np.random.default_rng(0), 1)
    ((function, number, value),) = posed.answer.value
    other = next(d for d in DIRECTIONS if (function, d) != (function, value))
    wrong = (("change_position", number, other),)
    assert not confirm_transform(replace(posed, answer=Answer("operations", wrong)))


def test_the_reward_of_the_system_pays_the_answer_in_full():
    source = world_source(world="transformation", tasks=["transform"], size=20)
    for index in range(20):
        sample = source[index]
        response = f"<answer>{sample.meta['answer_text']}</answer>"
        assert call_sequence(response, sample.meta["solution"], sample) == 1.0


def test_a_written_scene_is_read_by_cell():
    assert read_objects("a1 large red circle; b2 small blue star") == {
        "a1": ("large", "red", "circle"),
        "b2": ("small", "blue", "star"),
    }


def test_every_task_shows_two_pictures():
    for task in TASKS:
        assert len(task.pose(np.random.default_rng(0), 1).show()) == 2
