from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.grading.choices import read_code, shuffled
from gnomon.grading.grade import lenient, strict
from gnomon.records import Answer, Outcome

GOLD = Answer("choice", "A", {"A": "cat", "B": "dog", "C": "cow", "D": "hen"})


def test_a_shuffled_choice_by_its_worked_examples() -> None:
    again = shuffled(GOLD, [2, 0, 3, 1])
    assert again.options == {"A": "cow", "B": "cat", "C": "hen", "D": "dog"}
    assert again.value == "B"
    last = Answer("choice", "D", GOLD.options)
    assert shuffled(last, [3, 2, 1, 0]).value == "A"


@given(st.permutations(range(4)), st.sampled_from("ABCD"))
def test_shuffling_keeps_the_text_that_is_right(order: list[int], label: str) -> None:
    answer = Answer("choice", label, GOLD.options)
    again = shuffled(answer, order)
    assert again.options[again.value] == answer.options[label]
    assert strict(answer.options[label], again).correct


def test_a_habit_of_one_letter_is_wrong_after_shuffling() -> None:
    assert strict("A", GOLD).correct
    assert not strict("A", shuffled(GOLD, [2, 0, 3, 1])).correct


@pytest.mark.parametrize("order", [[0, 1], [0, 0, 1, 2], [1, 2, 3, 4]])
def test_what_is_no_order_of_the_options_is_refused(order: list[int]) -> None:
    with pytest.raises(ValueError, match="no order"):
        shuffled(GOLD, order)


def test_shuffling_needs_a_choice_with_options() -> None:
    with pytest.raises(ValueError, match="no order"):
        shuffled(Answer("choice", "A"), [])


def test_any_of_the_accepted_texts_is_right() -> None:
    gold = Answer("text", ("two", "2"))
    assert strict("2", gold).correct
    assert lenient("There are two", gold).correct
    assert not strict("two 2", gold).correct


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x = 1", "x = 1"),
        ("```python\nx = 1\n```", "x = 1"),
        ("  if x:\n\n      y()  ", "if x:\n    y()"),
        ("```\na\n```\n```\nb\n```", None),
        ("Here: \n```\nx = 1\n```", None),
        ("```\nx = 1", None),
        (" \n", None),
    ],
)
def test_code_is_one_block_in_a_normal_form(text: str, code: str | None) -> None:
    assert read_code(text) == code


def test_the_last_block_of_code_counts_leniently() -> None:
    text = "```\na\n```\nno:\n```\nx = 1\n```\nDone."
    assert lenient(text, Answer("code", "x = 1")).correct
    assert strict(text, Answer("code", "x = 1")).outcome is Outcome.UNPARSEABLE_ANSWER
