"""Puzzles on grids: what each generator promises."""

from __future__ import annotations

import json
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.worlds.logic.board import ARROWS
from gnomon.worlds.logic.crossword import draw_wordscapes
from gnomon.worlds.logic.family import Puzzle, fence_of, lines, listed, spaced
from gnomon.worlds.logic.latin import (
    draw_calcudoko,
    draw_futoshiki,
    draw_skyscraper,
    draw_sudoku,
    is_latin,
    latin_square,
    read_spaced,
    visible,
)
from gnomon.worlds.logic.lexicon import WORDS
from gnomon.worlds.logic.markers import draw_campsite, draw_minesweeper
from gnomon.worlds.logic.paths import draw_arrow_maze, draw_numbrix, through_all
from gnomon.worlds.logic.regions import (
    beside,
    draw_norinori,
    draw_star_placement_puzzle,
    grown,
    paired,
)
from gnomon.worlds.logic.search import completions
from gnomon.worlds.logic.sums import draw_kukurasu, draw_survo
from gnomon.worlds.logic.walls import draw_number_wall

seeds = st.integers(0, 10_000)


def several(draw: object, count: int = 20, **settings: object) -> list[Puzzle]:
    return [draw(np.random.default_rng(seed), **settings) for seed in range(count)]  # type: ignore[operator]


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(2, 9))
def test_a_latin_square_has_every_digit_once_in_each_line(seed: int, n: int) -> None:
    assert is_latin(latin_square(np.random.default_rng(seed), n), n)


def test_a_repeated_digit_is_no_latin_square() -> None:
    assert not is_latin([[1, 2], [1, 2]], 2)
    assert not is_latin([[1, 2], [2]], 2)


def test_spaced_grids_are_read_as_they_are_written() -> None:
    square = latin_square(np.random.default_rng(0), 5)
    assert read_spaced(spaced(square)) == square


@pytest.mark.parametrize("kept", [17, 25, 40, 81])
def test_a_sudoku_keeps_the_cells_it_was_asked_for(kept: int) -> None:
    puzzle = draw_sudoku(np.random.default_rng(0), kept=kept)
    assert sum(cell != "X" for row in puzzle.facts["original_sudoku"] for cell in row) == kept
    assert puzzle.work == 81 - kept


@pytest.mark.parametrize("seed", range(3))
def test_a_unique_sudoku_has_one_solution(seed: int) -> None:
    puzzle = draw_sudoku(np.random.default_rng(seed), kept=34, unique=True)
    grid = [[0 if c == "X" else c for c in row] for row in puzzle.facts["original_sudoku"]]
    (solution,) = completions(grid, 2)
    assert str(tuple(map(tuple, solution))) == puzzle.gold


def test_an_empty_sudoku_has_as_many_completions_as_are_asked_for() -> None:
    empty = [[0] * 9 for _ in range(9)]
    found = completions(empty, 3)
    assert len(found) == 3
    assert all(is_latin(grid, 9) for grid in found)


def test_a_futoshiki_tells_as_many_cells_and_signs_as_asked_for() -> None:
    for puzzle in several(draw_futoshiki, n=5, inequalities=10, given=5):
        assert len(puzzle.facts["prefilled_coords"]) == 5
        assert len(puzzle.facts["constraints"]) == 10


def test_signs_of_a_futoshiki_stand_between_neighbours() -> None:
    for puzzle in several(draw_futoshiki, n=4, inequalities=6, given=2):
        for (r, c), (x, y), _ in puzzle.facts["constraints"]:
            assert abs(r - x) + abs(c - y) == 1


def test_regions_of_a_calcudoko_have_four_cells_at_most_and_cover_the_grid() -> None:
    for puzzle in several(draw_calcudoko, grid=6):
        sizes = [len(region["cells"]) for region in puzzle.facts["regions"]]
        assert max(sizes) <= 4 and sum(sizes) == 36


def test_differences_and_quotients_are_regions_of_two_cells() -> None:
    operators: dict[int, set[str]] = {}
    for puzzle in several(draw_calcudoko, grid=6):
        for region in puzzle.facts["regions"]:
            operators.setdefault(len(region["cells"]), set()).add(region["operator"])
    assert operators == {1: {"+"}, 2: {"-", "÷"}, 3: {"+", "*"}, 4: {"+", "*"}}


def test_cells_of_a_calcudoko_count_from_1() -> None:
    (puzzle,) = several(draw_calcudoko, 1, grid=4)
    cells = {cell for region in puzzle.facts["regions"] for cell in region["cells"]}
    assert cells == {f"({r},{c})" for r in range(1, 5) for c in range(1, 5)}


@pytest.mark.parametrize("heights, seen", [((1, 2, 3), 3), ((3, 2, 1), 1), ((2, 1, 3), 2)])
def test_a_higher_building_hides_those_behind_it(heights: tuple[int, ...], seen: int) -> None:
    assert visible(heights) == seen


def test_the_tallest_building_is_seen_from_both_ends() -> None:
    for puzzle in several(draw_skyscraper, n=4):
        for one, other in (("left", "right"), ("top", "bottom")):
            pairs = zip(puzzle.facts[one], puzzle.facts[other], strict=True)
            assert all(3 <= a + b <= 5 for a, b in pairs)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(2, 9))
def test_a_path_visits_every_cell_once_by_single_steps(seed: int, n: int) -> None:
    path = through_all(np.random.default_rng(seed), n)
    assert sorted(path) == [(r, c) for r in range(n) for c in range(n)]
    assert all(abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1 for a, b in pairwise(path))


def test_paths_leave_the_snake_they_begin_with() -> None:
    ends = {through_all(np.random.default_rng(seed), 6)[0] for seed in range(40)}
    assert len(ends) > 10


@pytest.mark.parametrize("rate", [0.3, 0.4])
def test_a_numbrix_shows_its_share_of_cells(rate: float) -> None:
    (puzzle,) = several(draw_numbrix, 1, n=10, fill_rate=rate)
    shown = sum(cell != "X" for row in puzzle.facts["grid"] for cell in row)
    assert shown == round(100 * rate)


def test_an_arrow_maze_hides_arrows_and_never_numbers() -> None:
    for puzzle in several(draw_arrow_maze, fill_rate=0.3):
        solved = json.loads(puzzle.gold)
        for given_row, row in zip(puzzle.facts["maze"], solved, strict=True):
            for given_cell, cell in zip(given_row, row, strict=True):
                assert given_cell == cell or (given_cell == "X" and cell in ARROWS)


def test_an_arrow_maze_hides_at_least_one_arrow() -> None:
    for puzzle in several(draw_arrow_maze, fill_rate=1.0):
        assert sum(row.count("X") for row in puzzle.facts["maze"]) == 1


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(2, 8))
def test_regions_grow_over_every_cell_and_hang_together(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    owner = grown(rng, n, [(0, 0), (n - 1, n - 1)])
    assert len(owner) == n * n
    for cell, area in owner.items():
        seed_cell = (0, 0) if area == 0 else (n - 1, n - 1)
        assert cell == seed_cell or any(owner[near] == area for near in beside(cell, n))


def test_areas_are_paired_with_areas_they_touch() -> None:
    owner = {(0, 0): 0, (0, 1): 1, (0, 2): 2, (0, 3): 3}
    pair = paired(np.random.default_rng(0), owner, 4, 4)
    assert pair is not None
    assert pair[0] == pair[1] != pair[2] == pair[3]


def test_areas_that_touch_nothing_cannot_be_paired() -> None:
    assert paired(np.random.default_rng(0), {(0, 0): 0, (2, 2): 1}, 2, 3) is None


@pytest.mark.parametrize("n, k", [(4, 1), (8, 1), (9, 2), (10, 2)])
def test_star_maps_have_as_many_regions_as_rows(n: int, k: int) -> None:
    for puzzle in several(draw_star_placement_puzzle, 4, n=n, k=k):
        names = {name for row in puzzle.facts["region_grid"] for name in row}
        assert len(names) == n
        assert sum(map(len, _stars(puzzle).values())) == n * k


def _stars(puzzle: Puzzle) -> dict[str, list[list[int]]]:
    text = fence_of(puzzle.answer).replace("'", '"').replace("(", "[").replace(")", "]")
    stars: dict[str, list[list[int]]] = json.loads(text)
    return stars


def test_stars_are_listed_in_the_region_they_stand_in() -> None:
    for puzzle in several(draw_star_placement_puzzle, 5, n=6):
        grid = puzzle.facts["region_grid"]
        for name, cells in _stars(puzzle).items():
            assert all(grid[row - 1][column - 1] == name for row, column in cells)


@pytest.mark.parametrize("regions", [3, 4, 5])
def test_a_norinori_has_its_regions_and_a_tenth_of_shadows(regions: int) -> None:
    for puzzle in several(draw_norinori, 8, regions=regions):
        cells = [cell for row in puzzle.facts["region_grid"] for cell in row]
        assert len(set(cells) - {"X"}) == regions
        assert cells.count("X") == 2
        assert all(cells.count(name) >= 2 for name in set(cells))


@pytest.mark.parametrize("rate, count", [(0.15, 4), (0.25, 6)])
def test_a_number_wall_has_its_share_of_numbers(rate: float, count: int) -> None:
    for puzzle in several(draw_number_wall, 5, n=5, number_rate=rate):
        cells = [cell for row in puzzle.facts["grid"] for cell in row]
        assert sum(cell != "X" for cell in cells) == count


def test_numbers_of_a_wall_sum_up_to_the_land() -> None:
    for puzzle in several(draw_number_wall, 8, n=4, number_rate=0.2):
        given_cells = [cell for row in puzzle.facts["grid"] for cell in row if cell != "X"]
        land = [cell for row in json.loads(puzzle.gold) for cell in row if cell != "A"]
        assert sum(given_cells) == len(land)


@pytest.mark.parametrize("density", [0.01, 0.2, 0.9])
def test_the_density_of_trees_is_clipped(density: float) -> None:
    for puzzle in several(draw_campsite, 8, n=5, m=5, tree_density=density):
        trees = sum(row.count("T") for row in puzzle.facts["grid"])
        assert 1 <= trees <= 10
        assert sum(puzzle.facts["row_constraints"]) == trees
        assert density != 0.01 or trees == 2


def test_mines_are_asked_for_in_the_order_of_rows() -> None:
    for puzzle in several(draw_minesweeper, n=8, mine_den=0.35, reveal=0.35):
        mines = puzzle.facts["current_mines"]
        assert mines and mines == sorted(mines)


def test_a_minefield_shows_its_share_of_cells() -> None:
    (puzzle,) = several(draw_minesweeper, 1, n=10, mine_den=0.3, reveal=0.4)
    assert sum(cell != "X" for row in puzzle.more["grid"] for cell in row) == 40


def test_every_mine_follows_from_one_number() -> None:
    for puzzle in several(draw_minesweeper, n=6, mine_den=0.3, reveal=0.4):
        grid = puzzle.more["grid"]
        cells = [(r, c) for r in range(6) for c in range(6)]
        for row, column in puzzle.facts["current_mines"]:
            proofs = 0
            for r, c in cells:
                near = [p for p in cells if p != (r, c) and max(abs(p[0] - r), abs(p[1] - c)) == 1]
                hidden = [p for p in near if grid[p[0]][p[1]] == "X"]
                proofs += grid[r][c] == str(len(hidden)) and (row, column) in hidden
            assert proofs


def test_survo_values_are_digits_and_candidates_the_hidden_ones() -> None:
    for puzzle in several(draw_survo, n=5, hidden=6):
        matrix = puzzle.facts["original_matrix"]
        assert len(puzzle.facts["candidate_numbers"]) == 6
        assert all(0 <= cell <= 9 for row in matrix[:-1] for cell in row[:-1])
        assert all(cell > 0 for cell in matrix[-1])


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(2, 7), st.floats(0.15, 0.5))
def test_no_sum_of_a_kukurasu_is_zero_and_both_totals_are_equal(
    seed: int, n: int, ones: float
) -> None:
    facts = draw_kukurasu(np.random.default_rng(seed), n=n, ones=ones).facts
    assert min(*facts["row_sums"], *facts["col_sums"]) > 0
    assert sum(facts["row_sums"]) == sum(facts["col_sums"])


def test_a_crossword_has_its_words_and_crossings() -> None:
    for puzzle in several(draw_wordscapes, 10, size=4, words=5, intersections=3):
        facts = puzzle.facts
        words = facts["across_words"] + facts["down_words"]
        assert len(set(words)) == 5
        letters = sum(row.count("X") for row in facts["grid"])
        assert sum(map(len, words)) - letters >= 3


def test_words_of_a_crossword_are_words() -> None:
    for puzzle in several(draw_wordscapes, 5, size=4, words=4, intersections=2):
        assert {*puzzle.facts["across_words"], *puzzle.facts["down_words"]} <= set(WORDS)


def test_the_lexicon_has_no_word_twice() -> None:
    assert len(set(WORDS)) == len(WORDS)
    assert {len(word) for word in WORDS} == {3, 4}


def test_grids_are_written_by_rows() -> None:
    assert lines([[1, "X"], [2, 3]]) == "1 X\n2 3"
    assert listed([[1, "X"]]) == '[[1, "X"]]'


def test_tents_of_a_camp_do_not_touch() -> None:
    for puzzle in several(draw_campsite, n=5, m=5, tree_density=0.3):
        grid = json.loads(puzzle.gold)
        tents = [(r, c) for r in range(5) for c in range(5) if grid[r][c] == "C"]
        assert all(max(abs(a - x), abs(b - y)) > 1 for (a, b), (x, y) in combinations(tents, 2))
