from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.grading.size import MAX_CHARS, size_problem


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1" * (MAX_CHARS + 1), "characters"),
        ("1" * 61, "digits"),
        ("(" * 17, "nests"),
        ("x^1" * 13, "powers"),
        ("x^{12345}", "exponent"),
        ("x**12345", "exponent"),
        ("99999!", "factorial"),
        ("(9!)!", "factorial"),
        ("9!!", "factorial"),
        ("9^9^9", "power to a power"),
        ("9**9**9", "power to a power"),
        ("9^{9^{9}}", "power to a power"),
        ("9^(8+(7)^6)", "power to a power"),
        ("x^a^b", "power to a power"),
        ("9" * 60 + "^{999}", "digits"),
        ("2^{999}+" * 5 + "9" * 50 + "^{500}", "digits"),
        ("(x+y)^{101}", "bracket"),
        (r"\binom{1000}{500}", "too many terms"),
        (r"\sum_{n=1000}^{x} n", "too many terms"),
        (r"\int_{9999}^{x} x", "too many terms"),
        (r"\sqrt{" * 7 + "2" + "}" * 7, "roots"),
        ("√(" * 7 + "2" + ")" * 7, "roots"),
    ],
)
def test_what_would_cost_seconds_is_refused_before(text: str, reason: str) -> None:
    assert reason in (size_problem(text) or "")


@pytest.mark.parametrize(
    "text",
    [
        "x^2y^3",
        "x^{2}+y^{3}",
        r"\frac{x^2}{y^{10}}",
        "2^{100}",
        "10!",
        r"(x^{2})^{3}",
        "",
        "]",
        r"\sum_{n=1}^{10} n",
        r"\binom{10}{5}",
        "(x+y)^{100}",
        r"\sqrt{2}+\sqrt{3}+\sqrt{5}+\sqrt{7}",
        r"\sqrt{2+\sqrt{2+\sqrt{2}}}",
        "+".join([r"\frac{\sqrt{2}}{2}"] * 9),
        "))))",
    ],
)
def test_what_answers_look_like_is_allowed(text: str) -> None:
    assert size_problem(text) is None


@given(st.text())
def test_the_size_estimate_never_raises(text: str) -> None:
    size_problem(text)


def test_the_size_estimate_is_fast_on_a_megabyte() -> None:
    start = time.process_time()
    size_problem("^{" * 500_000)
    assert time.process_time() - start < 0.5
