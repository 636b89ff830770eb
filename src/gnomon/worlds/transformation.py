"""Two pictures, before and after: which functions turn one into the other (Reason-RFT).

Source: Reason-RFT, arXiv 2503.20752, spatial transformation after TRANCE, with shapes in the plane.
An object is numbered by its place in the raster order of the first picture, from 0, and keeps its
number when it moves. Functions and their values (ours; TRANCE has materials and eight directions in
three dimensions)::

    change_size(object, 'small' | 'large')      change_color(object, one of six colours)
    change_shape(object, one of four kinds)     change_position(object, one of eight directions)

A direction moves by one cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from gnomon.records import Answer, Media
from gnomon.worlds.digits import Split
from gnomon.worlds.render import render_png
from gnomon.worlds.scene import (
    COLOURS,
    EXTENTS,
    KINDS,
    SIZES,
    Placed,
    Scene,
    Shape,
    Wish,
    draw_scene,
    pick,
    shuffled,
)
from gnomon.worlds.world import Posed, WorldTask

Call = tuple[str, str, str]
"""Function, number of the object, value."""
DIRECTIONS: Mapping[str, tuple[int, int]] = {
    "left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1),
    "up_left": (-1, -1), "up_right": (1, -1), "down_left": (-1, 1), "down_right": (1, 1),
}  # fmt: skip
"""Steps by column and row."""
VALUES: Mapping[str, tuple[str, ...]] = {
    "change_size": SIZES,
    "change_color": tuple(COLOURS),
    "change_shape": KINDS,
    "change_position": tuple(DIRECTIONS),
}
FIELDS = {"change_size": "size", "change_color": "colour", "change_shape": "kind"}
CALLS = (1, 1, 2, 3, 4)
"""Functions of difficulty 1 to 5, as the source has 1 to 4."""
SHAPES = (2, 4, 4, 5, 6)
ROWS = COLUMNS = 4


@dataclass(frozen=True)
class Change:
    """A scene, the functions that change it, and what they make of it.

    ``after`` holds the objects in the order of ``before``.
    """

    before: Scene
    calls: tuple[Call, ...]
    after: tuple[Placed, ...]

    @property
    def result(self) -> Scene:
        """The second picture's scene."""
        placed = sorted(self.after, key=lambda item: (item.row, item.column))
        return replace(self.before, objects=tuple(placed))

    def show(self) -> tuple[Media, ...]:
        """Both pictures."""
        return tuple(Media("image", data=render_png(s)) for s in (self.before, self.result))


def apply_call(objects: tuple[Placed, ...], call: Call) -> tuple[Placed, ...]:
    """The objects after one function.

    Raises ValueError for an unknown function, object or value, for a value that the object has
    already, and for a move off the canvas or onto another object.
    """
    function, number, value = call
    if value not in VALUES.get(function, ()):
        raise ValueError(f"{function}(…, {value!r}): there is no such function or value")
    if not number.isdecimal() or int(number) >= len(objects):
        raise ValueError(f"{function}({number}, …): there are objects 0 to {len(objects) - 1}")
    item = objects[int(number)]
    changed = _moved(objects, item, value) if function == "change_position" else _restyled(
        item, function, value
    )  # fmt: skip
    return (*objects[: int(number)], changed, *objects[int(number) + 1 :])


def _moved(objects: tuple[Placed, ...], item: Placed, value: str) -> Placed:
    column, row = item.column + DIRECTIONS[value][0], item.row + DIRECTIONS[value][1]
    taken = {(other.column, other.row) for other in objects}
    if not (0 <= column < COLUMNS and 0 <= row < ROWS) or (column, row) in taken:
        raise ValueError(f"change_position: {value} of {item.cell} is not free")
    return replace(item, column=column, row=row)


def _restyled(item: Placed, function: str, value: str) -> Placed:
    shape = item.thing
    if not isinstance(shape, Shape) or getattr(shape, FIELDS[function]) == value:
        raise ValueError(f"{function}: the object is {value} already")
    changed = Shape(**{**vars(shape), FIELDS[function]: value})
    low, high = EXTENTS[changed.size]
    ink = COLOURS[changed.colour] if function == "change_color" else item.ink
    return replace(item, thing=changed, extent=(low + high) // 2, ink=ink)


def draw_change(rng: np.random.Generator, level: int) -> Change:
    """A scene of shapes and functions that change it, no two on one property of one object.

    The pictures tell every change apart: what moved is not mistaken for what stood there before,
    and no other functions, or fewer, explain the second picture.
    """
    while True:
        change = _draw_change(rng, level)
        changed = len({number for _, number, _ in change.calls})
        new = count_new(change.before.written, change.result.written)
        if new == changed and _applies(change) and is_cheapest(change):
            return change


def _applies(change: Change) -> bool:
    """Whether the functions can be called in the order of their objects."""
    objects = change.before.objects
    try:
        for call in change.calls:
            objects = apply_call(objects, call)
    except ValueError:
        return False
    return objects == change.after


def is_cheapest(change: Change) -> bool:
    """Whether pairing the objects of the pictures in any other way takes more functions."""
    costs = [[_functions(old, new) for new in change.after] for old in change.before.objects]
    return _pairings(costs, len(change.calls)) == 1


def _functions(old: Placed, new: Placed) -> int:
    """The fewest functions that make one object of another: its properties and its steps."""
    one, other = vars(old.thing), vars(new.thing)
    steps = max(abs(old.column - new.column), abs(old.row - new.row))
    return steps + [one[name] == other[name] for name in FIELDS.values()].count(False)


def _pairings(costs: Sequence[Sequence[int]], most: int, taken: tuple[int, ...] = ()) -> int:
    """How many ways there are to pair each row with a column of its own for ``most`` in all."""
    if not costs:
        return 1
    return sum(
        _pairings(costs[1:], most - cost, (*taken, column))
        for column, cost in enumerate(costs[0])
        if cost <= most and column not in taken
    )


def _draw_change(rng: np.random.Generator, level: int) -> Change:
    wish = Wish(shapes=SHAPES[level - 1], kinds=4, colours=4)
    split: Split = "test" if rng.random() < 0.2 else "train"
    before = draw_scene(rng, wish, split=split, rows=ROWS, columns=COLUMNS)
    objects, calls = before.objects, list[Call]()
    pairs = [(f, str(n)) for f in VALUES for n in range(len(objects))]
    for function, number in shuffled(rng, pairs):
        if len(calls) == CALLS[level - 1]:
            break
        call = (function, number, pick(rng, VALUES[function]))
        try:
            objects = apply_call(objects, call)
        except ValueError:
            continue  # this one does not fit the scene; another will
        calls.append(call)
    calls.sort(key=lambda call: (int(call[1]), call[0]))
    return Change(before, tuple(calls), objects)


def _attributes(objects: tuple[Placed, ...]) -> str:
    rows = (f"({n}, {item.cell}, {item.thing.written})" for n, item in enumerate(objects))
    return "; ".join(rows)


def transform(rng: np.random.Generator, level: int) -> Posed:
    """Name the functions that lead from the first picture to the second."""
    change = draw_change(rng, level)
    listed = _attributes(change.before.objects)
    values = "; ".join(f"{name}: {', '.join(v)}" for name, v in VALUES.items())
    text = (
        f"<image><image>The first picture holds (number, place, object) {listed}. Which functions "
        "make the second picture of it? Write them as function(number, 'value'), separated by "
        f"commas. Values of {values}."
    )
    plain = ", ".join(f"{name}({number}, '{value}')" for name, number, value in change.calls)
    return Posed(
        text, Answer("operations", change.calls), plain, change.before.written,
        _thought(change), change.show,
        {"before": change.before.written, "after": change.result.written, "solution": plain,
         "objects": listed},
    )  # fmt: skip


def which_changed(rng: np.random.Generator, level: int) -> Posed:
    """How many objects have changed?"""
    change = draw_change(rng, level)
    count = len({number for _, number, _ in change.calls})
    text = "<image><image>How many objects of the first picture have changed in the second?"
    return Posed(
        text, Answer("count", count), str(count), change.before.written, _thought(change),
        change.show, {"before": change.before.written, "after": change.result.written},
    )  # fmt: skip


def _thought(change: Change) -> str:
    steps = []
    for number, (old, new) in enumerate(zip(change.before.objects, change.after, strict=True)):
        if (old.cell, old.thing) != (new.cell, new.thing):
            was, now = (f"{item.cell} {item.thing.written}" for item in (old, new))
            steps.append(f"{number}: {was} is now {now}.")
    return f"{change.before.written}. then {change.result.written}. " + " ".join(steps)


def read_objects(written: str) -> dict[str, tuple[str, str, str]]:
    """Cell to size, colour and kind, from a written scene of shapes."""
    found = {}
    for item in written.split("; "):
        cell, size, colour, kind = item.split()
        found[cell] = (size, colour, kind)
    return found


def confirm_transform(posed: Posed) -> bool:
    """Whether the answer's functions, applied to the written first scene, give the second one."""
    cells = list(read_objects(posed.facts["before"]))
    looks = list(read_objects(posed.facts["before"]).values())
    for function, number, value in posed.answer.value:
        place = int(number)
        if function == "change_position":
            column, row = DIRECTIONS[value]
            cells[place] = f"{chr(ord(cells[place][0]) + column)}{int(cells[place][1:]) + row}"
        else:
            slot = list(FIELDS).index(function)
            looks[place] = (*looks[place][:slot], value, *looks[place][slot + 1 :])
    return dict(zip(cells, looks, strict=True)) == read_objects(posed.facts["after"])


def count_new(before: str, after: str) -> int:
    """Cells of a written scene that hold something else than they did, or did not hold it."""
    old = read_objects(before)
    return sum(old.get(cell) != look for cell, look in read_objects(after).items())


def confirm_count(posed: Posed) -> bool:
    """Whether so many cells of the second scene look otherwise than in the first."""
    return count_new(posed.facts["before"], posed.facts["after"]) == int(posed.answer.value)


def effort(posed: Posed, counted: bool = False) -> float:
    """Objects to compare, for each function that has to be found."""
    objects = len(read_objects(posed.facts["before"]))
    return float(objects if counted else objects * len(posed.answer.value))


TASKS = (
    WorldTask("transform", "multi", "images", transform, confirm_transform, effort),
    WorldTask(
        "changed-count", "multi", "images", which_changed, confirm_count,
        partial(effort, counted=True),
    ),
)  # fmt: skip
