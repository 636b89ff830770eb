from __future__ import annotations

from typing import Any

import pytest

from gnomon.grading.grade import lenient, strict
from gnomon.grading.visual import read_boxes, read_layout, read_points, read_polygon
from gnomon.records import Answer, Outcome

TWO = Answer("boxes", ((0, 0, 10, 10), (20, 0, 30, 10)))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("[[0, 0, 4, 4]]", 1),
        ("[0, 0, 4, 4]", 1),
        ('{"boxes": [0, 0, 4, 4]}', 1),
        ('{"boxes": [[0, 0, 4, 4], [5, 5, 6, 6]]}', 2),
        ('{"boxes": {"1": [0, 0, 4, 4]}}', None),
        ('{"bbox_2d": [0, 0, 4, 4]}', 1),
        ('```json\n[{"bbox": [0, 0, 4, 4]}, {"box": [5, 5, 6, 6]}]\n```', 2),
        ('[{"Position": [0, 0, 4, 4], "Confidence": 0.9}]', 1),
        ("[[0, 0, 4, 4], [4, 4, 0, 0]]", None),
        ("[[0, 0, 4, 4], 5]", None),
        ("[[0, 0, 4, true]]", None),
        ("boxes: [[0, 0, 4, 4]]", None),
        ("[]", None),
        ("[" + ", ".join(["[0, 0, 4, 4]"] * 300) + "]", None),
    ],
)
def test_boxes_are_json_and_all_of_them_proper(text: str, count: int | None) -> None:
    found = read_boxes(text)
    assert (None if found is None else len(found)) == count


def test_boxes_in_a_sentence_are_read_leniently() -> None:
    text = "one at [20, 0, 30, 10] and one at [0, 0, 10, 10]."
    assert lenient(text, TWO).correct
    assert strict(text, TWO).outcome is Outcome.UNPARSEABLE_ANSWER


def test_spraying_boxes_costs_the_score() -> None:
    spray = [[x, 0, x + 10, 10] for x in range(0, 200, 5)]
    verdict = strict(str(spray), TWO)
    assert not verdict.correct
    assert verdict.score < 0.1


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("[0, 0]", True),
        ("(10, 10)", True),
        ('{"point_2d": [5, 5]}', True),
        ('{"x": 5, "y": 5}', True),
        ("(5.5,5)", True),
        ("(10.5, 5)", False),
    ],
)
def test_a_point_is_right_inside_its_box_edges_included(text: str, right: bool) -> None:
    assert strict(text, Answer("point", (0, 0, 10, 10))).correct is right


def test_a_point_is_right_near_its_reference() -> None:
    assert strict("(3, 4)", Answer("point", (0, 0)), distance=5.0).correct
    assert not strict("(3, 4)", Answer("point", (0, 0)), distance=4.9).correct
    assert lenient("perhaps (9, 9), no: (3, 4)", Answer("point", (0, 0))).correct


@pytest.mark.parametrize(
    "text", ["(1, 2) or (3, 4)", "1, 2", "(1)", "[[1, 2], [3]]", '{"x": 1}', "(1, 2, 3)"]
)
def test_one_point_is_one_pair(text: str) -> None:
    assert strict(text, Answer("point", (1, 2))).outcome is Outcome.UNPARSEABLE_ANSWER


def test_points_score_the_share_that_is_matched_one_to_one() -> None:
    gold = Answer("points", ((0, 0), (100, 0)))
    assert strict("[[0, 0], [1, 1]]", gold).score == 0.5
    assert strict("[[100, 3], [2, 0]]", gold).correct
    assert read_points("(1, 2), (3, 4)") == ((1.0, 2.0), (3.0, 4.0))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("[[0, 0], [4, 0], [4, 4]]", 3),
        ("[0, 0, 4, 0, 4, 4]", 3),
        ("(0, 0), (4, 0), (4, 4), (0, 4)", 4),
        ("[0, 0, 4, 0, 4]", None),
        ("[[0, 0], [4, 0]]", None),
        (str([[n, n * n] for n in range(65)]), None),
    ],
)
def test_a_polygon_has_three_to_sixty_four_corners(text: str, count: int | None) -> None:
    found = read_polygon(text)
    assert (None if found is None else len(found)) == count


def test_layers_need_their_label_place_and_order() -> None:
    gold = Answer("layout", (("title", (0, 0, 9, 2)), ("text", (0, 3, 9, 9))))
    layers = [{"label": "title", "box": [0, 0, 9, 2]}, {"label": "text", "box": [0, 3, 9, 9]}]
    text = str(layers).replace("'", '"')
    assert strict(text, gold).score == 1.0
    assert strict(text.replace("title", "figure"), gold).score == 0.5
    reverse = str(layers[::-1]).replace("'", '"')
    assert strict(reverse, gold).score == 0.5
    assert "order" in strict(reverse, gold).reason


@pytest.mark.parametrize(
    "value", ['[{"label": 5, "box": [0, 0, 1, 1]}]', '[{"box": [0, 0, 1, 1]}]', "[]", "[1]", "{}"]
)
def test_a_layout_without_labels_is_unreadable(value: Any) -> None:
    assert read_layout(value) is None
