"""Operators that a question defines: symbols, conditions, absolute values, precedences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from gnomon.worlds.logic.expression import ARITHMETIC, Operator, calculate
from gnomon.worlds.logic.family import Facts, Language, Puzzle, first_of, require
from gnomon.worlds.scene import between, pick, shuffled
from gnomon.worlds.world import Posed

SYMBOLS = "⊕⊗△◇○□☆▽"
LIMIT = 100_000
"""Values stay below it, as in the source."""
DRAWS = 200
"""Expressions tried for one with small values: a budget of work, so that it is the same on every
machine (the source uses seconds)."""

Terms = list[list[int]]
"""Sum of products: each term is a factor, and how often it takes a and b."""


def draw_operation(
    rng: np.random.Generator,
    *,
    symbols: int,
    terms: int,
    length: int,
    condition_rate: float = 0.5,
    bracket_rate: float = 0.3,
    abs_rate: float = 0.4,
) -> Puzzle:
    """An expression of ``length`` operators, new ones and + - *, to calculate.

    Each of the ``symbols`` is defined by up to ``terms`` terms in a and b, with a condition or an
    absolute value at the given rates, and has a precedence of 1 to 5, where + and - have 1 and *
    has 2; all are left associative. Every value on the way stays below `LIMIT`.

    Raises ValueError for bad rates or numbers, and when no expression stays small enough.
    """
    require(1 <= symbols <= 4, f"symbols={symbols}: use 1 to 4")
    require(1 <= terms <= 5, f"terms={terms}: use 1 to 5")
    require(1 <= length <= 12, f"length={length}: use 1 to 12 operators")
    rates = (condition_rate, bracket_rate, abs_rate)
    require(all(0 <= rate <= 1 for rate in rates), f"rates {rates}: use shares from 0 to 1")
    what = f"expression of {length} operators with values below {LIMIT}"
    return first_of(lambda: _draw(rng, symbols, terms, length, rates), what, DRAWS)


def _draw(
    rng: np.random.Generator,
    symbols: int,
    terms: int,
    length: int,
    rates: tuple[float, float, float],
) -> Puzzle | None:
    names = shuffled(rng, SYMBOLS)[:symbols]
    definitions = {name: _definition(rng, terms, rates) for name in names}
    # Every new symbol is used before the old ones are.
    used = [names[k % symbols] if k < symbols or rng.random() < 0.6 else pick(rng, "+-*")
            for k in range(length)]  # fmt: skip
    tokens = _bracketed(rng, shuffled(rng, used), rates[1])
    try:
        value, steps = _climb(tokens, definitions)
    except OverflowError:
        return None
    expression = "".join(tokens)
    told = {name: [*d.values()] for name, d in definitions.items()}
    work = sum(_size(definitions[name]) for name in used if name in definitions) + length
    more = {"expression": expression, "definitions": definitions}
    thought = " ".join(steps)
    return Puzzle({}, str(value), str(value), f"{expression} {told}", work, thought, more)


def _definition(
    rng: np.random.Generator, terms: int, rates: tuple[float, float, float]
) -> dict[str, Any]:
    branched = rng.random() < rates[0]
    return {
        "precedence": between(rng, 1, 5),
        "absolute": rng.random() < rates[2],
        "when": pick(rng, "<>") if branched else "",
        "then": _terms(rng, terms),
        "else": _terms(rng, terms) if branched else [],
    }


def _size(definition: Mapping[str, Any]) -> int:
    return len(definition["then"]) + len(definition["else"]) + int(definition["absolute"])


def _terms(rng: np.random.Generator, terms: int) -> Terms:
    kinds = shuffled(rng, [(1, 0), (0, 1), (1, 1), (0, 0), (2, 0)])[: between(rng, 1, terms)]
    if all(a + b == 0 for a, b in kinds):
        kinds = [(1, 0)]
    return [[pick(rng, (1, 1, 2, 3, -1, -2)), a, b] for a, b in kinds]


def _bracketed(rng: np.random.Generator, operators: list[str], rate: float) -> list[str]:
    """Numbers between operators, some neighbouring pairs in brackets."""
    tokens = [str(between(rng, 1, 9))]
    closed = True
    for place, operator in enumerate(operators):
        tokens.append(operator)
        opens = closed and place < len(operators) - 1 and rng.random() < rate
        if opens:
            tokens.append("(")
        tokens.append(str(between(rng, 1, 9)))
        if not closed:
            tokens.append(")")
        closed = not opens
    return tokens


def _climb(
    tokens: list[str], definitions: Mapping[str, Mapping[str, Any]]
) -> tuple[int, list[str]]:
    """The value by climbing precedences, and each step; raises OverflowError beyond `LIMIT`."""
    steps: list[str] = []
    rest = tokens[::-1]

    def atom() -> int:
        token = rest.pop()
        if token != "(":
            return int(token)
        value = climb(1)
        rest.pop()
        return value

    def climb(least: int) -> int:
        value = atom()
        while rest and rest[-1] != ")" and _precedence(rest[-1], definitions) >= least:
            operator = rest.pop()
            right = climb(_precedence(operator, definitions) + 1)
            result = _apply(operator, value, right, definitions)
            steps.append(f"{value} {operator} {right} = {result}.")
            value = result
            if abs(value) >= LIMIT:
                raise OverflowError
        return value

    return climb(1), steps


def _precedence(operator: str, definitions: Mapping[str, Mapping[str, Any]]) -> int:
    given = {"+": 1, "-": 1, "*": 2}.get(operator)
    return int(definitions[operator]["precedence"]) if given is None else given


def _apply(operator: str, a: int, b: int, definitions: Mapping[str, Mapping[str, Any]]) -> int:
    if operator not in definitions:
        return {"+": a + b, "-": a - b, "*": a * b}[operator]
    definition = definitions[operator]
    when = definition["when"]
    holds = not when or (a < b if when == "<" else a > b)
    terms = definition["then" if holds else "else"]
    value = int(sum(factor * a**in_a * b**in_b for factor, in_a, in_b in terms))
    return abs(value) if definition["absolute"] else value


def written(terms: Terms) -> str:
    """A sum of products as text.

    >>> written([[2, 1, 0], [-1, 1, 1], [3, 0, 0]])
    '2*a - a*b + 3'
    """
    text = ""
    for factor, in_a, in_b in terms:
        names = ["a"] * in_a + ["b"] * in_b
        size = [] if abs(factor) == 1 and names else [str(abs(factor))]
        sign = ("-" if factor < 0 else "") if not text else (" - " if factor < 0 else " + ")
        text += sign + "*".join(size + names)
    return text


def tell_operation(facts: Facts, language: Language) -> dict[str, str]:
    """Each definition with its precedence, then the expression."""
    said = {
        "en": ("{} if a {} b, else {}", "precedence"),
        "zh": ("若 a {1} b 则为 {0}，否则为 {2}", "优先级"),
    }[language]
    told = []
    for name, definition in facts["definitions"].items():
        bars = "|{}|" if definition["absolute"] else "{}"
        then, other = (bars.format(written(definition[k])) for k in ("then", "else"))
        rule = said[0].format(then, definition["when"], other) if definition["when"] else then
        told.append(f"a {name} b = {rule} ({said[1]} {definition['precedence']})")
    spaced = re.sub(r"([^\d()])", r" \1 ", facts["expression"])
    return {"puzzle": "\n".join([*told, f"{spaced} = ?"])}


def confirm_operation(posed: Posed) -> bool:
    """The expression by a shunting yard, its operators read from their written definitions."""
    operators: dict[str, Operator] = {name: ARITHMETIC[name] for name in "+-*"}
    for name, definition in posed.facts["definitions"].items():
        operators[name] = (definition["precedence"], _Written(definition))
    value = calculate(posed.facts["expression"], operators)
    return str(value) == posed.answer_text


class _Written:
    """An operator that calculates from its text."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.definition = definition

    def __call__(self, a: Fraction, b: Fraction) -> Fraction:
        sides = {"<": a < b, ">": a > b, "": True}
        branch = "then" if sides[self.definition["when"]] else "else"
        value = Fraction(0)
        for sign, term in re.findall(r"([-+]?) ?([^ +-]+)", written(self.definition[branch])):
            product = Fraction(-1 if sign == "-" else 1)
            for factor in term.split("*"):
                product *= a if factor == "a" else b if factor == "b" else int(factor)
            value += product
        return abs(value) if self.definition["absolute"] else value
