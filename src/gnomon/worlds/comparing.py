"""Questions about several pictures: where they differ, what was changed, which shows a thing."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from gnomon.records import Answer
from gnomon.worlds.asking import mixture, shapes_of
from gnomon.worlds.choosing import listed, optional
from gnomon.worlds.editing import remove, swap
from gnomon.worlds.pictures import Pixels, colour_at, draw_any, part_of, pixels_of, posed_on
from gnomon.worlds.render import box_of
from gnomon.worlds.scene import (
    CELL,
    COLOURS,
    KINDS,
    REDRAWS,
    SIZES,
    Placed,
    Scene,
    Shape,
    between,
    draw_scene,
    pick,
    shuffled,
    split_of,
)
from gnomon.worlds.world import Posed

DIFFERENT = 24
"""Levels by which a pixel of two pictures differs, at least."""

EDITS = 30
"""Draws of what is changed in one scene until that keeps its split."""

PLACES = ("the first", "the second", "the third", "the fourth", "the fifth")


def _edited(
    rng: np.random.Generator, scene: Scene, item: Placed, shape: Shape
) -> tuple[Scene, str]:
    """The scene with one change to a shape, and the change in words."""
    what = pick(rng, ("remove", "colour", "kind", "size"))
    name = f"the {shape.written} at {item.cell}"
    if what == "colour":
        value: str = pick(rng, [colour for colour in COLOURS if colour != shape.colour])
        return swap(scene, item, "colour", value), f"{name} turned {value}"
    if what == "kind":
        value = pick(rng, [kind for kind in KINDS if kind != shape.kind])
        return swap(scene, item, "kind", value), f"{name} became a {value}"
    if what == "size":
        value = next(size for size in SIZES if size != shape.size)
        return swap(scene, item, "size", value), f"{name} became {value}"
    return remove(scene, item), f"{name} was removed"


def _pair(
    rng: np.random.Generator, level: int, number: int, shapes: int
) -> tuple[Scene, Scene, list[tuple[Placed, str]]]:
    """A scene of at least some ``shapes``, the same after a number of changes, and the changes.

    Each is told by the shape that it changes and in words. Both scenes are of one split.
    """
    for _ in range(REDRAWS):
        scene = draw_any(rng, mixture(rng, level, shapes=shapes, fill=("shapes", "digits")))
        split = split_of(scene.written)
        for _ in range(EDITS):
            after, told = scene, []
            for item, shape in shuffled(rng, shapes_of(scene))[:number]:
                after, words = _edited(rng, after, item, shape)
                told.append((item, words))
            if split_of(after.written) == split:
                return scene, after, told
    raise ValueError(f"no {number} changes keep the split in {REDRAWS} scenes: use more shapes")


def difference(rng: np.random.Generator, level: int) -> Posed:
    """Two pictures with one change between them: the cell where they differ."""
    scene, after, [(item, told)] = _pair(rng, level, number=1, shapes=1)
    return posed_on(
        [scene, after],
        "In which cell do the two pictures differ?",
        Answer("text", item.cell),
        f"first: {scene.written}. second: {after.written}. {told}.",
        2 * len(scene.objects),
        edit=told,
        box=box_of(item),
    )


def differences(rng: np.random.Generator, level: int) -> Posed:
    """Two pictures: in how many cells they differ, 0 to 5."""
    most = (1, 2, 3, 4, 5)[level - 1]
    number = between(rng, 0, most)
    scene, after, changes = _pair(rng, level, number, shapes=most)
    cells = [item.cell for item, _ in changes]
    return posed_on(
        [scene, after],
        "In how many cells do the two pictures differ?",
        Answer("count", number),
        f"first: {scene.written}. second: {after.written}. differ: {', '.join(sorted(cells))}"
        f" total {number}.",
        2 * len(scene.objects),
    )


def what_changed(rng: np.random.Generator, level: int) -> Posed:
    """Two pictures with one change between them: what was changed, by letter."""
    scene, after, [(item, told)] = _pair(rng, level, number=1, shapes=1)
    others: dict[str, None] = {}
    while len(others) < 3:
        other, look = pick(rng, shapes_of(scene))
        others[_edited(rng, scene, other, look)[1]] = None
        others.pop(told, None)
    answer = optional(rng, told, list(others))
    return posed_on(
        [scene, after],
        f"What was changed from the first picture to the second?{listed(answer.options)}",
        answer,
        f"first: {scene.written}. second: {after.written}. {told}: {answer.value}.",
        2 * len(scene.objects),
        edit=told,
        box=box_of(item),
    )


def _changed_cells(question: Posed) -> list[str]:
    one, other = (picture.astype(int) for picture in pixels_of(question))
    gap = np.abs(one - other).max(axis=2) > DIFFERENT
    rows, columns = gap.shape[0] // CELL, gap.shape[1] // CELL
    blocks = gap.reshape(rows, CELL, columns, CELL).sum(axis=(1, 3))
    return [f"{chr(ord('a') + column)}{row + 1}" for row, column in np.argwhere(blocks > 0)]


def seen_difference(question: Posed) -> bool:
    """Whether the pixels of the two pictures differ in that cell alone."""
    return _changed_cells(question) == [question.answer.value]


def seen_differences(question: Posed) -> bool:
    """Whether the pixels of the two pictures differ in so many cells."""
    return bool(len(_changed_cells(question)) == question.answer.value)


def seen_change(question: Posed) -> bool:
    """Whether what the pixels show in the one cell that differs is the chosen change."""
    (cell,) = _changed_cells(question)
    told = question.answer.options[question.answer.value].split()
    one, other = pixels_of(question)
    before, after = colour_at(one, cell), colour_at(other, cell)
    if told[5] != cell or not after:
        return told[5] == cell and told[-1] == "removed"
    if before != after:
        return told[-2:] == ["turned", after]
    grown = _extent(other, cell) - _extent(one, cell)
    if abs(grown) > 5:
        return told[-1] == ("large" if grown > 0 else "small")
    return told[-1] == _kind(other, cell)


def _ink(picture: Pixels, cell: str) -> NDArray[np.bool_]:
    """Where the shape in a cell is, without empty edges."""
    part = part_of(picture, cell)
    inked: NDArray[np.bool_] = part.max(axis=2) - part.min(axis=2) > 60
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    return inked[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _extent(picture: Pixels, cell: str) -> int:
    return int(_ink(picture, cell).shape[1])


def _kind(picture: Pixels, cell: str) -> str:
    """What a shape is by how much of its box it fills, and whether it stands on a broad side."""
    inked = _ink(picture, cell)
    if inked.mean() > 0.65:
        return "square" if inked.mean() > 0.92 else "circle"
    return "triangle" if inked[-3:].mean() > 0.6 else "star"


def which(rng: np.random.Generator, level: int) -> Posed:
    """Which of 2 to 5 pictures holds a certain shape, by letter, in the pictures' order.

    All pictures are of one split.
    """
    number = (2, 3, 3, 4, 5)[level - 1]
    for _ in range(REDRAWS):
        first = draw_any(rng, mixture(rng, level, shapes=2))
        split = split_of(first.written)
        wishes = (mixture(rng, level, shapes=2) for _ in range(number - 1))
        scenes = [first, *(draw_scene(rng, wish, split=split) for wish in wishes)]
        place = between(rng, 0, number - 1)
        _, shape = pick(rng, shapes_of(scenes[place]))
        words = shape.written if level > 3 else f"{shape.colour} {shape.kind}"
        holding = [any(s.written.endswith(words) for _, s in shapes_of(one)) for one in scenes]
        if sum(holding) == 1:
            break
    else:
        raise ValueError(f"no shape is in one picture alone in {REDRAWS} draws: use fewer shapes")
    options = dict(zip("ABCDE", PLACES[:number], strict=False))
    letter = "ABCDE"[place]
    told = " ".join(f"{n}. {scene.written}." for n, scene in enumerate(scenes, 1))
    return posed_on(
        scenes,
        f"Which picture holds a {words}?{listed(options)}",
        Answer("choice", letter, options),
        f"{told} {words}: {PLACES[place]}, {letter}.",
        sum(len(scene.objects) for scene in scenes),
    )


def seen_which(question: Posed) -> bool:
    """Whether the written scenes, read anew, hold the shape in that picture alone."""
    asked = re.search(r"holds a (.*)\?", question.text)
    words = set(asked[1].split() if asked else ())
    holding = [
        any(words <= set(part.split()) for part in scene.split("; "))
        for scene in question.facts["scenes"]
    ]
    return holding.count(True) == 1 and "ABCDE"[holding.index(True)] == question.answer.value
