"""Jigsaw puzzles from photographs, as Jigsaw-R1 makes them (arXiv 2505.23590).

An image is cut into m rows and n columns, its patches are numbered row by row from 1 and shuffled.
The *forward* table holds, for each position, the home of the patch that is there now; the
*backward* table is its inverse. `shuffle_patches` and `trimmed` work on any image; the tasks draw
theirs from `gnomon.worlds.photographs`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from PIL import Image

from gnomon.media.image import open_image, png_bytes
from gnomon.parts import PartError, register
from gnomon.records import Answer, Box, Media
from gnomon.worlds.digits import Split
from gnomon.worlds.photographs import LARGEST, Crop, crop_image, draw_crop
from gnomon.worlds.scene import REDRAWS, between, pick, shuffled
from gnomon.worlds.source import Answers, SampleSource
from gnomon.worlds.talk import pose_about
from gnomon.worlds.world import Posed, WorldTask, named_tasks, serve

PATCH = 56
"""Side of a patch of our puzzles in pixels."""
GRIDS = ((2, 1), (3, 1), (2, 2), (3, 2), (3, 3))
"""Rows and columns of difficulty 1 to 5; half of the puzzles swap them."""
GRAIN = 6
"""Pixels of a photograph along each side of a patch, at least (ours)."""
MOST = 100
"""Patches of a puzzle."""
LONGEST = (LARGEST[1] // GRAIN, LARGEST[0] // GRAIN)
"""Rows and columns that the tiles of the photographs have pixels for, at most."""
CHOICES = 4
LETTERS = "ABCDEFGH"
DIRECTIONS = {
    (0, -1): "directly to the left of", (0, 1): "directly to the right of",
    (-1, 0): "directly above", (1, 0): "directly below",
    (-1, -1): "above and to the left of", (-1, 1): "above and to the right of",
    (1, -1): "below and to the left of", (1, 1): "below and to the right of",
}  # fmt: skip
"""What a patch is to another one, by the signs of the differences of rows and columns."""


def trimmed(width: int, height: int, m: int, n: int) -> tuple[int, int]:
    """The size that is left when right and bottom are trimmed to multiples of n and m.

    Raises ValueError when the image has fewer pixels than patches along a side.

    >>> trimmed(335, 251, 2, 3)
    (333, 250)
    """
    if width < n or height < m:
        raise ValueError(f"an image of {width} x {height} pixels has no {m} x {n} patches")
    return width - width % n, height - height % m


def shuffle_patches(
    image: Image.Image, m: int, n: int, forward: Sequence[int], *, mask: float = 0.0
) -> Image.Image:
    """``image``, trimmed, with the patch of home ``forward[x]`` at each position x.

    ``mask`` hides the seams with black: a stripe of int(side of a patch * mask) pixels along the
    border, and half of that, rounded down, on either side of each inner seam. Raises ValueError
    when ``forward`` is not a permutation of 1..mn. Source: arXiv 2505.23590.
    """
    if sorted(forward) != list(range(1, m * n + 1)):
        raise ValueError(f"forward={list(forward)}: use each number from 1 to {m * n} once")
    width, height = trimmed(*image.size, m, n)
    w, h = width // n, height // m
    result = Image.new("RGB", (width, height))
    for position, home in enumerate(forward):
        row, column = divmod(home - 1, n)
        patch = image.crop((column * w, row * h, (column + 1) * w, (row + 1) * h))
        row, column = divmod(position, n)
        result.paste(patch, (column * w, row * h))
    return _masked(result, m, n, mask) if mask else result


def _masked(image: Image.Image, m: int, n: int, mask: float) -> Image.Image:
    pixels = np.array(image)
    for axis, count in ((0, m), (1, n)):
        side = pixels.shape[axis] // count
        stripe = int(side * mask)
        lines = pixels.swapaxes(0, axis)
        lines[:stripe] = 0
        lines[len(lines) - stripe :] = 0
        for seam in range(side, side * count, side):
            lines[seam - stripe // 2 : seam + stripe // 2] = 0
    return Image.fromarray(pixels)


def inverse(table: Sequence[int]) -> list[int]:
    """The backward table of a forward one, and the other way round.

    >>> inverse([3, 1, 2])
    [2, 3, 1]
    """
    return [table.index(number) + 1 for number in range(1, len(table) + 1)]


def direction(first: int, second: int, n: int) -> str:
    """Where the patch of home ``first`` was, seen from home ``second``, in ``n`` columns.

    >>> direction(1, 2, 2)
    'directly to the left of'
    """
    (row, column), (other_row, other_column) = divmod(first - 1, n), divmod(second - 1, n)
    return DIRECTIONS[_sign(row - other_row), _sign(column - other_column)]


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


@dataclass(frozen=True)
class Puzzle:
    """A shuffled crop."""

    crop: Crop
    m: int
    n: int
    forward: tuple[int, ...]

    @cached_property
    def whole(self) -> Image.Image:
        """The image before it was shuffled."""
        return crop_image(self.crop, (self.n * PATCH, self.m * PATCH))

    @property
    def image(self) -> Image.Image:
        """The shuffled image."""
        return shuffle_patches(self.whole, self.m, self.n, self.forward)

    def show(self) -> tuple[Media, ...]:
        """The shuffled image as a medium."""
        return (Media("image", data=png_bytes(self.image)),)

    @property
    def statement(self) -> str:
        """What every question says first: that patches were shuffled, and how they are numbered."""
        numbers = np.arange(1, self.m * self.n + 1).reshape(self.m, self.n)
        rows = "\n".join(" ".join(map(str, row)) for row in numbers.tolist())
        return (
            f"<image>The image is a random {self.m}x{self.n} permutation of the patches of another "
            f"image. Its positions are numbered\n```\n{rows}\n```\n"
        )

    def facts(self, kind: str, solution: Any, **more: Any) -> dict[str, Any]:
        """The columns that Jigsaw-R1's rewards read, and what the puzzle was made from."""
        columns = {"m": self.m, "n": self.n, "forward": True, "mask_ratio": 0}
        made = {"crop": asdict(self.crop), "table": list(self.forward)}
        return {"answer_type": kind, "solution": solution, **columns, **made, **more}


def grid_of(rng: np.random.Generator, level: int) -> tuple[int, int]:
    """Rows and columns of a puzzle of a difficulty."""
    return GRIDS[level - 1] if rng.random() < 0.5 else GRIDS[level - 1][::-1]


def draw_puzzle(rng: np.random.Generator, m: int, n: int) -> Puzzle:
    """A puzzle of m rows and n columns, its patches in any order, no two of them alike.

    All may be at home, or else two patches would always be exchanged. Raises ValueError when no
    such photograph turns up.
    """
    for _ in range(REDRAWS):
        crop = draw_crop(rng, n / m, (n * GRAIN, m * GRAIN))
        puzzle = Puzzle(crop, m, n, tuple(shuffled(rng, range(1, m * n + 1))))
        if _differ(puzzle.whole, _cells(m, n)):
            return puzzle
    raise ValueError(f"some of {m} x {n} patches look alike in {REDRAWS} draws: use fewer patches")


def _cells(m: int, n: int) -> list[tuple[int, int, int, int]]:
    corners = [(column * PATCH, row * PATCH) for row in range(m) for column in range(n)]
    return [(x, y, x + PATCH, y + PATCH) for x, y in corners]


def _differ(image: Image.Image, boxes: Sequence[tuple[int, int, int, int]]) -> bool:
    """Whether no two boxes of an image hold the same pixels."""
    pixels = np.asarray(image)
    return len({pixels[y1:y2, x1:x2].tobytes() for x1, y1, x2, y2 in boxes}) == len(boxes)


def full(rng: np.random.Generator, puzzle: Puzzle) -> Posed:
    """Write the home of the patch at every position."""
    grid = list(puzzle.forward)
    text = puzzle.statement + (
        "For each position, in this order, give the number of the position where its patch was in "
        "the original image, as numbers with spaces."
    )
    plain = " ".join(map(str, grid))
    thought = " ".join(f"Position {x} shows piece {home}." for x, home in enumerate(grid, 1))
    return Posed(
        text, Answer("permutation", tuple(grid)), plain, puzzle.crop.key, thought, puzzle.show,
        puzzle.facts("grid", grid, question_type="full"),
    )  # fmt: skip


def multiple(rng: np.random.Generator, puzzle: Puzzle) -> Posed:
    """Which of several tables is right?"""
    tables = [list(puzzle.forward)]
    most = min(CHOICES, math.factorial(puzzle.m * puzzle.n))
    while len(tables) < most:
        table = shuffled(rng, sorted(puzzle.forward))
        if table not in tables:
            tables.append(table)
    texts = [" ".join(map(str, table)) for table in tables]
    asked = (
        "Which table gives, for each position in this order, the original position of its patch?"
    )
    thought = " ".join(f"Position {x} shows piece {h}." for x, h in enumerate(puzzle.forward, 1))
    return _choice(rng, puzzle, asked, texts, thought, "multiple")


def pair(rng: np.random.Generator, puzzle: Puzzle) -> Posed:
    """Where was one patch, seen from another, in the original image?"""
    k, other = shuffled(rng, range(1, puzzle.m * puzzle.n + 1))[:2]
    home, other_home = puzzle.forward[k - 1], puzzle.forward[other - 1]
    right = direction(home, other_home, puzzle.n)
    lone = min(puzzle.m, puzzle.n) == 1
    upright = puzzle.n == 1
    names = [
        name for (row, column), name in DIRECTIONS.items()
        if not lone or (column == 0 if upright else row == 0)
    ]  # fmt: skip
    texts = [right, *shuffled(rng, [name for name in names if name != right])]
    asked = f"Where was the patch that is now at {k} in the original, seen from that at {other}?"
    thought = f"Position {k} shows piece {home}. Position {other} shows piece {other_home}."
    told = [f"{k} is {text} {other}" for text in texts]
    return _choice(rng, puzzle, asked, told, thought, "pair", k=k, other=other)


def _choice(
    rng: np.random.Generator,
    puzzle: Puzzle,
    asked: str,
    texts: list[str],
    thought: str,
    question_type: str,
    **more: Any,
) -> Posed:
    """A question with options, of which the first text is right; it moves to an even slot."""
    slot = between(rng, 0, len(texts) - 1)
    texts[0], texts[slot] = texts[slot], texts[0]
    options = dict(zip(LETTERS, texts, strict=False))
    lines = "\n".join(f"({letter}) {text}" for letter, text in options.items())
    letter = LETTERS[slot]
    return Posed(
        f"{puzzle.statement}{asked}\n{lines}", Answer("choice", letter, options), letter,
        puzzle.crop.key, f"{thought} {options[letter]}.", puzzle.show,
        puzzle.facts("letter", letter, question_type=question_type, options=options, **more),
    )  # fmt: skip


def single(rng: np.random.Generator, puzzle: Puzzle) -> Posed:
    """Where was the patch at one position?"""
    k = between(rng, 1, puzzle.m * puzzle.n)
    home = puzzle.forward[k - 1]
    text = (
        puzzle.statement + f"At which position was the patch that is now at {k}? Give its number."
    )
    return Posed(
        text, Answer("integer", home), str(home), puzzle.crop.key,
        f"Position {k} shows piece {home}.", puzzle.show,
        puzzle.facts("digit", str(home), question_type="single", k=k),
    )  # fmt: skip


def box(rng: np.random.Generator, puzzle: Puzzle) -> Posed | None:
    """Where was the content of a box before boxes of equal size were exchanged?

    One box in each cell, all with offsets of their own; region k certainly changes. None of a
    puzzle in which all patches are at home, or some boxes hold the same.
    """
    moved = [place for place, home in enumerate(puzzle.forward, 1) if home != place]
    if not moved:
        return None
    side = PATCH // 2
    boxes = [
        (x := column * PATCH + between(rng, 0, side), y := row * PATCH + between(rng, 0, side),
         x + side, y + side)
        for row in range(puzzle.m) for column in range(puzzle.n)
    ]  # fmt: skip
    if not _differ(puzzle.whole, boxes):
        return None
    k = pick(rng, moved)
    gold = boxes[puzzle.forward[k - 1] - 1]
    width, height = puzzle.n * PATCH, puzzle.m * PATCH
    shares = [gold[0] / width, gold[1] / height, gold[2] / width, gold[3] / height]
    now = ", ".join(map(str, boxes[k - 1]))
    text = (
        f"<image>In this image of {width} x {height} pixels, boxes of equal size have exchanged "
        f"their contents. Where was the content of [{now}] before? Give [x1, y1, x2, y2]."
    )
    plain = str(list(gold))
    facts = puzzle.facts(
        "box", shares, question_type="box", k=k, boxes=boxes, width=width, height=height
    )
    return Posed(
        text, Answer("box", tuple(map(float, gold))), plain, puzzle.crop.key, "",
        partial(_show_boxes, puzzle, boxes), facts,
    )  # fmt: skip


def _show_boxes(puzzle: Puzzle, boxes: Sequence[tuple[int, int, int, int]]) -> tuple[Media, ...]:
    result = puzzle.whole.copy()
    for place, home in zip(boxes, puzzle.forward, strict=True):
        result.paste(puzzle.whole.crop(boxes[home - 1]), place[:2])
    return (Media("image", data=png_bytes(result)),)


def confirm(posed: Posed) -> bool:
    """Whether the patches, put back by the answer's table, are the photograph in no other order."""
    facts = posed.facts
    m, n, table = facts["m"], facts["n"], facts["table"]
    crop = Crop(**{**facts["crop"], "box": tuple(facts["crop"]["box"])})
    (medium,) = posed.show()
    whole = crop_image(crop, (n * PATCH, m * PATCH))
    if facts["question_type"] == "box":
        return _confirm_box(posed, open_image(medium), whole)
    mended = shuffle_patches(open_image(medium), m, n, inverse(table))
    same = np.array_equal(np.asarray(mended), np.asarray(whole))
    return same and _differ(whole, _cells(m, n)) and _READ[facts["question_type"]](posed, table)


def _confirm_box(posed: Posed, shown: Image.Image, whole: Image.Image) -> bool:
    now = posed.facts["boxes"][posed.facts["k"] - 1]
    before: Box = posed.answer.value
    return np.array_equal(np.asarray(shown.crop(now)), np.asarray(whole.crop(before)))


def _told(posed: Posed) -> str:
    return posed.answer.options[posed.answer.value]


def _seen_pair(posed: Posed, table: list[int]) -> bool:
    """Whether each word of the relation is in the text just where the homes of both stand so."""
    told, (m, n) = _told(posed), (posed.facts["m"], posed.facts["n"])
    homes = np.arange(m * n).reshape(m, n)
    (row, column), (other_row, other_column) = (
        np.argwhere(homes == table[posed.facts[name] - 1] - 1)[0] for name in ("k", "other")
    )
    holds = {
        "above": row < other_row, "below": row > other_row,
        "left": column < other_column, "right": column > other_column,
        "directly": row == other_row or column == other_column,
    }  # fmt: skip
    return all((word in told) == so for word, so in holds.items())


_READ: dict[str, Callable[[Posed, list[int]], bool]] = {
    "full": lambda posed, table: list(posed.answer.value) == table,
    "multiple": lambda posed, table: _told(posed) == " ".join(map(str, table)),
    "single": lambda posed, table: table[posed.facts["k"] - 1] == posed.answer.value,
    "pair": _seen_pair,
}


def effort(posed: Posed) -> float:
    """Tables that are possible."""
    return float(math.factorial(posed.facts["m"] * posed.facts["n"]))


ASKS: Mapping[str, Callable[[np.random.Generator, Puzzle], Posed | None]] = {
    "full": full, "multiple": multiple, "pair": pair, "single": single, "box": box,
}  # fmt: skip
"""What can be asked about a puzzle."""


Grid = Callable[[np.random.Generator, int], tuple[int, int]]
"""Rows and columns of a puzzle, which may be drawn and follow its difficulty."""


def _draw(grid: Grid, rng: np.random.Generator, level: int) -> Puzzle:
    return draw_puzzle(rng, *grid(rng, level))


def _fixed(m: int, n: int, _rng: np.random.Generator, _level: int) -> tuple[int, int]:
    return m, n


def _task(name: str, grid: Grid = grid_of) -> WorldTask:
    return WorldTask(
        name, "multi", "image", pose_about(partial(_draw, grid), ASKS[name]), confirm, effort
    )


TASKS = tuple(map(_task, ASKS))


@register("source", "jigsaw")
def jigsaw(
    *,
    rows: int,
    columns: int,
    tasks: list[str] | None = None,
    split: Split = "train",
    answers: Answers = "none",
    format: str = "think-boxed",
    size: int = 1_000_000,
    seed: int = 0,
) -> SampleSource:
    """Puzzles of one grid, of 2 to 100 patches of 56 pixels, from photographs (arXiv 2505.23590).

    The ``tasks`` of the world of jigsaws (all when None) in turn, as the source ``world`` asks
    them, where difficulty decides the grid; here ``difficulty`` in ``meta`` is that of the largest
    such grid with no more patches.

    Raises `PartError`, a ValueError, for a grid that is too small or too large, an unknown task and
    a bad seed.
    """
    patches = rows * columns
    if min(rows, columns) < 1 or not 2 <= patches <= MOST:
        raise PartError(f"rows={rows}, columns={columns}: use 2 to {MOST} patches")
    if rows > LONGEST[0] or columns > LONGEST[1]:
        raise PartError(
            f"rows={rows}, columns={columns}: no photograph has {GRAIN} pixels for each side of "
            f"such patches; use at most {LONGEST[0]} rows and {LONGEST[1]} columns"
        )
    level = sum(m * n <= patches for m, n in GRIDS)
    grid = partial(_fixed, rows, columns)  # no lambda: workers get the source by pickle
    chosen = tuple(_task(name, grid) for name in named_tasks("jigsaw", tasks))
    return serve("jigsaw", chosen, split, (level, level), answers, format, size=size, seed=seed)
