"""Families that fill a board: arrows, walls, number paths, sums, crosswords. Verified by rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gnomon.grading.puzzles.boards import DIAGONAL, around, groups, is_line
from gnomon.grading.puzzles.family import (
    Cell,
    Facts,
    Family,
    Finding,
    Mode,
    Shape,
    board,
    is_rows,
    is_square,
    is_whole,
    judged,
    numbers,
    side,
    unread,
    words,
)
from gnomon.grading.puzzles.literals import literal
from gnomon.grading.puzzles.reading import block_grid, double_bracketed, grid_of, grids, whole

ARROWS: dict[str, Cell] = {
    "↑": (-1, 0), "↓": (1, 0), "←": (0, -1), "→": (0, 1),
    "↖": (-1, -1), "↗": (-1, 1), "↘": (1, 1), "↙": (1, -1),
}  # fmt: skip


def arrow_maze(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """Rows of texts in the last fence of any kind, else in the last ``[[…]]``.

    Numbers and given arrows are kept; every X became an arrow; every arrow lies on a ray of its own
    direction that starts at a number; each number is the length of its rays together. ``released``:
    an X may also become a number of its own, such as "0".
    """
    grid = block_grid(text, lambda cell: isinstance(cell, str))
    if grid is None:
        return unread("grid of texts")
    maze = facts["maze"]
    if [len(row) for row in grid] != [len(row) for row in maze]:
        return judged(f"the grid is not {len(maze)} by {len(maze[0])}")
    return judged(_kept_problem(grid, maze, mode) or _rays_problem(grid))


def _kept_problem(grid: Sequence[Sequence[str]], maze: Sequence[Sequence[Any]], mode: Mode) -> str:
    for r, row in enumerate(maze):
        for c, given in enumerate(row):
            cell = grid[r][c]
            if given != "X" and cell != str(given):
                return f"row {r + 1}, column {c + 1} was given as {given}"
            number = mode == "released" and _is_number(cell)
            if given == "X" and cell not in ARROWS and not number:
                return f"row {r + 1}, column {c + 1} holds no arrow"
    return ""


def _rays_problem(grid: Sequence[Sequence[str]]) -> str:
    reached: set[Cell] = set()
    for r, row in enumerate(grid):
        for c, cell in enumerate(row):
            if cell in ARROWS:
                continue
            rays = [place for arrow in ARROWS for place in _ray(grid, (r, c), arrow)]
            if len(rays) != int(cell):
                return f"the rays of the {cell} at row {r + 1}, column {c + 1} have {len(rays)}"
            reached.update(rays)
    arrows = {(r, c) for r, row in enumerate(grid) for c, cell in enumerate(row) if cell in ARROWS}
    return f"the arrow at {min(arrows - reached)} lies on no ray" if arrows - reached else ""


def _ray(grid: Sequence[Sequence[str]], start: Cell, arrow: str) -> list[Cell]:
    cells, (r, c) = [], around(start, [ARROWS[arrow]])[0]
    while 0 <= r < len(grid) and 0 <= c < len(grid[0]) and grid[r][c] == arrow:
        cells.append((r, c))
        r, c = around((r, c), [ARROWS[arrow]])[0]
    return cells


def _is_number(cell: Any) -> bool:
    return isinstance(cell, str) and cell.isascii() and cell.isdigit() and len(cell) <= 4


def _maze_cell(cell: Any) -> bool:
    return _is_number(cell) or is_whole(cell, 0, 9999) or cell == "X" or _is_arrow(cell)


def _is_arrow(cell: Any) -> bool:
    return isinstance(cell, str) and cell in ARROWS


def number_wall(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """Numbers (also in quotes), X (island) and A (wall), the last such grid in ``[[…]]``.

    Given numbers are kept, no two by two cells are wall, every island (connected along edges) holds
    one number, its size, and islands do not touch diagonally. ``released``: a number that was not
    given makes an island of its own.
    """
    grid = next(grids(text, _wall_cell, last=True), None)
    if grid is None:
        return unread("grid of numbers, X and A")
    grid = [[int(cell) if _is_number(cell) else cell for cell in row] for row in grid]
    size = facts["n"]
    if len(grid) != size or len(grid[0]) != size:
        return judged(f"the grid is not {size} by {size}")
    return judged(
        _numbers_problem(grid, facts["grid"], mode)
        or _walls_problem(grid)
        or _islands_problem(grid)
    )


def _wall_cell(cell: Any) -> bool:
    return is_whole(cell, 0, 9999) or cell in ("X", "A") or _is_number(cell)


def _numbers_problem(
    grid: Sequence[Sequence[Any]], given: Sequence[Sequence[Any]], mode: Mode
) -> str:
    for r, row in enumerate(given):
        for c, number in enumerate(row):
            fixed, cell = is_whole(number), grid[r][c]
            if (fixed and cell != number) or (not fixed and mode == "strict" and is_whole(cell)):
                return f"row {r + 1}, column {c + 1} was given as {number}"
    return ""


def _walls_problem(grid: Sequence[Sequence[Any]]) -> str:
    for r in range(len(grid) - 1):
        for c in range(len(grid) - 1):
            if all(cell == "A" for row in grid[r : r + 2] for cell in row[c : c + 2]):
                return f"the wall fills two by two cells at row {r + 1}, column {c + 1}"
    return ""


def _islands_problem(grid: Sequence[Sequence[Any]]) -> str:
    land = [(r, c) for r, row in enumerate(grid) for c, cell in enumerate(row) if cell != "A"]
    islands = groups(land)
    number = {cell: place for place, island in enumerate(islands) for cell in island}
    for island in islands:
        held = [grid[r][c] for r, c in island if grid[r][c] != "X"]
        if held != [len(island)]:
            return f"the island at {min(island)} has {len(island)} cells and the numbers {held}"
    for cell in land:
        if any(number.get(other, number[cell]) != number[cell] for other in around(cell, DIAGONAL)):
            return f"islands touch diagonally at {cell}"
    return ""


def _wall_agrees(facts: Facts, gold: str) -> str:
    return "" if len(facts["grid"]) == facts["n"] else "the grid is not n by n"


def numbrix(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """A grid of ints, the last in ``[[…]]``: 1 to n² once each, the hints, one path along edges."""
    grid = next(grids(text, whole, last=True), None)
    if grid is None:
        return unread("grid of numbers")
    hints = facts["grid"]
    if len(grid) != len(hints) or len(grid[0]) != len(hints):
        return judged(f"the grid is not {len(hints)} by {len(hints)}")
    place = {cell: (r, c) for r, row in enumerate(grid) for c, cell in enumerate(row)}
    if sorted(place) != list(range(1, len(hints) ** 2 + 1)):
        return judged(f"the grid does not hold 1 to {len(hints) ** 2}")
    for r, row in enumerate(hints):
        for c, hint in enumerate(row):
            if hint != "X" and grid[r][c] != hint:
                return judged(f"row {r + 1}, column {c + 1} was given as {hint}")
    path = [place[number] for number in sorted(place)]
    return judged("" if is_line(path) else "two consecutive numbers are no neighbours")


def survo(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """Rows of ints in the last fence of any kind, else in the last ``[[…]]``.

    Given cells (all but 0) are kept, the others hold the candidates, each as often as it is one;
    the last row and column are the sums of the others.
    """
    grid = block_grid(text, is_whole)
    if grid is None:
        return unread("matrix")
    given, size = facts["original_matrix"], facts["n"]
    if len(grid) != size or len(grid[0]) != size:
        return judged(f"the matrix is not {size} by {size}")
    pairs = [(grid[r][c], given[r][c]) for r in range(size) for c in range(size)]
    if any(cell != known for cell, known in pairs if known != 0):
        return judged("a given number is changed")
    if sorted(cell for cell, known in pairs if known == 0) != sorted(facts["candidate_numbers"]):
        return judged("the filled numbers are not the candidates")
    for name, lines in (("row", grid), ("column", list(zip(*grid, strict=True)))):
        for place, line in enumerate(lines[:-1], 1):
            if sum(line[:-1]) != line[-1]:
                return judged(f"{name} {place} does not come to its sum")
    return judged("")


def _survo_agrees(facts: Facts, gold: str) -> str:
    given = facts["original_matrix"]
    return "" if len(given) == facts["n"] else "the original_matrix is not n by n"


def wordscapes(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """Rows of letters, the first ``[[…]]``; an empty text, a blank or "0" is a gap.

    Gaps stand exactly where the layout has 0, and every word (in any case) is a part of a row, or a
    column for those that go down. Strictly a cell holds one letter, and a word does not go on
    behind a gap; ``released``: cells may hold whole words, and gaps drop out.
    """
    spans = double_bracketed(text)
    grid = grid_of(literal(spans[0]), _letter_cell) if spans else None
    if grid is None:
        return unread("grid of letters")
    rows = [["" if str(cell).strip() == "0" else str(cell).strip() for cell in row] for row in grid]
    layout = facts["grid"]
    if [len(row) for row in rows] != [len(row) for row in layout]:
        return judged(f"the grid is not {len(layout)} by {len(layout[0])}")
    return judged(_layout_problem(rows, layout, mode) or _words_problem(rows, facts, mode))


def _letter_cell(cell: Any) -> bool:
    return (isinstance(cell, str) and len(cell) <= 64) or cell == 0


def _layout_problem(
    rows: Sequence[Sequence[str]], layout: Sequence[Sequence[Any]], mode: Mode
) -> str:
    for r, row in enumerate(layout):
        for c, kind in enumerate(row):
            cell = rows[r][c]
            if (cell == "") != (str(kind) == "0"):
                return f"row {r + 1}, column {c + 1} has to be {'a gap' if cell else 'a letter'}"
            if cell and mode == "strict" and not (len(cell) == 1 and cell.isalpha()):
                return f"row {r + 1}, column {c + 1} is not one letter"
    return ""


def _words_problem(rows: Sequence[Sequence[str]], facts: Facts, mode: Mode) -> str:
    gap = " " if mode == "strict" else ""
    for name, lines in (("across", rows), ("down", list(zip(*rows, strict=True)))):
        written = ["".join(cell or gap for cell in line).casefold() for line in lines]
        for word in facts[f"{name}_words"]:
            if not any(word.casefold() in line for line in written):
                return f"{word!r:.40} is not {name}"
    return ""


_HINTS = Shape(
    "a square of numbers and X",
    lambda value: is_square(value, lambda cell: is_whole(cell, 0) or cell == "X"),
)
FILLING: dict[str, Family] = {
    "arrow_maze": Family(
        arrow_maze,
        {"maze": Shape("rows of X, numbers and arrows", lambda v: is_rows(v, _maze_cell))},
    ),
    "number_wall": Family(number_wall, {"grid": _HINTS, "n": side()}, _wall_agrees),
    "numbrix": Family(numbrix, {"grid": _HINTS}),
    "survo": Family(
        survo,
        {
            "original_matrix": Shape("a square of numbers", lambda v: is_square(v, is_whole)),
            "candidate_numbers": numbers(),
            "n": side(),
        },
        _survo_agrees,
    ),
    "wordscapes": Family(
        wordscapes,
        {
            "grid": board("X", "0", whole=True),
            "across_words": words(),
            "down_words": words(),
        },
    ),
}
