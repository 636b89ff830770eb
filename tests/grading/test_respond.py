from __future__ import annotations

import pytest
from pydantic import BaseModel

from gnomon.formats.grammar import Format
from gnomon.grading.respond import grade_response
from gnomon.parts import BoundPart, Part, part
from gnomon.records import Answer, Message, Outcome, Rollout, Sample


def raises_for_a_test(prediction, reference):
    """Fails with a long message."""
    raise RecursionError("deep " * 1000)


def returns_a_number(prediction, reference):
    """Forgets the Verdict."""
    return 1.0


def as_part(function):
    inputs = ("prediction", "reference")
    return BoundPart(Part("grader", function.__name__, function, inputs, BaseModel))


BOXED = part("format", "think-boxed")()
STRICT = part("grader", "strict")
FIVE = Sample("s", (Message("user", "2+3?"),), answer=Answer("integer", 5))


def grade(text, *, sample=FIVE, style=BOXED, grader=STRICT):
    return grade_response(sample, Rollout((1,), (0.0,), text, "end"), style, grader)


@pytest.mark.parametrize(
    ("text", "outcome", "reward"),
    [
        (r"<think> 2+3 </think> \boxed{5}", Outcome.CORRECT, 1.0),
        (r"<think> 2+3 </think> \boxed{6}", Outcome.WRONG, 0.0),
        (r"<think> 2+3 </think> \boxed{many}", Outcome.UNPARSEABLE_ANSWER, 0.0),
        ("5", Outcome.NO_ANSWER, 0.0),
    ],
)
def test_a_response_is_parsed_by_the_format_and_graded_by_the_grader(text, outcome, reward):
    graded = grade(text)
    assert (graded.verdict.outcome, graded.reward, graded.scores) == (outcome, reward, {})
    assert graded.rollout.text == text


def test_a_verdict_says_which_versions_of_format_and_grader_made_it():
    assert grade(r"<think> 2+3 </think> \boxed{5}").verdict.grader == "think-boxed/1 strict/2"
    assert grade("5", style=part("format", "direct")()).verdict.grader == "direct/1 strict/2"
    crashed = grade("5", grader=as_part(raises_for_a_test)).verdict
    assert crashed.grader == "think-boxed/1 raises_for_a_test"


def test_a_grader_that_raises_is_a_crash_with_its_reason():
    verdict = grade("5", grader=as_part(raises_for_a_test)).verdict
    assert verdict.outcome is Outcome.CRASH
    assert verdict.reason.startswith("RecursionError: deep") and len(verdict.reason) <= 500


def test_a_parser_that_raises_is_a_crash_too():
    def parse(text):
        raise KeyError("answer")

    verdict = grade("5", style=Format("odd", "", lambda thought, answer: answer, parse)).verdict
    assert (verdict.outcome, verdict.reason) == (Outcome.CRASH, "KeyError: 'answer'")


def test_a_grader_that_returns_no_verdict_is_a_crash_that_says_so():
    verdict = grade("5", grader=as_part(returns_a_number)).verdict
    assert verdict.outcome is Outcome.CRASH
    assert verdict.reason == "grader 'returns_a_number' returned 1.0; it has to return a Verdict"


def test_a_sample_without_a_reference_cannot_be_graded():
    verdict = grade("5", sample=Sample("s", (Message("user", "?"),))).verdict
    assert verdict.outcome is Outcome.UNPARSEABLE_REFERENCE
    assert verdict.reason == "the sample has no reference answer"
