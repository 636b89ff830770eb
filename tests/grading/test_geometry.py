from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.grading.geometry import best_matching, box_iou, polygon_iou, span_iou, spans_iou

side = st.integers(0, 40)
boxes = st.tuples(side, side, st.integers(1, 40), st.integers(1, 40)).map(
    lambda t: (t[0], t[1], t[0] + t[2], t[1] + t[3])
)
spans = st.tuples(side, st.integers(1, 40)).map(lambda t: (t[0], t[0] + t[1]))
points = st.tuples(st.floats(-9, 9), st.floats(-9, 9))


def corners(box: Any) -> list[Any]:
    return [(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])]


@given(boxes, boxes)
def test_polygons_that_are_boxes_overlap_like_boxes(one: Any, other: Any) -> None:
    overlap = polygon_iou(corners(one), corners(other))
    assert overlap == pytest.approx(box_iou(one, other), abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.lists(points, min_size=3, max_size=8), st.lists(points, min_size=3, max_size=8))
def test_polygon_overlap_is_symmetric_and_bounded_for_any_polygon(one: Any, other: Any) -> None:
    assert 0.0 <= polygon_iou(one, other) <= 1.0
    assert polygon_iou(one, other) == pytest.approx(polygon_iou(other, one), abs=1e-6)


@given(st.lists(st.tuples(side, side), min_size=3, max_size=8))
def test_a_polygon_overlaps_itself_wholly_unless_it_is_empty(polygon: Any) -> None:
    assert polygon_iou(polygon, polygon) == pytest.approx(1.0) or polygon_iou(
        polygon, corners((-9, -9, 99, 99))
    ) == pytest.approx(0.0)


def test_a_triangle_is_half_of_its_box() -> None:
    triangle = [(0, 0), (4, 0), (0, 4)]
    assert polygon_iou(triangle, corners((0, 0, 4, 4))) == pytest.approx(0.5)


def test_an_edge_that_is_all_but_level_is_level() -> None:
    flat = [(0.0, 0.0), (1.0, 1e-308), (2.0, 0.0)]
    assert polygon_iou(flat, flat) == 0.0
    assert polygon_iou(flat, corners((0, 0, 4, 4))) == 0.0


def test_a_bow_tie_covers_its_two_wings() -> None:
    bow = [(0, 0), (4, 4), (4, 0), (0, 4)]
    assert polygon_iou(bow, corners((0, 0, 4, 4))) == pytest.approx(0.5)


@given(spans, spans)
def test_spans_overlap_symmetrically_and_alone_as_in_a_set(one: Any, other: Any) -> None:
    assert span_iou(one, other) == span_iou(other, one)
    assert spans_iou([one], [other]) == pytest.approx(span_iou(one, other))


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ((75, 127), (85, 139.5), 0.651163),
        ((10, 30), (20, 40), 0.333333),
        ((2, 6), (4, 8), 1 / 3),
        ((0, 1), (2, 3), 0.0),
        ((3, 3), (3, 3), 0.0),
    ],
)
def test_temporal_overlap_by_its_worked_examples(one: Any, other: Any, overlap: float) -> None:
    assert span_iou(one, other) == pytest.approx(overlap, abs=1e-6)


@given(st.lists(spans, min_size=1, max_size=4))
def test_cutting_a_span_in_two_changes_no_overlap(several: Any) -> None:
    first, *rest = several
    middle = (first[0] + first[1]) / 2
    cut = [(first[0], middle), (middle, first[1]), *rest]
    assert spans_iou(cut, several) == pytest.approx(1.0)


@given(st.lists(boxes, max_size=4), st.lists(boxes, max_size=4))
def test_a_matching_is_one_to_one_and_beats_the_given_order(ones: Any, others: Any) -> None:
    pairs = best_matching(ones, others, box_iou)
    assert len({i for i, _, _ in pairs}) == len({j for _, j, _ in pairs}) == len(pairs)
    ordered = sum(box_iou(one, other) for one, other in zip(ones, others, strict=False))
    assert sum(score for *_, score in pairs) >= ordered - 1e-9
