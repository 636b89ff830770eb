from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.parts import PartError, part
from gnomon.records import Graded, Group, Message, Outcome, Rollout, Sample, Verdict
from gnomon.rewards.terms import (
    accuracy,
    format_match,
    length_ramp,
    length_sigmoid,
    outcome,
    revisual_format,
)

UNDECIDED = [Outcome.UNPARSEABLE_REFERENCE, Outcome.TIMEOUT, Outcome.CRASH]


def batch(*lengths: tuple[int, ...]) -> list[Group]:
    def graded(length: int) -> Graded:
        rollout = Rollout((1,) * length, (0.0,) * length, "", "end")
        return Graded(rollout, Verdict(Outcome.WRONG, 0.0))

    sample = Sample("s", (Message("user", "?"),))
    return [Group(sample, tuple(graded(length) for length in row)) for row in lengths]


@pytest.mark.parametrize("outcome", UNDECIDED)
@pytest.mark.parametrize("partial", [True, False])
def test_a_failure_of_the_grader_is_never_a_zero(outcome: Outcome, partial: bool) -> None:
    assert accuracy(Verdict(outcome, 0.0), partial=partial) is None


@pytest.mark.parametrize("outcome", [o for o in Outcome if o not in UNDECIDED])
def test_only_a_right_answer_scores_one(outcome: Outcome) -> None:
    assert accuracy(Verdict(outcome, 0.7)) == float(outcome is Outcome.CORRECT)


def test_a_partial_score_is_the_score_of_the_verdict() -> None:
    assert accuracy(Verdict(Outcome.WRONG, 0.3), partial=True) == 0.3
    assert part("reward", "accuracy")(Verdict(Outcome.CORRECT, 0.8)) == 1.0


@pytest.mark.parametrize(
    ("length", "reward"), [(900, 1.0), (950, 0.75), (1000, 0.5), (1050, 0.25), (1100, 0.0)]
)
def test_the_ramp_of_the_multimodal_stage(length: int, reward: float) -> None:
    assert length_ramp(length, budget=1000) == pytest.approx(reward)


@pytest.mark.parametrize(("length", "reward"), [(900, 1.0), (1000, 0.95), (1200, 0.75)])
def test_the_ramp_of_the_text_stage(length: int, reward: float) -> None:
    assert length_ramp(length, budget=1000, alpha=0.001, delta=0.95) == pytest.approx(reward)


def test_one_token_over_a_budget_of_8192_gives_0_495() -> None:
    assert part("reward", "length-ramp", budget=8192)(8193) == pytest.approx(0.495)


def test_the_ramp_needs_a_budget() -> None:
    with pytest.raises(PartError, match="budget"):
        part("reward", "length-ramp")


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_longer_response_never_gets_more(one: int, other: int, budget: int) -> None:
    short, long = sorted((one, other))
    assert 0.0 <= length_ramp(long, budget=budget) <= length_ramp(short, budget=budget) <= 1.0


def test_the_length_sigmoid_is_taken_over_the_whole_batch() -> None:
    # Lengths 1, 3, 5 have mean 3 and population std sqrt(8/3).
    first, second = length_sigmoid(batch((1, 3), (5,)))
    assert first == pytest.approx([0.772897, 0.5], abs=1e-6)
    assert second == pytest.approx([0.227103], abs=1e-6)


def test_equal_lengths_get_a_half() -> None:
    assert length_sigmoid(batch((4, 4), (4,))) == [[0.5, 0.5], [0.5]]


def test_an_empty_batch_has_no_lengths() -> None:
    assert length_sigmoid([]) == []
    assert length_sigmoid(batch((), ())) == [[], []]


@given(st.lists(st.lists(st.integers(0, 300), max_size=4).map(tuple), max_size=4))
def test_the_length_sigmoid_is_bounded_and_falls_with_length(
    lengths: list[tuple[int, ...]],
) -> None:
    rows = length_sigmoid(batch(*lengths))
    assert [len(row) for row in rows] == [len(row) for row in lengths]
    pairs = [
        (n, s) for ns, ss in zip(lengths, rows, strict=True) for n, s in zip(ns, ss, strict=True)
    ]
    assert all(0.0 <= score <= 1.0 for _, score in pairs)
    ordered = sorted(pairs)
    assert all(b[1] <= a[1] for a, b in pairwise(ordered))


def test_the_format_is_matched_by_name() -> None:
    assert format_match(r"<think> a </think> \boxed{5}") == 1.0
    assert format_match(r"\boxed{5}") == 0.0
    assert format_match("<think>a</think><answer>5</answer>", format="think-answer") == 1.0
    with pytest.raises(PartError, match="did you mean 'think-boxed'"):
        format_match("", format="think-box")


@pytest.mark.parametrize(
    "text",
    [
        r"<think>a</think> so \boxed{5} done",
        "<think>\na\n</think>\n\\boxed{\n5}\n",
        r"<think></think>\boxed{}",
        "<think>a</think> <answer>5</answer>",
        "<think>a</think><answer></answer>",
        "< think >a< / think > answer: 5",
        "<think>a</think>solution =",
        "<think>a</think> Hm. Therefore, x = 5",
        "<think>a</think> Thus\nx=5",
        "<think>a</think>b</think>answer : 5",
    ],
)
def test_the_released_format_accepts_four_endings(text: str) -> None:
    assert revisual_format(text) == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        r"\boxed{5}",
        r"Hm <think>a</think>\boxed{5}",
        r"<think>a \boxed{5}",
        r"<think>a \boxed{5}</think>",
        r"<think>a</think>\boxed{5",
        "<think>a</think><answer>5</answer>.",
        "<think>a</think>so <answer>5</answer>",
        "<think>a</think><answer>5",
        "<think>a</think>Answer: 5",
        "<think>a</think>the answer: 5",
        "<think>a</think>therefore x = 5",
        "<think>a</think>Therefore x is 5",
        "<think>a</think>x = 5 Thus ",
        "<think>Therefore, x=5</think>",
        "<think></answer>",
        "<think>",
    ],
)
def test_the_released_format_refuses_everything_else(text: str) -> None:
    assert revisual_format(text) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "<think>" * 14_000,
        "<think></think>" + "</think> " * 11_000,
        "<think></think>" + "Therefore, " * 9_000,
        "<think></think>" + " " * 100_000 + "answer",
        " " * 100_000,
        "<think></think>" + "<answer>" * 12_000,
    ],
)
def test_the_released_format_is_checked_in_linear_time(text: str) -> None:
    start = time.process_time()
    revisual_format(text)
    assert time.process_time() - start < 1.0


def test_every_outcome_can_have_its_number() -> None:
    values = {"correct": 1.0, "no answer": -0.5}
    assert outcome(Verdict(Outcome.CORRECT, 1.0), values=values) == 1.0
    assert outcome(Verdict(Outcome.NO_ANSWER, 0.0), values=values) == -0.5
    assert outcome(Verdict(Outcome.TIMEOUT, 0.0), values=values) is None
    assert outcome(Verdict(Outcome.WRONG, 0.0), values=values, otherwise=0.0) == 0.0
    with pytest.raises(ValueError, match="did you mean 'correct'"):
        outcome(Verdict(Outcome.WRONG, 0.0), values={"corect": 1.0})
