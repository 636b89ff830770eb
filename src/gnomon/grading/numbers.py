"""Kinds of answer that are numbers: integer, count, number, quantity with a unit, expression."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

from gnomon.grading import extract
from gnomon.grading.comparison import Kind, Switches, by_text, decided, same_value, write_value
from gnomon.grading.size import size_problem
from gnomon.grading.symbolic import compare_expressions, numbers_agree
from gnomon.grading.units import Quantity, read_quantity
from gnomon.records import Answer, Outcome, Verdict

_TEXT_COMMAND = re.compile(r"\\(?:text|mathrm|operatorname|begin|end|mathbb) ?\{[^{}]*\}")
_MATH_SPAN = re.compile(r"\$([^$]+)\$")
_EXPRESSION = re.compile(r"[0-9\\^√π+*/]")
# Words beside an expression make it a sentence; a sentence is never the whole answer.
_WORDS = re.compile(
    r"(?<![\\A-Za-z])(?:or|and|is|(?!sqrt|sin|cos|tan|log|exp)[A-Za-z]{3,})(?![A-Za-z])"
)
_NUMBER_WORDS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
_WORD_VALUES = {word: value for value, word in enumerate(_NUMBER_WORDS)}
_COUNT_WORD = re.compile(rf"(?<![\w-])(?:{'|'.join(_NUMBER_WORDS)})(?![\w-])", re.IGNORECASE)


def _integer_problem(answer: Answer) -> str | None:
    if isinstance(answer.value, bool) or not isinstance(answer.value, int):
        return f"an integer answer needs an int, not {answer.value!r}"
    return None if abs(answer.value) < 10**50 else "the integer has more than 50 digits"


def _count_problem(answer: Answer) -> str | None:
    problem = _integer_problem(answer)
    if problem is not None or answer.value >= 0:
        return problem
    return f"a count is at least 0, not {answer.value}"


def read_count(text: str, *, whole: bool = True) -> int | None:
    """A count: an integer from 0 on in digits, or an English number word up to twenty; or None.

    Searches and cleans like `extract.read_integer`; with ``whole=False`` the last number word
    counts only where no digits are found.

    >>> read_count("Three"), read_count("3.0"), read_count("-3")
    (3, 3, None)
    """
    value = extract.read_integer(text, whole=whole)
    if value is None and whole:
        value = _WORD_VALUES.get(extract.read_text(text) or "")
    elif value is None:
        words = _COUNT_WORD.findall(text)
        value = _WORD_VALUES[words[-1].casefold()] if words else None
    return value if value is not None and value >= 0 else None


def _number_problem(answer: Answer) -> str | None:
    value = answer.value
    if isinstance(value, str):
        if not _EXPRESSION.search(value):
            return f"{value!r} is neither a number nor an expression"
        problem = size_problem(value)
        return None if problem is None else f"the expression is too large: {problem}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
        return f"a number answer needs a finite number or a LaTeX expression, not {value!r}"
    return None


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int beyond the range of floats
        return False


def _write_number(answer: Answer) -> str:
    value = answer.value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return value if isinstance(value, str) else repr(value)


def _read_number(text: str, reference: Answer, whole: bool) -> Any:
    if whole:
        return _number_or_expression(text, reference)
    if isinstance(reference.value, str) and extract.read_fraction(reference.value) is None:
        spans = _MATH_SPAN.findall(text)
        return _number_or_expression(spans[-1] if spans else text, reference)
    return extract.read_fraction(text, whole=False)


def _number_or_expression(text: str, reference: Answer) -> Fraction | str | None:
    exact = extract.read_fraction(text)
    if exact is not None:
        return exact
    return _expression(text, reference) if _EXPRESSION.search(text) else None


def _expression(text: str, reference: Answer) -> str | None:
    if size_problem(text) is not None or _WORDS.search(_TEXT_COMMAND.sub("", text)):
        return None
    return text.strip() if _one_value(text) or "=" in str(reference.value) else None


def _one_value(text: str) -> bool:
    # "y = x+1" names its value; "3 = 5" and "a = 3 = 5" offer several.
    left, *right = re.split(r"(?<![\\<>!])=", text)
    return not right or (len(right) == 1 and not any(c.isdigit() for c in left))


def _compare_number(value: Any, reference: Answer, switches: Switches) -> Verdict:
    text = _write_number(reference)
    gold = extract.read_fraction(text)
    if isinstance(value, Fraction) and gold is not None:
        right = numbers_agree(value, gold, switches.tolerance)
        reason = "equal values" if right else f"read {extract.to_float(value)!r}"
        return decided(right, extract.to_float(value), reason)
    given = _written(value) if isinstance(value, Fraction) else value
    outcome, reason = compare_expressions(given, text, tolerance=switches.tolerance)
    shown = extract.to_float(value) if isinstance(value, Fraction) else value
    return Verdict(outcome, float(outcome is Outcome.CORRECT), value=shown, reason=reason)


def _written(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _expression_problem(answer: Answer) -> str | None:
    if not isinstance(answer.value, str) or not answer.value.strip():
        return f"an expression needs LaTeX or plain text, not {answer.value!r}"
    problem = size_problem(answer.value)
    return None if problem is None else f"the expression is too large: {problem}"


def _read_expression(text: str, reference: Answer, whole: bool) -> Any:
    if not whole:
        spans = _MATH_SPAN.findall(text)
        text = spans[-1] if spans else text
    found = _expression(text.strip().removesuffix("."), reference)
    return found or None


def _compare_expression(value: Any, reference: Answer, switches: Switches) -> Verdict:
    outcome, reason = compare_expressions(value, reference.value, tolerance=switches.tolerance)
    return Verdict(outcome, float(outcome is Outcome.CORRECT), value=value, reason=reason)


def _load_expression(text: str) -> str | None:
    return text.strip() or None


def _quantity_problem(answer: Answer) -> str | None:
    if isinstance(answer.value, str) and read_quantity(answer.value) is not None:
        return None
    return f"a quantity needs a number and a known unit, such as '4.9 J', not {answer.value!r}"


def _read_quantity(text: str, reference: Answer, whole: bool) -> Quantity | None:
    if not whole:
        text = text.strip().rpartition("\n")[2]
    return read_quantity(text)


def _compare_quantity(value: Quantity, reference: Answer, switches: Switches) -> Verdict:
    gold = read_quantity(reference.value)
    assert gold is not None  # the reference has no problem
    if not value.unit:  # a bare number is in the unit that was asked for
        value = Quantity(value.value, gold.factor, gold.dimension, gold.unit)
    if value.dimension != gold.dimension:
        return decided(False, value, f"the unit {value.unit!r} measures something else")
    right = numbers_agree(value.value * value.factor, gold.value * gold.factor, switches.tolerance)
    return decided(right, value, "equal quantities" if right else "another quantity")


def _load_quantity(text: str) -> str | None:
    return text.strip() if read_quantity(text) is not None else None


NUMBER_KINDS: dict[str, Kind] = {
    "integer": Kind(
        _integer_problem,
        write_value,
        extract.read_integer,
        by_text(extract.read_integer),
        same_value,
    ),
    "count": Kind(_count_problem, write_value, read_count, by_text(read_count), same_value),
    "number": Kind(
        _number_problem, _write_number, extract.read_number, _read_number, _compare_number
    ),
    "quantity": Kind(
        _quantity_problem, write_value, _load_quantity, _read_quantity, _compare_quantity
    ),
    "expression": Kind(
        _expression_problem, write_value, _load_expression, _read_expression, _compare_expression
    ),
}
