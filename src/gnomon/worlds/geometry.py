"""Questions about figures, with their pictures, and their confirmation by coordinates (ours).

The figures are in `gnomon.worlds.figures`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
from PIL import Image, ImageDraw

from gnomon.media.image import png_bytes
from gnomon.records import Answer, Media
from gnomon.worlds.figures import FIGURES, MEASURES, Figure, Point
from gnomon.worlds.lettering import word_mask
from gnomon.worlds.scene import CELL, REDRAWS, RGB, PixelBox, pick
from gnomon.worlds.talk import Talk, pose_about
from gnomon.worlds.world import Posed, WorldTask

SIDE, MARGIN = 5 * CELL, 24
"""Side of a picture and what stays free around the figure, in pixels."""
_INK, _FAINT, _PAPER = (30, 30, 30), (44, 84, 216), (255, 255, 255)
_SLIDES = (0.0, 0.15, -0.15, 0.3, -0.3)
"""How far from the middle of its line a number may stand, as a share of the line's length."""
_TURNS = tuple(map(math.radians, (0, 30, -30, 60, -60)))
"""How far a letter may turn around its point."""
_ASKS = {
    "angle": "How many degrees is the angle {}?",
    "length": "How long is {}?",
    "area": "What is the area of {}?",
}


@dataclass(frozen=True)
class Label:
    """A letter or a number of a picture, with the top left pixel of its ink."""

    text: str
    left: int
    top: int
    ink: RGB

    @property
    def box(self) -> PixelBox:
        """What it covers: its ink and a rim of one pixel of paper."""
        mask = _text(self.text)
        right, bottom = self.left + mask.width, self.top + mask.height
        return self.left - 1, self.top - 1, right + 1, bottom + 1

    def write(self, draw: ImageDraw.ImageDraw) -> None:
        """Write it, on paper."""
        left, top, right, bottom = self.box
        draw.rectangle((left, top, right - 1, bottom - 1), fill=_PAPER)
        draw.bitmap((self.left, self.top), _text(self.text), fill=self.ink)


@dataclass(frozen=True)
class Drawing:
    """A figure as it is drawn: what made it, its points in pixels, and what is written there."""

    made: str
    figure: Figure
    pixels: Mapping[str, Point]
    labels: tuple[Label, ...]


def draw_figure(rng: np.random.Generator, level: int, *, task: str) -> Drawing:
    """A figure of a task, with room for all that is written on it.

    Raises ValueError when no such figure turns up.
    """
    make = pick(rng, FIGURES[task][level - 1])
    for _ in range(REDRAWS):
        figure = make(rng)
        pixels = _placed(rng, figure)
        labels = labels_of(figure, pixels)
        if labels is not None:
            return Drawing(make.__name__, figure, pixels, labels)
    raise ValueError(f"no {make.__name__} with room for its labels in {REDRAWS} draws")


def ask(rng: np.random.Generator, drawing: Drawing) -> Posed:
    """What the figure is for: a measure that follows from those that are given."""
    figure = drawing.figure
    return _posed(drawing, figure.asked, figure.answer, figure.rules)


def ask_any(rng: np.random.Generator, drawing: Drawing) -> Posed:
    """The measure that the figure is for, or as likely one that can be read from the picture."""
    read = list(drawing.figure.printed.items())
    if rng.random() < 0.5 or not read:
        return ask(rng, drawing)
    (kind, letters), value = pick(rng, read)
    return _posed(drawing, (kind, letters), value, (f"{letters} = {value}.",))


def describe(drawing: Drawing) -> Posed:
    """All numbers of the picture, each with the letters of its line or angle."""
    printed = drawing.figure.printed.items()
    told = ", ".join(f"{kind} {letters} {value}" for (kind, letters), value in sorted(printed))
    plain = _posed(drawing, drawing.figure.asked, drawing.figure.answer, ())
    text = (
        "<image>List the numbers in the figure, each with its angle or length, by the alphabet, "
        "such as: angle ABC 40, length AB 5."
    )
    return replace(plain, text=text, answer=Answer("text", told), answer_text=told, thought=told)


def _posed(drawing: Drawing, asked: tuple[str, str], value: int, rules: Sequence[str]) -> Posed:
    figure, (kind, letters) = drawing.figure, asked
    values = " ".join(map(str, figure.values))
    given = [[*what, value] for what, value in (*figure.printed.items(), *figure.also.items())]
    return Posed(
        "<image>" + f"{figure.told} {_ASKS[kind].format(letters)}".strip(),
        Answer("integer", value), str(value), f"{drawing.made} {values}",
        " ".join(rules), partial(_show, drawing),
        {"points": dict(figure.points), "pixels": drawing.pixels, "given": given,
         "asked": [kind, letters], "rules": len(rules)},
    )  # fmt: skip


def _placed(rng: np.random.Generator, figure: Figure) -> dict[str, Point]:
    """The points in pixels: the figure turned, perhaps mirrored, and as large as fits."""
    turn, mirror = 2 * math.pi * rng.random(), 1 if rng.random() < 0.5 else -1
    cos, sin = math.cos(turn), math.sin(turn)
    turned = {
        name: (x * cos - mirror * y * sin, x * sin + mirror * y * cos)
        for name, (x, y) in figure.points.items()
    }
    low, high = _extent(turned, figure.circle)
    scale = (SIDE - 2 * MARGIN) / max(high[0] - low[0], high[1] - low[1])
    shift = [SIDE / 2 - scale * (low[axis] + high[axis]) / 2 for axis in (0, 1)]
    return {n: (shift[0] + scale * x, shift[1] + scale * y) for n, (x, y) in turned.items()}


def _extent(points: Mapping[str, Point], circle: str) -> tuple[Point, Point]:
    """The corners of the box around the points, and around the circle where there is one."""
    xs, ys = zip(*points.values(), strict=True)
    if not circle:
        return (min(xs), min(ys)), (max(xs), max(ys))
    (x, y), edge = (points[name] for name in circle)
    r = math.dist((x, y), edge)
    return (x - r, y - r), (x + r, y + r)


def _show(drawing: Drawing) -> tuple[Media, ...]:
    figure, pixels = drawing.figure, drawing.pixels
    # Lines are drawn at twice the size and then halved, so that they are smooth.
    image = Image.new("RGB", (2 * SIDE, 2 * SIDE), _PAPER)
    draw = ImageDraw.Draw(image)
    for line in figure.lines:
        draw.line([(2 * x, 2 * y) for x, y in map(pixels.__getitem__, line)], fill=_INK, width=3)
    if figure.circle:
        low, high = _extent(pixels, figure.circle)
        draw.ellipse([2 * value for value in (*low, *high)], outline=_INK, width=3)
    for kind, letters in figure.printed:
        if kind == "angle":
            _arc(draw, [pixels[name] for name in letters])
    small = image.reduce(2)
    draw = ImageDraw.Draw(small)
    for label in drawing.labels:
        label.write(draw)
    return (Media("image", data=png_bytes(small)),)


def _arc(draw: ImageDraw.ImageDraw, points: Sequence[Point], radius: float = 11) -> None:
    (ax, ay), (x, y), (cx, cy) = points
    one, other = (math.degrees(math.atan2(py - y, px - x)) for px, py in ((ax, ay), (cx, cy)))
    if (other - one) % 360 > 180:
        one, other = other, one
    box = [2 * value for value in (x - radius, y - radius, x + radius, y + radius)]
    draw.arc(box, one, other, _FAINT, 2)


def labels_of(figure: Figure, pixels: Mapping[str, Point]) -> tuple[Label, ...] | None:
    """The letters outside, the given values beside their lines and inside their angles.

    Each has the first of its places where it covers no other one; None when one has no such place.
    """
    xs, ys = zip(*pixels.values(), strict=True)
    centre = sum(xs) / len(xs), sum(ys) / len(ys)
    wanted = [
        (str(value), _FAINT, _places_of_number(figure, pixels, kind, letters, value, centre))
        for (kind, letters), value in figure.printed.items()
    ]
    wanted += [
        (name, _INK, _around(place, _inwards(figure, pixels, name, centre)))
        for name, place in pixels.items()
    ]
    labels, boxes = list[Label](), list[PixelBox]()
    for text, ink, places in wanted:
        tried = (_label(text, place, ink) for place in places)
        found = next((label for label in tried if not _covers(label.box, boxes)), None)
        if found is None:
            return None
        labels.append(found)
        boxes.append(found.box)
    return tuple(labels)


def _places_of_number(
    figure: Figure,
    pixels: Mapping[str, Point],
    kind: str,
    letters: str,
    value: int,
    centre: Point,
) -> Iterator[Point]:
    """Inside an angle, or beside a line and nearer to it than to any other line."""
    places = [pixels[name] for name in letters]
    if kind == "angle":
        # A sharp angle has room for its number only farther out.
        far = min(34.0, max(19.0, 9 / math.sin(math.radians(value / 2))))
        yield from (_away(places[1], _halving(*places), far + more) for more in (0, 6, 12))
        return
    normal, (start, end) = _normal(places, centre), places
    along, middle = (end[0] - start[0], end[1] - start[1]), _middle(start, end)
    lines = [(pixels[line[0]], pixels[line[1]]) for line in figure.lines]
    others = [line for line in lines if _gap(middle, *line) > 1]
    for slide in _SLIDES:
        for far in (9, -9):
            place = _away(_away(middle, along, slide), normal, far)
            if all(_gap(place, *line) > 10 for line in others):
                yield place


def _around(point: Point, inwards: Point) -> Iterator[Point]:
    """Places of a letter: on the other side of its point, and then around it."""
    x, y = inwards
    for far in (-10, -13):
        for turn in _TURNS:
            cos, sin = math.cos(turn), math.sin(turn)
            yield _away(point, (x * cos - y * sin, x * sin + y * cos), far)


def _gap(place: Point, start: Point, end: Point) -> float:
    """How far a place is from a line between two points."""
    along, to = (end[0] - start[0], end[1] - start[1]), (place[0] - start[0], place[1] - start[1])
    share = (along[0] * to[0] + along[1] * to[1]) / (along[0] ** 2 + along[1] ** 2)
    return math.dist(place, _away(start, along, min(max(share, 0.0), 1.0)))


def _covers(box: PixelBox, others: Sequence[PixelBox]) -> bool:
    left, top, right, bottom = box
    return any(left < r and x < right and top < b and y < bottom for x, y, r, b in others)


def _inwards(figure: Figure, pixels: Mapping[str, Point], name: str, centre: Point) -> Point:
    """Where the lines from a point go on the whole; its letter stands on the other side."""
    ends = [line.replace(name, "", 1) for line in figure.lines if name in line]
    units = [_unit(pixels[name], pixels[end]) for end in ends]
    x, y = sum(u[0] for u in units), sum(u[1] for u in units)
    return _unit((0, 0), (x, y)) if math.hypot(x, y) > 0.2 else _unit(pixels[name], centre)


def _unit(start: Point, end: Point) -> Point:
    far = math.dist(start, end) or 1.0
    return (end[0] - start[0]) / far, (end[1] - start[1]) / far


def _middle(one: Point, other: Point) -> Point:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def _halving(one: Point, vertex: Point, other: Point) -> Point:
    (ax, ay), (bx, by) = _unit(vertex, one), _unit(vertex, other)
    return _unit((0, 0), (ax + bx, ay + by))


def _normal(ends: Sequence[Point], centre: Point) -> Point:
    """The direction at right angles to a line, away from the centre of the figure."""
    (ax, ay), (bx, by) = ends
    x, y = _unit((0, 0), (ay - by, bx - ax))
    mx, my = _middle(*ends)
    outside = x * (mx - centre[0]) + y * (my - centre[1]) >= 0
    return (x, y) if outside else (-x, -y)


def _away(place: Point, direction: Point, far: float) -> Point:
    return place[0] + far * direction[0], place[1] + far * direction[1]


def _label(text: str, place: Point, ink: RGB) -> Label:
    mask = _text(text)
    x = min(max(round(place[0] - mask.width / 2), 0), SIDE - mask.width)
    y = min(max(round(place[1] - mask.height / 2), 0), SIDE - mask.height)
    return Label(text, x, y, ink)


@cache
def _text(text: str) -> Image.Image:
    mask = word_mask(text, 12)
    return mask.crop(mask.getbbox())


def measured(points: Mapping[str, Point], kind: str, letters: str) -> float:
    """A measure on the coordinates of the points; KeyError for an unknown kind or letter."""
    return MEASURES[kind]([points[name] for name in letters])


def confirm(posed: Posed) -> bool:
    """Whether what is given and the answer are those of the coordinates, and of the pixels too."""
    facts = posed.facts
    points, pixels = facts["points"], facts["pixels"]
    one, other, *_ = points
    scale = math.dist(pixels[one], pixels[other]) / math.dist(points[one], points[other])
    found = []
    for kind, letters, value in [*facts["given"], [*facts["asked"], posed.answer.value]]:
        shrunk = scale ** {"angle": 0, "area": 2}.get(kind, 1)
        found.append((measured(points, kind, letters), value))
        found.append((measured(pixels, kind, letters) / shrunk, value))
    return all(abs(value - wanted) < 1e-6 for value, wanted in found)


def _rules(posed: Posed) -> float:
    """Steps of the worked answer."""
    return float(posed.facts["rules"])


_DRAWS = {task: partial(draw_figure, task=task) for task in FIGURES}
TALKS = tuple(Talk(draw, {task: ask_any}, describe) for task, draw in _DRAWS.items())
TASKS = tuple(
    WorldTask(task, "multi", "image", pose_about(draw, ask), confirm, _rules)
    for task, draw in _DRAWS.items()
)
