"""Cells of a board: neighbours, groups, lines and matchings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from gnomon.grading.puzzles.family import Cell

STRAIGHT: tuple[Cell, ...] = ((0, 1), (1, 0), (0, -1), (-1, 0))
DIAGONAL: tuple[Cell, ...] = ((1, 1), (1, -1), (-1, 1), (-1, -1))


def around(cell: Cell, steps: Iterable[Cell]) -> list[Cell]:
    """The cells at these steps from a cell, whether they are on the board or not."""
    return [(cell[0] + down, cell[1] + right) for down, right in steps]


def where(grid: Sequence[Sequence[Any]], kind: Any) -> list[Cell]:
    """The cells that hold ``kind``, row by row."""
    return [(r, c) for r, row in enumerate(grid) for c, cell in enumerate(row) if cell == kind]


def touching(marks: Iterable[Cell]) -> tuple[Cell, Cell] | None:
    """Two of the marks that are neighbours, also diagonally, or None."""
    known = set(marks)
    for cell in sorted(known):
        for other in around(cell, (*STRAIGHT, *DIAGONAL)):
            if other in known:
                return cell, other
    return None


def is_line(cells: Sequence[Cell]) -> bool:
    """Whether each cell follows the one before along an edge.

    >>> is_line([(0, 0), (0, 1), (1, 1)]), is_line([(0, 0), (1, 1)])
    (True, False)
    """
    return all(other in around(one, STRAIGHT) for one, other in pairwise(cells))


def groups(cells: Iterable[Cell]) -> list[set[Cell]]:
    """The cells in sets that are connected along edges."""
    left, found = set(cells), []
    while left:
        queue = [left.pop()]
        for cell in queue:
            fresh = left.intersection(around(cell, STRAIGHT))
            left -= fresh
            queue += sorted(fresh)
        found.append(set(queue))
    return found


def pair_up(ones: Sequence[Cell], others: set[Cell]) -> bool:
    """Whether the cells of both sides pair up along edges, one to one (a perfect matching).

    >>> pair_up([(0, 1), (1, 0)], {(0, 0), (1, 1)}), pair_up([(0, 1)], {(1, 2)})
    (True, False)
    """
    owner: dict[Cell, Cell] = {}
    return len(ones) == len(others) and all(_augment(one, others, owner) for one in ones)


def _augment(start: Cell, others: set[Cell], owner: dict[Cell, Cell]) -> bool:
    """Enlarge the matching by ``start`` along a shortest alternating path, if there is one."""
    reached: dict[Cell, Cell] = {}
    queue = [start]
    for one in queue:
        for other in around(one, STRAIGHT):
            if other not in others or other in reached:
                continue
            reached[other] = one
            if other not in owner:
                _flip(other, start, reached, owner)
                return True
            queue.append(owner[other])
    return False


def _flip(other: Cell, start: Cell, reached: Mapping[Cell, Cell], owner: dict[Cell, Cell]) -> None:
    held = {one: taken for taken, one in owner.items()}
    while (one := reached[other]) != start:
        owner[other], other = one, held[one]
    owner[other] = start
