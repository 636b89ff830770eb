from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.grading.mathruler import grade_answer
from gnomon.grading.prime import extract_answer, prime_equal
from gnomon.records import Outcome


@pytest.mark.parametrize(
    ("text", "gold", "right"),
    [
        ("The answer is 42.", "42", True),
        (r"\boxed{50}", "0.5", True),
        ("We get 7. Done", "7", True),
        ("", "4", False),
        ("4 apples", "4", False),
        ("2 or 5", "2,5", False),
        ("(7,9)", "7,9", True),
        ("[7,9]", "7,9", True),
        ("[7,9]", "(7,9)", False),
        ("(1,2]", "(1,2)", False),
        ("101_2", "101", True),
        (r"\frac{10}{4}", r"\frac{5}{2}", True),
        ("3.14159", "3.1416", True),
        ("3.14", "3.1416", False),
        ("5, 6", "6, 5", False),
    ],
)
def test_the_prime_grader_by_its_worked_examples(text: str, gold: str, right: bool) -> None:
    assert (prime_equal(text, gold)[0] is Outcome.CORRECT) is right


def test_two_fractions_differ_in_mathruler_and_agree_in_prime() -> None:
    assert grade_answer(r"\frac{10}{4}", r"\frac{5}{2}")[0] is Outcome.WRONG


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("So the answer is: 5", "5"),
        ("5 is the answer", "5"),
        (r"I say \boxed{\frac{1}{2}} now", r"\frac{1}{2}"),
        (r"\fbox{3}", "3"),
        ("x = 3 = 4", "4"),
        ("It follows. We get 7", "It follows"),
    ],
)
def test_an_answer_is_extracted_in_the_released_order(text: str, answer: str) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "gold", "right"),
    [
        (r"B", "B", True),
        (r"0.5", r"\frac{1}{2}", True),
        ("12 cm", "12", True),
        ("4", "4", True),
        ("A. 12", "A", False),
        ("12 apples", "12", False),
    ],
)
def test_mathruler_by_the_examples_of_racro(text: str, gold: str, right: bool) -> None:
    assert (grade_answer(text, gold)[0] is Outcome.CORRECT) is right


@settings(deadline=None, max_examples=200)
@given(st.text("answer is.=:(),[]{}0123_\\boxedfrac ", max_size=60))
def test_extraction_never_raises_and_only_shortens(text: str) -> None:
    assert len(extract_answer(text)) <= len(text)
