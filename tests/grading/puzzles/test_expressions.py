from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.grading.puzzles.expressions import exact_value

leaves = st.integers(0, 99).map(str)
expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*%"), inner).map(" ".join),
        inner.map("({})".format),
        inner.map("-{}".format),
    ),
    max_leaves=8,
)


@given(expressions)
def test_whole_numbers_have_the_value_that_python_gives_them(text: str) -> None:
    try:
        wanted = Fraction(eval(text))
    except ZeroDivisionError:
        assert exact_value(text) is None
        return
    assert exact_value(text) == wanted


@pytest.mark.parametrize(
    ("text", "value"),
    [("1/3*3", 1), ("8/(3-8/3)", 24), ("7 % 3", 1), ("-7 % 3", 2), ("1/2 % 1/3", Fraction(1, 6)),
     ("--5", 5), ("2*-3", -6), ("0", 0)],
)  # fmt: skip
def test_division_is_exact_and_signs_bind_as_in_python(text: str, value: Fraction) -> None:
    assert exact_value(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("2**3**2", 512), ("-2**2", -4), ("2**-1", Fraction(1, 2)), ("7//2", 3), ("9**9**9", None),
     ("0**-1", None), ("2**(1/2)", None)],
)  # fmt: skip
def test_powers_and_whole_quotients_are_read_only_when_asked_for(
    text: str, value: Fraction | None
) -> None:
    assert exact_value(text) is None
    assert exact_value(text, powers=True) == value


@pytest.mark.parametrize(
    "text",
    ["", "1 +", "(1", "1)", "1 2", "05", "00", "1.5", "a", "1/0", "1%0", "()", "2(3)", "9" * 31,
     "(" * 10_000, "1+" * 40_000 + "1", "-" * 2_000 + "1", "(" * 40 + "1" + ")" * 40, "+", "1,2"],
)  # fmt: skip
def test_what_is_no_expression_or_too_large_has_no_value(text: str) -> None:
    start = time.process_time()
    assert exact_value(text) is None
    assert exact_value(text, powers=True) is None
    assert time.process_time() - start < 0.5
