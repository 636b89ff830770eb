"""Number puzzles: the game of 24, cryptarithms, paths of operators with hidden digits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import permutations
from math import prod
from typing import Any

import numpy as np

from gnomon.worlds.logic.expression import calculate
from gnomon.worlds.logic.family import (
    Facts,
    Language,
    Puzzle,
    fence_of,
    fenced,
    first_of,
    require,
)
from gnomon.worlds.scene import LETTERS, between, pick, shuffled
from gnomon.worlds.world import Posed

Valued = tuple[float, str]
DIGITS = 10


def draw_game_of_24(
    rng: np.random.Generator,
    *,
    numbers: int = 4,
    result: int = 24,
    least: int = 1,
    most: int = 10_000,
) -> Puzzle:
    """``numbers`` numbers 1 to 9 that give ``result``, each used once, with + - * / and brackets.

    ``least`` and ``most`` bound the expressions that a simple search makes up to its first
    solution, which is what makes it hard (ours).
    """
    require(2 <= numbers <= 4, f"numbers={numbers}: use 2 to 4")
    require(result > 0, f"result={result}: use a whole number above 0")

    def draw() -> tuple[list[int], str, int] | None:
        chosen = [between(rng, 1, 9) for _ in range(numbers)]
        solution, looked = _reached(tuple(sorted(chosen)), result)
        return (chosen, solution, looked) if solution and least <= looked <= most else None

    chosen, solution, looked = first_of(draw, f"way to {result} in {least} to {most} steps")
    facts = {"numbers": chosen, "operators": ["+", "-", "*", "/"], "result": result}
    key = f"{sorted(chosen)} {result}"
    return Puzzle(facts, solution, fenced(solution), key, looked)


@cache
def _reached(numbers: tuple[int, ...], result: int) -> tuple[str, int]:
    """The first solution, "" for none, and how many expressions were made up to it."""
    looked = 0
    stack: list[list[Valued]] = [[(float(number), str(number)) for number in numbers]]
    while stack:
        values = stack.pop()
        for merged in _merges(values):
            looked += 1
            if len(merged) > 1:
                stack.append(merged)
            elif abs(merged[0][0] - result) < 1e-9:
                return merged[0][1][1:-1], looked
    return "", looked


def _merges(values: list[Valued]) -> Iterator[list[Valued]]:
    for i, (a, said_a) in enumerate(values):
        for j, (b, said_b) in enumerate(values):
            if i == j:
                continue
            rest = [value for k, value in enumerate(values) if k not in (i, j)]
            if i < j:
                yield [*rest, (a + b, f"({said_a} + {said_b})")]
                yield [*rest, (a * b, f"({said_a} * {said_b})")]
            yield [*rest, (a - b, f"({said_a} - {said_b})")]
            if b:
                yield [*rest, (a / b, f"({said_a} / {said_b})")]


def confirm_game_of_24(posed: Posed) -> bool:
    """Exactly the result, from exactly the numbers."""
    expression = fence_of(posed.answer_text)
    used = Counter(map(int, re.findall(r"\d+", expression)))
    right = calculate(expression) == posed.facts["result"]
    return right and used == Counter(posed.facts["numbers"])


def tell_game_of_24(facts: Facts, language: Language) -> dict[str, str]:
    """The numbers."""
    return {"puzzle": ", ".join(map(str, facts["numbers"])), "result": str(facts["result"])}


def draw_cryptarithm(
    rng: np.random.Generator, *, num_letter: int, operator_num: int = 1, level: int = 1
) -> Puzzle:
    """A digit equation in letters with one solution, found by trying all digits.

    ``num_letter`` different digits; ``operator_num`` operators of + and -, from ``level`` 3 also *.
    Numbers have one to three digits, two at most at level 1, and four or five for more than five
    letters.
    """
    require(2 <= num_letter <= 9, f"num_letter={num_letter}: use 2 to 9 letters")
    require(1 <= operator_num <= 2, f"operator_num={operator_num}: use 1 or 2")
    require(1 <= level <= 3, f"level={level}: use 1 to 3")
    letters = shuffled(rng, LETTERS)[:num_letter]

    def draw() -> tuple[str, str] | None:
        equation = _equation(rng, num_letter, operator_num, level)
        pattern = _patterned(equation)
        return (equation, pattern) if equation and unique(pattern) else None

    equation, pattern = first_of(draw, f"equation of {num_letter} digits", 20_000)
    hidden = pattern.translate(str.maketrans(LETTERS[:num_letter], "".join(letters)))
    assignments = prod(DIGITS - place for place in range(num_letter))
    work = assignments * sum(sign.isalpha() for sign in hidden)
    return Puzzle({}, equation, equation, pattern, work, more={"equation": hidden})


def _patterned(equation: str) -> str:
    """The digits as letters in order of their coming: what makes two equations the same puzzle."""
    names: dict[str, str] = {}
    return "".join(
        names.setdefault(sign, LETTERS[len(names)]) if sign.isdigit() else sign for sign in equation
    )


def _equation(rng: np.random.Generator, num_letter: int, operator_num: int, level: int) -> str:
    """An equation of exactly ``num_letter`` different digits, "" where this draw makes none."""
    # Most draws fail, so that all of their chances are drawn in one call, and no more is made of
    # one than it takes to see it fail.
    chances = rng.random(32).tolist()
    left = list("0123456789")
    digits = [left.pop(int(chances[place] * (10 - place))) for place in range(num_letter)]
    # Many letters are only told apart by long numbers.
    sizes = (4, 5) if num_letter > 5 else {1: (1, 2, 2), 2: (2, 3), 3: (2, 3)}[level]
    signs = "+-*" if level == 3 else "+-"
    at = num_letter
    numbers, operators = list[int](), ["+"]
    for place in range(operator_num + 1):
        if place:
            operators.append(signs[int(chances[at] * len(signs))])
            at += 1
        size = 1  # a factor of one digit keeps products short
        if operators[-1] != "*":
            size = sizes[int(chances[at] * len(sizes))]
            at += 1
        numbers.append(int("".join([digits[int(c * num_letter)] for c in chances[at : at + size]])))
        at += size
    value = _value(numbers, operators)
    if value <= 0 or len(set("".join(map(str, (*numbers, value))))) != num_letter:
        return ""
    told = [f"{operator} {number}" for operator, number in zip(operators, numbers, strict=True)]
    return f"{' '.join(told)[2:]} = {value}"


def _value(numbers: Sequence[int], operators: Sequence[str]) -> int:
    """Products first, then from left to right."""
    total, product, sign = 0, 0, 1
    for operator, number in zip(operators, numbers, strict=True):
        if operator == "*":
            product *= number
        else:
            total, product, sign = total + sign * product, number, -1 if operator == "-" else 1
    return total + sign * product


@lru_cache(maxsize=100_000)
def unique(hidden: str) -> bool:
    """Whether one assignment of different digits to the letters makes the equation true.

    Leading letters are not 0. All assignments of the last six letters are tried at once, for each
    one of the letters before.
    """
    letters = sorted(set(re.findall(r"[A-Z]", hidden)))
    head, tail, leading = letters[:-6], letters[-6:], set(re.findall(r"\b[A-Z]", hidden))
    found = 0
    for digits in permutations(range(DIGITS), len(head)):
        rest = np.array([digit for digit in range(DIGITS) if digit not in digits])
        value: dict[str, Any] = dict(zip(head, digits, strict=True))
        columns = _orders(len(rest), len(tail))
        columns = rest[columns] if head else columns
        value |= {letter: columns[place] for place, letter in enumerate(tail)}
        places = np.flatnonzero(_surplus(hidden, value) == 0)
        for letter in leading:
            digit = np.broadcast_to(value[letter], columns.shape[1])
            places = places[digit[places] != 0]
        found += len(places)
        if found > 1:
            return False
    return found == 1


@cache
def _orders(items: int, places: int) -> Any:
    return np.array(list(permutations(range(items), places)), np.int32).T.copy()


def _surplus(hidden: str, value: dict[str, Any]) -> Any:
    """Left side less right side, for digits given as arrays.

    Sums are taken letter by letter, as each has a fixed weight there; products as they stand.
    """
    weights: dict[str, int] = {}
    surplus: Any = 0
    for mark, term in re.findall(r"([-+=]?) ?([A-Z]+(?: \* [A-Z]+)*)", hidden):
        sign = -1 if mark in ("-", "=") else 1
        if "*" in term:
            factors = [_number(word, value) for word in term.split(" * ")]
            surplus = surplus + sign * prod(factors)
            continue
        for power, letter in enumerate(reversed(term)):
            weights[letter] = weights.get(letter, 0) + sign * 10**power
    for letter, weight in weights.items():
        surplus = surplus + weight * value[letter]
    return surplus


def _number(word: str, value: dict[str, Any]) -> Any:
    number: Any = 0
    for letter in word:
        number = number * 10 + value[letter]
    return number


def confirm_cryptarithm(posed: Posed) -> bool:
    """True, each letter one digit; and no other digits of the left side give a fitting right side.

    Only the letters of the left are assigned; the value then says what the others must be.
    """
    hidden, equation = posed.facts["equation"], posed.answer_text
    left, right = hidden.split(" = ")
    letters = sorted(set(re.findall(r"[A-Z]", left)))
    leading = {word[0] for word in re.findall(r"[A-Z]+", hidden)}
    found = []
    for digits in permutations("0123456789", len(letters)):
        code = dict(zip(letters, digits, strict=True))
        if any(code.get(letter) == "0" for letter in leading):
            continue
        told = left.translate(str.maketrans(code))
        value = _plain(told)
        if value > 0 and len(str(value)) == len(right) and _fits(code, right, str(value)):
            found.append(f"{told} = {value}")
    return found == [equation]


def _plain(text: str) -> int:
    total, sign, product = 0, 1, 1
    for token in text.split(" "):
        if token in "+-":
            total, sign, product = total + sign * product, 1 if token == "+" else -1, 1
        elif token != "*":
            product *= int(token)
    return total + sign * product


def _fits(code: dict[str, str], word: str, digits: str) -> bool:
    full = dict(code)
    for letter, digit in zip(word, digits, strict=True):
        if full.setdefault(letter, digit) != digit:
            return False
    return len(set(full.values())) == len(full)


def tell_cryptarithm(facts: Facts, language: Language) -> dict[str, str]:
    """The equation in letters."""
    return {"puzzle": facts["equation"]}


def draw_math_path(
    rng: np.random.Generator, *, n: int = 10, x_prob: float, largest: int = 9
) -> Puzzle:
    """An equation of ``n`` operators + - * / % over whole numbers, digits hidden as ?.

    ``x_prob``: percent of all digits that are hidden, one at least. Every step is a whole number.
    """
    require(1 <= n <= 30, f"n={n}: use 1 to 30 operators")
    require(0 <= x_prob <= 100, f"x_prob={x_prob}: use a percentage from 0 to 100")
    require(2 <= largest <= 999, f"largest={largest}: use numbers up to 2 to 999")
    left, value = _whole_path(rng, n, largest)
    reference = f"{left} = {value}"
    places = [place for place, sign in enumerate(reference) if sign.isdigit()]
    count = max(1, round(x_prob / 100 * len(places)))
    gone = set(shuffled(rng, places)[:count])
    query = "".join("?" if place in gone else sign for place, sign in enumerate(reference))
    facts = {"ref_expr": reference, "query_expr": query}
    text = f"[[{reference}]]"
    return Puzzle(facts, text, text, query, n + 2 * count)


def _whole_path(rng: np.random.Generator, n: int, largest: int) -> tuple[str, int]:
    """Terms of products; a term is added where taking it away would fall below zero."""
    total, term = 0, between(rng, 1, largest)
    text, sign, start = str(term), 1, 0
    for _ in range(n):
        operator = pick(rng, "+-*/%")
        divisors = [d for d in range(2, largest + 1) if term % d == 0]
        if operator == "*" and term > 99:
            operator = "%"
        if operator == "/" and not divisors:
            operator = "+"
        if operator in "+-":
            if sign < 0 and total < term:
                # The sign in front of a whole term can be turned without changing its inside.
                text, sign = text[: start - 2] + "+" + text[start - 1 :], 1
            total += sign * term
            sign = 1 if operator == "+" else -1
            term = between(rng, 1, largest)
            text += f" {operator} {term}"
            start = len(text) - len(str(term))
            continue
        number = pick(rng, divisors) if operator == "/" else between(rng, 2, largest)
        term = (
            term * number
            if operator == "*"
            else term // number
            if operator == "/"
            else term % number
        )
        text += f" {operator} {number}"
    if sign < 0 and total < term:
        text, sign = text[: start - 2] + "+" + text[start - 1 :], 1
    return text, total + sign * term


def confirm_math_path(posed: Posed) -> bool:
    """Both sides equal in exact fractions, and the visible signs where they were."""
    reference, query = posed.answer_text.strip("[]"), posed.facts["query_expr"]
    left, right = reference.split(" = ")
    kept = len(reference) == len(query) and all(
        shown in ("?", sign) for shown, sign in zip(query, reference, strict=True)
    )
    return kept and calculate(left) == calculate(right)


def tell_math_path(facts: Facts, language: Language) -> dict[str, str]:
    """The equation with its hidden digits."""
    return {"puzzle": facts["query_expr"]}
