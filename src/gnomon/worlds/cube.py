"""Cubes to assemble from six interlocking pieces, as arrays or as a picture (MARBLE, M-Cube).

Source: arXiv 2506.22992. The centre of every face is filled; each voxel of an edge goes to one of
its two faces and each corner to one of its three. Pictures are flat and ours (the source draws the
pieces in space). The geometry and the validator are in `gnomon.grading.puzzles.cube`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from PIL import Image

from gnomon.grading.puzzles.cube import (
    FACES,
    FLIPPED,
    INNER,
    PIECES,
    PLAIN,
    SIDE,
    SLOTS,
    VOXELS,
    Pair,
    Piece,
    Voxel,
    assembled,
    conflicts,
    oriented,
    pieces_of,
    read_array,
    read_assembly,
    write_assembly,
    write_places,
)
from gnomon.media.image import open_image, png_bytes
from gnomon.records import Answer, Media
from gnomon.worlds.lettering import write
from gnomon.worlds.scene import pick, shuffled
from gnomon.worlds.world import Posed, WorldTask

MISSING = (1, 2, 3, 4, 6)
"""Pieces that are not given at difficulty 1 to 5; the source's CUBE-easy has 2, its CUBE 6."""
SHOWN = (1, 2, 3, 4, 6)
"""Pieces in a picture to read at difficulty 1 to 5; the source shows one."""
BLOCK, CORNER, SLOT = 8, 13, 56
"""Pixels: side of a cell, where a piece begins in its place, side of the place."""
_INK, _PAPER, _GRID = (44, 84, 216), (255, 255, 255), (205, 205, 205)
_OWNERS: tuple[tuple[Voxel, tuple[str, ...]], ...] = tuple(
    (voxel, tuple(face for face in FACES if voxel in VOXELS[face]))
    for voxel in sorted({voxel for voxels in VOXELS.values() for voxel in voxels})
)
_CELL = {(face, v): place for face in FACES for place, v in enumerate(VOXELS[face])}


@dataclass(frozen=True)
class Cube:
    """A cube taken apart: its pieces by name, and where each of them was."""

    pieces: Mapping[str, Piece]
    places: Mapping[str, tuple[str, Pair]]
    flips: bool

    def __post_init__(self) -> None:
        sizes = sorted({len(piece) for piece in self.pieces.values()})
        if len(self.pieces) != len(FACES) or sizes != [SIDE**2]:
            raise ValueError(
                f"{len(self.pieces)} pieces of {sizes} cells: a cube takes {len(FACES)} pieces of "
                f"{SIDE**2} cells"
            )

    @property
    def key(self) -> str:
        """The pieces however they are named and turned, which is what makes cubes the same."""
        return " ".join(sorted(map(canonical, self.pieces.values())))


def canonical(piece: Piece) -> str:
    """The first of a piece's eight orientations, as digits."""
    return min("".join(map(str, oriented(piece, pair))) for pair in (*PLAIN, *FLIPPED))


def draw_faces(rng: np.random.Generator) -> dict[str, Piece]:
    """Six faces without conflicts: every voxel of the surface belongs to one of them."""
    faces = {face: [0] * SIDE**2 for face in FACES}
    for (voxel, owners), share in zip(_OWNERS, rng.random(len(_OWNERS)).tolist(), strict=True):
        owner = owners[int(share * len(owners))]
        faces[owner][_CELL[owner, voxel]] = 1
    return {face: tuple(cells) for face, cells in faces.items()}


def draw_cube(rng: np.random.Generator, flips: bool) -> Cube:
    """A cube whose pieces are shuffled, named and turned, with flips or without."""
    faces, turns = draw_faces(rng), (*PLAIN, *FLIPPED) if flips else PLAIN
    pieces, places = {}, {}
    for name, face in zip(PIECES, shuffled(rng, FACES), strict=True):
        pieces[name] = oriented(faces[face], pick(rng, turns))
        back = next(pair for pair in turns if oriented(pieces[name], pair) == faces[face])
        places[name] = (face, back)
    return Cube(pieces, places, flips)


def rows_of(piece: Piece) -> list[list[int]]:
    """The five rows of a piece."""
    return [list(piece[start : start + SIDE]) for start in range(0, SIDE**2, SIDE)]


_RULES = (
    "Edges of a piece are numbered 1 left, 2 top, 3 right, 4 bottom, as it is shown. Assemble the "
    "six pieces into a cube so that every edge and corner is filled exactly once. {flips}{given}"
    'End with "The final solution is:" and a fenced block of one line per piece, such as '
    "A: (Front, 1, 2): its face (Top, Bottom, Front, Back, Left, Right, all seen from outside), "
    "and which of its edges become the left and the top edge of that face. The bottom edge of Top "
    "and the top edge of Bottom meet Front; the top edges of the other faces meet Top."
)
_FLIPS = {True: "Pieces may be flipped. ", False: "Pieces may not be flipped. "}


def _assemble(rng: np.random.Generator, level: int, *, flips: bool, pictured: bool) -> Posed:
    cube = draw_cube(rng, flips)
    free = shuffled(rng, PIECES)[: MISSING[level - 1]]
    given = {name: place for name, place in cube.places.items() if name not in free}
    arrays = "\n".join(f"{name}: {rows_of(piece)}" for name, piece in cube.pieces.items())
    told = f"These pieces stay where they are:\n{write_places(given)}\n" if given else ""
    rules = _RULES.format(flips=_FLIPS[flips], given=told)
    text = "<image>The image shows six pieces A to F. " if pictured else f"Six pieces:\n{arrays}\n"
    facts: dict[str, Any] = {
        "pieces": {name: rows_of(piece) for name, piece in cube.pieces.items()},
        "flips": flips,
        "given": {name: [face, *pair] for name, (face, pair) in given.items()},
    }
    gold = write_places(cube.places)
    value = {"family": "m_cube", "facts": facts, "gold": gold}
    show = partial(_show, tuple(cube.pieces.items())) if pictured else tuple
    return Posed(
        text + rules, Answer("puzzle", value), write_assembly(gold), cube.key,
        _thought(cube, free, given), show, {**facts, "solution": gold},
    )  # fmt: skip


def _thought(cube: Cube, free: list[str], given: Mapping[str, tuple[str, Pair]]) -> str:
    """Piece by piece, with the edges (left, top, right, bottom) that the face then has."""
    kept = " ".join(f"{name} is on {face}." for name, (face, _) in given.items())
    steps = []
    for name in sorted(free):
        face, pair = cube.places[name]
        lies = oriented(cube.pieces[name], pair)
        steps.append(f"{name} fits {face} with left {pair[0]}, top {pair[1]}: {edges(lies)}.")
    return " ".join([kept, *steps]).strip()


def edges(piece: Piece) -> str:
    """The left, top, right and bottom edge as digits, downwards or to the right."""
    rows = rows_of(piece)
    lines = ([r[0] for r in rows], rows[0], [r[-1] for r in rows], rows[-1])
    return ", ".join("".join(map(str, line)) for line in lines)


def perceive(rng: np.random.Generator, level: int) -> Posed:
    """Write a pictured piece as an array."""
    cube = draw_cube(rng, flips=True)
    shown = tuple(cube.pieces.items())[: SHOWN[level - 1]]
    name, piece = pick(rng, shown)
    gold = str(rows_of(piece))
    text = (
        f"<image>Write piece {name} as a 5x5 array, 1 where it is filled. "
        'Begin with "Here is the converted 2D array:".'
    )
    thought = " ".join(
        f"Row {number}: {''.join(map(str, row))}." for number, row in enumerate(rows_of(piece), 1)
    )
    value = {"family": "m_cube_piece", "facts": {}, "gold": gold}
    return Posed(
        text, Answer("puzzle", value), f"Here is the converted 2D array: {gold}", canonical(piece),
        thought, partial(_show, shown), {"shown": [n for n, _ in shown], "piece": name},
    )  # fmt: skip


def _show(pieces: tuple[tuple[str, Piece], ...]) -> tuple[Media, ...]:
    columns = min(3, len(pieces))
    pixels = np.full((SLOT * -(-len(pieces) // columns), SLOT * columns, 3), 255, np.uint8)
    for number, (name, piece) in enumerate(pieces):
        row, column = divmod(number, columns)
        tile = pixels[row * SLOT : (row + 1) * SLOT, column * SLOT : (column + 1) * SLOT]
        tile[: CORNER + 1, : CORNER + 1] = _letter(name)
        tile[CORNER : CORNER + BLOCK * SIDE + 1, CORNER : CORNER + BLOCK * SIDE + 1] = _drawn(piece)
    return (Media("image", data=png_bytes(Image.fromarray(pixels))),)


def _drawn(piece: Piece) -> np.ndarray[Any, np.dtype[np.uint8]]:
    cells = np.array(piece, np.uint8).reshape(SIDE, SIDE).repeat(BLOCK, 0).repeat(BLOCK, 1)
    drawn = np.array([_PAPER, _INK], np.uint8)[np.pad(cells, ((0, 1), (0, 1)))]
    drawn[::BLOCK] = drawn[:, ::BLOCK] = _GRID
    return drawn


@cache
def _letter(name: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    tile = Image.new("RGB", (CORNER + 1, CORNER + 1), _PAPER)
    write(tile, (2, 0), name, 12)
    return np.asarray(tile)


def confirm(posed: Posed) -> bool:
    """Whether each touching pair of slots, read along the edges of the answer, fills up to ones."""
    places = read_assembly(posed.answer_text)
    if places is None:
        return False
    faces = assembled(pieces_of(posed.facts["pieces"]), places)
    given = posed.facts["given"]
    kept = all([places[name][0], *places[name][1]] == place for name, place in given.items())
    inner = (
        faces[a][_CELL[a, voxel]] + faces[b][_CELL[b, voxel]]
        for a, i, b, j in SLOTS for voxel in INNER[a, i, b, j]
    )  # fmt: skip
    return kept and all(total == 1 for total in inner) and not conflicts(faces).corners


def confirm_piece(posed: Posed) -> bool:
    """Whether the picture has ink in the middle of just the cells that are 1."""
    (medium,) = posed.show()
    pixels = np.asarray(open_image(medium))
    number = posed.facts["shown"].index(posed.facts["piece"])
    row, column = divmod(number, min(3, len(posed.facts["shown"])))
    first = CORNER + BLOCK // 2
    y, x = row * SLOT + first, column * SLOT + first
    cells = pixels[y : y + BLOCK * SIDE : BLOCK, x : x + BLOCK * SIDE : BLOCK, 0] < 128
    return read_array(str(cells.astype(int).tolist())) == read_array(posed.answer.value["gold"])


def effort(posed: Posed) -> float:
    """Assemblies that are possible: orders of the free pieces, and their orientations."""
    free = len(PIECES) - len(posed.facts["given"])
    return float(math.factorial(free) * (8 if posed.facts["flips"] else 4) ** free)


TASKS = (
    WorldTask(
        "cube", "multi", "image", partial(_assemble, flips=True, pictured=True), confirm, effort
    ),
    WorldTask(
        "cube-easy", "multi", "text", partial(_assemble, flips=False, pictured=False),
        confirm, effort,
    ),
    WorldTask(
        "perception", "single", "image", perceive, confirm_piece,
        lambda posed: float(len(posed.facts["shown"]) * SIDE**2),
    ),
)  # fmt: skip
