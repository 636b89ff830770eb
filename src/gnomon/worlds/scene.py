"""Scenes: what a microworld picture holds, how it is written down, and how it is drawn by lot."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from gnomon.worlds.digits import Split, scans

Item = TypeVar("Item")
Kind = Literal["circle", "square", "triangle", "star"]
Colour = Literal["red", "green", "blue", "yellow", "purple", "orange"]
Size = Literal["small", "large"]
RGB = tuple[int, int, int]
PixelBox = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels, the last two exclusive."""

CELL = 28
KINDS: tuple[Kind, ...] = ("circle", "square", "triangle", "star")
COLOURS: dict[Colour, RGB] = {
    "red": (216, 32, 38),
    "green": (40, 160, 62),
    "blue": (44, 84, 216),
    "yellow": (242, 208, 30),
    "purple": (142, 52, 176),
    "orange": (246, 130, 24),
}
SIZES: tuple[Size, ...] = ("small", "large")
EXTENTS: dict[str, tuple[int, int]] = {
    "small": (12, 14),
    "large": (21, 23),
    "digit": (22, 24),
    "word": (18, 20),
}
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
TINT = 10
REDRAWS = 1000


@dataclass(frozen=True)
class Shape:
    """A filled shape."""

    kind: Kind
    colour: Colour
    size: Size

    @property
    def written(self) -> str:
        """For example ``large red circle``."""
        return f"{self.size} {self.colour} {self.kind}"


@dataclass(frozen=True)
class Digit:
    """A handwritten digit; ``scan`` is the index of the real scan that is drawn."""

    value: int
    scan: int

    @property
    def written(self) -> str:
        """For example ``digit 7``."""
        return f"digit {self.value}"


@dataclass(frozen=True)
class Word:
    """Three capital letters, two cells wide."""

    text: str

    @property
    def written(self) -> str:
        """For example ``word CAB``."""
        return f"word {self.text}"


Thing = Shape | Digit | Word


@dataclass(frozen=True)
class Placed:
    """A thing in its (left) cell, with all that drawing needs.

    ``dx`` and ``dy`` are pixels from the centred position, ``extent`` the diameter in pixels (the
    font size for a word), ``ink`` the RGB colour.
    """

    thing: Thing
    column: int
    row: int
    dx: int
    dy: int
    extent: int
    ink: RGB

    @property
    def cell(self) -> str:
        """Name of the (left) cell, such as ``b3``."""
        return cell_name(self.column, self.row)


@dataclass(frozen=True)
class Scene:
    """A canvas of ``rows`` x ``columns`` cells and its objects in raster order; ``paper`` is a grey
    level.
    """

    rows: int
    columns: int
    objects: tuple[Placed, ...]
    paper: int = 255

    @property
    def written(self) -> str:
        """The written scene, for example ``a1 large red circle; c2 digit 7``; ``empty`` without
        objects.
        """
        return "; ".join(f"{item.cell} {item.thing.written}" for item in self.objects) or "empty"


@dataclass(frozen=True)
class Wish:
    """What a scene shall hold: numbers of objects, and how many kinds and colours its shapes draw
    from.
    """

    shapes: int = 0
    digits: int = 0
    words: int = 0
    kinds: int = len(KINDS)
    colours: int = len(COLOURS)

    @property
    def total(self) -> int:
        """Number of objects."""
        return self.shapes + self.digits + self.words


def cell_name(column: int, row: int) -> str:
    """Name of a cell counted from zero: column letter, then row number from 1.

    >>> cell_name(1, 2)
    'b3'
    """
    return f"{chr(ord('a') + column)}{row + 1}"


def split_of(text: str) -> Split:
    """The split of a scene, a word or a problem: crc32 modulo 5, zero is ``test`` (ours)."""
    return "test" if zlib.crc32(text.encode()) % 5 == 0 else "train"


def pick(rng: np.random.Generator, items: Sequence[Item]) -> Item:
    """One of ``items``, each as likely. Raises IndexError when there is none."""
    return items[int(rng.random() * len(items))]


def between(rng: np.random.Generator, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``, both included."""
    return low + int(rng.random() * (high - low + 1))


def shuffled(rng: np.random.Generator, items: Sequence[Item]) -> list[Item]:
    """A random order of ``items``."""
    # Sorting random keys keeps the result the same in every numpy version.
    keys = rng.random(len(items)).tolist()
    return [items[index] for index in sorted(range(len(items)), key=keys.__getitem__)]


def check_room(wish: Wish, rows: int, columns: int) -> None:
    """Raise ValueError, saying how many fit, when the canvas cannot hold the wished objects."""
    if rows < 1 or not 1 <= columns <= 26:
        raise ValueError(
            f"a canvas of {rows} x {columns} cells: use 1 row or more, 1 to 26 columns"
        )
    room = rows * (columns // 2)
    if wish.words > room:
        raise ValueError(
            f"{wish.words} words do not fit on {rows} x {columns} cells: {room} fit, each is two "
            "cells wide; ask for fewer words or a larger canvas"
        )
    cells = rows * columns - 2 * wish.words
    if wish.shapes + wish.digits > cells:
        raise ValueError(
            f"{wish.shapes + wish.digits} shapes and digits do not fit on {rows} x {columns} "
            f"cells with {wish.words} words: {cells} fit; ask for fewer objects or a larger canvas"
        )


def draw_scene(
    rng: np.random.Generator, wish: Wish, *, split: Split = "train", rows: int = 4, columns: int = 4
) -> Scene:
    """A random scene of the wished objects whose written form, scans and words belong to ``split``.

    Raises ValueError when the objects do not fit, or when no scene of the split turns up (a wish
    with very few possible scenes, such as none at all).
    """
    check_room(wish, rows, columns)
    for _ in range(REDRAWS):
        scene = _draw(rng, wish, split, rows, columns)
        if split_of(scene.written) == split:
            return scene
    raise ValueError(f"no {split} scene of {wish} on {rows} x {columns} cells in {REDRAWS} draws")


def _draw(rng: np.random.Generator, wish: Wish, split: Split, rows: int, columns: int) -> Scene:
    word_cells = _word_cells(rng, wish.words, rows, columns)
    taken = {(c + step, r) for c, r in word_cells for step in (0, 1)}
    free = [(c, r) for r in range(rows) for c in range(columns) if (c, r) not in taken]
    things: list[Thing] = [_draw_word(rng, split) for _ in word_cells]
    things += _draw_shapes(rng, wish)
    things += [_draw_digit(rng, split) for _ in range(wish.digits)]
    cells = word_cells + shuffled(rng, free)
    placed = [_place(rng, thing, cell) for thing, cell in zip(things, cells, strict=False)]
    placed.sort(key=lambda item: (item.row, item.column))
    return Scene(rows, columns, tuple(placed), paper=between(rng, 226, 255))


def _word_cells(
    rng: np.random.Generator, words: int, rows: int, columns: int
) -> list[tuple[int, int]]:
    # Sharing slots among the rows first, then dominoes within a row, never runs into a dead end.
    slots = shuffled(rng, [row for row in range(rows) for _ in range(columns // 2)])[:words]
    cells = []
    for row in range(rows):
        count = slots.count(row)
        chosen = sorted(shuffled(rng, range(columns - count))[:count]) if count else []
        cells += [(start + before, row) for before, start in enumerate(chosen)]
    return cells


def _draw_shapes(rng: np.random.Generator, wish: Wish) -> list[Shape]:
    kinds = shuffled(rng, KINDS)[: wish.kinds]
    colours = shuffled(rng, tuple(COLOURS))[: wish.colours]
    return [
        Shape(pick(rng, kinds), pick(rng, colours), pick(rng, SIZES)) for _ in range(wish.shapes)
    ]


def _draw_digit(rng: np.random.Generator, split: Split) -> Digit:
    value = between(rng, 0, 9)
    return Digit(value, pick(rng, scans(value, split)))


def _draw_word(rng: np.random.Generator, split: Split) -> Word:
    while True:
        text = "".join(pick(rng, LETTERS) for _ in range(3))
        if split_of(text) == split:
            return Word(text)


def _place(rng: np.random.Generator, thing: Thing, cell: tuple[int, int]) -> Placed:
    style = (
        thing.size if isinstance(thing, Shape) else "digit" if isinstance(thing, Digit) else "word"
    )
    reach = 3 if style == "small" else 2
    if isinstance(thing, Shape):
        red, green, blue = COLOURS[thing.colour]
        ink = (_tinted(rng, red), _tinted(rng, green), _tinted(rng, blue))
    else:
        grey = between(rng, 0, 60)
        ink = (grey, grey, grey)
    dx, dy = between(rng, -reach, reach), between(rng, -reach, reach)
    return Placed(thing, cell[0], cell[1], dx, dy, between(rng, *EXTENTS[style]), ink)


def _tinted(rng: np.random.Generator, level: int) -> int:
    return min(255, max(0, level + between(rng, -TINT, TINT)))
