"""Maps of metro lines on a grid, by lot, and their pictures (ours).

Lines go from one point of the grid to the next and never share a stretch, so that they meet at
stops alone. A line is called by its colour, which the picture shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from gnomon.media.image import png_bytes
from gnomon.records import Media
from gnomon.worlds.lettering import BLACK, WHITE, write
from gnomon.worlds.scene import COLOURS, REDRAWS, between, pick, shuffled

Point = tuple[int, int]
NAMES = (
    "Oak", "Elm", "Ash", "Bay", "Hill", "Lake", "Park", "Mill", "Dock", "Fort", "Gate", "Moor",
    "Ford", "Cove", "Glen", "Vale", "Rose", "Star", "Moon", "Lion", "Bear", "Swan", "Crow",
    "Wolf", "Hawk", "Kiln", "Sand", "Salt", "Iron", "Gold", "Zinc", "Opal", "Ruby", "Jade",
    "Onyx", "Fern", "Reed", "Pine", "Palm", "Lime", "Plum", "Pear", "Corn", "Rice", "Sage",
    "Mint", "Dill", "Bell", "Drum", "Harp", "Lute", "Bow", "Ark", "Inn", "Hut", "Fen", "Dam",
    "Pier", "Quay", "Yew",
)  # fmt: skip
WIDE, HIGH, TEXT = 37, 28, 10
"""Pixels from stop to stop across and down, and the size of names."""
STEPS: tuple[Point, ...] = ((1, 0), (0, 1), (-1, 0), (0, -1))


@dataclass(frozen=True)
class Extent:
    """How large a map is: lines, stops of each, grid, and transfers of a planned ride."""

    lines: int
    stops: int
    columns: int
    rows: int
    transfers: int
    city: str


EXTENTS = (
    Extent(2, 3, 3, 4, 0, "easy"),
    Extent(2, 4, 4, 4, 1, "easy"),
    Extent(3, 4, 4, 5, 1, "middle"),
    Extent(4, 5, 6, 7, 2, "hard"),
    Extent(5, 6, 7, 9, 2, "hard"),
)
"""Maps of difficulty 1 to 5."""


@dataclass(frozen=True)
class Metro:
    """A map: its line file, and the grid point of every stop."""

    lines: Mapping[str, tuple[str, ...]]
    places: Mapping[str, Point]
    extent: Extent

    @property
    def key(self) -> str:
        """What makes a map the same one: its line file, whichever way round lines are listed."""
        rows = (f"{name}: {min(stops, stops[::-1])}" for name, stops in self.lines.items())
        return "; ".join(sorted(rows))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture, multiples of 28."""
        return -(-WIDE * self.extent.columns // 28) * 28, HIGH * self.extent.rows

    def pixel(self, stop: str) -> Point:
        """Where a stop is drawn."""
        spare = self.size[0] - WIDE * self.extent.columns
        column, row = self.places[stop]
        return spare // 2 + WIDE * column + WIDE // 2, HIGH * row + 9

    def lines_at(self, stop: str) -> list[str]:
        """The lines that call at a stop, in the order of the file."""
        return [name for name, stops in self.lines.items() if stop in stops]

    def shared(self, one: str, other: str) -> list[str]:
        """The lines that call at both stops."""
        return [name for name in self.lines_at(one) if other in self.lines[name]]

    def show(self) -> tuple[Media, ...]:
        """The picture as a medium."""
        return (Media("image", data=png_bytes(draw_map(self))),)


def draw_map(metro: Metro) -> Image.Image:
    """The picture of a map: lines in their colours, interchanges larger, names below stops."""
    image = Image.new("RGB", metro.size, WHITE)
    draw = ImageDraw.Draw(image)
    for name, stops in metro.lines.items():
        draw.line(list(map(metro.pixel, stops)), COLOURS[name.lower()], 4, joint="curve")  # type: ignore[index]
    for stop in metro.places:
        x, y = metro.pixel(stop)
        radius = 5 if len(metro.lines_at(stop)) > 1 else 3
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, fill=WHITE, outline=BLACK, width=radius // 2)
    for stop in metro.places:
        x, y = metro.pixel(stop)
        write(image, (x, y + 4), stop, TEXT, anchor="centre", halo=WHITE)
    return image


# -- maps by lot ----------------------------------------------------------------------------------


def draw_metro(rng: np.random.Generator, level: int) -> Metro:
    """A connected map of a difficulty. Raises ValueError when the grid does not hold its lines."""
    return lay_out(rng, EXTENTS[level - 1])


def lay_out(rng: np.random.Generator, extent: Extent) -> Metro:
    """A connected map of an extent.

    Raises ValueError, saying what to change, for more lines than there are colours, more stops than
    names, and lines that do not fit on the grid.
    """
    points = extent.columns * extent.rows
    if not 1 <= extent.lines <= len(COLOURS) or not 2 <= extent.stops <= points:
        raise ValueError(
            f"{extent}: use 1 to {len(COLOURS)} lines of 2 to {points} stops, or a larger grid"
        )
    for _ in range(REDRAWS):
        paths = _draw_paths(rng, extent)
        stops = dict.fromkeys(point for path in paths for point in path)
        if paths and len(stops) <= len(NAMES):
            return _named(rng, paths, list(stops), extent)
    raise ValueError(f"{extent}: the lines do not fit on the grid; use a larger one or fewer stops")


def _named(
    rng: np.random.Generator, paths: list[list[Point]], stops: list[Point], extent: Extent
) -> Metro:
    names = dict(zip(stops, shuffled(rng, NAMES), strict=False))
    colours = [colour.capitalize() for colour in shuffled(rng, tuple(COLOURS))]
    lines = {
        colour: tuple(names[point] for point in path)
        for colour, path in zip(colours, paths, strict=False)
    }
    return Metro(lines, {names[point]: point for point in stops}, extent)


def _draw_paths(rng: np.random.Generator, extent: Extent) -> list[list[Point]]:
    """Lines as grid points, each beginning on an earlier one; empty when one got stuck."""
    paths: list[list[Point]] = []
    taken: set[frozenset[Point]] = set()
    for _ in range(extent.lines):
        served = [point for path in paths for point in path]
        corner = (between(rng, 0, extent.columns - 1), between(rng, 0, extent.rows - 1))
        path = _grow(rng, pick(rng, served) if served else corner, extent, taken, set(served))
        if len(path) < extent.stops:
            return []
        taken |= {frozenset(pair) for pair in pairwise(path)}
        paths.append(path)
    return paths


def _grow(
    rng: np.random.Generator,
    start: Point,
    extent: Extent,
    taken: set[frozenset[Point]],
    served: set[Point],
) -> list[Point]:
    """A path from ``start``, longer at either end by turns, rarely through another line's stop."""
    path = [start]
    while len(path) < extent.stops:
        if rng.random() < 0.5:
            path.reverse()
        x, y = path[-1]
        ways = [
            point for dx, dy in STEPS
            if 0 <= (point := (x + dx, y + dy))[0] < extent.columns
            and 0 <= point[1] < extent.rows
            and point not in path and frozenset((path[-1], point)) not in taken
            and (point not in served or rng.random() < 0.1)
        ]  # fmt: skip
        if not ways:
            return path
        ahead = (2 * x - path[-2][0], 2 * y - path[-2][1]) if len(path) > 1 else None
        path.append(ahead if ahead in ways and rng.random() < 0.6 else pick(rng, ways))  # type: ignore[arg-type]
    return path
