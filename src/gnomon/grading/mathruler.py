r"""The answer comparison of mathruler 0.1, which many released systems use, with a closed parser.

Four steps, the first hit decides: equal after the MATH normalisation; equal after dropping units,
case and LaTeX; element by element for tuples and intervals; per element, a difference that
simplifies to 0. The released code evaluates model text; here plain expressions go through a closed
grammar in a killable process. Source: arXiv 2506.04207 and the released graders that call
mathruler.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from fractions import Fraction

from gnomon.grading.size import size_problem
from gnomon.grading.symbolic import Finding, Verifier, default_verifier
from gnomon.records import Outcome

MAX_CHARS = 10_000
"""A longer answer is not compared (ours); published answers have a few hundred at most."""
_MAX_GROUPS = 64
_ENCLOSING_TEXT = re.compile(r"^\\text\{(.+?)\}$")
_UNITS = (
    *("degree", "cm", "centimeter", "meter", "mile", "second", "minute", "hour"),
    *("day", "week", "month", "year", "foot", "feet", "inch", "yard"),
)
_DELETE_FIRST = ("\n", r"\!")
_DELETE = (r"\left", r"\right", r"^{\circ}", r"^\circ", r"\$")
_COMMA = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?:[^0-9]|$))")
_MIXED = re.compile(r"([0-9]) +([0-9])")
_FRACTION = re.compile(r"^-?[0-9]+.?/0*[1-9][0-9]*.?$")
_SLASH = re.compile(r"-?[0-9]+/-?[0-9]+")
_REFUSED = re.compile(r"\^\{|\^\(|\^[0-9]+\^|\^[0-9][0-9]+")
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_TOKEN = re.compile(r"\\[A-Za-z]+\s*|\\.|.", re.DOTALL)
_PLAIN = {
    "pi": "pi", "infty": "inf", "cup": "U", "cdot": "*", "times": "*", "div": "÷", "pm": "±",
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "circ": "∘",
    "cap": "∩", "in": "∈",
    "sin": "sin", "cos": "cos", "tan": "tan", "log": "log", "ln": "ln", "exp": "exp",
}  # fmt: skip


def grade_answer(prediction: str, reference: str, *, verifier: Verifier | None = None) -> Finding:
    r"""Outcome and reason of comparing two whole texts by the rules of mathruler.

    An integer needs an integer, two plain fractions must be written alike, tuples and intervals
    agree in order and in their brackets, outer brackets around one value are ignored. Texts over
    `MAX_CHARS` are UNPARSEABLE_ANSWER; TIMEOUT and CRASH come from the symbolic worker.

    >>> grade_answer("5 cm", "5")[0], grade_answer("0.3333", "1/3")[0]
    (<Outcome.CORRECT: 'correct'>, <Outcome.WRONG: 'wrong'>)
    """
    if len(prediction) > MAX_CHARS:
        return Outcome.UNPARSEABLE_ANSWER, f"the answer has more than {MAX_CHARS} characters"
    if normalise_math(prediction) == normalise_math(reference):
        return Outcome.CORRECT, "equal after the MATH normalisation"
    given, gold = normalise_plain(prediction), normalise_plain(reference)
    if given == gold:
        return Outcome.CORRECT, "equal as plain text"
    if not given:
        return Outcome.WRONG, "nothing is left of the answer without its units"
    given_parts, gold_parts = _elements(given), _elements(gold)
    if len(gold_parts) > 1 and (gold[0], gold[-1]) != (given[0], given[-1]):
        return Outcome.WRONG, "the outer brackets differ"
    if len(gold_parts) != len(given_parts):
        return Outcome.WRONG, f"{len(given_parts)} elements instead of {len(gold_parts)}"
    return _compare_elements(given_parts, gold_parts, verifier)


def normalise_math(text: str) -> str:
    r"""The MATH normal form (first step): LaTeX spellings unified, percent, units dropped.

    >>> normalise_math("0.5"), normalise_math(r"x = \tfrac12"), normalise_math("3/4")
    ('\\frac{1}{2}', '\\frac{1}{2}', '\\frac{3}{4}')
    """
    text = text.strip()
    enclosed = _ENCLOSING_TEXT.match(text)
    if enclosed is not None:
        text = enclosed.group(1).strip()
    try:
        return _math_form(text)
    except IndexError:  # a dangling \frac or \sqrt, or two units: the text stays as it is
        return text


def _math_form(text: str) -> str:
    for mark in _DELETE_FIRST:
        text = text.replace(mark, "")
    text = text.replace("\\\\", "\\").replace("tfrac", "frac").replace("dfrac", "frac")
    for mark in _DELETE:
        text = text.replace(mark, "")
    before, *units = text.split(r"\text{ ")
    if len(units) > 1:
        raise IndexError
    text = before.replace(r"\%", "").replace("%", "").replace(" .", " 0.").replace("{.", "{0.")
    if not text:
        return text
    text = "0" + text if text[0] == "." else text
    sides = text.split("=")
    if len(sides) == 2 and len(sides[0]) <= 2:
        text = sides[1]
    text = _braced_fracs(_braced_roots(text).replace(" ", ""))
    text = r"\frac{1}{2}" if text == "0.5" else text
    if _SLASH.fullmatch(text):
        above, below = text.split("/")
        text = rf"\frac{{{above}}}{{{below}}}"
    return text


def _braced_roots(text: str) -> str:
    first, *rest = text.split(r"\sqrt")
    return first + "".join(
        r"\sqrt" + (part if part[0] == "{" else f"{{{part[0]}}}{part[1:]}") for part in rest
    )


def _braced_fracs(text: str) -> str:
    first, *rest = text.split(r"\frac")
    if any(part[0] != "{" and len(part) < 2 for part in rest):
        return text
    return first + "".join(r"\frac" + _braced_arguments(part) for part in rest)


def _braced_arguments(part: str) -> str:
    if part[0] == "{":
        return part
    if part[1] == "{":
        return f"{{{part[0]}}}{part[1:]}"
    return f"{{{part[0]}}}{{{part[1]}}}{part[2:]}"


def normalise_plain(text: str) -> str:
    r"""The plain normal form (second step): no units, no LaTeX, lower case, integers unified.

    Thousands commas are dropped from integers of any length (the released loop misses some from a
    billion on).

    >>> normalise_plain(r"1,000 \text{ cm}"), normalise_plain(r"7\frac{3}{4}")
    ('1000', '7+3/4')
    """
    enclosed = _ENCLOSING_TEXT.search(text)
    if enclosed is not None:
        text = enclosed.group(1)
    for mark in (r"\%", r"\$", "$", "%"):
        text = text.replace(mark, "")
    text = text.replace(" or ", " , ").replace(" and ", " , ")
    for word, power in (("million", 6), ("billion", 9), ("trillion", 12)):
        text = text.replace(word, f"*10^{power}")
    for unit in _UNITS:
        text = re.sub(rf"{unit}(?:es)?s? *(?:\^[0-9]+)?", "", text)
    text = re.sub(r"\^ *\\circ", "", text)
    if len(text) > 1 and text[0] == "{" and text[-1] == "}":
        text = text[1:-1]
    text = _integer_form(re.sub(r",\\! *", "", text))
    if "\\" in text:
        text = latex_to_plain(text)
    text = _MIXED.sub(r"\1+\2", re.sub("- *", "-", text))
    text = text.replace(" ", "").replace("{", "").replace("}", "").lower()
    return _integer_form(_COMMA.sub("", text)) if _is_integer(_COMMA.sub("", text)) else text


def latex_to_plain(text: str) -> str:
    r"""LaTeX as plain text: fractions with a slash, roots as ``sqrt()``, no unknown commands.

    Arguments are not bracketed: ``\frac{a+b}{2}`` becomes ``a+b/2``, as the released converter
    writes it. Text with more than 64 groups, fractions and roots comes back unchanged. Linear.

    >>> latex_to_plain(r"2\sqrt{3} \pi")
    '2sqrt(3) pi'
    """
    if text.count("{") + text.count(r"\frac") + text.count(r"\sqrt") > _MAX_GROUPS:
        return text
    text = re.sub(r"\\[td]?frac", r" \\frac", text)
    tokens = deque(_TOKEN.findall(text))
    pieces = []
    while tokens:
        pieces.append(_piece(tokens))
    return "".join(pieces).strip()


def _piece(tokens: deque[str]) -> str:
    token = tokens.popleft() if tokens else ""
    if token == "{":
        pieces = []
        while tokens and tokens[0] != "}":
            pieces.append(_piece(tokens))
        if tokens:
            tokens.popleft()
        return "".join(pieces)
    if token == "}":
        return ""
    return _command(token[1:].strip(), tokens) if token[:1] == "\\" else token


def _command(name: str, tokens: deque[str]) -> str:
    if name == "frac":
        above = _piece(tokens)
        return f"{above}/{_piece(tokens)}"
    if name == "sqrt":
        return _root(tokens)
    if name in _PLAIN:
        return _PLAIN[name]
    if not name.isalpha():
        return name if name in ("%", "$", "{", "}", "#", "&", "_") else " "
    case = "CAPITAL" if name[0].isupper() else "SMALL"
    try:
        return unicodedata.lookup(f"GREEK {case} LETTER {name.upper()}")
    except KeyError:
        return ""


def _root(tokens: deque[str]) -> str:
    index = ""
    if tokens and tokens[0] == "[":
        while tokens and tokens[0] != "]":
            index += tokens.popleft().strip("[")
        if tokens:
            tokens.popleft()
    return f"({_piece(tokens)})^(1/{index})" if index else f"sqrt({_piece(tokens)})"


def _integer_form(text: str) -> str:
    stripped = text.strip()
    return str(round(Fraction(stripped))) if _is_integer(stripped) else text


def _is_integer(text: str) -> bool:
    # 7 digits of slack as released: 2.00000001 counts as an integer.
    if len(text) > 1000 or not _DECIMAL.fullmatch(text):
        return False
    value = Fraction(text)
    return abs(value - round(value)) <= Fraction(1, 10**7)


def _elements(text: str) -> list[str]:
    text = _COMMA.sub("", text)
    inner = text[1:-1]
    bracketed = len(text) > 2 and text[0] in "()[]" and text[-1] in "()[]"
    if bracketed and not any(bracket in inner for bracket in "()[]"):
        return [part.strip() for part in inner.split(",")]
    return [text]


def _compare_elements(given: list[str], gold: list[str], verifier: Verifier | None) -> Finding:
    finding = (Outcome.WRONG, "nothing to compare")
    for one, other in zip(given, gold, strict=True):
        finding = _compare_element(one, other, verifier)
        if finding[0] is not Outcome.CORRECT:
            return finding
    return finding


def _compare_element(given: str, gold: str, verifier: Verifier | None) -> Finding:
    if _FRACTION.search(given) and _FRACTION.search(gold):
        alike = given == gold
        return (
            Outcome.CORRECT if alike else Outcome.WRONG
        ), "two fractions are compared as written"
    if _is_integer(given) != _is_integer(gold):
        return Outcome.WRONG, "one of the two is an integer, the other is not"
    difference = f"({gold})-({given})"
    if _letters(difference) > 2 or _REFUSED.search(difference):
        return Outcome.WRONG, "different text, and not simple enough for symbolic comparison"
    if size_problem(given) is not None or size_problem(gold) is not None:
        return Outcome.WRONG, "different text, and too large for symbolic comparison"
    values = _plain_value(given), _plain_value(gold)
    if None not in values:
        return (Outcome.CORRECT if values[0] == values[1] else Outcome.WRONG), "compared as numbers"
    return (verifier or default_verifier()).compare(given, gold, "difference")


def _letters(text: str) -> int:
    text = text.replace("sqrt", "").replace("frac", "")
    return len({character for character in text if character.isalpha()})


def _plain_value(text: str) -> Fraction | None:
    above, _, below = text.partition("/")
    if not _DECIMAL.fullmatch(above) or (below and not _DECIMAL.fullmatch(below)):
        return None
    if "/" not in text:
        return Fraction(above)
    return Fraction(above) / Fraction(below) if below and Fraction(below) else None
