"""Rewards on places in the image."""

from __future__ import annotations

from gnomon.grading.geometry import box_iou
from gnomon.parts import register
from gnomon.records import Box


@register("reward")
def iou(prediction: Box | None, reference: Box, *, threshold: float = 0.0) -> float:
    """Intersection over union of two boxes, or 0.0 below ``threshold``.

    Boxes are x1, y1, x2, y2 in pixels; without a predicted box the reward is 0.0. Symmetric, in [0,
    1]. Raises TypeError or ValueError when a value is no box. Source: VLM-R1, arXiv 2504.07615; the
    default gives the plain IoU.

    >>> iou((0, 0, 10, 10), (0, 0, 10, 5), threshold=0.6)
    0.0
    """
    if prediction is None:
        return 0.0
    for name, box in (("prediction", prediction), ("reference", reference)):
        if not isinstance(box, list | tuple) or len(box) != 4:
            raise ValueError(f"{name} is {box!r}, not a box of four numbers")
    overlap = box_iou(prediction, reference)
    return overlap if overlap >= threshold else 0.0
