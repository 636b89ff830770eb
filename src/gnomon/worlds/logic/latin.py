"""Latin squares: sudoku, futoshiki, calcudoko, skyscrapers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gnomon.worlds.logic.board import Board
from gnomon.worlds.logic.family import (
    Facts,
    Language,
    Puzzle,
    fence_of,
    fenced,
    lines,
    require,
    spaced,
)
from gnomon.worlds.logic.search import completions
from gnomon.worlds.scene import between, pick, shuffled
from gnomon.worlds.world import Posed

Square = list[list[int]]
Place = tuple[int, int]


def latin_square(rng: np.random.Generator, n: int) -> Square:
    """A Latin square of 1 to n: the cyclic one with rows, columns and digits shuffled."""
    require(2 <= n <= 9, f"n={n}: use a Latin square of side 2 to 9")
    rows, columns, digits = (shuffled(rng, range(n)) for _ in range(3))
    return [[digits[(row + column) % n] + 1 for column in columns] for row in rows]


def is_latin(square: Sequence[Sequence[int]], n: int) -> bool:
    """Whether each row and column of n holds 1 to n."""
    wanted = set(range(1, n + 1))
    if len(square) != n or any(len(row) != n for row in square):
        return False
    return all(set(line) == wanted for line in [*square, *zip(*square, strict=True)])


def read_spaced(answer: str) -> Square:
    """The grid of our own ``[[1 2,2 1]]``."""
    return [[int(cell) for cell in row.split()] for row in answer.strip("[]").split(",")]


def places(rows: int, columns: int) -> list[Place]:
    """All cells in raster order."""
    return [(row, column) for row in range(rows) for column in range(columns)]


def draw_sudoku(rng: np.random.Generator, *, kept: int, unique: bool = False) -> Puzzle:
    """A 9 x 9 sudoku with ``kept`` of its 81 cells given; ``unique`` leaves only one solution, and
    then keeps more cells where fewer would not do.

    Raises ValueError unless 17 <= kept <= 81.
    """
    require(17 <= kept <= 81, f"kept={kept}: use 17 to 81 cells (16 never leave one solution)")
    solved = _sudoku(rng)
    grid: list[list[Any]] = [list(row) for row in solved]
    left = 81
    for row, column in shuffled(rng, places(9, 9)):
        if left == kept:
            break
        grid[row][column] = 0
        if unique and len(completions(grid, 2)) > 1:
            grid[row][column] = solved[row][column]
        else:
            left -= 1
    shown = [[cell or "X" for cell in row] for row in grid]
    answer = str(tuple(tuple(row) for row in solved))
    key = "".join(str(cell) for row in grid for cell in row)
    return Puzzle({"original_sudoku": shown}, answer, fenced(answer), key, 81 - left)


def _sudoku(rng: np.random.Generator) -> Square:
    rows = [3 * band + row for band in shuffled(rng, range(3)) for row in shuffled(rng, range(3))]
    columns = [3 * band + c for band in shuffled(rng, range(3)) for c in shuffled(rng, range(3))]
    digits = shuffled(rng, range(1, 10))
    grid = [[digits[(3 * (r % 3) + r // 3 + c) % 9] for c in columns] for r in rows]
    return [list(row) for row in zip(*grid, strict=True)] if rng.random() < 0.5 else grid


def confirm_sudoku(posed: Posed) -> bool:
    """Rows, columns, boxes and the cells as the question shows them."""
    cells = fence_of(posed.answer_text).replace("(", "").replace(")", "").split(", ")
    solved = [[int(cell) for cell in cells[9 * row : 9 * row + 9]] for row in range(9)]
    boxes = [[solved[r][c] for r in range(9) for c in range(9) if (r // 3, c // 3) == (i, j)]
             for i in range(3) for j in range(3)]  # fmt: skip
    given = posed.facts["original_sudoku"]
    kept = all(given[r][c] in ("X", solved[r][c]) for r, c in places(9, 9))
    return kept and is_latin(solved, 9) and all(len(set(box)) == 9 for box in boxes)


def tell_sudoku(facts: Facts, language: Language) -> dict[str, str]:
    """The grid with X for empty cells."""
    return {"puzzle": lines(facts["original_sudoku"])}


def board_sudoku(facts: Facts) -> Board:
    """The grid with its boxes."""
    cells = tuple(
        tuple("" if c == "X" else str(c) for c in row) for row in facts["original_sudoku"]
    )
    boxes = tuple(tuple(f"{r // 3}{c // 3}" for c in range(9)) for r in range(9))
    return Board(cells, boxes)


def draw_futoshiki(rng: np.random.Generator, *, n: int, inequalities: int, given: int) -> Puzzle:
    """A Latin square of side n with ``given`` cells and ``inequalities`` between neighbours.

    Raises ValueError when there are not as many cells or neighbours.
    """
    square = latin_square(rng, n)
    require(0 <= given <= n * n, f"given={given}: a square of side {n} has {n * n} cells")
    borders = 2 * n * (n - 1)
    require(
        0 <= inequalities <= borders,
        f"inequalities={inequalities}: a square of side {n} has {borders} pairs of neighbours",
    )
    shown = sorted(shuffled(rng, places(n, n))[:given])
    pairs = [((r, c), (r, c + 1)) for r in range(n) for c in range(n - 1)]
    pairs += [((r, c), (r + 1, c)) for r in range(n - 1) for c in range(n)]
    chosen = sorted(shuffled(rng, pairs)[:inequalities])
    constraints = [[list(a), list(b), "<" if _at(square, a) < _at(square, b) else ">"]
                   for a, b in chosen]  # fmt: skip
    grid = [[square[r][c] if (r, c) in shown else 0 for c in range(n)] for r in range(n)]
    facts = {
        "grid_size": n,
        "prefilled_coords": [[r, c, square[r][c]] for r, c in shown],
        "constraints": constraints,
    }
    work = n * n - given + inequalities
    text = spaced(square)
    return Puzzle(facts, text, text, f"{grid} {constraints}", work, more={"grid": grid})


def _at(square: Square, place: Sequence[int]) -> int:
    return square[place[0]][place[1]]


def confirm_futoshiki(posed: Posed) -> bool:
    """Latin, with the given cells and relations."""
    square, facts = read_spaced(posed.answer_text), posed.facts
    kept = all(square[r][c] == value for r, c, value in facts["prefilled_coords"])
    signs = {"<": -1, ">": 1}
    related = all(
        signs[sign] * (_at(square, a) - _at(square, b)) > 0 for a, b, sign in facts["constraints"]
    )
    return kept and related and is_latin(square, facts["grid_size"])


def tell_futoshiki(facts: Facts, language: Language) -> dict[str, str]:
    """The grid with X for empty cells, then the relations with cells counted from 1."""
    shown = [[cell or "X" for cell in row] for row in facts["grid"]]
    told = [
        f"({a[0] + 1},{a[1] + 1}) {sign} ({b[0] + 1},{b[1] + 1})"
        for a, b, sign in facts["constraints"]
    ]
    return {"puzzle": "\n".join([lines(shown), *told]), "n": str(facts["grid_size"])}


def board_futoshiki(facts: Facts) -> Board:
    """The grid with angles between neighbours."""
    cells = tuple(tuple(str(cell or "") for cell in row) for row in facts["grid"])
    signs = tuple((tuple(a), tuple(b), sign) for a, b, sign in facts["constraints"])
    return Board(cells, signs=signs)


def draw_calcudoko(rng: np.random.Generator, *, grid: int, largest: int = 4) -> Puzzle:
    """A Latin square cut into regions of at most ``largest`` cells with distinct digits.

    Two cells use - or ÷, three and four + or *, a single one stands for itself as a sum.
    Raises ValueError unless 1 <= largest <= 4.
    """
    require(1 <= largest <= 4, f"largest={largest}: use regions of 1 to 4 cells")
    square = latin_square(rng, grid)
    free = set(places(grid, grid))
    cages = sorted(
        _cage(rng, square, free, start, between(rng, min(2, largest), largest))
        for start in shuffled(rng, places(grid, grid))
        if start in free
    )
    regions = [_region(rng, square, cage) for cage in cages]
    work = grid * sum(len(cage) for cage in cages if len(cage) > 1)
    facts = {"grid_size": grid, "regions": regions}
    text = spaced(square)
    return Puzzle(facts, text, text, str(regions), work)


def _cage(
    rng: np.random.Generator, square: Square, free: set[Place], start: Place, size: int
) -> list[Place]:
    cage = [start]
    free.discard(start)
    while len(cage) < size:
        digits = {_at(square, place) for place in cage}
        beside = [
            (r + dr, c + dc) for r, c in cage for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0))
        ]
        open_ = [p for p in beside if p in free and _at(square, p) not in digits]
        if not open_:
            break
        cage.append(pick(rng, open_))
        free.discard(cage[-1])
    return sorted(cage)


def _region(rng: np.random.Generator, square: Square, cage: list[Place]) -> dict[str, Any]:
    digits = sorted((_at(square, place) for place in cage), reverse=True)
    if len(cage) == 2:
        divides = digits[0] % digits[1] == 0
        operator = pick(rng, "-÷") if divides else "-"
        target = digits[0] // digits[1] if operator == "÷" else digits[0] - digits[1]
    else:
        operator = pick(rng, "+*") if len(cage) > 1 else "+"
        target = sum(digits) if operator == "+" else int(np.prod(digits))
    cells = [f"({row + 1},{column + 1})" for row, column in cage]
    return {"cells": cells, "operator": operator, "target": target}


def _cells(region: Facts) -> list[Place]:
    pairs = [cell.strip("()").split(",") for cell in region["cells"]]
    return [(int(row) - 1, int(column) - 1) for row, column in pairs]


def confirm_calcudoko(posed: Posed) -> bool:
    """Latin, and each region as it says, in either order for - and ÷."""
    square, n = read_spaced(posed.answer_text), posed.facts["grid_size"]
    covered: list[Place] = []
    for region in posed.facts["regions"]:
        digits = [_at(square, place) for place in _cells(region)]
        covered += _cells(region)
        target = region["target"]
        right = {
            "+": sum(digits) == target,
            "*": int(np.prod(digits)) == target,
            "-": len(digits) == 2 and abs(digits[0] - digits[1]) == target,
            "÷": len(digits) == 2 and max(digits) == target * min(digits),
        }[region["operator"]]
        if not right or len(set(digits)) < len(digits):
            return False
    return is_latin(square, n) and sorted(covered) == places(n, n)


def tell_calcudoko(facts: Facts, language: Language) -> dict[str, str]:
    """One line for each region: its cells and its target with the operator."""
    told = [f"{' '.join(r['cells'])}: {r['target']}{r['operator']}" for r in facts["regions"]]
    return {"puzzle": "\n".join(told), "n": str(facts["grid_size"])}


def board_calcudoko(facts: Facts) -> Board:
    """The empty grid with its regions, the targets in their first cells."""
    n = facts["grid_size"]
    label = {p: str(i) for i, region in enumerate(facts["regions"]) for p in _cells(region)}
    corners = {_cells(r)[0]: f"{r['target']}{r['operator']}" for r in facts["regions"]}
    regions = tuple(tuple(label[r, c] for c in range(n)) for r in range(n))
    return Board((("",) * n,) * n, regions, corners)


def visible(heights: Sequence[int]) -> int:
    """Buildings that are seen from the front of a line."""
    return sum(height > max(heights[:place], default=0) for place, height in enumerate(heights))


def draw_skyscraper(rng: np.random.Generator, *, n: int) -> Puzzle:
    """A Latin square of heights with the visible buildings counted from all four sides."""
    square = latin_square(rng, n)
    columns = [list(column) for column in zip(*square, strict=True)]
    facts = {
        "n": n,
        "top": [visible(line) for line in columns],
        "bottom": [visible(line[::-1]) for line in columns],
        "left": [visible(line) for line in square],
        "right": [visible(line[::-1]) for line in square],
    }
    return Puzzle(facts, str(square), fenced(str(square)), str(facts), n * n * (n - 1))


def confirm_skyscraper(posed: Posed) -> bool:
    """Latin, and each count by walking along with the highest roof so far."""
    rows = fence_of(posed.answer_text).strip("[]").split("], [")
    square, facts = [[int(cell) for cell in row.split(", ")] for row in rows], posed.facts
    array = np.array(square)
    sides = {"left": array, "right": array[:, ::-1], "top": array.T, "bottom": array.T[:, ::-1]}
    for side, seen in sides.items():
        roofs = np.maximum.accumulate(seen, axis=1)
        if [len(set(line)) for line in roofs.tolist()] != facts[side]:
            return False
    return is_latin(square, facts["n"])


def tell_skyscraper(facts: Facts, language: Language) -> dict[str, str]:
    """The counts by side."""
    names = {"en": ("top", "bottom", "left", "right"), "zh": ("上", "下", "左", "右")}[language]
    sides = ("top", "bottom", "left", "right")
    told = [
        f"{name}: {' '.join(map(str, facts[side]))}"
        for name, side in zip(names, sides, strict=True)
    ]
    return {"puzzle": "\n".join(told), "n": str(facts["n"])}


def board_skyscraper(facts: Facts) -> Board:
    """The empty grid with counts around it."""
    n = facts["n"]
    left, right, top, bottom = (
        tuple(map(str, facts[side])) for side in ("left", "right", "top", "bottom")
    )
    return Board((("",) * n,) * n, left=left, right=right, top=top, bottom=bottom)
