"""OneThinker's grounding answers: time, boxes, tracks and prompts for a segmenter, as JSON.

    temporal grounding           {"time": [s, e]}
    spatial grounding            {"boxes": [x1, y1, x2, y2]}
    spatial-temporal grounding   {"time": [s, e], "boxes": {"<second>": [4 numbers], ...}}
    tracking                     {"boxes": {"<frame>": [4 numbers], ...}}
    segmentation                 {"boxes": [...], "positive_points": [[x, y] x 3],
                                  "negative_points": [[x, y] x 3]}, for video with "time": t

The answer stands in the first answer block, or is the whole response; whitespace beside ``<``,
``>`` and ``/`` is removed first. Numbers may be numeric texts. Nothing raises on any response: what
cannot be read scores 0. Source: arXiv 2512.03043 and its released code, whose weights are used
where the paper lists plain sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from typing import Any

from gnomon.formats.grammar import without_tag_spaces
from gnomon.parts import nearest, register
from gnomon.records import Sample
from gnomon.rewards.sections import column_of, finite, read_json, section
from gnomon.rewards.temporal import span_iou, track_overlap
from gnomon.rewards.terms import well_formed
from gnomon.rewards.visual import overlap_iou

Payload = Mapping[str, Any]
Point = tuple[float, float]
SPREAD = 50.0
"""Pixels of standard deviation of the point similarity."""
POINTS = ("positive_points", "negative_points")


def numbers(value: Any, count: int) -> tuple[float, ...] | None:
    """Exactly ``count`` finite numbers from a list, or None.

    >>> numbers([1, "2.5"], 2), numbers([1], 2)
    ((1.0, 2.5), None)
    """
    if not isinstance(value, list) or len(value) != count:
        return None
    found = [finite(item) for item in value]
    return None if None in found else tuple(item for item in found if item is not None)


def three_points(value: Any) -> list[tuple[float, ...]] | None:
    """Exactly three points, or None."""
    pairs = [numbers(item, 2) for item in value] if isinstance(value, list) else []
    known = [pair for pair in pairs if pair is not None]
    return known if len(known) == len(pairs) == 3 else None


def box_map(value: Any) -> dict[str, tuple[float, ...]] | None:
    """Boxes by key, possibly none; None when it is no object or any box is malformed."""
    if not isinstance(value, Mapping):
        return None
    boxes = {str(key): numbers(box, 4) for key, box in value.items()}
    known = {key: box for key, box in boxes.items() if box is not None}
    return known if len(known) == len(boxes) else None


def point_similarity(said: Sequence[Sequence[float]], gold: Sequence[Sequence[float]]) -> float:
    """exp(-d^2 / (2 x 50^2)), d the mean distance of the best of the six assignments.

    >>> point_similarity([(0, 0), (9, 9), (5, 5)], [(9, 9), (5, 5), (0, 0)])
    1.0
    """
    d = min(sum(map(math.dist, said, order)) / len(said) for order in permutations(gold))
    return math.exp(-(d**2) / (2 * SPREAD**2))


def _time(said: Payload, gold: Payload) -> float:
    one, other = numbers(said.get("time"), 2), numbers(gold.get("time"), 2)
    return span_iou((one[0], one[1]), (other[0], other[1])) if one and other else 0.0


def _box(said: Payload, gold: Payload) -> float:
    one, other = numbers(said.get("boxes"), 4), numbers(gold.get("boxes"), 4)
    return overlap_iou(one, other) if one and other else 0.0


def _tube(said: Payload, gold: Payload) -> float:
    one, other = box_map(said.get("boxes")), box_map(gold.get("boxes"))
    if one is None or other is None or numbers(said.get("time"), 2) is None:
        return 0.0
    return 0.5 * _time(said, gold) + 0.5 * track_overlap(one, other, keys="common")


def _track(said: Payload, gold: Payload) -> float:
    one, other = box_map(said.get("boxes")), box_map(gold.get("boxes"))
    return 0.0 if one is None or other is None else track_overlap(one, other)


def _prompt(said: Payload, gold: Payload) -> float:
    pairs = [(three_points(said.get(key)), three_points(gold.get(key))) for key in POINTS]
    near = [point_similarity(one, other) for one, other in pairs if one and other]
    if len(near) < 2 or numbers(said.get("boxes"), 4) is None:
        return 0.0
    if "time" not in gold:
        return 0.5 * _box(said, gold) + 0.25 * sum(near)
    moment = finite(said["time"]) if _is_number(said.get("time")) else None
    wanted = finite(gold["time"])
    if moment is None or wanted is None:
        return 0.0
    closeness = math.exp(-abs(moment - wanted) / 2)
    return 0.3 * _box(said, gold) + 0.3 * closeness + 0.2 * sum(near)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and finite(value) is not None


def _is_prompt(said: Payload) -> bool:
    points = all(three_points(said.get(key)) is not None for key in POINTS)
    timed = "time" not in said or _is_number(said["time"])
    return points and timed and numbers(said.get("boxes"), 4) is not None


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2


Task = tuple[Callable[[Payload, Payload], float], Callable[[Payload], bool], bool]
TASKS: dict[str, Task] = {
    "temporal grounding": (_time, lambda said: numbers(said.get("time"), 2) is not None, False),
    "spatial grounding": (_box, lambda said: numbers(said.get("boxes"), 4) is not None, False),
    "spatial-temporal grounding": (
        _tube,
        lambda said: _is_pair(said.get("time")) and box_map(said.get("boxes")) is not None,
        True,
    ),
    "tracking": (_track, lambda said: box_map(said.get("boxes")) is not None, True),
    "segmentation": (_prompt, _is_prompt, False),
}
"""By task: its accuracy, whether a payload is valid, and whether the keys of its boxes count."""


def task_of(sample: Sample, column: str) -> Task:
    """The task of a record, in any case, the sample's own for ""; ValueError for another one."""
    name = task_name(sample, column)
    if name not in TASKS:
        raise ValueError(f"there is no grounding task {name!r}{nearest(name, TASKS)}")
    return TASKS[name]


def task_name(sample: Sample, column: str) -> str:
    """The column of a record that names its task, or the sample's own task where it is empty."""
    return str(column_of(sample, column) if column else sample.task).lower()


def payload(text: str) -> Payload | None:
    """The JSON object of the first answer block, or of the whole text; None for anything else.

    >>> payload('<answer>{"time": [3.0, 8.5]}</answer>')
    {'time': [3.0, 8.5]}
    """
    value = read_json(section(without_tag_spaces(text), "answer"))
    return value if isinstance(value, dict) else None


def shared_keys(said: Payload, gold: Payload) -> float:
    """Share of the reference's box keys that the answer has; 0 without any.

    >>> shared_keys({"boxes": {"1": 0, "9": 0}}, {"boxes": {"1": 0, "2": 0}})
    0.5
    """
    one, other = said.get("boxes"), gold.get("boxes")
    if not isinstance(one, Mapping) or not isinstance(other, Mapping) or not other:
        return 0.0
    return len(set(one) & set(other)) / len(other)


def _gold(sample: Sample, reference: Any, column: str) -> Payload | None:
    value = column_of(sample, column) if column else reference
    return value if value is None or isinstance(value, Mapping) else payload(str(value))


@register("reward")
def grounding(
    response: str,
    sample: Sample,
    reference: Any = None,
    *,
    column: str = "answer",
    task: str = "problem_type",
) -> float | None:
    """Accuracy of a JSON grounding answer by task, in [0, 1].

    temporal: shared time over the hull. spatial: IoU. spatial-temporal: half the time, half the
    mean IoU over common keys, so that naming one sure key can be gamed. tracking: mean IoU over the
    reference's keys. segmentation: box, points and for video the moment, weighted 0.5, 0.25, 0.25
    or 0.3, 0.2, 0.2, 0.3. The reference is JSON or a mapping in ``column``, or the answer where the
    name is empty; None without one. ``task`` empty is the sample's own task. Only the first answer
    block counts. ValueError for an unknown task. Source: arXiv 2512.03043.

    >>> asked = Sample("a", (), meta={"answer": {"time": [4, 8]},
    ...                               "problem_type": "temporal grounding"})
    >>> grounding('<answer>{"time": [2, 6]}</answer>', asked)
    0.3333333333333333
    """
    score, _, _ = task_of(sample, task)
    gold, said = _gold(sample, reference, column), payload(response)
    if gold is None:
        return None
    return 0.0 if said is None else score(said, gold)


@register("reward")
def grounding_structure(
    response: str,
    sample: Sample,
    reference: Any = None,
    *,
    column: str = "answer",
    task: str = "problem_type",
    otherwise: float | None = None,
) -> float:
    """0.5 for a JSON answer that fits its task; with keyed boxes 0.25, and 0.25 x shared keys.

    0 unless the whole response is a think and an answer block. The keys are paid even where the
    JSON does not fit. Earned by the shape alone, whatever the values. ``otherwise`` is what a task
    without boxes or times gets for the layout alone (OneThinker: 0.5); None raises ValueError for
    it. ``column`` and ``task`` are those of `grounding`. Source: arXiv 2512.03043.

    >>> asked = Sample("a", (), meta={"answer": {"time": [4, 8]},
    ...                               "problem_type": "temporal grounding"})
    >>> grounding_structure('<think>x</think><answer>{"time": [2, 6]}</answer>', asked)
    0.5
    """
    laid_out = well_formed(response, "think-answer", "spaceless")
    if otherwise is not None and task_name(sample, task) not in TASKS:
        return otherwise * laid_out
    _, fits, keyed = task_of(sample, task)
    gold, said = _gold(sample, reference, column), payload(response)
    if said is None or not laid_out:
        return 0.0
    if not keyed:
        return 0.5 * fits(said)
    return 0.25 * fits(said) + 0.25 * shared_keys(said, gold or {})
