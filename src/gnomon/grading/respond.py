"""From a response to its grade: the one path that reinforcement learning and evaluation share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gnomon.parts import BoundPart
from gnomon.records import Answer, Graded, Outcome, Rollout, Sample, Verdict

if TYPE_CHECKING:
    from gnomon.formats.grammar import Format


def grade_response(sample: Sample, rollout: Rollout, style: Format, grader: BoundPart) -> Graded:
    """Parse a response as ``style`` does and grade its answer against the sample's reference.

    The reward is the verdict's score; reward terms replace it. No exception of a parser or a grader
    escapes: it becomes outcome CRASH with the error as reason. A sample without a reference gives
    UNPARSEABLE_REFERENCE. The verdict carries name and version of format and grader. Source: ours.
    """
    verdict = _verdict(rollout.text, sample.answer, style, grader)
    judged = f"{style.identity} {verdict.grader or grader.part.name}"
    return Graded(rollout, verdict.stamped(judged), reward=verdict.score)


def _verdict(text: str, reference: Answer | None, style: Format, grader: BoundPart) -> Verdict:
    if reference is None:
        reason = "the sample has no reference answer"
        return Verdict(Outcome.UNPARSEABLE_REFERENCE, 0.0, reason=reason)
    try:
        prediction = style.parse(text).answer
    except Exception as error:  # noqa: BLE001 - one odd response must not end a run of many hours
        return Verdict(Outcome.CRASH, 0.0, reason=f"{type(error).__name__}: {error}"[:500])
    return judge(prediction, reference, grader, text)


def judge(
    prediction: str | None, reference: Answer, grader: BoundPart, response: str | None = None
) -> Verdict:
    """The verdict of a grader on one extracted answer; whatever it raises becomes CRASH.

    ``response`` is the text that it was extracted from, for graders that ask for it.
    """
    known = {"prediction": prediction, "reference": reference, "response": response}
    try:
        verdict = grader.supply(known)
    except Exception as error:  # noqa: BLE001 - graders of users may raise anything
        return Verdict(Outcome.CRASH, 0.0, reason=f"{type(error).__name__}: {error}"[:500])
    if not isinstance(verdict, Verdict):
        reason = f"grader {grader.part.name!r} returned {verdict!r:.80}; it has to return a Verdict"
        return Verdict(Outcome.CRASH, 0.0, reason=reason)
    return verdict
