r"""Values of numeric expressions, so that different ones are told apart without symbolic work.

A closed grammar: decimal numbers, ``\frac``, ``\sqrt``, ``\pi``, sums, products, quotients, powers
and brackets. What could be read in two ways (``2\frac12``, ``1/2\pi``, two numbers in a row) is not
read. Values are floats: they can show that two expressions differ, never that they are equal.
"""

from __future__ import annotations

import math
import re
from collections import deque

MAX_CHARS = 400
CLEAR = 1e-6
"""Relative difference from which two values differ for certain; rounding is far below it."""

_TOKEN = re.compile(
    r"\s*(?:\\left|\\right|\\[,;! ]|\$)*\s*"
    r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+|\\[dt]?frac(?![a-z])|\\sqrt(?![a-z])|√|\\pi(?![a-z])|π"
    r"|\\cdot(?![a-z])|\\times(?![a-z])|[-+*/^(){}\[\]·×−])\s*"
)
_SPELLINGS = {
    "\\dfrac": "\\frac", "\\tfrac": "\\frac", "√": "\\sqrt", "π": "\\pi", "\\cdot": "*",
    "\\times": "*", "·": "*", "×": "*", "−": "-",
}  # fmt: skip
_CLOSING = {"(": ")", "{": "}", "[": "]"}


class _NotRead(Exception):
    """The text is outside of the grammar."""


def value_of(text: str) -> float | None:
    r"""Value of a numeric expression, or None outside of the grammar or without a real value.

    Nesting is bounded by the caller's size estimate.

    >>> value_of(r"2\sqrt{2}"), value_of("x"), value_of(r"1/2\pi")
    (2.8284271247461903, None, None)
    """
    tokens = _tokens(text)
    if not tokens:
        return None
    try:
        value = _sum(tokens)
    except (_NotRead, ArithmeticError, ValueError, RecursionError):
        return None
    real = isinstance(value, float) and math.isfinite(value)
    return value if real and not tokens else None


def differ(one: str, other: str, tolerance: float = 0.0) -> bool:
    r"""Whether two texts are numeric expressions whose values differ for certain.

    >>> differ(r"\sqrt{2}", "1.4"), differ(r"\sqrt{2}", "1.41421356"), differ("x", "y")
    (True, False, False)
    """
    values = value_of(one), value_of(other)
    if values[0] is None or values[1] is None:
        return False
    largest = max(abs(values[0]), abs(values[1]))
    return abs(values[0] - values[1]) > max(CLEAR, 2 * tolerance) * largest


def _tokens(text: str) -> deque[str]:
    tokens: deque[str] = deque()
    position = 0
    while position < len(text) <= MAX_CHARS:
        match = _TOKEN.match(text, position)
        if match is None:
            # What may still stand at the end is only what is skipped.
            return tokens if not text[position:].strip(" $\t\n") else deque()
        tokens.append(_SPELLINGS.get(match.group(1), match.group(1)))
        position = match.end()
    return tokens


def _sum(tokens: deque[str]) -> float:
    value = _product(tokens)
    while tokens and tokens[0] in ("+", "-"):
        value = value + _product(tokens) if tokens.popleft() == "+" else value - _product(tokens)
    return value


def _product(tokens: deque[str]) -> float:
    if tokens and tokens[0] in ("+", "-"):
        return -_product(tokens) if tokens.popleft() == "-" else _product(tokens)
    first = tokens[0] if tokens else ""
    value, divided = _power(tokens), False
    while tokens and tokens[0] not in ("+", "-", ")", "}", "]"):
        operator = tokens.popleft() if tokens[0] in ("*", "/") else ""
        second = tokens[0] if tokens else ""
        plain = first[:1].isdigit() and (second[:1].isdigit() or second == "\\frac")
        if divided or (operator == "" and plain):
            raise _NotRead
        right = _power(tokens)
        value = value / right if operator == "/" else value * right
        first, divided = second, operator == "/"
    return value


def _power(tokens: deque[str]) -> float:
    base = _atom(tokens)
    if not tokens or tokens[0] != "^":
        return base
    tokens.popleft()
    if tokens and tokens[0] in ("+", "-"):
        raise _NotRead
    exponent = _atom(tokens)
    if tokens and tokens[0] == "^":
        raise _NotRead
    return float(math.pow(base, exponent))


def _atom(tokens: deque[str]) -> float:
    token = tokens.popleft() if tokens else ""
    if token in ("(", "{", "["):
        value = _sum(tokens)
        if not tokens or tokens.popleft() != _CLOSING[token]:
            raise _NotRead
        return value
    if token == "\\frac":
        return _argument(tokens) / _argument(tokens)
    if token == "\\sqrt":
        if tokens and tokens[0] == "[":
            raise _NotRead
        return math.sqrt(_argument(tokens))
    if token == "\\pi":
        return math.pi
    if token[:1].isdigit() or token[:1] == ".":
        return float(token)
    raise _NotRead


def _argument(tokens: deque[str]) -> float:
    """One bracketed argument; ``\\sqrt2`` and ``\\frac12`` without brackets are not read."""
    if not tokens or tokens[0] not in ("{", "("):
        raise _NotRead
    return _atom(tokens)
