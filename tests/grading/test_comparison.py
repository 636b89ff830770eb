from __future__ import annotations

import pytest

from gnomon.grading.comparison import Switches, by_overlap, by_text, by_whole_text
from gnomon.records import Answer

GOLD = Answer("text", "gold")


@pytest.mark.parametrize(("least", "right"), [(0.4, True), (0.5, True), (0.6, False)])
def test_an_overlap_is_right_from_the_least_one_on(least: float, right: bool) -> None:
    compare = by_overlap(lambda value, gold: 0.5, "mean IoU")
    verdict = compare("read", GOLD, Switches(iou=least))
    assert (verdict.correct, verdict.score, verdict.reason) == (right, 0.5, "mean IoU 0.500")


def test_the_overlap_is_that_of_what_was_read_with_the_reference() -> None:
    asked = []
    by_overlap(lambda value, gold: asked.append((value, gold)) or 0.0)("read", GOLD, Switches())
    assert asked == [("read", "gold")]


def test_a_reader_is_told_whether_the_whole_text_counts() -> None:
    read = by_text(lambda text, *, whole: (text, whole))
    assert [read("a", GOLD, whole) for whole in (True, False)] == [("a", True), ("a", False)]


def test_a_reader_of_whole_texts_is_not_asked_otherwise() -> None:
    assert by_whole_text(str.upper)("a", GOLD, False) == "A"
