"""Accuracy by type of question, as three systems score it: one table of scorers each.

A scorer takes the stripped answer and the stripped gold text and gives [0, 1], or None where its
grader failed. The type stands in a
column of each record, so that the types of one batch may differ (the released code reads the type
of the first record for the whole batch). No type is scored by a guess: an unknown one is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from gnomon.grading.mathruler import grade_answer
from gnomon.grading.symbolic import default_verifier
from gnomon.parts import nearest, register
from gnomon.records import Outcome, Sample
from gnomon.rewards.sections import column_of, finite, first_block, section
from gnomon.rewards.text import (
    edit_similarity,
    f1,
    rouge_mean,
    word_error_rate,
)

Scorer = Callable[[str, str], float | None]
_FIRST_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
LADDER = np.array([0.5 + 0.05 * step for step in range(10)], np.float32)
"""Thresholds 0.50, 0.55, ..., 0.95 of the mean relative accuracy."""


def first_number(text: str) -> float | None:
    """The first number in the text; divided by 100 when the text ends with a percent sign.

    Thousands commas are not read: "1,200" is 1. Source: arXiv 2505.14677, code.

    >>> first_number("about 12 apples"), first_number("45%"), first_number("1,200")
    (12.0, 0.45, 1.0)
    """
    match = _FIRST_NUMBER.search(text)
    value = None if match is None else finite(match.group())
    return value / 100 if value is not None and text.endswith("%") else value


def relative_accuracy(prediction: float, gold: float) -> float:
    """Share of thresholds t in `LADDER` with |p - g| / (|g| + 1e-8) < 1 - t, in float32.

    Errors that equal a threshold are decided by the rounding of float32, as in the released codes:
    0.1 is inside 0.90. Source: mean relative accuracy, arXiv 2506.21277 and 2512.03043.

    >>> relative_accuracy(9, 10), relative_accuracy(10, 10), relative_accuracy(5, 10)
    (0.9, 1.0, 0.0)
    """
    error = np.float32(min(2.0, abs(prediction - gold) / (abs(gold) + 1e-8)))
    return float((error < np.float32(1) - LADDER).mean())


def relative_closeness(prediction: float, gold: float) -> float:
    """1 - min(1, |p - g| / |g|), and 0 for a gold value of 0. Source: arXiv 2506.21277.

    >>> relative_closeness(8, 10)
    0.8
    """
    return 1 - min(1.0, abs(prediction - gold) / abs(gold)) if gold else 0.0


def _numbers(prediction: str, gold: str) -> tuple[float, float] | None:
    values = finite(prediction.replace(",", "")), finite(gold.replace(",", ""))
    return None if values[0] is None or values[1] is None else (values[0], values[1])


def _exact(prediction: str, gold: str) -> float:
    return float(prediction == gold)


def _number_or_text(prediction: str, gold: str) -> float:
    wanted = finite(gold)
    if wanted is None:
        return float(prediction.lower() == gold.lower())
    return float(first_number(prediction) == wanted)


def _reading(prediction: str, gold: str) -> float:
    if not prediction and not gold:
        return 0.0
    wanted = finite(gold)
    if wanted is not None:
        return float(first_number(prediction) == wanted)
    return edit_similarity(prediction, gold)


def _both_say(prediction: str, gold: str) -> float:
    """Whole words; the released code finds "no" inside "know" as well."""
    words = [set(re.findall(r"[a-z]+", text.lower())) for text in (prediction, gold)]
    return float(any(all(word in each for each in words) for word in ("yes", "no")))


def _released_both_say(prediction: str, gold: str) -> float:
    texts = (prediction.lower(), gold.lower())
    return float(any(all(word in text for text in texts) for word in ("yes", "no")))


def label_f1(prediction: str, gold: str) -> float:
    """F1 of labels separated by commas, items not stripped: "B, E" is B and " E".

    The numbers of predicted and wanted labels are those of the lists, repeats included. Source:
    arXiv 2506.21277, code.

    >>> label_f1("B,E,F", "B,E"), label_f1("B, E", "B,E")
    (0.8, 0.5)
    """
    one, other = prediction.split(","), gold.split(",")
    return f1(len(set(one) & set(other)), len(one), len(other))


def _rounded(prediction: str, gold: str) -> float:
    found = _numbers(prediction, gold)
    return 0.0 if found is None else float(round(found[0], 2) == round(found[1], 2))


def _rounded_alike(prediction: str, gold: str) -> float:
    one, other = (any(mark in text for mark in ".,") for text in (prediction, gold))
    return _rounded(prediction, gold) if one == other else 0.0


def _words(prediction: str, gold: str) -> float:
    return max(0.0, 1 - word_error_rate(prediction, gold))


def _close(prediction: str, gold: str) -> float:
    found = _numbers(prediction, gold)
    return 0.0 if found is None else relative_closeness(*found)


def _ladder(prediction: str, gold: str) -> float:
    found = _numbers(prediction, gold)
    return 0.0 if found is None else relative_accuracy(*found)


def _mathruler(prediction: str, gold: str) -> float | None:
    return _unless_failed(grade_answer(prediction, gold)[0])


def _symbolic(prediction: str, gold: str) -> float | None:
    """math-verify on the texts as they stand; mathruler where that fails, not where it says no."""
    outcome, _ = default_verifier().compare(prediction, gold, "whole")
    if outcome is Outcome.CRASH:
        return _mathruler(prediction, gold)
    return _unless_failed(outcome)


def _unless_failed(outcome: Outcome) -> float | None:
    failed = outcome in (Outcome.TIMEOUT, Outcome.CRASH)
    return None if failed else float(outcome is Outcome.CORRECT)


VISIONARY: Mapping[str, Scorer] = {
    "OCR": _reading,
    "free-form": rouge_mean,
    "numerical": _number_or_text,
    "multiple choice": _number_or_text,
}
"""arXiv 2505.14677: edit similarity, ROUGE mean, or equal first numbers or texts."""
HUMANOMNI: Mapping[str, Scorer] = {
    "multiple choice": _exact,
    "judge": _both_say,
    "emer_ov_mc": label_f1,
    "numerical": _rounded_alike,
    "OCR": _words,
    "regression": _close,
}
"""arXiv 2506.21277; free-form answers need a judge, see ``humanomni-free-form``."""
ONETHINKER: Mapping[str, Scorer] = {
    "multiple choice": _mathruler,
    "numerical": _rounded,
    "regression": _ladder,
    "ocr": _words,
    "open-ended": rouge_mean,
    "math": _symbolic,
}
"""arXiv 2512.03043."""
RELEASED: Mapping[str, Mapping[str, Scorer]] = {"humanomni": {"judge": _released_both_say}}
TABLES = {"visionary": VISIONARY, "humanomni": HUMANOMNI, "onethinker": ONETHINKER}
System = Literal["visionary", "humanomni", "onethinker"]


def typed_score(
    prediction: str, gold: str, kind: str, *, system: System, mode: str = "strict"
) -> float | None:
    """Score of an answer by the table of ``system``; ValueError for a type that it lacks.

    None where the grader ran out of time or crashed: that is no wrong answer.

    >>> typed_score("45%", "0.45", "numerical", system="visionary")
    1.0
    """
    table = {**TABLES[system], **(RELEASED.get(system, {}) if mode == "released" else {})}
    if kind not in table:
        raise ValueError(f"{system} has no type of question {kind!r}{nearest(kind, table)}")
    return table[kind](prediction, gold)


@register("reward")
def typed_answer(
    response: str,
    sample: Sample,
    reference: Any,
    *,
    system: System,
    column: str = "problem_type",
    solution: str = "",
    mode: Literal["strict", "released"] = "strict",
) -> float | None:
    """Accuracy by type of question as Visionary-R1, HumanOmniV2 or OneThinker score it, in [0, 1].

    Reads the first answer block, stripped; without one, nothing ("") for visionary and humanomni
    and the whole response for onethinker. ``column`` holds the type, the sample's task where it is
    empty; the gold is the column ``solution``, from its own first answer block where it has one, or
    the answer itself. None without a gold, and where a grader failed. OneThinker's types are read
    in any case. "released" differs for humanomni's "judge" type alone, which there accepts "no"
    inside "know". Only one answer block counts, but by these systems' rules it can be gamed: a
    first number pays beside other text, and both "yes" and "no" may be written. ValueError for an
    unknown type. Source: arXiv 2505.14677, 2506.21277, 2512.03043.

    >>> asked = Sample("a", (), meta={"problem_type": "OCR"})
    >>> round(typed_answer("<answer>helo world</answer>", asked, "hello world",
    ...                    system="visionary"), 6)
    0.909091
    """
    gold = column_of(sample, solution) if solution else reference
    if gold is None:
        return None
    if system == "onethinker":
        said = section(response, "answer")
    else:
        said = (first_block(response, "answer") or "").strip()
    kind = str(column_of(sample, column)) if column else sample.task
    kind = kind.lower() if system == "onethinker" else kind
    return typed_score(said, section(str(gold), "answer"), kind, system=system, mode=mode)
