"""What a kind of answer consists of, and the settings that comparisons share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gnomon.records import Answer, Outcome, Verdict


@dataclass(frozen=True)
class Switches:
    """Settings of a comparison.

    ``iou``: least overlap of a right box, mask, polygon, span or track, in [0, 1]. ``tolerance``:
    relative, on numbers. ``distance``: how far a right point may be from a reference point, in
    pixels.
    """

    iou: float = 0.5
    tolerance: float = 1e-6
    distance: float = 10.0


Read = Callable[[str, Answer, bool], Any]
Compare = Callable[[Any, Answer, Switches], Verdict]


@dataclass(frozen=True)
class Kind:
    """One kind of answer.

    ``problem`` gives the reason why a reference cannot be used, or None. ``write`` gives its
    canonical text, which ``read`` takes. ``load(text)`` gives a reference value from what a data
    set holds, or None. ``read(text, reference, whole)`` gives the value in a text, or None; it
    never raises. ``compare`` gives the verdict on that value.
    """

    problem: Callable[[Answer], str | None]
    write: Callable[[Answer], str]
    load: Callable[[str], Any]
    read: Read
    compare: Compare


def by_text(read: Callable[..., Any]) -> Read:
    """A kind's ``read`` that does not ask for the reference: ``read(text, whole=...)``."""
    return lambda text, reference, whole: read(text, whole=whole)


def by_whole_text(read: Callable[[str], Any]) -> Read:
    """A kind's ``read`` that takes the whole text in every case: ``read(text)``."""
    return lambda text, reference, whole: read(text)


def by_overlap(overlap: Callable[[Any, Any], float], name: str = "IoU") -> Compare:
    """A kind's ``compare`` that scores the overlap, which is right from the least one on.

    ``overlap`` is that of what was read with the reference's value, in [0, 1]; ``name`` is what
    reasons call it.
    """

    def compare(value: Any, reference: Answer, switches: Switches) -> Verdict:
        score = overlap(value, reference.value)
        return scored(score >= switches.iou, score, value, f"{name} {score:.3f}")

    return compare


def decided(right: bool, value: Any, reason: str) -> Verdict:
    """A verdict without partial credit."""
    outcome = Outcome.CORRECT if right else Outcome.WRONG
    return Verdict(outcome, float(right), value=value, reason=reason)


def scored(right: bool, score: float, value: Any, reason: str) -> Verdict:
    """A verdict with a score of its own; what is not right scores below 1."""
    outcome = Outcome.CORRECT if right else Outcome.WRONG
    return Verdict(outcome, min(1.0, max(0.0, score)), value=value, reason=reason)


def same_value(value: Any, reference: Answer, switches: Switches) -> Verdict:
    """Right when both values are equal."""
    right = bool(value == reference.value)
    return decided(right, value, "equal" if right else f"read {value!r}"[:200])


def write_value(answer: Answer) -> str:
    """The value as text."""
    return str(answer.value)
