"""Grids of shapes that follow a rule, so that a hidden one can be told from the others.

The rules: all shapes of a row alike, all of a column alike, left and right mirrored, each row
alternating, and colours by row with kinds by column. A table [row][column] of looks is the grid;
None is hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np

from gnomon.worlds.scene import COLOURS, EXTENTS, KINDS, Placed, Scene, Shape, pick, shuffled

Rule = Literal["rows", "columns", "mirror", "alternate", "cross"]
RULES: tuple[Rule, ...] = get_args(Rule)
Look = tuple[str, str]
"""Colour and kind."""

Table = Sequence[Sequence[Look | None]]
Place = tuple[int, int]
"""Row and column."""

_Partners = Callable[[Place, int], Callable[[Place], bool]]

_ALIKE: dict[str, _Partners] = {
    "rows": lambda at, columns: lambda p: p[0] == at[0],
    "columns": lambda at, columns: lambda p: p[1] == at[1],
    "mirror": lambda at, columns: lambda p: p == (at[0], columns - 1 - at[1]),
    "alternate": lambda at, columns: lambda p: p[0] == at[0] and p[1] % 2 == at[1] % 2,
}


def predicted(table: Table, rule: Rule, at: Place) -> set[Look]:
    """What the other visible shapes say, under a rule, about the one at a place.

    None of them speaks: empty. They disagree: several looks.
    """
    others = {
        (row, column): look
        for row, looks in enumerate(table)
        for column, look in enumerate(looks)
        if look is not None and (row, column) != at
    }
    if rule == "cross":
        colours = {look[0] for place, look in others.items() if place[0] == at[0]}
        kinds = {look[1] for place, look in others.items() if place[1] == at[1]}
        return {(colour, kind) for colour in colours for kind in kinds}
    partner = _ALIKE[rule](at, len(table[0]))
    return {look for place, look in others.items() if partner(place)}


def holds(table: Table, rule: Rule) -> bool:
    """Whether no visible shape contradicts a rule."""
    return all(
        predicted(table, rule, (row, column)) <= {look}
        for row, looks in enumerate(table)
        for column, look in enumerate(looks)
        if look is not None
    )


def solutions(table: Table) -> set[Look]:
    """All looks that the rules which hold give to the hidden place; one when it is sure."""
    (at,) = [
        (row, column)
        for row, looks in enumerate(table)
        for column, look in enumerate(looks)
        if look is None
    ]
    held = [rule for rule in RULES if holds(table, rule)]
    return {look for rule in held for look in predicted(table, rule, at)}


def draw_table(rng: np.random.Generator, rule: Rule, rows: int, columns: int) -> list[list[Look]]:
    """A grid that follows a rule. Raises ValueError for more rows or columns than looks differ."""
    if not 1 <= rows <= len(COLOURS) or not 1 <= columns <= len(KINDS):
        raise ValueError(
            f"{rows} x {columns} shapes: use 1 to {len(COLOURS)} rows and 1 to {len(KINDS)} columns"
        )
    if rule == "cross":
        colours, kinds = shuffled(rng, tuple(COLOURS)), shuffled(rng, KINDS)
        return [[(colours[row], kinds[column]) for column in range(columns)] for row in range(rows)]
    looks = shuffled(rng, [(colour, kind) for colour in COLOURS for kind in KINDS])
    key: dict[str, Callable[[int, int], Place]] = {
        "rows": lambda row, column: (row, 0),
        "columns": lambda row, column: (0, column),
        "mirror": lambda row, column: (row, min(column, columns - 1 - column)),
        "alternate": lambda row, column: (row, column % 2),
    }
    drawn: dict[Place, Look] = {}
    return [
        [drawn.setdefault(key[rule](row, column), looks[len(drawn)]) for column in range(columns)]
        for row in range(rows)
    ]


def scene_of(rng: np.random.Generator, table: Sequence[Sequence[Look]]) -> Scene:
    """The grid as a scene of large shapes, one in each cell."""
    objects = [
        _placed(rng, look, row, column)
        for row, looks in enumerate(table)
        for column, look in enumerate(looks)
    ]
    return Scene(len(table), len(table[0]), tuple(objects), paper=pick(rng, range(226, 256)))


def _placed(rng: np.random.Generator, look: Look, row: int, column: int) -> Placed:
    colour = next(colour for colour in COLOURS if colour == look[0])
    kind = next(kind for kind in KINDS if kind == look[1])
    shape = Shape(kind, colour, "large")
    shift = (pick(rng, range(-2, 3)), pick(rng, range(-2, 3)))
    return Placed(shape, column, row, *shift, EXTENTS["large"][0], COLOURS[colour])
