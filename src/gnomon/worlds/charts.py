"""Questions about bar, line and pie charts and tables (ours).

Facts hold ``code``, the JSON text that drew the picture and draws it again (`plots.read_chart`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from gnomon.media.image import open_image
from gnomon.records import Answer
from gnomon.worlds.plots import INK_NAMES, INKS, TICKS, Chart, Kind, draw_chart, read_chart
from gnomon.worlds.scene import between, pick, shuffled
from gnomon.worlds.talk import Talk, pose_about
from gnomon.worlds.world import Posed, WorldTask

ITEMS = (3, 4, 5, 6, 8)
SIZES = ((112, 112), (140, 140), (168, 140), (224, 168), (280, 196))
"""Labels, and width and height, of difficulty 1 to 5."""
COLUMNS = (2, 2, 3, 3, 4)
"""Columns of numbers of a table."""
PRINTED = 2
"""Up to this difficulty bars and points have their values written at them."""
STEPS = (1, 2, 5)
"""Values of a tick."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
THEMES = {
    "Food sold": ("Tea", "Oats", "Rice", "Milk", "Corn", "Eggs", "Nuts", "Figs", "Jam", "Peas"),
    "Goals": ("Ann", "Bob", "Cleo", "Dan", "Eve", "Finn", "Gus", "Ida", "Jo", "Kim", "Leo"),
    "Trips": ("Rome", "Oslo", "Bonn", "Lima", "Nice", "Cork", "Kyiv", "Bern", "Pisa", "Graz"),
    "Animals": ("Cat", "Dog", "Cow", "Pig", "Hen", "Goat", "Duck", "Bee", "Fox", "Owl"),
}
PLOTTED: tuple[Kind, ...] = ("bar", "line", "pie")
SHAPES = ("rising", "falling", "neither")


def draw_plot(rng: np.random.Generator, level: int, kinds: tuple[Kind, ...] = PLOTTED) -> Chart:
    """A chart of a difficulty with values that all differ and are on a tick of the axis.

    The smallest slices of a pie still hold their number.
    """
    kind, count, step = pick(rng, kinds), ITEMS[level - 1], pick(rng, STEPS)
    low = 3 if kind == "pie" else 1
    values = shuffled(rng, range(low, TICKS + 1))[:count]
    title = "Rain" if kind == "line" else pick(rng, list(THEMES))
    labels = _months(rng, count) if kind == "line" else shuffled(rng, THEMES[title])[:count]
    return Chart(
        kind, title, tuple(labels), ("value",), tuple((step * v,) for v in values), step,
        SIZES[level - 1], between(rng, 0, len(INKS) - 1), level <= PRINTED,
    )  # fmt: skip


def draw_pie(rng: np.random.Generator, level: int) -> Chart:
    """A pie of a difficulty: of its labels only the colours are beside them, not the numbers."""
    return draw_plot(rng, level, ("pie",))


def _months(rng: np.random.Generator, count: int) -> list[str]:
    first = between(rng, 0, len(MONTHS) - 1)
    return [MONTHS[(first + n) % len(MONTHS)] for n in range(count)]


def draw_line(rng: np.random.Generator, level: int) -> Chart:
    """A line that rises at every step, falls at every step, or does neither, each as likely."""
    shape = pick(rng, SHAPES)
    chart = draw_plot(rng, level, ("line",))
    while shape == "neither" and chart.values in _ordered(chart):
        chart = draw_plot(rng, level, ("line",))
    if shape == "neither":
        return chart
    rows = tuple((number,) for number in _ordered(chart)[SHAPES.index(shape)])
    return replace(chart, rows=rows)


def _ordered(chart: Chart) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The values rising, and falling."""
    return tuple(sorted(chart.values)), tuple(sorted(chart.values, reverse=True))


def draw_table(rng: np.random.Generator, level: int) -> Chart:
    """A table of a difficulty: a row for each label, a column for each of some days."""
    title = pick(rng, list(THEMES))
    labels = shuffled(rng, THEMES[title])[: ITEMS[level - 1]]
    columns = DAYS[: COLUMNS[level - 1]]
    rows = tuple(tuple(between(rng, 1, 99) for _ in columns) for _ in labels)
    return Chart("table", title, tuple(labels), columns, rows, 1, SIZES[level - 1])


def _written(chart: Chart) -> str:
    pairs = zip(chart.labels, chart.values, strict=True)
    return ", ".join(f"{label} {value}" for label, value in pairs) + "."


def _posed(chart: Chart, asked: str, answer: Answer, thought: str) -> Posed:
    facts = {"kind": chart.kind, "code": chart.code, "asked": asked}
    return Posed(
        f"<image>{asked}", answer, str(answer.value), chart.key, thought, chart.show, facts
    )


def value(rng: np.random.Generator, chart: Chart) -> Posed:
    """Read one value; that of a slice by its colour."""
    place = between(rng, 0, len(chart.labels) - 1)
    label, found = chart.labels[place], chart.values[place]
    asked = f"What is the value of {label}?"
    thought = f"{label} {found}."
    if chart.kind == "pie":
        thought = f"{label} {INK_NAMES[place]}. {INK_NAMES[place]} {found}."
    return _posed(chart, asked, Answer("integer", found), thought)


def largest(rng: np.random.Generator, chart: Chart) -> Posed:
    """Which label has the largest value, or the smallest?"""
    wanted, best = pick(rng, (("largest", max), ("smallest", min)))
    found = best(chart.values)
    label = chart.labels[chart.values.index(found)]
    asked = f"Which one has the {wanted} value?"
    thought = f"{_written(chart)} {wanted}: {label} {found}."
    return _posed(chart, asked, Answer("text", label), thought)


def difference(rng: np.random.Generator, chart: Chart) -> Posed:
    """By how much is one value larger than another?"""
    pairs = shuffled(rng, list(zip(chart.values, chart.labels, strict=True)))[:2]
    (less, low), (more, high) = sorted(pairs)
    asked = f"By how much is {high} larger than {low}?"
    thought = f"{high} {more}. {low} {less}. {more} - {less} = {more - less}."
    return _posed(chart, asked, Answer("integer", more - less), thought)


def total(rng: np.random.Generator, chart: Chart) -> Posed:
    """The sum of two values, of three where there are as many as from difficulty 4 on."""
    pairs = shuffled(rng, list(zip(chart.labels, chart.values, strict=True)))
    chosen = pairs[: 3 if len(pairs) >= ITEMS[3] else 2]
    found = sum(number for _, number in chosen)
    *first, last = (label for label, _ in chosen)
    asked = f"What is the sum of {', '.join(first)} and {last}?"
    told = " ".join(f"{label} {number}." for label, number in chosen)
    steps = " + ".join(str(number) for _, number in chosen)
    return _posed(chart, asked, Answer("integer", found), f"{told} {steps} = {found}.")


def count_above(rng: np.random.Generator, chart: Chart) -> Posed:
    """How many values are above a number that none of them is?"""
    spare = [n * chart.step for n in range(1, TICKS + 1) if n * chart.step not in chart.values]
    bound = pick(rng, spare)
    pairs = zip(chart.labels, chart.values, strict=True)
    above = [f"{label} {number}" for label, number in pairs if number > bound]
    asked = f"How many values are above {bound}?"
    thought = f"{_written(chart)} above {bound}: {', '.join(above) or 'none'}. total {len(above)}."
    return _posed(chart, asked, Answer("count", len(above)), thought)


def trend(rng: np.random.Generator, chart: Chart) -> Posed:
    """Does a line rise at every step, fall at every step, or neither?"""
    rising, falling = _ordered(chart)
    shape = {rising: "rising", falling: "falling"}.get(chart.values, "neither")
    signs = ", ".join(f"{a} {'<' if a < b else '>'} {b}" for a, b in pairwise(chart.values))
    asked = "Is the line rising at every step, falling at every step, or neither?"
    thought = f"{_written(chart)} {signs}: {shape}."
    return _posed(chart, asked, Answer("text", shape), thought)


def lookup(rng: np.random.Generator, chart: Chart) -> Posed:
    """Read one cell of a table."""
    row, column = between(rng, 0, len(chart.labels) - 1), between(rng, 0, len(chart.columns) - 1)
    found = chart.rows[row][column]
    asked = f"What is the number of {chart.labels[row]} on {chart.columns[column]}?"
    listed = zip(chart.columns, chart.rows[row], strict=True)
    told = ", ".join(f"{name} {number}" for name, number in listed)
    return _posed(chart, asked, Answer("integer", found), f"{chart.labels[row]}: {told}. {found}.")


def describe(chart: Chart) -> Posed:
    """All labels and numbers in order, a table row by row."""
    if chart.kind != "table":
        told = _written(chart)
        return _posed(
            chart, "Give every label with its value, in order.", Answer("text", told), told
        )
    lines = []
    for label, row in zip(chart.labels, chart.rows, strict=True):
        cells = (f"{name} {number}" for name, number in zip(chart.columns, row, strict=True))
        lines.append(f"{label}: {', '.join(cells)}.")
    told = " ".join(lines)
    return _posed(chart, "Give the table row by row.", Answer("text", told), told)


# -- confirmation ---------------------------------------------------------------------------------


def _numbers(chart: Chart, asked: str) -> list[int]:
    """Values of the labels that a question names, in its order."""
    table = dict(zip(chart.labels, chart.values, strict=True))
    return [table[word] for word in re.findall(r"\w+", asked) if word in table]


def _extreme(chart: Chart, asked: str) -> str:
    order = sorted(range(len(chart.values)), key=lambda place: chart.values[place])
    return chart.labels[order[-1 if "largest" in asked else 0]]


def _shape(chart: Chart, asked: str) -> str:
    signs = set(np.sign(np.diff(chart.values)).tolist())
    return {(1,): "rising", (-1,): "falling"}.get(tuple(signs), "neither")


def _cell(chart: Chart, asked: str) -> int:
    words = re.findall(r"\w+", asked)
    row = [label in words for label in chart.labels].index(True)
    column = [name in words for name in chart.columns].index(True)
    return int(np.array(chart.rows)[row, column])


_Ask = Callable[[np.random.Generator, Chart], Posed]
_ABOUT_PLOTS: dict[str, _Ask] = {
    "value": value, "largest": largest, "difference": difference, "sum": total,
    "count-above": count_above,
}  # fmt: skip
TALKS = (
    Talk(draw_plot, _ABOUT_PLOTS, describe),
    Talk(draw_pie, _ABOUT_PLOTS, describe),
    Talk(draw_line, {"trend": trend, **_ABOUT_PLOTS}, describe),
    Talk(draw_table, {"lookup": lookup}, describe),
)
_POSED: dict[str, Callable[[np.random.Generator, int], Posed]] = {
    **{name: pose_about(draw_plot, ask) for name, ask in _ABOUT_PLOTS.items()},
    "trend": pose_about(draw_line, trend),
    "lookup": pose_about(draw_table, lookup),
}
_SOLVED: dict[str, Callable[[Chart, str], int | str]] = {
    "value": lambda chart, asked: _numbers(chart, asked)[0],
    "largest": _extreme,
    "difference": lambda chart, asked: -int(np.diff(_numbers(chart, asked))[0]),
    "sum": lambda chart, asked: sum(_numbers(chart, asked)),
    "count-above": lambda chart, asked: int(
        (np.array(chart.values) > int(asked.split()[-1][:-1])).sum()
    ),
    "trend": _shape,
    "lookup": _cell,
}
"""Task to what solves it from the chart and the words of the question."""


def confirm(name: str) -> Callable[[Posed], bool]:
    """Whether the JSON text draws the picture of a question again and solves it alike."""

    def check(posed: Posed) -> bool:
        chart = read_chart(posed.facts["code"])
        shown = np.asarray(open_image(posed.show()[0]))
        same = np.array_equal(shown, np.asarray(draw_chart(chart)))
        return same and _SOLVED[name](chart, posed.facts["asked"]) == posed.answer.value

    return check


def effort(posed: Posed) -> float:
    """Numbers to look at."""
    return float(sum(map(len, read_chart(posed.facts["code"]).rows)))


TASKS = tuple(
    WorldTask(
        name, "single" if name in ("value", "lookup") else "multi", "image", pose, confirm(name),
        effort,
    )
    for name, pose in _POSED.items()
)  # fmt: skip
