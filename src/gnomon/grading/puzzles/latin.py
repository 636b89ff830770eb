"""Families on Latin squares: sudoku, futoshiki, calcudoko, skyscrapers. Verified by their rules."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.grading.puzzles.family import (
    Cell,
    Facts,
    Family,
    Finding,
    Mode,
    Shape,
    cell_of,
    is_list,
    is_rows,
    is_whole,
    judged,
    numbers,
    side,
    unread,
)
from gnomon.grading.puzzles.literals import literal
from gnomon.grading.puzzles.reading import (
    double_bracketed,
    fenced,
    grid_of,
    spaced_grid,
    whole,
)

SIGNS = {"+": "+", "-": "-", "*": "*", "×": "*", "/": "÷", "÷": "÷"}
_EMPTY = ("X", "x", "0", 0, "")


def latin_problem(grid: Sequence[Sequence[int]], size: int) -> str:
    """Why a grid is no Latin square of 1 to ``size``, or "".

    >>> latin_problem([[1, 2], [2, 1]], 2), latin_problem([[1, 2], [1, 2]], 2)
    ('', 'column 1 does not hold 1 to 2')
    """
    if len(grid) != size or any(len(row) != size for row in grid):
        return f"the grid is not {size} by {size}"
    wanted = list(range(1, size + 1))
    for name, lines in (("row", grid), ("column", list(zip(*grid, strict=True)))):
        for place, line in enumerate(lines, 1):
            if sorted(line) != wanted:
                return f"{name} {place} does not hold 1 to {size}"
    return ""


def sudoku(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """Nine rows as a list or tuple in the last python fence; rules and givens (X or 0 is empty)."""
    block = fenced(text, mode)
    grid = None if block is None else grid_of(literal(block), whole)
    if grid is None:
        return unread("9 by 9 grid in a python block")
    return judged(latin_problem(grid, 9) or _boxes_problem(grid) or _givens_problem(grid, facts))


def _boxes_problem(grid: Sequence[Sequence[int]]) -> str:
    for top in range(0, 9, 3):
        for left in range(0, 9, 3):
            box = [grid[r][c] for r in range(top, top + 3) for c in range(left, left + 3)]
            if sorted(box) != list(range(1, 10)):
                return f"the box at row {top + 1}, column {left + 1} does not hold 1 to 9"
    return ""


def _givens_problem(grid: Sequence[Sequence[int]], facts: Facts) -> str:
    for r, row in enumerate(facts["original_sudoku"]):
        for c, given in enumerate(row):
            if given not in _EMPTY and grid[r][c] != int(given):
                return f"row {r + 1}, column {c + 1} was given as {given}"
    return ""


def _sudoku_cell(cell: Any) -> bool:
    return cell in _EMPTY or is_whole(cell, 1, 9) or (isinstance(cell, str) and cell in "123456789")


def futoshiki(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """``[[1 2,2 1]]``, the last one; Latin, the given cells, the inequalities.

    Cells of the facts count from 0. The values of the given cells are those of the gold grid (the
    released verifier reads them again from English question lines, so that Chinese ones had none);
    a given cell may also carry its value, ``[row, column, value]``.
    """
    spans = double_bracketed(text)
    grid = spaced_grid(spans[-1]) if spans else None
    if grid is None:
        return unread("grid [[1 2,2 1]]")
    problem = latin_problem(grid, facts["grid_size"])
    return judged(problem or _relations_problem(grid, facts, _gold_grid(gold)))


def _relations_problem(
    grid: Sequence[Sequence[int]], facts: Facts, gold: Sequence[Sequence[int]] | None
) -> str:
    for r, c, *value in facts["prefilled_coords"]:
        given = value[0] if value else gold[r][c] if gold is not None else 0
        if grid[r][c] != given:
            return f"row {r + 1}, column {c + 1} was given as {given}"
    for one, other, sign in facts["constraints"]:
        first, second = grid[one[0]][one[1]], grid[other[0]][other[1]]
        if not (first < second if sign == "<" else first > second):
            return f"{first} {sign} {second} does not hold"
    return ""


def _gold_grid(gold: str) -> Sequence[Sequence[int]] | None:
    """The gold grid, spaced as an answer or as a list of lists, as released rows hold it."""
    spans = double_bracketed(gold)
    return (spaced_grid(spans[-1]) or grid_of(literal(spans[-1]), whole)) if spans else None


def write_spaced(gold: str) -> str:
    """A gold grid as ``[[1 2,2 1]]``; other gold texts as they are."""
    grid = _gold_grid(gold)
    return gold if grid is None else f"[[{','.join(' '.join(map(str, row)) for row in grid)}]]"


def _futoshiki_agrees(facts: Facts, gold: str) -> str:
    size = facts["grid_size"]
    places = [tuple(given[:2]) for given in facts["prefilled_coords"]]
    places += [tuple(place) for one, other, _ in facts["constraints"] for place in (one, other)]
    if any(r >= size or c >= size for r, c in places):
        return f"a cell of the facts lies outside of {size} by {size}"
    grid = _gold_grid(gold)
    if any(len(given) == 2 for given in facts["prefilled_coords"]) and (
        grid is None or latin_problem(grid, size)
    ):
        return f"the gold text {gold!r:.80} is no grid, and the given cells have their values there"
    return ""


def _is_given(value: Any) -> bool:
    shaped = isinstance(value, list | tuple) and len(value) in (2, 3)
    return shaped and cell_of(value[:2]) is not None and all(is_whole(v, 1) for v in value[2:])


def _is_relation(value: Any) -> bool:
    shaped = isinstance(value, list | tuple) and len(value) == 3 and value[2] in ("<", ">")
    pairs = shaped and all(isinstance(place, list | tuple) for place in value[:2])
    return bool(pairs) and all(cell_of(place) is not None for place in value[:2])


def calcudoko(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """``[[1 2,2 1]]``, the first one; Latin, and every region distinct with its target.

    Cells of the facts count from 1; - and ÷ hold in either order. ``released``: a short row is
    filled up with 1, a long one cut, and so are the rows.
    """
    spans = double_bracketed(text)
    grid = spaced_grid(spans[0]) if spans else None
    if grid is None:
        return unread("grid [[1 2,2 1]]")
    size = facts["grid_size"]
    if mode == "released":
        grid = [(row + [1] * size)[:size] for row in grid]
        grid = (grid + [[1] * size] * size)[:size]
    problem = latin_problem(grid, size)
    return judged(
        problem or next(filter(None, (_region_problem(grid, r) for r in facts["regions"])), "")
    )


def _region_problem(grid: Sequence[Sequence[int]], region: Mapping[str, Any]) -> str:
    places = _region_cells(region)
    values = sorted(grid[r - 1][c - 1] for r, c in places)
    target, sign = region["target"], SIGNS[region["operator"]]
    results = {
        "+": sum(values) == target,
        "*": math.prod(values) == target,
        "-": len(values) == 2 and values[1] - values[0] == abs(target),
        "÷": len(values) == 2 and values[1] == target * values[0],
    }
    if len(set(values)) != len(values):
        return f"a number stands twice in the region of {places}"
    return "" if results[sign] else f"the region of {places} does not come to {sign} {target}"


def _region_cells(region: Mapping[str, Any]) -> list[Cell]:
    return [place for place in map(cell_of, region["cells"]) if place is not None]


def _is_region(value: Any) -> bool:
    if not isinstance(value, Mapping) or value.get("operator") not in list(SIGNS):
        return False
    return (
        is_whole(value.get("target"))
        and is_list(value.get("cells"), lambda cell: cell_of(cell) is not None)
        and len(value["cells"]) > 0
    )


def _calcudoko_agrees(facts: Facts, gold: str) -> str:
    size = facts["grid_size"]
    places = [place for region in facts["regions"] for place in _region_cells(region)]
    outside = [place for place in places if not (1 <= place[0] <= size and 1 <= place[1] <= size)]
    return f"the cell {outside[0]} lies outside of {size} by {size}" if outside else ""


def skyscraper(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """A grid of ints in the first python fence; Latin, and the visible counts of the four sides."""
    block = fenced(text, mode, first=True)
    grid = None if block is None else grid_of(literal(block), whole)
    if grid is None:
        return unread("grid in a python block")
    return judged(latin_problem(grid, facts["n"]) or _views_problem(grid, facts))


def _views_problem(grid: Sequence[Sequence[int]], facts: Facts) -> str:
    columns = list(zip(*grid, strict=True))
    views = {
        "top": columns, "bottom": [line[::-1] for line in columns],
        "left": grid, "right": [line[::-1] for line in grid],
    }  # fmt: skip
    for name, lines in views.items():
        for place, (line, count) in enumerate(zip(lines, facts[name], strict=True), 1):
            if visible(line) != count:
                return f"{visible(line)} and not {count} are visible at {name} {place}"
    return ""


def visible(line: Sequence[int]) -> int:
    """How many heights of a line are seen from its start.

    >>> visible([2, 1, 3])
    2
    """
    return sum(height > max(line[:place], default=0) for place, height in enumerate(line))


def _sides_agree(facts: Facts, gold: str) -> str:
    for name in ("top", "bottom", "left", "right"):
        if len(facts[name]) != facts["n"]:
            return f"{name} has {len(facts[name])} counts for {facts['n']} lines"
    return ""


_NINE = Shape(
    "9 rows of 9 cells, X or 0 where empty",
    lambda value: is_rows(value, _sudoku_cell, 9) and len(value) == len(value[0]) == 9,
)
LATIN: dict[str, Family] = {
    "sudoku": Family(sudoku, {"original_sudoku": _NINE}),
    "futoshiki": Family(
        futoshiki,
        {
            "grid_size": side(),
            "prefilled_coords": Shape("cells, from 0", lambda v: is_list(v, _is_given)),
            "constraints": Shape("triples cell, cell, < or >", lambda v: is_list(v, _is_relation)),
        },
        _futoshiki_agrees,
        write_spaced,
    ),
    "calcudoko": Family(
        calcudoko,
        {
            "grid_size": side(),
            "regions": Shape(
                "regions with cells, operator and target", lambda v: is_list(v, _is_region)
            ),
        },
        _calcudoko_agrees,
        write_spaced,
    ),
    "skyscraper_puzzle": Family(
        skyscraper,
        {"n": side(), **{name: numbers() for name in ("top", "bottom", "left", "right")}},
        _sides_agree,
    ),
}
