from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.parts import part
from gnomon.rewards.visual import iou

coordinate = st.floats(-1e6, 1e6)
boxes = st.tuples(coordinate, coordinate, coordinate, coordinate)


def test_equal_boxes_get_one() -> None:
    assert part("reward", "iou", threshold=0.5)((0, 0, 10, 10), (0, 0, 10, 10)) == 1.0


def test_below_the_threshold_the_reward_is_zero() -> None:
    assert iou((0, 0, 10, 10), (0, 0, 10, 5)) == 0.5
    assert iou((0, 0, 10, 10), (0, 0, 10, 5), threshold=0.5) == 0.5
    assert iou((0, 0, 10, 10), (0, 0, 10, 5), threshold=0.51) == 0.0


def test_without_a_predicted_box_the_reward_is_zero() -> None:
    assert iou(None, (0, 0, 10, 10)) == 0.0


@pytest.mark.parametrize("value", ["A", 5, (1, 2, 3)])
def test_what_is_no_box_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not a box"):
        iou(value, (0, 0, 10, 10))
    with pytest.raises(ValueError, match="reference"):
        iou((0, 0, 10, 10), value)


@given(boxes, boxes)
def test_any_two_boxes_have_a_symmetric_bounded_iou(one: Any, other: Any) -> None:
    assert iou(one, other) == iou(other, one)
    assert 0.0 <= iou(one, other) <= 1.0
