from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.grading.grade import lenient, strict
from gnomon.grading.numbers import read_count
from gnomon.grading.units import read_quantity
from gnomon.records import Answer, Outcome


@pytest.mark.parametrize(
    ("text", "gold"),
    [
        ("4900 J", "4.9 kJ"),
        ("4.9", "4.9 kJ"),
        (r"4.9\text{ kJ}", "4.9 kJ"),
        (r"$4.9\,\mathrm{kJ}$", "4.9 kJ"),
        ("90 km/h", "25 m/s"),
        ("9.8 m/s^2", "9.8 m/s²"),
        ("1 kg·m/s^2", "1 N"),
        ("3 square meters", "3 m^2"),
        ("500 mL", "0.5 L"),
        ("45%", "0.45"),
        ("$3", "3 dollars"),
        ("1,200 m", "1.2 km"),
        ("2 hours", "120 minutes"),
        ("1/2 h", "30 min"),
        ("12 feet", "4 yards"),
        ("5 µm", "5000 nm"),
        ("100 km per hour", "100 km/h"),
    ],
)
def test_equal_quantities_are_right_in_any_unit(text: str, gold: str) -> None:
    assert strict(text, Answer("quantity", gold)).correct


def test_a_bare_number_is_in_the_unit_that_was_asked_for() -> None:
    assert strict("45", Answer("quantity", "45%")).correct
    assert not strict("0.45", Answer("quantity", "45%")).correct


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("4.9 J", Outcome.WRONG),
        ("4.9 kW", Outcome.WRONG),
        ("-4.9 kJ", Outcome.WRONG),
        ("4.9 kJ 5 kJ", Outcome.UNPARSEABLE_ANSWER),
        ("about 4.9 kJ", Outcome.UNPARSEABLE_ANSWER),
        ("4.9 blorbs", Outcome.UNPARSEABLE_ANSWER),
        ("kJ", Outcome.UNPARSEABLE_ANSWER),
        ("4.9 " + "k" * 500, Outcome.UNPARSEABLE_ANSWER),
    ],
)
def test_another_quantity_is_wrong_and_an_unknown_unit_unreadable(
    text: str, outcome: Outcome
) -> None:
    assert strict(text, Answer("quantity", "4.9 kJ")).outcome is outcome


@given(st.text(max_size=40))
def test_a_quantity_is_read_from_any_text_without_an_error(text: str) -> None:
    read_quantity(text)
    read_quantity(f"5 {text}")


def test_a_quantity_is_exact() -> None:
    found = read_quantity("0.1 km")
    assert found is not None
    assert found.value * found.factor == Fraction(100)


@pytest.mark.parametrize(
    ("text", "value"),
    [("Twenty", 20), ("0", 0), ("5.0", 5), ("-1", None), ("1.5", None), ("twenty-one", None)],
)
def test_a_count_is_digits_or_one_word(text: str, value: int | None) -> None:
    assert read_count(text) == value


def test_a_count_in_a_sentence_is_its_last_number() -> None:
    assert read_count("I see two cups and three plates", whole=False) == 3
    assert read_count("two cups, 4 plates", whole=False) == 4
    assert read_count("nothing", whole=False) is None


@pytest.mark.parametrize(
    ("text", "gold"),
    [
        ("(x+1)^2", "x^2+2x+1"),
        (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}"),
        ("1/2", "0.5"),
        ("$x+1$", "1+x"),
        ("x+1.", "1+x"),
    ],
)
def test_equal_expressions_are_right(text: str, gold: str) -> None:
    assert strict(text, Answer("expression", gold)).correct


@pytest.mark.parametrize("text", ["x+1 or x+2", "x+1 and more", "3=4"])
def test_an_expression_among_others_is_unreadable(text: str) -> None:
    assert strict(text, Answer("expression", "x+1")).outcome is Outcome.UNPARSEABLE_ANSWER


def test_lenient_takes_the_last_formula_and_the_last_line() -> None:
    assert lenient("First $x$, then $x+1$.", Answer("expression", "1+x")).correct
    assert lenient("So:\n4900 J", Answer("quantity", "4.9 kJ")).correct
