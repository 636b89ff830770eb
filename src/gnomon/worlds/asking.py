"""What the questions are made of: the record, the table entry, and conditions on shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from gnomon.records import Answer
from gnomon.worlds.scene import (
    COLOURS,
    KINDS,
    SIZES,
    Digit,
    Placed,
    Scene,
    Shape,
    Wish,
    between,
    pick,
)

Steps = Literal["single", "multi"]
OBJECTS = (1, 2, 3, 4, 6, 7)
"""Objects in a scene of difficulty 0 to 5, at least."""


@dataclass(frozen=True)
class Question:
    """A question with its exact answer.

    ``answer_text`` is the plain string of the answer. ``thought`` is a worked chain; for a scene it
    begins with the ``description``, the written scene, and a full stop.
    """

    task: str
    text: str
    answer: Answer
    answer_text: str
    thought: str
    difficulty: int
    description: str = ""

    @property
    def reasoning(self) -> str:
        """The thought without the description before it; empty where nothing follows that."""
        return self.thought.removeprefix(f"{self.description}.").strip()

    @property
    def sections(self) -> Mapping[str, str]:
        """What is worked out beside thought and answer: the ``description`` of a scene."""
        return {"description": self.description} if self.description else {}


@dataclass(frozen=True)
class Task:
    """A kind of question.

    ``wish`` draws what scene it wants at a difficulty. ``ask`` makes the question, or None when the
    scene does not admit it.
    """

    name: str
    steps: Steps
    wish: Callable[[np.random.Generator, int], Wish]
    ask: Callable[[Scene, np.random.Generator, int], Question | None]
    needs_image: bool = False


@dataclass(frozen=True)
class Condition:
    """What a shape must be; an empty field admits all.

    ``excluded`` is a kind that it must not be.
    """

    kind: str = ""
    colours: tuple[str, ...] = ()
    size: str = ""
    excluded: str = ""

    def holds(self, shape: Shape) -> bool:
        """Whether a shape meets the condition."""
        return (
            self.kind in ("", shape.kind)
            and (not self.colours or shape.colour in self.colours)
            and self.size in ("", shape.size)
            and shape.kind != self.excluded
        )

    @property
    def plural(self) -> str:
        """As it stands in a question: ``large red shapes that are not circles``."""
        words = [self.size, " or ".join(self.colours), f"{self.kind or 'shape'}s"]
        tail = f"that are not {self.excluded}s" if self.excluded else ""
        return " ".join(word for word in (*words, tail) if word)

    @property
    def label(self) -> str:
        """As it stands in a thought, for example ``large red or blue not circle``; ``shape`` for
        all.
        """
        excluded = f"not {self.excluded}" if self.excluded else ""
        words = (self.size, " or ".join(self.colours), excluded, self.kind)
        return " ".join(word for word in words if word) or "shape"


_PAIRS = tuple(combinations(COLOURS, 2))
CONDITIONS: tuple[tuple[Condition, ...], ...] = (
    (Condition(), *(Condition(kind) for kind in KINDS)),
    tuple(Condition(colours=(colour,)) for colour in COLOURS),
    (
        *(Condition(kind, size=size) for kind in KINDS for size in SIZES),
        *(Condition(kind, colours=(colour,)) for kind in KINDS for colour in COLOURS),
    ),
    (
        *(Condition(colours=pair) for pair in _PAIRS),
        *(Condition(excluded=kind) for kind in KINDS),
    ),
    (
        *(Condition(size=size, excluded=kind) for size in SIZES for kind in KINDS),
        *(Condition(size=size, colours=pair) for size in SIZES for pair in _PAIRS),
        *(Condition(colours=(colour,), excluded=kind) for colour in COLOURS for kind in KINDS),
    ),
)
"""Conditions of difficulty 1 to 5."""


def shapes_of(scene: Scene) -> list[tuple[Placed, Shape]]:
    """The shapes of a scene with their places, in raster order."""
    return [(item, item.thing) for item in scene.objects if isinstance(item.thing, Shape)]


def digits_of(scene: Scene) -> list[tuple[Placed, Digit]]:
    """The digits of a scene with their places, in raster order."""
    return [(item, item.thing) for item in scene.objects if isinstance(item.thing, Digit)]


def matching(scene: Scene, condition: Condition) -> list[str]:
    """Cells of the shapes that meet a condition, in raster order."""
    return [item.cell for item, shape in shapes_of(scene) if condition.holds(shape)]


def tally(label: str, cells: Sequence[str]) -> str:
    """Counting written out: ``red: a1 1, c2 2. total 2.``; ``red: none.

    total 0.`` when there is none.
    """
    steps = ", ".join(f"{cell} {number}" for number, cell in enumerate(cells, 1)) or "none"
    return f"{label}: {steps}. total {len(cells)}."


def unique_items(scene: Scene) -> list[tuple[Placed, str]]:
    """Objects that a short name picks out alone, with that name (see `short_name`)."""
    named = [(item, short_name(item)) for item in scene.objects]
    names = [name for _, name in named]
    return [(item, name) for item, name in named if names.count(name) == 1]


def short_name(item: Placed) -> str:
    """Name of an object without its size and place: ``red star``, ``digit 7``, ``word CAB``."""
    thing = item.thing
    return f"{thing.colour} {thing.kind}" if isinstance(thing, Shape) else thing.written


def mixture(
    rng: np.random.Generator,
    difficulty: int,
    *,
    shapes: int = 0,
    digits: int = 0,
    words: int = 0,
    fill: Sequence[str] = ("shapes", "shapes", "digits", "digits", "words"),
) -> Wish:
    """A wish of at least the given numbers, filled up at random to the total of the difficulty.

    The totals are `OBJECTS` by difficulty (ours), or the given numbers if
    more. A second word is never added. Shapes draw from 2 to 4 kinds and 2 to 4 colours, so that
    they share some.
    """
    counts = {"shapes": shapes, "digits": digits, "words": words}
    while sum(counts.values()) < OBJECTS[difficulty]:
        name = pick(rng, fill)
        counts["shapes" if name == "words" and counts["words"] else name] += 1
    return Wish(**counts, kinds=between(rng, 2, 4), colours=between(rng, 2, 4))


def reply(
    scene: Scene,
    task: str,
    text: str,
    answer: Answer,
    reasoning: str,
    difficulty: int,
    answer_text: str | None = None,
) -> Question:
    """A question about a scene, its thought led by the written scene."""
    plain = str(answer.value) if answer_text is None else answer_text
    thought = f"{scene.written}. {reasoning}".strip()
    return Question(task, text, answer, plain, thought, difficulty, scene.written)


def yes_no(value: bool) -> str:
    """``yes`` or ``no``."""
    return "yes" if value else "no"
