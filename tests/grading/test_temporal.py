from __future__ import annotations

import pytest

from gnomon.grading.grade import lenient, strict
from gnomon.grading.temporal import read_span, read_spans, read_track, track_iou
from gnomon.records import Answer, Outcome

LATE = Answer("span", (85.0, 139.5))


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ('{"start_time": "75", "end_time": "127"}', (75.0, 127.0)),
        ('{"time": [2, 6]}', (2.0, 6.0)),
        ("[2, 6]", (2.0, 6.0)),
        ("2 to 6 seconds", (2.0, 6.0)),
        ("from 2s to 6s.", (2.0, 6.0)),
        ("0:02 - 1:06", (2.0, 66.0)),
        ("1:00:00 – 1:00:06.5", (3600.0, 3606.5)),
        ("6 to 2", None),
        ("3", None),
        ("[2, 2]", None),
        ('{"start_time": "1.2.3", "end_time": "4"}', None),
        ('{"start_time": 2}', None),
        ("1-2, 3-4", None),
        ("between 2 and 6", None),
    ],
)
def test_a_span_is_json_or_words(text: str, span: tuple[float, float] | None) -> None:
    assert read_span(text) == span


def test_a_span_scores_its_overlap() -> None:
    verdict = strict('{"start_time": "75", "end_time": "127"}', LATE)
    assert verdict.score == pytest.approx(0.651163, abs=1e-6)
    assert verdict.correct
    assert strict("75 to 127", LATE, iou=0.7).outcome is Outcome.WRONG
    assert lenient("First 1-2, then 85 to 139.5 s", LATE).score == pytest.approx(1.0)


def test_a_span_over_the_whole_video_is_wrong() -> None:
    assert strict("0 to 1000", LATE).outcome is Outcome.WRONG


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("[[0, 2], [4, 6]]", 2),
        ('[{"time": [0, 2]}, {"start_time": 4, "end_time": 6}]', 2),
        ("[0, 2]", 1),
        ("0-2; 4-6 and 8-9", 3),
        ("0-2 maybe 4-6", None),
        ("[[0, 2], [6, 4]]", None),
        ("none", None),
    ],
)
def test_several_spans_are_a_list(text: str, count: int | None) -> None:
    found = read_spans(text)
    assert (None if found is None else len(found)) == count


def test_repeating_a_span_gains_nothing() -> None:
    gold = Answer("spans", ((0, 2), (4, 6)))
    assert strict("[[0, 2], [0, 2], [0, 2]]", gold).score == 0.5
    assert strict("[[0, 6]]", gold).score == pytest.approx(4 / 6)


def test_a_track_counts_its_missing_frames() -> None:
    gold = {"1": (0.0, 0.0, 4.0, 4.0), "2": (0.0, 0.0, 4.0, 4.0)}
    assert track_iou({"1": gold["1"]}, gold) == 0.5
    assert track_iou({"9": gold["1"], **gold}, gold) == 1.0


@pytest.mark.parametrize("text", ['{"boxes": {}}', "[]", '{"1": [0, 0]}', '{"boxes": 5}', "1"])
def test_a_malformed_track_is_unreadable(text: str) -> None:
    assert read_track(text) is None
