"""Number walls: islands of known sizes between walls."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from gnomon.worlds.logic.family import Puzzle, first_of, listed, require
from gnomon.worlds.logic.regions import AROUND, Place, all_cells, beside
from gnomon.worlds.scene import between, pick, shuffled
from gnomon.worlds.world import Posed


def draw_number_wall(rng: np.random.Generator, *, n: int, number_rate: float) -> Puzzle:
    """Islands, one number in each, apart from each other, with no 2 x 2 of wall between them.

    About a share ``number_rate`` of all cells holds a number.
    """
    require(2 <= n <= 10, f"n={n}: use a grid of side 2 to 10")
    require(0 < number_rate <= 0.25, f"number_rate={number_rate}: use a share up to 0.25")
    count = max(1, round(number_rate * n * n))
    islands = first_of(lambda: _islands(rng, n, count), f"wall with {count} islands")
    solved: list[list[Any]] = [["A"] * n for _ in range(n)]
    given: list[list[Any]] = [["X"] * n for _ in range(n)]
    for island in islands:
        for row, column in island:
            solved[row][column] = "X"
        row, column = pick(rng, island)
        solved[row][column] = given[row][column] = len(island)
    text = listed(solved)
    return Puzzle({"grid": given, "n": n}, text, text, listed(given), n * n - len(islands))


def _islands(rng: np.random.Generator, n: int, count: int) -> list[list[Place]] | None:
    free = set(all_cells(n))
    islands: list[list[Place]] = []
    for start in shuffled(rng, all_cells(n)):
        if start in free and len(islands) < count:
            islands.append(_island(rng, n, free, start, between(rng, 1, n)))
            free.difference_update(near for cell in islands[-1] for near in beside(cell, n, AROUND))
    land = {cell for island in islands for cell in island}
    squares = (
        land.isdisjoint({(r, c), (r, c + 1), (r + 1, c), (r + 1, c + 1)})
        for r in range(n - 1)
        for c in range(n - 1)
    )
    return islands if len(islands) == count and not any(squares) else None


def _island(
    rng: np.random.Generator, n: int, free: set[Place], start: Place, size: int
) -> list[Place]:
    island = [start]
    free.discard(start)
    while len(island) < size:
        near = [cell for one in island for cell in beside(one, n) if cell in free]
        if not near:
            break
        island.append(pick(rng, near))
        free.discard(island[-1])
    return island


def confirm_number_wall(posed: Posed) -> bool:
    """Numbers kept; walking over each island finds one number, its size, and no other nearby."""
    grid, given, n = json.loads(posed.answer_text), posed.facts["grid"], posed.facts["n"]
    land = {cell for cell in all_cells(n) if grid[cell[0]][cell[1]] != "A"}
    kept = all(
        (given[r][c] == grid[r][c]) if given[r][c] != "X" else grid[r][c] in ("X", "A")
        for r, c in all_cells(n)
    )
    right = kept and all(
        land & {(r, c), (r, c + 1), (r + 1, c), (r + 1, c + 1)}
        for r in range(n - 1)
        for c in range(n - 1)
    )
    while land:
        island, edge = set[Place](), [land.pop()]
        while edge:
            cell = edge.pop()
            island.add(cell)
            edge += [near for near in beside(cell, n) if near in land]
            land.difference_update(edge)
        numbers = [grid[r][c] for r, c in island if grid[r][c] != "X"]
        touches = any(near in land for cell in island for near in beside(cell, n, AROUND))
        right = right and numbers == [len(island)] and not touches
    return right
