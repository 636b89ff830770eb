from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.grading.symbolic import (
    MAX_CHARS,
    SymbolicVerifier,
    compare_expressions,
    default_verifier,
    numbers_agree,
    size_problem,
)
from gnomon.records import Outcome

SLOW = r"\binom{1000000000}{500000000}"


@pytest.fixture(scope="module")
def shared() -> Iterator[SymbolicVerifier]:
    verifier = SymbolicVerifier(seconds=10.0)
    yield verifier
    verifier.close()


@pytest.fixture
def hurried() -> Iterator[SymbolicVerifier]:
    verifier = SymbolicVerifier(seconds=0.3)
    yield verifier
    verifier.close()


def test_nothing_is_started_before_the_first_symbolic_comparison() -> None:
    verifier = SymbolicVerifier()
    assert compare_expressions("x + 1", "x+1", verifier=verifier) == (Outcome.CORRECT, "equal text")
    assert compare_expressions("1/2", "0.5", verifier=verifier)[0] is Outcome.CORRECT
    assert compare_expressions("1/3", "0.5", verifier=verifier)[0] is Outcome.WRONG
    assert not verifier.running


@pytest.mark.parametrize(
    ("prediction", "reference", "outcome"),
    [
        (r"\sqrt{12}", r"2\sqrt{3}", Outcome.CORRECT),
        ("$x+1$", "1+x", Outcome.CORRECT),
        ("x+2", "1+x", Outcome.WRONG),
        ("2π", r"2\pi", Outcome.CORRECT),
        ("x+", r"2\pi", Outcome.UNPARSEABLE_ANSWER),
        (r"2\pi", "x+", Outcome.UNPARSEABLE_REFERENCE),
        ("9^9^9", r"2\pi", Outcome.UNPARSEABLE_ANSWER),
        (r"2\pi", "9^9^9", Outcome.UNPARSEABLE_REFERENCE),
    ],
)
def test_expressions_get_a_typed_outcome(
    prediction: str, reference: str, outcome: Outcome, shared: SymbolicVerifier
) -> None:
    found, reason = compare_expressions(prediction, reference, verifier=shared)
    assert found is outcome
    assert reason


def test_a_comparison_past_its_time_is_a_timeout_and_the_worker_is_replaced(
    hurried: SymbolicVerifier,
) -> None:
    hurried.compare("x", "x")
    start = time.perf_counter()
    assert hurried.compare(SLOW, "5")[0] is Outcome.TIMEOUT
    assert time.perf_counter() - start < 5.0
    assert not hurried.running
    hurried.seconds = 20.0
    assert hurried.compare("1+x", "x+1")[0] is Outcome.CORRECT
    assert hurried.running


def test_a_worker_that_dies_is_a_crash_and_is_replaced(hurried: SymbolicVerifier) -> None:
    hurried.seconds = 20.0
    hurried.compare("x", "x")
    victim = hurried._process
    assert victim is not None
    threading.Timer(0.3, os.kill, (victim.pid, signal.SIGKILL)).start()
    assert hurried.compare(SLOW, "5")[0] is Outcome.CRASH
    assert hurried.compare("1+x", "x+1")[0] is Outcome.CORRECT


def test_a_worker_without_memory_is_a_crash() -> None:
    verifier = SymbolicVerifier(seconds=20.0, megabytes=32)
    try:
        found, reason = verifier.compare(r"\sqrt{12}", r"2\sqrt{3}")
        assert found is Outcome.CRASH
        assert reason
    finally:
        verifier.close()


def test_a_verifier_works_from_many_threads_at_once(shared: SymbolicVerifier) -> None:
    pairs = [(f"x+{n}", f"{n}+x") for n in range(12)] + [("x", f"x+{n}") for n in range(1, 13)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda pair: shared.compare(*pair)[0], pairs))
    assert found == [Outcome.CORRECT] * 12 + [Outcome.WRONG] * 12


def test_a_verifier_works_inside_an_event_loop(shared: SymbolicVerifier) -> None:
    async def ask() -> Outcome:
        return shared.compare("1+x", "x+1")[0]

    assert asyncio.run(ask()) is Outcome.CORRECT


def test_a_forked_child_gets_a_worker_of_its_own(shared: SymbolicVerifier) -> None:
    assert shared.compare("1+x", "x+1")[0] is Outcome.CORRECT
    before = shared._process
    assert before is not None
    child = os.fork()
    if child == 0:
        right = shared._process is None and shared.compare("x+2", "2+x")[0] is Outcome.CORRECT
        shared.close()
        os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert shared.compare("1+x", "x+1")[0] is Outcome.CORRECT
    assert shared._process is before


def test_closing_ends_the_worker_and_allows_a_new_one() -> None:
    verifier = SymbolicVerifier(seconds=20.0)
    verifier.compare("1+x", "x+1")
    verifier.close()
    assert not verifier.running
    verifier.close()


def test_the_graders_share_one_verifier() -> None:
    assert default_verifier() is default_verifier()
    assert default_verifier().seconds == 2.0


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
    ],
)
def test_what_would_cost_seconds_is_refused_before(text: str, reason: str) -> None:
    assert reason in (size_problem(text) or "")


@pytest.mark.parametrize(
    "text",
    ["x^2y^3", "x^{2}+y^{3}", r"\frac{x^2}{y^{10}}", "2^{100}", "10!", r"(x^{2})^{3}", "", "]"],
)
def test_what_answers_look_like_is_allowed(text: str) -> None:
    assert size_problem(text) is None


@given(st.text())
def test_the_size_estimate_never_raises(text: str) -> None:
    size_problem(text)


def test_the_size_estimate_is_fast_on_a_megabyte() -> None:
    start = time.perf_counter()
    size_problem("^{" * 500_000)
    assert time.perf_counter() - start < 0.5


@given(st.fractions(), st.fractions(), st.floats(0, 1))
def test_a_value_agrees_with_itself_and_with_what_the_tolerance_covers(
    one: Fraction, other: Fraction, tolerance: float
) -> None:
    assert numbers_agree(one, one)
    near = abs(one - other) <= Fraction(tolerance) * abs(other)
    assert numbers_agree(one, other, tolerance) == near
