"""What a puzzle family consists of: its verifier, and the facts that it needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gnomon.records import Outcome

Mode = Literal["strict", "released"]
"""``released`` repeats what the released verifiers of arXiv 2505.19641 do, mistakes included."""

Finding = tuple[Outcome, str]
"""The outcome of verifying one answer, and its reason in words."""

Facts = Mapping[str, Any]
Cell = tuple[int, int]
MAX_SIDE = 64
MAX_FACTS = 4096
"""Limits of a board's side, and of the elements of one fact (ours)."""

_CELL = re.compile(r"\(\s*([0-9]{1,4})\s*,\s*([0-9]{1,4})\s*\)")


@dataclass(frozen=True)
class Shape:
    """What one fact has to be: in words, and as a test that takes anything."""

    says: str
    fits: Callable[[Any], bool]


def consistent(facts: Facts, gold: str) -> str:
    """What families say whose facts need no comparison with each other."""
    return ""


def as_given(gold: str) -> str:
    """The gold text, unchanged."""
    return gold


@dataclass(frozen=True)
class Family:
    """One puzzle family.

    ``check(text, facts, gold, mode)`` verifies one answer; it takes any text, and never raises on
    facts that fit. ``shapes`` are the facts by name. ``agree(facts, gold)`` says why they do not
    fit each other or the gold text, "" when they do; it is asked after the shapes. ``write`` turns
    the gold text into an answer.
    """

    check: Callable[[str, Facts, str, Mode], Finding]
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    agree: Callable[[Facts, str], str] = consistent
    write: Callable[[str], str] = as_given

    def problem(self, facts: Facts, gold: str) -> str:
        """Why facts and gold text cannot be verified against, or ""."""
        for name, shape in self.shapes.items():
            if name not in facts:
                return f"the fact {name!r} is missing: {shape.says}"
            if not shape.fits(facts[name]):
                return f"{name} has to be {shape.says}, not {facts[name]!r:.120}"
        return self.agree(facts, gold)


def judged(problem: str) -> Finding:
    """Right unless there is a ``problem``."""
    return (Outcome.WRONG, problem) if problem else (Outcome.CORRECT, "it keeps every rule")


def compared(right: bool, shown: Any) -> Finding:
    """Right when what was read is the gold answer."""
    return judged("") if right else (Outcome.WRONG, f"read {shown!r:.120}")


def unread(what: str) -> Finding:
    """The finding on an answer in which ``what`` cannot be read."""
    return Outcome.UNPARSEABLE_ANSWER, f"no {what} can be read in the answer"


def is_whole(value: Any, low: int = -(10**9), high: int = 10**9) -> bool:
    """Whether a value is an int, true and false excepted, within limits."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def is_rows(value: Any, cell: Callable[[Any], bool], high: int = MAX_SIDE) -> bool:
    """Whether a value is a rectangle of rows, 1 to ``high`` a side, whose cells all fit."""
    if not isinstance(value, list | tuple) or not 0 < len(value) <= high:
        return False
    if not all(isinstance(row, list | tuple) and 0 < len(row) <= high for row in value):
        return False
    return len({len(row) for row in value}) == 1 and all(
        cell(item) for row in value for item in row
    )


def is_square(value: Any, cell: Callable[[Any], bool]) -> bool:
    """`is_rows` with as many columns as rows."""
    return is_rows(value, cell) and len(value) == len(value[0])


def is_list(value: Any, item: Callable[[Any], bool]) -> bool:
    """Whether a value is a list of at most `MAX_FACTS` items that all fit."""
    return isinstance(value, list | tuple) and len(value) <= MAX_FACTS and all(map(item, value))


def cell_of(value: Any) -> Cell | None:
    """A cell, written as a pair or as the text "(row,column)", or None.

    >>> cell_of("(1, 2)"), cell_of([1, 2]), cell_of([1, "2"])
    ((1, 2), (1, 2), None)
    """
    if isinstance(value, str):
        match = _CELL.fullmatch(value.strip())
        return None if match is None else (int(match[1]), int(match[2]))
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    row, column = value
    return (row, column) if is_whole(row, 0, 9999) and is_whole(column, 0, 9999) else None


def side() -> Shape:
    """The length of a board's side."""
    return Shape(f"a number from 1 to {MAX_SIDE}", lambda value: is_whole(value, 1, MAX_SIDE))


def numbers() -> Shape:
    """A list of whole numbers."""
    return Shape("a list of whole numbers", lambda value: is_list(value, is_whole))


def cells() -> Shape:
    """A list of cells."""
    return Shape(
        "a list of cells (row, column)", lambda v: is_list(v, lambda c: cell_of(c) is not None)
    )


def words() -> Shape:
    """A list of texts."""
    return Shape(
        "a list of texts", lambda value: is_list(value, lambda item: isinstance(item, str))
    )


def board(*kinds: str, whole: bool = False) -> Shape:
    """A rectangle of cells that hold one of ``kinds`` or, with ``whole``, a number from 0."""
    says = f"rows of equal length of {', '.join(map(repr, kinds))}{' and numbers' * whole}"
    return Shape(says, lambda value: is_rows(value, lambda c: _cell_fits(c, kinds, whole)))


def _cell_fits(cell: Any, kinds: Sequence[str], whole: bool) -> bool:
    return (isinstance(cell, str) and cell in kinds) or (whole and is_whole(cell, 0))


def regions() -> Shape:
    """A square whose cells hold the names of their regions."""

    def named(cell: Any) -> bool:
        return (isinstance(cell, str) and bool(cell.strip())) or is_whole(cell)

    return Shape("a square of names of regions", lambda value: is_square(value, named))


def text_fact(limit: int = 10_000) -> Shape:
    """A text that is not blank."""

    def fits(value: Any) -> bool:
        return isinstance(value, str) and 0 < len(value.strip()) <= limit

    return Shape("a text", fits)
