from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.records import Sample
from gnomon.rewards.puzzles import (
    adjacent_share,
    call_sequence,
    exact_answer,
    forward_table,
    grid_share,
    jigsaw,
    jigsaw_format,
    near_number,
    read_calls,
    read_grid,
    read_shape,
    sequence_credit,
    tolerant_number,
)

BARE = Sample("s", ())


def puzzle(kind: str, solution: Any, **meta: Any) -> Sample:
    return Sample("s", (), meta={"answer_type": kind, "solution": solution, "m": 2, "n": 2, **meta})


@pytest.mark.parametrize("text", ["4 2 1 3", "4 2\n1 3", "4,2;1,3", "`4 2 1 3`"])
def test_the_worked_grid_parses_however_it_is_written(text: str) -> None:
    assert read_grid(text, 4) == [4, 2, 1, 3]
    assert jigsaw(f"<answer>{text}</answer>", puzzle("grid", [4, 1, 2, 3])) == 0.5


@pytest.mark.parametrize(
    "text", ["", "4 2 1", "4 2 1 3 3", "4 2 1 5", "0 1 2 3", "a b c d", "-1 2 3 4"]
)
def test_a_grid_that_does_not_fit_scores_zero(text: str) -> None:
    assert jigsaw(f"<answer>{text}</answer>", puzzle("grid", [4, 1, 2, 3])) == 0.0


@pytest.mark.parametrize(
    ("said", "value"), [([1, 2, 4, 3], 0.25), ([1, 2, 1, 2], 0.5), ([1, 2, 3, 4], 1.0)]
)
def test_the_worked_adjacencies(said: list[int], value: float) -> None:
    assert adjacent_share(said, [1, 2, 3, 4], 2, 2) == value
    text = " ".join(map(str, said))
    assert jigsaw(text, puzzle("grid", [1, 2, 3, 4]), adjacency=True) == value


def test_adjacency_of_one_cell_or_another_length() -> None:
    assert adjacent_share([1], [1], 1, 1) == 1.0
    assert adjacent_share([1], [1, 2], 1, 2) == adjacent_share(None, [1], 1, 1) == 0.0
    assert grid_share(None, [1]) == 0.0


@given(st.permutations(range(1, 7)))
def test_turning_a_table_twice_gives_it_back(table: list[int]) -> None:
    assert forward_table(forward_table(table)) == list(table)


def test_a_backward_table_is_turned_before_neighbours_are_counted() -> None:
    # Three patches: home 1 is now at position 2, home 2 at 3, home 3 at 1.
    assert forward_table([2, 3, 1]) == [3, 1, 2]
    sample = puzzle("grid", [2, 3, 1], m=1, n=3, forward=False)
    assert jigsaw("2 3 1", sample, adjacency=True) == 1.0
    assert jigsaw("1 1 1", sample, adjacency=True) == 0.0


def test_the_last_capital_is_the_letter() -> None:
    assert read_shape("(C) 2 is Left", "letter") == "L"
    assert jigsaw("(C) 2 is Left", puzzle("letter", "L")) == 1.0
    assert jigsaw_format("(C) 2 is Left", puzzle("letter", "L"), think=False) == 0.0
    assert jigsaw("<answer>3 or 4</answer>", puzzle("digit", "3")) == 1.0


def test_a_box_is_scaled_without_changing_the_record() -> None:
    sample = puzzle("box", [0.0, 0.0, 0.5, 0.5], width=100, height=200)
    for _ in range(3):
        assert jigsaw("<answer>[0, 0, 50, 100]</answer>", sample) == 1.0
    assert jigsaw("<answer>[49, 0, 99, 100]</answer>", sample) == 0.0
    assert jigsaw("<answer>none</answer>", sample) == 0.0


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("<think>x</think><answer>B, above</answer>", "letter", 1.0),
        ("<think>x</think>\n<answer>1 2 3 4</answer>", "grid", 1.0),
        ("<think>x</think><answer>1 1 1 1</answer>", "grid", 1.0),
        ("<think>x</think><answer>1 2 3</answer>", "grid", 0.0),
        ("<think>x</think><answer>b</answer>", "letter", 0.0),
        ("<think>x</think><answer>1,2, 3, 4</answer>", "box", 1.0),
        ("<answer>B</answer>", "letter", 0.0),
        ("<think>x</think><answer>B</answer>\n", "letter", 0.0),
    ],
)
def test_the_format_wants_layout_and_shape(text: str, kind: str, value: float) -> None:
    assert jigsaw_format(text, puzzle(kind, "")) == value


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [("B", "letter", 1.0), ("B\n", "letter", 0.0), ("12", "digit", 1.0), ("1 2 3 4", "grid", 1.0)],
)
def test_the_direct_format_wants_the_bare_value(text: str, kind: str, value: float) -> None:
    assert jigsaw_format(text, puzzle(kind, ""), think=False) == value


GOLD = "change_shape(2,'sphere') change_size(2,'small')"


@pytest.mark.parametrize(
    ("said", "full", "graded", "penalty"),
    [
        ("change_shape(2,'sphere') change_size(2,'large') change_color(0,'cyan')",
         1 / 3, 0.5, 0.25),
        ("change_size(2,'small')", 0.5, 0.5, 0.5),
        ("change_shape(1,'sphere') change_size(2,'small')", 0.5, 0.75, 0.375),
        ("change_size(2,'small') change_size(2,'small') change_shape(2,'sphere')",
         2 / 3, 2 / 3, 2 / 3),
        ("none", 0.0, 0.0, 0.0),
    ],
)  # fmt: skip
def test_the_worked_sequences(said: str, full: float, graded: float, penalty: float) -> None:
    text = f"<think>x</think><answer>\n{said}</answer>"
    for credit, value in (("only-full", full), ("graded", graded), ("penalty", penalty)):
        found = call_sequence(text, GOLD, BARE, credit=credit)  # type: ignore[arg-type]
        assert found == pytest.approx(value)


def test_repeats_do_not_count_in_evaluation() -> None:
    said = read_calls("change_size(2,'small') change_size(2,'small') change_shape(2,'sphere')")
    assert sequence_credit(said, read_calls(GOLD), "evaluation") == 1.0


def test_the_pass_for_equal_objects_goes_over_all_calls_first() -> None:
    gold = read_calls("change_size(3,'large')")
    said = read_calls("change_size(1,'medium') change_size(3,'small')")
    assert sequence_credit(said, gold, "graded") == pytest.approx(0.25)
    assert sequence_credit(said, gold, "penalty") == pytest.approx(-0.125)


@given(st.permutations(read_calls(GOLD + " change_size(1,red) change_color(2,cyan)")))
def test_the_order_of_calls_does_not_matter(said: Any) -> None:
    for credit in ("graded", "penalty"):
        assert sequence_credit(said, read_calls(GOLD), credit) == pytest.approx(  # type: ignore[arg-type]
            sequence_credit(sorted(said), read_calls(GOLD), credit)  # type: ignore[arg-type]
        )


@pytest.mark.parametrize(
    "text", ["f (1, 'a')", 'f(1, "a")', "f(1 , a)", "f(1,  a)", "f('1', a)", "f(1)"]
)
def test_calls_are_read_strictly(text: str) -> None:
    assert read_calls(text) == []


def test_without_an_answer_block_the_reasoning_is_read() -> None:
    assert call_sequence(GOLD, GOLD, BARE) == 1.0
    assert call_sequence("x", None, BARE) is None


@pytest.mark.parametrize(
    ("said", "gold", "value"),
    [(10.8, 10, 0.9045), (10.4, 10, 1.0), (12.5, 10, 0.0), (1, 0, 0.0), (-9, -10, 0.75)],
)
def test_the_worked_tolerances(said: float, gold: float, value: float) -> None:
    assert near_number(said, gold) == pytest.approx(value, abs=1e-4)


def test_texts_are_compared_where_there_is_no_number() -> None:
    assert tolerant_number("<answer>A</answer>", "<answer>A</answer>", BARE) == 1.0
    assert tolerant_number("<answer>10 or 11</answer>", 10, BARE) == 0.0
    assert tolerant_number("10", None, BARE) is None


def test_training_compares_strings() -> None:
    assert exact_answer("<answer> 7.0 </answer>", 7, BARE) == 0.0
    assert exact_answer("7", 7, BARE) == 1.0
    assert exact_answer("7", None, BARE) is None


@given(st.text(max_size=60))
def test_no_text_breaks_a_reader(text: str) -> None:
    for kind in ("grid", "digit", "letter", "box"):
        read_shape(text, kind, 4)  # type: ignore[arg-type]
    sequence_credit(read_calls(text), read_calls(GOLD), "graded")


@pytest.mark.parametrize("piece", ["1 ", "f(1,a)", "a(", "1, ", "(a,'", "aaaaaaaa"])
def test_reading_takes_linear_time(piece: str) -> None:
    start = time.process_time()
    for kind in ("grid", "digit", "letter", "box"):
        read_shape(piece * 10_000, kind, 4)  # type: ignore[arg-type]
    sequence_credit(read_calls(piece * 10_000), read_calls(GOLD), "graded")
    assert time.process_time() - start < 1.5
