"""Geometry of boxes, spans and polygons: overlap and the best matching of several."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from gnomon.records import Box

Point = tuple[float, float]
Span = tuple[float, float]
One = TypeVar("One")


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


def span_iou(one: Span, other: Span) -> float:
    """Shared length of two spans over the length of their hull, in [0, 1]; 0.0 for an empty hull.

    For one span each, this equals intersection over union. Source: arXiv 2506.01908 (Temporal-R1).

    >>> round(span_iou((75, 127), (85, 139.5)), 6)
    0.651163
    """
    shared = min(one[1], other[1]) - max(one[0], other[0])
    hull = max(one[1], other[1]) - min(one[0], other[0])
    return max(0.0, shared) / hull if hull > 0 else 0.0


def spans_iou(ones: Sequence[Span], others: Sequence[Span]) -> float:
    """Intersection over union of two sets of spans, overlaps within a set counted once.

    >>> spans_iou([(0, 2), (4, 6)], [(0, 2)])
    0.5
    """
    edges = sorted({edge for span in [*ones, *others] for edge in span})
    shared = union = 0.0
    for start, end in itertools.pairwise(edges):
        middle = (start + end) / 2
        inside = [any(a <= middle <= b for a, b in spans) for spans in (ones, others)]
        shared += (end - start) * all(inside)
        union += (end - start) * any(inside)
    return shared / union if union > 0 else 0.0


def best_matching(
    ones: Sequence[One], others: Sequence[One], similarity: Callable[[One, One], float]
) -> list[tuple[int, int, float]]:
    """Pairs (index in ones, index in others, similarity) with the greatest sum, one to one.

    Pairs of similarity 0 are left out. Deterministic. Source: linear sum assignment of SciPy.

    >>> best_matching([(0, 0, 4, 4)], [(9, 9, 10, 10), (0, 0, 4, 4)], box_iou)
    [(0, 1, 1.0)]
    """
    from scipy.optimize import linear_sum_assignment

    if not ones or not others:
        return []
    table = np.array([[similarity(one, other) for other in others] for one in ones])
    rows, columns = linear_sum_assignment(table, maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(i, j, float(table[i, j])) for i, j in pairs if table[i, j] > 0]


def polygon_iou(one: Sequence[Point], other: Sequence[Point]) -> float:
    """Intersection over union of two polygons by the even-odd rule, exact up to rounding.

    Between two neighbouring heights of vertices and crossings all edges are straight and do not
    cross, so that the covered width is linear and its value in the middle, times the height, is the
    area. Coordinates count to a millionth. Quadratic in the number of vertices, cubic at worst;
    callers limit it.

    >>> polygon_iou([(0, 0), (2, 0), (2, 2), (0, 2)], [(1, 0), (3, 0), (3, 2), (1, 2)])
    0.3333333333333333
    """
    edges = [_edges(one), _edges(other)]
    heights = _heights(np.concatenate(edges))
    middles, steps = (heights[1:] + heights[:-1]) / 2, np.diff(heights)
    shared = union = 0.0
    for middle, step in zip(middles.tolist(), steps.tolist(), strict=True):
        covered = [_crossings(side, middle) for side in edges]
        inside = _width(covered)
        shared += step * inside
        union += step * (sum(_width([side]) for side in covered) - inside)
    return min(1.0, shared / union) if union > 0 else 0.0


def _edges(polygon: Sequence[Point]) -> np.ndarray:
    """[E, 4] x1, y1, x2, y2 of the edges that are not level, with y1 < y2."""
    points = np.round(np.asarray(polygon, dtype=np.float64), 6)  # no edge is all but level
    edges = np.concatenate([points, np.roll(points, -1, axis=0)], axis=1)
    flip = edges[:, 1] > edges[:, 3]
    edges[flip] = edges[flip][:, [2, 3, 0, 1]]
    return edges[edges[:, 1] < edges[:, 3]]


def _heights(edges: np.ndarray) -> np.ndarray:
    """Heights of all ends and crossings of edges, ascending, each once."""
    slope = (edges[:, 2] - edges[:, 0]) / (edges[:, 3] - edges[:, 1])
    base = edges[:, 0] - slope * edges[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = (base[None] - base[:, None]) / (slope[:, None] - slope[None])
    low = np.maximum(edges[:, None, 1], edges[None, :, 1])
    high = np.minimum(edges[:, None, 3], edges[None, :, 3])
    crossing = crossing[(crossing > low) & (crossing < high)]
    return np.unique(np.concatenate([edges[:, 1], edges[:, 3], crossing]))


def _crossings(edges: np.ndarray, height: float) -> list[float]:
    hit = edges[(edges[:, 1] < height) & (height < edges[:, 3])]
    share = (height - hit[:, 1]) / (hit[:, 3] - hit[:, 1])
    return sorted((hit[:, 0] + share * (hit[:, 2] - hit[:, 0])).tolist())


def _width(sides: Sequence[Sequence[float]]) -> float:
    """Length of the line that is inside of every side, by the even-odd rule."""
    marks = sorted((x, index) for index, side in enumerate(sides) for x in side)
    inside = [False] * len(sides)
    width, before = 0.0, 0.0
    for x, index in marks:
        width += (x - before) * all(inside)
        inside[index] = not inside[index]
        before = x
    return width
