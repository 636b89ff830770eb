"""Families that place marks on a board: tents, weights, dominoes, stars, mines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gnomon.grading.puzzles.boards import STRAIGHT, around, pair_up, touching, where
from gnomon.grading.puzzles.family import (
    Cell,
    Facts,
    Family,
    Finding,
    Mode,
    board,
    cell_of,
    cells,
    compared,
    judged,
    numbers,
    regions,
    side,
    unread,
)
from gnomon.grading.puzzles.literals import literal
from gnomon.grading.puzzles.reading import double_bracketed, fenced, grid_of, grids, narrow
from gnomon.grading.structured import read_json

_PAIR = r"\(\s*+([0-9]{1,4})\s*+,\s*+([0-9]{1,4})\s*+\)"
_DOMINO = re.compile(rf"\[\s*+{_PAIR}\s*+,\s*+{_PAIR}\s*+\]")
_MINE = re.compile(r"[(\[]\s*+([0-9]{1,4})\s*+,\s*+([0-9]{1,4})\s*+[)\]]")


def campsite(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """A grid of T (tree), C (tent) and X, the first ``[[…]]``.

    Trees stand where they stood; tents per row and column are as given, no two are neighbours (also
    diagonally), and trees and tents pair up along edges, one to one.
    """
    spans = double_bracketed(text)
    grid = grid_of(literal(spans[0]), lambda cell: cell in ("T", "C", "X")) if spans else None
    if grid is None:
        return unread("grid of C, T and X")
    if len(grid) != facts["n"] or len(grid[0]) != facts["m"]:
        return judged(f"the grid is not {facts['n']} by {facts['m']}")
    return judged(_camp_problem(grid, facts))


def _camp_problem(grid: Sequence[Sequence[str]], facts: Facts) -> str:
    trees, tents = where(grid, "T"), where(grid, "C")
    if trees != where(facts["grid"], "T"):
        return "a tree is not where it was"
    if [row.count("C") for row in map(list, grid)] != list(facts["row_constraints"]):
        return "the tents per row are not as given"
    if [column.count("C") for column in zip(*grid, strict=True)] != list(facts["col_constraints"]):
        return "the tents per column are not as given"
    pair = touching(tents)
    if pair is not None:
        return f"tents touch at {pair}"
    return "" if pair_up(tents, set(trees)) else "trees and tents do not pair up"


def kukurasu(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """JSON rows of "1" and "X" in double quotes, the first that fits in ``[[…]]``.

    A "1" adds its column, from 1, to the sum of its row, and its row to that of its column.
    """
    grid = next(grids(text, lambda cell: cell in ("1", "X"), last=False, read=read_json), None)
    if grid is None:
        return unread('grid of "1" and "X"')
    if len(grid) != facts["n"] or len(grid[0]) != facts["m"]:
        return judged(f"the grid is not {facts['n']} by {facts['m']}")
    for name, lines in (("row", grid), ("col", list(zip(*grid, strict=True)))):
        sums = [sum(p for p, cell in enumerate(line, 1) if cell == "1") for line in lines]
        if sums != list(facts[f"{name}_sums"]):
            return judged(f"the {name}_sums are {sums}")
    return judged("")


def _counts_agree(rows: str, columns: str) -> Callable[[Facts, str], str]:
    def agree(facts: Facts, gold: str) -> str:
        n, m = facts["n"], facts["m"]
        if (len(facts[rows]), len(facts[columns])) != (n, m):
            return f"{rows} and {columns} do not fit {n} rows and {m} columns"
        grid = facts.get("grid")
        wrong = grid is not None and (len(grid), len(grid[0])) != (n, m)
        return f"the grid is not {n} by {m}" if wrong else ""

    return agree


def norinori(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """Dominoes ``[(r,c),(r,c)]``, cells from 1; every one in the text counts.

    No two overlap or share an edge, each region has exactly two covered cells, and cells marked X
    (which belong to none) are covered. ``released``: a region without any covered cell passes.
    """
    found = [tuple(map(int, match)) for match in _DOMINO.findall(narrow(text))]
    if not found:
        return unread("domino [(r,c),(r,c)]")
    dominoes = [((a - 1, b - 1), (c - 1, d - 1)) for a, b, c, d in found]
    problem = _domino_problem(dominoes, len(facts["region_grid"]))
    covered = {cell for domino in dominoes for cell in domino}
    return judged(problem or _cover_problem(covered, facts["region_grid"], mode))


def _domino_problem(dominoes: Sequence[tuple[Cell, Cell]], size: int) -> str:
    owner: dict[Cell, int] = {}
    for number, (one, other) in enumerate(dominoes):
        if other not in around(one, STRAIGHT):
            return f"domino {number + 1} is none"
        for cell in (one, other):
            if not (0 <= cell[0] < size and 0 <= cell[1] < size):
                return f"domino {number + 1} leaves the board"
            if cell in owner:
                return f"domino {number + 1} overlaps another"
            owner[cell] = number
    for cell, number in owner.items():
        if any(owner.get(other, number) != number for other in around(cell, STRAIGHT)):
            return f"domino {number + 1} shares an edge with another"
    return ""


def _cover_problem(covered: set[Cell], grid: Sequence[Sequence[Any]], mode: Mode) -> str:
    counts: Counter[Any] = Counter()
    for r, row in enumerate(grid):
        for c, region in enumerate(row):
            if region == "X" and (r, c) not in covered:
                return f"the marked cell {r + 1}, {c + 1} is not covered"
            if region != "X":
                counts[region] += (r, c) in covered
    allowed = (2,) if mode == "strict" else (0, 2)
    wrong = [region for region, count in counts.items() if count not in allowed]
    return f"region {wrong[0]!r:.40} has {counts[wrong[0]]} covered cells" if wrong else ""


def star_placement(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """Regions to lists of cells from 1: the first ``{…}`` of the first python fence.

    Only the cells count: k per row, column and region, and no two are neighbours, also diagonally.
    Names are not read, and a cell that is repeated counts once.
    """
    block = fenced(text, mode, first=True) or ""
    start, end = block.find("{"), block.find("}", block.find("{") + 1)
    found = literal(block[start : end + 1]) if 0 <= start < end else None
    stars = _stars(found) if isinstance(found, dict) else None
    if not stars:
        return unread("dictionary of cells in a python block")
    return judged(_stars_problem(stars, facts))


def _stars(found: Mapping[Any, Any]) -> set[Cell] | None:
    listed = all(isinstance(places, list | tuple) for places in found.values())
    places = [cell_of(place) for value in found.values() for place in value] if listed else [None]
    if any(place is None for place in places):
        return None
    return {(place[0] - 1, place[1] - 1) for place in places if place is not None}


def _stars_problem(stars: set[Cell], facts: Facts) -> str:
    size, wanted, grid = facts["n"], facts["k"], facts["region_grid"]
    if any(not (0 <= r < size and 0 <= c < size) for r, c in stars):
        return "a star leaves the board"
    counts = {
        "row": Counter(r for r, _ in stars),
        "column": Counter(c for _, c in stars),
        "region": Counter(grid[r][c] for r, c in stars),
    }
    lines = {"row": range(size), "column": range(size), "region": {x for row in grid for x in row}}
    for name, names in lines.items():
        if any(counts[name][one] != wanted for one in names):
            return f"a {name} does not have {wanted} stars"
    pair = touching(stars)
    return f"stars touch at {pair}" if pair is not None else ""


def _star_board(facts: Facts, gold: str) -> str:
    return "" if len(facts["region_grid"]) == facts["n"] else "the region_grid is not n by n"


def minesweeper(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """All pairs ``(r,c)`` or ``[r,c]`` of the text, from 0, are the set of the mines."""
    found = {(int(r), int(c)) for r, c in _MINE.findall(narrow(text))}
    mines = {cell_of(place) for place in facts["current_mines"]}
    if not found and (mines or text.strip() not in ("[]", "()")):
        return unread("list of cells")
    return compared(found == mines, sorted(found))


PLACEMENT: dict[str, Family] = {
    "campsite": Family(
        campsite,
        {
            "grid": board("T", "X", "C"), "row_constraints": numbers(),
            "col_constraints": numbers(), "n": side(), "m": side(),
        },
        _counts_agree("row_constraints", "col_constraints"),
    ),
    "kukurasu": Family(
        kukurasu,
        {"row_sums": numbers(), "col_sums": numbers(), "n": side(), "m": side()},
        _counts_agree("row_sums", "col_sums"),
    ),
    "norinori": Family(norinori, {"region_grid": regions()}),
    "star_placement_puzzle": Family(
        star_placement, {"n": side(), "k": side(), "region_grid": regions()}, _star_board
    ),
    "minesweeper": Family(minesweeper, {"current_mines": cells()}),
}  # fmt: skip
