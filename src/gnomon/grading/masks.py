"""Masks as run lengths: read from JSON, compressed text or arrays, compared without unpacking."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gnomon.grading.structured import read_json

MAX_PIXELS = 2**31
MAX_RUNS = 200_000
"""Limits of a mask (ours)."""


@dataclass(frozen=True)
class Mask:
    """A binary mask: height, width, and lengths of runs of 0 and 1 in turn, column by column.

    The first run is of zeros and may be empty; the lengths sum to height x width. This is the
    layout of COCO.
    """

    height: int
    width: int
    runs: tuple[int, ...]

    @property
    def area(self) -> int:
        """Number of pixels that are set."""
        return sum(self.runs[1::2])

    def spans(self) -> list[tuple[int, int]]:
        """Start and end of the runs of ones, ascending; empty ones are left out."""
        ends = list(itertools.accumulate(self.runs))
        pairs = zip(ends[::2], ends[1::2], strict=False)
        return [(start, end) for start, end in pairs if start < end]


def mask_iou(one: Mask, other: Mask) -> float:
    """Intersection over union, in [0, 1]; 1.0 when both are empty, 0.0 for different sizes.

    >>> mask_iou(Mask(1, 4, (0, 2, 2)), Mask(1, 4, (1, 2, 1)))
    0.3333333333333333
    """
    if (one.height, one.width) != (other.height, other.width):
        return 0.0
    shared, ours, theirs = 0, one.spans(), other.spans()
    i = j = 0
    while i < len(ours) and j < len(theirs):
        shared += max(0, min(ours[i][1], theirs[j][1]) - max(ours[i][0], theirs[j][0]))
        if ours[i][1] <= theirs[j][1]:
            i += 1
        else:
            j += 1
    union = one.area + other.area - shared
    return shared / union if union else 1.0


def mask_of(value: Any) -> Mask | None:
    """A mask from a `Mask`, {"size": [h, w], "counts": ...} or an array or list [h, w] of 0 and 1.

    ``counts`` are run lengths or COCO's compressed text. None for anything else and beyond the
    limits.

    >>> mask_of([[0, 1], [0, 1]])
    Mask(height=2, width=2, runs=(2, 2))
    """
    if isinstance(value, Mask):
        return value if _fits(value.height, value.width, value.runs) else None
    if isinstance(value, dict):
        return _from_counts(value.get("size"), value.get("counts"))
    if isinstance(value, np.ndarray):
        return _from_array(value)
    return _from_rows(value) if isinstance(value, list | tuple) else None


def read_mask(text: str) -> Mask | None:
    """The mask that is the whole text, JSON in one of the forms of `mask_of`, or None. Linear."""
    return mask_of(read_json(text))


def write_mask(mask: Mask) -> str:
    """The canonical text: JSON with run lengths."""
    counts = ", ".join(map(str, mask.runs))
    return f'{{"size": [{mask.height}, {mask.width}], "counts": [{counts}]}}'


def _from_counts(size: Any, counts: Any) -> Mask | None:
    if not isinstance(size, list | tuple) or len(size) != 2 or not all(map(_whole, size)):
        return None
    if isinstance(counts, str | bytes):
        counts = _unpacked(counts.decode("latin-1") if isinstance(counts, bytes) else counts)
    if not isinstance(counts, list | tuple) or not all(map(_whole, counts)):
        return None
    fits = _fits(size[0], size[1], counts)
    return Mask(size[0], size[1], tuple(counts)) if fits else None


def _fits(height: int, width: int, runs: Sequence[int]) -> bool:
    if len(runs) > MAX_RUNS or not 0 < height * width <= MAX_PIXELS:
        return False
    return height > 0 and min(runs, default=0) >= 0 and sum(runs) == height * width


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _unpacked(text: str) -> list[int] | None:
    """Run lengths of COCO's text: six bits a character, differences to the run before the last."""
    counts: list[int] = []
    value = shift = 0
    for character in text[: 8 * MAX_RUNS]:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 60:
            return None
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            value -= (1 << shift) if code & 16 else 0
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    return counts if shift == 0 else None


def _from_rows(rows: Sequence[Any]) -> Mask | None:
    if not rows or not all(isinstance(row, list | tuple) for row in rows):
        return None
    widths = {len(row) for row in rows}
    if len(widths) > 1 or not all(value in (0, 1) for row in rows for value in row):
        return None
    return _from_array(np.array(rows, dtype=bool))


def _from_array(array: np.ndarray[Any, Any]) -> Mask | None:
    if array.ndim != 2 or array.size == 0 or array.size > MAX_PIXELS:
        return None
    flat = np.asarray(array, dtype=bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    runs = [0, *runs] if flat[0] else runs
    height, width = array.shape
    return Mask(height, width, tuple(runs)) if len(runs) <= MAX_RUNS else None
