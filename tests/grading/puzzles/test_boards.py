from __future__ import annotations

from itertools import permutations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.grading.puzzles.boards import STRAIGHT, around, groups, is_line, pair_up, touching

BOARD = list(product(range(4), range(4)))
some_cells = st.sets(st.sampled_from(BOARD), max_size=5)


@settings(max_examples=60)
@given(some_cells, some_cells)
def test_a_pairing_is_found_exactly_when_some_order_of_one_side_fits(
    ones: set[tuple[int, int]], others: set[tuple[int, int]]
) -> None:
    others -= ones
    fits = len(ones) == len(others) and any(
        all(other in around(one, STRAIGHT) for one, other in zip(sorted(ones), order, strict=True))
        for order in permutations(others)
    )
    assert pair_up(sorted(ones), others) is fits


@given(st.sets(st.sampled_from(BOARD)))
def test_groups_are_connected_and_apart(cells: set[tuple[int, int]]) -> None:
    found = groups(cells)
    assert sorted(cell for group in found for cell in group) == sorted(cells)
    owner = {cell: place for place, group in enumerate(found) for cell in group}
    for cell in cells:
        assert {owner.get(near, owner[cell]) for near in around(cell, STRAIGHT)} == {owner[cell]}


def test_a_long_snake_pairs_up_and_is_one_group_and_one_line() -> None:
    rows = [[(r, c) for c in range(20)][:: 1 if r % 2 == 0 else -1] for r in range(20)]
    snake = [cell for row in rows for cell in row]
    assert is_line(snake)
    assert len(groups(snake)) == 1
    assert pair_up(snake[1::2], set(snake[0::2]))


def test_marks_touch_also_diagonally() -> None:
    assert touching([(0, 0), (2, 2)]) is None
    assert touching([(0, 0), (1, 1)]) == ((0, 0), (1, 1))
