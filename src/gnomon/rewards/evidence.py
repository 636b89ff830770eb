"""Evidence regions: boxes that a response names as its reason (SATORI-R1, DeFacto, Griffon-R).

Boxes in a response are in the coordinates of the image that the model saw; references are rescaled
by the terms that say so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Literal

from gnomon.grading.structured import read_json as read_python
from gnomon.parts import register
from gnomon.records import Sample
from gnomon.rewards.sections import (
    any_case_block,
    column_of,
    finite,
    first_block,
    has_layout,
    optional,
    read_json,
)
from gnomon.rewards.visual import MAX_BOXES, best_overlaps, overlap_iou, sorted_corners, union_iou

Boxes = list[tuple[float, ...]]
MAX_ASPECT = 200


def resized(height: int, width: int, *, least: int, most: int, factor: int = 28) -> tuple[int, int]:
    """Height and width of the picture that a Qwen2-VL processor makes of one of this size.

    Each side is rounded to a multiple of ``factor`` (halves to even, at least one). Above ``most``
    pixels both original sides are divided by sqrt(h w / most) and floored to multiples; below
    ``least`` they are multiplied by sqrt(least / (h w)) and ceiled. Raises ValueError for a side
    over 200 times the other. Source: arXiv 2409.12191, code; arXiv 2505.19094, 2503.21620.

    >>> resized(480, 640, least=200704, most=401408), resized(300, 400, least=200704, most=401408)
    ((476, 644), (392, 532))
    """
    if min(height, width) < 1 or max(height, width) > MAX_ASPECT * min(height, width):
        raise ValueError(f"an image of {width} x {height} has no size that the processor accepts")
    sides = [max(factor, round(side / factor) * factor) for side in (height, width)]
    if sides[0] * sides[1] > most:
        scale = math.sqrt(height * width / most)
        sides = [max(factor, math.floor(s / scale / factor) * factor) for s in (height, width)]
    elif sides[0] * sides[1] < least:
        scale = math.sqrt(least / (height * width))
        sides = [math.ceil(side * scale / factor) * factor for side in (height, width)]
    return sides[0], sides[1]


def read_boxes(value: Any, *, drop: bool = False) -> Boxes | None:
    """Boxes of four finite numbers from a JSON list of lists, or None.

    None for no list, an empty one, and over `MAX_BOXES` entries. An entry that is no box makes the
    whole None, or with ``drop`` is left out; then nothing left is None too.

    >>> read_boxes([[1, 2, 3, 4], [5]]), read_boxes([[1, 2, 3, 4], [5]], drop=True)
    (None, [(1.0, 2.0, 3.0, 4.0)])
    """
    if not isinstance(value, list) or not 0 < len(value) <= MAX_BOXES:
        return None
    boxes = [_box(item) for item in value]
    found = [box for box in boxes if box is not None]
    return found if found and (drop or len(found) == len(boxes)) else None


def _box(item: Any) -> tuple[float, ...] | None:
    if not isinstance(item, list) or len(item) != 4 or any(isinstance(v, str) for v in item):
        return None
    numbers = [finite(value) for value in item]
    return None if None in numbers else tuple(n for n in numbers if n is not None)


def satori_boxes(text: str) -> Boxes | None:
    """Boxes of the first bbox block, a flat list of four numbers counting as one box; or None.

    >>> satori_boxes("<bbox>[1, 2, 3, 4]</bbox>"), satori_boxes("<bbox>(1, 2, 3, 4)</bbox>")
    ([(1.0, 2.0, 3.0, 4.0)], None)
    """
    value = read_json(first_block(text, "bbox"))
    flat = isinstance(value, list) and len(value) == 4 and not isinstance(value[0], list)
    return read_boxes([value] if flat else value)


@register("reward")
def evidence_union(
    response: str,
    sample: Sample,
    *,
    column: str = "bboxs",
    min_pixels: int = 200_704,
    max_pixels: int = 401_408,
) -> float | None:
    """IoU of the union of the boxes in the first bbox block with the union of the references.

    Predictions are scaled from the picture that the model saw (`resized` within the pixel limits)
    to the original, whose ``width`` and ``height`` stand in the record; the processor must use the
    same limits. The body is a JSON list of boxes or one flat box; anything else scores 0, empty
    boxes add nothing. None where the reference is empty. Further or repeated blocks do not count;
    duplicates are free, extra wrong area costs; one box over the whole image earns the share that
    the evidence has of it. Source: SATORI-R1, arXiv 2505.19094.
    """
    wanted = column_of(sample, column)
    if not wanted:
        return None
    found = satori_boxes(response)
    if found is None:
        return 0.0
    width, height = int(column_of(sample, "width")), int(column_of(sample, "height"))
    rows, columns = resized(height, width, least=min_pixels, most=max_pixels)
    x, y = width / columns, height / rows
    scaled = [(box[0] * x, box[1] * y, box[2] * x, box[3] * y) for box in found]
    return union_iou(scaled, wanted)


@register("reward")
def accepted_answer(
    response: str, sample: Sample, *, column: str = "possible_answers"
) -> float | None:
    """1 when the stripped first answer block is one of the accepted answers exactly, else 0.

    Case-sensitive; an empty block matches an empty reference only. None where there are none. Only
    the first answer block counts. Source: SATORI-R1, arXiv 2505.19094.

    >>> asked = Sample("a", (), meta={"possible_answers": ["two", "2"]})
    >>> accepted_answer("<answer> 2 </answer>", asked), accepted_answer("<answer>Two", asked)
    (1.0, 0.0)
    """
    accepted = column_of(sample, column)
    if not accepted:
        return None
    body = first_block(response, "answer")
    return float(body is not None and body.strip() in map(str, accepted))


Variant = Literal["pos", "rand", "cf"]
_VARIANTS = ("pos", "rand", "cf")
_ABSTAINS = re.compile(
    r"\b(?:unknown|unanswerable|(?:cannot|can't|cant) (?:determine|tell)|not sure"
    r"|insufficient information|not enough information)\b"
)
_ABSTAINS_CHINESE = ("无法判断", "无法确定", "不确定", "不知道", "看不出来")
_EVIDENCE_TAGS = ("boxes", "bbox", "box")
_V2_SEAM = re.compile(r"</think>\s*<answer>", re.IGNORECASE)
_V2_END = re.compile("</answer>", re.IGNORECASE)


def abstains(answer: str) -> bool:
    """Whether an answer says that it cannot be given: whole phrases, in any case.

    "no" inside "know" never does. An empty answer does not. Source: DeFacto v2, arXiv 2509.20912.

    >>> abstains("Unknown."), abstains("I know"), abstains("can't tell")
    (True, False, True)
    """
    lowered = answer.lower().replace("’", "'")
    chinese = any(phrase in lowered for phrase in _ABSTAINS_CHINESE)
    return chinese or _ABSTAINS.search(lowered) is not None


def same_words(one: str, other: str) -> bool:
    """Equal after lower-casing and collapsing whitespace."""
    return one.lower().split() == other.lower().split()


def variant_answer(accurate: float, abstained: bool, equal: bool, variant: Variant) -> float:
    """R_ans of DeFacto v2. pos, rand: acc - 0.2 unk. cf: unk - 0.6 (1 - unk) - 0.9 [exact match].

    Source: arXiv 2509.20912, v2; a right guess without evidence costs more than a wrong one.

    >>> [variant_answer(0, unk, eq, "cf") for unk, eq in ((1, 0), (0, 0), (0, 1))]
    [1.0, -0.6, -1.5]
    """
    if variant != "cf":
        return accurate - 0.2 * abstained
    return (1.0 if abstained else -0.6) - 0.9 * equal


def evidence_margin(found: Boxes | None, wanted: Sequence[Any], others: Sequence[Any]) -> float:
    """R_sel: mean best IoU of the predicted boxes with R+ less that with R-; -0.5 without a box.

    Averages over predictions alone: a missed region is free, a distractor is not. Swapped corners
    are put in order. Source: DeFacto v2, arXiv 2509.20912.

    >>> evidence_margin([(0, 0, 2, 2), (4, 4, 6, 6)], [(0, 0, 2, 2)], [(4, 4, 6, 6)])
    0.0
    """
    if not found:
        return -0.5
    boxes = [sorted_corners(box) for box in found]
    sides = (
        sum(best_overlaps(boxes, [sorted_corners(box) for box in regions])) / len(boxes)
        for regions in (wanted, others)
    )
    return next(sides) - next(sides)


def evidence_boxes(text: str) -> Boxes | None:
    """Boxes of the first boxes block, else bbox, else box, anywhere, tags in any case; or None.

    The body is a JSON list of lists; entries that are no four numbers are dropped, so that one flat
    list gives no box. Source: DeFacto v2, arXiv 2509.20912.

    >>> evidence_boxes("<box>[[1, 2, 3, 4], [5]]</box>"), evidence_boxes("<box>[1, 2, 3, 4]</box>")
    ([(1.0, 2.0, 3.0, 4.0)], None)
    """
    bodies = (any_case_block(text, tag) for tag in _EVIDENCE_TAGS)
    body = next((body for body in bodies if body is not None), None)
    return read_boxes(read_json(body), drop=True)


def variant_of(sample: Sample, column: str) -> Variant:
    """The type of a record's image: pos, rand or cf in any case, absent means pos.

    Raises ValueError for any other (the released code mixes two formulas then).
    """
    kind = str(optional(sample.meta, column, "pos")).lower()
    if kind not in _VARIANTS:
        raise ValueError(f"type {kind!r} is not one of {', '.join(_VARIANTS)}; correct the record")
    return kind  # type: ignore[return-value]


@register("reward")
def evidence_region(response: str, sample: Sample, *, column: str = "type") -> float:
    """Evidence minus distractor overlap by image variant, in [-1, 1]; 0 on "cf".

    Reads the first block of boxes (`evidence_boxes`); columns ``type``, ``r_plus_boxes`` and
    ``r_minus_boxes``. -0.5 without a readable box. Repeating the tags does not help; one sure box
    pays as much as all regions. Weight 0.2. Source: DeFacto v2, arXiv 2509.20912.
    """
    if variant_of(sample, column) == "cf":
        return 0.0
    wanted, others = column_of(sample, "r_plus_boxes"), column_of(sample, "r_minus_boxes")
    return evidence_margin(evidence_boxes(response), wanted or [], others or [])


@register("reward")
def evidence_format(response: str) -> float:
    """1 when the layout of DeFacto v2 stands anywhere in the response, in any case, else 0.

    A think block that opens with a block of boxes whose tags agree, and an answer block after it,
    whitespace between. The JSON is not checked, so the layout alone earns it. Source: arXiv
    2509.20912.

    >>> evidence_format("<think><box>null</box> why </think> <answer>Unknown</answer>")
    1.0
    """
    for tag in _EVIDENCE_TAGS:
        opening = re.search(rf"<think>\s*<{tag}>", response, re.IGNORECASE)
        if opening is None:
            continue
        closing = re.compile(f"</{tag}>", re.IGNORECASE).search(response, opening.end())
        seam = closing and _V2_SEAM.search(response, closing.end())
        if seam and _V2_END.search(response, seam.end()):
            return 1.0
    return 0.0


def released_v1(text: str, gold: str, kind: str) -> float:
    """R_ans of DeFacto v1: -1 for unknown, no or none anywhere, as parts of words too.

    ``kind`` is pos, random or neg; else 1 for the gold answer and 0. On neg +1 for any of the words
    and else -1. "not" and "know" count, which v2 mends. Source: arXiv 2509.20912, first release.

    >>> released_v1("<think>I know</think><answer>red</answer>", "red", "pos")
    -1.0
    """
    hit = any(word in text.lower() for word in ("unknown", "no", "none"))
    if kind == "neg":
        return 1.0 if hit else -1.0
    body = any_case_block(text, "answer")
    said = (text if body is None else body).strip().lower()
    return -1.0 if hit else float(said == gold.lower())


def ranked_matches(
    predictions: Sequence[tuple[Sequence[float], float]], wanted: Sequence[Sequence[float]]
) -> float:
    """m(B) of DeFacto v1: IoU of greedy matches over 0.5, over the larger number of boxes.

    ``predictions`` are (box, confidence), repeats of a box dropped; the most confident chooses its
    best free reference first. 0 without references. Source: arXiv 2509.20912, first release.
    """
    unique = {tuple(box): confidence for box, confidence in reversed(predictions)}
    ranked = sorted(unique, key=lambda box: -unique[box])
    free, total = list(wanted), 0.0
    for box in ranked:
        best = max(free, key=lambda other: overlap_iou(box, other), default=None)
        if best is not None and overlap_iou(box, best) > 0.5:
            total += overlap_iou(box, best)
            free.remove(best)
    return total / max(len(wanted), len(ranked)) if wanted else 0.0


_FIRST_TYPES: dict[str, Literal["pos", "random", "neg"]] = {
    "pos": "pos", "random": "random", "neg": "neg", "rand": "random", "cf": "neg",
}  # fmt: skip
"""Types of the first release, and those of the second under the names of the first."""


def ranked_boxes(text: str) -> list[tuple[tuple[float, ...], float]] | None:
    """Boxes with their confidence, as DeFacto v1 writes them in its bbox block; or None.

    Raises nothing; None for anything but a list of objects with ``Position`` and ``Confidence``.

    >>> ranked_boxes("<bbox>[{'Position': [1, 2, 3, 4], 'Confidence': 0.9}]</bbox>")
    [((1.0, 2.0, 3.0, 4.0), 0.9)]
    """
    value = read_python(first_block(text, "bbox") or "", quotes=True)
    if not isinstance(value, list) or not 0 < len(value) <= MAX_BOXES:
        return None
    found = []
    for item in value:
        box = _box(item.get("Position")) if isinstance(item, dict) else None
        confidence = finite(item.get("Confidence")) if isinstance(item, dict) else None
        if box is None or confidence is None:
            return None
        found.append((box, confidence))
    return found


@register("reward")
def evidence_first(response: str, sample: Sample, *, column: str = "type") -> float:
    """DeFacto's first release whole: layout + answer + regions, each of weight 1, from -2 to 3.

    Layout: blocks bbox, think and answer are the response. Answer: `released_v1`. Regions: for pos
    and random, `ranked_matches` with R+ less that with R-, 0 without boxes; for neg 1 where there
    is no box or "unknown" stands anywhere, else -1. Columns ``type`` (names of either release),
    ``y_star``, ``r_plus_boxes``, ``r_minus_boxes``. It can be gamed: on neg by "no" and "unknown"
    anywhere, while "not" and "know" cost a right answer 2. Source: arXiv 2509.20912, first release.
    """
    told = str(optional(sample.meta, column, "pos")).lower()
    if told not in _FIRST_TYPES:
        raise ValueError(
            f"type {told!r} is not one of {', '.join(_FIRST_TYPES)}; correct the record"
        )
    kind, boxes = _FIRST_TYPES[told], ranked_boxes(response)
    answer = released_v1(response, str(column_of(sample, "y_star")), kind)
    if kind == "neg":
        region = 1.0 if boxes is None or "unknown" in response.lower() else -1.0
    else:
        sides = (column_of(sample, name) or [] for name in ("r_plus_boxes", "r_minus_boxes"))
        gain, loss = (ranked_matches(boxes or [], side) for side in sides)
        region = max(-1.0, min(1.0, gain - loss))
    return has_layout(response, ["bbox", "think", "answer"]) + answer + region
