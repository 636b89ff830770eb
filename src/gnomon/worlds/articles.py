"""A small invented encyclopedia, drawn from a seed: entities with emblems, facts and relations.

Ours, in place of the knowledge bases of MMhops-R1 (arXiv 2512.13573) and MMKC-Bench
(arXiv 2505.19509). Persons, towns and rivers refer to each other, and each has a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from PIL import Image

from gnomon.media.image import png_bytes
from gnomon.records import Media
from gnomon.worlds.render import shape_mask
from gnomon.worlds.scene import CELL, COLOURS, KINDS, between, pick, shuffled

SIDE = 2 * CELL
"""Side of the picture of an emblem in pixels."""
EACH = 4
"""Entities of each kind in an encyclopedia."""
_STARTS = ("Ba", "Be", "Co", "Da", "Do", "Fe", "Ga", "Ha", "Jo", "Ka", "Le", "Lu", "Ma", "Mo",
           "Na", "Ni", "Or", "Pa", "Ra", "Ro", "Sa", "Su", "Ta", "Ti", "Va", "Ze")  # fmt: skip
_ENDS = ("bel", "dan", "dor", "fin", "gor", "kin", "lan", "lis", "mar", "mir", "nor", "pol", "ric",
         "rin", "sel", "tan", "ver", "von", "wen", "zil")  # fmt: skip


@dataclass(frozen=True)
class Emblem:
    """A small shape in a large one."""

    inner: str
    inner_colour: str
    outer: str
    outer_colour: str

    @property
    def written(self) -> str:
        """For example ``yellow star in a red circle``; the words without an article in front."""
        joined = "an" if self.outer_colour == "orange" else "a"
        return f"{self.inner_colour} {self.inner} in {joined} {self.outer_colour} {self.outer}"


@dataclass(frozen=True)
class Detail:
    """A fact that entities of a kind have: how an article says it, and how a question asks for it.

    ``target`` is the kind of entity that it names, "" for a value, which ``draw`` gives.
    """

    says: str
    asks: str
    target: str = ""
    draw: Callable[[np.random.Generator], str] | None = None


def _years(low: int, high: int) -> Callable[[np.random.Generator], str]:
    return lambda rng: str(between(rng, low, high))


def _one_of(*values: str) -> Callable[[np.random.Generator], str]:
    return lambda rng: pick(rng, values)


DETAILS: Mapping[str, Mapping[str, Detail]] = {
    "person": {
        "born": Detail("was born in", "In which year was {} born?", draw=_years(1700, 1899)),
        "craft": Detail(
            "worked as a", "As what did {} work?",
            draw=_one_of("baker", "weaver", "potter", "smith", "painter", "printer", "miller"),
        ),
        "home": Detail("lived in", "the town in which {} lived", "town"),
        "teacher": Detail("was taught by", "the teacher of {}", "person"),
    },
    "town": {
        "founded": Detail("was founded in", "In which year was {} founded?",
                          draw=_years(1100, 1599)),
        "goods": Detail(
            "is known for", "For what is {} known?",
            draw=_one_of("cheese", "paper", "glass", "wool", "honey", "salt", "clocks"),
        ),
        "river": Detail("lies on", "the river on which {} lies", "river"),
        "founder": Detail("was founded by", "the founder of {}", "person"),
    },
    "river": {
        "length": Detail("has a length in km of", "How many km long is {}?",
                         draw=_years(40, 990)),
        "fish": Detail("is home to", "To which fish is {} home?",
                       draw=_one_of("trout", "perch", "pike", "carp", "eel", "salmon")),
        "source": Detail("rises near", "the town near which {} rises", "town"),
    },
}  # fmt: skip
"""Kind to its facts by name."""


@dataclass(frozen=True)
class Article:
    """What an encyclopedia says about an entity; ``edition`` is the year of its version."""

    title: str
    kind: str
    emblem: Emblem
    facts: Mapping[str, str]
    edition: int = 2000

    @property
    def sentences(self) -> tuple[str, ...]:
        """Its sentences without full stops: kind, emblem, then the facts."""
        told = (f"{self.title} {DETAILS[self.kind][n].says} {v}" for n, v in self.facts.items())
        emblem = f"The emblem of {self.title} is a {self.emblem.written}"
        return (f"{self.title} is a {self.kind}", emblem.replace("a orange", "an orange"), *told)

    @property
    def text(self) -> str:
        """The article as text."""
        return f"{'. '.join(self.sentences)}."

    def show(self) -> tuple[Media, ...]:
        """The picture of its emblem."""
        return show_emblem(self.emblem)


@lru_cache(maxsize=64)
def articles(seed: int) -> tuple[Article, ...]:
    """The encyclopedia of a seed from 0: `EACH` persons, towns and rivers, in mixed order.

    Titles and emblems are unique in it, and every relation names an entity of it other than the
    one it is about.
    """
    rng = np.random.default_rng([seed, 1])
    kinds = [kind for kind in DETAILS for _ in range(EACH)]
    names = [a + b for a, b in zip(shuffled(rng, _STARTS), shuffled(rng, _ENDS), strict=False)]
    named = list(zip(names, kinds, strict=False))
    drawn = [
        Article(name, kind, emblem, _draw_facts(rng, name, kind, named))
        for (name, kind), emblem in zip(named, _draw_emblems(rng, len(kinds)), strict=True)
    ]
    return tuple(shuffled(rng, drawn))


def _draw_emblems(rng: np.random.Generator, count: int) -> list[Emblem]:
    found: dict[Emblem, None] = {}
    while len(found) < count:
        found[draw_emblem(rng)] = None
    return list(found)


def draw_emblem(rng: np.random.Generator) -> Emblem:
    """Any emblem of two colours."""
    inner, outer = shuffled(rng, tuple(COLOURS))[:2]
    return Emblem(pick(rng, KINDS), inner, pick(rng, KINDS), outer)


def _draw_facts(
    rng: np.random.Generator, name: str, kind: str, named: list[tuple[str, str]]
) -> dict[str, str]:
    def value(detail: Detail) -> str:
        if detail.draw is not None:
            return detail.draw(rng)
        return pick(rng, [other for other, k in named if k == detail.target and other != name])

    return {fact: value(detail) for fact, detail in DETAILS[kind].items()}


def another_version(rng: np.random.Generator, article: Article, fact: str) -> Article:
    """The article with another value of a fact, not of a relation.

    Raises ValueError for a relation, whose other values would need their articles changed too.
    """
    draw = DETAILS[article.kind][fact].draw
    if draw is None:
        raise ValueError(f"{fact!r} names another entity: choose a fact that has a value")
    value = draw(rng)
    while value == article.facts[fact]:
        value = draw(rng)
    return replace(article, facts={**article.facts, fact: value})


def show_emblem(emblem: Emblem) -> tuple[Media, ...]:
    """The picture of an emblem."""
    return (Media("image", data=_emblem_png(emblem)),)


@lru_cache(maxsize=512)
def _emblem_png(emblem: Emblem) -> bytes:
    image = Image.new("RGB", (SIDE, SIDE), (255, 255, 255))
    sizes = ((emblem.outer, emblem.outer_colour, 52), (emblem.inner, emblem.inner_colour, 17))
    for kind, colour, extent in sizes:
        mask = shape_mask(kind, extent)
        # The middle of a triangle lies below that of its box.
        down = 6 if emblem.outer == "triangle" and extent == 17 else 0
        corner = ((SIDE - mask.width) // 2, (SIDE - mask.height) // 2 + down)
        image.paste(COLOURS[colour], corner, mask)  # type: ignore[index]
    return png_bytes(image)
