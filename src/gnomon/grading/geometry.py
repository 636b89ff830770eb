"""Geometry of boxes: intersection over union."""

from __future__ import annotations

from gnomon.records import Box


def box_iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]; 0.0 when both are empty. Symmetric.

    >>> box_iou((0, 0, 10, 10), (5, 0, 15, 10))
    0.3333333333333333
    """
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    union = _area(one) + _area(other) - shared
    return min(1.0, shared / union) if union > 0 else 0.0


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
