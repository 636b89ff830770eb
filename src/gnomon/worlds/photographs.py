"""Real photographs: those that scikit-image and scikit-learn bring along, cut into tiles.

A tile belongs to one split, and a crop never leaves its tile, so no pixel of a held-out crop is
ever seen in training.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from gnomon.worlds.scene import REDRAWS, between, pick

PHOTOGRAPHS = (
    "astronaut", "chelsea", "coffee", "immunohistochemistry", "rocket", "stereo_motorcycle",
    "china.jpg", "flower.jpg",
)  # fmt: skip
"""Left out are those with stretches of one colour, whose patches look alike."""
TILES = 3
"""Tiles along each side of a photograph."""
LARGEST = (247, 171)
"""Width of the widest tile and height of the tallest one, in pixels."""
CROP = 0.6
"""A crop is at least this share of the side of its tile that limits it (ours)."""


@dataclass(frozen=True)
class Crop:
    """A piece of a photograph: its tile, its box in pixels, and whether it is mirrored."""

    photograph: str
    tile: int
    box: tuple[int, int, int, int]
    mirrored: bool

    @property
    def key(self) -> str:
        """What decides the split: the tile."""
        return f"{self.photograph}/{self.tile}"


@cache
def photograph(name: str) -> Image.Image:
    """A photograph of `PHOTOGRAPHS` as RGB. Raises KeyError for another name."""
    if name not in PHOTOGRAPHS:
        raise KeyError(f"there is no photograph named {name!r}")
    if name.endswith(".jpg"):
        from sklearn.datasets import load_sample_image

        return Image.fromarray(load_sample_image(name))
    from skimage import data

    found = getattr(data, name)()
    pixels = found[0] if isinstance(found, tuple) else found
    return Image.fromarray(np.ascontiguousarray(pixels[..., :3]))


def draw_crop(rng: np.random.Generator, aspect: float, least: tuple[int, int] = (1, 1)) -> Crop:
    """A crop of width / height ``aspect`` from a random tile of a random photograph.

    It has ``least`` pixels (width, height) or more. Raises ValueError when no tile turns up that
    holds one.
    """
    narrowest = _narrowest(aspect, least)
    for _ in range(REDRAWS):
        name, tile = pick(rng, PHOTOGRAPHS), between(rng, 0, TILES * TILES - 1)
        size = photograph(name).size
        left, right = _edges(size[0], tile % TILES)
        top, bottom = _edges(size[1], tile // TILES)
        most = min(right - left, int((bottom - top) * aspect))
        if most < narrowest:
            continue
        width = between(rng, max(int(CROP * most), narrowest), most)
        height = int(width / aspect)
        x, y = between(rng, left, right - width), between(rng, top, bottom - height)
        return Crop(name, tile, (x, y, x + width, y + height), rng.random() < 0.5)
    raise ValueError(
        f"no tile holds a crop of {least[0]} x {least[1]} pixels and {aspect:g} times as wide as "
        f"high in {REDRAWS} draws: use smaller ones; tiles have up to {LARGEST[0]} x {LARGEST[1]}"
    )


def _narrowest(aspect: float, least: tuple[int, int]) -> int:
    """The smallest width with which a crop has that many pixels on both sides."""
    width = max(least[0], math.ceil(least[1] * aspect))
    return width if int(width / aspect) >= least[1] else width + 1


def _edges(side: int, place: int) -> tuple[int, int]:
    return side * place // TILES, side * (place + 1) // TILES


def crop_image(crop: Crop, size: tuple[int, int]) -> Image.Image:
    """The pixels of a crop, scaled to ``size`` (width, height)."""
    image = photograph(crop.photograph).resize(size, Image.Resampling.BILINEAR, box=crop.box)
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if crop.mirrored else image
