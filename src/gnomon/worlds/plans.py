"""Plans over a small map with doors, switches and portals, and mistakes put into them (M-Portal).

Source: MARBLE, arXiv 2506.22992: a plan, some of whose steps have one mistaken replacement each. A
candidate is a plan with any of the mistakes; only the one without is right. The maps are ours, in
place of those of a game. A map is written row by row::

    # wall    . floor    S start    G goal    O portal (two of them)
    r, b a switch that opens the door R, B

A plan is right when each of its steps can be taken and the last one ends on the goal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from gnomon.media.image import png_bytes
from gnomon.records import Answer, Media
from gnomon.worlds.plan_map import draw_map
from gnomon.worlds.scene import LETTERS, between, cell_name, shuffled
from gnomon.worlds.world import Posed, WorldTask

State = tuple[int, int, str]
"""Row, column, and the letters of the switches that were pressed."""
MOVES = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
SWITCHES = {"r": "red", "b": "blue"}
SIDES = (4, 5, 5, 6, 6)
DOORS = (0, 1, 1, 2, 2)
PORTALS = (0, 0, 1, 1, 1)
LENGTHS = (3, 4, 5, 6, 7)
"""Side of the map, doors, pairs of portals and steps of a plan, at least, of difficulty 1 to 5."""
MISTAKES = (1, 2, 3, 4, 5)
"""Steps with a mistaken replacement at difficulty 1 to 5; the source has 5."""
WALLS = 0.22
TRIES = 8
"""Share of the cells that are walls; draws of mistakes for a plan before another map is drawn."""
_BLANK = re.compile(r"(?<![A-Za-z])[A-J](?![A-Za-z])")
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)


@dataclass(frozen=True)
class Mission:
    """A map, a right plan, and mistaken steps by their place in it, from 0."""

    rows: tuple[str, ...]
    plan: tuple[str, ...]
    wrong: Mapping[int, str]

    def show(self) -> tuple[Media, ...]:
        """The map."""
        return (Media("image", data=png_bytes(draw_map(self.rows))),)


def find(rows: Sequence[str], mark: str) -> list[tuple[int, int]]:
    """Row and column of every cell that holds a mark."""
    return [(r, c) for r, row in enumerate(rows) for c, cell in enumerate(row) if cell == mark]


def start_of(rows: Sequence[str]) -> State:
    """Where a plan begins, nothing pressed. Raises ValueError unless the map has one start."""
    found = find(rows, "S")
    if len(found) != 1:
        raise ValueError(f"{len(found)} cells of the map are a start: mark one with S")
    return *found[0], ""


def taken(rows: Sequence[str], state: State, step: str) -> State | None:
    """The state after a step such as "right 2", "press red" or "portal", or None.

    >>> taken(("S.#",), (0, 0, ""), "right 1"), taken(("S.#",), (0, 0, ""), "right 2")
    ((0, 1, ''), None)
    """
    row, column, pressed = state
    word, _, rest = step.partition(" ")
    if word in MOVES:
        return _walked(rows, state, MOVES[word], int(rest))
    here = rows[row][column]
    if word == "press":
        return (row, column, pressed + here) if SWITCHES.get(here) == rest else None
    ends = [cell for cell in find(rows, "O") if cell != (row, column)]
    return (*ends[0], pressed) if step == "portal" and here == "O" and len(ends) == 1 else None


def _walked(rows: Sequence[str], state: State, move: tuple[int, int], count: int) -> State | None:
    row, column, pressed = state
    for _ in range(count):
        row, column = row + move[0], column + move[1]
        if not (0 <= row < len(rows) and 0 <= column < len(rows[0])):
            return None
        cell = rows[row][column]
        if cell == "#" or (cell in "RB" and cell.lower() not in pressed):
            return None
    return row, column, pressed


def run(rows: Sequence[str], steps: Iterable[str]) -> State | None:
    """The state after all steps, or None when one cannot be taken."""
    state: State | None = start_of(rows)
    for step in steps:
        state = taken(rows, state, step) if state is not None else None
    return state


def is_right(rows: Sequence[str], steps: Iterable[str]) -> bool:
    """Whether a plan ends on the goal."""
    state = run(rows, steps)
    return state is not None and rows[state[0]][state[1]] == "G"


def candidate(plan: Sequence[str], wrong: Mapping[int, str], number: int) -> list[str]:
    """The plan of a number: the wrong step at the j-th of the places, in order, iff bit j is set.

    >>> candidate(("a", "b", "c"), {0: "x", 2: "y"}, 2)
    ['a', 'b', 'y']
    """
    used = {place for bit, place in enumerate(sorted(wrong)) if number >> bit & 1}
    return [wrong[place] if place in used else step for place, step in enumerate(plan)]


def yes_f1(predicted: Sequence[bool | None], gold: Sequence[bool]) -> float:
    """F1 of the class "yes": 2 TP / (2 TP + FP + FN), 0 without a true positive; None is "no".

    Accuracy says little here: 31 of 32 candidates are wrong.
    """
    right = sum(bool(p) and g for p, g in zip(predicted, gold, strict=True))
    return 2 * right / (sum(map(bool, predicted)) + sum(gold)) if right else 0.0


def read_blanks(text: str) -> list[str]:
    """Letters A to J that stand alone in the answer: of its tag, else of its last line, in order.

    >>> read_blanks("I think\\nA, D and C")
    ['A', 'D', 'C']
    """
    tagged = _ANSWER.findall(text)
    lines = [line for line in text.splitlines() if line.strip()]
    return _BLANK.findall(tagged[-1] if tagged else lines[-1] if lines else "")


def draw_mission(rng: np.random.Generator, level: int) -> Mission:
    """A map and plan of a difficulty, and mistakes whose steps fill its blanks in one way only."""
    while True:
        rows = _draw_rows(rng, level)
        planned = _longest(rows, level)
        if planned is None:
            continue
        plan, (row, column) = planned
        rows[row] = rows[row][:column] + "G" + rows[row][column + 1 :]
        # The draws of mistakes try the same steps from the same places.
        reach, begin = cache(partial(taken, tuple(rows))), start_of(rows)
        for _ in range(TRIES):
            wrong = _draw_wrong(rng, plan, MISTAKES[level - 1])
            if wrong and _filled_once(reach, begin, (row, column), plan, wrong):
                return Mission(tuple(rows), plan, wrong)


def _draw_rows(rng: np.random.Generator, level: int) -> list[str]:
    side, doors = SIDES[level - 1], DOORS[level - 1]
    cells = [(r, c) for r in range(side) for c in range(side)]
    marks = "S" + "".join("rR" if door == 0 else "bB" for door in range(doors))
    marks += "OO" * PORTALS[level - 1]
    marks += "#" * int(WALLS * side * side)
    put = dict(zip(shuffled(rng, cells), marks, strict=False))
    return ["".join(put.get((r, c), ".") for c in range(side)) for r in range(side)]


def _longest(rows: Sequence[str], level: int) -> tuple[tuple[str, ...], tuple[int, int]] | None:
    """The plan to the floor that is farthest away, and its cell, if it is long enough.

    Breadth first over cells and pressed switches; the goal stops nobody. A state is the number of a
    cell in its low bits and a bit for each switch that was pressed above them.
    """
    text, along = "".join(rows), len(rows[0])
    shift = len(text).bit_length()
    low, exits = (1 << shift) - 1, _exits(text, along, shift)
    begin = text.index("S")
    # To each state: the one before it, the step, and the steps of the plan up to it, in which moves
    # that follow each other in one direction are one.
    before = {begin: (begin, "", 0)}
    queue, most = [begin], 0
    for state in queue:
        held, (_, last, count) = state & ~low, before[state]
        for step, to, needed, gained in exits[state & low]:
            after = to | held | gained
            if after not in before and not needed & ~held:
                told = count if step == last else count + 1
                before[after] = (state, step, told)
                queue.append(after)
                most = told if told > most else most
    if most < LENGTHS[level - 1]:
        return None
    first: dict[int, int] = {}
    for state in queue:
        first.setdefault(state & low, state)
    for cell, state in reversed(first.items()):
        if text[cell] == "." and before[state][2] >= LENGTHS[level - 1]:
            return _compressed(_path(before, state)), divmod(cell, along)
    return None


Exit = tuple[str, int, int, int]
"""A single step, the cell it leads to, the bit of the switch it needs and of the one it presses."""


def _exits(text: str, along: int, shift: int) -> list[list[Exit]]:
    """The steps from each cell of a map in one line; written apart from `taken` for speed."""
    bits = {switch: 1 << shift + place for place, switch in enumerate(SWITCHES)}
    doors = {switch.upper(): bit for switch, bit in bits.items()}
    exits = [
        [(step, to, doors.get(text[to], 0), 0) for step, to in beside if text[to] != "#"]
        for beside in _beside(len(text), along)
    ]
    for cell in (text.find(switch) for switch in bits):
        if cell >= 0:
            exits[cell].append((f"press {SWITCHES[text[cell]]}", cell, 0, bits[text[cell]]))
    one, other = text.find("O"), text.rfind("O")
    if one < other:
        exits[one].append(("portal", other, 0, 0))
        exits[other].append(("portal", one, 0, 0))
    return exits


@cache
def _beside(area: int, along: int) -> list[list[tuple[str, int]]]:
    """The single moves from each cell of a map, and where they lead."""
    cells = [divmod(cell, along) for cell in range(area)]
    return [
        [
            (f"{word} 1", (row + y) * along + column + x)
            for word, (y, x) in MOVES.items()
            if 0 <= row + y < area // along and 0 <= column + x < along
        ]
        for row, column in cells
    ]


def _path(before: Mapping[int, tuple[int, str, int]], state: int) -> list[str]:
    steps = []
    while before[state][1]:
        state, step, _ = before[state]
        steps.append(step)
    return steps[::-1]


def _compressed(steps: Sequence[str]) -> tuple[str, ...]:
    plan: list[str] = []
    for step in steps:
        word, _, count = plan[-1].partition(" ") if plan else ("", "", "")
        if word in MOVES and step.startswith(word):
            plan[-1] = f"{word} {int(count) + 1}"
        else:
            plan.append(step)
    return tuple(plan)


def _draw_wrong(rng: np.random.Generator, plan: Sequence[str], count: int) -> dict[int, str] | None:
    """Mistaken steps for steps that are not told twice, or None when there are too few."""
    once = [place for place, step in enumerate(plan) if plan.count(step) == 1]
    if len(once) < count:
        return None
    pool = [f"{word} {n}" for word in MOVES for n in (1, 2, 3)]
    pool += [step for step in ("press red", "press blue", "portal") if step in plan]
    others = shuffled(rng, [step for step in pool if step not in plan])
    if len(others) < count:
        return None
    return dict(zip(sorted(shuffled(rng, once)[:count]), others, strict=False))


def _filled_once(
    reach: Callable[[State, str], State | None], begin: State, goal: tuple[int, int],
    plan: Sequence[str], wrong: Mapping[int, str],
) -> bool:  # fmt: skip
    """Whether one way of putting options into the blanks makes a right plan, and no other does."""
    options = [plan[place] for place in wrong] + list(wrong.values())

    def count(place: int, state: State, left: list[str]) -> int:
        if place == len(plan):
            return int(state[:2] == goal)
        ways, blank = 0, place in wrong
        for step in left if blank else (plan[place],):
            after = reach(state, step)
            if after is not None:
                ways += count(place + 1, after, [o for o in left if o != step] if blank else left)
                if ways > 1:
                    break
        return ways

    return count(0, begin, options) == 1


_MARKS = (
    "The map shows walls (black), the start (triangle), the goal (star), switches (circles), the "
    "doors that they open (squares of their colour) and two portals (rings)."
)


def correctness(rng: np.random.Generator, level: int) -> Posed:
    """Does a plan lead to the goal? Half of those shown do (ours)."""
    mission = draw_mission(rng, level)
    number = 0 if rng.random() < 0.5 else between(rng, 1, 2 ** len(mission.wrong) - 1)
    steps = candidate(mission.plan, mission.wrong, number)
    text = f"<image>{_MARKS} Does this plan lead from the start to the goal?\n{_numbered(steps)}"
    facts = {"rows": list(mission.rows), "plan": steps, "candidate": number}
    return Posed(
        text, Answer("yes-no", number == 0), "yes" if number == 0 else "no",
        " ".join(mission.rows), _trace(mission.rows, steps), mission.show, facts,
    )  # fmt: skip


def blanks(rng: np.random.Generator, level: int) -> Posed:
    """Fill the blanks of a plan, in order, from right and mistaken steps."""
    mission = draw_mission(rng, level)
    places = sorted(mission.wrong)
    texts = shuffled(rng, [mission.plan[p] for p in places] + list(mission.wrong.values()))
    letters = {step: LETTERS[i] for i, step in enumerate(texts)}
    gold = [letters[mission.plan[place]] for place in places]
    shown = [f"({places.index(i) + 1}) ___" if i in places else s for i, s in _enumerated(mission)]
    options = "\n".join(f"{letter}. {step}" for step, letter in letters.items())
    text = (
        f"<image>{_MARKS} Which options fill the blanks of this plan from the start to the goal?\n"
        f"{_numbered(shown)}\nOptions:\n{options}\nGive the letters in order, such as A, B."
    )
    thought = f"{_trace(mission.rows, mission.plan)} Blanks: " + ", ".join(
        f"{letters[mission.plan[place]]} {mission.plan[place]}" for place in places
    )
    facts: dict[str, Any] = {
        "rows": list(mission.rows), "shown": shown,
        "options": {letter: step for step, letter in letters.items()},
    }  # fmt: skip
    return Posed(
        text, Answer("list", tuple(gold)), ", ".join(gold), " ".join(mission.rows), f"{thought}.",
        mission.show, facts,
    )  # fmt: skip


def _enumerated(mission: Mission) -> list[tuple[int, str]]:
    return list(enumerate(mission.plan))


def _numbered(steps: Sequence[str]) -> str:
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def _trace(rows: Sequence[str], steps: Sequence[str]) -> str:
    """The cell after each step, up to the one that cannot be taken."""
    state = start_of(rows)
    told = [f"start {cell_name(state[1], state[0])}."]
    for step in steps:
        after = taken(rows, state, step)
        if after is None:
            return " ".join([*told, f"{step}: not possible."])
        state = after
        told.append(f"{step}: {cell_name(state[1], state[0])}.")
    end = "goal." if rows[state[0]][state[1]] == "G" else "not the goal."
    return " ".join([*told, end])


def confirm_correctness(posed: Posed) -> bool:
    """Whether the plan, run on the written map, ends on the goal just when the answer says so."""
    return is_right(posed.facts["rows"], posed.facts["plan"]) is posed.answer.value


def confirm_blanks(posed: Posed) -> bool:
    """Whether the plan with the lettered steps in its blanks ends on the goal."""
    letters = iter(read_blanks(posed.answer_text))
    options = posed.facts["options"]
    steps = [options[next(letters)] if "___" in s else s for s in posed.facts["shown"]]
    return is_right(posed.facts["rows"], steps)


def _orders(posed: Posed) -> float:
    """Ways to put the options into the blanks."""
    options = len(posed.facts["options"])
    return float(math.perm(options, options // 2))


TASKS = (
    WorldTask(
        "correctness", "multi", "image", correctness, confirm_correctness,
        lambda posed: float(len(posed.facts["plan"])),
    ),
    WorldTask("blanks", "multi", "image", blanks, confirm_blanks, _orders),
)  # fmt: skip
