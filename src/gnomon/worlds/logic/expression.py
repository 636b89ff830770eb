"""A calculator for what puzzles write down: tokens, precedences, exact fractions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction

_TOKEN = re.compile(r"\s*(\d+|[^\s\d])")
Operator = tuple[int, Callable[[Fraction, Fraction], Fraction]]
"""A precedence, higher binds tighter, and what the operator does."""

ARITHMETIC: Mapping[str, Operator] = {
    "+": (1, lambda a, b: a + b),
    "-": (1, lambda a, b: a - b),
    "*": (2, lambda a, b: a * b),
    "/": (2, lambda a, b: a / b),
    "%": (2, lambda a, b: a % b),
}


def calculate(text: str, operators: Mapping[str, Operator] = ARITHMETIC) -> Fraction:
    """The value of an infix expression of whole numbers, left associative, with round brackets.

    Two stacks, as in Dijkstra's shunting yard. Raises ValueError for a malformed expression and
    ZeroDivisionError for a division by zero.

    >>> calculate("2 + 3 * (4 - 1)")
    Fraction(11, 1)
    """
    values: list[Fraction] = []
    waiting: list[str] = []

    def apply(above: int) -> None:
        while waiting and waiting[-1] != "(" and operators[waiting[-1]][0] >= above:
            if len(values) < 2:
                raise ValueError(f"an operator without two sides in {text!r}")
            right, left = values.pop(), values.pop()
            values.append(operators[waiting.pop()][1](left, right))

    for token in _TOKEN.findall(text):
        if token.isdigit():
            values.append(Fraction(int(token)))
        elif token == "(":
            waiting.append(token)
        elif token == ")":
            apply(0)
            if not waiting:
                raise ValueError(f"a bracket that was never opened in {text!r}")
            waiting.pop()
        elif token in operators:
            apply(operators[token][0])
            waiting.append(token)
        else:
            raise ValueError(f"{token!r} in {text!r} is neither a number nor an operator")
    apply(0)
    if len(values) != 1 or waiting:
        raise ValueError(f"{text!r} is not one expression")
    return values[0]
