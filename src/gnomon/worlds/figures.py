"""Figures with exact lengths and angles, and questions that follow from them by short rules (ours).

After the structure task of Reason-RFT (arXiv 2503.20752). A figure has points with coordinates in
units of its lengths. What is given is printed on the picture or told in words, and the answer is a
whole number; both are also measured on the coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gnomon.worlds.scene import between, pick, shuffled

Point = tuple[float, float]
Measure = tuple[str, str]
"""What is measured, and the letters of the points that it is measured on."""
_BASES = ((3, 4, 5), (4, 3, 5), (5, 12, 13), (12, 5, 13), (8, 15, 17), (15, 8, 17), (20, 21, 29))
TRIPLES = tuple((k * p, k * q, k * r) for p, q, r in _BASES for k in range(1, 13) if k * r <= 70)
"""Legs and hypotenuse of right triangles."""
CHAINS = tuple(
    (p, q, r, s, t)
    for p, q, r in TRIPLES
    for leg, s, t in TRIPLES
    if r == leg and 1 / 3 < p / q < 3 and s < 3 * r
)
"""Legs and hypotenuse, and a second leg and hypotenuse on the first one."""
# Letters that look like digits or like each other are left out.
_NAMES = "ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True)
class Figure:
    """A figure and its question.

    ``points`` are by letter. ``printed`` are measures on the picture, ``told`` sentences, ``also``
    measures that only the sentences hold. ``rules`` are the worked steps. ``circle`` is a centre
    and a point of the circle. ``mirrored`` is the order of the printed values, by place, in which
    the mirrored figure prints them with the same question; () where there is none.
    """

    points: Mapping[str, Point]
    lines: tuple[str, ...]
    printed: Mapping[Measure, int]
    asked: Measure
    answer: int
    rules: tuple[str, ...]
    told: str = ""
    also: Mapping[Measure, int] = field(default_factory=dict)
    circle: str = ""
    mirrored: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        named = {letter for line in (*self.lines, self.circle) for letter in line}
        if named - set(self.points):
            missing = ", ".join(sorted(named - set(self.points)))
            raise ValueError(f"the figure draws the points {missing}: say where they are")

    @property
    def values(self) -> tuple[int, ...]:
        """What is given, printed values first, the same for a figure and its mirror image."""
        printed = tuple(self.printed.values())
        if self.mirrored:
            printed = min(printed, tuple(printed[place] for place in self.mirrored))
        return printed + tuple(self.also.values())


def angle(points: Sequence[Point]) -> float:
    """The angle at the second of three points in degrees, 0 to 180."""
    (ax, ay), (bx, by), (cx, cy) = points
    one, other = math.atan2(ay - by, ax - bx), math.atan2(cy - by, cx - bx)
    turn = abs(math.degrees(one - other)) % 360
    return min(turn, 360 - turn)


def perimeter(points: Sequence[Point]) -> float:
    """The length around a polygon."""
    return sum(math.dist(points[i - 1], points[i]) for i in range(len(points)))


def area(points: Sequence[Point]) -> float:
    """The area of a polygon whose sides do not cross."""
    pairs = ((points[i - 1], points[i]) for i in range(len(points)))
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairs)) / 2


MEASURES: dict[str, Callable[[Sequence[Point]], float]] = {
    "angle": angle,
    "length": lambda points: math.dist(*points),
    "perimeter": perimeter,
    "area": area,
}


def _names(rng: np.random.Generator, count: int) -> list[str]:
    return shuffled(rng, _NAMES)[:count]


def _polar(degrees: float, radius: float = 1.0) -> Point:
    turn = math.radians(degrees)
    return radius * math.cos(turn), radius * math.sin(turn)


def _apex(left: float, right: float) -> Point:
    """Where the sides of the angles at (0, 0) and (1, 0) meet."""
    far = math.sin(math.radians(right)) / math.sin(math.radians(left + right))
    return _polar(left, far)


# -- angles ------------------------------------------------------------------------------------


def straight(rng: np.random.Generator) -> Figure:
    """Two angles on a line."""
    a, b, c, o = _names(rng, 4)
    given = between(rng, 30, 150)
    points = {a: (1.0, 0.0), b: (-1.0, 0.0), o: (0.0, 0.0), c: _polar(given)}
    answer = 180 - given
    return Figure(
        points, (a + b, o + c), {("angle", a + o + c): given}, ("angle", c + o + b), answer,
        (f"angles on a line: {c}{o}{b} = 180 - {given} = {answer}.",),
        f"{a}, {o} and {b} are on one line.",
    )  # fmt: skip


def triangle(rng: np.random.Generator) -> Figure:
    """The third angle of a triangle."""
    a, b, c = _names(rng, 3)
    one, other = between(rng, 35, 80), between(rng, 35, 70)
    answer = 180 - one - other
    return Figure(
        {a: (0.0, 0.0), b: (1.0, 0.0), c: _apex(one, other)}, (a + b, b + c, c + a),
        {("angle", b + a + c): one, ("angle", a + b + c): other}, ("angle", a + c + b), answer,
        (f"angles of a triangle: {a}{c}{b} = 180 - {one} - {other} = {answer}.",),
        mirrored=(1, 0),
    )  # fmt: skip


def exterior(rng: np.random.Generator) -> Figure:
    """The angle beside a triangle's angle."""
    a, b, c, d = _names(rng, 4)
    one, other = between(rng, 35, 75), between(rng, 35, 70)
    third = 180 - one - other
    x, y = _apex(one, third)
    answer = 180 - third
    return Figure(
        {a: (0.0, 0.0), b: (1.0, 0.0), c: (x, y), d: (1.6, 0.0)}, (a + d, b + c, c + a),
        {("angle", b + a + c): one, ("angle", a + c + b): other}, ("angle", c + b + d), answer,
        (f"angles of a triangle: {a}{b}{c} = 180 - {one} - {other} = {third}.",
         f"angles on a line: {c}{b}{d} = 180 - {third} = {answer}."),
        f"{a}, {b} and {d} are on one line.",
    )  # fmt: skip


def isosceles(rng: np.random.Generator) -> Figure:
    """The apex of a triangle with two equal sides, from an angle at its base."""
    a, b, c = _names(rng, 3)
    base = between(rng, 35, 72)
    answer = 180 - 2 * base
    return Figure(
        {a: (0.0, 0.0), b: (1.0, 0.0), c: _apex(base, base)}, (a + b, b + c, c + a),
        {("angle", b + a + c): base}, ("angle", a + c + b), answer,
        (f"equal sides: {a}{b}{c} = {b}{a}{c} = {base}.",
         f"angles of a triangle: {a}{c}{b} = 180 - {base} - {base} = {answer}."),
        f"{a}{c} and {b}{c} are equally long.",
    )  # fmt: skip


def parallels(rng: np.random.Generator) -> Figure:
    """A triangle under a line that is parallel to its base."""
    a, b, c, d, e = _names(rng, 5)
    one, other = between(rng, 38, 75), between(rng, 38, 68)
    x, y = _apex(one, other)
    answer = 180 - one - other
    return Figure(
        {a: (0.0, 0.0), b: (1.0, 0.0), c: (x, y), d: (x - 0.7, y), e: (x + 0.7, y)},
        (a + b, b + c, c + a, d + e),
        {("angle", d + c + a): one, ("angle", a + b + c): other}, ("angle", a + c + b), answer,
        (f"alternate angles: {b}{a}{c} = {d}{c}{a} = {one}.",
         f"angles of a triangle: {a}{c}{b} = 180 - {one} - {other} = {answer}."),
        f"{d}{e} is parallel to {a}{b}.",
    )  # fmt: skip


def inscribed(rng: np.random.Generator) -> Figure:
    """A triangle in a circle, from an angle at the centre."""
    a, b, c, o = _names(rng, 4)
    half, one = between(rng, 35, 70), between(rng, 38, 70)
    third = 180 - half - one
    # The arc over a side is twice the angle on the other side of it.
    points = {o: (0.0, 0.0), a: _polar(0), b: _polar(2 * half), c: _polar(2 * half + 2 * one)}
    return Figure(
        points, (a + b, b + c, c + a, o + a, o + b),
        {("angle", a + o + b): 2 * half}, ("angle", a + b + c), third,
        (f"angle at the centre: {a}{c}{b} = {2 * half} / 2 = {half}.",
         f"angles of a triangle: {a}{b}{c} = 180 - {half} - {one}.", f"{a}{b}{c} = {third}."),
        f"{o} is the centre of the circle, and the angle {c}{a}{b} is {one} degrees.",
        {("angle", c + a + b): one}, o + a,
    )  # fmt: skip


# -- lengths -----------------------------------------------------------------------------------


def _rectangle(names: Sequence[str], width: float, height: float) -> dict[str, Point]:
    corners = ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height))
    return dict(zip(names, corners, strict=True))


def _sides(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(names[i] + names[(i + 1) % len(names)] for i in range(len(names)))


def side(rng: np.random.Generator) -> Figure:
    """A side of a rectangle from the one beside it and the perimeter."""
    a, b, c, d = names = _names(rng, 4)
    width, height = between(rng, 4, 20), between(rng, 4, 20)
    around = 2 * (width + height)
    return Figure(
        _rectangle(names, width, height), _sides(names), {("length", a + b): width},
        ("length", b + c), height, (f"half of {around} is {around // 2}, less {width}: {height}.",),
        f"The rectangle {a}{b}{c}{d} has the perimeter {around}.",
        {("perimeter", a + b + c + d): around},
    )  # fmt: skip


def hypotenuse(rng: np.random.Generator) -> Figure:
    """The long side of a right triangle."""
    a, b, c = _names(rng, 3)
    p, q, r = pick(rng, TRIPLES)
    return Figure(
        {a: (0.0, 0.0), b: (p, 0.0), c: (0.0, q)}, (a + b, b + c, c + a),
        {("length", a + b): p, ("length", a + c): q}, ("length", b + c), r,
        (f"{p}^2 + {q}^2 = {p * p} + {q * q} = {r * r}, {b}{c} = {r}.",),
        f"The angle {b}{a}{c} is right.", {("angle", b + a + c): 90}, mirrored=(1, 0),
    )  # fmt: skip


def height(rng: np.random.Generator) -> Figure:
    """The height of a triangle with two equal sides."""
    a, b, c, d = _names(rng, 4)
    p, q, r = pick(rng, TRIPLES)
    return Figure(
        {a: (0.0, 0.0), b: (2.0 * p, 0.0), c: (p, q), d: (p, 0.0)}, (a + b, b + c, c + a, c + d),
        {("length", a + c): r, ("length", b + c): r}, ("length", c + d), q,
        (f"{a}{d} is half of {2 * p}, {p}.",
         f"{r}^2 - {p}^2 = {r * r} - {p * p} = {q * q}, {c}{d} = {q}."),
        f"{a}{b} is {2 * p} long, and {c}{d} is at right angles to it.",
        {("length", a + b): 2 * p, ("angle", a + d + c): 90},
    )  # fmt: skip


def similar(rng: np.random.Generator) -> Figure:
    """The base of a triangle from one that is similar to it."""
    a, b, c, d, e = _names(rng, 5)
    near, times, base = between(rng, 3, 7), between(rng, 2, 3), between(rng, 3, 7)
    far, other = near * (times - 1), max(near, base)
    cosine = (near**2 + other**2 - base**2) / (2 * near * other)
    x, y = _polar(math.degrees(math.acos(cosine)), other)
    points = {
        a: (0.0, 0.0), d: (float(near), 0.0), b: (float(near * times), 0.0), e: (x, y),
        c: (x * times, y * times),
    }  # fmt: skip
    return Figure(
        points, (a + b, a + c, d + e, b + c),
        {("length", a + d): near, ("length", d + b): far, ("length", d + e): base},
        ("length", b + c), base * times,
        (f"{a}{b} = {near} + {far} = {near * times}.", f"{near * times} / {near} = {times}.",
         f"{b}{c} = {times} * {base} = {base * times}."),
        f"{d}{e} is parallel to {b}{c}.",
    )  # fmt: skip


def chain(rng: np.random.Generator) -> Figure:
    """The long side of a right triangle that stands on the long side of another one."""
    a, b, c, d = _names(rng, 4)
    p, q, r, s, t = pick(rng, CHAINS)
    points = {
        a: (0.0, 0.0), b: (float(p), 0.0), c: (0.0, float(q)), d: (s * q / r, q + s * p / r)
    }  # fmt: skip
    return Figure(
        points, (a + b, b + c, c + a, c + d, d + b),
        {("length", a + b): p, ("length", a + c): q, ("length", c + d): s}, ("length", b + d), t,
        (f"{p}^2 + {q}^2 = {p * p} + {q * q} = {r * r}.", f"{b}{c} = {r}.",
         f"{r}^2 + {s}^2 = {r * r} + {s * s} = {t * t}.", f"{b}{d} = {t}."),
        f"The angles {b}{a}{c} and {b}{c}{d} are right.",
        {("angle", b + a + c): 90, ("angle", b + c + d): 90},
    )  # fmt: skip


# -- areas -------------------------------------------------------------------------------------


def rectangle(rng: np.random.Generator) -> Figure:
    """A rectangle."""
    a, b, c, d = names = _names(rng, 4)
    wide, high = between(rng, 4, 20), between(rng, 4, 20)
    return Figure(
        _rectangle(names, wide, high), _sides(names),
        {("length", a + b): wide, ("length", b + c): high}, ("area", a + b + c + d), wide * high,
        (f"{wide} * {high} = {wide * high}.",), f"{a}{b}{c}{d} is a rectangle.",
        mirrored=(1, 0),
    )  # fmt: skip


def right_triangle(rng: np.random.Generator) -> Figure:
    """A right triangle from its legs."""
    a, b, c = _names(rng, 3)
    p, q = 2 * between(rng, 3, 9), between(rng, 6, 18)
    return Figure(
        {a: (0.0, 0.0), b: (float(p), 0.0), c: (0.0, float(q))}, (a + b, b + c, c + a),
        {("length", a + b): p, ("length", a + c): q}, ("area", a + b + c), p * q // 2,
        (f"{p} * {q} / 2 = {p * q // 2}.",),
        f"The angle {b}{a}{c} is right.", {("angle", b + a + c): 90}, mirrored=(1, 0),
    )  # fmt: skip


def corner(rng: np.random.Generator) -> Figure:
    """A rectangle without one of its corners."""
    a, b, c, d, e, f = names = _names(rng, 6)
    wide, high = between(rng, 10, 18), between(rng, 10, 18)
    cut, deep = between(rng, 4, wide - 5), between(rng, 4, high - 5)
    ways = ((0, 0), (wide, 0), (wide, high - deep), (wide - cut, high - deep),
            (wide - cut, high), (0, high))  # fmt: skip
    answer = wide * high - cut * deep
    return Figure(
        {name: (float(x), float(y)) for name, (x, y) in zip(names, ways, strict=True)},
        _sides(names),
        {("length", a + b): wide, ("length", f + a): high, ("length", c + d): cut,
         ("length", d + e): deep},
        ("area", "".join(names)), answer,
        (f"{wide} * {high} = {wide * high}.", f"{wide * high} - {cut} * {deep} = {answer}."),
        "All angles are right.",
        {("angle", a + b + c): 90, ("angle", b + c + d): 90, ("angle", e + f + a): 90},
        mirrored=(1, 0, 3, 2),
    )  # fmt: skip


def from_hypotenuse(rng: np.random.Generator) -> Figure:
    """A right triangle from its long side and a leg."""
    a, b, c = _names(rng, 3)
    p, q, r = pick(rng, TRIPLES)
    return Figure(
        {a: (0.0, 0.0), b: (float(p), 0.0), c: (0.0, float(q))}, (a + b, b + c, c + a),
        {("length", a + b): p, ("length", b + c): r}, ("area", a + b + c), p * q // 2,
        (f"{r}^2 - {p}^2 = {r * r} - {p * p} = {q * q}, {a}{c} = {q}.",
         f"{p} * {q} / 2 = {p * q // 2}."),
        f"The angle {b}{a}{c} is right.", {("angle", b + a + c): 90},
    )  # fmt: skip


def from_sides(rng: np.random.Generator) -> Figure:
    """A triangle with two equal sides, from its sides."""
    a, b, c = _names(rng, 3)
    p, q, r = pick(rng, TRIPLES)
    return Figure(
        {a: (0.0, 0.0), b: (2.0 * p, 0.0), c: (float(p), float(q))}, (a + b, b + c, c + a),
        {("length", a + b): 2 * p, ("length", a + c): r, ("length", b + c): r},
        ("area", a + b + c), p * q,
        (f"half of {2 * p} is {p}.",
         f"height: {r}^2 - {p}^2 = {r * r} - {p * p} = {q * q}, {q}.",
         f"{2 * p} * {q} / 2 = {p * q}."),
    )  # fmt: skip


FIGURES: dict[str, tuple[tuple[Callable[[np.random.Generator], Figure], ...], ...]] = {
    "angles": ((straight,), (triangle,), (exterior, isosceles), (parallels,), (inscribed,)),
    "lengths": ((side,), (hypotenuse,), (height,), (similar,), (chain,)),
    "areas": ((rectangle,), (right_triangle,), (corner,), (from_hypotenuse,), (from_sides,)),
}
"""Task to the figures of difficulty 1 to 5."""
