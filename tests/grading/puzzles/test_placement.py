from __future__ import annotations

import json
from itertools import combinations, permutations, product

import pytest

from gnomon.grading.puzzles.families import check_puzzle
from gnomon.records import Outcome


def right(family: str, text: str, **facts: object) -> bool:
    value = {"family": family, "facts": facts, "gold": ""}
    return check_puzzle(text, value)[0] is Outcome.CORRECT


def test_exactly_the_boards_with_both_sums_solve_a_kukurasu() -> None:
    facts = {"row_sums": [3, 3, 3], "col_sums": [3, 3, 3], "n": 3, "m": 3}
    found = 0
    for cells in product("1X", repeat=9):
        rows = [cells[place : place + 3] for place in (0, 3, 6)]
        across = [sum(p for p, cell in enumerate(row, 1) if cell == "1") for row in rows]
        down = [
            sum(p for p, cell in enumerate(line, 1) if cell == "1")
            for line in zip(*rows, strict=True)
        ]
        wanted = across == down == [3, 3, 3]
        found += wanted
        if wanted or cells.count("1") == 5:
            assert right("kukurasu", json.dumps(rows), **facts) is wanted
    assert found >= 2


def test_exactly_two_of_twenty_four_orders_place_the_stars() -> None:
    facts = {"n": 4, "k": 1, "region_grid": [list("AABB")] * 2 + [list("CCDD")] * 2}
    found = [
        order
        for order in permutations(range(1, 5))
        if right("star_placement_puzzle", str({"A": list(enumerate(order, 1))}), **facts)
    ]
    assert found == [(2, 4, 1, 3), (3, 1, 4, 2)]


def test_every_pair_of_dominoes_is_judged_as_the_rules_say() -> None:
    """Two regions of a row of five by two: one domino each, that do not share an edge."""
    grid = [["A", "A", "A", "B", "B"], ["A", "A", "A", "B", "B"], *[["C"] * 5] * 3]
    cells = [(r, c) for r in range(2) for c in range(5)]
    dominoes = [
        (one, other)
        for one, other in combinations(cells, 2)
        if abs(one[0] - other[0]) + abs(one[1] - other[1]) == 1
    ]
    last = ((4, 0), (4, 1))
    for first, second in combinations(dominoes, 2):
        covered = [*first, *second]
        near = any(abs(a[0] - b[0]) + abs(a[1] - b[1]) <= 1 for a in first for b in second)
        halves = sum(c < 3 for _, c in covered) == 2
        text = str([[(r + 1, c + 1) for r, c in domino] for domino in (first, second, last)])
        assert right("norinori", text, region_grid=grid) is (not near and halves)


def test_a_domino_may_lie_across_two_regions() -> None:
    grid = [list("AAA"), list("BBB"), list("BBB")]
    assert right("norinori", "[(1,1),(2,1)] and [(1,3),(2,3)]", region_grid=grid)
    assert not right("norinori", "[(1,1),(2,1)]", region_grid=grid)


@pytest.mark.parametrize(
    ("answer", "fine"),
    [
        ([["T", "C", "X"], ["C", "T", "X"]], False),  # they touch
        ([["T", "C", "X"], ["X", "T", "C"]], False),
        ([["C", "T", "X"], ["X", "T", "C"]], True),
        ([["C", "T", "C"], ["X", "T", "X"]], False),  # one tree has no tent
        ([["C", "T", "X"], ["X", "X", "X"]], True),
        ([["C", "T", "C"], ["X", "X", "X"]], False),
    ],
)
def test_tents_pair_up_with_trees_and_do_not_touch(answer: list[list[str]], fine: bool) -> None:
    camp = [["T" if cell == "T" else "X" for cell in row] for row in answer]
    facts = {
        "grid": camp,
        "row_constraints": [row.count("C") for row in answer],
        "col_constraints": [column.count("C") for column in zip(*answer, strict=True)],
        "n": 2,
        "m": 3,
    }
    assert right("campsite", json.dumps(answer), **facts) is fine


def test_a_tent_far_from_every_tree_has_no_tree() -> None:
    camp = [["T", "X", "X", "X"]]
    facts = {"grid": camp, "row_constraints": [1], "col_constraints": [0, 0, 0, 1], "n": 1, "m": 4}
    assert not right("campsite", '[["T","X","X","C"]]', **facts)
    facts["col_constraints"] = [0, 1, 0, 0]
    assert right("campsite", '[["T","C","X","X"]]', **facts)


def test_a_board_without_mines_is_told_by_an_empty_list() -> None:
    assert right("minesweeper", "[]", current_mines=[])
    assert not right("minesweeper", "none", current_mines=[])
    assert not right("minesweeper", "[(0, 0)]", current_mines=[])
