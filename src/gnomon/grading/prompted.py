"""A box and two points in place of a mask, for a model whose segmenter is a frozen second one.

PixelThink (arXiv 2505.23727) lets the policy write a prompt for SAM2, which makes the mask. Where
no segmenter runs, one that knows the true mask stands in for it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnomon.grading.comparison import scored
from gnomon.grading.extract import proper_box
from gnomon.grading.geometry import Point
from gnomon.grading.grade import MAX_CHARS, missing, stamped, validate_reference
from gnomon.grading.masks import Mask, mask_of
from gnomon.grading.structured import finite, read_json
from gnomon.parts import register
from gnomon.records import Answer, Box, Outcome, Verdict

POINTS = ("points_1", "points_2")
"""Keys of the two points, beside ``bbox``, as PixelThink writes them."""


@dataclass(frozen=True)
class Prompt:
    """What a promptable segmenter is asked with: a box, and points on the object."""

    box: Box
    points: tuple[Point, ...]


def read_prompt(text: str) -> Prompt | None:
    """The prompt that is the whole text, a JSON object of ``bbox`` and `POINTS`, or None.

    >>> read_prompt('{"bbox": [0, 0, 4, 4], "points_1": [1, 1], "points_2": [2, 2]}')
    Prompt(box=(0.0, 0.0, 4.0, 4.0), points=((1.0, 1.0), (2.0, 2.0)))
    """
    found = read_json(text) if len(text) <= MAX_CHARS else None
    if not isinstance(found, dict):
        return None
    box = proper_box(found.get("bbox"))
    points = [finite(found.get(key), 2) for key in POINTS]
    kept = tuple((point[0], point[1]) for point in points if point is not None)
    return Prompt(box, kept) if box is not None and len(kept) == len(POINTS) else None


def write_prompt(box: Sequence[int], points: Sequence[Sequence[int]]) -> str:
    """The canonical text of a prompt.

    >>> write_prompt((0, 0, 4, 4), [(1, 1), (2, 2)])
    '{"bbox": [0, 0, 4, 4], "points_1": [1, 1], "points_2": [2, 2]}'
    """
    pairs = [("bbox", box), *zip(POINTS, points, strict=True)]
    return json.dumps({key: list(values) for key, values in pairs})


def share_segmented(prompt: Prompt, mask: Mask) -> float:
    """Share of the true mask that the stand-in segmenter finds; 0 when it finds another object.

    It gives the object on which both points lie, as far as that is inside the box. Objects share no
    pixel, so that the share is the IoU with the true mask. Coordinates are cut to whole pixels.
    """
    true_HW = _unpacked(mask)
    if not all(_lies_on(point, true_HW) for point in prompt.points):
        return 0.0
    x1, y1, x2, y2 = (max(0, int(edge)) for edge in prompt.box)
    return float(true_HW[y1:y2, x1:x2].sum() / mask.area)


def _unpacked(mask: Mask) -> NDArray[np.bool_]:
    """The mask as [h, w]; its runs go column by column."""
    flat = np.repeat(np.arange(len(mask.runs)) % 2 == 1, mask.runs)
    return flat.reshape(mask.width, mask.height).T


def _lies_on(point: Point, true_HW: NDArray[np.bool_]) -> bool:
    x, y = int(point[0]), int(point[1])
    height, width = true_HW.shape
    return 0 <= x < width and 0 <= y < height and bool(true_HW[y, x])


@register("grader", "prompted-mask")
def prompted_mask(prediction: str | None, reference: Answer, *, iou: float = 0.5) -> Verdict:
    """Correct when box and points lead a stand-in for a segmenter to the reference mask.

    The stand-in knows the truth: it gives the object on which both points lie, within the box, so
    that the score is the share of the mask in the box, 0 when a point misses. A box around the
    whole picture costs nothing here; terms that compare boxes see it. ``iou``: least score of a
    right answer. Outcomes as in `strict`; a reference that is no mask is unusable. Source: the
    frozen SAM2 of PixelThink, arXiv 2505.23727; the stand-in is ours.

    >>> gold = Answer("mask", [[0, 1], [0, 1]])
    >>> said = '{"bbox": [1, 0, 2, 2], "points_1": [1, 0], "points_2": [1, 1]}'
    >>> prompted_mask(said, gold).correct
    True
    """
    return stamped(_graded(prediction, reference, iou), "prompted-mask", span=prediction)


def _graded(prediction: str | None, reference: Answer, iou: float) -> Verdict:
    problem = validate_reference(reference)
    if problem is None and reference.kind != "mask":
        problem = f"a prompt leads to a mask, not to a {reference.kind}; use the grader 'strict'"
    if problem is not None:
        return Verdict(Outcome.UNPARSEABLE_REFERENCE, 0.0, reason=problem)
    if prediction is None or not prediction.strip():
        return missing(prediction)
    prompt, mask = read_prompt(prediction), mask_of(reference.value)
    if prompt is None:
        reason = f"no JSON of bbox, {' and '.join(POINTS)} can be read in the answer"
        return Verdict(Outcome.UNPARSEABLE_ANSWER, 0.0, reason=reason)
    assert mask is not None  # the reference has no problem
    share = share_segmented(prompt, mask)
    return scored(share >= iou, share, prompt, f"IoU {share:.3f}")
