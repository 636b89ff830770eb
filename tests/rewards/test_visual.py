from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.parts import part
from gnomon.rewards.visual import (
    MAX_BOXES,
    best_overlaps,
    box_set,
    generalised_iou,
    giou,
    iou,
    mask_iou,
    match_boxes,
    overlap_iou,
    point_in_box,
    soft_step,
    sorted_corners,
    union_iou,
)

coordinate = st.floats(-1e6, 1e6)
boxes = st.tuples(coordinate, coordinate, coordinate, coordinate)
pixel = st.integers(0, 12)
small = st.tuples(pixel, pixel, pixel, pixel)
proper = st.tuples(pixel, pixel, st.integers(1, 6), st.integers(1, 6)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


def test_equal_boxes_get_one() -> None:
    assert part("reward", "iou", threshold=0.5)((0, 0, 10, 10), (0, 0, 10, 10)) == 1.0


def test_below_the_threshold_the_reward_is_zero() -> None:
    assert iou((0, 0, 10, 10), (0, 0, 10, 5)) == 0.5
    assert iou((0, 0, 10, 10), (0, 0, 10, 5), threshold=0.5) == 0.5
    assert iou((0, 0, 10, 10), (0, 0, 10, 5), threshold=0.51) == 0.0


def test_without_a_predicted_box_the_reward_is_zero() -> None:
    assert iou(None, (0, 0, 10, 10)) == 0.0
    assert giou(None, (0, 0, 10, 10)) == -1.0
    assert point_in_box(None, (0, 0, 10, 10)) == 0.0
    assert mask_iou(None, [[1]]) == 0.0
    assert box_set(None, []) == 0.0


@pytest.mark.parametrize("value", ["A", 5, (1, 2, 3)])
def test_what_is_no_box_is_refused(value: Any) -> None:
    for term in (iou, giou):
        with pytest.raises(ValueError, match="not a box"):
            term(value, (0, 0, 10, 10))
        with pytest.raises(ValueError, match="reference"):
            term((0, 0, 10, 10), value)
    with pytest.raises(ValueError, match="not a point"):
        point_in_box("x", (0, 0, 10, 10))  # type: ignore[arg-type]


@given(boxes, boxes)
def test_any_two_boxes_have_a_symmetric_bounded_iou(one: Any, other: Any) -> None:
    assert iou(one, other) == iou(other, one)
    assert 0.0 <= iou(one, other) <= 1.0
    assert -1.0 <= generalised_iou(one, other) <= 1.0 + 1e-9


@pytest.mark.parametrize(
    ("said", "gold", "value"),
    [
        ((100, 100, 300, 300), (150, 150, 350, 350), 0.3913),
        ((0, 0, 10, 10), (9, 0, 19, 10), 0.0),
        ((200, 200, 600, 600), (200, 200, 600, 400), 0.5),
    ],
)
def test_the_worked_boxes_of_univg(said: Any, gold: Any, value: float) -> None:
    assert iou(said, gold, rule="one-pixel") == pytest.approx(value, abs=1e-4)


@given(proper, proper)
def test_the_one_pixel_rule_only_takes_thin_overlaps_away(one: Any, other: Any) -> None:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    found = overlap_iou(one, other, "one-pixel")
    assert found == (overlap_iou(one, other) if min(width, height) >= 2 else 0.0)


def test_inclusive_edges_belong_to_the_box() -> None:
    assert overlap_iou((0, 0, 9, 9), (0, 0, 9, 4), "inclusive") == 0.5
    assert overlap_iou((0, 0, 9, 9), (9, 0, 18, 9), "inclusive") == 0.0


def test_an_empty_box_overlaps_nothing() -> None:
    assert overlap_iou((5, 5, 5, 5), (5, 5, 5, 5)) == 0.0
    assert overlap_iou((5, 5, 1, 1), (0, 0, 9, 9)) == 0.0


@pytest.mark.parametrize(("overlap", "value"), [(0.5, 0.714286), (0.72, 1.0), (0.7, 1.0), (0, 0)])
def test_the_worked_soft_step_of_infigui(overlap: float, value: float) -> None:
    assert soft_step(overlap, 0.7) == pytest.approx(value, abs=1e-6)
    assert iou((0, 0, 10, 10), (0, 0, 10, 5), full_at=0.7) == pytest.approx(0.714286, abs=1e-6)


@pytest.mark.parametrize(
    ("said", "value"),
    [((0, 0, 20, 6), 0.6), ((5, 0, 25, 10), 0.6), ((8, 0, 28, 10), 0.4286)],
)
def test_the_worked_boxes_of_mars(said: Any, value: float) -> None:
    assert iou(said, (0, 0, 20, 10)) == pytest.approx(value, abs=1e-4)


def test_the_generalised_iou_tells_near_from_far() -> None:
    near, far = ((2, 0, 3, 1), (8, 0, 9, 1))
    assert generalised_iou((0, 0, 1, 1), near) > generalised_iou((0, 0, 1, 1), far)
    assert giou((0, 0, 1, 1), (0, 0, 1, 1)) == 1.0


@settings(max_examples=30)
@given(st.lists(proper, max_size=4), st.lists(proper, max_size=4))
def test_the_matching_is_the_best_there_is(one: Any, other: Any) -> None:
    few, many = sorted((one, other), key=len)
    best = max(
        sum(overlap_iou(a, b) for a, b in zip(few, chosen, strict=False))
        for chosen in itertools.permutations(many)
    )
    pairs = match_boxes(one, other)
    assert sum(value for _, _, value in pairs) == pytest.approx(best)
    assert len({i for i, _, _ in pairs}) == len({j for _, j, _ in pairs}) == len(pairs)


def test_extra_boxes_cost_unless_they_are_said_to_be_free() -> None:
    gold = [(0, 0, 4, 4)]
    many = [(8, 8, 9, 9), (0, 0, 4, 4), (5, 5, 6, 6)]
    assert box_set(many, gold) == pytest.approx(1 / 3)
    assert box_set(many, gold, per="reference") == 1.0
    assert box_set(many, [*gold, *gold], matching="best", per="reference") == 1.0
    assert box_set(many, [*gold, *gold]) == pytest.approx(1 / 3)
    assert box_set([(0, 0, 4, 2)], gold, threshold=0.6) == 0.0
    assert (box_set([], []), box_set(gold, []), box_set([], gold)) == (1.0, 0.0, 0.0)


def test_too_many_boxes_are_refused() -> None:
    crowd = [(0, 0, 1, 1)] * (MAX_BOXES + 1)
    with pytest.raises(ValueError, match="too many"):
        match_boxes(crowd, [(0, 0, 1, 1)])
    with pytest.raises(ValueError, match="too many"):
        union_iou([(0, 0, 1, 1)], crowd)


@settings(max_examples=50)
@given(st.lists(small, min_size=1, max_size=5), st.lists(small, min_size=1, max_size=5))
def test_the_union_is_that_of_painted_pixels(one: Any, other: Any) -> None:
    def painted(boxes: Any) -> Any:
        grid = np.zeros((13, 13), bool)
        for x1, y1, x2, y2 in map(sorted_corners, boxes):
            grid[int(y1) : int(y2), int(x1) : int(x2)] = True
        return grid

    a, b = painted(one), painted(other)
    wanted = (a & b).sum() / ((a | b).sum() + 1e-6)
    assert union_iou(one, other) == pytest.approx(wanted, abs=1e-9)


def test_the_worked_union_of_satori() -> None:
    found = union_iou([(10, 10, 20, 20), (15, 15, 30, 30)], [(10, 10, 30, 30)])
    assert found == pytest.approx(0.75, abs=1e-6)


def test_duplicates_and_empty_boxes_change_no_union() -> None:
    box = (0, 0, 4, 4)
    assert union_iou([box, box, (3, 3, 3, 9)], [box]) == pytest.approx(1.0, abs=1e-6)
    assert union_iou([], [box]) == union_iou([box], []) == 0.0


def test_a_point_on_the_edge_is_inside() -> None:
    assert [point_in_box(p, (0, 0, 10, 10)) for p in ((0, 0), (10, 10), (10.1, 5))] == [1, 1, 0]


def test_masks_overlap_like_sets() -> None:
    assert mask_iou([[1, 1], [0, 0]], [[1, 0], [1, 0]]) == pytest.approx(1 / 3)
    assert mask_iou([[0]], [[0]]) == 1.0
    assert mask_iou([[0]], [[1]]) == 0.0
    with pytest.raises(ValueError, match=r"one \[H, W\] shape"):
        mask_iou([[1]], [[1, 1]])


def test_best_overlaps_are_zero_without_others() -> None:
    assert best_overlaps([(0, 0, 1, 1)], []) == [0.0]
