"""Cubes of six interlocking pieces: orientations, slots, the validator of an assembly (M-Cube).

Source: MARBLE, arXiv 2506.22992; its geometry, with our precise parser and dense reward. A piece is
a 5 x 5 array of 0 and 1, row 0 at the top, seen from outside the cube; here always a tuple of 25
values, row by row. Voxels x, y, z run from 0 to 4: x to the right, y up, z towards the viewer.
Edges of a face, and slots, are 1 left, 2 top, 3 right, 4 bottom.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from gnomon.grading.puzzles.family import Facts, Family, Finding, Mode, Shape, judged, unread
from gnomon.grading.structured import read_json

SIDE = 5
PIECES = "ABCDEF"
Piece = tuple[int, ...]
Voxel = tuple[int, int, int]
Pair = tuple[int, int]
"""The edges of a piece that become the left and the top edge of its face."""
Slots = tuple[str, int, str, int]
"""A face, its slot, and the face and slot that it touches."""
Feedback = Literal["binary", "detailed"]
Places = Mapping[str, tuple[str, Pair]]
"""Piece to its face and orientation."""

PHRASE = "The final solution is"
_SIGHT: dict[str, Callable[[int, int], Voxel]] = {
    "Front": lambda r, c: (c, 4 - r, 4),
    "Right": lambda r, c: (4, 4 - r, 4 - c),
    "Back": lambda r, c: (4 - c, 4 - r, 0),
    "Left": lambda r, c: (0, 4 - r, c),
    "Top": lambda r, c: (c, 4, r),
    "Bottom": lambda r, c: (c, 0, 4 - r),
}
FACES = tuple(_SIGHT)
VOXELS: dict[str, tuple[Voxel, ...]] = {
    face: tuple(see(r, c) for r, c in product(range(SIDE), repeat=2))
    for face, see in _SIGHT.items()
}
"""Face to the voxels of its cells, row by row."""
SLOTS: tuple[Slots, ...] = (
    ("Top", 1, "Left", 2), ("Top", 2, "Back", 2), ("Top", 3, "Right", 2), ("Top", 4, "Front", 2),
    ("Bottom", 1, "Left", 4), ("Bottom", 2, "Front", 4), ("Bottom", 3, "Right", 4),
    ("Bottom", 4, "Back", 4), ("Front", 1, "Left", 3), ("Front", 3, "Right", 1),
    ("Back", 1, "Right", 3), ("Back", 3, "Left", 1),
)  # fmt: skip
CORNERS: tuple[Voxel, ...] = tuple((x, y, z) for x, y, z in product((0, 4), repeat=3))
INNER: dict[Slots, tuple[Voxel, ...]] = {
    slots: tuple(v for v in VOXELS[slots[0]] if v in VOXELS[slots[2]] and v not in CORNERS)
    for slots in SLOTS
}
"""Touching slots to the three voxels that they share, without the corners.

Found from the voxels, as the order along an edge is reversed for some pairs.
"""
_TURNS: dict[Pair, Callable[[int, int], tuple[int, int]]] = {
    (1, 2): lambda r, c: (r, c),
    (2, 3): lambda r, c: (c, 4 - r),
    (3, 4): lambda r, c: (4 - r, 4 - c),
    (4, 1): lambda r, c: (4 - c, r),
    (2, 1): lambda r, c: (c, r),
    (3, 2): lambda r, c: (r, 4 - c),
    (4, 3): lambda r, c: (4 - c, 4 - r),
    (1, 4): lambda r, c: (4 - r, c),
}
_ORDER: dict[Pair, tuple[int, ...]] = {
    pair: tuple(SIDE * y + x for y, x in (turn(*cell) for cell in product(range(SIDE), repeat=2)))
    for pair, turn in _TURNS.items()
}
PLAIN: tuple[Pair, ...] = tuple(_TURNS)[:4]
FLIPPED: tuple[Pair, ...] = tuple(_TURNS)[4:]
"""Orientations without and with a flip; the first is the identity."""

_LINE = re.compile(r"([A-F]):\s*\(\s*([A-Za-z]{3,6})\s*,\s*([1-4])\s*,\s*([1-4])\s*\)")


@dataclass(frozen=True)
class Conflicts:
    """What is wrong with an assembly: touching slots, and corner voxels, whose sum is not 1."""

    edges: tuple[Slots, ...]
    corners: tuple[Voxel, ...]

    def __bool__(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.edges or self.corners)

    @property
    def reward(self) -> float:
        """1 when all is right, else 0.5 (1 - (edges + corners) / 20) (ours)."""
        wrong = len(self.edges) + len(self.corners)
        return 0.5 * (1 - wrong / 20) if wrong else 1.0

    @property
    def detailed(self) -> str:
        """The conflicts one per line, edges by the slots of their faces."""
        lines = [f"Edge conflicts ({len(self.edges)}):"]
        lines += [f"{a} edge {i} - {b} edge {j}" for a, i, b, j in self.edges]
        lines += [f"Corner conflicts ({len(self.corners)}):", *map(str, self.corners)]
        return "\n".join(lines)


def feedback(found: Conflicts, kind: Feedback) -> str:
    """What the next turn tells about a wrong assembly, "" about a valid one."""
    return _FEEDBACK[kind](found) if found else ""


_FEEDBACK: dict[Feedback, Callable[[Conflicts], str]] = {
    "binary": lambda found: "incorrect",
    "detailed": lambda found: found.detailed,
}


def oriented(piece: Piece, pair: Pair) -> Piece:
    """The piece turned so that its edges ``pair`` are left and top; KeyError for no such pair.

    >>> oriented(tuple(range(25)), (2, 3))[:5]
    (4, 9, 14, 19, 24)
    """
    return tuple([piece[place] for place in _ORDER[pair]])


def conflicts(faces: Mapping[str, Piece]) -> Conflicts:
    """Conflicts of six pieces as they lie on their faces; no orientation is applied."""
    sums: dict[Voxel, int] = {}
    for face, piece in faces.items():
        for voxel, value in zip(VOXELS[face], piece, strict=True):
            sums[voxel] = sums.get(voxel, 0) + value
    edges = tuple(slots for slots in SLOTS if any(sums[v] != 1 for v in INNER[slots]))
    return Conflicts(edges, tuple(v for v in CORNERS if sums[v] != 1))


def assembled(pieces: Mapping[str, Piece], places: Places) -> dict[str, Piece]:
    """Face to the piece on it as it lies there."""
    return {face: oriented(pieces[name], pair) for name, (face, pair) in places.items()}


def read_places(text: str) -> dict[str, tuple[str, Pair]] | None:
    """The lines ``A: (Face, left edge, top edge)``, each of A to F once, on six faces, or None."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [_LINE.fullmatch(line) for line in lines] if len(lines) == len(PIECES) else [None]
    places = {
        match[1]: (match[2].capitalize(), (int(match[3]), int(match[4])))
        for match in found if match is not None
    }  # fmt: skip
    faces = {face for face, _ in places.values()}
    proper = sorted(places) == list(PIECES) and faces == set(FACES)
    return places if proper and all(pair in _ORDER for _, pair in places.values()) else None


def read_assembly(text: str) -> dict[str, tuple[str, Pair]] | None:
    """`read_places` of the last fenced block after the last "The final solution is", or None."""
    _, phrase, tail = text.rpartition(PHRASE)
    blocks = tail.split("```")
    # Fences alternate between outside and inside; one that is never closed holds no block.
    inside = blocks[1 : len(blocks) - 1 : 2]
    if not phrase or not inside:
        return None
    first, newline, rest = inside[-1].partition("\n")
    return read_places(inside[-1] if not newline or ":" in first else rest)


def write_assembly(lines: str) -> str:
    """An answer with these lines."""
    return f"{PHRASE}:\n```\n{lines}\n```"


def write_places(places: Places) -> str:
    """The lines of an assembly, by piece."""
    return "\n".join(
        f"{name}: ({face}, {left}, {top})" for name, (face, (left, top)) in sorted(places.items())
    )


def assembly_problem(
    pieces: Mapping[str, Piece], flips: bool, given: Places, places: Places
) -> str:
    """Why an assembly is not valid, "" when it is.

    Any assembly without conflicts is valid, whatever the one that the cube was made from. A flip
    needs ``flips``, and pieces that are given have to lie as they do.
    """
    for name, (face, pair) in places.items():
        if pair in FLIPPED and not flips:
            return f"piece {name} is flipped"
        there, turn = given.get(name, (face, pair))
        if there != face or oriented(pieces[name], turn) != oriented(pieces[name], pair):
            return f"piece {name} is not where it was given"
    found = conflicts(assembled(pieces, places))
    return found.detailed if found else ""


def pieces_of(rows: Mapping[str, Sequence[Sequence[int]]]) -> dict[str, Piece]:
    """Pieces as tuples of 25 values."""
    return {name: tuple(value for row in rows[name] for value in row) for name in PIECES}


def read_array(text: str) -> Piece | None:
    """The array after "Here is the converted 2D array:", else the last one of the text, or None.

    It has five rows of five numbers 0 or 1.
    """
    _, phrase, tail = text.partition("Here is the converted 2D array")
    spans = re.findall(r"\[\s*+\[[^\[\]]*+\](?:\s*+,\s*+\[[^\[\]]*+\])*+\s*+\]", tail or text)
    rows = read_json(spans[0 if phrase else -1]) if spans else None
    if not isinstance(rows, list) or not _is_piece(rows):
        return None
    return tuple(value for row in rows for value in row)


def cell_accuracy(text: str, piece: Piece) -> float:
    """Share of the 25 cells that the array in the text has right; 0 without a proper array."""
    found = read_array(text)
    return 0.0 if found is None else sum(map(int.__eq__, found, piece)) / len(piece)


def _is_piece(value: Any) -> bool:
    def binary(cell: Any) -> bool:
        return isinstance(cell, int) and not isinstance(cell, bool) and cell in (0, 1)

    return (
        isinstance(value, list | tuple)
        and len(value) == SIDE
        and all(isinstance(row, list | tuple) and len(row) == SIDE for row in value)
        and all(binary(cell) for row in value for cell in row)
    )


def _are_pieces(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and set(value) == set(PIECES)
        and all(_is_piece(rows) for rows in value.values())
    )


def _are_given(value: Any) -> bool:
    if not isinstance(value, Mapping) or not set(value) <= set(PIECES):
        return False
    return all(
        isinstance(place, list | tuple)
        and len(place) == 3
        and place[0] in FACES
        and all(isinstance(edge, int) for edge in place[1:])
        and tuple(place[1:]) in _ORDER
        for place in value.values()
    )


def m_cube(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """The last fenced block after the phrase, one line per piece; any valid assembly is right."""
    places = read_assembly(text)
    if places is None:
        return unread("assembly of six pieces in a block after the phrase")
    given = {name: (face, (i, j)) for name, (face, i, j) in facts["given"].items()}
    pieces = pieces_of(facts["pieces"])
    return judged(assembly_problem(pieces, facts["flips"], given, places))


def m_cube_piece(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """The array of a picture; all 25 cells have to be right."""
    found = read_array(text)
    if found is None:
        return unread("array of five rows of 0 and 1")
    return judged("" if found == read_array(gold) else "the array is another one")


def _gold_places(facts: Facts, gold: str) -> str:
    return "" if read_places(gold) is not None else "gold has to hold a line for each piece"


def _gold_array(facts: Facts, gold: str) -> str:
    return "" if read_array(gold) is not None else "gold has to be an array of five rows"


CUBES: dict[str, Family] = {
    "m_cube": Family(
        m_cube,
        {
            "pieces": Shape("pieces A to F, five rows of five 0 or 1 each", _are_pieces),
            "flips": Shape("true or false", lambda value: isinstance(value, bool)),
            "given": Shape("pieces to [face, left edge, top edge]", _are_given),
        },
        _gold_places,
        write_assembly,
    ),
    "m_cube_piece": Family(m_cube_piece, {}, _gold_array),
}
"""Families by name."""
