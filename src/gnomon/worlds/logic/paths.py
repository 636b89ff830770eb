"""Grids with lines through them: numbrix and the arrow maze."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from gnomon.worlds.logic.board import ARROWS, Board
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
from gnomon.worlds.scene import between, shuffled
from gnomon.worlds.world import Posed

Place = tuple[int, int]
Maze = list[list[str]]
ORTHOGONAL = ((0, 1), (1, 0), (0, -1), (-1, 0))
BITES = 4
"""Moves that shuffle a path, for each of its cells (ours)."""


def draw_numbrix(rng: np.random.Generator, *, n: int, fill_rate: float) -> Puzzle:
    """The numbers 1 to n² along a path through all cells, a share ``fill_rate`` of them shown."""
    require(2 <= n <= 20, f"n={n}: use a grid of side 2 to 20")
    require(0 <= fill_rate < 1, f"fill_rate={fill_rate}: use a share from 0 to below 1")
    solved = [[0] * n for _ in range(n)]
    for number, (row, column) in enumerate(through_all(rng, n), 1):
        solved[row][column] = number
    kept = set(shuffled(rng, range(1, n * n + 1))[: round(fill_rate * n * n)])
    shown = [[cell if cell in kept else "X" for cell in row] for row in solved]
    text = str(solved)
    return Puzzle({"grid": shown}, text, text, listed(shown), n * n - len(kept))


def through_all(rng: np.random.Generator, n: int) -> list[Place]:
    """A random path through all cells of an n x n grid.

    A snake, then `BITES` n² moves that tie its end to a cell beside it and cut the loop (the
    backbite of Mansfield, 1982).
    """
    path = [(r, c) for r in range(n) for c in (range(n) if r % 2 == 0 else range(n - 1, -1, -1))]
    for turn, way in (rng.random((BITES * n * n, 2)) * 4).astype(int).tolist():
        if turn % 2:
            path.reverse()
        row, column = path[-1]
        step = ORTHOGONAL[way]
        beside = (row + step[0], column + step[1])
        if 0 <= beside[0] < n and 0 <= beside[1] < n and beside != path[-2]:
            cut = path.index(beside) + 1
            path[cut:] = path[cut:][::-1]
    return path


def confirm_numbrix(posed: Posed) -> bool:
    """Every number once, next to the one before it, and those that the question shows."""
    grid, shown = json.loads(posed.answer_text), posed.facts["grid"]
    n = len(shown)
    where = {grid[r][c]: (r, c) for r in range(n) for c in range(n)}
    if sorted(where) != list(range(1, n * n + 1)):
        return False
    steps = (
        abs(where[k][0] - where[k + 1][0]) + abs(where[k][1] - where[k + 1][1])
        for k in range(1, n * n)
    )
    kept = all(shown[r][c] in ("X", grid[r][c]) for r in range(n) for c in range(n))
    return kept and all(step == 1 for step in steps)


def tell_grid(facts: Facts, language: Language) -> dict[str, str]:
    """The grid line by line."""
    grid = facts["grid"]
    return {"puzzle": lines(grid), "n": str(len(grid)), "last": str(len(grid) * len(grid[0]))}


def board_grid(facts: Facts) -> Board:
    """The grid with X as blanks."""
    return Board(_blanked(facts["grid"]))


def _blanked(grid: list[list[Any]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple("" if cell == "X" else str(cell) for cell in row) for row in grid)


def draw_arrow_maze(rng: np.random.Generator, *, size: int = 5, fill_rate: float) -> Puzzle:
    """Numbers that send straight rays of arrows, each the number of its arrows.

    A share ``fill_rate`` of the arrows is shown, at least one is hidden.
    """
    require(2 <= size <= 12, f"size={size}: use a maze of side 2 to 12")
    require(0 <= fill_rate <= 1, f"fill_rate={fill_rate}: use a share from 0 to 1")
    solved = first_of(lambda: _maze(rng, size), f"maze of side {size}")
    arrows = [(r, c) for r in range(size) for c in range(size) if solved[r][c] in ARROWS]
    kept = min(len(arrows) - 1, round(fill_rate * len(arrows)))
    shown = [list(row) for row in solved]
    for row, column in shuffled(rng, arrows)[kept:]:
        shown[row][column] = "X"
    answer = fenced(listed(solved))
    return Puzzle({"maze": shown}, listed(solved), answer, listed(shown), len(arrows) - kept)


def _maze(rng: np.random.Generator, size: int) -> Maze | None:
    """Numbers one after the other, with rays into free cells; None where a cell is left alone."""
    maze = [[""] * size for _ in range(size)]
    for row, column in shuffled(rng, [(r, c) for r in range(size) for c in range(size)]):
        if maze[row][column]:
            continue
        rays = {arrow: _free(maze, (row, column), step) for arrow, step in ARROWS.items()}
        rays = {arrow: cells for arrow, cells in rays.items() if cells}
        if not rays:
            return None
        chosen = shuffled(rng, list(rays))[: between(rng, 1, min(4, len(rays)))]
        total = 0
        for arrow in chosen:
            cells = rays[arrow][: between(rng, 1, len(rays[arrow]))]
            total += len(cells)
            for r, c in cells:
                maze[r][c] = arrow
        maze[row][column] = str(total)
    return maze


def _free(maze: Maze, start: Place, step: Place) -> list[Place]:
    size, cells = len(maze), []
    row, column = start[0] + step[0], start[1] + step[1]
    while 0 <= row < size and 0 <= column < size and not maze[row][column]:
        cells.append((row, column))
        row, column = row + step[0], column + step[1]
    return cells


def confirm_arrow_maze(posed: Posed) -> bool:
    """What is shown is kept; each arrow leads back to a number, which counts those that do."""
    maze, shown = json.loads(fence_of(posed.answer_text)), posed.facts["maze"]
    size = len(shown)
    counted: dict[Place, int] = {}
    for row in range(size):
        for column in range(size):
            if shown[row][column] not in ("X", maze[row][column]):
                return False
            if maze[row][column] in ARROWS:
                source = _source(maze, row, column)
                if source is None:
                    return False
                counted[source] = counted.get(source, 0) + 1
    numbers = {
        (r, c): int(maze[r][c]) for r in range(size) for c in range(size) if maze[r][c].isdigit()
    }
    return counted == numbers


def _source(maze: Maze, row: int, column: int) -> Place | None:
    arrow = maze[row][column]
    down, right = ARROWS[arrow]
    while 0 <= row < len(maze) and 0 <= column < len(maze) and maze[row][column] == arrow:
        row, column = row - down, column - right
    inside = 0 <= row < len(maze) and 0 <= column < len(maze)
    return (row, column) if inside and maze[row][column].isdigit() else None


def tell_arrow_maze(facts: Facts, language: Language) -> dict[str, str]:
    """The maze line by line, X for hidden arrows."""
    return {"puzzle": lines(facts["maze"]), "n": str(len(facts["maze"]))}


def board_arrow_maze(facts: Facts) -> Board:
    """The maze with blanks for hidden arrows."""
    return Board(_blanked(facts["maze"]))
