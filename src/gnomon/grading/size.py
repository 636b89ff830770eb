"""How much work an expression may cost, estimated from its text alone, in linear time."""

from __future__ import annotations

import re

MAX_CHARS = 400
MAX_DEPTH = 16
MAX_DIGITS = 60
MAX_POWERS = 12
MAX_ROOTS = 6
MAX_RESULT_DIGITS = 20_000
MAX_EXPANDED = 100
_BRACKETS = {"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}
_DIGIT_RUN = re.compile(rf"[0-9]{{{MAX_DIGITS + 1}}}")
_HUGE_POWER = re.compile(r"(?:\^|\*\*) ?[{(]? ?[-+]?[0-9]{4}")
_HUGE_FACTORIAL = re.compile(r"[0-9]{4} ?!|! ?!|[0-9!}][)}] ?!")
_BARE_TOWER = re.compile(r"\^ ?[-+]?(?:[0-9.]{1,9}|[A-Za-z]|\\[A-Za-z]{1,9}) ?\^")
_POWER = re.compile(r"([0-9]{1,60}) ?\^ ?\{? ?([0-9]{1,3})")
_EXPANDED = re.compile(r"\) ?\^ ?\{? ?([0-9]{1,3})(?![0-9])")
_REPEATING = re.compile(r"\\(?:d|t)?(?:binom|sum|prod|int|lim)(?![A-Za-z])")
_LONG_NUMBER = re.compile(r"[0-9]{4}")
_ROOT = re.compile(r"((?:sqrt|√) ?(?:\[[^\]]{0,9}\])? ?[{(])|[{}()]")


def size_problem(text: str) -> str | None:
    """Why an expression is too large to be compared symbolically, or None; static, linear.

    Refuses long text, deep nesting of brackets or roots, long digit runs, powers of powers
    (``9^9^9``, ``9^{9^9}``), exponents and factorials of four and more digits, powers whose values
    together have more than `MAX_RESULT_DIGITS` digits or that expand a bracket more than
    `MAX_EXPANDED` times, sums, products, integrals and binomials with a number of four and more
    digits, and very many powers. The limits are ours: far above published answers, below what costs
    seconds.

    >>> size_problem("9^{9^{9}}")
    'it raises a power to a power'
    """
    if len(text) > MAX_CHARS:
        return f"it has {len(text)} characters, more than {MAX_CHARS}"
    if _DIGIT_RUN.search(text):
        return f"it has a number of more than {MAX_DIGITS} digits"
    if text.count("^") + text.count("**") > MAX_POWERS:
        return f"it has more than {MAX_POWERS} powers"
    if _HUGE_POWER.search(text) or _HUGE_FACTORIAL.search(text):
        return "it has an exponent or a factorial that is too large"
    if _REPEATING.search(text) and _LONG_NUMBER.search(text):
        return "it has a sum, product, integral or binomial of too many terms"
    text = text.replace("**", "^")
    if _BARE_TOWER.search(text):
        return "it raises a power to a power"
    return _nesting_problem(text) or _work_problem(text)


def _work_problem(text: str) -> str | None:
    digits = sum(len(base) * int(exponent) for base, exponent in _POWER.findall(text))
    if digits > MAX_RESULT_DIGITS:
        return f"its powers have about {digits} digits, more than {MAX_RESULT_DIGITS}"
    if any(int(exponent) > MAX_EXPANDED for exponent in _EXPANDED.findall(text)):
        return f"it raises a bracket to more than the power {MAX_EXPANDED}"
    opened: list[int] = []
    roots = deepest = 0
    for mark in _ROOT.finditer(text):
        if mark.group() in ("}", ")"):
            roots -= opened.pop() if opened else 0
            continue
        opened.append(int(mark.group(1) is not None))
        roots += opened[-1]
        deepest = max(deepest, roots)
    return f"it nests more than {MAX_ROOTS} roots" if deepest > MAX_ROOTS else None


def _nesting_problem(text: str) -> str | None:
    depth = 0
    exponents: list[int] = []
    previous = ""
    for character in text.replace(" ", ""):
        if character == "^" and exponents:
            return "it raises a power to a power"
        change = _BRACKETS.get(character, 0)
        depth += change
        if change > 0 and previous == "^":
            exponents.append(depth)
        elif exponents and depth < exponents[-1]:
            exponents.pop()
        if depth > MAX_DEPTH:
            return f"it nests deeper than {MAX_DEPTH} brackets"
        previous = character
    return None
