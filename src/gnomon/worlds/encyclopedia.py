"""Questions about an invented encyclopedia: hops from a picture, conflicts, what to retrieve.

After MMhops-R1 (arXiv 2512.13573: a chain of entities that starts at a picture) and MMKC-Bench
(arXiv 2505.19509: articles that contradict each other or the picture), with articles of our own
that stand in the question; see `gnomon.worlds.articles`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gnomon.media.image import open_image
from gnomon.records import Answer
from gnomon.worlds.articles import (
    DETAILS,
    Article,
    Emblem,
    another_version,
    articles,
    show_emblem,
)
from gnomon.worlds.asking import yes_no
from gnomon.worlds.scene import COLOURS, KINDS, REDRAWS, between, pick, shuffled
from gnomon.worlds.world import Posed, WorldTask

SHOWN = (3, 5, 7, 9, 12)
"""Articles in a question of difficulty 1 to 5."""
BOOKS = 2**31
_PREFACE = "<image>The picture shows an emblem. Articles:\n{}\n"


@dataclass(frozen=True)
class Chain:
    """Articles that lead from a picture to a value: each names the next, the last has the fact."""

    links: tuple[Article, ...]
    relations: tuple[str, ...]
    fact: str

    @property
    def value(self) -> str:
        """What the chain leads to."""
        return self.links[-1].facts[self.fact]

    @property
    def question(self) -> str:
        """The question in words, nested from the picture on."""
        told = f"the {self.links[0].kind} of this emblem"
        for article, relation in zip(self.links, self.relations, strict=False):
            told = DETAILS[article.kind][relation].asks.format(told)
        return DETAILS[self.links[-1].kind][self.fact].asks.format(told)

    @property
    def thought(self) -> str:
        """Every step with the entity that it leads to."""
        steps = [f"{self.links[0].emblem.written}: {self.links[0].title}."]
        for article, relation in zip(self.links, self.relations, strict=False):
            steps.append(f"{relation}: {article.facts[relation]}.")
        return " ".join([*steps, f"{self.fact}: {self.value}."])


def draw_chain(rng: np.random.Generator, hops: int) -> tuple[Chain, tuple[Article, ...]]:
    """A chain of articles that are all different, and the encyclopedia that it is from.

    Raises ValueError when none of so many hops turns up.
    """
    for _ in range(REDRAWS if hops > 0 else 0):
        book = articles(between(rng, 0, BOOKS - 1))
        by_title = {article.title: article for article in book}
        links, relations = [pick(rng, book)], list[str]()
        while len(links) < hops:
            names = [n for n, d in DETAILS[links[-1].kind].items() if d.target]
            relations.append(pick(rng, names))
            links.append(by_title[links[-1].facts[relations[-1]]])
        if len({article.title for article in links}) == hops:
            fact = pick(rng, [n for n, d in DETAILS[links[-1].kind].items() if d.draw])
            return Chain(tuple(links), tuple(relations), fact), book
    raise ValueError(f"no chain of {hops} different articles in {REDRAWS} draws: use 1 to 3 hops")


def _among(
    rng: np.random.Generator, needed: Sequence[Article], book: Sequence[Article], level: int
) -> str:
    """The needed articles among others, as text, in mixed order."""
    titles = {article.title for article in needed}
    others = shuffled(rng, [article for article in book if article.title not in titles])
    chosen = [*needed, *others[: max(0, SHOWN[level - 1] - len(needed))]]
    return "\n".join(article.text for article in shuffled(rng, chosen))


def _valued(value: str) -> Answer:
    return Answer("integer", int(value)) if value.isdecimal() else Answer("text", value)


def _key(chain: Chain) -> str:
    return " ".join(f"{a.title} {a.emblem.written}" for a in chain.links) + f" {chain.fact}"


def hop(rng: np.random.Generator, level: int, *, hops: int) -> Posed:
    """A fact that is ``hops`` articles away from the picture."""
    chain, book = draw_chain(rng, hops)
    text = _PREFACE.format(_among(rng, chain.links, book, level)) + chain.question
    facts = {"path": [*chain.relations, chain.fact], "articles": SHOWN[level - 1]}
    return Posed(
        text, _valued(chain.value), chain.value, _key(chain), chain.thought,
        chain.links[0].show, facts,
    )  # fmt: skip


def needed(rng: np.random.Generator, level: int) -> Posed:
    """Which articles does a question need?"""
    chain, book = draw_chain(rng, between(rng, 2, 3))
    titles = sorted(article.title for article in chain.links)
    text = _PREFACE.format(_among(rng, chain.links, book, level)) + (
        f"Which articles are needed to answer this question, and no more? {chain.question} "
        "Give their titles, separated by commas."
    )
    facts = {"path": [*chain.relations, chain.fact], "articles": SHOWN[level - 1]}
    return Posed(
        text, Answer("set", tuple(titles)), ", ".join(titles), _key(chain), chain.thought,
        chain.links[0].show, facts,
    )  # fmt: skip


def editions(rng: np.random.Generator, level: int) -> Posed:
    """A fact on which editions differ: which of them holds under the rule?"""
    chain, book = draw_chain(rng, 1)
    (article,) = chain.links
    years = [1900 + year for year in shuffled(rng, range(100))[: 2 if level < 3 else 3]]
    versions = [replace(article, edition=years[0])]
    versions += [
        replace(another_version(rng, article, chain.fact), edition=year) for year in years[1:]
    ]
    rule = pick(rng, ("newest", "oldest"))
    holds = (max if rule == "newest" else min)(versions, key=lambda version: version.edition)
    told = "\n".join(f"Edition of {v.edition}: {v.text}" for v in shuffled(rng, versions))
    others = [other for other in book if other.title != article.title]
    rest = _among(rng, (), others, level)
    value = holds.facts[chain.fact]
    text = _PREFACE.format(f"{told}\n{rest}") + (
        f"{chain.question} Where editions differ, the {rule} holds."
    )
    thought = (
        f"{article.emblem.written}: {article.title}. "
        + " ".join(f"{v.edition}: {v.facts[chain.fact]}." for v in versions)
        + f" {rule}: {holds.edition}. {value}."
    )
    facts = {"path": [chain.fact], "rule": rule, "articles": SHOWN[level - 1] + len(versions)}
    return Posed(text, _valued(value), value, _key(chain), thought, article.show, facts)


_PARTS = ("inner_colour", "inner", "outer_colour", "outer")
_PART_ASKS = {
    "inner_colour": "What colour is the small shape",
    "inner": "What is the small shape",
    "outer_colour": "What colour is the large shape",
    "outer": "What is the large shape",
}


def changed_emblem(rng: np.random.Generator, emblem: Emblem) -> Emblem:
    """The emblem with one part that is another one; its two colours stay different."""
    part = pick(rng, _PARTS)
    colours = {emblem.inner_colour, emblem.outer_colour}
    values = [c for c in COLOURS if c not in colours] if "colour" in part else list(KINDS)
    return replace(emblem, **{part: pick(rng, [v for v in values if v != getattr(emblem, part)])})


def pictured(rng: np.random.Generator, level: int) -> Posed:
    """An emblem on which article and picture differ: which holds under the rule?"""
    chain, book = draw_chain(rng, 1)
    (article,) = chain.links
    emblem, rule = changed_emblem(rng, article.emblem), pick(rng, ("picture", "article"))
    part = pick(rng, [p for p in _PARTS if getattr(emblem, p) != getattr(article.emblem, p)])
    value = getattr(emblem if rule == "picture" else article.emblem, part)
    text = (
        f"<image>The picture shows the emblem of {article.title}. Articles:\n"
        f"{_among(rng, chain.links, book, level)}\n{_PART_ASKS[part]} in the emblem of "
        f"{article.title}? Where picture and article differ, the {rule} holds."
    )
    thought = (
        f"picture: {emblem.written}. article: {article.emblem.written}. {rule} holds: {value}."
    )
    facts = {
        "title": article.title, "part": part, "rule": rule, "articles": SHOWN[level - 1],
        "shown": emblem.written,
    }  # fmt: skip
    key = f"{article.title} {article.emblem.written} {emblem.written}"
    return Posed(text, Answer("text", value), value, key, thought, partial(show_emblem, emblem),
                 facts)  # fmt: skip


def agreement(rng: np.random.Generator, level: int) -> Posed:
    """Does the picture agree with the article? Half of them do."""
    chain, book = draw_chain(rng, 1)
    (article,) = chain.links
    emblem = article.emblem if rng.random() < 0.5 else changed_emblem(rng, article.emblem)
    agrees = emblem == article.emblem
    text = (
        f"<image>The picture is said to show the emblem of {article.title}. Articles:\n"
        f"{_among(rng, chain.links, book, level)}\nDoes the picture agree with the article?"
    )
    thought = f"picture: {emblem.written}. article: {article.emblem.written}."
    facts = {"title": article.title, "articles": SHOWN[level - 1], "shown": emblem.written}
    key = f"{article.title} {article.emblem.written} {emblem.written}"
    return Posed(
        text, Answer("yes-no", agrees), yes_no(agrees), key, thought,
        partial(show_emblem, emblem), facts,
    )  # fmt: skip


# -- confirmation: from the written articles and the pixels of the picture -------------------------


def written_emblem(text: str, title: str) -> str:
    """What the written article says about an emblem, without its first word."""
    return str(re.findall(rf"The emblem of {title} is an? ([a-z ]+)\.", text)[0])


def seen_colours(posed: Posed) -> tuple[str, str]:
    """Colours of the small and of the large shape, from the pixels of the picture."""
    (medium,) = posed.show()
    pixels = np.asarray(open_image(medium)).reshape(-1, 3)
    counts = {c: int((pixels == ink).all(1).sum()) for c, ink in COLOURS.items()}
    outer, inner = sorted(counts, key=counts.__getitem__, reverse=True)[:2]
    return inner, outer


def _title_of(posed: Posed) -> str:
    """The only title whose written emblem has the colours and shapes of the picture."""
    inner, outer = seen_colours(posed)
    titles: dict[str, str] = {
        title: words
        for title, words in re.findall(r"The emblem of (\w+) is an? ([a-z ]+)\.", posed.text)
        if words.startswith(f"{inner} ") and f" {outer} " in words
    }
    shown = posed.show()
    return next(t for t, words in titles.items() if show_emblem(emblem_of(words)) == shown)


def emblem_of(words: str) -> Emblem:
    """The emblem of its written form.

    >>> emblem_of("yellow star in a red circle").outer
    'circle'
    """
    inner_colour, inner, _, _, outer_colour, outer = words.split()
    return Emblem(inner, inner_colour, outer, outer_colour)


def _said(text: str, title: str, fact: str) -> list[tuple[str, str]]:
    """Edition, "" without one, and value of every sentence that tells a fact of a title."""
    says = next(d[fact].says for d in DETAILS.values() if fact in d)
    lines = [line for line in text.splitlines() if f"{title} {says} " in line]
    found = []
    for line in lines:
        edition = re.match(r"Edition of (\d+)", line)
        value = line.split(f"{title} {says} ")[1].split(".")[0]
        found.append((edition[1] if edition else "", value))
    return found


def _walk(posed: Posed) -> tuple[list[str], list[tuple[str, str]]]:
    titles = [_title_of(posed)]
    for relation in posed.facts["path"][:-1]:
        ((_, title),) = _said(posed.text, titles[-1], relation)
        titles.append(title)
    return titles, _said(posed.text, titles[-1], posed.facts["path"][-1])


def confirm_hop(posed: Posed) -> bool:
    """Whether the written articles lead from the picture to the answer."""
    return [value for _, value in _walk(posed)[1]] == [posed.answer_text]


def confirm_needed(posed: Posed) -> bool:
    """Whether the walk through the written articles passes just these."""
    return sorted(_walk(posed)[0]) == sorted(posed.answer.value)


def confirm_editions(posed: Posed) -> bool:
    """Whether the edition that the rule names says so."""
    said = sorted(_walk(posed)[1])
    return said[-1 if posed.facts["rule"] == "newest" else 0][1] == posed.answer_text


def confirm_pictured(posed: Posed) -> bool:
    """Whether the picture, or the article, has the answer in the place that is asked for."""
    facts = posed.facts
    told = emblem_of(written_emblem(posed.text, facts["title"]))
    shown = emblem_of(facts["shown"])
    seen = (shown.inner_colour, shown.outer_colour) == seen_colours(posed)
    return seen and posed.answer.value == getattr(
        shown if facts["rule"] == "picture" else told, facts["part"]
    )


def confirm_agreement(posed: Posed) -> bool:
    """Whether the picture of what the article says is the one that is shown."""
    told = emblem_of(written_emblem(posed.text, posed.facts["title"]))
    return (show_emblem(told) == posed.show()) is posed.answer.value


def effort(posed: Posed) -> float:
    """Articles to look through, for every hop."""
    return float(posed.facts["articles"] * len(posed.facts.get("path", ("",))))


_POSES: dict[str, tuple[Callable[..., Posed], Callable[[Posed], bool], Any]] = {
    "one-hop": (partial(hop, hops=1), confirm_hop, "single"),
    "two-hop": (partial(hop, hops=2), confirm_hop, "multi"),
    "three-hop": (partial(hop, hops=3), confirm_hop, "multi"),
    "needed": (needed, confirm_needed, "multi"),
    "editions": (editions, confirm_editions, "multi"),
    "pictured": (pictured, confirm_pictured, "multi"),
    "agreement": (agreement, confirm_agreement, "single"),
}
TASKS = tuple(
    WorldTask(name, steps, "image", pose, confirm, effort)
    for name, (pose, confirm, steps) in _POSES.items()
)
