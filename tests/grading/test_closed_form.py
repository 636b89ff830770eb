from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.grading.closed_form import differ, value_of
from gnomon.grading.size import size_problem


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", 2.0),
        (r"2\sqrt{2}", 2 * math.sqrt(2)),
        (r"\frac{\sqrt{3}}{2}", math.sqrt(3) / 2),
        (r"-3\pi", -3 * math.pi),
        (r"\left(1+2\right)\cdot 3", 9.0),
        ("2^{10}", 1024.0),
        ("-2^2", -4.0),
        ("1-2-3", -4.0),
        ("2*3/4", 1.5),
        ("$2π$", 2 * math.pi),
        ("(1+√(5))/2", (1 + math.sqrt(5)) / 2),
        (r"2\,\sqrt{2}", 2 * math.sqrt(2)),
        ("--2", 2.0),
    ],
)
def test_numeric_expressions_have_their_value(text: str, value: float) -> None:
    assert value_of(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "2x", r"2\frac{1}{2}", r"1/2\pi", "1/2/3", "2 3", r"\sqrt2", r"\frac12", "2^-1",
        "2^3^2", "(1", "1)", "1/0", r"\sqrt{-1}", "9^{999}", "1,000", "50%", r"\sin{1}", "$", "2=2",
        r"\sqrt[3]{8}", "(-8)^{1/3}", "^", "2+", r"\pip", "2" * 500,
    ],
)  # fmt: skip
def test_what_is_doubtful_or_no_number_is_not_read(text: str) -> None:
    assert value_of(text) is None


@settings(deadline=None)
@given(st.text("0123456789.+-*/^(){}[]\\$ fracsqrtpi", max_size=40))
def test_any_text_of_bounded_nesting_is_read_or_refused(text: str) -> None:
    if size_problem(text) is None:
        value = value_of(text)
        assert value is None or math.isfinite(value)


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**6))
def test_equal_values_never_differ(top: int, bottom: int) -> None:
    assert not differ(rf"\frac{{{2 * top}}}{{{2 * bottom}}}", f"({top})/{bottom}")
    assert not differ(rf"{top}\sqrt{{{bottom}}}", rf"\sqrt{{{bottom}}}*({top})")
    assert not differ("(1+√(2))^2", rf"3+2\sqrt{{2}}+0*{bottom}")


def test_close_values_are_left_to_symbolic_work() -> None:
    assert not differ(r"\sqrt{2}", "1.4142136")
    assert differ(r"\sqrt{2}", "1.41")
    assert not differ(r"\sqrt{2}", "1.41", tolerance=0.01)
