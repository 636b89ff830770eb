from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.grading.mathruler import (
    grade_answer,
    latex_to_plain,
    normalise_math,
    normalise_plain,
)
from gnomon.grading.symbolic import SymbolicVerifier
from gnomon.records import Outcome

latex = st.text(r"0123456789abcx\frac{}sqrt^+-*/()[]=., $%pi", max_size=40)


@pytest.mark.parametrize(
    ("prediction", "reference"),
    [
        ("(A)", "A"),
        ("5 cm", "5"),
        ("1,000", "1000"),
        ("0.5", r"\frac12"),
        ("50%", "50"),
        ("x=5", "5"),
        ("5.0", "5"),
        (r"\text{yes}", "YES"),
        ("3/4", r"\frac{3}{4}"),
        ("0.25", "1/4"),
        ("2.5", "5/2"),
        (r"7\frac{3}{4}", "7.75"),
        (r"2\sqrt{3}", r"\sqrt{12}"),
        ("(x+1)^2", "x^2+2x+1"),
        (r"\frac{\pi}{2}", r"\pi/2"),
        ("(1, 2)", "(1,2.0)"),
        ("90^{\\circ}", "90"),
        ("3 feet", "3"),
        ("2 million", "2*10^6"),
        ("1,000,000,000", "1000000000"),
        (r"\$5", "5"),
        ("{5}", "5"),
        (r"\sqrt 3", r"\sqrt{3}"),
        (r"\frac1{2}", r"\frac{1}{2}"),
        ("{.5}", "{0.5}"),
    ],
)
def test_the_released_comparison_accepts(prediction: str, reference: str) -> None:
    assert grade_answer(prediction, reference)[0] is Outcome.CORRECT


@pytest.mark.parametrize(
    ("prediction", "reference"),
    [
        ("A.", "A"),
        ("0.3333", "1/3"),
        ("[1,2)", "(1,2)"),
        ("10/4", "5/2"),
        ("12 apples", "12"),
        ("(2,1)", "(1,2)"),
        ("(1,2,3)", "(1,2)"),
        ("", "5"),
        ("cm", "5"),
        ("(Cat)", "Cat"),
        ("2^{10}", "1024"),
        ("x+1", "x+2"),
        ("1/0", "5"),
        ("1/0", "x"),
        ("x..", "x"),
        ("(x", "x"),
        ("x)", "x"),
        ("2x+", "2x"),
        ("*x", "x"),
        ("1" * 100, "1/7"),
        ("0.3", "0.4"),
    ],
)
def test_the_released_comparison_refuses(prediction: str, reference: str) -> None:
    assert grade_answer(prediction, reference)[0] is Outcome.WRONG


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (r"\tfrac12", r"\frac{1}{2}"),
        (r"\dfrac1{72}", r"\frac{1}{72}"),
        (r"\frac{1}{2}", r"\frac{1}{2}"),
        (r"\frac", r"\frac"),
        (r"\frac1", r"\frac1"),
        (r"\sqrt3", r"\sqrt{3}"),
        (r"\sqrt", r"\sqrt"),
        (r"\left( 1, 2 \right)", "(1,2)"),
        (r"5\text{ cm}", "5"),
        (r"5\text{ a}\text{ b}", r"5\text{ a}\text{ b}"),
        (".5", r"\frac{1}{2}"),
        ("k = 3", "3"),
        ("abc = 3", "abc=3"),
        (r"10\%", "10"),
        ("-3/4", r"\frac{-3}{4}"),
        ("%", ""),
    ],
)
def test_the_math_normal_form(text: str, normal: str) -> None:
    assert normalise_math(text) == normal


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("1 or 2", "1,2"),
        ("3 hours", "3"),
        ("4 inches^2", "4"),
        (r"90^\circ", "90"),
        ("7 3/4", "7+3/4"),
        ("- 5", "-5"),
        (r"\frac{a+b}{2}", "a+b/2"),
        ("2.00000001", "2"),
        ("+5", "5"),
        ("1e3", "1000"),
        ("9" * 1001, "9" * 1001),
        (r"(1,000, 2)", "(1,000,2)"),
    ],
)
def test_the_plain_normal_form(text: str, normal: str) -> None:
    assert normalise_plain(text) == normal


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (r"\frac{1}{2}", "1/2"),
        (r"\sqrt[3]{8}", "(8)^(1/3)"),
        (r"\sqrt[3", "()^(1/3)"),
        (r"\alpha + \Delta", "α+ Δ"),
        (r"\nothing 5", "5"),
        (r"a \times b", "a *b"),
        (r"50\% \{1\}", "50% {1}"),
        (r"a\;b", "a b"),
        ("}5{", "5"),
        ("{" * 65, "{" * 65),
    ],
)
def test_latex_becomes_plain_text(text: str, plain: str) -> None:
    assert latex_to_plain(text) == plain


@settings(deadline=None)
@given(latex | st.text())
def test_the_normal_forms_never_raise(text: str) -> None:
    normalise_math(text)
    normalise_plain(text)


@settings(deadline=None)
@given(latex)
def test_a_text_equals_itself(text: str) -> None:
    assert grade_answer(text, text)[0] is Outcome.CORRECT


@pytest.mark.parametrize(
    "text",
    ["{" * 10_000, r"\frac{" * 1600, r"\sqrt" * 2000, "1 " * 5000, "-" * 9000, "^ " * 5000],
)
def test_hostile_text_is_compared_at_once(text: str) -> None:
    start = time.perf_counter()
    assert grade_answer(text, "5")[0] is Outcome.WRONG
    assert time.perf_counter() - start < 1.0


def test_a_huge_answer_is_not_compared() -> None:
    assert grade_answer("1" * 20_000, "5")[0] is Outcome.UNPARSEABLE_ANSWER


def test_a_bomb_within_the_released_rules_ends_at_the_limit() -> None:
    verifier = SymbolicVerifier(seconds=0.5)
    try:
        bomb = "".join(["(" * 9, "9", "^9)" * 9, "x"])
        found, _ = grade_answer(bomb, "x", verifier=verifier)
        assert found in (Outcome.TIMEOUT, Outcome.CRASH)
    finally:
        verifier.close()
