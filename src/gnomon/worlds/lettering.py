"""Words in pictures, and what the things in them are called.

Masks of words are kept: the same few are drawn again and again.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

from PIL import Image, ImageDraw, ImageFont

from gnomon.worlds.scene import RGB, PixelBox

Anchor = Literal["left", "centre", "right"]
BLACK: RGB = (20, 20, 20)
WHITE: RGB = (255, 255, 255)
Mark = tuple[str, tuple[float, ...], float]
"""A word, how far right the centre of each character is, and how far down all of them."""


@dataclass(frozen=True)
class Legend:
    """What a picture says: ``marks`` of words, and ``names`` of things with their boxes."""

    marks: list[Mark] = field(default_factory=list)
    names: list[tuple[str, PixelBox]] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """As the ``meta`` of a sample with one picture, for an ``ocr`` stage."""
        return {"inscriptions": [self.marks], "names": [self.names]}


def mark_of(text: str, left: int, top: int, size: int) -> Mark:
    """A word of a size with its top left corner in pixels."""
    centres = tuple(left + x for x in _centres(text, size))
    return text, centres, top + line_height(size) / 2


@functools.lru_cache(maxsize=16384)
def _centres(text: str, size: int) -> tuple[float, ...]:
    """How far the centre of each character is from the left end."""
    edges = [font(size).getlength(text[:place]) for place in range(len(text) + 1)]
    return tuple((start + end) / 2 for start, end in itertools.pairwise(edges))


_LEGEND: ContextVar[Legend | None] = ContextVar("legend", default=None)


@contextmanager
def legend() -> Iterator[Legend]:
    """Gathers all that is written and noted within the block."""
    found = Legend()
    token = _LEGEND.set(found)
    try:
        yield found
    finally:
        _LEGEND.reset(token)


def note_name(name: str, box: PixelBox) -> None:
    """Say what the thing in a box is, with all that belongs to it: a label and its number."""
    if (found := _LEGEND.get()) is not None:
        found.names.append((name, box))


def note_word(text: str, box: PixelBox) -> None:
    """Say which characters were drawn over the width of a box, other than by `write`."""
    if (found := _LEGEND.get()) is not None:
        wide = (box[2] - box[0]) / len(text)
        centres = tuple(box[0] + wide * (place + 0.5) for place in range(len(text)))
        found.marks.append((text, centres, (box[1] + box[3]) / 2))


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font at a size in pixels.

    Raises RuntimeError, saying what to install, where Pillow came without FreeType.
    """
    found = ImageFont.load_default(size)
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow has no FreeType here, so there is no font: install its wheel")
    return found


@functools.lru_cache(maxsize=16384)
def word_mask(text: str, size: int, halo: int = 0) -> Image.Image:
    """The ink of a word, grown by ``halo`` pixels on each side; heights agree for one size."""
    width, height = math.ceil(font(size).getlength(text)) + 2 * halo, line_height(size) + 2 * halo
    mask = Image.new("L", (max(1, width), height))
    ImageDraw.Draw(mask).text((halo, halo), text, fill=255, font=font(size), stroke_width=halo)
    return mask


def line_height(size: int) -> int:
    """Pixels from the top of a word to where the next line may begin."""
    return sum(font(size).getmetrics())


def write(
    image: Image.Image,
    place: tuple[int, int],
    text: str,
    size: int,
    ink: RGB = BLACK,
    *,
    anchor: Anchor = "left",
    halo: RGB | None = None,
    name: str = "",
) -> None:
    """Write a word with its top at ``place``, which is its left end, centre or right end.

    ``halo`` is a rim of one pixel, which keeps a word readable on top of lines. ``name`` is what
    the word belongs to, see `note_name`.
    """
    mask = word_mask(text, size)
    x = place[0] - {"left": 0, "centre": mask.width // 2, "right": mask.width}[anchor]
    if halo is not None:
        rim = word_mask(text, size, 1)
        image.paste(halo, (x - 1, place[1] - 1), rim)
    image.paste(ink, (x, place[1]), mask)
    if (found := _LEGEND.get()) is not None:
        found.marks.append(mark_of(text, x, place[1], size))
    if name:
        note_name(name, (x, place[1], x + mask.width, place[1] + mask.height))
