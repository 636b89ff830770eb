"""Values of arithmetic expressions in exact fractions, under limits; nothing is evaluated."""

from __future__ import annotations

import operator
import re
from collections import deque
from collections.abc import Callable
from fractions import Fraction

MAX_CHARS = 1000
MAX_DEPTH = 32
MAX_DIGITS = 30
MAX_EXPONENT = 64
MAX_BITS = 4096
"""Limits of an expression, its brackets, numbers, exponents and values (ours)."""

_TOKEN = re.compile(r"\s*+([0-9]++|\*\*|//|[-+*/%()])\s*+")
_SUMS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": operator.add,
    "-": operator.sub,
}
_PRODUCTS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "//": lambda one, other: Fraction(one // other),
}


class _NotRead(Exception):
    """The text is no expression, or one beyond the limits."""


def exact_value(text: str, *, powers: bool = False) -> Fraction | None:
    """The value of an expression over whole numbers, or None.

    Brackets, signs, ``+ - * / %`` with Python's precedence and remainder; ``powers`` adds ``**``
    and ``//``. None for other characters, a number that starts with a needless 0, a division by
    zero, and beyond the limits.

    >>> exact_value("8 / (3 - 8 / 3)"), exact_value("2 ** 3"), exact_value("05 + 1")
    (Fraction(24, 1), None, None)
    """
    try:
        tokens = _tokens(text)
        if not powers and not {"**", "//"}.isdisjoint(tokens):
            return None
        value = _sum(tokens, 0)
    except (_NotRead, ZeroDivisionError):
        return None
    return None if tokens else value


def _tokens(text: str) -> deque[str]:
    tokens: deque[str] = deque()
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or len(text) > MAX_CHARS:
            raise _NotRead
        tokens.append(match[1])
        place = match.end()
    return tokens


def _sum(tokens: deque[str], depth: int) -> Fraction:
    value = _product(tokens, depth)
    while tokens and tokens[0] in _SUMS:
        value = _small(_SUMS[tokens.popleft()](value, _product(tokens, depth)))
    return value


def _product(tokens: deque[str], depth: int) -> Fraction:
    value = _signed(tokens, depth)
    while tokens and tokens[0] in _PRODUCTS:
        value = _small(_PRODUCTS[tokens.popleft()](value, _signed(tokens, depth)))
    return value


def _signed(tokens: deque[str], depth: int) -> Fraction:
    sign = 1
    while tokens and tokens[0] in _SUMS:
        sign = -sign if tokens.popleft() == "-" else sign
    return sign * _power(tokens, depth)


def _power(tokens: deque[str], depth: int) -> Fraction:
    base = _atom(tokens, depth)
    if not tokens or tokens[0] != "**":
        return base
    tokens.popleft()
    if depth >= MAX_DEPTH:
        raise _NotRead
    exponent = _signed(tokens, depth + 1)  # to the right of it, as in Python
    if exponent.denominator != 1 or abs(exponent) > MAX_EXPONENT:
        raise _NotRead
    return _small(Fraction(base ** int(exponent)))


def _atom(tokens: deque[str], depth: int) -> Fraction:
    token = tokens.popleft() if tokens else ""
    if token == "(" and depth < MAX_DEPTH:
        value = _sum(tokens, depth + 1)
        if not tokens or tokens.popleft() != ")":
            raise _NotRead
        return value
    if not token.isdigit() or len(token) > MAX_DIGITS or (token[0] == "0" and len(token) > 1):
        raise _NotRead
    return Fraction(int(token))


def _small(value: Fraction) -> Fraction:
    if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
        raise _NotRead
    return value
