"""Bar, line and pie charts and tables, drawn from a JSON text that says all about them (ours)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from PIL import Image, ImageDraw

from gnomon.media.image import png_bytes
from gnomon.records import Media
from gnomon.worlds.lettering import BLACK, WHITE, line_height, note_name, word_mask, write
from gnomon.worlds.scene import COLOURS, RGB

Kind = Literal["bar", "line", "pie", "table"]
INKS: tuple[RGB, ...] = (*COLOURS.values(), (120, 76, 40), (238, 140, 178))
INK_NAMES = (*COLOURS, "brown", "pink")
"""Colours of slices and what they are called, in this order."""
TICKS = 10
"""Steps of the axis, of which every second has its number."""
TEXT = 10
LEFT, TOP, BOTTOM = 22, 28, 15
"""Pixels left of, above and below what is plotted."""
OVERSAMPLE = 3
GRID: RGB = (222, 222, 226)


@dataclass(frozen=True)
class Chart:
    """What a chart shows: a row of numbers for every label, one number unless it is a table.

    ``step`` is the value of a tick of the axis. ``printed`` writes the values at bars and points.
    """

    kind: Kind
    title: str
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]
    step: int
    size: tuple[int, int]
    ink: int = 0
    printed: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind={self.kind!r}: use one of {', '.join(get_args(Kind))}")
        if not self.labels or len(self.labels) != len(self.rows):
            raise ValueError(f"{len(self.rows)} rows for {len(self.labels)} labels: use as many")
        if {len(row) for row in self.rows} != {len(self.columns)}:
            raise ValueError(f"every row needs {len(self.columns)} numbers, one for each column")
        if self.kind == "table":
            return
        if len(self.columns) != 1 or not all(0 < v <= TICKS * self.step for v in self.values):
            raise ValueError(f"a {self.kind} takes one number a label, 1 to {TICKS * self.step}")
        if self.kind == "pie" and len(self.labels) > len(INKS):
            raise ValueError(f"{len(self.labels)} slices: there are {len(INKS)} colours")

    @property
    def values(self) -> tuple[int, ...]:
        """The numbers of the first column."""
        return tuple(row[0] for row in self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """Each label with its number of the first column."""
        return tuple(f"{n} {v}" for n, v in zip(self.labels, self.values, strict=True))

    @property
    def code(self) -> str:
        """The JSON text that draws this chart; `read_chart` reads it back."""
        return json.dumps(asdict(self))

    @property
    def key(self) -> str:
        """What makes a chart the same one: its numbers with their names, however drawn."""
        rows = (f"{label} {row}" for label, row in zip(self.labels, self.rows, strict=True))
        return f"{self.title} {self.columns}: {'; '.join(sorted(rows))}"

    def show(self) -> tuple[Media, ...]:
        """The picture as a medium."""
        return (Media("image", data=png_bytes(draw_chart(self))),)

    def across(self, place: int) -> int:
        """The middle of a bar or point, in pixels from the left."""
        return LEFT + (self.size[0] - LEFT) * (2 * place + 1) // (2 * len(self.labels))

    def height(self, value: float) -> int:
        """Where a value is on the axis, in pixels from the top."""
        room = self.size[1] - TOP - BOTTOM
        return round(self.size[1] - BOTTOM - room * value / (TICKS * self.step))


def read_chart(code: str) -> Chart:
    """The chart of a JSON text. Raises ValueError for one that says something else."""
    found: dict[str, Any] = json.loads(code)
    names = ("labels", "columns", "size")
    try:
        lists = {name: tuple(found[name]) for name in names}
        return Chart(**{**found, **lists, "rows": tuple(map(tuple, found["rows"]))})
    except (KeyError, TypeError) as error:
        raise ValueError(f"this is no chart: {error}") from None


def draw_chart(chart: Chart) -> Image.Image:
    """The picture of a chart.

    Raises ValueError where a label does not fit: make the picture larger, or the label shorter.
    """
    image = Image.new("RGB", chart.size, WHITE)
    write(image, (chart.size[0] // 2, 1), chart.title, TEXT + 1, anchor="centre")
    _DRAWN[chart.kind](image, ImageDraw.Draw(image), chart)
    return image


def _check_room(labels: tuple[str, ...], room: float) -> None:
    for label in labels:
        if word_mask(label, TEXT).width > room:
            raise ValueError(f"{label!r} does not fit into {room:.0f} pixels: use a larger picture")


def _axes(image: Image.Image, draw: ImageDraw.ImageDraw, chart: Chart) -> None:
    width, floor = chart.size[0], chart.height(0)
    _check_room(chart.labels, (width - LEFT) / len(chart.labels))
    for tick in range(0, TICKS + 1, 2):
        y = chart.height(tick * chart.step)
        draw.line((LEFT, y, width, y), fill=GRID)
        write(image, (LEFT - 3, y - 6), str(tick * chart.step), TEXT, anchor="right")
    draw.line((LEFT, TOP, LEFT, floor), fill=BLACK)
    draw.line((LEFT, floor, width, floor), fill=BLACK)
    for place, (label, name) in enumerate(zip(chart.labels, chart.names, strict=True)):
        x, y = chart.across(place), chart.height(chart.values[place])
        write(image, (x, floor + 2), label, TEXT, anchor="centre", name=name)
        note_name(name, (x - TEXT, y - line_height(TEXT), x + TEXT, y + 3))


def _print_values(image: Image.Image, chart: Chart) -> None:
    for place, value in enumerate(chart.values if chart.printed else ()):
        y = chart.height(value) - line_height(TEXT) - 1
        write(image, (chart.across(place), y), str(value), TEXT, anchor="centre", halo=WHITE)


def _bar(image: Image.Image, draw: ImageDraw.ImageDraw, chart: Chart) -> None:
    _axes(image, draw, chart)
    half = (chart.size[0] - LEFT) // len(chart.labels) // 3
    for place, value in enumerate(chart.values):
        x = chart.across(place)
        draw.rectangle((x - half, chart.height(value), x + half, chart.height(0)), INKS[chart.ink])
    _print_values(image, chart)


def _line(image: Image.Image, draw: ImageDraw.ImageDraw, chart: Chart) -> None:
    _axes(image, draw, chart)
    points = [(chart.across(place), chart.height(v)) for place, v in enumerate(chart.values)]
    draw.line(points, INKS[chart.ink], 2)
    for x, y in points:
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=INKS[chart.ink])
    _print_values(image, chart)


def _pie(image: Image.Image, draw: ImageDraw.ImageDraw, chart: Chart) -> None:
    """Slices clockwise from the top, each with its number; labels stand beside their colours."""
    width, height = chart.size
    legend = 16 + max(word_mask(label, TEXT).width for label in chart.labels)
    side = min(width - legend - 6, height - 20)
    _check_room(tuple(map(str, chart.values)), side / 4)
    image.paste(_disc(chart, side), (3, (height - side + 14) // 2))
    centre, turn = (3 + side / 2, (height - side + 14) // 2 + side / 2), 0.0
    for place, (label, value) in enumerate(zip(chart.labels, chart.values, strict=True)):
        angle = 2 * math.pi * (turn + value / 2) / sum(chart.values)
        x, y = (side * 0.34 * part for part in (math.sin(angle), -math.cos(angle)))
        spot = round(centre[0] + x), round(centre[1] + y) - line_height(TEXT + 1) // 2
        ink = BLACK if sum(INKS[place]) > 380 else WHITE
        write(image, spot, str(value), TEXT + 1, ink, anchor="centre", name=chart.names[place])
        row = 18 + place * 13
        draw.rectangle((width - legend + 2, row + 2, width - legend + 9, row + 9), INKS[place])
        write(image, (width - legend + 13, row), label, TEXT, name=chart.names[place])
        turn += value


def _disc(chart: Chart, side: int) -> Image.Image:
    large = Image.new("RGB", (side * OVERSAMPLE, side * OVERSAMPLE), WHITE)
    draw, turn = ImageDraw.Draw(large), 0.0
    box = (0, 0, large.width - 1, large.height - 1)
    for place, value in enumerate(chart.values):
        end = turn + 360 * value / sum(chart.values)
        draw.pieslice(box, turn - 90, end - 90, INKS[place], outline=WHITE, width=2)
        turn = end
    return large.reduce(OVERSAMPLE)


def _table(image: Image.Image, draw: ImageDraw.ImageDraw, chart: Chart) -> None:
    width, height = chart.size
    lines = len(chart.labels) + 1
    wide, high = width // (len(chart.columns) + 1), (height - 18) // lines
    _check_room((*chart.labels, *chart.columns), wide - 4)
    if high < line_height(TEXT):
        raise ValueError(f"{lines} lines do not fit on {height} pixels: use a larger picture")
    draw.rectangle((0, 16, width, 16 + high), (228, 234, 246))
    names = zip(("", *chart.labels), (chart.columns, *chart.rows), strict=True)
    for line, (label, cells) in enumerate(names):
        y = 16 + line * high
        draw.line((0, y + high, width, y + high), fill=GRID)
        top = y + (high - line_height(TEXT)) // 2
        write(image, (4, top), label, TEXT)
        for column, cell in enumerate(cells, 1):
            name = f"{label} {chart.columns[column - 1]} {cell}" if line else ""
            spot = wide * (column + 1) - 6, top
            write(image, spot, str(cell), TEXT, anchor="right", name=name)


_DRAWN: dict[Kind, Callable[[Image.Image, ImageDraw.ImageDraw, Chart], None]] = {
    "bar": _bar, "line": _line, "pie": _pie, "table": _table,
}  # fmt: skip
