"""Kinds of answer that are places in an image: boxes, points, masks, polygons, document layers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gnomon.grading import extract
from gnomon.grading.comparison import (
    Kind,
    Switches,
    by_overlap,
    by_text,
    by_whole_text,
    decided,
    scored,
)
from gnomon.grading.geometry import Point, best_matching, box_iou, polygon_iou
from gnomon.grading.masks import mask_iou, mask_of, read_mask, write_mask
from gnomon.grading.structured import finite, read_json
from gnomon.records import Answer, Box, Verdict

MAX_SHAPES = 256
MAX_VERTICES = 64
"""Limits of what is matched and of what is clipped (ours)."""

BOX_KEYS = ("bbox_2d", "bbox", "box", "Position")
POINT_KEYS = ("point_2d", "point", "coordinate")
LABEL_KEYS = ("label", "category", "type")
_NUMBER = r"[-+]?[0-9]{1,9}(?:\.[0-9]{1,18})?"
_PAIR = re.compile(rf"[\[(]\s*({_NUMBER})\s*,\s*({_NUMBER})\s*[\])]")

Layer = tuple[str, Box]


def short(value: float) -> str:
    """A coordinate as text, at most six decimals."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def written(values: Sequence[float]) -> str:
    """Numbers as a bracketed list."""
    return f"[{', '.join(map(short, values))}]"


def first_of(record: Any, keys: Sequence[str]) -> Any:
    """The value of the first of ``keys`` that a mapping has, or None."""
    if not isinstance(record, Mapping):
        return None
    return next((record[key] for key in keys if key in record), None)


def read_boxes(text: str, *, whole: bool = True) -> tuple[Box, ...] | None:
    """Boxes x1, y1, x2, y2, at least one and at most `MAX_SHAPES`, or None.

    ``whole=True``: the text, without a Markdown fence, is JSON: a list of boxes, of objects with
    ``bbox_2d`` (also bbox, box, Position), one box, or one object; or any of these under ``boxes``.
    ``whole=False``: every bracketed list of four numbers counts. One box that is degenerate or
    malformed makes the answer unreadable as a whole.

    >>> read_boxes("[[0, 0, 4, 4], [5, 5, 6, 6]]")
    ((0.0, 0.0, 4.0, 4.0), (5.0, 5.0, 6.0, 6.0))
    """
    if whole:
        found = read_json(text)
        found = found["boxes"] if isinstance(found, Mapping) and "boxes" in found else found
        found = [found] if isinstance(found, Mapping) or finite(found, 4) else found
    else:
        found = [[float(value) for value in four] for four in extract.fours(text)]
    if not isinstance(found, list) or not 0 < len(found) <= MAX_SHAPES:
        return None
    boxes = [
        extract.proper_box(item if isinstance(item, list) else first_of(item, BOX_KEYS))
        for item in found
    ]
    return tuple(box for box in boxes if box is not None) if all(boxes) else None


def read_points(text: str, *, whole: bool = True) -> tuple[Point, ...] | None:
    """Points x, y, at least one and at most `MAX_SHAPES`, or None.

    ``whole=True``: JSON, one point or a list of them, each ``[x, y]`` or an object with
    ``point_2d`` (also point, coordinate) or ``x`` and ``y``; or ``(x, y)``, several separated by
    commas or blanks. ``whole=False``: every bracketed pair of numbers.

    >>> read_points("(3, 4)"), read_points('[{"point_2d": [1, 2]}]')
    (((3.0, 4.0),), ((1.0, 2.0),))
    """
    found = read_json(text) if whole else None
    if found is None:
        pairs = [[float(x), float(y)] for x, y in _PAIR.findall(text)]
        rest = _PAIR.sub("", text) if whole else ""
        found = None if rest.strip(" \t\n,;.") else pairs
    elif isinstance(found, Mapping) or finite(found, 2):
        found = [found]
    if not isinstance(found, list) or not 0 < len(found) <= MAX_SHAPES:
        return None
    points = [finite(_point(item), 2) for item in found]
    return tuple((p[0], p[1]) for p in points if p is not None) if all(points) else None


def _point(item: Any) -> Any:
    if isinstance(item, Mapping) and "x" in item and "y" in item:
        return [item["x"], item["y"]]
    return item if isinstance(item, list) else first_of(item, POINT_KEYS)


def read_polygon(text: str, *, whole: bool = True) -> tuple[Point, ...] | None:
    """The vertices of a polygon, 3 to `MAX_VERTICES`, written like points or as x, y, x, y, ...

    >>> read_polygon("[0, 0, 2, 0, 2, 2]")
    ((0.0, 0.0), (2.0, 0.0), (2.0, 2.0))
    """
    flat = finite(read_json(text)) if whole else None
    if flat is not None:
        points = tuple(zip(flat[::2], flat[1::2], strict=False)) if len(flat) % 2 == 0 else ()
    else:
        points = read_points(text, whole=whole) or ()
    return proper_polygon(points)


def proper_polygon(points: Any) -> tuple[Point, ...] | None:
    """Three to `MAX_VERTICES` finite points as a polygon, or None."""
    if not isinstance(points, list | tuple) or not 3 <= len(points) <= MAX_VERTICES:
        return None
    pairs = [finite(point, 2) for point in points]
    return tuple((p[0], p[1]) for p in pairs if p is not None) if all(pairs) else None


def read_layout(text: str) -> tuple[Layer, ...] | None:
    """Layers of a document from bottom to top, each a label and a box, or None.

    The whole text is a JSON list of objects with ``label`` (also category, type) and a box under
    one of `BOX_KEYS`; labels are compared in their normal form.

    >>> read_layout('[{"label": "Title", "bbox": [0, 0, 9, 2]}]')
    (('title', (0.0, 0.0, 9.0, 2.0)),)
    """
    return proper_layout(read_json(text))


def proper_layout(found: Any) -> tuple[Layer, ...] | None:
    """Pairs or objects of label and box as a layout, or None."""
    if not isinstance(found, list | tuple) or not 0 < len(found) <= MAX_SHAPES:
        return None
    layers = []
    for item in found:
        pair = isinstance(item, list | tuple) and len(item) == 2
        label, box = item if pair else (first_of(item, LABEL_KEYS), first_of(item, BOX_KEYS))
        name = extract.read_text(label) if isinstance(label, str) else None
        place = extract.proper_box(box)
        if name is None or place is None:
            return None
        layers.append((name, place))
    return tuple(layers)


def boxes_score(predicted: Sequence[Box], gold: Sequence[Box]) -> tuple[float, float]:
    """Mean IoU under the best matching over the longer list, and the least IoU of a gold box.

    A missing box and one too many both count as IoU 0.
    """
    pairs = best_matching(predicted, gold, box_iou)
    overlaps = [overlap for _, _, overlap in pairs]
    longest = max(len(predicted), len(gold))
    complete = len(pairs) == longest
    return sum(overlaps) / longest, min(overlaps) if complete else 0.0


def _box_problem(answer: Answer) -> str | None:
    if extract.proper_box(answer.value) is None:
        return f"a box needs four finite numbers with x1 < x2 and y1 < y2, not {answer.value!r}"
    return None


def _boxes_problem(answer: Answer) -> str | None:
    value = answer.value
    listed = isinstance(value, list | tuple) and 0 < len(value) <= MAX_SHAPES
    if listed and all(extract.proper_box(box) is not None for box in value):
        return None
    return f"boxes need one to {MAX_SHAPES} boxes x1, y1, x2, y2, not {value!r:.120}"


def write_lists(answer: Answer) -> str:
    """A value of several lists of numbers, such as boxes or spans."""
    return f"[{', '.join(map(written, answer.value))}]"


def _compare_boxes(value: Any, reference: Answer, switches: Switches) -> Verdict:
    mean, least = boxes_score(value, reference.value)
    return scored(least >= switches.iou, mean, value, f"mean IoU {mean:.3f}, least {least:.3f}")


def _point_problem(answer: Answer) -> str | None:
    if finite(answer.value, 2) or extract.proper_box(answer.value):
        return None
    return f"a point needs x, y, or the box that it has to lie in, not {answer.value!r}"


def _write_point(answer: Answer) -> str:
    values = answer.value
    centre = [sum(values[::2]) / 2, sum(values[1::2]) / 2] if len(values) == 4 else values
    return written(centre)


def _load_point(text: str) -> Any:
    return extract.read_box(text) or _one_point(text, whole=True)


def _one_point(text: str, *, whole: bool) -> Point | None:
    points = read_points(text, whole=whole) or ()
    return points[-1] if points and (len(points) == 1 or not whole) else None


def _compare_point(value: Point, reference: Answer, switches: Switches) -> Verdict:
    gold = reference.value
    if len(gold) == 4:
        inside = gold[0] <= value[0] <= gold[2] and gold[1] <= value[1] <= gold[3]
        return decided(inside, value, "inside the box" if inside else "outside the box")
    distance = math.dist(value, gold)
    return decided(distance <= switches.distance, value, f"distance {distance:.1f}")


def _points_problem(answer: Answer) -> str | None:
    value = answer.value
    listed = isinstance(value, list | tuple) and 0 < len(value) <= MAX_SHAPES
    if listed and all(finite(point, 2) for point in value):
        return None
    return f"points need one to {MAX_SHAPES} pairs x, y, not {value!r:.120}"


def _compare_points(value: Any, reference: Answer, switches: Switches) -> Verdict:
    def near(one: Point, other: Point) -> float:
        return float(math.dist(one, other) <= switches.distance)

    longest = max(len(value), len(reference.value))
    share = len(best_matching(value, [tuple(p) for p in reference.value], near)) / longest
    return scored(share == 1.0, share, value, f"{share:.0%} of the points are matched")


def _mask_problem(answer: Answer) -> str | None:
    if mask_of(answer.value) is not None:
        return None
    return "a mask needs an array [h, w] of 0 and 1, or size and counts that sum to h x w"


def _write_mask(answer: Answer) -> str:
    mask = mask_of(answer.value)
    assert mask is not None  # the reference has no problem
    return write_mask(mask)


def _mask_overlap(value: Any, gold: Any) -> float:
    mask = mask_of(gold)
    assert mask is not None  # the reference has no problem
    return mask_iou(value, mask)


def _polygon_problem(answer: Answer) -> str | None:
    if proper_polygon(answer.value) is not None:
        return None
    return f"a polygon needs 3 to {MAX_VERTICES} points x, y, not {answer.value!r:.120}"


def _layout_problem(answer: Answer) -> str | None:
    if proper_layout(answer.value) is not None:
        return None
    return f"a layout needs pairs of label and box, bottom to top, not {answer.value!r:.120}"


def _write_layout(answer: Answer) -> str:
    layers = [
        f'{{"label": {json.dumps(label)}, "bbox": {written(box)}}}'
        for label, box in proper_layout(answer.value) or ()
    ]
    return f"[{', '.join(layers)}]"


def _compare_layout(value: Any, reference: Answer, switches: Switches) -> Verdict:
    """Mean IoU under the best matching of equal labels; layers in another order score half."""
    gold = proper_layout(reference.value) or ()

    def overlap(one: Layer, other: Layer) -> float:
        return box_iou(one[1], other[1]) if one[0] == other[0] else 0.0

    pairs = best_matching(value, gold, overlap)
    longest = max(len(value), len(gold))
    mean = sum(score for *_, score in pairs) / longest
    complete = len(pairs) == longest and all(score >= switches.iou for *_, score in pairs)
    ordered = all(i == j for i, j, _ in pairs)
    reason = f"mean IoU {mean:.3f}" + ("" if ordered else ", layers in another order")
    return scored(complete and ordered, mean if ordered else mean / 2, value, reason)


VISUAL_KINDS: dict[str, Kind] = {
    "box": Kind(
        _box_problem,
        lambda a: written(a.value),
        extract.read_box,
        by_text(extract.read_box),
        by_overlap(box_iou),
    ),
    "boxes": Kind(_boxes_problem, write_lists, read_boxes, by_text(read_boxes), _compare_boxes),
    "point": Kind(_point_problem, _write_point, _load_point, by_text(_one_point), _compare_point),
    "points": Kind(
        _points_problem, write_lists, read_points, by_text(read_points), _compare_points
    ),
    "mask": Kind(
        _mask_problem, _write_mask, read_mask, by_whole_text(read_mask), by_overlap(_mask_overlap)
    ),
    "polygon": Kind(
        _polygon_problem, write_lists, read_polygon, by_text(read_polygon), by_overlap(polygon_iou)
    ),
    "layout": Kind(
        _layout_problem, _write_layout, read_layout, by_whole_text(read_layout), _compare_layout
    ),
}
