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
    read: Callable[[str, Answer, bool], Any]
    compare: Callable[[Any, Answer, Switches], Verdict]


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
