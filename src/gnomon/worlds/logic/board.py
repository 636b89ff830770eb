"""Pictures of grids: cells with text or arrows, borders of regions, clues in the margins."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import Image, ImageDraw, ImageFont

from gnomon.worlds.lettering import font

CELL = 28
"""Side of a cell in pixels; the canvas is whole cells, margins included (ours)."""
ARROWS: Mapping[str, tuple[int, int]] = {
    "←": (0, -1),
    "↑": (-1, 0),
    "→": (0, 1),
    "↓": (1, 0),
    "↖": (-1, -1),
    "↗": (-1, 1),
    "↘": (1, 1),
    "↙": (1, -1),
}
"""Arrows with their steps: rows down, columns right."""
Place = tuple[int, int]
INK, FAINT, SHADE, PAPER = (20, 20, 24), (168, 168, 172), (206, 206, 210), (255, 255, 255)
CLUE = (30, 70, 170)


@dataclass(frozen=True)
class Board:
    """A grid to draw.

    ``cells`` [rows][columns] of texts, "" for a blank one; an arrow of `ARROWS` is drawn as a line.
    ``regions`` [rows][columns] of labels: a thick border runs where they differ. ``corners`` are
    small texts in the upper left of a cell, ``shaded`` cells are grey, ``signs`` stand on the
    border between two neighbours. ``left``, ``right``, ``top`` and ``bottom`` are clues in the
    margins, empty without a margin.
    """

    cells: tuple[tuple[str, ...], ...]
    regions: tuple[tuple[str, ...], ...] = ()
    corners: Mapping[Place, str] = field(default_factory=dict)
    shaded: frozenset[Place] = frozenset()
    signs: tuple[tuple[Place, Place, str], ...] = ()
    left: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    top: tuple[str, ...] = ()
    bottom: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of cells."""
        return len(self.cells)

    @property
    def columns(self) -> int:
        """Columns of cells."""
        return len(self.cells[0])

    def __post_init__(self) -> None:
        if not self.cells or not self.cells[0] or len({len(row) for row in self.cells}) > 1:
            raise ValueError("a board needs rows of cells, all of one length and none empty")
        for name, wanted in _sides(self.rows, self.columns).items():
            given = len(getattr(self, name))
            if given not in (0, wanted):
                raise ValueError(f"{given} clues on the {name} of {wanted} cells: give all or none")


def _sides(rows: int, columns: int) -> dict[str, int]:
    return {"left": rows, "right": rows, "top": columns, "bottom": columns}


def draw_board(board: Board) -> Image.Image:
    """The RGB picture of a board; both sides are multiples of 28 pixels, with half a cell of paper
    around what is drawn (ours).

    Text that is too wide for its cell is drawn smaller.
    """
    across = board.columns + bool(board.left) + bool(board.right) + 1
    down = board.rows + bool(board.top) + bool(board.bottom) + 1
    image = Image.new("RGB", (CELL * across, CELL * down), PAPER)
    draw = ImageDraw.Draw(image)
    x = CELL // 2 + CELL * bool(board.left)
    y = CELL // 2 + CELL * bool(board.top)
    for row, column in board.shaded:
        corner = (x + CELL * column, y + CELL * row)
        draw.rectangle((*corner, corner[0] + CELL, corner[1] + CELL), SHADE)
    _draw_lines(draw, board, x, y)
    for row, texts in enumerate(board.cells):
        for column, text in enumerate(texts):
            _draw_cell(image, draw, text, x + CELL * column, y + CELL * row)
    for (row, column), text in board.corners.items():
        _write(image, text, (x + CELL * column, y + CELL * row), 10, CLUE, corner=True)
    for one, other, sign in board.signs:
        _draw_sign(draw, one, other, sign, x, y)
    _draw_clues(image, board, x, y)
    return image


def _draw_lines(draw: ImageDraw.ImageDraw, board: Board, x: int, y: int) -> None:
    rows, columns = board.rows, board.columns
    for row in range(rows + 1):
        draw.line((x, y + CELL * row, x + CELL * columns, y + CELL * row), FAINT)
    for column in range(columns + 1):
        draw.line((x + CELL * column, y, x + CELL * column, y + CELL * rows), FAINT)
    if not board.regions:
        draw.rectangle((x, y, x + CELL * columns, y + CELL * rows), outline=INK)
        return
    # A frame of no label makes the outer border one of the borders between regions.
    label = {(r, c): name for r, row in enumerate(board.regions) for c, name in enumerate(row)}
    for row in range(rows + 1):
        for column in range(columns + 1):
            here, up, left = (row, column), (row - 1, column), (row, column - 1)
            left_edge, top_edge = x + CELL * column, y + CELL * row
            if column < columns and label.get(here) != label.get(up):
                draw.line((left_edge - 1, top_edge, left_edge + CELL + 1, top_edge), INK, 3)
            if row < rows and label.get(here) != label.get(left):
                draw.line((left_edge, top_edge - 1, left_edge, top_edge + CELL + 1), INK, 3)


def _draw_cell(image: Image.Image, draw: ImageDraw.ImageDraw, text: str, x: int, y: int) -> None:
    if text in ARROWS:
        _draw_arrow(draw, ARROWS[text], x + CELL / 2, y + CELL / 2)
    else:
        _write(image, text, (x, y), 16, INK)


def _draw_arrow(draw: ImageDraw.ImageDraw, step: Place, x: float, y: float) -> None:
    down, right = step
    size = 8 if 0 in step else 6
    tip = (x + size * right, y + size * down)
    draw.line((x - size * right, y - size * down, *tip), INK, 2)
    for across in (-1, 1):
        # The barbs point back and to each side.
        back = (tip[0] - 5 * right + 4 * across * down, tip[1] - 5 * down - 4 * across * right)
        draw.line((*tip, *back), INK, 2)


def _draw_sign(
    draw: ImageDraw.ImageDraw, one: Place, other: Place, sign: str, x: int, y: int
) -> None:
    middle_x = x + CELL * (one[1] + other[1] + 1) / 2
    middle_y = y + CELL * (one[0] + other[0] + 1) / 2
    # An angle that opens to the larger side reads the same across and down.
    opens = 1 if (sign == "<") == (one < other) else -1
    down, right = (0, opens) if one[0] == other[0] else (opens, 0)
    draw.rectangle((middle_x - 4, middle_y - 4, middle_x + 4, middle_y + 4), PAPER)
    tip = (middle_x - 4 * right, middle_y - 4 * down)
    for across in (-1, 1):
        end = (middle_x + 4 * right + 5 * across * down, middle_y + 4 * down + 5 * across * right)
        draw.line((*tip, *end), CLUE, 2)


def _draw_clues(image: Image.Image, board: Board, x: int, y: int) -> None:
    right, bottom = x + CELL * board.columns, y + CELL * board.rows
    for place, (text_left, text_right) in enumerate(_paired(board.left, board.right)):
        _write(image, text_left, (x - CELL, y + CELL * place), 15, CLUE)
        _write(image, text_right, (right, y + CELL * place), 15, CLUE)
    for place, (text_top, text_bottom) in enumerate(_paired(board.top, board.bottom)):
        _write(image, text_top, (x + CELL * place, y - CELL), 15, CLUE)
        _write(image, text_bottom, (x + CELL * place, bottom), 15, CLUE)


def _paired(one: tuple[str, ...], other: tuple[str, ...]) -> list[tuple[str, str]]:
    count = max(len(one), len(other))
    return list(zip(one or ("",) * count, other or ("",) * count, strict=True))


def _write(
    image: Image.Image,
    text: str,
    cell: Place,
    size: int,
    ink: tuple[int, int, int],
    *,
    corner: bool = False,
) -> None:
    """Text in the middle, or in the upper left ``corner``, of the cell at x, y."""
    if text:
        image.paste(ink, cell, _stamp(text, size, corner))


@functools.lru_cache(maxsize=4096)
def _stamp(text: str, size: int, corner: bool) -> Image.Image:
    # Boards repeat the same few texts, and setting type costs far more than pasting it.
    mask = Image.new("L", (CELL, CELL))
    place, anchor = ((3, 2), "la") if corner else ((CELL // 2, CELL // 2), "mm")
    ImageDraw.Draw(mask).text(place, text, 255, _fitting(text, size), anchor)
    return mask


@functools.lru_cache(maxsize=4096)
def _fitting(text: str, size: int) -> ImageFont.FreeTypeFont:
    wide = font(size).getlength(text) > CELL - 5
    return _fitting(text, size - 1) if wide and size > 7 else font(size)
