"""Graders: one extracted text against one typed reference gives one verdict.

A verdict carries the name and version of its grader (`VERSIONS`), and results store it. A version
grows whenever a change lets some text be judged differently.
"""

from __future__ import annotations

from gnomon.grading.kinds import KINDS, Switches
from gnomon.grading.mathruler import grade_answer
from gnomon.grading.symbolic import default_verifier
from gnomon.grading.visual import VISUAL_KINDS
from gnomon.parts import nearest, register
from gnomon.records import Answer, Outcome, Verdict

MAX_CHARS = 1_000_000
"""A longer answer is not read (ours)."""

VERSIONS = {
    "strict": 2, "lenient": 2, "revisual": 1, "released": 2, "math-verify": 1, "prompted-mask": 1,
}  # fmt: skip


@register("grader")
def strict(
    prediction: str | None,
    reference: Answer,
    *,
    iou: float = 0.5,
    tolerance: float = 1e-6,
    distance: float = 10.0,
) -> Verdict:
    """Correct when the whole extracted text is the reference answer, after the reader's clean-up.

    ``prediction`` is the text that the format found, None when it found none. ``iou``: least
    intersection over union of a right box, mask, polygon, span or track; these score their IoU,
    lists, sets and several boxes the share that is right, and other kinds 1 or 0. ``tolerance``:
    relative, on numbers. ``distance``: of a right point, in pixels. Never raises: a reference that
    cannot be used gives UNPARSEABLE_REFERENCE and is never correct, a missing or blank answer
    NO_ANSWER, an unreadable one UNPARSEABLE_ANSWER, each with its reason. Source: ours.

    >>> strict("5 cm", Answer("integer", 5)).outcome
    <Outcome.CORRECT: 'correct'>
    """
    verdict = _grade(prediction, reference, True, Switches(iou, tolerance, distance))
    return stamped(verdict, "strict", span=prediction)


@register("grader")
def lenient(
    prediction: str | None,
    reference: Answer,
    *,
    iou: float = 0.5,
    tolerance: float = 1e-6,
    distance: float = 10.0,
) -> Verdict:
    """Correct when the last value of the reference's kind in the text is the reference answer.

    For direct answers of base models, in evaluation: as a reward it would pay for lists of guesses.
    Text and choices without options are right when the last non-empty line is or ends with the
    reference. Settings, outcomes and errors as in `strict`. Source: ours.

    >>> lenient("There are 3 + 2 = 5 circles.", Answer("integer", 5)).outcome
    <Outcome.CORRECT: 'correct'>
    """
    verdict = _grade(prediction, reference, False, Switches(iou, tolerance, distance))
    return stamped(verdict, "lenient", span=prediction)


@register("grader")
def revisual(prediction: str | None, reference: Answer) -> Verdict:
    r"""The released ReVisual-R1 comparison: whole texts by the rules of mathruler 0.1.

    The reference may be of any kind but a place in an image; it is compared by its text. Outcomes
    as in `strict`; TIMEOUT and CRASH come from the symbolic worker. Source: arXiv 2506.04207,
    released code (`grade_answer`).

    >>> gold = Answer("choice", "A")
    >>> revisual("(A)", gold).correct, revisual("A.", gold).correct
    (True, False)
    """
    return stamped(_revisual(prediction, reference), "revisual")


def _revisual(prediction: str | None, reference: Answer) -> Verdict:
    problem = validate_reference(reference)
    if problem is None and reference.kind in VISUAL_KINDS:
        problem = "mathruler compares texts, not places; use the grader 'strict'"
    if problem is not None:
        return Verdict(Outcome.UNPARSEABLE_REFERENCE, 0.0, prediction, reason=problem)
    if prediction is None:
        return missing(None)
    outcome, reason = grade_answer(prediction, reference_text(reference))
    right = float(outcome is Outcome.CORRECT)
    return Verdict(outcome, right, prediction, prediction.strip(), reason)


@register("grader", "math-verify")
def math_verify(prediction: str | None, reference: Answer) -> Verdict:
    r"""The library math-verify on the text as it stands, in a killable worker.

    A peer to compare with (`gnomon grade FILE --against math-verify`). The reference, and a
    prediction without a box or a dollar sign, are put into a box, since it reads LaTeX only there.
    Outcomes as in `strict`. Source: math-verify 0.9, with its own search for the answer.

    >>> from gnomon.parts import find
    >>> find("grader", "math-verify").inputs
    ('prediction', 'reference')
    """
    return stamped(_math_verify(prediction, reference), "math-verify", span=prediction)


def _math_verify(prediction: str | None, reference: Answer) -> Verdict:
    problem = validate_reference(reference)
    if problem is not None:
        return Verdict(Outcome.UNPARSEABLE_REFERENCE, 0.0, reason=problem)
    if prediction is None or not prediction.strip():
        return missing(prediction)
    marked = "\\boxed" in prediction or "$" in prediction
    given = prediction[-MAX_CHARS:] if marked else rf"\boxed{{{prediction[-MAX_CHARS:]}}}"
    gold = rf"\boxed{{{reference_text(reference)}}}"
    outcome, reason = default_verifier().compare(given, gold, "whole")
    return Verdict(outcome, float(outcome is Outcome.CORRECT), reason=reason)


def stamped(verdict: Verdict, name: str, shown: str = "", span: str | None = None) -> Verdict:
    """The verdict with the name (or ``shown``) and version of its grader, and the graded span."""
    grader = f"{shown or name}/{VERSIONS[name]}"
    return verdict.stamped(grader, span)


def validate_reference(answer: Answer) -> str | None:
    """The reason why a reference cannot be graded against, or None; to be asked on loading.

    >>> validate_reference(Answer("integer", "five"))
    "an integer answer needs an int, not 'five'"
    """
    kind = KINDS.get(answer.kind)
    if kind is None:
        return f"there is no kind of answer named {answer.kind!r}{nearest(str(answer.kind), KINDS)}"
    return kind.problem(answer)


def reference_text(answer: Answer) -> str:
    """The canonical text of a valid reference: what a perfect response gives as its answer.

    `strict` grades this text as correct. Raises ValueError with the reason when the reference is
    not valid.

    >>> reference_text(Answer("box", (1.0, 2.0, 30.5, 40.0)))
    '[1, 2, 30.5, 40]'
    """
    problem = validate_reference(answer)
    if problem is not None:
        raise ValueError(f"{problem}; correct the answer or leave the record out")
    return KINDS[answer.kind].write(answer)


def _grade(prediction: str | None, reference: Answer, whole: bool, switches: Switches) -> Verdict:
    problem = validate_reference(reference)
    if problem is not None:
        return Verdict(Outcome.UNPARSEABLE_REFERENCE, 0.0, prediction, reason=problem)
    if prediction is None or not prediction.strip():
        return missing(prediction)
    kind = KINDS[reference.kind]
    readable = len(prediction) <= MAX_CHARS
    value = kind.read(prediction, reference, whole) if readable else None
    if value is None:
        reason = f"no {reference.kind} can be read in the answer"
        return Verdict(Outcome.UNPARSEABLE_ANSWER, 0.0, prediction, reason=reason)
    return kind.compare(value, reference, switches)


def missing(prediction: str | None) -> Verdict:
    """The verdict on a response without an answer."""
    return Verdict(Outcome.NO_ANSWER, 0.0, prediction, reason="the response holds no answer")
