from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.records import Sample
from gnomon.rewards.grounding import (
    TASKS,
    grounding,
    grounding_structure,
    payload,
    point_similarity,
    shared_keys,
    three_points,
)

BOX = [0, 0, 10, 10]
POINTS = [[1, 1], [5, 5], [9, 9]]
SEGMENT = {"boxes": BOX, "positive_points": POINTS, "negative_points": POINTS}


def record(kind: str, answer: Any) -> Sample:
    return Sample("s", (), meta={"problem_type": kind, "answer": answer})


def said(value: Any) -> str:
    return f"<think>x</think>\n<answer>{json.dumps(value)}</answer>"


def total(text: str, sample: Sample) -> float:
    accuracy = grounding(text, sample)
    assert accuracy is not None
    well_formed = text.startswith("<think>") and text.endswith("</answer>")
    return 0.9 * accuracy + 0.1 * well_formed + grounding_structure(text, sample)


def test_the_worked_time() -> None:
    sample = record("temporal grounding", {"time": [4, 8]})
    assert grounding(said({"time": [2, 6]}), sample) == pytest.approx(1 / 3)
    assert total(said({"time": [2, 6]}), sample) == pytest.approx(0.9)


def test_the_worked_box() -> None:
    sample = record("spatial grounding", json.dumps({"boxes": BOX}))
    assert grounding(said({"boxes": [5, 0, 15, 10]}), sample) == pytest.approx(1 / 3)


def test_the_worked_track() -> None:
    sample = record("Tracking", {"boxes": {"1": BOX, "2": BOX}})
    text = said({"boxes": {"1": BOX}})
    assert grounding(text, sample) == 0.5
    assert grounding_structure(text, sample) == pytest.approx(0.375)
    assert total(text, sample) == pytest.approx(0.925)


def test_the_worked_tube() -> None:
    gold = {"time": [0, 8], "boxes": {"0": BOX, "1": BOX}}
    text = said({"time": [0, 4], "boxes": {"0": BOX, "7": BOX}})
    sample = record("spatial-temporal grounding", gold)
    assert grounding(text, sample) == 0.75
    assert grounding_structure(text, sample) == pytest.approx(0.375)
    assert total(text, sample) == pytest.approx(1.15)


def test_a_segmentation_prompt_weighs_box_points_and_moment() -> None:
    image, video = record("segmentation", SEGMENT), record("segmentation", {**SEGMENT, "time": 4})
    assert grounding(said(SEGMENT), image) == 1.0
    moved = {**SEGMENT, "positive_points": [[51, 1], [55, 5], [59, 9]]}
    assert grounding(said(moved), image) == pytest.approx(0.75 + 0.25 * math.exp(-0.5))
    late = {**SEGMENT, "time": 6}
    assert grounding(said(late), video) == pytest.approx(0.7 + 0.3 * math.exp(-1))
    assert grounding(said(SEGMENT), video) == 0.0
    assert grounding(said({**late, "time": "6"}), video) == 0.0


@pytest.mark.parametrize(
    "value",
    [{"boxes": BOX}, {**SEGMENT, "positive_points": POINTS[:2]}, {**SEGMENT, "boxes": [1, 2]},
     {**SEGMENT, "negative_points": [[1], [2], [3]]}, {**SEGMENT, "time": "6"}],
)  # fmt: skip
def test_a_malformed_prompt_has_neither_accuracy_nor_structure(value: Any) -> None:
    gold = {**SEGMENT, "time": 4} if "time" in value else SEGMENT
    sample = record("segmentation", gold)
    assert grounding(said(value), sample) == 0.0
    assert grounding_structure(said(value), sample) == 0.0


def test_points_are_assigned_in_the_best_of_six_ways() -> None:
    assert point_similarity(POINTS[::-1], POINTS) == 1.0
    far = point_similarity([[101, 1], [105, 5], [109, 9]], POINTS)
    assert far < point_similarity([[11, 1], [15, 5], [19, 9]], POINTS)
    assert three_points([[1, 2], [3, 4], ["5", 6]]) == [(1, 2), (3, 4), (5, 6)]
    assert three_points("abc") is None


def test_keys_are_paid_where_the_boxes_are_nonsense() -> None:
    sample = record("tracking", {"boxes": {"1": BOX, "2": BOX}})
    text = said({"boxes": {"1": "here", "2": None}})
    assert grounding(text, sample) == 0.0
    assert grounding_structure(text, sample) == 0.25
    assert shared_keys({"boxes": {}}, {"boxes": {}}) == 0.0


def test_numeric_texts_are_numbers_and_an_empty_map_is_valid() -> None:
    assert (
        grounding(said({"time": ["4", "8"]}), record("temporal grounding", {"time": [4, 8]})) == 1
    )
    sample = record("tracking", {"boxes": {"1": BOX}})
    assert grounding_structure(said({"boxes": {}}), sample) == 0.25


def test_structure_needs_the_layout_and_accuracy_does_not() -> None:
    sample = record("temporal grounding", {"time": [4, 8]})
    bare = json.dumps({"time": [4, 8]})
    assert grounding(bare, sample) == 1.0
    assert grounding_structure(bare, sample) == 0.0
    assert grounding_structure(f" {said({'time': [4, 8]})}\n", sample) == 0.5


@pytest.mark.parametrize(
    "text", ["", "<answer>4 to 8</answer>", "<answer>[4, 8]</answer>", "{'time': 4}"]
)
def test_what_is_no_object_scores_zero(text: str) -> None:
    assert grounding(text, record("temporal grounding", {"time": [4, 8]})) == 0.0
    assert payload(text) is None


def test_the_gold_may_stand_in_an_answer_block_or_be_missing() -> None:
    sample = record("temporal grounding", '<answer>{"time": [4, 8]}</answer>')
    assert grounding(said({"time": [4, 8]}), sample) == 1.0
    assert grounding(said({"time": [4, 8]}), record("temporal grounding", None)) is None


def test_an_unknown_task_is_an_error() -> None:
    with pytest.raises(ValueError, match="did you mean 'tracking'"):
        grounding("", record("traking", {}))


@given(st.sampled_from(sorted(TASKS)), st.text(max_size=60))
def test_no_text_breaks_a_scorer(kind: str, text: str) -> None:
    for body in (text, f'<answer>{{"boxes": {text}}}</answer>', f'{{"time": [{text}]}}'):
        found = grounding(body, record(kind, {**SEGMENT, "time": [0, 1]}))
        assert found is not None
        assert 0.0 <= found <= 1.0


@given(
    st.sampled_from(sorted(TASKS)),
    st.dictionaries(
        st.sampled_from(["time", "boxes", *("positive_points", "negative_points")]),
        st.recursive(
            st.none() | st.booleans() | st.integers(-50, 50) | st.text(max_size=3),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("12"), inner),
            max_leaves=8,
        ),
    ),
)
def test_no_json_breaks_a_scorer(kind: str, value: Any) -> None:
    sample = record(kind, SEGMENT)
    assert 0.0 <= (grounding(said(value), sample) or 0.0) <= 1.0
    assert 0.0 <= grounding_structure(said(value), sample) <= 0.5


def test_an_empty_name_means_the_answer_and_the_task_of_the_sample_itself() -> None:
    sample = Sample("a", (), task="Spatial Grounding")
    gold = '{"boxes": [0, 0, 10, 10]}'
    assert grounding(said({"boxes": [5, 0, 15, 10]}), sample, gold, column="", task="") == (
        pytest.approx(1 / 3)
    )
    assert grounding_structure(said({"boxes": [1, 2, 3, 4]}), sample, gold, column="", task="") == (
        0.5
    )


def test_a_task_without_boxes_gets_what_is_set_for_the_layout_alone() -> None:
    sample = Sample("a", (), task="ocr")
    laid_out = "<think>a</think><answer>b</answer>"
    score = grounding_structure(laid_out, sample, "b", column="", task="", otherwise=0.5)
    assert score == 0.5
    assert grounding_structure("b", sample, "b", column="", task="", otherwise=0.5) == 0.0
    with pytest.raises(ValueError, match="no grounding task 'ocr'"):
        grounding_structure(laid_out, sample, "b", column="", task="")
