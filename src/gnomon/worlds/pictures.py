"""What tasks about pictures of scenes share: drawing, posing, and reading pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gnomon.grading.grade import reference_text
from gnomon.media.image import open_image, png_bytes
from gnomon.records import Answer, Media
from gnomon.worlds.asking import Steps
from gnomon.worlds.editing import occlude
from gnomon.worlds.render import render
from gnomon.worlds.scene import CELL, COLOURS, PixelBox, Scene, Wish, draw_scene
from gnomon.worlds.world import Posed, Shows, WorldTask

Pixels = NDArray[np.uint8]
TEST_SHARE = 0.2
"""Share of scenes that are of the test split; scans and words are then of that split too."""

VIVID = 100
"""Spread of a pixel's levels in a coloured shape, at least."""


def png(image: Image.Image) -> Media:
    """A picture as a medium."""
    return Media("image", data=png_bytes(image))


def draw_any(rng: np.random.Generator, wish: Wish) -> Scene:
    """A scene of either split, which its written form then tells."""
    return draw_scene(rng, wish, split="test" if rng.random() < TEST_SHARE else "train")


def _shown(scenes: Sequence[Scene], hidden: Sequence[PixelBox]) -> tuple[Media, ...]:
    return tuple(png(occlude(render(scene), hidden)) for scene in scenes)


def posed_on(
    scenes: Sequence[Scene],
    question: str,
    answer: Answer,
    thought: str,
    work: float,
    *,
    hidden: Sequence[PixelBox] = (),
    **facts: Any,
) -> Posed:
    """A question about pictures of scenes, with the ``hidden`` boxes black; the first is the key.

    ``work`` is what a simple solver has to look at.
    """
    written = [scene.written for scene in scenes]
    return Posed(
        text="<image>" * len(scenes) + question,
        answer=answer,
        answer_text=reference_text(answer),
        key=written[0],
        thought=thought,
        show=partial(_shown, tuple(scenes), tuple(hidden)),
        facts={"scenes": written, "work": work, **facts},
    )


def task_of(
    name: str,
    steps: Steps,
    shows: Shows,
    pose: Callable[[np.random.Generator, int], Posed],
    confirm: Callable[[Posed], bool],
) -> WorldTask:
    """A task whose effort is the ``work`` of its facts."""
    return WorldTask(name, steps, shows, pose, confirm, _work)


def _work(question: Posed) -> float:
    return float(question.facts["work"])


def pixels_of(question: Posed) -> list[Pixels]:
    """The pictures of a question as uint8 [h, w, 3]."""
    return [np.asarray(open_image(media)) for media in question.show()]


def corner_of(cell: str) -> tuple[int, int]:
    """Left and top pixel of a cell.

    >>> corner_of("b3")
    (28, 56)
    """
    return CELL * (ord(cell[0]) - ord("a")), CELL * (int(cell[1:]) - 1)


def part_of(picture: Pixels, cell: str) -> NDArray[np.int64]:
    """The pixels of a cell: [28, 28, 3]."""
    x, y = corner_of(cell)
    return picture[y : y + CELL, x : x + CELL].astype(np.int64)


def colour_at(picture: Pixels, cell: str) -> str:
    """The colour that is seen in a cell, or nothing."""
    pixels = part_of(picture, cell).reshape(-1, 3)
    vivid = pixels[pixels.max(axis=1) - pixels.min(axis=1) > VIVID]
    if not len(vivid):
        return ""
    middle = np.median(vivid, axis=0)
    return min(COLOURS, key=lambda colour: float(np.abs(middle - COLOURS[colour]).sum()))
