from __future__ import annotations

from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.grading.puzzles.families import check_puzzle
from gnomon.grading.puzzles.latin import latin_problem, visible, write_spaced
from gnomon.records import Outcome
from puzzles import CASES, SOLVED, block

BY_NAME = {case.family: case for case in CASES}


def right(family: str, text: str, **facts: object) -> bool:
    value = {"family": family, "facts": facts, "gold": ""}
    return check_puzzle(text, value)[0] is Outcome.CORRECT


def squares(size: int) -> list[tuple[tuple[int, ...], ...]]:
    rows = list(permutations(range(1, size + 1)))
    return [
        grid
        for grid in product(rows, repeat=size)
        if all(len(set(column)) == size for column in zip(*grid, strict=True))
    ]


def test_there_are_twelve_latin_squares_of_three() -> None:
    fitting = [
        grid
        for cells in product(range(1, 4), repeat=9)
        if not latin_problem(grid := [list(cells[place : place + 3]) for place in (0, 3, 6)], 3)
    ]
    assert len(fitting) == len(squares(3)) == 12


@settings(max_examples=40)
@given(st.integers(0, 8), st.integers(0, 8), st.integers(1, 8))
def test_a_sudoku_with_one_changed_cell_is_wrong(row: int, column: int, more: int) -> None:
    grid = [list(line) for line in SOLVED]
    grid[row][column] = (grid[row][column] + more - 1) % 9 + 1
    empty = [["X"] * 9] * 9
    assert right("sudoku", block(str(SOLVED)), original_sudoku=empty)
    assert not right("sudoku", block(str(grid)), original_sudoku=empty)


@pytest.mark.parametrize("given", [SOLVED[0][0], str(SOLVED[0][0]), "X", "x", 0, "0"])
def test_a_given_cell_of_a_sudoku_is_a_number_its_text_or_empty(given: object) -> None:
    clues = [[given, *SOLVED[0][1:]], *SOLVED[1:]]
    assert right("sudoku", block(str(SOLVED)), original_sudoku=clues)


def test_a_latin_square_with_wrong_boxes_is_no_sudoku() -> None:
    shifted = [[(r + c) % 9 + 1 for c in range(9)] for r in range(9)]
    value = {"family": "sudoku", "facts": {"original_sudoku": [["X"] * 9] * 9}, "gold": ""}
    assert "the box at row 1" in check_puzzle(str(shifted), value)[1]


def test_exactly_the_squares_with_the_counts_solve_a_skyline() -> None:
    goal = squares(3)[5]
    columns = list(zip(*goal, strict=True))
    facts = {
        "n": 3,
        "top": [visible(line) for line in columns],
        "bottom": [visible(line[::-1]) for line in columns],
        "left": [visible(line) for line in goal],
        "right": [visible(line[::-1]) for line in goal],
    }
    found = [
        grid
        for grid in squares(3)
        if right("skyscraper_puzzle", block(str(list(map(list, grid)))), **facts)
    ]
    assert found == [goal]


def test_exactly_the_squares_that_keep_the_inequality_solve_a_futoshiki() -> None:
    facts = {
        "grid_size": 3,
        "prefilled_coords": [[0, 0, 2]],
        "constraints": [[[1, 0], [2, 0], ">"]],
    }
    for grid in squares(3):
        wanted = grid[0][0] == 2 and grid[1][0] > grid[2][0]
        text = "[[" + ",".join(" ".join(map(str, row)) for row in grid) + "]]"
        assert right("futoshiki", text, **facts) is wanted


def test_a_number_may_stand_once_in_a_cage() -> None:
    cage = {"cells": ["(1,1)", "(2,2)"], "operator": "+", "target": 2}
    value = {"family": "calcudoko", "facts": {"grid_size": 2, "regions": [cage]}, "gold": ""}
    assert "stands twice" in check_puzzle("[[1 2,2 1]]", value)[1]


@pytest.mark.parametrize(
    ("gold", "written"),
    [("[[1, 2], [2, 1]]", "[[1 2,2 1]]"), ("[[1 2,2 1]]", "[[1 2,2 1]]"), ("none", "none")],
)
def test_a_gold_grid_is_written_as_the_answer_is_asked_for(gold: str, written: str) -> None:
    assert write_spaced(gold) == written
