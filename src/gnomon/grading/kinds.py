"""What each kind of answer means: its valid references, how it is written, read and compared.

`KINDS` is the table that every grader dispatches on. A new kind of answer is one more entry.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gnomon.grading import extract
from gnomon.grading.geometry import box_iou
from gnomon.grading.symbolic import compare_expressions, numbers_agree, size_problem
from gnomon.records import Answer, Outcome, Verdict

_TEXT_COMMAND = re.compile(r"\\(?:text|mathrm|operatorname|begin|end|mathbb) ?\{[^{}]*\}")
_LETTERS = dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "")
_MATH_SPAN = re.compile(r"\$([^$]+)\$")
_EXPRESSION = re.compile(r"[0-9\\^√π+*/]")
# Words beside an expression make it a sentence; a sentence is never the whole answer.
_WORDS = re.compile(
    r"(?<![\\A-Za-z])(?:or|and|is|(?!sqrt|sin|cos|tan|log|exp)[A-Za-z]{3,})(?![A-Za-z])"
)


@dataclass(frozen=True)
class Switches:
    """Settings of a comparison: least IoU of a right box, relative tolerance of numbers."""

    iou: float = 0.5
    tolerance: float = 1e-6


@dataclass(frozen=True)
class Kind:
    """One kind of answer.

    ``problem`` gives the reason why a reference cannot be used, or None. ``write`` gives its
    canonical text. ``read(text, reference, whole)`` gives the value in a text, or None. ``compare``
    gives the verdict on it.
    """

    problem: Callable[[Answer], str | None]
    write: Callable[[Answer], str]
    read: Callable[[str, Answer, bool], Any]
    compare: Callable[[Any, Answer, Switches], Verdict]


def _found(right: bool, value: Any, reason: str) -> Verdict:
    outcome = Outcome.CORRECT if right else Outcome.WRONG
    return Verdict(outcome, float(right), value=value, reason=reason)


def _same(value: Any, reference: Answer, switches: Switches) -> Verdict:
    right = value == reference.value
    return _found(right, value, "equal" if right else f"read {value!r}")


def _integer_problem(answer: Answer) -> str | None:
    if isinstance(answer.value, bool) or not isinstance(answer.value, int):
        return f"an integer answer needs an int, not {answer.value!r}"
    return None if abs(answer.value) < 10**50 else "the integer has more than 50 digits"


def _read_integer(text: str, reference: Answer, whole: bool) -> Any:
    return extract.read_integer(text, whole=whole)


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
    plain = _TEXT_COMMAND.sub("", text)
    if size_problem(text) is not None or not _EXPRESSION.search(text) or _WORDS.search(plain):
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
        return _found(right, extract.to_float(value), "equal values" if right else f"read {value}")
    given = _written(value) if isinstance(value, Fraction) else value
    outcome, reason = compare_expressions(given, text, tolerance=switches.tolerance)
    shown = extract.to_float(value) if isinstance(value, Fraction) else value
    return Verdict(outcome, float(outcome is Outcome.CORRECT), value=shown, reason=reason)


def _written(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _choice_problem(answer: Answer) -> str | None:
    if not isinstance(answer.value, str) or extract.read_text(answer.value) is None:
        return f"a choice needs a label, not {answer.value!r}"
    if answer.options and answer.value not in answer.options:
        return f"label {answer.value!r} is not among the options {', '.join(answer.options)}"
    return None


def _read_choice(text: str, reference: Answer, whole: bool) -> Any:
    if reference.options:
        return extract.read_choice(text, reference.options, whole=whole)
    if reference.value not in _LETTERS:
        return _read_text(text, reference, whole)
    if whole:
        found = extract.read_text(text)
        return found and (found.strip("()[]") or found)
    return extract.read_choice(text, _LETTERS, whole=False)


def _compare_choice(value: Any, reference: Answer, switches: Switches) -> Verdict:
    return (_same if reference.options else _compare_text)(value, reference, switches)


def _text_problem(answer: Answer) -> str | None:
    if not isinstance(answer.value, str) or extract.read_text(answer.value) is None:
        return f"a text answer needs text with a letter or digit, not {answer.value!r}"
    return None


def _read_text(text: str, reference: Answer, whole: bool) -> Any:
    found = extract.read_text(text, whole=whole)
    gold = extract.read_text(reference.value)
    if not whole and found is not None and gold is not None and found.endswith(" " + gold):
        return gold
    return found


def _compare_text(value: Any, reference: Answer, switches: Switches) -> Verdict:
    right = extract.read_text(value) == extract.read_text(reference.value)
    return _found(right, value, "equal text" if right else "different text")


def _box_problem(answer: Answer) -> str | None:
    if extract.proper_box(answer.value) is None:
        return f"a box needs four finite numbers with x1 < x2 and y1 < y2, not {answer.value!r}"
    return None


def _write_box(answer: Answer) -> str:
    return f"[{', '.join(_short(value) for value in answer.value)}]"


def _short(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _read_box(text: str, reference: Answer, whole: bool) -> Any:
    return extract.read_box(text, whole=whole)


def _compare_box(value: Any, reference: Answer, switches: Switches) -> Verdict:
    overlap = box_iou(value, reference.value)
    outcome = Outcome.CORRECT if overlap >= switches.iou else Outcome.WRONG
    return Verdict(outcome, overlap, value=value, reason=f"IoU {overlap:.3f}")


def _yes_no_problem(answer: Answer) -> str | None:
    if isinstance(answer.value, bool):
        return None
    return f"a yes-no answer needs true or false, not {answer.value!r}"


def _read_yes_no(text: str, reference: Answer, whole: bool) -> Any:
    return extract.read_yes_no(text, whole=whole)


def _write_value(answer: Answer) -> str:
    return str(answer.value)


def _write_yes_no(answer: Answer) -> str:
    return "yes" if answer.value else "no"


KINDS: dict[str, Kind] = {
    "integer": Kind(_integer_problem, _write_value, _read_integer, _same),
    "number": Kind(_number_problem, _write_number, _read_number, _compare_number),
    "choice": Kind(_choice_problem, _write_value, _read_choice, _compare_choice),
    "text": Kind(_text_problem, _write_value, _read_text, _compare_text),
    "box": Kind(_box_problem, _write_box, _read_box, _compare_box),
    "yes-no": Kind(_yes_no_problem, _write_yes_no, _read_yes_no, _same),
}
