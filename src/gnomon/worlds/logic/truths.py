"""True or not: nested expressions, and people who lie or tell the truth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from gnomon.worlds.logic.family import Facts, Language, Puzzle, boxed, first_of, require
from gnomon.worlds.logic.lexicon import FACTS, PEOPLE
from gnomon.worlds.scene import LETTERS, between, pick, shuffled
from gnomon.worlds.world import Posed

Tree = list[Any]
"""``["not", tree]``, ``["and", tree, tree]``, ``["or", tree, tree]``, ``["is", a, sign, b]`` (a is
itself a product or sum), ``["fact", index]`` or ``["value", bool]``."""


def draw_boolean_expressions(rng: np.random.Generator, *, depth: int, options: int) -> Puzzle:
    """``options`` expressions of not, and, or down to ``depth`` over comparisons, facts and
    literals; one at least is true.
    """
    require(1 <= depth <= 6, f"depth={depth}: use 1 to 6")
    require(2 <= options <= 26, f"options={options}: use 2 to 26")

    def draw() -> list[Tree] | None:
        trees = [_tree(rng, depth) for _ in range(options)]
        return trees if any(map(holds, trees)) else None

    trees = first_of(draw, "options with a true one")
    truths = [holds(tree) for tree in trees]
    right = ",".join(letter for letter, truth in zip(LETTERS, truths, strict=False) if truth)
    thought = " ".join(
        f"{letter}: {_valued(tree)} is {truth}."
        for letter, tree, truth in zip(LETTERS, trees, truths, strict=False)
    )
    work = sum(map(_nodes, trees))
    return Puzzle({}, right, boxed(right), str(trees), work, thought, {"trees": trees})


def _tree(rng: np.random.Generator, depth: int) -> Tree:
    if depth == 0:
        return _leaf(rng)
    kind = pick(rng, ("not", "and", "or", "and", "or"))
    if kind == "not":
        return ["not", _tree(rng, depth - 1)]
    # One side goes down to the whole depth, the other one stops anywhere.
    sides = [_tree(rng, depth - 1), _tree(rng, between(rng, 0, depth - 1))]
    return [kind, *shuffled(rng, sides)]


def _leaf(rng: np.random.Generator) -> Tree:
    kind = pick(rng, ("is", "is", "fact", "value"))
    if kind == "value":
        return ["value", rng.random() < 0.5]
    if kind == "fact":
        return ["fact", between(rng, 0, len(FACTS["en"]) - 1)]
    one, other = between(rng, 1, 12), between(rng, 1, 12)
    sign = pick(rng, "+-*")
    value = {"+": one + other, "-": one - other, "*": one * other}[sign]
    return ["is", f"{one} {sign} {other}", pick(rng, ("<", ">", "==")), value + between(rng, -1, 1)]


def holds(tree: Tree) -> bool:
    """Whether an expression is true."""
    kind = tree[0]
    if kind == "value":
        return bool(tree[1])
    if kind == "fact":
        return FACTS["en"][tree[1]][1]
    if kind == "is":
        one, sign, other = tree[1].split()
        value = {"+": int(one) + int(other), "-": int(one) - int(other), "*": int(one) * int(other)}
        left, right = value[sign], int(tree[3])
        return {"<": left < right, ">": left > right, "==": left == right}[tree[2]]
    if kind == "not":
        return not holds(tree[1])
    return all(map(holds, tree[1:])) if kind == "and" else any(map(holds, tree[1:]))


def _nodes(tree: Tree) -> int:
    inner = [part for part in tree[1:] if isinstance(part, list)]
    return 1 + sum(map(_nodes, inner))


def _valued(tree: Tree) -> str:
    """The expression with the truth of its leaves."""
    if tree[0] == "not":
        return f"not {_valued(tree[1])}"
    if tree[0] in ("and", "or"):
        return f"({_valued(tree[1])} {tree[0]} {_valued(tree[2])})"
    return str(holds(tree))


def _said(tree: Tree, language: Language) -> str:
    kind = tree[0]
    if kind == "not":
        return f"not ({_said(tree[1], language)})"
    if kind in ("and", "or"):
        return f"({_said(tree[1], language)} {kind} {_said(tree[2], language)})"
    if kind == "fact":
        return FACTS[language][tree[1]][0]
    return f"{tree[1]} {tree[2]} {tree[3]}" if kind == "is" else str(tree[1])


def tell_boolean_expressions(facts: Facts, language: Language) -> dict[str, str]:
    """One line for each option."""
    told = [f"{a}. {_said(t, language)}" for a, t in zip(LETTERS, facts["trees"], strict=False)]
    return {"puzzle": "\n".join(told)}


_COMPARED = re.compile(r"(-?\d+) ([-+*]) (\d+) (<|>|==) (-?\d+)")
_RULES = (
    (re.compile(r"not \((True|False)\)"), lambda m: str(m[1] == "False")),
    (re.compile(r"\((True|False) and (True|False)\)"), lambda m: str(m[1] == m[2] == "True")),
    (re.compile(r"\((True|False) or (True|False)\)"), lambda m: str("True" in (m[1], m[2]))),
)


def confirm_boolean_expressions(posed: Posed) -> bool:
    """The written options, shortened by rules of writing until True or False is left."""
    language = posed.facts["language"]
    true = []
    for line in posed.text.split("\n"):
        option = re.fullmatch(r"([A-Z])\. (.*)", line)
        if option and _shortened(option[2], language) == "True":
            true.append(option[1])
    return posed.answer_text == boxed(",".join(true))


def _shortened(text: str, language: Language) -> str:
    for fact, truth in FACTS[language]:
        text = text.replace(fact, str(truth))
    text = _COMPARED.sub(_comparison, text)
    before = ""
    while before != text:
        before = text
        for pattern, rule in _RULES:
            text = pattern.sub(rule, text)
    return text


def _comparison(match: re.Match[str]) -> str:
    one, sign, other, relation, right = match.groups()
    step = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}[sign]
    difference = step(int(one), int(other)) - int(right)
    return str({"<": difference < 0, ">": difference > 0, "==": difference == 0}[relation])


SAYS = {
    "en": {
        "true": "{a} says that {b} tells the truth.",
        "lie": "{a} says that {b} lies.",
        "same": "{a} says that {b} and {c} both tell the truth or both lie.",
        "differ": "{a} says that exactly one of {b} and {c} lies.",
        "known": "{a} {truth}.",
        "truth": "tells the truth",
        "lies": "lies",
    },
    "zh": {
        "true": "{a}说{b}讲真话。",
        "lie": "{a}说{b}在说谎。",
        "same": "{a}说{b}和{c}要么都讲真话，要么都说谎。",
        "differ": "{a}说{b}和{c}中恰有一人说谎。",
        "known": "{a}{truth}。",
        "truth": "讲真话",
        "lies": "说谎",
    },
}
ASIDES = {
    "en": (
        "{a} is at the library.",
        "{a} saw a movie with {b}.",
        "{a} likes the colour green.",
        "{a} thinks it will rain tomorrow.",
        "{a} and {b} are old friends.",
        "{a} has a dog.",
    ),
    "zh": (
        "{a}在图书馆。",
        "{a}和{b}一起看了电影。",
        "{a}喜欢绿色。",
        "{a}认为明天会下雨。",
        "{a}和{b}是老朋友。",
        "{a}有一只狗。",
    ),
}


def draw_web_of_lies(
    rng: np.random.Generator, *, people: int, difficulty: int = 1, statement_type: int = 0
) -> Puzzle:
    """People who always or never lie, each speaking of one (``statement_type`` 0) or of one or two
    others (1) whose truth follows; asked are half of them, three at most.

    One or two are known; 1 to 2 + ``difficulty`` sentences say nothing to the point.
    """
    require(2 <= people <= 40, f"people={people}: use 2 to 40")
    require(1 <= difficulty <= 5, f"difficulty={difficulty}: use 1 to 5")
    require(statement_type in (0, 1), f"statement_type={statement_type}: use 0 or 1")
    names = shuffled(rng, PEOPLE)[:people]
    truths = {name: rng.random() < 0.5 for name in names}
    known = names[: 2 if statement_type and people > 2 else 1]
    spoken: list[list[Any]] = [[name, "known"] for name in known]
    spoken += [
        _speech(rng, names, place, truths, statement_type) for place in range(len(known), people)
    ]
    asides = [
        [between(rng, 0, 5), *shuffled(rng, names)[:2]]
        for _ in range(between(rng, 1, 2 + difficulty))
    ]
    asked = shuffled(rng, names[-max(1, people // 2) :])[:3]
    answer = ", ".join("yes" if truths[name] else "no" for name in asked)
    thought = " ".join(f"{s[0]} {'tells the truth' if truths[s[0]] else 'lies'}." for s in spoken)
    told = shuffled(rng, [*spoken, *asides])
    facts = {name: truths[name] for name in sorted(known)}
    more = {"told": told, "asked": asked, "known": facts,
            "people": names}  # fmt: skip
    text = f"The answer is **{answer}**"
    work = people + sum(len(s) for s in spoken) + len(asides)
    return Puzzle(
        {}, answer, text, f"{sorted(map(str, spoken))} {facts} {asked}", work, thought, more
    )


def _speech(
    rng: np.random.Generator,
    names: list[str],
    place: int,
    truths: Mapping[str, bool],
    statement_type: int,
) -> list[Any]:
    """What the next one says: about one or two before, true or not as they speak."""
    speaker = names[place]
    if statement_type and place >= 2 and rng.random() < 0.6:
        b, c = shuffled(rng, names[:place])[:2]
        same = (truths[b] == truths[c]) == truths[speaker]
        return [speaker, "same" if same else "differ", b, c]
    b = names[between(rng, max(0, place - 3), place - 1)]
    return [speaker, "true" if truths[b] == truths[speaker] else "lie", b]


def tell_web_of_lies(facts: Facts, language: Language) -> dict[str, str]:
    """What is said, in any order, and who is asked about."""
    said = SAYS[language]
    told = []
    for first, *rest in facts["told"]:
        if isinstance(first, int):
            told.append(ASIDES[language][first].format(a=rest[0], b=rest[1]))
            continue
        names = dict(zip("bc", rest[1:], strict=False))
        truth = said["truth" if facts["known"].get(first) else "lies"]
        told.append(said[rest[0]].format(a=first, truth=truth, **names))
    return {"puzzle": " ".join(told), "asked": ", ".join(facts["asked"])}


def confirm_web_of_lies(posed: Posed) -> bool:
    """Elimination over the integers modulo 2: every asked truth follows, and is the one told."""
    facts = posed.facts
    bit = {name: 1 << place for place, name in enumerate(facts["people"], 1)}
    rows = [bit[name] | (not truth) for name, truth in facts["known"].items()]
    for first, *rest in facts["told"]:
        if not isinstance(first, int) and rest[0] != "known":
            # Lies are ones: a speech is false exactly when its speaker lies.
            others = 0
            for name in rest[1:]:
                others ^= bit[name]
            rows.append(bit[first] ^ others ^ (rest[0] in ("lie", "differ")))
    reduced = _reduced(rows)
    wanted = []
    for name in facts["asked"]:
        row = next((row for row in reduced if row & ~1 == bit[name]), None)
        wanted.append("unknown" if row is None else "no" if row & 1 else "yes")
    return posed.answer_text == f"The answer is **{', '.join(wanted)}**"


def _reduced(rows: list[int]) -> list[int]:
    pivots: list[int] = []
    for row in rows:
        for pivot in pivots:
            row = min(row, row ^ pivot)
        if row > 1:
            top = 1 << (row.bit_length() - 1)
            pivots = [other ^ row if other & top else other for other in pivots] + [row]
    return pivots
