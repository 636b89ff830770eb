from __future__ import annotations

import time
from fractions import Fraction
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.grading.geometry import box_iou
from gnomon.grading.grade import lenient, reference_text, revisual, strict, validate_reference
from gnomon.grading.kinds import KINDS
from gnomon.parts import part
from gnomon.records import Answer, AnswerKind, Outcome

OPTIONS = {"A": "red", "B": "blue", "C": "green"}
ROOT = Answer("number", r"2\sqrt{3}")
side = st.integers(0, 500)
boxes = st.tuples(side, side, st.integers(1, 500), st.integers(1, 500)).map(
    lambda t: (float(t[0]), float(t[1]), float(t[0] + t[2]), float(t[1] + t[3]))
)
words = st.text("abcxyz", min_size=1, max_size=8)
references = st.one_of(
    st.integers(-(10**9), 10**9).map(lambda v: Answer("integer", v)),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda v: Answer("number", v)),
    st.integers(-1000, 1000).map(lambda v: Answer("number", v)),
    st.sampled_from("ABC").map(lambda v: Answer("choice", v, OPTIONS)),
    words.map(lambda v: Answer("choice", v)),
    words.map(lambda v: Answer("text", v)),
    st.booleans().map(lambda v: Answer("yes-no", v)),
    boxes.map(lambda v: Answer("box", v)),
)


def outcome(prediction: str | None, kind: Any, value: Any, **settings: Any) -> Outcome:
    return strict(prediction, Answer(kind, value), **settings).outcome


@pytest.mark.parametrize("name", ["strict", "lenient", "revisual"])
def test_every_grader_is_a_part(name: str) -> None:
    verdict = part("grader", name).supply({"prediction": "5", "reference": Answer("integer", 5)})
    assert verdict.correct
    assert verdict.score == 1.0


@settings(deadline=None)
@given(references)
def test_the_canonical_text_of_every_reference_is_graded_correct(reference: Answer) -> None:
    text = reference_text(reference)
    for grader in (strict, lenient):
        verdict = grader(text, reference)
        assert verdict.correct, verdict
        assert verdict.score == 1.0
        assert verdict.span == text


@settings(deadline=None)
@given(st.text(), references)
def test_no_grader_raises_and_only_a_right_answer_scores_fully(
    text: str, reference: Answer
) -> None:
    for grader in (strict, lenient):
        verdict = grader(text, reference)
        assert 0.0 <= verdict.score <= 1.0
        assert verdict.reason
        assert verdict.correct or verdict.score < 1.0


@pytest.mark.parametrize("grader", [strict, lenient, revisual])
def test_a_missing_answer_is_not_a_wrong_answer(grader: Any) -> None:
    assert grader(None, Answer("integer", 5)).outcome is Outcome.NO_ANSWER


@pytest.mark.parametrize("grader", [strict, lenient])
def test_a_blank_answer_is_a_missing_answer(grader: Any) -> None:
    assert grader(" \n", Answer("integer", 5)).outcome is Outcome.NO_ANSWER


@pytest.mark.parametrize(
    ("kind", "text"), [("integer", "five"), ("yes-no", "perhaps"), ("box", "[1, 2]")]
)
def test_an_unreadable_answer_is_typed_and_says_what_was_sought(kind: Any, text: str) -> None:
    values = {"integer": 5, "yes-no": True, "box": (0, 0, 1, 1)}
    verdict = strict(text, Answer(kind, values[kind]))
    assert verdict.outcome is Outcome.UNPARSEABLE_ANSWER
    assert kind in verdict.reason


def test_an_answer_beyond_a_megabyte_is_not_read() -> None:
    start = time.process_time()
    assert outcome("5" + " " * 2_000_000, "integer", 5) is Outcome.UNPARSEABLE_ANSWER
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer("integer", "5"), "needs an int"),
        (Answer("integer", True), "needs an int"),
        (Answer("integer", 10**60), "50 digits"),
        (Answer("number", float("nan")), "finite"),
        (Answer("number", float("inf")), "finite"),
        (Answer("number", 10**400), "finite"),
        (Answer("number", None), "finite"),
        (Answer("number", True), "finite"),
        (Answer("number", "many"), "neither a number nor an expression"),
        (Answer("number", "9^{9^9}"), "too large"),
        (Answer("choice", "D", OPTIONS), "not among the options"),
        (Answer("choice", "..."), "needs a label"),
        (Answer("choice", 1), "needs a label"),
        (Answer("text", " ?! "), "needs text"),
        (Answer("text", None), "needs text"),
        (Answer("box", (5, 0, 1, 1)), "x1 < x2"),
        (Answer("box", [0, 0, 1]), "four finite numbers"),
        (Answer("yes-no", "yes"), "true or false"),
        (Answer("intger", 5), "did you mean 'integer'"),  # type: ignore[arg-type]
    ],
)
@pytest.mark.parametrize("grader", [strict, lenient, revisual])
def test_a_reference_that_cannot_be_used_never_scores_correct(
    grader: Any, answer: Answer, reason: str
) -> None:
    assert reason in (validate_reference(answer) or "")
    for prediction in (str(answer.value), None):
        verdict = grader(prediction, answer)
        assert verdict.outcome is Outcome.UNPARSEABLE_REFERENCE
        assert verdict.score == 0.0
        assert reason in verdict.reason
    with pytest.raises(ValueError, match="leave the record out"):
        reference_text(answer)


def test_a_usable_reference_has_no_problem() -> None:
    assert validate_reference(ROOT) is None
    assert validate_reference(Answer("choice", "A", OPTIONS)) is None


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Answer("integer", -5), "-5"),
        (Answer("number", 5.0), "5"),
        (Answer("number", 0.25), "0.25"),
        (ROOT, r"2\sqrt{3}"),
        (Answer("choice", "A", OPTIONS), "A"),
        (Answer("yes-no", False), "no"),
        (Answer("box", (1, 2.5, 3, 4)), "[1, 2.5, 3, 4]"),
    ],
)
def test_a_reference_has_a_canonical_text(answer: Answer, text: str) -> None:
    assert reference_text(answer) == text


@pytest.mark.parametrize("text", ["5", "5.0", "5 cm", r"\frac{10}{2}", "x=5", "+5."])
def test_strict_accepts_any_spelling_of_the_integer(text: str) -> None:
    assert outcome(text, "integer", 5) is Outcome.CORRECT


@pytest.mark.parametrize("text", ["5 or 6", "1 2 3 4 5", "5, 6", "the answer is 5", "5 apples"])
def test_strict_refuses_lists_and_sentences(text: str) -> None:
    assert outcome(text, "integer", 5) is Outcome.UNPARSEABLE_ANSWER


@pytest.mark.parametrize("text", ["A or B or C", "A, B, C", "ABC", "red or blue"])
def test_strict_refuses_a_spray_of_options(text: str) -> None:
    assert not strict(text, Answer("choice", "A", OPTIONS)).correct


def test_lenient_takes_the_last_value() -> None:
    assert lenient("First 4, no: 5", Answer("integer", 5)).correct
    assert not lenient("5, or rather 4", Answer("integer", 5)).correct
    assert lenient("so it is (B)", Answer("choice", "B", OPTIONS)).correct
    assert lenient("I know: no", Answer("yes-no", False)).correct
    assert lenient("at [0, 0, 9, 9] or [0, 0, 10, 10]", Answer("box", (0, 0, 10, 10))).score == 1.0
    assert lenient("It is about 2.5 m", Answer("number", 2.5)).correct


def test_lenient_text_is_or_ends_the_last_line() -> None:
    assert lenient("Hm.\nThe colour is dark red.", Answer("text", "dark red")).correct
    assert lenient("It is infrared", Answer("text", "red")).outcome is Outcome.WRONG
    assert lenient("red, no blue", Answer("choice", "red")).outcome is Outcome.WRONG
    assert lenient("It is blue", Answer("choice", "blue")).correct


def test_a_choice_without_options_is_its_own_text() -> None:
    assert strict("(a)", Answer("choice", "A")).correct
    assert strict("Dark Red", Answer("choice", "dark red")).correct
    assert strict("B", Answer("choice", "A")).outcome is Outcome.WRONG
    assert lenient("A circle? The answer is B", Answer("choice", "B")).correct


def test_numbers_agree_within_the_tolerance() -> None:
    assert outcome("0.1", "number", 0.1) is Outcome.CORRECT
    assert outcome("1/3", "number", 0.3333) is Outcome.WRONG
    assert outcome("1/3", "number", 0.3333, tolerance=1e-3) is Outcome.CORRECT


def test_the_value_of_a_number_is_a_float() -> None:
    assert strict("1/2", Answer("number", 0.5)).value == 0.5
    assert not isinstance(strict("1/2", Answer("number", 0.5)).value, Fraction)


@pytest.mark.parametrize("text", [r"\sqrt{12}", "2√3", "√(12)", r"\frac{6}{\sqrt{3}}"])
def test_expressions_are_compared_symbolically(text: str) -> None:
    assert strict(text, ROOT).correct


@pytest.mark.parametrize("text", ["12", r"\sqrt{11}", r"2\sqrt{3}, 5", r"\frac{1}{2}"])
def test_another_expression_is_wrong(text: str) -> None:
    assert strict(text, ROOT).outcome is Outcome.WRONG


@pytest.mark.parametrize(
    "text", ["3=5", "1=2=5", "3 or 5", "5 is it", "9^{9^{9}}", "seven", "x" * 10_000 + "5"]
)
def test_a_doubtful_or_huge_expression_is_unreadable(text: str) -> None:
    assert outcome(text, "number", 5.0) is Outcome.UNPARSEABLE_ANSWER


def test_a_named_value_is_read_and_an_equation_only_for_an_equation() -> None:
    assert strict(r"y = \sqrt{12}", ROOT).correct
    assert strict("1+x=y", Answer("number", "y=x+1")).outcome in (Outcome.CORRECT, Outcome.WRONG)


def test_lenient_reads_the_last_formula_for_an_expression() -> None:
    assert lenient(r"First $\sqrt{3}$, then $\sqrt{12}$.", ROOT).correct
    assert lenient(r"\sqrt{12}", ROOT).correct
    assert lenient("we get 0.5", Answer("number", r"\frac{1}{2}")).correct


def test_a_box_scores_its_iou_and_is_right_from_the_setting_on() -> None:
    gold = Answer("box", (0, 0, 10, 10))
    half = strict("[0, 0, 10, 5]", gold)
    assert half.correct
    assert half.score == 0.5
    assert half.value == (0.0, 0.0, 10.0, 5.0)
    stricter = strict("[0, 0, 10, 5]", gold, iou=0.51)
    assert stricter.outcome is Outcome.WRONG
    assert stricter.score == 0.5


def test_a_box_over_the_whole_image_is_wrong() -> None:
    assert outcome("[0, 0, 1000, 1000]", "box", (10, 10, 60, 60)) is Outcome.WRONG


@given(boxes, boxes)
def test_iou_is_symmetric_and_bounded(one: Any, other: Any) -> None:
    assert box_iou(one, other) == box_iou(other, one)
    assert 0.0 <= box_iou(one, other) <= 1.0
    assert box_iou(one, one) == 1.0


def test_empty_boxes_have_no_iou() -> None:
    assert box_iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0.0
    assert box_iou((0, 0, 1, 1), (1, 1, 2, 2)) == 0.0


def test_the_table_covers_every_kind_of_answer() -> None:
    assert set(KINDS) == set(get_args(AnswerKind))


def test_revisual_compares_the_text_of_the_reference() -> None:
    assert revisual("(A)", Answer("choice", "A", OPTIONS)).correct
    assert revisual("A.", Answer("choice", "A", OPTIONS)).outcome is Outcome.WRONG
    assert revisual(r"\sqrt{12}", ROOT).correct
    assert revisual("1,000", Answer("number", 1000.0)).value == "1,000"


def test_revisual_refuses_boxes_and_names_the_other_grader() -> None:
    verdict = revisual("[0, 0, 1, 1]", Answer("box", (0, 0, 1, 1)))
    assert verdict.outcome is Outcome.UNPARSEABLE_REFERENCE
    assert "strict" in verdict.reason
