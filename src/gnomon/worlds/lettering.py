"""Words in pictures. Their masks are kept: the same few are drawn again and again."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

from gnomon.worlds.scene import RGB

Anchor = Literal["left", "centre", "right"]
BLACK: RGB = (20, 20, 20)
WHITE: RGB = (255, 255, 255)


@dataclass(frozen=True)
class Inscription:
    """A word that was written, with its top left corner in pixels and its size."""

    text: str
    left: int
    top: int
    size: int

    @property
    def mark(self) -> tuple[str, tuple[float, ...], float]:
        """The text, how far right the centre of each character is, and how far down."""
        centres = tuple(self.left + x for x in _centres(self.text, self.size))
        return self.text, centres, self.top + line_height(self.size) / 2


@functools.lru_cache(maxsize=16384)
def _centres(text: str, size: int) -> tuple[float, ...]:
    """How far the centre of each character is from the left end."""
    edges = [font(size).getlength(text[:place]) for place in range(len(text) + 1)]
    return tuple((start + end) / 2 for start, end in itertools.pairwise(edges))


_WRITTEN: ContextVar[list[Inscription] | None] = ContextVar("written", default=None)


@contextmanager
def inscriptions() -> Iterator[list[Inscription]]:
    """Gathers what `write` writes within the block, in its order."""
    found: list[Inscription] = []
    token = _WRITTEN.set(found)
    try:
        yield found
    finally:
        _WRITTEN.reset(token)


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
) -> None:
    """Write a word with its top at ``place``, which is its left end, centre or right end.

    ``halo`` is a rim of one pixel, which keeps a word readable on top of lines.
    """
    mask = word_mask(text, size)
    x = place[0] - {"left": 0, "centre": mask.width // 2, "right": mask.width}[anchor]
    if halo is not None:
        rim = word_mask(text, size, 1)
        image.paste(halo, (x - 1, place[1] - 1), rim)
    image.paste(ink, (x, place[1]), mask)
    if (written := _WRITTEN.get()) is not None:
        written.append(Inscription(text, x, place[1], size))
