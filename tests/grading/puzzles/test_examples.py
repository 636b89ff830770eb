"""The worked examples of SynLogic's specification, and its traps."""

from __future__ import annotations

from typing import Any

import pytest

from gnomon.grading.grade import strict
from gnomon.grading.released import released
from gnomon.records import Answer


def puzzle(family: str, gold: str = "", **facts: Any) -> Answer:
    return Answer("puzzle", {"family": family, "facts": facts, "gold": gold})


SUM = puzzle("cryptarithm", "12 + 9 = 21")
WEIGHTS = {"row_sums": [1, 4], "col_sums": [3, 0, 2], "n": 2, "m": 3}
WALL = puzzle("number_wall", grid=[[2, "X", "X"], ["X"] * 3, ["X", "X", 2]], n=3)
SURVO = puzzle(
    "survo", original_matrix=[[2, 0, 5], [0, 4, 8], [6, 7, 13]], candidate_numbers=[3, 4], n=3
)
PATH = puzzle("math_path", ref_expr="1 + 5 = 6", query_expr="? + 5 = ?")
FOUR = puzzle("game_of_24", numbers=[1, 2, 3, 4], operators=["+", "-", "*", "/"], result=24)
NUMBRIX = puzzle("numbrix", grid=[["X", "X"], ["X", 2]])
LIES = puzzle("web_of_lies", "yes, no")


@pytest.mark.parametrize(
    ("answer", "text", "right"),
    [
        (SUM, "so 12+9=21", True),
        (SUM, "9+12=21", False),
        (puzzle("kukurasu", **WEIGHTS), '[["1","X","X"],["1","X","1"]]', True),
        (puzzle("kukurasu", **WEIGHTS | {"row_sums": [1, 5]}), '[["1","X","X"],["1","X","1"]]',
         False),
        (WALL, '[[2,"A","A"],["X","A","X"],["A","A",2]]', True),
        (SURVO, "[[2,3,5],[4,4,8],[6,7,13]]", True),
        (PATH, "[[ 3 + 5 = 8 ]]", True),
        (FOUR, "```python\n1*2*3*4\n```", True),
        (FOUR, "```python\n1+2+3+4\n```", False),
        (NUMBRIX, "[[4,3],[1,2]]", True),
        (LIES, "**no, no**", False),
        (LIES, "**yes, no**", True),
    ],
)  # fmt: skip
def test_the_worked_examples_come_out(answer: Answer, text: str, right: bool) -> None:
    assert strict(text, answer).correct is right
    wrong_as_released = answer is FOUR
    assert released(text, answer, system="synlogic").correct is (right or wrong_as_released)


def test_the_givens_of_a_futoshiki_come_from_its_facts_and_not_from_english_lines() -> None:
    given = puzzle("futoshiki", "[[1, 2], [2, 1]]", grid_size=2, prefilled_coords=[[0, 0]],
                   constraints=[])  # fmt: skip
    valued = puzzle("futoshiki", grid_size=2, prefilled_coords=[[0, 0, 1]], constraints=[])
    for answer in (given, valued):
        assert strict("[[1 2,2 1]]", answer).correct
        assert strict("[[2 1,1 2]]", answer).reason == "row 1, column 1 was given as 1"


def test_givens_without_a_gold_grid_to_read_them_from_are_refused() -> None:
    answer = puzzle("futoshiki", "", grid_size=2, prefilled_coords=[[0, 0]], constraints=[])
    assert "have their values there" in strict("[[1 2,2 1]]", answer).reason


def test_cells_outside_of_the_board_are_refused() -> None:
    beyond = puzzle(
        "futoshiki", grid_size=2, prefilled_coords=[], constraints=[[[0, 0], [0, 2], "<"]]
    )
    assert "outside of 2 by 2" in strict("[[1 2,2 1]]", beyond).reason
    cage = {"cells": ["(0,1)"], "operator": "+", "target": 1}
    answer = puzzle("calcudoko", grid_size=2, regions=[cage])
    assert "(0, 1) lies outside" in strict("[[1 2,2 1]]", answer).reason


def test_short_rows_of_a_calcudoko_are_not_filled_up_with_ones() -> None:
    answer = puzzle("calcudoko", grid_size=2, regions=[])
    assert not strict("[[1 2,2]]", answer).correct
    assert released("[[1 2,2]]", answer, system="synlogic").correct


@pytest.mark.parametrize(
    ("operator", "target", "right"),
    [("-", 1, True), ("-", -1, True), ("÷", 2, True), ("/", 2, True), ("÷", 1, False),
     ("+", 3, True), ("*", 2, True), ("×", 2, True), ("+", 4, False)],
)  # fmt: skip
def test_minus_and_division_hold_in_either_order(operator: str, target: int, right: bool) -> None:
    for cells in (["(1,1)", "(1,2)"], [[1, 2], [1, 1]]):
        cage = {"cells": cells, "operator": operator, "target": target}
        answer = puzzle("calcudoko", grid_size=2, regions=[cage])
        assert strict("[[1 2,2 1]]", answer).correct is right


def test_the_first_match_counts_in_campsite_kukurasu_and_skyscraper_and_else_the_last() -> None:
    good, bad = '[["1","X","X"],["1","X","1"]]', '[["X","X","X"],["1","X","1"]]'
    kukurasu = puzzle("kukurasu", **WEIGHTS)
    assert strict(good + bad, kukurasu).correct
    assert not strict(bad + good, kukurasu).correct
    tower = puzzle("skyscraper_puzzle", n=1, top=[1], bottom=[1], left=[1], right=[1])
    assert strict("```python\n[[1]]\n```\n```python\n[[2]]\n```", tower).correct
    tents = puzzle(
        "campsite", grid=[["T", "X"]], row_constraints=[1], col_constraints=[0, 1], n=1, m=2
    )
    assert strict('[["T","C"]] [["T","X"]]', tents).correct
    assert strict("[[1,2],[3,4]] [[4,3],[1,2]]", NUMBRIX).correct
    assert strict("[[3 + 5 = 9]] [[3 + 5 = 8]]", PATH).correct


def test_every_region_of_a_norinori_needs_two_also_one_without_any() -> None:
    answer = puzzle("norinori", region_grid=[["A", "A"], ["B", "B"]])
    assert not strict("[(1,1),(1,2)]", answer).correct
    assert released("[(1,1),(1,2)]", answer, system="synlogic").correct


def test_a_number_wall_takes_no_number_that_was_not_given() -> None:
    answer = puzzle("number_wall", grid=[["X"] * 2] * 2, n=2)
    invented = '[[1, "A"], ["A", "A"]]'
    assert strict(invented, answer).reason == "row 1, column 1 was given as X"
    assert not released(invented.replace("1", '"X"'), answer, system="synlogic").correct
    assert released(invented, answer, system="synlogic").correct


def test_an_arrow_maze_takes_no_number_that_was_not_given() -> None:
    """A "0" of its own has no rays, so that a maze could be filled without any arrow."""
    answer = puzzle("arrow_maze", maze=[["X", "X"], ["X", "X"]])
    zeros = '[["0", "0"], ["0", "0"]]'
    assert strict(zeros, answer).reason == "row 1, column 1 holds no arrow"
    assert released(zeros, answer, system="synlogic").correct


def test_a_word_of_a_crossword_stands_in_cells_of_one_letter_without_a_gap() -> None:
    layout = [["X", "0", "X"], ["X", "X", "X"]]
    answer = puzzle("wordscapes", grid=layout, across_words=["CA"], down_words=[])
    for cheat in ('[["C","0","A"],["T","T","T"]]', '[["CA","0","T"],["T","T","T"]]'):
        assert not strict(cheat, answer).correct
        assert released(cheat, answer, system="synlogic").correct
    assert strict('[["C"," ","T"],["T","C","A"]]', answer).correct


def test_hidden_digits_of_a_path_do_not_move_to_another_number() -> None:
    answer = puzzle("math_path", ref_expr="", query_expr="1? + ? = 16")
    assert strict("[[13 + 3 = 16]]", answer).correct
    assert not strict("[[1 + 15 = 16]]", answer).correct
    assert released("[[1 + 15 = 16]]", answer, system="synlogic").correct


@pytest.mark.parametrize(
    ("query", "given", "right"),
    [
        ("? / ? = ? / ?", "1 / 3 = 2 / 6", True),
        ("? / ? * ? = ?", "1 / 3 * 3 = 1", True),
        ("0 - ? % ? = ?", "0 - 7 % 4 = 3", False),
        ("?? + ? = ??", "05 + 5 = 10", False),
        ("? / ? = ?", "1 / 0 = 0", False),
        ("? - ? = 0 - ?", "3 - 5 = 0 - 2", True),
    ],
)
def test_both_sides_of_a_path_are_exact(query: str, given: str, right: bool) -> None:
    assert (
        strict(f"[[{given}]]", puzzle("math_path", ref_expr="", query_expr=query)).correct is right
    )


def test_the_same_star_twice_counts_once_and_names_do_not_count() -> None:
    answer = puzzle("star_placement_puzzle", n=1, k=1, region_grid=[["A"]])
    assert strict('```python\n{"Z": [(1, 1), (1, 1)]}\n```', answer).correct


def test_no_errors_and_an_empty_gold_text_are_told_in_words() -> None:
    none = puzzle("dyck_language_reasoning_errors", error_indices=[])
    for text in ("no", "No errors.", "all correct", "无问题"):
        assert strict(text, none).correct
    assert not strict("1", none).correct
    mistake = puzzle("word_sorting_mistake", "")
    assert strict(r"\boxed{no}", mistake).correct
    assert not strict(r"\boxed{1}", mistake).correct


def test_a_position_past_the_end_tells_an_unclosed_sequence() -> None:
    answer = puzzle("dyck_language_errors", is_valid=False, first_error_pos=11)
    assert strict("11", answer).correct
    assert (
        "position from 1"
        in strict("0", puzzle("dyck_language_errors", is_valid=False, first_error_pos=0)).reason
    )


@pytest.mark.parametrize("owned", ["(('Ann','Cup'),)", {"Ann": "Cup"}, [["Ann", "Cup"]]])
def test_owners_may_be_a_text_a_mapping_or_pairs(owned: Any) -> None:
    answer = puzzle("goods_exchange", owns_after=owned)
    assert strict("```python\n(('ann', 'CUP'),)\n```", answer).correct
    assert strict("```python\n(('ann', 'CUP'))\n```", answer).correct


def test_boards_of_another_size_than_their_facts_say_are_refused() -> None:
    for answer in (
        puzzle("number_wall", grid=[["X"]], n=2),
        puzzle("survo", original_matrix=[[1]], candidate_numbers=[], n=2),
        puzzle("star_placement_puzzle", n=2, k=1, region_grid=[["A"]]),
        puzzle("kukurasu", row_sums=[1], col_sums=[1], n=2, m=1),
        puzzle("campsite", grid=[["T"]], row_constraints=[1], col_constraints=[1, 0], n=1, m=2),
        puzzle("skyscraper_puzzle", n=2, top=[1], bottom=[1], left=[1], right=[1]),
    ):
        assert strict("?", answer).outcome.value == "unparseable reference"
