from __future__ import annotations

import time
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import BAD, EXAMPLES
from gnomon.grading.grade import lenient, reference_text, strict, validate_reference
from gnomon.grading.kinds import KINDS
from gnomon.records import Answer, AnswerKind, Outcome

HOSTILE = {
    "brackets": "[" * 100_000,
    "pairs": "[]" * 50_000,
    "digits": "9" * 100_000,
    "powers": "9^" * 50_000,
    "quotes": "'\\" * 50_000,
    "calls": "f(" * 50_000,
    "words": "a" * 100_000,
    "commas": "1," * 50_000,
    "minus": "-" * 100_000,
    "blanks": " " * 100_000,
    "lines": "a.\n" * 40_000,
    "colons": "1:" * 50_000,
    "keys": "Route Name: " * 10_000,
    "fences": "```\n" * 30_000,
    "boxes": "[1, 2, 3, 4]" * 10_000,
    "points": "(1, 2)" * 20_000,
    "spans": "1-2 " * 20_000,
    "nested": '{"a":' * 20_000,
    "units": "5 " + "m·" * 50_000,
    "fractions": r"\frac" * 20_000,
    "controls": "\x00\ud800\u202e" * 10_000,
}


def ids(value: Any) -> str | None:
    return value.kind if isinstance(value, Answer) else None


WRONG = [(answer, text) for answer, _, wrong in EXAMPLES for text in wrong]


def test_every_kind_has_an_example_and_a_bad_reference() -> None:
    assert {answer.kind for answer, *_ in EXAMPLES} == set(KINDS) == set(get_args(AnswerKind))


@pytest.mark.parametrize(("answer", "right", "wrong"), EXAMPLES, ids=ids)
def test_a_right_answer_is_right_and_so_is_the_canonical_one(
    answer: Answer, right: str, wrong: list[str]
) -> None:
    assert validate_reference(answer) is None
    for text in (right, reference_text(answer)):
        verdict = strict(text, answer)
        assert verdict.outcome is Outcome.CORRECT, verdict
        assert verdict.score == 1.0
        assert verdict.span == text
        assert verdict.grader == "strict/2"


@pytest.mark.parametrize(("answer", "text"), WRONG, ids=ids)
def test_a_wrong_answer_a_spray_and_a_repetition_are_not_right(answer: Answer, text: str) -> None:
    verdict = strict(text, answer)
    assert verdict.outcome in (Outcome.WRONG, Outcome.UNPARSEABLE_ANSWER), verdict
    assert verdict.score < 1.0
    assert verdict.reason


@pytest.mark.parametrize(("kind", "value"), BAD)
def test_a_bad_reference_is_named_and_never_correct(kind: Any, value: Any) -> None:
    answer = Answer(kind, value)
    problem = validate_reference(answer)
    assert problem
    for text in ("5", str(value), "", None):
        verdict = strict(text, answer)
        assert verdict.outcome is Outcome.UNPARSEABLE_REFERENCE
        assert verdict.score == 0.0
        assert verdict.reason == problem


@pytest.mark.parametrize(("answer", "right", "wrong"), EXAMPLES, ids=ids)
def test_a_canonical_text_loads_as_a_reference_that_it_answers(
    answer: Answer, right: str, wrong: list[str]
) -> None:
    text = reference_text(answer)
    loaded = KINDS[answer.kind].load(text)
    if answer.kind in ("route", "puzzle", "parts"):  # whose references say more than an answer does
        assert loaded is None
        return
    again = Answer(answer.kind, loaded, answer.options)
    assert validate_reference(again) is None
    assert strict(text, again).correct


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(("answer", "right", "wrong"), EXAMPLES, ids=ids)
def test_no_hostile_text_is_right_or_takes_a_second(
    answer: Answer, right: str, wrong: list[str], name: str
) -> None:
    def seconds() -> float:
        start = time.process_time()
        assert not strict(HOSTILE[name], answer).correct
        lenient(HOSTILE[name], answer)
        return time.process_time() - start

    # Once more where the first was slow: the memory of all other tests may be tidied within it.
    assert seconds() < 1.0 or seconds() < 1.0


@pytest.mark.parametrize(("answer", "right", "wrong"), EXAMPLES, ids=ids)
def test_every_right_answer_at_once_is_not_right(
    answer: Answer, right: str, wrong: list[str]
) -> None:
    if answer.kind == "route":
        return  # text around its blocks is not read: one route among other answers is one route
    everything = "\n".join(text for _, text, _ in EXAMPLES)
    assert not strict(everything, answer).correct


@settings(deadline=None, max_examples=25)
@given(text=st.text())
@pytest.mark.parametrize(("answer", "right", "wrong"), EXAMPLES, ids=ids)
def test_no_grader_raises_on_any_text(
    answer: Answer, right: str, wrong: list[str], text: str
) -> None:
    for grader in (strict, lenient):
        verdict = grader(text, answer)
        assert 0.0 <= verdict.score <= 1.0
        assert verdict.correct or verdict.score < 1.0


def test_loading_refuses_what_is_not_of_the_kind() -> None:
    for kind in KINDS.keys() - {"text", "code", "expression", "choice", "list", "set"}:
        assert KINDS[kind].load("no such thing (at all") is None, kind


coordinate = st.integers(0, 500)
sizes = st.integers(1, 500)
some_boxes = st.tuples(coordinate, coordinate, sizes, sizes).map(
    lambda t: (t[0], t[1], t[0] + t[2], t[1] + t[3])
)
some_points = st.tuples(coordinate, coordinate)
some_spans = st.tuples(coordinate, sizes).map(lambda t: (t[0] / 4, (t[0] + t[1]) / 4))
words = st.text("abcdefgh", min_size=1, max_size=6)
random_references = st.one_of(
    st.integers(0, 10**6).map(lambda v: Answer("count", v)),
    st.tuples(st.integers(1, 999), st.sampled_from(["m", "kg", "m/s^2", "kJ", "%", "°C"])).map(
        lambda t: Answer("quantity", f"{t[0]} {t[1]}")
    ),
    st.lists(words, min_size=1, max_size=5).map(lambda v: Answer("list", tuple(v))),
    st.sets(words, min_size=1, max_size=5).map(lambda v: Answer("set", frozenset(v))),
    st.integers(1, 9)
    .flatmap(lambda n: st.permutations(range(1, n + 1)))
    .map(lambda v: Answer("permutation", tuple(v))),
    st.sets(st.tuples(words, words, words), min_size=1, max_size=4).map(
        lambda v: Answer("operations", tuple(sorted(v)))
    ),
    st.lists(some_boxes, min_size=1, max_size=4).map(lambda v: Answer("boxes", tuple(v))),
    some_boxes.map(lambda v: Answer("point", v)),
    some_points.map(lambda v: Answer("point", v)),
    st.lists(some_points, min_size=1, max_size=4).map(lambda v: Answer("points", tuple(v))),
    st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=1, max_size=4).map(
        lambda v: Answer("mask", v)
    ),
    some_boxes.map(
        lambda b: Answer("polygon", ((b[0], b[1]), (b[2], b[1]), (b[2], b[3]), (b[0], b[3])))
    ),
    st.lists(st.tuples(words, some_boxes), min_size=1, max_size=1).map(
        lambda v: Answer("layout", tuple(v))
    ),
    some_spans.map(lambda v: Answer("span", v)),
    st.lists(some_spans, min_size=1, max_size=4).map(lambda v: Answer("spans", tuple(v))),
    st.dictionaries(st.integers(0, 99).map(str), some_boxes, min_size=1, max_size=4).map(
        lambda v: Answer("track", v)
    ),
    some_boxes.map(lambda v: Answer("action", {"action": "click", "bbox": v})),
    words.map(lambda v: Answer("action", {"action": "type", "text": v})),
    st.dictionaries(words, some_boxes.map(lambda v: Answer("box", v)), min_size=1, max_size=3).map(
        lambda v: Answer("parts", v)
    ),
)


@settings(deadline=None, max_examples=300)
@given(random_references)
def test_the_canonical_text_of_any_reference_is_right(answer: Answer) -> None:
    verdict = strict(reference_text(answer), answer)
    assert verdict.correct, verdict
    assert verdict.score == pytest.approx(1.0)


@settings(deadline=None, max_examples=300)
@given(random_references, random_references)
def test_the_answer_to_one_question_is_right_for_another_only_when_it_fits(
    one: Answer, other: Answer
) -> None:
    verdict = strict(reference_text(one), other)
    if one.kind == other.kind and one.value == other.value:
        assert verdict.correct
    assert verdict.correct or verdict.score < 1.0


@pytest.mark.parametrize(("answer", "right", "wrong"), EXAMPLES, ids=ids)
def test_the_value_that_was_read_is_told(answer: Answer, right: str, wrong: list[str]) -> None:
    assert strict(right, answer).value is not None
    missing = strict(None, answer)
    assert (missing.outcome, missing.value, missing.score) == (Outcome.NO_ANSWER, None, 0.0)
