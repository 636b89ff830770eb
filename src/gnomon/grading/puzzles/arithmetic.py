"""Families of numbers: expressions to find or to complete, equations, values."""

from __future__ import annotations

import re
from typing import Any

from gnomon.grading.comparison import Switches
from gnomon.grading.extract import last_boxed, read_integer
from gnomon.grading.numbers import NUMBER_KINDS
from gnomon.grading.puzzles.expressions import exact_value
from gnomon.grading.puzzles.family import (
    Facts,
    Family,
    Finding,
    Mode,
    Shape,
    compared,
    is_list,
    is_whole,
    judged,
    unread,
)
from gnomon.grading.puzzles.reading import boxed, double_bracketed, fenced
from gnomon.records import Answer

OPERATORS = ("+", "-", "*", "/", "%")
_NUMBER = re.compile("[0-9]+")
_CHAIN = re.compile(r"[0-9]++(?:\s*+[-+*]\s*+[0-9]++)*+")
_RESULT = re.compile(r"\s*+=\s*+-?[0-9]++")
_CENTS = re.compile(r"(?:-|(?<![0-9]))[0-9]++\.[0-9]{2}\b")
_QUERY = re.compile(r"[0-9?+\-*/%\s]{1,500}=[0-9?+\-*/%\s]{1,500}")


def game_of_24(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """An expression in the last python fence, over the given numbers, each exactly once.

    Otherwise only the listed operators and brackets; the value in exact fractions is the result.
    ``released``: the value is compared with itself, so that any expression that has one is right,
    and ``**`` and ``//`` pass as two listed operators each.
    """
    block = fenced(text, mode)
    if not block:
        return unread("expression in a python block")
    if sorted(_NUMBER.findall(block)) != sorted(map(str, facts["numbers"])):
        return judged("it does not use every given number once")
    foreign = set(_NUMBER.sub("", block)) - {*facts["operators"], "(", ")", *" \t\n"}
    if foreign:
        return judged(f"it uses {sorted(foreign)}")
    value = exact_value(block, powers=mode == "released")
    if value is None:
        return unread("value of an expression")
    return compared(mode == "released" or value == facts["result"], str(value))


def math_path(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """An equation, the last in ``[[…]]``; blanks are dropped.

    It is the query with a digit for each ?, and both sides have one value (true division, Python's
    remainder; a needless leading 0 is an error), whatever the hidden reference was. ``released``:
    operators, and digits, are compared each in their order only, so that digits may move from one
    number to the next.
    """
    spans = double_bracketed(text)
    if not spans:
        return unread("equation [[…]]")
    given = "".join(spans[-1].strip("[] \t\n").split())
    query = "".join(facts["query_expr"].split())
    problem = _template_problem(given, query) if mode == "strict" else _order_problem(given, query)
    if problem:
        return judged(problem)
    sides = [exact_value(one) for one in given.split("=")]
    if len(sides) != 2 or None in sides:
        return judged("a side has no value")
    return compared(sides[0] == sides[1], given)


def write_equation(gold: str) -> str:
    """The gold equation in double brackets."""
    return gold if "[[" in gold or not gold.strip() else f"[[{gold}]]"


def _template_problem(given: str, query: str) -> str:
    fits = len(given) == len(query) and all(
        (one in "0123456789") if asked == "?" else one == asked
        for one, asked in zip(given, query, strict=True)
    )
    return "" if fits else "it is not the query with a digit for each ?"


def _order_problem(given: str, query: str) -> str:
    if [c for c in given if c in OPERATORS] != [c for c in query if c in OPERATORS]:
        return "its operators are not those of the query"
    digits = "".join(c for c in given if c in "0123456789")
    asked = "".join(c for c in query if c in "0123456789?")
    return _template_problem(digits, asked)


def cryptarithm(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """The last equation ``n op n … = n`` of the text is the gold one, blanks aside.

    Operators are + - and *; the order of the numbers counts.
    """
    found, end = "", 0
    for chain in _CHAIN.finditer(text):
        result = _RESULT.match(text, chain.end())
        # The result of one equation does not begin the next one.
        if result is not None and chain.start() >= end and not chain.group().isdigit():
            found, end = text[chain.start() : result.end()], result.end()
    if not found:
        return unread("equation")
    plain = "".join(found.split())
    return compared(plain == "".join(gold.split()), plain)


def buggy_tables(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    """The last number with exactly two decimals, or else the whole stripped text, is the gold text.

    The texts are compared, not the values: "7.5" is not "7.50".
    """
    one, other = _cents(text), _cents(gold)
    return compared(one == other, one)


def _cents(text: str) -> str:
    found = _CENTS.findall(text)
    return str(found[-1]) if found else text.strip()


def counted(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    r"""The whole number in the last ``\boxed{}`` is the gold one."""
    content = boxed(text, mode)
    value = None if content is None else read_integer(content)
    return unread("whole number in a box") if value is None else compared(value == int(gold), value)


def operation(text: str, facts: Facts, gold: str, mode: Mode) -> Finding:
    r"""The content of the last ``\boxed{}``, else the whole text, has the value of the gold text.

    Exact and close numbers (to 1e-6) first, then symbolic comparison in the worker with its limits
    of size and time.
    """
    content = last_boxed(text) if r"\boxed{" in text else text
    kind, reference = NUMBER_KINDS["number"], Answer("number", gold)
    value = None if content is None else kind.read(content, reference, True)
    if value is None:
        return unread("number")
    verdict = kind.compare(value, reference, Switches())
    return verdict.outcome, verdict.reason


def _has_value(facts: Facts, gold: str) -> str:
    return NUMBER_KINDS["number"].problem(Answer("number", gold)) or ""


def _is_count(facts: Facts, gold: str) -> str:
    whole = re.fullmatch(r"\s*-?[0-9]{1,9}\s*", gold)
    return "" if whole else f"the gold text {gold!r:.80} is no whole number"


def _is_equation(facts: Facts, gold: str) -> str:
    chain = _CHAIN.match(gold.strip())
    result = None if chain is None else _RESULT.fullmatch(gold.strip(), chain.end())
    return "" if result else f"the gold text {gold!r:.80} is no equation of digits"


def _is_number(value: Any) -> bool:
    return is_whole(value) or (isinstance(value, float) and abs(value) < 10**9)


def _given(value: Any) -> bool:
    return is_whole(value, 0, 10**6)


ARITHMETIC: dict[str, Family] = {
    "game_of_24": Family(
        game_of_24,
        {
            "numbers": Shape("1 to 16 numbers", lambda v: is_list(v, _given) and 0 < len(v) <= 16),
            "operators": Shape(
                "a list of + - * / %", lambda v: is_list(v, lambda one: one in OPERATORS)
            ),
            "result": Shape("a number", _is_number),
        },
    ),
    "math_path": Family(
        math_path,
        {
            "ref_expr": Shape("a text", lambda v: isinstance(v, str)),
            "query_expr": Shape(
                "an equation with ? for hidden digits",
                lambda v: isinstance(v, str) and _QUERY.fullmatch(v) is not None,
            ),
        },
        write=write_equation,
    ),
    "cryptarithm": Family(cryptarithm, agree=_is_equation),
    "buggy_tables": Family(buggy_tables),
    "object_counting": Family(counted, agree=_is_count),
    "object_properties": Family(counted, agree=_is_count),
    "operation": Family(operation, agree=_has_value),
}
