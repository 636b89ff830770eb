"""Griffon-R: a plan, cues with boxes, and an answer, in one text.

Source: arXiv 2505.20753; the layout is a reconstruction from its figures.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gnomon.parts import register
from gnomon.records import Sample
from gnomon.rewards.sections import column_of
from gnomon.rewards.visual import overlap_iou

Cue = tuple[str, tuple[float, ...]]
_HINT = re.compile(r"Hints? *:")
_THINK = "Answer the question"
_DECIMAL = r" *(-?\d{1,9}(?:\.\d{1,9})?) *"
_BOX = re.compile(r"\[" + ",".join([_DECIMAL] * 4) + r"\]")
_NAME_END = re.compile(r"[A-Za-z0-9 '\-]")
_JOIN = re.compile(r" *[-&] *")


@dataclass(frozen=True)
class Plan:
    """A response taken apart; ``understand`` and ``think`` are None without an answer line."""

    understand: str | None
    cues: tuple[Cue, ...]
    think: str | None
    answer: str


def read_plan(text: str) -> Plan:
    """Plan, cues, answer line and answer of a response.

    Non-empty stripped lines. The first line that begins with "Answer the question" parts the rest;
    without one the last line is the answer and there are no cues. A line "Hint:" or "Hints:" before
    it begins the cues. Lines are joined by single blanks.

    >>> read_plan("Green")
    Plan(understand=None, cues=(), think=None, answer='Green')
    """
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    place = next((i for i, line in enumerate(lines) if line.startswith(_THINK)), None)
    if place is None:
        return Plan(None, (), None, lines[-1] if lines else "")
    hint = next((i for i, line in enumerate(lines[:place]) if _HINT.match(line)), place)
    hints = _HINT.sub("", " ".join(lines[hint:place]), count=1)
    answer = " ".join(lines[place + 1 :])
    return Plan(" ".join(lines[:hint]), tuple(read_cues(hints)), lines[place], answer)


def read_cues(text: str) -> list[Cue]:
    """(name, box) pairs of ``name-[x1, y1, x2, y2]``, several boxes joined by "-" or "&".

    A name is the longest run of letters, digits, blanks, apostrophes and hyphens before ``-[``,
    without outer blanks and hyphens; an empty one gives no cue. Linear.

    >>> read_cues("cup-[0, 0, 0.5, 1]&plate-[0.5, 0, 1, 1]-[0, 0, 1, 1]")[1:]
    [('plate', (0.5, 0.0, 1.0, 1.0)), ('plate', (0.0, 0.0, 1.0, 1.0))]
    """
    cues: list[Cue] = []
    name, end = "", -1
    for match in _BOX.finditer(text):
        joined = end >= 0 and _JOIN.fullmatch(text, end, match.start()) is not None
        if not joined:
            name = _name_before(text, max(end, 0), match.start())
        if name:
            cues.append((name, tuple(map(float, match.groups()))))
        end = match.end()
    return cues


def _name_before(text: str, least: int, box: int) -> str:
    if box == 0 or text[box - 1] != "-":
        return ""
    start = box - 1
    while start > least and _NAME_END.match(text[start - 1]):
        start -= 1
    return text[start : box - 1].strip(" -")


def last_word(name: str) -> str:
    """The lower-cased last word, by which names are compared."""
    words = name.lower().split()
    return words[-1] if words else ""


def cue_overlap(cues: Sequence[Cue], gold: Sequence[Any]) -> float | None:
    """Mean over gold (name, box) of the best IoU with a cue of the same last word; None without.

    >>> cue_overlap([("A dog", (0, 0, 1, 1))], [("dog", (0, 0, 1, 1)), ("cat", (0, 0, 1, 1))])
    0.5
    """
    if not gold:
        return None
    best = [
        max((overlap_iou(b, box) for n, b in cues if last_word(n) == last_word(name)), default=0.0)
        for name, box in gold
    ]
    return sum(best) / len(best)


def short_match(said: str, gold: str) -> bool:
    """Equal after trimming, lower-casing and removing one final period on both sides.

    >>> short_match("Blue.", "blue"), short_match("Blue..", "blue")
    (True, False)
    """
    one, other = (text.strip().lower().removesuffix(".").strip() for text in (said, gold))
    return one == other


@register("reward")
def cue_recall(response: str, sample: Sample, *, column: str = "objects") -> float | None:
    """Mean best IoU of the cues with the gold objects of the same name, in [0, 1]; None without.

    ``column`` holds (name, box) pairs in the cues' coordinates, 0..1. Only hints before the answer
    line count. Extra cues are free, so drawing many boxes of a name can be gamed. Source:
    Griffon-R, arXiv 2505.20753; the metric is ours.
    """
    return cue_overlap(read_plan(response).cues, column_of(sample, column) or ())


@register("reward")
def planned_answer(response: str, reference: Any) -> float | None:
    """1 when what follows the answer line is the reference by `short_match`, else 0.

    Without an answer line the last line counts. None without a reference. A sentence that holds the
    answer is wrong, and so are several answers. Source: Griffon-R, arXiv 2505.20753.

    >>> planned_answer("Blue.", "blue")
    1.0
    """
    if reference is None:
        return None
    return float(short_match(read_plan(response).answer, str(reference)))
