from __future__ import annotations

from typing import Any

import pytest

from gnomon.grading.actions import direction, match_action, read_action
from gnomon.grading.grade import strict
from gnomon.records import Answer

BOX = {"action": "click", "bbox": [100, 60, 140, 100]}
SCREEN = {"action": "click", "coordinate": [540, 1200], "size": [1080, 2400]}


def click(x: float, y: float) -> dict[str, Any]:
    return {"action": "click", "coordinate": [x, y]}


@pytest.mark.parametrize(
    ("value", "gold", "typed", "right"),
    [
        (click(120, 80), BOX, True, True),
        (click(144, 80), BOX, True, True),  # inside the box enlarged 1.2 times
        (click(145, 80), BOX, True, False),
        (click(540, 1290), SCREEN, True, True),  # within 0.04 of 2400
        (click(540, 1300), SCREEN, True, False),
        (click(545, 1203), {"action": "click", "coordinate": [540, 1200]}, True, True),
        (click(560, 1200), {"action": "click", "coordinate": [540, 1200]}, True, False),
        ({"action": "click"}, BOX, True, False),
        ({"action": "scroll"}, BOX, False, False),
        ({"action": "long_press", "coordinate": [120, 80]}, BOX, False, False),
        ({"action": "type", "text": " CAT "}, {"action": "type", "text": "cat"}, True, True),
        ({"action": "type", "text": "a cat"}, {"action": "type", "text": "cat"}, True, False),
        ({"action": "type"}, {"action": "type", "text": "cat"}, True, False),
        (
            {"action": "system_button", "button": "back "},
            {"action": "system_button", "button": "Back"},
            True,
            True,
        ),
        ({"action": "wait", "time": 9}, {"action": "wait", "time": 2}, True, True),
        (
            {"action": "terminate", "status": "failure"},
            {"action": "terminate", "status": "success"},
            True,
            False,
        ),
        (click(120, 80), {"action": "open", "text": "Clock", "bbox": BOX["bbox"]}, True, True),
        (click(500, 500), {"action": "open", "text": "Clock", "bbox": BOX["bbox"]}, False, False),
        (click(120, 80), {"action": "open", "text": "Clock"}, False, False),
        ({"action": "navigate_back"}, {"action": "navigate_back"}, True, True),
        ({"action": "zoom", "level": 2}, {"action": "zoom", "level": 3}, True, False),
    ],
)
def test_a_step_matches_by_the_rules_of_its_action(
    value: Any, gold: Any, typed: bool, right: bool
) -> None:
    assert match_action(value, gold)[:2] == (typed, right)


def test_the_released_rules_take_one_text_inside_the_other() -> None:
    gold = {"action": "type", "text": "cat"}
    for text in ("", "a cat", "at"):
        assert match_action({"action": "type", "text": text}, gold, loose=True)[1]
        assert not match_action({"action": "type", "text": text}, gold)[1]


@pytest.mark.parametrize(
    ("start", "end", "size", "way"),
    [
        ([200, 2000], [220, 900], [1092, 2408], "up"),
        ([0, 0], [0, 9], None, "down"),
        ([0, 0], [9, 1], None, "right"),
        ([9, 0], [0, 1], None, "left"),
        ([0, 0], [5, 5], None, "down"),
        ([3, 3], [3, 3], None, "up"),
        ([3], [3, 3], None, None),
        (None, [3, 3], None, None),
    ],
)
def test_a_swipe_goes_where_it_moves_most(start: Any, end: Any, size: Any, way: Any) -> None:
    assert direction(start, end, size) == way


def test_a_swipe_is_compared_with_a_word() -> None:
    gold = {"action": "swipe", "direction": "up", "size": [1092, 2408]}
    value = {"action": "swipe", "coordinate": [200, 2000], "coordinate2": [220, 900]}
    assert match_action(value, gold)[1]
    assert not match_action({"action": "swipe"}, gold)[1]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[{'action': 'click', 'coordinate': [1, 2]}]", "click"),
        ('{"action": "Scroll"}', "scroll"),
        ('{"name": "mobile_use", "arguments": {"action": "wait"}}', "wait"),
        ('```json\n{"action": "wait"}\n```', "wait"),
        ("[{'action': 'click'}, {'action': 'scroll'}]", None),
        ('{"coordinate": [1, 2]}', None),
        ('{"action": 5}', None),
        ("click(1, 2)", None),
        ("__import__('os').system('true')", None),
    ],
)
def test_one_named_action_is_read(text: str, name: str | None) -> None:
    found = read_action(text)
    assert (None if found is None else found["action"]) == name


def test_the_right_type_alone_has_a_fifth_of_the_score() -> None:
    gold = Answer("action", BOX)
    assert strict('{"action": "click", "coordinate": [500, 500]}', gold).score == 0.2
    assert strict('{"action": "scroll"}', gold).score == 0.0


def test_a_missing_coordinate_never_hits_a_box_in_the_corner() -> None:
    gold = Answer("action", {"action": "click", "bbox": (0, 0, 9, 9)})
    assert not strict("{'action': 'click'}", gold).correct
