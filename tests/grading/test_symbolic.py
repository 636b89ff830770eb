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

from gnomon.grading.grade import math_verify
from gnomon.grading.symbolic import (
    SymbolicVerifier,
    VerifierPool,
    compare_expressions,
    default_verifier,
    numbers_agree,
    processor_seconds,
)
from gnomon.records import Answer, Outcome

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
    assert time.perf_counter() - start < 60.0  # the answer itself would take hours
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


@given(st.fractions(), st.fractions(), st.floats(0, 1))
def test_a_value_agrees_with_itself_and_with_what_the_tolerance_covers(
    one: Fraction, other: Fraction, tolerance: float
) -> None:
    assert numbers_agree(one, one)
    near = abs(one - other) <= Fraction(tolerance) * abs(other)
    assert numbers_agree(one, other, tolerance) == near


BOMBS = [
    "9^{9^{9^{9}}}",
    "9^9^9^9",
    "((9!)!)!",
    "99999!",
    r"\sqrt{2+" * 12 + "2" + "}" * 12,
    "sqrt(2+" * 9 + "2" + ")" * 9,
    "(" * 100_000 + "1" + ")" * 100_000,
    "{" * 100_000,
    "9" * 100_000,
    "1" + "0" * 5000,
    r"\binom{1000000}{500000}",
    r"\sum_{n=1}^{1000000} n!",
    r"\prod_{k=1}^{99999} k",
    "(x+y+z)^{999}",
    "(1+x)^{500}",
    "9" * 60 + "^{999}",
    "\\frac{1}{" * 30 + "2" + "}" * 30,
    "x^{2}" * 100,
]


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb[:24])
def test_no_bomb_reaches_a_worker_on_either_side(bomb: str) -> None:
    pool = VerifierPool(1)
    assert compare_expressions(bomb, r"2\pi", verifier=pool)[0] is Outcome.UNPARSEABLE_ANSWER
    assert compare_expressions(r"2\pi", bomb, verifier=pool)[0] is Outcome.UNPARSEABLE_REFERENCE
    assert pool.asked == 0
    assert not pool.running


def test_boxed_integers_and_fractions_reach_no_worker() -> None:
    pool = VerifierPool(1)
    texts = [str(n) for n in range(-30, 30)] + [rf"\frac{{{n}}}{{7}}" for n in range(30)]
    for text in texts:
        for gold in ("5", r"\frac{5}{7}", "0.5"):
            compare_expressions(text, gold, verifier=pool)
    assert pool.asked == 0


def test_of_a_batch_with_bombs_only_the_symbolic_answers_reach_a_worker() -> None:
    pool = VerifierPool(2, seconds=20.0)
    answers = [str(n) for n in range(480)] + [rf"{n}\sqrt{{2}}" for n in range(1, 4)] + BOMBS
    try:
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda a: compare_expressions(a, r"\sqrt{2}", verifier=pool), answers))
        assert pool.asked == 1  # all but one of the roots and numbers differ for certain
    finally:
        pool.close()


def test_a_pool_overlaps_requests_and_starts_no_worker_before_it_has_to() -> None:
    pool = VerifierPool(2, seconds=20.0)
    try:
        assert pool.compare("1+x", "x+1")[0] is Outcome.CORRECT
        assert [verifier.running for verifier in pool._verifiers].count(True) == 1
        pool.warm()
        assert all(verifier.running for verifier in pool._verifiers)
        pairs = [(f"x+{n}", f"{n}+x") for n in range(8)]
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda pair: pool.compare(*pair)[0], pairs))
        assert found == [Outcome.CORRECT] * 8
    finally:
        pool.close()
    assert not pool.running


def test_a_pool_needs_a_worker() -> None:
    with pytest.raises(ValueError, match="at least one"):
        VerifierPool(0)


def test_a_pool_of_a_forked_child_is_not_locked(shared: SymbolicVerifier) -> None:
    pool = VerifierPool(1)
    taken = pool._free.get()
    child = os.fork()
    if child == 0:
        os._exit(0 if pool._free.qsize() == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    pool._free.put(taken)


@pytest.mark.parametrize(
    ("prediction", "reference", "outcome"),
    [
        (r"so \boxed{\frac{1}{2}}", r"\boxed{0.5}", Outcome.CORRECT),
        (r"\boxed{3}", r"\boxed{4}", Outcome.WRONG),
        ("nothing here", r"\boxed{4}", Outcome.UNPARSEABLE_ANSWER),
        (r"\boxed{4}", "nothing here", Outcome.UNPARSEABLE_REFERENCE),
    ],
)
def test_math_verify_as_a_peer_searches_whole_texts(
    prediction: str, reference: str, outcome: Outcome, shared: SymbolicVerifier
) -> None:
    assert shared.compare(prediction, reference, "whole")[0] is outcome


def test_math_verify_is_a_grader_to_compare_with() -> None:
    verdict = math_verify("0.50", Answer("number", r"\frac{1}{2}"))
    assert verdict.correct
    assert verdict.grader == "math-verify/1"
    assert math_verify(" ", Answer("integer", 5)).outcome is Outcome.NO_ANSWER
    assert math_verify("5", Answer("integer", "5")).outcome is Outcome.UNPARSEABLE_REFERENCE


def test_time_in_which_the_machine_is_busy_elsewhere_is_not_taken_from_a_comparison() -> None:
    verifier = SymbolicVerifier(seconds=1.0)
    try:
        assert verifier.compare("1+x", "x+1")[0] is Outcome.CORRECT
        process = verifier._process
        assert process is not None
        os.kill(process.pid, signal.SIGSTOP)  # as if others had the processor
        threading.Timer(1.3, os.kill, (process.pid, signal.SIGCONT)).start()
        assert verifier.compare("1+x", "x+1")[0] is Outcome.CORRECT
    finally:
        verifier.close()


def test_a_worker_that_sleeps_is_not_waited_for_without_end() -> None:
    verifier = SymbolicVerifier(seconds=0.1)
    try:
        verifier.compare("x", "x")
        process = verifier._process
        assert process is not None
        os.kill(process.pid, signal.SIGSTOP)
        assert verifier.compare("1+x", "x+1")[0] is Outcome.TIMEOUT
        assert not verifier.running
    finally:
        verifier.close()


def test_processor_time_grows_with_work_and_falls_back_to_the_clock() -> None:
    before = processor_seconds(os.getpid())
    while processor_seconds(os.getpid()) == before:
        sum(range(1000))
    assert processor_seconds(2**30) == pytest.approx(time.monotonic(), abs=5)


@given(st.fractions(), st.fractions(), st.sampled_from([0.0, 1e-6, 0.05, 0.5, 1.0]))
def test_numbers_agree_as_exact_fractions_do(one: Fraction, other: Fraction, room: float) -> None:
    plain = abs(one - other) <= Fraction(room) * abs(other)
    assert numbers_agree(one, other, room) == plain
    assert numbers_agree(other, other, room)
