"""Rewards on time: spans, tracks of boxes over time, and the dual reward of Temporal-R1.

A span is start, end in seconds; a track maps a time or frame to a box.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from gnomon.grading.extract import read_fraction
from gnomon.parts import register
from gnomon.records import Sample
from gnomon.rewards.sections import column_of, finite, first_block, read_json
from gnomon.rewards.visual import overlap_iou

Span = tuple[float, float]
_INTERVAL = re.compile(
    r"</think>\s*<answer>\s*\{\s*\"start_time\"\s*:\s*\"[0-9.]+\"\s*,"
    r"\s*\"end_time\"\s*:\s*\"[0-9.]+\"\s*\}\s*</answer>"
)


def span_iou(one: Span, other: Span) -> float:
    """Shared time over the time from the first start to the last end, in [0, 1].

    0 where that time is at most 1e-12, also for two equal spans of no length, and for a reversed
    span. Wherever spans share time this hull is their union. Source: arXiv 2506.01908, 2512.03043.

    >>> round(span_iou((75, 127), (85, 139.5)), 6)
    0.651163
    """
    shared = min(one[1], other[1]) - max(one[0], other[0])
    hull = max(one[1], other[1]) - min(one[0], other[0])
    return max(0.0, shared) / hull if hull > 1e-12 and math.isfinite(hull) else 0.0


def track_overlap(
    predicted: Mapping[str, Sequence[float]],
    wanted: Mapping[str, Sequence[float]],
    *,
    keys: Literal["reference", "common"] = "reference",
) -> float:
    """Mean IoU of the boxes at the reference's times, a missing one counting 0; or common times.

    0 without any time. Over common times a missing box is free. Source: arXiv 2512.03043, code.

    >>> track_overlap({"1": (0, 0, 2, 2)}, {"1": (0, 0, 2, 2), "2": (0, 0, 2, 2)})
    0.5
    """
    times = [key for key in wanted if keys == "reference" or key in predicted]
    found = [overlap_iou(predicted[key], wanted[key]) if key in predicted else 0.0 for key in times]
    return sum(found) / len(found) if found else 0.0


def read_interval(text: str) -> Span | None:
    """The span in the first answer block, as JSON with ``start_time`` and ``end_time``, or None.

    The block may cross lines; the numbers may be quoted. None when it is no such JSON, when a time
    is no finite number, and when there is no block. Source: arXiv 2506.01908, code.

    >>> read_interval('<answer>{"start_time": "1.5", "end_time": "3"}</answer>')
    (1.5, 3.0)
    """
    found = read_json(first_block(text, "answer"))
    if not isinstance(found, dict):
        return None
    start, end = finite(found.get("start_time")), finite(found.get("end_time"))
    return None if start is None or end is None else (start, end)


def has_interval_layout(text: str) -> bool:
    """Whether the whole text is a think block and an answer block with the interval, start first.

    Any text in the think block; whitespace only between the blocks and around the marks of JSON;
    both times as digits and dots in double quotes. No line break may follow. Linear: only the last
    closing think tag from which the rest matches to the end can count.

    >>> has_interval_layout('<think>x</think><answer>{"start_time":"1","end_time":"2"}</answer>')
    True
    """
    if not text.startswith("<think>"):
        return False
    start = text.rfind("</think>")
    tail = _INTERVAL.fullmatch(text, start) if start >= len("<think>") else None
    return tail is not None


@register("reward")
def temporal_iou(prediction: Span | None, reference: Span) -> float:
    """Shared time of two spans over their hull, in [0, 1]; 0 without a prediction.

    Two spans of no length score 0, not 1. Only the graded span counts. Source: Temporal-R1, arXiv
    2506.01908.

    >>> temporal_iou((10, 30), (20, 40))
    0.3333333333333333
    """
    return 0.0 if prediction is None else span_iou(prediction, reference)


@register("reward")
def track_iou(
    prediction: Mapping[str, Any] | None,
    reference: Mapping[str, Any],
    *,
    keys: Literal["reference", "common"] = "reference",
) -> float:
    """Mean IoU of a track of boxes, in [0, 1]; 0 without a prediction.

    "reference": over the reference's times, a missing box counts 0. "common": over the times that
    both have, so that naming one sure time only can be gamed. Source: OneThinker, arXiv 2512.03043.

    >>> track_iou({"1": (0, 0, 2, 2)}, {"1": (0, 0, 2, 1)})
    0.5
    """
    return 0.0 if prediction is None else track_overlap(prediction, reference, keys=keys)


@register("reward")
def interval(
    response: str, sample: Sample, *, column: str = "solution", length: str = "video_length"
) -> float | None:
    """Temporal IoU of the interval in the first answer block with the reference, in [0, 1].

    The answer is ``{"start_time": "n", "end_time": "n"}`` in seconds; the reference ``column``
    holds fractions of the video, whose seconds stand in the column ``length``. Not clipped at the
    video's length. 0 for an unreadable or reversed answer; None where the reference is empty. Only
    the first answer block counts, so that repeating tags or naming several spans gains nothing; one
    span over the whole video earns the share that the event has of it. Source: Temporal-R1, arXiv
    2506.01908.

    >>> asked = Sample("a", (), meta={"solution": [0.425, 0.6975], "video_length": 200.0})
    >>> said = '<answer>{"start_time": "75", "end_time": "127"}</answer>'
    >>> round(interval(said, asked), 6)
    0.651163
    """
    wanted, seconds = column_of(sample, column), column_of(sample, length)
    if wanted is None or not seconds:
        return None
    found = read_interval(response)
    if found is None:
        return 0.0
    return span_iou((found[0] / seconds, found[1] / seconds), (wanted[0], wanted[1]))


@register("reward")
def interval_format(response: str) -> float:
    """1 when the whole response is the think and interval layout of Temporal-R1, else 0.

    Quoted numbers, start first, nothing behind. "1.2.3" passes as a number here and scores 0 in
    ``interval``. Earned by the layout alone, whatever the interval. Source: arXiv 2506.01908, code.

    >>> interval_format('<answer>{"start_time": "1", "end_time": "2"}</answer>')
    0.0
    """
    return float(has_interval_layout(response))


def same_answer(text: str, gold: str) -> bool:
    """Whether two answers agree without regard to case and edge spaces, or as exact numbers.

    >>> same_answer(" b ", "B"), same_answer("0.5", "1/2"), same_answer("B.", "B")
    (True, True, False)
    """
    if text.strip().casefold() == gold.strip().casefold():
        return True
    one, other = read_fraction(text), read_fraction(gold)
    return one is not None and one == other


@register("reward")
def video_answer(response: str, reference: Any) -> float | None:
    """1 when the first answer block of one line, or else the whole text, is the reference answer.

    Compared by `same_answer`. None without a reference. Only one block counts; without any, the
    whole text must be the answer. Source: Temporal-R1, arXiv 2506.01908, the question answering
    reward.

    >>> video_answer("<think>x</think><answer> b </answer>", "B")
    1.0
    """
    if reference is None:
        return None
    body = first_block(response, "answer", one_line=True)
    return float(same_answer(response if body is None else body, str(reference)))


@register("reward")
def dual(
    response: str, reference: Any, sample: Sample, *, column: str = "span", weight: float = 0.5
) -> float | None:
    """(1 - weight) x match + weight x tIoU of a grounded answer, in [0, 1].

    The answer block holds ``{"answer": "B", "start_time": "s", "end_time": "e"}`` with seconds; the
    reference ``column`` holds start and end in seconds, the answer is the sample's own. 0 for an
    unreadable answer, None without either reference. Only the first answer block counts. The
    default is 0.5 (semantic) + 0.5 (temporal); the format term is added with the weight 0.5 by the
    recipe. Source: the dual reward of Temporal-R1, arXiv 2506.01908; the layout is ours.

    >>> asked = Sample("a", (), meta={"span": [20, 40]})
    >>> said = '<answer>{"answer": "B", "start_time": "10", "end_time": "30"}</answer>'
    >>> round(dual(said, "B", asked), 6)
    0.666667
    """
    wanted = column_of(sample, column)
    if wanted is None or reference is None:
        return None
    body, span = read_json(first_block(response, "answer")), read_interval(response)
    said = body.get("answer") if isinstance(body, dict) else None
    match = isinstance(said, str | int | float) and same_answer(str(said), str(reference))
    overlap = 0.0 if span is None else span_iou(span, (wanted[0], wanted[1]))
    return (1 - weight) * match + weight * overlap
