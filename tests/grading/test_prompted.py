from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.grading.masks import mask_of
from gnomon.grading.prompted import (
    Prompt,
    prompted_mask,
    read_prompt,
    share_segmented,
    write_prompt,
)
from gnomon.records import Answer, Outcome

MASK = np.zeros((10, 20), dtype=bool)
MASK[2:6, 4:12] = True
GOLD = Answer("mask", MASK)
INSIDE = [(5, 3), (10, 5)]


def told(box: tuple[int, ...] = (4, 2, 12, 6), points: list[tuple[int, int]] = INSIDE) -> str:
    return write_prompt(box, points)


def test_what_is_written_is_read() -> None:
    found = read_prompt(told())
    assert found == Prompt((4.0, 2.0, 12.0, 6.0), ((5.0, 3.0), (10.0, 5.0)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[4, 2, 12, 6]",
        "{'bbox': [4, 2, 12, 6], 'points_1': [5, 3], 'points_2': [5, 3]}",
        '{"bbox": [4, 2, 12, 6], "points_1": [5, 3]}',
        '{"bbox": [12, 6, 4, 2], "points_1": [5, 3], "points_2": [5, 3]}',
        '{"bbox": [4, 2, 12, 6], "points_1": [5], "points_2": [5, 3]}',
        '{"bbox": [4, 2, 12, true], "points_1": [5, 3], "points_2": [5, 3]}',
    ],
)
def test_what_is_no_prompt_is_an_unreadable_answer_or_none(text: str) -> None:
    assert read_prompt(text) is None
    verdict = prompted_mask(text, GOLD)
    assert verdict.outcome in (Outcome.UNPARSEABLE_ANSWER, Outcome.NO_ANSWER)


def test_the_score_is_the_share_of_the_mask_in_the_box() -> None:
    assert prompted_mask(told(), GOLD).score == 1.0
    half = prompted_mask(told((4, 2, 8, 6)), GOLD)
    assert (half.score, half.correct) == (0.5, True)
    assert not prompted_mask(told((4, 2, 8, 6)), GOLD, iou=0.6).correct


@pytest.mark.parametrize("points", [[(5, 3), (0, 0)], [(12, 3), (5, 3)], [(-1, 3), (5, 3)]])
def test_a_point_beside_the_object_loses_it(points: list[tuple[int, int]]) -> None:
    assert prompted_mask(told(points=points), GOLD).score == 0.0


def test_a_box_around_everything_is_free_and_says_so() -> None:
    assert prompted_mask(told((0, 0, 20, 10)), GOLD).score == 1.0
    assert prompted_mask(told((-5, -5, 99, 99)), GOLD).score == 1.0
    assert "costs nothing here" in (prompted_mask.__doc__ or "")


def test_a_reference_that_is_no_mask_is_named() -> None:
    verdict = prompted_mask(told(), Answer("box", (4.0, 2.0, 12.0, 6.0)))
    assert verdict.outcome is Outcome.UNPARSEABLE_REFERENCE
    assert "leads to a mask, not to a box" in verdict.reason
    assert prompted_mask(told(), Answer("mask", "none")).outcome is Outcome.UNPARSEABLE_REFERENCE


def test_no_answer_is_no_answer_and_an_empty_mask_is_never_found() -> None:
    assert prompted_mask(None, GOLD).outcome is Outcome.NO_ANSWER
    assert prompted_mask(told(), Answer("mask", np.zeros((10, 20), dtype=bool))).score == 0.0


@given(st.data())
def test_the_share_is_that_of_counting_pixels(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    bits = st.lists(st.booleans(), min_size=height * width, max_size=height * width)
    mask_HW = np.array(data.draw(bits)).reshape(height, width)
    places = list(zip(*np.nonzero(mask_HW), strict=True))
    mask = mask_of(mask_HW)
    if not places or mask is None:
        return
    (y, x), (v, u) = data.draw(st.sampled_from(places)), data.draw(st.sampled_from(places))
    left, top = data.draw(st.integers(0, width)), data.draw(st.integers(0, height))
    box = (float(left), float(top), left + 2.0, top + 3.0)
    expected = mask_HW[top : top + 3, left : left + 2].sum() / len(places)
    prompt = Prompt(box, ((float(x), float(y)), (float(u), float(v))))
    assert share_segmented(prompt, mask) == pytest.approx(expected)


@given(st.text() | st.recursive(st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_text_breaks_the_reader(text: str) -> None:
    read_prompt(text)
    read_prompt(f'{{"bbox": {text}}}')
    assert prompted_mask(text, GOLD).score <= 1.0
