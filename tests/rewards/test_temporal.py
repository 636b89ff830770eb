from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.records import Sample
from gnomon.rewards.temporal import (
    dual,
    has_interval_layout,
    interval,
    interval_format,
    read_interval,
    same_answer,
    span_iou,
    temporal_iou,
    track_iou,
    video_answer,
)

VIDEO = Sample("v", (), meta={"solution": [0.425, 0.6975], "video_length": 200.0})
spans = st.tuples(st.floats(0, 100), st.floats(0, 100)).map(sorted).map(tuple)


def said(start: Any, end: Any) -> str:
    return f'<think>x</think><answer>{{"start_time": "{start}", "end_time": "{end}"}}</answer>'


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [
        ((75, 127), (85, 139.5), 0.651163),
        ((10, 30), (20, 40), 0.333333),
        ((2, 6), (4, 8), 0.333333),
        ((5, 5), (5, 5), 0.0),
        ((30, 10), (10, 30), 0.0),
        ((0, 1), (8, 9), 0.0),
    ],
)
def test_the_worked_spans(one: Any, other: Any, value: float) -> None:
    assert span_iou(one, other) == pytest.approx(value, abs=1e-6)
    assert temporal_iou(one, other) == pytest.approx(value, abs=1e-6)
    assert temporal_iou(None, other) == 0.0


@given(spans, spans)
def test_where_spans_share_time_the_hull_is_the_union(one: Any, other: Any) -> None:
    shared = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    union = one[1] - one[0] + other[1] - other[0] - shared
    wanted = shared / union if union > 1e-9 else 0.0
    if union > 1e-9:
        assert span_iou(one, other) == pytest.approx(wanted, abs=1e-9)


def test_the_worked_rewards_of_temporal_r1() -> None:
    right = said(75, 127)
    overlap, form = interval(right, VIDEO), interval_format(right)
    assert overlap is not None
    assert 0.5 * overlap + 0.5 * form == pytest.approx(0.825581, abs=1e-6)
    bare = right.removeprefix("<think>x</think>")
    assert interval_format(bare) == 0.0
    assert interval(bare, VIDEO) == pytest.approx(0.651163, abs=1e-6)


@pytest.mark.parametrize("text", ["", "<answer>75-127</answer>", said("1.2.3", 4), said("a", 4)])
def test_an_unreadable_interval_scores_zero(text: str) -> None:
    assert interval(text, VIDEO) == 0.0


def test_a_pattern_of_digits_and_dots_is_well_formed_and_worth_nothing() -> None:
    assert (interval_format(said("1.2.3", 4)), interval(said("1.2.3", 4), VIDEO)) == (1.0, 0.0)


def test_an_interval_without_its_reference_does_not_apply() -> None:
    asked = Sample("v", (), meta={"solution": None, "video_length": 9.0})
    assert interval(said(1, 2), asked) is None


@pytest.mark.parametrize(
    "text",
    [
        said(1, 2) + "\n",
        said(1, 2).replace('"1"', "1"),
        '<think>x</think><answer>{"end_time": "2", "start_time": "1"}</answer>',
        "so " + said(1, 2),
        said(1, 2) + said(1, 2),
    ],
)
def test_the_layout_is_strict(text: str) -> None:
    wanted = re.fullmatch(
        r'<think>.*?</think>\s*<answer>\s*\{\s*"start_time"\s*:\s*"[\d.]+"\s*,'
        r'\s*"end_time"\s*:\s*"[\d.]+"\s*\}\s*</answer>',
        text,
        re.DOTALL,
    )
    assert has_interval_layout(text) == (wanted is not None)


def test_blanks_around_marks_and_blocks_are_allowed() -> None:
    text = '<think>\n</think> <answer> { "start_time" : "1" , "end_time" : "2" } </answer>'
    assert has_interval_layout(text)
    assert read_interval(text) == (1.0, 2.0)


def test_the_layout_is_checked_in_linear_time() -> None:
    start = time.process_time()
    for piece in ("</think>", "<answer>{", " ", '"1"'):
        has_interval_layout("<think>" + piece * 30_000)
    assert time.process_time() - start < 1.0


def test_a_track_counts_missing_times_unless_only_common_ones_count() -> None:
    gold = {"1": (0, 0, 2, 2), "2": (0, 0, 2, 2)}
    one = {"1": (0, 0, 2, 2), "9": (0, 0, 2, 2)}
    assert track_iou(one, gold) == 0.5
    assert track_iou(one, gold, keys="common") == 1.0
    assert track_iou(None, gold) == track_iou({}, gold) == track_iou({"1": (0, 0, 1, 1)}, {}) == 0.0


@pytest.mark.parametrize(
    ("text", "gold", "same"),
    [(" b ", "B", True), ("0.5", "1/2", True), ("7.0", "7", True), ("B.", "B", False)],
)
def test_answers_agree_as_texts_or_numbers(text: str, gold: str, same: bool) -> None:
    assert same_answer(text, gold) is same


def test_an_answer_over_several_lines_is_the_whole_text() -> None:
    assert video_answer("<answer>B</answer>", "b") == 1.0
    assert video_answer("<answer>\nB</answer>", "b") == 0.0
    assert video_answer("B", "b") == 1.0
    assert video_answer("B", None) is None


def test_the_dual_reward_halves_meaning_and_time() -> None:
    asked = Sample("v", (), meta={"span": [20, 40]})
    text = '<answer>{"answer": "%s", "start_time": "10", "end_time": "30"}</answer>'
    assert dual(text % "B", "B", asked) == pytest.approx(0.666667, abs=1e-6)
    assert dual(text % "A", "B", asked) == pytest.approx(0.166667, abs=1e-6)
    assert dual("B", "B", asked) == 0.0
    assert dual(text % "B", None, asked) is None
