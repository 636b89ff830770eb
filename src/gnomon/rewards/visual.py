"""Rewards on places in the image: boxes, sets and unions of boxes, points, masks.

Boxes are x1, y1, x2, y2 in pixels, x2 and y2 exclusive, unless a part says otherwise. A box with
x2 <= x1 or y2 <= y1 is empty: it has no area and overlaps nothing. A rule says how much of an
overlap counts, see `RULES`. `gnomon.grading` decides whether an answer is right; these terms say
how good it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnomon.parts import register
from gnomon.records import Box

Rule = Literal["plain", "one-pixel", "inclusive"]
RULES: dict[str, tuple[float, float]] = {
    "plain": (0.0, 0.0),
    "one-pixel": (1.0, 0.0),
    "inclusive": (0.0, 1.0),
}
"""By name: what both sides of an overlap must exceed, and what is added to every side measured.

"one-pixel": an overlap one pixel wide or high counts as none (UniVG-R1, Jigsaw-R1). "inclusive":
x2 and y2 belong to the box (PixelThink)."""
MAX_BOXES = 256
"""More boxes than this in one answer are refused by `union_iou` and `match_boxes` (ours)."""


def area(box: Sequence[float], extra: float = 0.0) -> float:
    """Area of a box whose sides are measured ``extra`` longer; 0 for an empty one."""
    width, height = box[2] - box[0] + extra, box[3] - box[1] + extra
    return max(0.0, width) * max(0.0, height)


def overlap_of(one: Sequence[float], other: Sequence[float], rule: Rule = "plain") -> float:
    """Area that two boxes share under ``rule``."""
    least, extra = RULES[rule]
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return (width + extra) * (height + extra) if width > least and height > least else 0.0


def overlap_iou(one: Sequence[float], other: Sequence[float], rule: Rule = "plain") -> float:
    """Intersection over union under ``rule``, in [0, 1]; 0 where the union is empty. Symmetric.

    >>> overlap_iou((0, 0, 10, 10), (9, 0, 19, 10)), overlap_iou((0, 0, 9, 9), (8, 0, 9, 9))
    (0.05263157894736842, 0.1111111111111111)
    >>> overlap_iou((0, 0, 10, 10), (9, 0, 19, 10), "one-pixel")
    0.0
    """
    shared, extra = overlap_of(one, other, rule), RULES[rule][1]
    union = area(one, extra) + area(other, extra) - shared
    return min(1.0, shared / union) if union > 0 and math.isfinite(union) else 0.0


def generalised_iou(one: Sequence[float], other: Sequence[float]) -> float:
    """GIoU = IoU - (hull - union) / hull, in [-1, 1]; -1 where the hull is empty.

    Source: arXiv 1902.09630, algorithm 1.

    >>> generalised_iou((0, 0, 1, 1), (3, 0, 4, 1))
    -0.5
    """
    shared = overlap_of(one, other)
    union = area(one) + area(other) - shared
    hull = area([*map(min, one[:2], other[:2]), *map(max, one[2:], other[2:])])
    if not 0 < hull < math.inf or union <= 0:
        return -1.0
    return shared / union - (hull - union) / hull


def sorted_corners(box: Sequence[float]) -> Box:
    """The same rectangle with x1 <= x2 and y1 <= y2.

    >>> sorted_corners((5, 0, 1, 2))
    (1, 0, 5, 2)
    """
    (x1, x2), (y1, y2) = sorted((box[0], box[2])), sorted((box[1], box[3]))
    return (x1, y1, x2, y2)


def soft_step(overlap: float, full_at: float) -> float:
    """min(1, overlap / full_at): the thresholded linear IoU of InfiGUI-R1 (arXiv 2504.14239).

    >>> round(soft_step(0.5, 0.7), 6), soft_step(0.72, 0.7)
    (0.714286, 1.0)
    """
    return min(1.0, overlap / full_at)


def match_boxes(
    predicted: Sequence[Sequence[float]],
    wanted: Sequence[Sequence[float]],
    *,
    rule: Rule = "plain",
    least: float = 0.0,
) -> list[tuple[int, int, float]]:
    """One-to-one pairs (prediction, reference, IoU) with the largest sum of IoU.

    The optimal assignment (Hungarian method, by scipy); pairs with an IoU of 0 or under ``least``
    are dropped after it. Raises ValueError for more than `MAX_BOXES` on a side.

    >>> match_boxes([(0, 0, 4, 4), (0, 0, 4, 2)], [(0, 0, 4, 2)])
    [(1, 0, 1.0)]
    """
    _check_count(predicted, wanted)
    if not predicted or not wanted:
        return []
    from scipy.optimize import linear_sum_assignment

    table = np.array([[overlap_iou(one, other, rule) for other in wanted] for one in predicted])
    rows, columns = linear_sum_assignment(table, maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(i, j, float(table[i, j])) for i, j in pairs if table[i, j] >= max(least, 1e-12)]


def best_overlaps(
    boxes: Sequence[Sequence[float]], others: Sequence[Sequence[float]]
) -> list[float]:
    """For each box the best IoU with any of ``others``; 0 when there are none."""
    return [max((overlap_iou(box, other) for other in others), default=0.0) for box in boxes]


def union_iou(
    predicted: Sequence[Sequence[float]],
    wanted: Sequence[Sequence[float]],
    *,
    epsilon: float = 1e-6,
) -> float:
    """Area(P and G) / (area(P or G) + epsilon) for the unions P, G of two sets of rectangles.

    Exact, on the grid that all edges make. Corners in any order describe the same rectangle; a
    box drawn twice counts once. Source: SATORI-R1, arXiv 2505.19094. Raises ValueError for more
    than `MAX_BOXES` on a side.

    >>> round(union_iou([(10, 10, 20, 20), (15, 15, 30, 30)], [(10, 10, 30, 30)]), 6)
    0.75
    """
    _check_count(predicted, wanted)
    boxes = np.array([sorted_corners(box) for box in [*predicted, *wanted]], np.float64)
    if not len(predicted) or not len(wanted):
        return 0.0
    xs, ys = np.unique(boxes[:, [0, 2]]), np.unique(boxes[:, [1, 3]])
    cells = np.diff(xs)[:, None] * np.diff(ys)[None, :]
    one = _covered(boxes[: len(predicted)], xs, ys)
    other = _covered(boxes[len(predicted) :], xs, ys)
    return float(cells[one & other].sum() / (cells[one | other].sum() + epsilon))


def _covered(
    boxes: NDArray[np.float64], xs: NDArray[np.float64], ys: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which cells of the grid lie in some box: corners are marked, then summed up twice."""
    marks = np.zeros((len(xs), len(ys)), np.int64)
    (left, right), (top, low) = (
        (np.searchsorted(edges, boxes[:, first]), np.searchsorted(edges, boxes[:, first + 2]))
        for edges, first in ((xs, 0), (ys, 1))
    )
    for x, y, sign in ((left, top, 1), (right, low, 1), (left, low, -1), (right, top, -1)):
        np.add.at(marks, (x, y), sign)
    covered: NDArray[np.bool_] = (marks.cumsum(0).cumsum(1) > 0)[:-1, :-1]
    return covered


def mask_overlap(one: ArrayLike, other: ArrayLike) -> float:
    """Intersection over union of two masks [H, W], true inside; 1 when both are empty.

    Raises ValueError for masks of different shapes.

    >>> mask_overlap([[1, 1], [0, 0]], [[1, 0], [1, 0]])
    0.3333333333333333
    """
    first, second = np.asarray(one).astype(bool), np.asarray(other).astype(bool)
    if first.shape != second.shape or first.ndim != 2:
        raise ValueError(f"masks need one [H, W] shape, not {first.shape} and {second.shape}")
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 1.0


def _check_count(*sets: Sequence[Any]) -> None:
    for boxes in sets:
        if len(boxes) > MAX_BOXES:
            raise ValueError(f"{len(boxes)} boxes are too many; at most {MAX_BOXES} are compared")


def _check_box(name: str, box: Any) -> None:
    if not isinstance(box, list | tuple) or len(box) != 4:
        raise ValueError(f"{name} is {box!r}, not a box of four numbers")


@register("reward")
def iou(
    prediction: Box | None,
    reference: Box,
    *,
    threshold: float = 0.0,
    rule: Rule = "plain",
    full_at: float = 1.0,
) -> float:
    """Intersection over union of two boxes; 0.0 below ``threshold``.

    Boxes are x1, y1, x2, y2 in pixels; without a predicted box the reward is 0.0. ``rule``: see
    above. ``full_at``: the IoU from which on the reward is 1, linear below (0.7 in InfiGUI-R1).
    Symmetric, in [0, 1]. Only the graded box counts, so that nothing written beside it raises the
    reward. Raises TypeError or ValueError when a value is no box. Source: VLM-R1, arXiv 2504.07615;
    the defaults give the plain IoU; "one-pixel" is that of UniVG-R1, arXiv 2505.14231.

    >>> iou((0, 0, 10, 10), (0, 0, 10, 5), threshold=0.6)
    0.0
    """
    if prediction is None:
        return 0.0
    _check_box("prediction", prediction)
    _check_box("reference", reference)
    overlap = overlap_iou(prediction, reference, rule)
    return soft_step(overlap, full_at) if overlap >= threshold else 0.0


@register("reward")
def giou(prediction: Box | None, reference: Box) -> float:
    """Generalised IoU of two boxes, in [-1, 1]; -1 without a predicted box.

    Unlike the IoU it tells a near miss from a far one. Only the graded box counts. Raises
    ValueError when a value is no box. Source: arXiv 1902.09630.

    >>> giou((0, 0, 2, 2), (0, 0, 2, 2)), giou(None, (0, 0, 2, 2))
    (1.0, -1.0)
    """
    if prediction is None:
        return -1.0
    _check_box("prediction", prediction)
    _check_box("reference", reference)
    return generalised_iou(prediction, reference)


@register("reward")
def box_set(
    prediction: Sequence[Box] | None,
    reference: Sequence[Box],
    *,
    matching: Literal["assignment", "best"] = "assignment",
    per: Literal["larger", "reference"] = "larger",
    rule: Rule = "plain",
    threshold: float = 0.0,
) -> float:
    """Mean IoU of matched boxes, in [0, 1]; 0.0 without a prediction, 1.0 when both are empty.

    "assignment" pairs one to one for the largest sum, pairs under ``threshold`` count 0; "best"
    takes for each reference box the best predicted one, however often. The sum is divided by the
    larger number of boxes, so that extra ones cost, or by the number of references. With "best" or
    ``per`` "reference" extra boxes are free, which can be gamed by drawing many. Source: the
    assignment of DETR, arXiv 2005.12872; the mean is ours.

    >>> box_set([(0, 0, 4, 4), (8, 8, 9, 9)], [(0, 0, 4, 4)])
    0.5
    """
    if prediction is None:
        return 0.0
    if not reference:
        return float(not prediction)
    if matching == "best":
        found = [max((overlap_iou(p, r, rule) for p in prediction), default=0.0) for r in reference]
        total = sum(value for value in found if value >= threshold)
    else:
        pairs = match_boxes(prediction, reference, rule=rule, least=threshold)
        total = sum(value for _, _, value in pairs)
    return total / (len(reference) if per == "reference" else max(len(reference), len(prediction)))


@register("reward")
def point_in_box(prediction: Sequence[float] | None, reference: Box) -> float:
    """1 when the predicted point x, y lies in the reference box, its edges included, else 0.

    Only the graded point counts. 0 without a point; raises ValueError when a value is no point or
    no box. Source: UI-R1, arXiv 2503.21620.

    >>> point_in_box((5, 10), (0, 0, 10, 10)), point_in_box((5, 10.5), (0, 0, 10, 10))
    (1.0, 0.0)
    """
    if prediction is None:
        return 0.0
    if not isinstance(prediction, list | tuple) or len(prediction) != 2:
        raise ValueError(f"prediction is {prediction!r}, not a point of two numbers")
    _check_box("reference", reference)
    return float(inside(prediction, reference))


def inside(point: Sequence[float], box: Sequence[float]) -> bool:
    """Whether a point lies in a box, its edges included."""
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


@register("reward")
def mask_iou(prediction: Any, reference: Any) -> float:
    """Intersection over union of two masks [H, W]; 0 without a mask, 1 when both are empty.

    Only the graded mask counts. Raises ValueError for masks of different shapes. Source: gIoU of
    PixelThink, arXiv 2505.23727; two empty masks are ours.

    >>> mask_iou([[1, 1], [0, 0]], [[1, 0], [1, 0]])
    0.3333333333333333
    """
    return 0.0 if prediction is None else mask_overlap(prediction, reference)
