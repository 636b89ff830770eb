r"""The PRIME grader, which MathIF uses: it finds an answer in a sentence and is tolerant.

Source: arXiv 2505.14810 (MathIF), released code. The released grader swallows the errors of its
LaTeX parser and then calls right answers wrong; here a failure of the worker is TIMEOUT or CRASH.
"""

from __future__ import annotations

import re
from fractions import Fraction

from gnomon.grading.extract import last_boxed, read_fraction
from gnomon.grading.mathruler import grade_answer, normalise_plain
from gnomon.grading.size import size_problem
from gnomon.grading.symbolic import Finding, Verifier, compare_expressions
from gnomon.records import Outcome

TOLERANCE = Fraction(1, 10_000)
_LEADS = ("answer:", "answer is", "answers are")
_TRAILS = ("is answer", "is the answer", "are answers", "are the answers")
_MARKERS = ("be ", "is ", "are ", "=", ": ", "get ", "be\n", "is\n", "are\n", ":\n", "get\n")
_JOINED = re.compile(" or | and ")
_WORDS = re.compile(r"(?<![\\A-Za-z])(?!sqrt|frac|pi|sin|cos|tan|log|exp)[A-Za-z]{2,}")


def extract_answer(text: str) -> str:
    r"""What the text gives as its answer, in the order of the released extraction.

    Behind the last lead-in ("answer is"), before a trailing one ("is the answer"), the content of
    the last box, without what follows the last ". ", behind the last of each marker ("is ", "=").
    Searches cross lines.

    >>> extract_answer("The answer is 42."), extract_answer("We get 7. Done")
    ('42', '7')
    """
    lower = text.lower()
    for lead in _LEADS:
        if lead in lower:
            text = text[lower.rfind(lead) + len(lead) :]
            lower = text.lower()
    for trail in _TRAILS:
        if trail in lower:
            text = text[: lower.rfind(trail)]
            lower = text.lower()
    boxed = last_boxed(text) or last_boxed(text.replace(r"\fbox{", r"\boxed{"))
    text = text if boxed is None else boxed
    text = text.rpartition(". ")[0] if ". " in text else text
    for marker in _MARKERS:
        text = text.rpartition(marker)[2]
    return text.strip().removesuffix(".").strip()


def prime_equal(prediction: str, reference: str, *, verifier: Verifier | None = None) -> Finding:
    r"""Outcome and reason of the PRIME comparison of a whole response with a reference.

    Right when the rules of mathruler say so; else when numbers agree within 1e-4 of the reference,
    its hundredth or its hundredfold; else when the texts agree without braces and round brackets;
    else element by element; else symbolically. The whole rest must be one expression.

    >>> prime_equal(r"\boxed{50}", "0.5")[0], prime_equal("", "4")[0]
    (<Outcome.CORRECT: 'correct'>, <Outcome.WRONG: 'wrong'>)
    """
    answer = extract_answer(prediction[-10_000:])
    if not answer:
        return Outcome.WRONG, "there is no answer"
    if bool(_JOINED.search(answer)) != bool(_JOINED.search(reference)):
        return Outcome.WRONG, "words join the elements of one side only"
    strict = grade_answer(answer, reference, verifier=verifier)
    if strict[0] is Outcome.CORRECT:
        return strict
    given, gold = _tidy(answer), _tidy(reference)
    if _near(given, gold) or _bare(given, gold) == _bare(gold, given):
        return Outcome.CORRECT, "within the tolerance, or equal without brackets"
    parts = _elements(given), _elements(gold)
    if len(parts[1]) > 1:
        return _each(given, gold, parts, verifier)
    return _symbolic(given, gold, verifier)


def _each(
    given: str, gold: str, parts: tuple[list[str], list[str]], verifier: Verifier | None
) -> Finding:
    ends = (given[:1], given[-1:]) == (gold[:1], gold[-1:]) or gold[:1] not in ("(", "[")
    if not ends or len(parts[0]) != len(parts[1]):
        return Outcome.WRONG, "the brackets or the numbers of elements differ"
    for one, other in zip(*parts, strict=True):
        if not _near(one, other):
            finding = _symbolic(one, other, verifier)
            if finding[0] is not Outcome.CORRECT:
                return finding
    return Outcome.CORRECT, "equal element by element"


def _symbolic(given: str, gold: str, verifier: Verifier | None) -> Finding:
    if _WORDS.search(given) or size_problem(given) is not None or size_problem(gold) is not None:
        return Outcome.WRONG, "no single expression"
    outcome, reason = compare_expressions(given, gold, verifier=verifier)
    failed = (Outcome.UNPARSEABLE_ANSWER, Outcome.UNPARSEABLE_REFERENCE)
    return (Outcome.WRONG if outcome in failed else outcome), reason


def _tidy(text: str) -> str:
    """Plain form, cut at the first underscore ("101_2" reads as 101)."""
    return normalise_plain(text).partition("_")[0] if "_" in text else text.strip()


def _near(given: str, gold: str) -> bool:
    one, other = read_fraction(given), read_fraction(gold)
    if one is None or other is None:
        return False
    return any(
        abs(one - other * scale) <= TOLERANCE * abs(other * scale)
        for scale in (Fraction(1, 100), Fraction(1), Fraction(100))
    )


def _bare(text: str, opposite: str) -> str:
    drop = "{}()" if opposite.startswith("(") else "{}()[]"
    text = "".join(text.split())
    if drop.endswith("]") and not (text.startswith("[") and text.endswith("]")):
        drop = "{}()"
    return text.translate({ord(mark): None for mark in drop})


def _elements(text: str) -> list[str]:
    inner = text[1:-1] if text[:1] in ("(", "[") and text[-1:] in (")", "]") else text
    return [part.strip() for part in inner.split(",")] if inner.count(",") < 64 else [text]
