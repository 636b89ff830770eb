"""Grids that are known by their sums: survo and kukurasu."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np

from gnomon.worlds.logic.board import Board
from gnomon.worlds.logic.family import Facts, Language, Puzzle, first_of, lines, listed, require
from gnomon.worlds.scene import between, shuffled
from gnomon.worlds.world import Posed

Grid = list[list[int]]


def draw_survo(rng: np.random.Generator, *, n: int, hidden: int) -> Puzzle:
    """An n x n matrix whose last row and column are the sums of the digits 1 to 9 before them.

    ``hidden`` of the digits are 0, and told without their places. Raises ValueError unless
    n >= 3 and 1 <= hidden <= (n - 1)².
    """
    require(3 <= n <= 20, f"n={n}: use 3 to 20 rows, the sums included")
    inner = (n - 1) ** 2
    require(1 <= hidden <= inner, f"hidden={hidden}: a matrix of {n} rows can hide 1 to {inner}")
    body = [[between(rng, 1, 9) for _ in range(n - 1)] for _ in range(n - 1)]
    solved = [[*row, sum(row)] for row in body]
    solved.append([sum(column) for column in zip(*solved, strict=True)])
    shown = [list(row) for row in solved]
    cells = [(r, c) for r in range(n - 1) for c in range(n - 1)]
    gone = shuffled(rng, cells)[:hidden]
    for row, column in gone:
        shown[row][column] = 0
    candidates = sorted(solved[row][column] for row, column in gone)
    facts = {"original_matrix": shown, "candidate_numbers": candidates, "n": n}
    return Puzzle(facts, str(solved), str(solved), str(facts), hidden * n)


def confirm_survo(posed: Posed) -> bool:
    """The digits shown and told, and both kinds of sums."""
    filled, shown = (
        np.array(json.loads(posed.answer_text)),
        np.array(posed.facts["original_matrix"]),
    )
    kept = bool((filled[shown > 0] == shown[shown > 0]).all())
    used = Counter(filled[shown == 0].tolist()) == Counter(posed.facts["candidate_numbers"])
    down = bool((filled[:-1].sum(axis=0) == filled[-1]).all())
    across = bool((filled[:, :-1].sum(axis=1) == filled[:, -1]).all())
    return kept and used and down and across


def tell_survo(facts: Facts, language: Language) -> dict[str, str]:
    """The matrix with X for hidden digits, and the digits to place."""
    shown = [[cell or "X" for cell in row] for row in facts["original_matrix"]]
    numbers = ", ".join(map(str, facts["candidate_numbers"]))
    return {"puzzle": lines(shown), "numbers": numbers, "n": str(facts["n"])}


def board_survo(facts: Facts) -> Board:
    """The matrix with blanks, the sums on grey."""
    n = facts["n"]
    cells = tuple(tuple(str(cell or "") for cell in row) for row in facts["original_matrix"])
    sums = frozenset((r, c) for r in range(n) for c in range(n) if n - 1 in (r, c))
    return Board(cells, shaded=sums)


def draw_kukurasu(rng: np.random.Generator, *, n: int, ones: float) -> Puzzle:
    """An n x n board of ones whose column numbers sum up by row, and row numbers by column.

    No sum is zero, as ones stand on a random permutation first; the others are added until the
    share ``ones`` is expected. Boards whose two totals differ are drawn anew.
    """
    require(2 <= n <= 9, f"n={n}: use a board of side 2 to 9")
    require(0 < ones < 1, f"ones={ones}: use a share between 0 and 1")
    more = max(0.0, ones - 1 / n) / (1 - 1 / n)
    board = first_of(lambda: _kukurasu(rng, n, more), "board of equal totals")
    rows, columns = _weighed(board), _weighed([list(line) for line in zip(*board, strict=True)])
    shown = [["1" if cell else "X" for cell in row] for row in board]
    facts = {"row_sums": rows, "col_sums": columns, "n": n, "m": n}
    return Puzzle(facts, listed(shown), listed(shown), f"{rows} {columns}", n * n)


def _kukurasu(rng: np.random.Generator, n: int, more: float) -> Grid | None:
    places = shuffled(rng, range(n))
    chances = rng.random((n, n)).tolist()
    board = [[int(c == places[r] or chances[r][c] < more) for c in range(n)] for r in range(n)]
    totals = sum((r - c) * board[r][c] for r in range(n) for c in range(n))
    return board if totals == 0 else None


def _weighed(board: Grid) -> list[int]:
    return [sum(place for place, cell in enumerate(row, 1) if cell) for row in board]


def confirm_kukurasu(posed: Posed) -> bool:
    """Both products of the board with the weights."""
    board = np.array(json.loads(posed.answer_text)) == "1"
    weights = np.arange(1, posed.facts["n"] + 1)
    rows, columns = (board @ weights).tolist(), (weights @ board).tolist()
    return bool(rows == posed.facts["row_sums"] and columns == posed.facts["col_sums"])


def tell_kukurasu(facts: Facts, language: Language) -> dict[str, str]:
    """The sums of rows and of columns."""
    names = {"en": ("Row sums", "Column sums"), "zh": ("行和", "列和")}[language]
    told: list[Any] = [facts["row_sums"], facts["col_sums"]]
    text = "\n".join(f"{name}: {sums}" for name, sums in zip(names, told, strict=True))
    return {"puzzle": text, "n": str(facts["n"])}


def board_kukurasu(facts: Facts) -> Board:
    """The empty board with the sums right and at the bottom."""
    n = facts["n"]
    rows, columns = (tuple(map(str, facts[name])) for name in ("row_sums", "col_sums"))
    return Board((("",) * n,) * n, right=rows, bottom=columns)
