from __future__ import annotations

import json
from itertools import permutations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.grading.puzzles.families import check_puzzle
from gnomon.grading.puzzles.filling import ARROWS
from gnomon.records import Outcome


def right(family: str, text: str, **facts: object) -> bool:
    value = {"family": family, "facts": facts, "gold": ""}
    return check_puzzle(text, value)[0] is Outcome.CORRECT


def test_exactly_eight_paths_fill_two_by_two_cells() -> None:
    empty = [["X", "X"], ["X", "X"]]
    found = [
        order
        for order in permutations(range(1, 5))
        if right("numbrix", str([list(order[:2]), list(order[2:])]), grid=empty)
    ]
    assert len(found) == 8
    assert all(
        sorted(
            (
                abs(order.index(n) // 2 - order.index(n + 1) // 2),
                abs(order.index(n) % 2 - order.index(n + 1) % 2),
            )
        )
        == [0, 1]
        for order in found
        for n in (1, 2, 3)
    )


def test_exactly_the_walls_of_the_rules_surround_an_island_of_two() -> None:
    grid = [[2, "X"], ["X", "X"]]
    found = [
        cells
        for cells in product("XA", repeat=3)
        if right("number_wall", json.dumps([[2, cells[0]], list(cells[1:])]), grid=grid, n=2)
    ]
    assert found == [("X", "A", "A"), ("A", "X", "A")]


def test_a_maze_of_one_ray_has_one_solution() -> None:
    maze = [["2", "X", "X"]]
    found = [
        pair
        for pair in product(ARROWS, repeat=2)
        if right("arrow_maze", json.dumps([["2", *pair]], ensure_ascii=False), maze=maze)
    ]
    assert found == [("→", "→")]


def test_every_direction_is_a_ray_and_a_broken_one_ends() -> None:
    star = [["↖", "↑", "↗"], ["←", "8", "→"], ["↙", "↓", "↘"]]
    empty = [["X", "X", "X"], ["X", "8", "X"], ["X", "X", "X"]]
    assert right("arrow_maze", json.dumps(star), maze=empty)
    assert right("arrow_maze", json.dumps(star), maze=[["X", "X", "X"], ["X", 8, "→"], ["X"] * 3])
    broken = [["3", "→", "↑", "→"]]
    assert not right("arrow_maze", json.dumps(broken), maze=[["3", "X", "X", "X"]])


@settings(max_examples=40)
@given(st.lists(st.integers(1, 9), min_size=9, max_size=9), st.integers(0, 15), st.integers(1, 3))
def test_a_survo_with_one_changed_cell_is_wrong(cells: list[int], place: int, more: int) -> None:
    inner = [cells[start : start + 3] for start in (0, 3, 6)]
    rows = [[*row, sum(row)] for row in inner]
    matrix = [*rows, [sum(column) for column in zip(*rows, strict=True)]]
    hidden = [*([0, *row[1:]] for row in matrix[:3]), list(matrix[3])]
    facts = {
        "original_matrix": hidden,
        "candidate_numbers": [row[0] for row in inner],
        "n": 4,
    }
    assert right("survo", str(matrix), **facts)
    matrix[place // 4][place % 4] += more
    assert not right("survo", str(matrix), **facts)


def test_a_crossword_is_read_across_and_down_in_any_case() -> None:
    facts = {
        "grid": [["X", "X", "X"], ["0", "X", "0"], ["0", "X", "0"]],
        "across_words": ["Cat"],
        "down_words": ["ACE", ""],
    }
    assert right("wordscapes", '[["c","A","t"],["0","c","0"],["0","E","0"]]', **facts)
    assert not right("wordscapes", '[["c","A","t"],["0","e","0"],["0","C","0"]]', **facts)
    assert not right("wordscapes", '[["t","A","c"],["0","c","0"],["0","E","0"]]', **facts)
