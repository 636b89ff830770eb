from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.grading.grade import strict
from gnomon.grading.sequences import (
    cell_share,
    operations_score,
    read_elements,
    read_operations,
    read_permutation,
)
from gnomon.records import Answer, Outcome

SHAPE, SIZE = ("change_shape", "2", "sphere"), ("change_size", "2", "small")
GOLD = [SHAPE, SIZE]
call = st.tuples(*[st.sampled_from("ab")] * 3)
calls: Any = st.lists(call, min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("predicted", "gold", "full", "graded", "penalty"),
    [
        (
            [SHAPE, ("change_size", "2", "large"), ("change_color", "0", "cyan")],
            GOLD,
            1 / 3,
            0.5,
            0.25,
        ),
        ([SIZE], GOLD, 0.5, 0.5, 0.5),
        ([("change_shape", "1", "sphere"), SIZE], GOLD, 0.5, 0.75, 0.375),
        ([SIZE, SIZE, SHAPE], GOLD, 2 / 3, 2 / 3, 2 / 3),
        (
            [("change_size", "1", "medium"), ("change_size", "3", "small")],
            [("change_size", "3", "large")],
            0.0,
            0.25,
            -0.125,
        ),
        ([], GOLD, 0.0, 0.0, 0.0),
    ],
)
def test_operations_score_by_the_worked_examples(
    predicted: Any, gold: Any, full: float, graded: float, penalty: float
) -> None:
    assert operations_score(predicted, gold, weights=(0, 0, 0)) == pytest.approx(full)
    assert operations_score(predicted, gold) == pytest.approx(graded)
    weights = (-0.25, -0.25, -0.5)
    assert operations_score(predicted, gold, weights=weights) == pytest.approx(penalty)


def test_the_evaluation_score_ignores_repeats() -> None:
    assert operations_score([SIZE, SIZE, SHAPE], GOLD, repeats=False) == 1.0


@given(calls, calls, st.randoms())
def test_order_does_not_change_the_score_of_operations(one: Any, other: Any, random: Any) -> None:
    shuffled = list(one)
    random.shuffle(shuffled)
    score = operations_score(one, other)
    assert operations_score(shuffled, other) == score
    assert 0.0 <= score <= 1.0
    assert (score == 1.0) == (sorted(one) == sorted(set(other)))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("change_color(1, 'red')", 1),
        ("change_color(1,red) change_size(2,'small')", 2),
        ("f(1,'a');\ng(2,'b')", 2),
        ("[f(1,'a'), g(2,'b')]", 2),
        ('f(1,"a")', None),
        ("f (1,a)", None),
        ("f(1 ,a)", None),
        ("first f(1,a)", None),
        ("", None),
    ],
)
def test_operations_are_calls_and_nothing_else(text: str, count: int | None) -> None:
    found = read_operations(text)
    assert (None if found is None else len(found)) == count


def test_calls_in_a_sentence_are_read_leniently() -> None:
    assert read_operations("first f(1,a), then g(2,b)", whole=False) is not None


@pytest.mark.parametrize(
    "text", ["4 2\n1 3", "4,2;1,3", "[4, 2, 1, 3]", "`4 2` 1 3", "[[4,2],[1,3]]"]
)
def test_a_grid_is_read_from_any_separators(text: str) -> None:
    assert read_permutation(text, 4) == (4, 2, 1, 3)


@pytest.mark.parametrize(
    "text", ["4 2 1", "4 2 1 5", "4 2 1 x", "0 1 2 3", "", "4 4 1 3", "-1 2 3 4"]
)
def test_what_is_no_permutation_is_none(text: str) -> None:
    assert read_permutation(text, 4) is None


def test_a_permutation_scores_its_cells() -> None:
    assert cell_share((4, 2, 1, 3), (4, 1, 2, 3)) == 0.5
    assert strict("4 2 1 3", Answer("permutation", (4, 1, 2, 3))).score == 0.5


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("a, b and c", ("a", "b", "c")),
        ("a; b, c", ("a", "b, c")),
        ("{1, 2}", ("1", "2")),
        ("(1, (2, 3))", ("1", "(2, 3)")),
        ("['a', 'b']", ("a", "b")),
        ("[1, 2.5]", ("1", "2.5")),
        ("a", ("a",)),
        ("a,,b", None),
        ("[a, (b]", None),
        ("[1, [2]]", None),
        ("[true]", None),
        (", ".join("a" * 300), None),
        ("", None),
    ],
)
def test_elements_are_split_outside_of_brackets(text: str, elements: Any) -> None:
    assert read_elements(text) == elements


def test_a_list_has_an_order_and_a_set_has_none() -> None:
    assert strict("b, a", Answer("set", ("a", "b"))).correct
    assert strict("b, a", Answer("list", ("a", "b"))).score == 0.0
    assert strict("a, c", Answer("list", ("a", "b"))).score == 0.5
    assert strict("1/2, 50", Answer("set", (0.5, "50"))).correct


def test_naming_everything_is_not_the_right_set() -> None:
    verdict = strict("a, b, c, d, e, f", Answer("set", ("a", "b")))
    assert verdict.outcome is Outcome.WRONG
    assert verdict.score == 0.5
    assert not strict("a, a, b", Answer("set", ("a", "b"))).correct


def test_a_set_of_python_is_a_reference_too() -> None:
    assert strict("b, a", Answer("set", frozenset({"a", "b"}))).correct
