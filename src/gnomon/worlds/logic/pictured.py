"""The world ``logic-image``: the puzzle families on grids, the same puzzles shown as pictures."""

from __future__ import annotations

from gnomon.worlds.logic import FAMILIES
from gnomon.worlds.world import WorldTask

TASKS: tuple[WorldTask, ...] = tuple(
    family.pictured() for family in FAMILIES.values() if family.board is not None
)
