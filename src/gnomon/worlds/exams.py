"""Exam questions with grade, discipline and knowledge point, in forms that keep the problem.

After MDK12-Bench (arXiv 2504.05782), which rewords questions, changes their type and restyles their
images to measure what was memorised. Here a problem is an item with its quantities, which decides
the key; wording, type, order of options, layout and colours of the picture are its form (ours).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from gnomon.media.image import png_bytes
from gnomon.parts import PartError, nearest
from gnomon.records import Answer, Media
from gnomon.worlds.asking import yes_no
from gnomon.worlds.lettering import line_height, write
from gnomon.worlds.scene import CELL, LETTERS, RGB, between, pick, shuffled
from gnomon.worlds.world import Posed, WorldTask

Layout = Literal["table", "bars", "cards"]
Values = Mapping[str, int]
Ranges = Mapping[str, tuple[int, int]]
LAYOUTS: tuple[Layout, ...] = ("table", "bars", "cards")
COLOURS: tuple[tuple[RGB, RGB, RGB], ...] = (
    ((255, 255, 255), (20, 20, 20), (206, 222, 255)),
    ((0, 0, 0), (235, 235, 235), (70, 60, 20)),
    ((246, 238, 214), (70, 40, 10), (232, 200, 150)),
    ((226, 240, 226), (10, 60, 20), (170, 214, 176)),
)
"""Paper, ink and filling of a style; the second is the first inverted."""
WIDTH, ROW = 5 * CELL, CELL
INK_SIZE = 14
"""Pixels: width of a picture, height of a row, size of the lettering."""
CHOICES = 4


@dataclass(frozen=True)
class Item:
    """What is asked: ``draws`` its quantities, ``solve`` the answer and ``holds`` another form of
    the law. ``steps`` is the worked answer, ``wordings`` are questions that mean the same, and
    ``fits`` says for which quantities the answer is whole.
    """

    name: str
    grade: str
    discipline: str
    knowledge: str
    draws: Ranges
    solve: Callable[[Values], int]
    holds: Callable[[Values, int], bool]
    steps: str
    wordings: tuple[str, str, str]
    operations: int
    fits: Callable[[Values], bool] = lambda values: True


@dataclass(frozen=True)
class Style:
    """How a picture looks: layout, colours by number, and width of the border in pixels."""

    layout: Layout
    colours: int
    border: int


ITEMS: tuple[tuple[Item, ...], ...] = (
    (
        Item(
            "sum", "primary", "mathematics", "addition", {"apples": (11, 80), "pears": (11, 80)},
            lambda v: v["apples"] + v["pears"], lambda v, x: x - v["pears"] == v["apples"],
            "{apples} + {pears} = {x}.",
            ("How many fruits are there?", "Count apples and pears together. How many are they?",
             "What is the total number of fruits?"), 1,
        ),
        Item(
            "route", "primary", "geography", "distance",
            {"A to B km": (12, 90), "B to C km": (12, 90)},
            lambda v: v["A to B km"] + v["B to C km"],
            lambda v, x: x - v["A to B km"] == v["B to C km"],
            "{A to B km} + {B to C km} = {x}.",
            ("How many km is it from A by B to C?", "A bus goes from A to B and on to C. How many "
             "km does it go?", "What is the length in km of the way A, B, C?"), 1,
        ),
    ),
    (
        Item(
            "price", "primary", "mathematics", "multiplication",
            {"price": (3, 19), "number": (3, 19)},
            lambda v: v["price"] * v["number"], lambda v, x: x / v["number"] == v["price"],
            "{price} * {number} = {x}.",
            ("What do all of them cost?", "Each has the price that is shown. What is paid for all?",
             "How much is the whole purchase?"), 1,
        ),
        Item(
            "scale", "primary", "geography", "map scale", {"map cm": (2, 18), "km per cm": (3, 25)},
            lambda v: v["map cm"] * v["km per cm"], lambda v, x: x / v["map cm"] == v["km per cm"],
            "{map cm} * {km per cm} = {x}.",
            ("How many km is the distance in nature?", "A line on the map is this long. How many "
             "km does it stand for?", "What is the real distance in km?"), 1,
        ),
    ),
    (
        Item(
            "motion", "middle", "physics", "uniform motion",
            {"start m": (5, 60), "speed m/s": (2, 12), "time s": (3, 15)},
            lambda v: v["start m"] + v["speed m/s"] * v["time s"],
            lambda v, x: (x - v["start m"]) / v["time s"] == v["speed m/s"],
            "{speed m/s} * {time s} = {a}. {start m} + {a} = {x}.",
            ("A cart begins at the start mark. At how many m is it in the end?",
             "A cart rolls evenly from the start. What is its final place in m?",
             "Where, in m, does the evenly moving cart arrive?"), 2,
        ),
        Item(
            "molecule", "middle", "chemistry", "molecular mass",
            {"atoms H": (2, 9), "mass C": (12, 14), "atoms C": (1, 9)},
            lambda v: v["atoms H"] + v["mass C"] * v["atoms C"],
            lambda v, x: (x - v["atoms H"]) / v["mass C"] == v["atoms C"],
            "{mass C} * {atoms C} = {a}. {atoms H} + {a} = {x}.",
            ("An atom of H has the mass 1. What is the mass of the molecule?",
             "With mass 1 for each H, how heavy is the molecule?",
             "Add up the masses of the atoms, 1 for an H. What do you get?"), 2,
        ),
    ),
    (
        Item(
            "circuit", "middle", "physics", "series circuit",
            {"R1 ohm": (2, 20), "R2 ohm": (2, 20), "current A": (2, 9)},
            lambda v: (v["R1 ohm"] + v["R2 ohm"]) * v["current A"],
            lambda v, x: x / v["current A"] - v["R1 ohm"] == v["R2 ohm"],
            "{R1 ohm} + {R2 ohm} = {a}. {a} * {current A} = {x}.",
            ("R1 and R2 are in series. What is the voltage in V?",
             "The current flows through R1 and then R2. How many V are needed?",
             "Which voltage, in V, drives the current through both?"), 2,
        ),
        Item(
            "reaction", "middle", "chemistry", "conservation of mass",
            {"iron g": (20, 70), "sulfur g": (20, 70), "left g": (2, 15)},
            lambda v: v["iron g"] + v["sulfur g"] - v["left g"],
            lambda v, x: x + v["left g"] - v["iron g"] == v["sulfur g"],
            "{iron g} + {sulfur g} = {a}. {a} - {left g} = {x}.",
            ("What is the mass of the product in g?", "Some is left. How many g have reacted?",
             "How many g of the product are made?"), 2,
        ),
    ),
    (
        Item(
            "acceleration", "high", "physics", "accelerated motion",
            {"speed m/s": (2, 12), "accel m/s2": (2, 9), "time s": (2, 8)},
            lambda v: v["speed m/s"] * v["time s"] + v["accel m/s2"] * v["time s"] ** 2 // 2,
            lambda v, x: x == sum(
                v["speed m/s"] + v["accel m/s2"] * (i + 0.5) for i in range(v["time s"])
            ),
            "{speed m/s} * {time s} = {a}. {accel m/s2} * {time s}^2 / 2 = {b}. {a} + {b} = {x}.",
            ("How many m does the car go?",
             "A car with this speed accelerates. What is its way in m?",
             "Which distance, in m, is covered in the time?"), 4,
            lambda v: v["accel m/s2"] * v["time s"] % 2 == 0,
        ),
        Item(
            "population", "high", "biology", "population change",
            {"size": (120, 700), "births": (20, 90), "deaths": (10, 80), "arrivals": (5, 60)},
            lambda v: v["size"] + v["births"] - v["deaths"] + v["arrivals"],
            lambda v, x: x - v["arrivals"] + v["deaths"] - v["births"] == v["size"],
            "{size} + {births} = {a}. {a} - {deaths} = {b}. {b} + {arrivals} = {x}.",
            ("How large is the population afterwards?", "What does the population come to?",
             "Count all changes. How many animals are there then?"), 3,
        ),
    ),
)  # fmt: skip
"""Items of difficulty 1 to 5."""
_BETWEEN: Mapping[str, Callable[[Values], tuple[int, ...]]] = {
    "motion": lambda v: (v["speed m/s"] * v["time s"],),
    "molecule": lambda v: (v["mass C"] * v["atoms C"],),
    "circuit": lambda v: (v["R1 ohm"] + v["R2 ohm"],),
    "reaction": lambda v: (v["iron g"] + v["sulfur g"],),
    "acceleration": lambda v: (
        v["speed m/s"] * v["time s"],
        v["accel m/s2"] * v["time s"] ** 2 // 2,
    ),
    "population": lambda v: (v["size"] + v["births"], v["size"] + v["births"] - v["deaths"]),
}
"""Values between, by item, which the steps name a and b."""


@dataclass(frozen=True)
class Problem:
    """An item with its quantities: what stays the same in every form."""

    item: Item
    values: Values

    @property
    def answer(self) -> int:
        """The exact answer."""
        return self.item.solve(self.values)

    @property
    def key(self) -> str:
        """Item and quantities."""
        return f"{self.item.name} {' '.join(map(str, self.values.values()))}"

    @property
    def thought(self) -> str:
        """The worked answer."""
        make = _BETWEEN.get(self.item.name)
        halfway = make(self.values) if make is not None else ()
        return self.item.steps.format(
            **self.values, x=self.answer, **dict(zip("ab", halfway, strict=False))
        )

    def facts(self, style: Style) -> dict[str, object]:
        """Grade, discipline and knowledge point, as the columns of the source name them."""
        item = self.item
        return {
            "item": item.name, "grade_level": item.grade, "category": item.discipline,
            "knowledge": item.knowledge, "values": dict(self.values), "style": asdict(style),
            "operations": item.operations,
        }  # fmt: skip


def draw_problem(rng: np.random.Generator, level: int) -> Problem:
    """A problem of a difficulty."""
    item = pick(rng, ITEMS[level - 1])
    while True:
        values = {name: between(rng, *span) for name, span in item.draws.items()}
        if item.fits(values):
            return Problem(item, values)


def draw_style(rng: np.random.Generator) -> Style:
    """Any style."""
    return Style(pick(rng, LAYOUTS), between(rng, 0, len(COLOURS) - 1), between(rng, 0, 6))


def near_answers(rng: np.random.Generator, answer: int) -> list[int]:
    """Three wrong answers that lie near."""
    near = {answer + sign * step for step in (1, 2, 3, 5, 10) for sign in (-1, 1)}
    return shuffled(rng, sorted(value for value in near if value > 0))[: CHOICES - 1]


def fill(problem: Problem, rng: np.random.Generator) -> tuple[str, Answer, str]:
    """Fill in: the number itself. Returns what is asked, the answer and its text."""
    asked = f"{pick(rng, problem.item.wordings)} Give a whole number."
    return asked, Answer("integer", problem.answer), str(problem.answer)


def choice(problem: Problem, rng: np.random.Generator) -> tuple[str, Answer, str]:
    """Choice of four."""
    numbers = shuffled(rng, [problem.answer, *near_answers(rng, problem.answer)])
    options = {letter: str(n) for letter, n in zip(LETTERS, numbers, strict=False)}
    letter = LETTERS[numbers.index(problem.answer)]
    lines = "\n".join(f"({name}) {text}" for name, text in options.items())
    asked = f"{pick(rng, problem.item.wordings)}\n{lines}"
    return asked, Answer("choice", letter, options), letter


def true_false(problem: Problem, rng: np.random.Generator) -> tuple[str, Answer, str]:
    """Whether a number is the answer; half of the time it is."""
    right = rng.random() < 0.5
    number = problem.answer if right else near_answers(rng, problem.answer)[0]
    asked = f"{pick(rng, problem.item.wordings)} Somebody answers {number}. Is that right?"
    return asked, Answer("yes-no", right), yes_no(right)


Form = Callable[[Problem, np.random.Generator], tuple[str, Answer, str]]
FORMS: Mapping[str, Form] = {
    "fill": fill, "choice": choice, "true-false": true_false
}  # fmt: skip


def in_form(rng: np.random.Generator, problem: Problem, form: str) -> Posed:
    """The problem in a form: another wording, order and style at each draw, under one key.

    Raises `PartError` for an unknown form.
    """
    if form not in FORMS:
        raise PartError(f"there is no form named {form!r}{nearest(form, list(FORMS))}")
    asked, answer, plain = FORMS[form](problem, rng)
    style = draw_style(rng)
    return Posed(
        f"<image>{asked}", answer, plain, problem.key, problem.thought,
        partial(_show, tuple(problem.values.items()), style), problem.facts(style),
    )  # fmt: skip


def exam(rng: np.random.Generator, level: int, *, form: str) -> Posed:
    """A problem of a difficulty in a form."""
    return in_form(rng, draw_problem(rng, level), form)


# -- pictures ----------------------------------------------------------------------------------


def _show(values: Sequence[tuple[str, int]], style: Style) -> tuple[Media, ...]:
    paper, ink, filling = COLOURS[style.colours]
    high = ROW * max(2, len(values)) + (CELL if style.layout == "cards" else 0)
    image = Image.new("RGB", (WIDTH, high), paper)
    draw = ImageDraw.Draw(image)
    top = (high - ROW * len(values)) // 2
    largest = max(value for _, value in values)
    for number, (name, value) in enumerate(values):
        y = top + ROW * number
        box = (style.border, y + 3, WIDTH - 1 - style.border, y + ROW - 3)
        _ROWS[style.layout](draw, box, value / largest, ink, filling)
        line = y + (ROW - line_height(INK_SIZE)) // 2
        write(image, (style.border + 6, line), name, INK_SIZE, ink)
        write(image, (box[2] - 5, line), str(value), INK_SIZE, ink, anchor="right")
    return (Media("image", data=png_bytes(image)),)


_Box = tuple[int, int, int, int]


def _table(draw: ImageDraw.ImageDraw, box: _Box, share: float, ink: RGB, filling: RGB) -> None:
    draw.line((box[0], box[3] + 2, box[2], box[3] + 2), fill=ink)


def _bar(draw: ImageDraw.ImageDraw, box: _Box, share: float, ink: RGB, filling: RGB) -> None:
    right = box[0] + max(4, int(share * (box[2] - box[0])))
    draw.rectangle((box[0], box[1], right, box[3]), fill=filling)


def _card(draw: ImageDraw.ImageDraw, box: _Box, share: float, ink: RGB, filling: RGB) -> None:
    draw.rounded_rectangle(box, 5, fill=filling, outline=ink)


_ROWS: Mapping[Layout, Callable[[ImageDraw.ImageDraw, _Box, float, RGB, RGB], None]] = {
    "table": _table,
    "bars": _bar,
    "cards": _card,
}


def confirm(posed: Posed) -> bool:
    """Whether the other form of the law holds for the number that is answered."""
    facts = posed.facts
    item = next(i for items in ITEMS for i in items if i.name == facts["item"])
    answer = posed.answer
    if answer.kind == "yes-no":
        told = int(posed.text.split("answers ")[1].split(".")[0])
        return item.holds(facts["values"], told) is answer.value
    number = answer.options[answer.value] if answer.kind == "choice" else answer.value
    return item.holds(facts["values"], int(number))


def effort(posed: Posed) -> float:
    """Operations of the worked answer."""
    return float(posed.facts["operations"])


TASKS = tuple(
    WorldTask(form, "multi", "image", partial(exam, form=form), confirm, effort) for form in FORMS
)
