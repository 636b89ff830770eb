"""The world ``logic``: the puzzle families of SynLogic (arXiv 2505.19641), with generators of ours.

``FAMILIES`` is the table of all of them, ``TASKS`` poses each in words. A new family is one more
`Family` in the module of its shape.
"""

from __future__ import annotations

from gnomon.worlds.logic.family import Family
from gnomon.worlds.logic.grid_families import GRID_FAMILIES
from gnomon.worlds.logic.latin_families import LATIN_FAMILIES
from gnomon.worlds.logic.story_families import STORY_FAMILIES
from gnomon.worlds.logic.symbol_families import SYMBOL_FAMILIES
from gnomon.worlds.world import WorldTask

_EVERY = (*GRID_FAMILIES, *LATIN_FAMILIES, *SYMBOL_FAMILIES, *STORY_FAMILIES)
FAMILIES: dict[str, Family] = {
    family.name: family for family in sorted(_EVERY, key=lambda family: family.name)
}
"""Every family by its name, in order of the alphabet."""

TASKS: tuple[WorldTask, ...] = tuple(family.task() for family in FAMILIES.values())
