"""Families whose rows SynLogic takes from elsewhere, with small generators of our own: grids that
follow an example (arc_agi) and houses with clues (zebra_puzzle)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnomon.worlds.logic.family import (
    Facts,
    Language,
    Puzzle,
    fence_of,
    fenced,
    first_of,
    lines,
    listed,
    require,
)
from gnomon.worlds.scene import pick, shuffled
from gnomon.worlds.world import Posed

Grid = list[list[int]]


def _rotated(grid: Grid) -> Grid:
    return [list(row) for row in zip(*grid[::-1], strict=True)]


def _mirrored(grid: Grid) -> Grid:
    return [row[::-1] for row in grid]


def _fallen(grid: Grid) -> Grid:
    """Each column with its colours at the bottom and its zeros above."""
    columns = []
    for column in zip(*grid, strict=True):
        coloured = [cell for cell in column if cell]
        columns.append([0] * (len(column) - len(coloured)) + coloured)
    return [list(row) for row in zip(*columns, strict=True)]


def _turned(grid: Grid, turns: int, mirror: bool, fall: bool) -> Grid:
    for _ in range(turns):
        grid = _rotated(grid)
    if mirror:
        grid = _mirrored(grid)
    return _fallen(grid) if fall else grid


def _recoloured(grid: Grid, colours: dict[int, int]) -> Grid:
    return [[colours.get(cell, cell) for cell in row] for row in grid]


_RULES = [(turns, mirror, fall) for turns in range(4) for mirror in (False, True)
          for fall in (False, True)]  # fmt: skip


def draw_arc_agi(rng: np.random.Generator, *, size: int, steps: int, examples: int = 3) -> Puzzle:
    """Examples of grids of colours 0 to 9 before and after one rule; apply it to another grid.

    The rule has up to three ``steps`` in this order: turned or mirrored, fallen to the bottom,
    two colours exchanged. No other such rule fits the examples and gives another answer. Ours.
    """
    require(2 <= size <= 12, f"size={size}: use grids of side 2 to 12")
    require(1 <= steps <= 3, f"steps={steps}: use 1 to 3")
    require(1 <= examples <= 6, f"examples={examples}: use 1 to 6")
    shown, asked, answer = first_of(lambda: _arc(rng, size, steps, examples), "clear examples")
    more = {"examples": shown, "asked": asked}
    text = listed(answer)
    work = size * size * (examples + steps)
    return Puzzle({}, text, fenced(text, "json"), f"{shown} {asked}", work, more=more)


def _arc(
    rng: np.random.Generator, size: int, steps: int, examples: int
) -> tuple[list[list[Grid]], Grid, Grid] | None:
    chosen = shuffled(rng, ("turn", "fall", "colour"))[:steps]
    palette = shuffled(rng, range(1, 10))[:4]
    turns, mirror = pick(rng, _RULES[2:])[:2] if "turn" in chosen else (0, False)
    swap = {palette[0]: palette[1], palette[1]: palette[0]} if "colour" in chosen else {}
    grids = [
        [[pick(rng, [0, 0, *palette]) for _ in range(size)] for _ in range(size)]
        for _ in range(examples + 1)
    ]
    after = [_recoloured(_turned(g, turns, mirror, "fall" in chosen), swap) for g in grids]
    shown = [[before, done] for before, done in zip(grids[:-1], after[:-1], strict=True)]
    for rule in _RULES:
        colours = _colours(shown, rule)
        if colours is not None:
            other = _turned(grids[-1], *rule)
            if any(cell not in colours for row in other for cell in row):
                return None
            if _recoloured(other, colours) != after[-1]:
                return None
    return shown, grids[-1], after[-1]


def _colours(shown: list[list[Grid]], rule: tuple[int, bool, bool]) -> dict[int, int] | None:
    """What each colour becomes when the rule turned the grids, or None when that cannot be."""
    colours: dict[int, int] = {}
    for before, after in shown:
        for row, done in zip(_turned(before, *rule), after, strict=True):
            for cell, new in zip(row, done, strict=True):
                if colours.setdefault(cell, new) != new:
                    return None
    return colours


def tell_arc_agi(facts: Facts, language: Language) -> dict[str, str]:
    """The examples and the grid to change."""
    names = {"en": ("Input", "Output", "Test input"), "zh": ("输入", "输出", "测试输入")}[language]
    told = [
        f"{names[0]}:\n{lines(before)}\n{names[1]}:\n{lines(after)}"
        for before, after in facts["examples"]
    ]
    return {"puzzle": "\n\n".join([*told, f"{names[2]}:\n{lines(facts['asked'])}"])}


def confirm_arc_agi(posed: Posed) -> bool:
    """On arrays: each of the eight turns, with columns sorted or not, that fits all examples."""
    examples = [[np.array(grid) for grid in pair] for pair in posed.facts["examples"]]
    asked, answer = np.array(posed.facts["asked"]), json.loads(fence_of(posed.answer_text))
    found = []
    for turn in _TURNS:
        for fall in (False, True):
            before = np.array([_settled(turn(one), fall) for one, _ in examples]).ravel()
            after = np.array([other for _, other in examples]).ravel()
            pairs = set(zip(before.tolist(), after.tolist(), strict=True))
            if len(pairs) == len(set(before.tolist())):
                table = dict(pairs)
                last = _settled(turn(asked), fall)
                found.append([[table.get(cell, -1) for cell in row] for row in last.tolist()])
    return bool(found) and all(one == answer for one in found)


Array = NDArray[Any]
_TURNS: tuple[Callable[[Array], Array], ...] = (
    lambda a: a,
    lambda a: a.T,
    lambda a: a[::-1],
    lambda a: a[:, ::-1],
    lambda a: a[::-1, ::-1],
    lambda a: a.T[::-1],
    lambda a: a.T[:, ::-1],
    lambda a: a.T[::-1, ::-1],
)


def _settled(grid: Array, fall: bool) -> Array:
    order = np.argsort(grid != 0, axis=0, kind="stable")
    return np.take_along_axis(grid, order, axis=0) if fall else grid


ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "job": ("baker", "pilot", "nurse", "judge", "tailor"),
    "drink": ("tea", "milk", "juice", "water", "coffee"),
    "pet": ("cat", "dog", "fish", "bird", "horse"),
    "plant": ("rose", "tulip", "fern", "ivy", "lily"),
    "vehicle": ("car", "van", "bike", "truck", "tram"),
}
Trait = list[int]
"""Attribute and value, as indices."""
_CLUES = {
    "en": {
        "at": "The {a} is in house {k}.",
        "not": "The {a} is not in house {k}.",
        "same": "The {a} and the {b} are in the same house.",
        "next": "The {a} is in a house next to the {b}.",
        "left": "The {a} is in a house somewhere left of the {b}.",
    },
    "zh": {
        "at": "{a} 在第 {k} 号房子。",
        "not": "{a} 不在第 {k} 号房子。",
        "same": "{a} 和 {b} 在同一座房子。",
        "next": "{a} 与 {b} 所在的房子相邻。",
        "left": "{a} 在 {b} 左边的某座房子。",
    },
}


def draw_zebra_puzzle(rng: np.random.Generator, *, houses: int, attributes: int) -> Puzzle:
    """Houses in a row with one value of each attribute; clues that leave one solution. Ours.

    Clues come in random order; after the first few only those that rule something out.
    """
    require(2 <= houses <= 5, f"houses={houses}: use 2 to 5")
    require(2 <= attributes <= 5, f"attributes={attributes}: use 2 to 5")
    orders = [shuffled(rng, range(houses)) for _ in range(attributes)]
    clues = _enough(rng, orders, houses)
    names = list(ATTRIBUTES)
    values = [shuffled(rng, table)[:houses] for table in ATTRIBUTES.values()]
    solution = {
        f"House {house + 1}": {
            names[a]: values[a][order.index(house)] for a, order in enumerate(orders)
        }
        for house in range(houses)
    }
    text = json.dumps(solution)
    more = {"clues": clues, "values": [v[:houses] for v in values[:attributes]], "houses": houses}
    work = houses**2 * attributes + len(clues)
    # The clues by name, as the order of the values is nobody's business.
    key = tell_zebra_puzzle(more, "en")["puzzle"]
    return Puzzle({}, text, fenced(text, "json"), key, work, more=more)


def _enough(rng: np.random.Generator, orders: Sequence[Sequence[int]], n: int) -> list[list[Any]]:
    """Clues that are true of the orders (value to house) and of no others."""
    every = shuffled(rng, list(_true_clues(orders, n)))
    # Below one clue for each value but those of one house nothing is unique.
    count = (n - 1) * len(orders)
    clues, rows = every[:count], _orders(n)
    for attribute in range(len(orders)):
        if attribute:
            rows = np.hstack([
                np.repeat(rows, len(_orders(n)), axis=0), np.tile(_orders(n), (len(rows), 1))
            ])  # fmt: skip
        for clue in clues:
            if max(trait[0] for trait in clue[1:] if isinstance(trait, list)) == attribute:
                rows = rows[_keeps(clue, rows, n)]
    for clue in every[count:]:
        if len(rows) == 1:
            break
        kept = rows[_keeps(clue, rows, n)]
        if len(kept) < len(rows):
            clues, rows = [*clues, clue], kept
    return clues


@cache
def _orders(n: int) -> Array:
    return np.array(list(permutations(range(n))))


def _keeps(clue: list[Any], rows: Array, n: int) -> Array:
    """Which rows, houses by attribute and value, [rows][attributes * n], agree with a clue."""
    kind, one, other = clue
    here: Array = rows[:, one[0] * n + one[1]]
    if kind in ("at", "not"):
        kept: Array = here == other if kind == "at" else here != other
        return kept
    apart: Array = rows[:, other[0] * n + other[1]] - here
    kept = {"same": apart == 0, "next": abs(apart) == 1, "left": apart > 0}[kind]
    return kept


def _true_clues(orders: Sequence[Sequence[int]], n: int) -> Iterator[list[Any]]:
    traits = [[a, value] for a in range(len(orders)) for value in range(n)]
    for one in traits:
        house = orders[one[0]][one[1]]
        if one[1] == 0:
            yield ["at", one, house]
        yield ["not", one, (house + 1) % n]
        for other in traits:
            there = orders[other[0]][other[1]]
            if one[0] < other[0] and house == there:
                yield ["same", one, other]
            if one < other and abs(house - there) == 1:
                yield ["next", one, other]
            if house < there and one[0] != other[0]:
                yield ["left", one, other]


def tell_zebra_puzzle(facts: Facts, language: Language) -> dict[str, str]:
    """The values by attribute and the clues by number."""
    values, names = facts["values"], list(ATTRIBUTES)
    told = [f"{name}: {', '.join(sorted(v))}" for name, v in zip(names, values, strict=False)]
    for number, (kind, one, other) in enumerate(facts["clues"], 1):
        words = {"a": values[one[0]][one[1]]}
        if kind in ("at", "not"):
            words["k"] = str(other + 1)
        else:
            words["b"] = values[other[0]][other[1]]
        told.append(f"{number}. " + _CLUES[language][kind].format(**words))
    return {"puzzle": "\n".join(told), "n": str(facts["houses"])}


def confirm_zebra_puzzle(posed: Posed) -> bool:
    """House by house of each value, clues checked as soon as both sides stand; one solution."""
    facts = posed.facts
    n, values = facts["houses"], facts["values"]
    house: dict[tuple[int, int], int] = {}
    traits = [(a, v) for a in range(len(values)) for v in range(n)]
    found: list[dict[tuple[int, int], int]] = []

    def place(index: int) -> None:
        if index == len(traits):
            found.append(dict(house))
            return
        attribute = traits[index][0]
        taken = {house[attribute, v] for v in range(n) if (attribute, v) in house}
        for number in set(range(n)) - taken:
            house[traits[index]] = number
            if all(_fits(clue, house) for clue in facts["clues"]):
                place(index + 1)
            del house[traits[index]]

    place(0)
    told = json.loads(fence_of(posed.answer_text))
    names = list(ATTRIBUTES)
    return len(found) == 1 and all(
        told[f"House {number + 1}"][names[a]] == values[a][v] for (a, v), number in found[0].items()
    )


def _fits(clue: list[Any], house: dict[tuple[int, int], int]) -> bool:
    kind, one, other = clue
    here = house.get(tuple(one))
    if here is None:
        return True
    if kind in ("at", "not"):
        return bool((here == other) == (kind == "at"))
    there = house.get(tuple(other))
    apart = 0 if there is None else there - here
    return there is None or {"same": apart == 0, "next": abs(apart) == 1, "left": apart > 0}[kind]
