"""Crosswords of which only the layout and the words are told."""

from __future__ import annotations

import json
import re
from functools import cache

import numpy as np

from gnomon.worlds.logic.board import Board
from gnomon.worlds.logic.family import Facts, Language, Puzzle, first_of, lines, require
from gnomon.worlds.logic.lexicon import WORDS
from gnomon.worlds.scene import pick, shuffled
from gnomon.worlds.world import Posed

Place = tuple[int, int]


def draw_wordscapes(
    rng: np.random.Generator, *, size: int = 4, words: int = 5, intersections: int = 3
) -> Puzzle:
    """A crossword of ``words`` words on size x size cells, crossing ``intersections`` times at
    least; only its layout and its words are told.

    Raises ValueError for a size below 3 or above 6, and when no crossword turns up.
    """
    require(3 <= size <= 6, f"size={size}: use a grid of side 3 to 6")
    require(1 <= words <= 2 * size, f"words={words}: a grid of side {size} takes 1 to {2 * size}")
    require(
        0 <= intersections <= size * size, f"intersections={intersections}: use 0 to {size * size}"
    )
    what = f"crossword of {words} words with {intersections} crossings on side {size}"
    letters, used = first_of(lambda: _crossword(rng, size, words, intersections), what)
    cells = [[letters.get((r, c), "") for c in range(size)] for r in range(size)]
    layout = [["X" if cell else "0" for cell in row] for row in cells]
    across, down = (sorted(w for w, way in used.items() if way == d) for d in (0, 1))
    facts = {"grid": layout, "across_words": across, "down_words": down}
    text = json.dumps([[cell or "0" for cell in row] for row in cells])
    return Puzzle(facts, text, text, f"{layout} {across} {down}", words * size * size)


def _crossword(
    rng: np.random.Generator, size: int, words: int, intersections: int
) -> tuple[dict[Place, str], dict[str, int]] | None:
    letters: dict[Place, str] = {}
    used: dict[str, int] = {}
    lanes: set[tuple[int, int]] = set()
    crossings = 0
    for lane in _lanes(rng, size):
        if len(used) == words:
            break
        fitting = _fitting(rng, size, lane, letters, used)
        if fitting:
            word, start = fitting
            places = _run(lane, start, len(word))
            crossings += sum(place in letters for place in places)
            letters.update(zip(places, word, strict=True))
            used[word] = lane[0]
            lanes.add(lane)
    return (letters, used) if len(used) == words and crossings >= intersections else None


def _lanes(rng: np.random.Generator, size: int) -> list[tuple[int, int]]:
    """Rows (0, row) and columns (1, column) in turn."""
    orders = [[(way, place) for place in shuffled(rng, range(size))] for way in (0, 1)]
    return [lane for pair in zip(*orders, strict=True) for lane in pair]


def _run(lane: tuple[int, int], start: int, length: int) -> list[Place]:
    way, fixed = lane
    return [(fixed, k) if way == 0 else (k, fixed) for k in range(start, start + length)]


def _fitting(
    rng: np.random.Generator,
    size: int,
    lane: tuple[int, int],
    letters: dict[Place, str],
    used: dict[str, int],
) -> tuple[str, int] | None:
    """A word that agrees with the letters in its lane and crosses one, with no letter at its ends.

    The letters of the lane make a pattern for each start and length, tried in random order.
    """
    line = "".join(letters.get(place, ".") for place in _run(lane, 0, size))
    options = [(s, n) for n in range(3, min(size, 4) + 1) for s in range(size - n + 1)]
    for start, length in shuffled(rng, options):
        pattern, ends = line[start : start + length], (line + ".")[start + length]
        ends += line[start - 1] if start else "."
        if ends != ".." or (letters and set(pattern) == {"."}) or "." not in pattern:
            continue
        words = [word for word in _matching(pattern) if word not in used]
        if words:
            return pick(rng, words), start
    return None


@cache
def _matching(pattern: str) -> tuple[str, ...]:
    return tuple(re.findall(rf"\b{pattern}\b", "\n".join(WORDS)))


def confirm_wordscapes(posed: Posed) -> bool:
    """Letters exactly where the layout has them, and each word in a line of its direction."""
    grid, facts = json.loads(posed.answer_text), posed.facts
    layout = facts["grid"]
    shape = all(
        (cell == "0") == (mark == "0")
        for row, marks in zip(grid, layout, strict=True)
        for cell, mark in zip(row, marks, strict=True)
    )
    rows = ["".join(row) for row in grid]
    columns = ["".join(column) for column in zip(*grid, strict=True)]
    across = all(any(word in row for row in rows) for word in facts["across_words"])
    return (
        shape
        and across
        and all(any(word in column for column in columns) for word in facts["down_words"])
    )


def tell_wordscapes(facts: Facts, language: Language) -> dict[str, str]:
    """The layout and the words by direction."""
    return {
        "puzzle": lines(facts["grid"]),
        "across": ", ".join(facts["across_words"]) or "-",
        "down": ", ".join(facts["down_words"]) or "-",
    }


def board_wordscapes(facts: Facts) -> Board:
    """The layout: white for a letter, grey for none."""
    grid = facts["grid"]
    dark = frozenset(
        (r, c) for r, row in enumerate(grid) for c, cell in enumerate(row) if cell == "0"
    )
    return Board((("",) * len(grid[0]),) * len(grid), shaded=dark)
