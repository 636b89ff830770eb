"""Grids with things to place or to find: campsite and minesweeper."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnomon.worlds.logic.board import Board
from gnomon.worlds.logic.family import Facts, Language, Puzzle, first_of, lines, require
from gnomon.worlds.logic.paths import ORTHOGONAL
from gnomon.worlds.logic.regions import AROUND, Place
from gnomon.worlds.scene import pick, shuffled
from gnomon.worlds.world import Posed


def draw_campsite(rng: np.random.Generator, *, n: int, m: int, tree_density: float) -> Puzzle:
    """Trees with one tent each beside them on n x m cells, no two tents touching, counts by line.

    The density of trees is clipped to 0.1 to 0.4; at least one tree stands. Where fewer fit, fewer
    do. Raises ValueError for a side below 2 or above 12.
    """
    require(2 <= n <= 12 and 2 <= m <= 12, f"n={n}, m={m}: use sides of 2 to 12")
    count = max(1, round(min(0.4, max(0.1, tree_density)) * n * m))
    camp = first_of(lambda: _camp(rng, n, m, count), f"camp of {n} x {m}")
    grid = [["T" if (r, c) in camp else "X" for c in range(m)] for r in range(n)]
    tents = set(camp.values())
    solved = [["C" if (r, c) in tents else grid[r][c] for c in range(m)] for r in range(n)]
    facts = {
        "grid": grid,
        "row_constraints": [row.count("C") for row in solved],
        "col_constraints": [column.count("C") for column in zip(*solved, strict=True)],
        "n": n,
        "m": m,
    }
    text = json.dumps(solved)
    return Puzzle(facts, text, text, str(facts), (n * m - len(camp)) * len(camp))


def _camp(rng: np.random.Generator, n: int, m: int, count: int) -> dict[Place, Place] | None:
    """Tree to its tent."""
    camp: dict[Place, Place] = {}
    near: set[Place] = set()
    tents: set[Place] = set()
    for row, column in shuffled(rng, [(r, c) for r in range(n) for c in range(m)]):
        if len(camp) == count or (row, column) in near or (row, column) in camp:
            continue
        trees = [(row + r, column + c) for r, c in ORTHOGONAL]
        trees = [t for t in trees if _inside(t, n, m) and t not in camp and t not in tents]
        if trees:
            camp[pick(rng, trees)] = (row, column)
            tents.add((row, column))
            near.update((row + r, column + c) for r, c in (*AROUND, (0, 0)))
    return camp or None


def _inside(cell: Place, n: int, m: int) -> bool:
    return 0 <= cell[0] < n and 0 <= cell[1] < m


def confirm_campsite(posed: Posed) -> bool:
    """Counts, tents apart, trees kept, and a tent for each tree by augmenting paths."""
    solved, facts = json.loads(posed.answer_text), posed.facts
    cells = [(r, c) for r in range(facts["n"]) for c in range(facts["m"])]
    trees = [(r, c) for r, c in cells if facts["grid"][r][c] == "T"]
    tents = [(r, c) for r, c in cells if solved[r][c] == "C"]
    rows = [sum(r == row for r, _ in tents) for row in range(facts["n"])]
    columns = [sum(c == column for _, c in tents) for column in range(facts["m"])]
    if rows != facts["row_constraints"] or columns != facts["col_constraints"]:
        return False
    apart = all(
        max(abs(a - x), abs(b - y)) > 1 for a, b in tents for x, y in tents if (a, b) < (x, y)
    )
    kept = trees == [(r, c) for r, c in cells if solved[r][c] == "T"]
    owner: dict[Place, Place] = {}
    matched = all(_settle(tree, tents, owner, set()) for tree in trees)
    return kept and apart and matched and len(tents) == len(trees)


def _settle(tree: Place, tents: list[Place], owner: dict[Place, Place], tried: set[Place]) -> bool:
    for tent in tents:
        if abs(tent[0] - tree[0]) + abs(tent[1] - tree[1]) == 1 and tent not in tried:
            tried.add(tent)
            if tent not in owner or _settle(owner[tent], tents, owner, tried):
                owner[tent] = tree
                return True
    return False


def tell_campsite(facts: Facts, language: Language) -> dict[str, str]:
    """The grid of trees and the counts."""
    names = {"en": ("Tents by row", "Tents by column"), "zh": ("各行帐篷数", "各列帐篷数")}[
        language
    ]
    rows = f"{names[0]}: {facts['row_constraints']}"
    columns = f"{names[1]}: {facts['col_constraints']}"
    text = "\n".join([lines(facts["grid"]), rows, columns])
    return {"puzzle": text, "n": str(facts["n"]), "m": str(facts["m"])}


def board_campsite(facts: Facts) -> Board:
    """The grid with trees as T, counts right and at the bottom."""
    cells = tuple(tuple("T" if cell == "T" else "" for cell in row) for row in facts["grid"])
    trees = frozenset((r, c) for r, row in enumerate(cells) for c, cell in enumerate(row) if cell)
    rows, columns = (tuple(map(str, facts[k])) for k in ("row_constraints", "col_constraints"))
    return Board(cells, shaded=trees, right=rows, bottom=columns)


def draw_minesweeper(rng: np.random.Generator, *, n: int, mine_den: float, reveal: float) -> Puzzle:
    """An n x n board with a share ``mine_den`` of mines and ``reveal`` of all cells shown.

    Asked are the mines that one step finds: hidden neighbours of a number that has as many hidden
    neighbours. Boards without one are drawn anew.
    """
    require(2 <= n <= 30, f"n={n}: use a board of side 2 to 30")
    require(0 < mine_den < 1, f"mine_den={mine_den}: use a share between 0 and 1")
    most = 1 - mine_den
    require(0 < reveal <= most, f"reveal={reveal}: use a share above 0 of the {most:g} safe cells")
    grid, found = first_of(lambda: _field(rng, n, mine_den, reveal), f"board of side {n}")
    told = [(row, column) for row, column in found]
    facts = {"current_mines": found}
    return Puzzle(facts, str(told), str(told), listed_board(grid), n * n, more={"grid": grid})


def listed_board(grid: list[list[str]]) -> str:
    """A board as one string."""
    return "/".join("".join(row) for row in grid)


def _field(
    rng: np.random.Generator, n: int, mine_den: float, reveal: float
) -> tuple[list[list[str]], list[list[int]]] | None:
    order = np.argsort(rng.random(n * n), kind="stable")
    count = max(1, round(mine_den * n * n))
    mines = np.isin(np.arange(n * n), order[:count]).astype(int).reshape(n, n)
    seen = order[count : count + max(1, round(reveal * n * n))]
    shown = np.isin(np.arange(n * n), seen).astype(int).reshape(n, n)
    numbers, hidden = _around(mines), _around(1 - shown)
    full = (shown == 1) & (numbers == hidden) & (numbers > 0)
    sure = (_around(full.astype(int)) > 0) & (shown == 0)
    if not sure.any():
        return None
    grid = [[str(number) if seen else "X" for number, seen in zip(row, line, strict=True)]
            for row, line in zip(numbers.tolist(), shown.tolist(), strict=True)]  # fmt: skip
    return grid, np.argwhere(sure).tolist()


def _around(marks: NDArray[Any]) -> NDArray[Any]:
    """How many of the eight neighbours are marked: [n, n]."""
    n = len(marks)
    wide = np.zeros((n + 2, n + 2), int)
    wide[1:-1, 1:-1] = marks
    columns: NDArray[Any] = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    around: NDArray[Any] = columns[:-2] + columns[1:-1] + columns[2:] - marks
    return around


def confirm_minesweeper(posed: Posed) -> bool:
    """Each hidden cell on its own: is there a number beside it with no safe hidden neighbour?"""
    grid = posed.facts["grid"]
    n = len(grid)
    hidden = [(row, c) for row in range(n) for c in range(n) if grid[row][c] == "X"]
    sure = [place for place in hidden if _proved(grid, *place)]
    return str(sure) == posed.answer_text


def _proved(grid: list[list[str]], row: int, column: int) -> bool:
    return any(
        cell != "X" and int(cell) == len(_hidden(grid, r, c))
        for r, c, cell in _neighbours(grid, row, column)
    )


def _neighbours(grid: list[list[str]], row: int, column: int) -> list[tuple[int, int, str]]:
    n = len(grid)
    cells = [(row + r, column + c) for r, c in AROUND]
    return [(r, c, grid[r][c]) for r, c in cells if 0 <= r < n and 0 <= c < n]


def _hidden(grid: list[list[str]], row: int, column: int) -> list[str]:
    return [cell for _, _, cell in _neighbours(grid, row, column) if cell == "X"]
