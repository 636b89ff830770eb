from __future__ import annotations

import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.grading.constraints import (
    CONSTRAINTS,
    ConstraintError,
    extract_response,
    follows,
    hard_accuracy,
    soft_accuracy,
)
from gnomon.grading.tokens import word_tokens

EXISTENCE, FREQUENCY = "keywords:existence", "keywords:frequency"
FORBIDDEN, LANGUAGE = "keywords:forbidden_words", "language:response_language"
WORDS, BULLETS = (
    "length_constraint_checkers:number_words",
    "detectable_format:number_bullet_lists",
)
HIGHLIGHTS = "detectable_format:number_highlighted_sections"
SECTIONS, REPEAT = "detectable_format:multiple_sections", "combination:repeat_prompt"
END, QUOTES = "startend:end_checker", "startend:quotation"
CAPITALS, UPPER = "change_case:capital_word_frequency", "change_case:english_capital"
LOWER, COMMA = "change_case:english_lowercase", "punctuation:no_comma"
QUESTION = "Any other questions?"

CASES: list[tuple[str, dict[str, Any], str, bool]] = [
    # the worked examples of the specification
    (EXISTENCE, {"keywords": ["find", "must"]}, "We FINDing mustard", True),
    (EXISTENCE, {"keywords": ["find", "must"]}, "We find x.", False),
    (
        FREQUENCY,
        {"keyword": "than", "frequency": 2, "relation": "at least"},
        "Thank you. More than enough.",
        True,
    ),
    (FORBIDDEN, {"forbidden_words": ["case"]}, "All cases done.", True),
    (FORBIDDEN, {"forbidden_words": ["case"]}, "In this Case, x=1.", False),
    (WORDS, {"num_words": 5, "relation": "less than"}, "x^2 + 3.5 = y", False),
    (WORDS, {"num_words": 6, "relation": "less than"}, "x^2 + 3.5 = y", True),
    (BULLETS, {"num_bullets": 1}, "* a\n-3 is the root", False),
    (BULLETS, {"num_bullets": 2}, "* a\n-3 is the root", True),
    (BULLETS, {"num_bullets": 1}, "1. a\n---", True),
    (BULLETS, {"num_bullets": 1}, "**Bold**\n* a", True),
    (HIGHLIGHTS, {"num_highlights": 2}, "*one* and **two**", True),
    (HIGHLIGHTS, {"num_highlights": 2}, "**two**", False),
    (HIGHLIGHTS, {"num_highlights": 1}, "**two**", True),
    (HIGHLIGHTS, {"num_highlights": 1}, "2*3*4 = 24", True),
    (UPPER, {}, "THE ANSWER IS 42 AND WE ARE DONE.", True),
    (UPPER, {}, r"THE ANSWER IS \boxed{42} AND WE ARE DONE.", False),
    (LOWER, {}, "42", False),
    (LANGUAGE, {"language": "es"}, "42 + 1", True),
    (END, {"end_phrase": QUESTION}, 'It is 4. any other questions?" ', True),
    (END, {"end_phrase": QUESTION}, r"It is 4. Any other questions? \boxed{4}", False),
    (
        CAPITALS,
        {"capital_frequency": 3, "capital_relation": "at least"},
        "Let A and BC be on AB-CD; X1 is 5. I see.",
        True,
    ),
    # the rest of each rule
    (FORBIDDEN, {"forbidden_words": ["case"]}, "a case-study", False),
    (FORBIDDEN, {"forbidden_words": ["case"]}, "a case_study", True),
    (LANGUAGE, {"language": "de"}, "Das ist die Antwort auf die Frage nach dem Sinn.", True),
    (LANGUAGE, {"language": "en"}, "Das ist die Antwort auf die Frage nach dem Sinn.", False),
    (BULLETS, {"num_bullets": 1}, "*\n* a", True),
    (SECTIONS, {"section_spliter": "Section", "num_sections": 2}, "Section 1 a Section 2 b", True),
    (SECTIONS, {"section_spliter": "SECTION", "num_sections": 1}, "Section 1 a", False),
    (REPEAT, {"prompt_to_repeat": "Find X. "}, " find x. It is 4", True),
    (REPEAT, {"prompt_to_repeat": "Find x."}, "Sure! Find x.", False),
    (QUOTES, {}, ' "It is 4." ', True),
    (QUOTES, {}, '"', False),
    (QUOTES, {}, "“It is 4.”", False),
    (
        CAPITALS,
        {"capital_frequency": 6, "capital_relation": "at least"},
        "Let A and BC be on AB-CD; X1 is 5. I see.",
        False,
    ),
    (LOWER, {}, "the answer is four and we are done with it.", True),
    (COMMA, {}, "no commas here", True),
    (COMMA, {}, "1,000", False),
]


@pytest.mark.parametrize(("name", "settings", "text", "followed"), CASES)
def test_each_constraint_is_checked_exactly(
    name: str, settings: dict[str, Any], text: str, followed: bool
) -> None:
    assert follows(text, name, settings) is followed
    assert follows(text, name, settings, "released") is followed


def test_there_are_fifteen_constraints_and_each_is_tried() -> None:
    assert len(CONSTRAINTS) == 15
    assert {name for name, *_ in CASES} == set(CONSTRAINTS)


@pytest.mark.parametrize(
    ("text", "response"),
    [
        ("a</think>b</think>c", "b"),
        ("<think>never closed", "never closed"),
        ("<think>t</think><answer>5</answer> Bye", "5"),
        ("plain", "plain"),
        ("", ""),
        (["first", "second"], "first"),
    ],
)
def test_the_response_is_what_stands_behind_the_thought(text: Any, response: str) -> None:
    assert extract_response(text) == response


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_response_follows_nothing(text: str) -> None:
    assert not follows(text, COMMA, {})
    assert not follows(text, WORDS, {"num_words": 5, "relation": "less than"})


def test_keywords_are_escaped_in_strict_mode_only() -> None:
    dotted = {"keywords": ["a.c"]}
    assert not follows("abc", EXISTENCE, dotted)
    assert follows("abc", EXISTENCE, dotted, "released")
    assert follows("f(x", EXISTENCE, {"keywords": ["f(x"]})
    with pytest.raises(ConstraintError, match="regular expression"):
        follows("f(x", EXISTENCE, {"keywords": ["f(x"]}, "released")


def test_a_missing_setting_is_an_error_and_no_random_draw() -> None:
    with pytest.raises(ConstraintError, match="num_bullets"):
        follows("* a", BULLETS, {"num_bullets": 0})
    with pytest.raises(ConstraintError, match="keywords"):
        follows("a", EXISTENCE, None)
    with pytest.raises(ConstraintError, match="did you mean"):
        follows("a", "punctuation:no_commas", {})
    with pytest.raises(ConstraintError, match="at least"):
        follows("a", WORDS, {"num_words": 1, "relation": "exactly"})


def test_without_the_detector_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "langdetect", None)
    with pytest.raises(ConstraintError, match="pip install"):
        follows("hello", LANGUAGE, {"language": "en"})


def test_hard_accuracy_needs_all_and_soft_accuracy_takes_the_share() -> None:
    results = [[True, True, False], [True], [False, False]]
    assert hard_accuracy(results) == pytest.approx(1 / 3)
    assert soft_accuracy(results) == pytest.approx((2 / 3 + 1 + 0) / 3)


@given(st.lists(st.lists(st.booleans(), min_size=1), min_size=1))
def test_hard_accuracy_is_at_most_soft_accuracy(results: list[list[bool]]) -> None:
    assert hard_accuracy(results) <= soft_accuracy(results) + 1e-12


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("A,B", 2),
        ("BOB'S", 2),
        ("$A$ and $B$", 2),
        ("A--B", 2),
        ("(A)", 1),
        ("NASA isn't AB", 2),
        ("DON'T", 2),
        ("A/B", 1),
        ("1,000 A", 1),
    ],
)
def test_capital_words_are_counted_by_treebank_tokens(text: str, count: int) -> None:
    assert sum(token.isupper() for token in word_tokens(text)) == count


@pytest.mark.parametrize("text", ["\n" * 200_000, "*" * 200_000, "* \n" * 70_000, "'" * 200_000])
def test_every_checker_is_linear_on_hostile_text(text: str) -> None:
    settings = {
        "keywords": ["find"], "keyword": "find", "frequency": 1, "relation": "at least",
        "forbidden_words": ["find"], "num_words": 5, "num_bullets": 1, "num_highlights": 1,
        "section_spliter": "Section", "num_sections": 1, "prompt_to_repeat": "a",
        "end_phrase": "a", "capital_frequency": 1, "capital_relation": "at least",
    }  # fmt: skip
    start = time.process_time()
    for name in CONSTRAINTS.keys() - {LANGUAGE}:
        follows(text, name, settings)
    assert time.process_time() - start < 2.0
