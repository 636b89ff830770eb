"""Pictures of the maps of plans: walls, start and goal, switches, doors, portals (ours)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from gnomon.worlds.scene import CELL


def draw_map(rows: Sequence[str]) -> Image.Image:
    """The map, 28 pixels a cell."""
    return Image.fromarray(np.vstack([np.hstack([_tile(mark) for mark in row]) for row in rows]))


_INKS = {"r": (216, 32, 38), "b": (44, 84, 216), "S": (40, 160, 62), "G": (246, 130, 24)}


@cache
def _tile(mark: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    side = 4 * CELL
    tile = Image.new("RGB", (side, side), (255, 255, 255))
    draw = ImageDraw.Draw(tile)
    ink = _INKS.get(mark, _INKS.get(mark.lower(), (0, 0, 0)))
    if mark == "#":
        draw.rectangle((0, 0, side, side), fill=(40, 40, 40))
    elif mark == "O":
        draw.ellipse((16, 16, side - 16, side - 16), outline=(142, 52, 176), width=16)
    elif mark in "rb":
        draw.ellipse((28, 28, side - 28, side - 28), fill=ink)
    elif mark in "RB":
        draw.rectangle((8, 8, side - 8, side - 8), fill=ink)
    elif mark != ".":
        draw.polygon(_outline(mark), fill=ink)
    draw.rectangle((0, 0, side - 1, side - 1), outline=(190, 190, 190), width=4)
    return np.asarray(tile.reduce(4))


def _outline(mark: str) -> list[tuple[float, float]]:
    """A triangle for the start, a star for the goal."""
    corners, radii = (3, (44, 44)) if mark == "S" else (10, (48, 20))
    return [
        (56 + radii[i % 2] * math.sin(a), 58 - radii[i % 2] * math.cos(a))
        for i in range(corners)
        for a in [2 * math.pi * i / corners]
    ]
