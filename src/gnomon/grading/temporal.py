"""Kinds of answer that are times: a span, several spans, a track of boxes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gnomon.grading import extract
from gnomon.grading.comparison import Kind, by_overlap, by_text, by_whole_text
from gnomon.grading.geometry import Span, box_iou, span_iou, spans_iou
from gnomon.grading.structured import finite, read_json
from gnomon.grading.visual import short, write_lists, written
from gnomon.records import Answer, Box

MAX_SPANS = 128
MAX_FRAMES = 4096
"""Limits of what is compared (ours)."""

_CLOCK = r"(?:[0-9]{1,3}:)?[0-9]{1,3}:[0-9]{2}(?:\.[0-9]{1,6})?|[0-9]{1,9}(?:\.[0-9]{1,9})?"
_SPAN = re.compile(
    rf"(?:from )?(?P<start>{_CLOCK})(?: ?(?:s|sec|seconds?))? ?(?:-|–|—|to|,) ?"
    rf"(?P<end>{_CLOCK})(?: ?(?:s|sec|seconds?)\b)?\.?",
    re.IGNORECASE,
)


def read_span(text: str, *, whole: bool = True) -> Span | None:
    """Start and end in seconds with start < end, or None.

    ``whole=True``: JSON ``[s, e]``, ``{"time": [s, e]}`` or an object with ``start_time`` and
    ``end_time`` (numbers may stand in quotes), or words such as ``3 to 8.5 s`` and ``0:03 - 1:10``.
    ``whole=False``: the last such words. A reversed or empty span is None.

    >>> read_span('{"start_time": "3", "end_time": "8.5"}'), read_span("0:03 - 1:10")
    ((3.0, 8.5), (3.0, 70.0))
    """
    found = read_json(text) if whole else None
    if found is not None:
        return proper_span(_ends(found))
    matches = [_SPAN.fullmatch(text.strip())] if whole else list(_SPAN.finditer(text))
    last = matches[-1] if matches else None
    return None if last is None else proper_span([_seconds(last["start"]), _seconds(last["end"])])


def _ends(found: Any) -> Any:
    if not isinstance(found, Mapping):
        return found
    if "time" in found:
        return found["time"]
    return [_plain(found.get(key)) for key in ("start_time", "end_time")]


def _plain(value: Any) -> Any:
    return extract.read_number(value) if isinstance(value, str) else value


def proper_span(value: Any) -> Span | None:
    """Two finite numbers, the first smaller, as a span, or None."""
    ends = finite(value, 2)
    return (ends[0], ends[1]) if ends is not None and ends[0] < ends[1] else None


def _seconds(text: str) -> float:
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def read_spans(text: str, *, whole: bool = True) -> tuple[Span, ...] | None:
    """Spans in seconds, one to `MAX_SPANS`, or None.

    ``whole=True``: a JSON list of what `read_span` takes, or spans in words separated by commas,
    semicolons or "and". ``whole=False``: every span in words.

    >>> read_spans("[[0, 2], [4, 6]]"), read_spans("0 to 2 s and 4 to 6 s")
    (((0.0, 2.0), (4.0, 6.0)), ((0.0, 2.0), (4.0, 6.0)))
    """
    found = read_json(text) if whole else None
    if found is not None:
        items = [found] if isinstance(found, Mapping) or finite(found, 2) else found
        items = [_ends(item) for item in items] if isinstance(items, list) else []
    else:
        rest = re.sub(r"[;,\s]|\band\b", "", _SPAN.sub("", text)) if whole else ""
        items = [] if rest else [[*map(_seconds, pair)] for pair in _SPAN.findall(text)]
    if not 0 < len(items) <= MAX_SPANS:
        return None
    spans = [proper_span(item) for item in items]
    return tuple(span for span in spans if span is not None) if all(spans) else None


def read_track(text: str) -> dict[str, Box] | None:
    """Boxes by frame or second, or None.

    The whole text is JSON, ``{"1": [x1, y1, x2, y2], ...}`` or such an object under ``boxes``. One
    box that is malformed makes the track unreadable.

    >>> read_track('{"boxes": {"1": [0, 0, 4, 4]}}')
    {'1': (0.0, 0.0, 4.0, 4.0)}
    """
    found = read_json(text)
    return proper_track(found.get("boxes", found) if isinstance(found, Mapping) else None)


def proper_track(value: Any) -> dict[str, Box] | None:
    """A mapping of one to `MAX_FRAMES` frames to boxes as a track, or None."""
    if not isinstance(value, Mapping) or not 0 < len(value) <= MAX_FRAMES:
        return None
    boxes = {str(key): extract.proper_box(box) for key, box in value.items()}
    track = {key: box for key, box in boxes.items() if box is not None}
    return track if len(track) == len(value) else None


def track_iou(predicted: Mapping[str, Box], gold: Mapping[str, Box]) -> float:
    """Mean IoU over the frames of ``gold``; a missing frame counts 0. Source: arXiv 2512.03043."""
    overlaps = (box_iou(predicted[key], box) for key, box in gold.items() if key in predicted)
    return sum(overlaps) / len(gold)


def _span_problem(answer: Answer) -> str | None:
    if proper_span(answer.value) is not None:
        return None
    return f"a span needs start < end in seconds, not {answer.value!r}"


def _spans_problem(answer: Answer) -> str | None:
    value = answer.value
    listed = isinstance(value, list | tuple) and 0 < len(value) <= MAX_SPANS
    if listed and all(proper_span(span) is not None for span in value):
        return None
    return f"spans need one to {MAX_SPANS} pairs start < end, not {value!r:.120}"


def _track_problem(answer: Answer) -> str | None:
    if proper_track(answer.value) is not None:
        return None
    return f"a track needs boxes by frame, not {answer.value!r:.120}"


def _write_track(answer: Answer) -> str:
    boxes = [f'"{key}": {written(box)}' for key, box in answer.value.items()]
    return f'{{"boxes": {{{", ".join(boxes)}}}}}'


def _track_overlap(value: Mapping[str, Box], gold: Any) -> float:
    return track_iou(value, proper_track(gold) or {})


TEMPORAL_KINDS: dict[str, Kind] = {
    "span": Kind(
        _span_problem,
        lambda answer: f"[{short(answer.value[0])}, {short(answer.value[1])}]",
        read_span,
        by_text(read_span),
        by_overlap(span_iou, "temporal IoU"),
    ),
    "spans": Kind(
        _spans_problem,
        write_lists,
        read_spans,
        by_text(read_spans),
        by_overlap(spans_iou, "temporal IoU"),
    ),
    "track": Kind(
        _track_problem,
        _write_track,
        read_track,
        by_whole_text(read_track),
        by_overlap(_track_overlap, "mean IoU"),
    ),
}
