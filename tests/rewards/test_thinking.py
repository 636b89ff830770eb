from __future__ import annotations

import math
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gnomon.parts import part
from gnomon.records import Graded, Group, Outcome, Rollout, Sample, Verdict
from gnomon.rewards.thinking import (
    group_budget,
    group_length_bonus,
    length_score,
    margin_uncertainty,
    read_solution,
    relative_length,
    segmentation_parts,
    segmentation_prompt,
    step_markers,
    thinking_budget,
    thinking_length,
)

BOX, POINTS = (100, 100, 200, 220), [(130, 140), (170, 190)]
SOLUTION = "<box>(100,100),(200,220)</box><points>(130,140),(170,190)</points>"
JSON = '{"bbox": [102,98,205,221], "points_1": [131,141], "points_2": [168,191]}'


def group(rows: list[tuple[bool, int]]) -> Group:
    def graded(right: bool, length: int) -> Graded:
        rollout = Rollout((1,) * length, (0.0,) * length, "x" * length, "end")
        return Graded(rollout, Verdict(Outcome.CORRECT if right else Outcome.WRONG, float(right)))

    return Group(Sample("s", ()), tuple(graded(*row) for row in rows))


@pytest.mark.parametrize(
    ("d", "u", "length", "budget", "score"),
    [
        (6.0, 0.2, 300, 261, 0.922),
        (4.0, 0.2, 300, None, 1.0),
        (2.0, 0.9, 300, 96, 0.592),
        (2.0, 0.1, 60, 96, 1.0),
        (8.0, 0.0, 900, 256, 0.0),
    ],
)
def test_the_worked_budgets(
    d: float, u: float, length: int, budget: float | None, score: float
) -> None:
    assert thinking_budget(d, u) == budget
    assert length_score(length, budget) == pytest.approx(score)
    sample = Sample("s", (), meta={"difficulty": d})
    term = part("reward", "thinking-length", uncertainty=u)
    assert term("word " * length, sample) == pytest.approx(score)


@pytest.mark.parametrize("difficulty", [None, 0.5, 11.0])
def test_a_missing_difficulty_is_easy(difficulty: float | None) -> None:
    assert thinking_budget(difficulty, 1.0) == 96
    sample = Sample("s", (), meta={"difficulty": difficulty})
    assert thinking_length("word " * 346, sample) == 0.5


def test_the_worked_uncertainty() -> None:
    top = [[math.log(p) for p in pair] for pair in ((0.9, 0.05), (0.5, 0.4))]
    assert margin_uncertainty(top) == pytest.approx(0.525)
    assert margin_uncertainty([*top, [0.0]]) == pytest.approx(0.525)
    assert margin_uncertainty([]) == 0.0


def test_the_worked_segmentation_has_all_five_terms() -> None:
    text = f"<think>so</think>\n<answer>{JSON}</answer>"
    assert segmentation_parts(text, BOX, POINTS) == (1, 1, 1, 1, 1)
    assert segmentation_prompt(text, Sample("s", (), meta={"solution": SOLUTION})) == 5.0


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (JSON.replace('"', "'"), (0, 0, 0, 0, 0)),
        (JSON, (0, 1, 1, 1, 1)),
        ("{x} " + JSON, (0, 0, 0, 0, 0)),
        (JSON.replace("[131,141]", "[1,1]"), (0, 1, 1, 0, 1)),
        (JSON.replace("205,221", "205,290"), (0, 1, 1, 1, 0)),
        (JSON.replace("[102,98,205,221]", "[1,2,3]"), (0, 0, 0, 0, 0)),
        (JSON.replace("102", '"a"'), (0, 1, 0, 0, 0)),
        ("<think></think><answer></answer>", (1, 0, 0, 0, 0)),
        ("", (0, 0, 0, 0, 0)),
    ],
)
def test_each_term_fails_alone(text: str, parts: tuple[int, ...]) -> None:
    assert segmentation_parts(text, BOX, POINTS) == parts


def test_smaller_pictures_have_smaller_limits() -> None:
    said = '{"bbox": [105, 105, 205, 225], "points_1": [131, 141], "points_2": [168, 191]}'
    text = f"<think>so</think><answer>{said}</answer>"
    assert segmentation_parts(text, BOX, POINTS) == (1, 1, 1, 1, 1)
    assert segmentation_parts(text, BOX, POINTS, (4.0, 100.0)) == (1, 1, 1, 1, 0)
    assert segmentation_parts(text, BOX, POINTS, (10.0, 1.0)) == (1, 1, 1, 0, 1)


def test_budgets_and_their_span_are_settings() -> None:
    def worth(words: int, level: float) -> float:
        sample = Sample("s", (), meta={"difficulty": level})
        return thinking_length("word " * words, sample, budgets=(10.0, 20.0), span=10.0)

    assert [worth(n, 2.0) for n in (10, 15, 20)] == pytest.approx([1.0, 0.5, 0.0])
    assert [worth(n, 6.0) for n in (20, 25)] == pytest.approx([1.0, 0.5])
    assert worth(99, 4.0) == 1.0


def test_points_may_come_in_either_order() -> None:
    swapped = JSON.replace("[131,141]", "[168,191]", 1).replace(
        '"points_2": [168,191]', '"points_2": [131,141]'
    )
    assert segmentation_parts(swapped, BOX, POINTS) == (0, 1, 1, 1, 1)


def test_a_reference_that_is_no_box_and_points_is_an_error() -> None:
    assert read_solution(SOLUTION) == ([100, 100, 200, 220], POINTS)
    with pytest.raises(ValueError, match="no box and two points"):
        read_solution("<box>(1,2)</box>")


def test_the_worked_bonuses_of_dast() -> None:
    rewards = [3, 3, 3, 2, 2, 1, 3, 2]
    lengths = [60.0, 90, 120, 150, 80, 200, 100, 40]
    bonus = group_length_bonus([reward == 3 for reward in rewards], lengths)
    shaped = [round(r + b, 4) for r, b in zip(rewards, bonus, strict=True)]
    assert shaped == [3.7949, 3.6923, 3.5897, 1.9, 1.4923, 0.9, 3.6581, 1.2462]


def test_a_group_without_tokens_has_no_bonus() -> None:
    assert group_length_bonus([True, True], [0, 0]) == [0.0, 0.0]
    assert group_length_bonus([], []) == []


def test_the_budget_is_that_of_each_group() -> None:
    found = group_budget([group([(True, 50), (False, 100)]), group([(True, 7)])])
    assert found[0] == pytest.approx([0.6667, -0.1], abs=1e-4)
    assert found[1] == [0.5]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 200)), min_size=1, max_size=6))
@example([(False, 0), (True, 0)])
def test_a_right_rollout_always_gets_more_than_a_wrong_one(rows: list[tuple[bool, int]]) -> None:
    rights, lengths = zip(*rows, strict=True)
    bonus = group_length_bonus(rights, lengths)
    right = [b for b, good in zip(bonus, rights, strict=True) if good]
    wrong = [b for b, good in zip(bonus, rights, strict=True) if not good]
    if right and wrong and any(lengths):  # without a token there is no bonus at all
        assert min(right) > max(wrong)


def test_length_is_relative_to_the_whole_batch() -> None:
    found = relative_length([group([(True, 10), (False, 10)]), group([(False, 30)])])
    assert found == [[pytest.approx(0.025), 0.0], [pytest.approx(-0.025)]]
    assert relative_length([group([(True, 10), (False, 10)])]) == [[0.0, 0.0]]
    assert relative_length([]) == []


@pytest.mark.parametrize(
    ("text", "score"),
    [("First, a\n- b", 2 / 3), ("1. a\n2. b", 1 / 3), ("first a", 0.0), ("", 0.0),
     ("Step 1: a Step 2: b Next, c Finally, d", 1.0)],
)  # fmt: skip
def test_markers_count_up_to_three(text: str, score: float) -> None:
    assert step_markers(text) == pytest.approx(score)


@given(st.text(max_size=80))
def test_no_text_breaks_a_reader(text: Any) -> None:
    segmentation_parts(text, BOX, POINTS)
    segmentation_parts(f'{{"bbox": {text}}}', BOX, POINTS)


@pytest.mark.parametrize("piece", ["{", "}", "{}", "<think>", "Step 1", "\n-"])
def test_reading_takes_linear_time(piece: str) -> None:
    start = time.process_time()
    segmentation_parts(piece * 30_000, BOX, POINTS)
    step_markers(piece * 30_000)
    assert time.process_time() - start < 1.0
