"""Questions of several steps: count, calculate, compare, relate."""

from __future__ import annotations

from functools import partial
from itertools import permutations

import numpy as np

from gnomon.records import Answer
from gnomon.worlds.asking import (
    CONDITIONS,
    Condition,
    Question,
    Task,
    digits_of,
    matching,
    mixture,
    reply,
    shapes_of,
    tally,
    unique_items,
    yes_no,
)
from gnomon.worlds.scene import COLOURS, KINDS, Placed, Scene, Shape, Wish, between, pick

ZERO_SHARE = 0.08
TIE_SHARE = 0.3
RELATIONS = {
    "left of": ("column", -1),
    "right of": ("column", 1),
    "above": ("row", -1),
    "below": ("row", 1),
}
EXTREMES = {
    "leftmost": ("column", -1),
    "rightmost": ("column", 1),
    "topmost": ("row", -1),
    "bottommost": ("row", 1),
}


def _choose_condition(
    scene: Scene, rng: np.random.Generator, difficulty: int
) -> tuple[Condition, list[str]]:
    # Counts are drawn before conditions, so that no count dominates and zero stays rare.
    level = between(rng, max(1, difficulty - 1), difficulty)
    groups: dict[int, list[tuple[Condition, list[str]]]] = {}
    for condition in CONDITIONS[level - 1]:
        cells = matching(scene, condition)
        groups.setdefault(len(cells), []).append((condition, cells))
    counts = sorted(set(groups) - {0})
    zero = 0 in groups and (not counts or rng.random() < ZERO_SHARE)
    return pick(rng, groups[0 if zero else pick(rng, counts)])


def count(scene: Scene, rng: np.random.Generator, difficulty: int) -> Question:
    """How many shapes meet a condition; the condition grows with the difficulty."""
    condition, cells = _choose_condition(scene, rng, difficulty)
    text = pick(
        rng,
        [
            f"How many {condition.plural} are there?",
            f"Count the {condition.plural}.",
            f"What is the number of {condition.plural}?",
        ],
    )
    answer = Answer("integer", len(cells))
    return reply(scene, "count", text, answer, tally(condition.label, cells), difficulty)


def digit_sum(scene: Scene, rng: np.random.Generator, difficulty: int) -> Question | None:
    """The sum of all digits. None with fewer than two."""
    values = [digit.value for _, digit in digits_of(scene)]
    if len(values) < 2:
        return None
    total, steps = values[0], []
    for value in values[1:]:
        steps.append(f"{total}+{value}={total + value}.")
        total += value
    text = pick(rng, ["What is the sum of the digits?", "Add up all digits."])
    why = f"digits {', '.join(map(str, values))}. {' '.join(steps)}"
    return reply(scene, "digit-sum", text, Answer("integer", total), why, difficulty)


def digit_difference(scene: Scene, rng: np.random.Generator, difficulty: int) -> Question | None:
    """Largest digit minus smallest digit. None with fewer than two."""
    values = [digit.value for _, digit in digits_of(scene)]
    if len(values) < 2:
        return None
    high, low = max(values), min(values)
    text = pick(
        rng,
        [
            "What is the largest digit minus the smallest digit?",
            "Subtract the smallest digit from the largest digit.",
        ],
    )
    why = f"digits {', '.join(map(str, values))}. largest {high}. smallest {low}. "
    why += f"{high}-{low}={high - low}."
    return reply(scene, "digit-difference", text, Answer("integer", high - low), why, difficulty)


def digit_place(scene: Scene, rng: np.random.Generator, difficulty: int) -> Question | None:
    """A digit, named by its cell, plus the number of shapes that meet a condition.

    None without digits.
    """
    found = digits_of(scene)
    if not found:
        return None
    item, digit = pick(rng, found)
    condition, cells = _choose_condition(scene, rng, min(difficulty, 3))
    text = pick(
        rng,
        [
            f"Add the digit at {item.cell} to the number of {condition.plural}.",
            f"What is the digit at {item.cell} plus the number of {condition.plural}?",
        ],
    )
    total = digit.value + len(cells)
    why = f"{item.cell} digit {digit.value}. {tally(condition.label, cells)} "
    why += f"{digit.value}+{len(cells)}={total}."
    return reply(scene, "digit-place", text, Answer("integer", total), why, difficulty)


_Pair = tuple[Condition, Condition]


def _pairs(difficulty: int) -> list[_Pair]:
    kinds = [Condition(kind) for kind in KINDS]
    colours = [Condition(colours=(name,)) for name in COLOURS]
    pairs = [*permutations(kinds, 2), *permutations(colours, 2)]
    if difficulty >= 4:
        large = [Condition(kind, size="large") for kind in KINDS]
        small = [Condition(kind, size="small") for kind in KINDS]
        pairs += [*permutations(large, 2), *permutations(small, 2)]
    return pairs


_PAIRS_BY_DIFFICULTY = tuple(_pairs(difficulty) for difficulty in range(1, 6))


def compare(scene: Scene, rng: np.random.Generator, difficulty: int) -> Question | None:
    """Whether shapes of one sort outnumber those of another; a tie is a no.

    None when all sorts tie.
    """
    cells: dict[Condition, list[str]] = {}
    more: list[_Pair] = []
    ties: list[_Pair] = []
    for one, other in _PAIRS_BY_DIFFICULTY[difficulty - 1]:
        for condition in (one, other):
            if condition not in cells:
                cells[condition] = matching(scene, condition)
        gap = len(cells[one]) - len(cells[other])
        if gap > 0:
            more.append((one, other))
        elif gap == 0 and cells[one]:
            ties.append((one, other))
    if not more:
        return None
    # Both zero counts and pairs of present sorts occur; the latter are the interesting ones.
    both = [pair for pair in more if cells[pair[1]]]
    one, other = pick(rng, both if both and rng.random() < 0.7 else more)
    if rng.random() < 0.5:
        one, other = pick(rng, ties) if ties and rng.random() < TIE_SHARE else (other, one)
    return _compared(scene, rng, difficulty, (one, cells[one]), (other, cells[other]))


def _compared(
    scene: Scene,
    rng: np.random.Generator,
    difficulty: int,
    first: tuple[Condition, list[str]],
    second: tuple[Condition, list[str]],
) -> Question:
    (one, left), (other, right) = first, second
    text = pick(
        rng,
        [
            f"Are there more {one.plural} than {other.plural}?",
            f"Do the {one.plural} outnumber the {other.plural}?",
        ],
    )
    sign = ">" if len(left) > len(right) else "<" if len(left) < len(right) else "="
    why = f"{tally(one.label, left)} {tally(other.label, right)} {len(left)} {sign} {len(right)}."
    answer = Answer("yes-no", len(left) > len(right))
    return reply(scene, "compare", text, answer, why, difficulty, yes_no(len(left) > len(right)))


def relation(scene: Scene, rng: np.random.Generator, difficulty: int) -> Question | None:
    """Whether one shape is left of, right of, above or below another.

    Both shapes have names of their own. None when no two such shapes differ on the drawn axis.
    """
    found = [(item, name) for item, name in unique_items(scene) if isinstance(item.thing, Shape)]
    asked = pick(rng, tuple(RELATIONS))
    axis, sign = RELATIONS[asked]
    pairs = [
        pair for pair in permutations(found, 2) if _at(pair[0][0], axis) != _at(pair[1][0], axis)
    ]
    if not pairs:
        return None
    (one, name), (other, other_name) = pick(rng, pairs)
    gap = _at(one, axis) - _at(other, axis)
    true = next(key for key, value in RELATIONS.items() if value == (axis, 1 if gap > 0 else -1))
    truth = gap * sign > 0
    text = pick(
        rng,
        [
            f"Is the {name} {asked} the {other_name}?",
            f"The {name} is {asked} the {other_name}, yes or no?",
        ],
    )
    why = f"{name} {one.cell}. {other_name} {other.cell}. "
    why += f"{_coordinate(one, axis)} is {true} {_coordinate(other, axis)}."
    answer = Answer("yes-no", truth)
    return reply(scene, "relation", text, answer, why, difficulty, yes_no(truth))


def _at(item: Placed, axis: str) -> int:
    return item.column if axis == "column" else item.row


def _coordinate(item: Placed, axis: str) -> str:
    return item.cell[0] if axis == "column" else item.cell[1:]


def extreme(scene: Scene, rng: np.random.Generator, difficulty: int) -> Question | None:
    """The colour of the leftmost (rightmost, ...) shape of a kind, or the kind of that of a colour.

    None unless two shapes share the kind or colour and one alone lies furthest.
    """
    by_kind = rng.random() < 0.5
    groups: dict[str, list[tuple[Placed, Shape]]] = {}
    for item, shape in shapes_of(scene):
        groups.setdefault(shape.kind if by_kind else shape.colour, []).append((item, shape))
    word = pick(rng, tuple(EXTREMES))
    axis, sign = EXTREMES[word]
    able = []
    for key, group in groups.items():
        group = sorted(group, key=lambda pair: -sign * _at(pair[0], axis))
        if len(group) > 1 and _at(group[0][0], axis) != _at(group[1][0], axis):
            able.append((key, group[0]))
    if not able:
        return None
    key, (item, shape) = pick(rng, able)
    value = shape.colour if by_kind else shape.kind
    asked = f"colour is the {word} {key}" if by_kind else f"shape is the {word} {key} shape"
    text = f"{pick(rng, ['What', 'Which'])} {asked}?"
    cells = ", ".join(other.cell for other, _ in groups[key])
    why = f"{key}: {cells}. {word} {item.cell}. {item.cell} {shape.written}."
    return reply(scene, "extreme", text, Answer("choice", value), why, difficulty)


def _wish_for_digits(rng: np.random.Generator, difficulty: int) -> Wish:
    return mixture(
        rng, difficulty, digits=(2, 2, 3, 4, 5)[difficulty - 1], fill=("shapes", "shapes", "words")
    )


def _wish_for_shapes(rng: np.random.Generator, difficulty: int) -> Wish:
    shapes = (2, 3, 4, 5, 6)[difficulty - 1]
    return mixture(rng, difficulty, shapes=shapes, fill=("shapes", "digits", "words"))


_wish_for_both = partial(mixture, digits=1, shapes=1, fill=("shapes", "shapes", "shapes", "digits"))

REASONING: dict[str, Task] = {
    task.name: task
    for task in (
        Task("count", "multi", _wish_for_shapes, count),
        Task("digit-sum", "multi", _wish_for_digits, digit_sum),
        Task("digit-difference", "multi", _wish_for_digits, digit_difference),
        Task("digit-place", "multi", _wish_for_both, digit_place),
        Task("compare", "multi", _wish_for_shapes, compare),
        Task("relation", "multi", _wish_for_shapes, relation),
        Task("extreme", "multi", _wish_for_shapes, extreme),
    )
}
