"""What each kind of answer means: its valid references, how it is written, read and compared.

`KINDS` is the table that every grader dispatches on. A new kind of answer is one more entry, in the
module of its family.
"""

from __future__ import annotations

from gnomon.grading.actions import ACTION_KINDS
from gnomon.grading.choices import CHOICE_KINDS
from gnomon.grading.comparison import Kind, Switches
from gnomon.grading.compound import parts_kind
from gnomon.grading.numbers import NUMBER_KINDS
from gnomon.grading.puzzles.families import PUZZLE_KINDS
from gnomon.grading.routes import ROUTE_KINDS
from gnomon.grading.sequences import SEQUENCE_KINDS
from gnomon.grading.temporal import TEMPORAL_KINDS
from gnomon.grading.visual import VISUAL_KINDS

__all__ = ["KINDS", "Kind", "Switches"]

_SIMPLE: dict[str, Kind] = {
    **NUMBER_KINDS,
    **CHOICE_KINDS,
    **SEQUENCE_KINDS,
    **VISUAL_KINDS,
    **TEMPORAL_KINDS,
    **ACTION_KINDS,
    **ROUTE_KINDS,
    **PUZZLE_KINDS,
}
KINDS: dict[str, Kind] = {**_SIMPLE, "parts": parts_kind(_SIMPLE)}
