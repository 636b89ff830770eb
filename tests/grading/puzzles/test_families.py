from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon.grading.grade import lenient, reference_text, strict, validate_reference
from gnomon.grading.kinds import KINDS
from gnomon.grading.puzzles.families import FAMILIES, MAX_CHARS, check_puzzle
from gnomon.grading.released import released
from gnomon.records import Answer, Outcome
from puzzles import CASES, Case

BY_NAME = {case.family: case for case in CASES}
TEXTS = {
    kind: [(case, text) for case in CASES for text in getattr(case, kind)]
    for kind in ("right", "other", "wrong", "unread", "cheats")
}
QUIET = [case for case in CASES if case.family != "operation"]  # which may ask the worker
BY_RULES = {
    "arrow_maze", "calcudoko", "campsite", "futoshiki", "game_of_24", "kukurasu", "m_cube",
    "math_path", "norinori", "number_wall", "numbrix", "skyscraper_puzzle",
    "star_placement_puzzle", "sudoku", "survo", "wordscapes",
}  # fmt: skip
HOSTILE = {
    "brackets": "[" * 10_000,
    "fenced brackets": f"```python\n{'[' * 10_000}\n```",
    "double brackets": "[[" * 5_000 + "]]" * 5_000,
    "spans": "[[1]]" * 10_000,
    "fences": "```python\n" * 5_000,
    "boxes": r"\boxed{" * 10_000,
    "a huge number": "9" * 90_000,
    "a boxed huge number": rf"\boxed{{{'9' * 90_000}}}",
    "a huge power": "```python\n9**9**9**9\n```",
    "an equation": "1+" * 40_000 + "1",
    "quotes": "[['" * 10_000,
    "blanks": "1" + " " * 90_000 + "=",
    "stars": "*" * 90_000,
    "commas": "1," * 40_000,
    "pairs": "(1, 2)" * 10_000,
    "dots": "1." * 40_000,
    "too long": "(" * (MAX_CHARS + 1),
    "controls": "\x00\ud800\u202e[[" * 1_000,
}


def ids(value: Any) -> str | None:
    return value.family if isinstance(value, Case) else None


def test_there_are_thirty_seven_families_and_a_case_for_each() -> None:
    assert len(FAMILIES) == 37
    assert list(BY_NAME) == list(FAMILIES)
    assert {case.family for case in CASES if case.other} == BY_RULES


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_the_gold_text_answers_its_own_puzzle(case: Case) -> None:
    assert validate_reference(case.answer) is None
    assert strict(reference_text(case.answer), case.answer).correct


@pytest.mark.parametrize(("case", "text"), TEXTS["right"], ids=ids)
def test_a_right_answer_is_right(case: Case, text: str) -> None:
    verdict = strict(text, case.answer)
    assert verdict.outcome is Outcome.CORRECT, verdict
    assert verdict.score == 1.0


@pytest.mark.parametrize(("case", "text"), TEXTS["other"], ids=ids)
def test_a_solution_that_is_not_the_gold_one_is_right(case: Case, text: str) -> None:
    assert text != case.gold
    assert strict(text, case.answer).correct


@pytest.mark.parametrize(("case", "text"), TEXTS["wrong"], ids=ids)
def test_a_wrong_answer_or_shape_is_wrong_with_a_reason(case: Case, text: str) -> None:
    outcome, reason = check_puzzle(text, case.answer.value)
    assert outcome is Outcome.WRONG
    assert reason


@pytest.mark.parametrize(("case", "text"), TEXTS["unread"], ids=ids)
def test_malformed_text_is_unreadable(case: Case, text: str) -> None:
    outcome, reason = check_puzzle(text, case.answer.value)
    assert outcome is Outcome.UNPARSEABLE_ANSWER
    assert reason


@pytest.mark.parametrize(("case", "text"), TEXTS["cheats"], ids=ids)
def test_several_answers_or_the_gold_one_in_another_place_are_not_right(
    case: Case, text: str
) -> None:
    assert not strict(text, case.answer).correct


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_no_hostile_text_is_right_or_takes_a_second(case: Case) -> None:
    for name, text in HOSTILE.items():
        for mode in ("strict", "released"):
            start = time.process_time()
            outcome, _ = check_puzzle(text, case.answer.value, mode)
            assert outcome is not Outcome.CORRECT, name
            assert time.process_time() - start < 1.0, name


@pytest.mark.parametrize("case", QUIET, ids=ids)
def test_the_answer_to_another_puzzle_is_not_right(case: Case) -> None:
    for other in CASES:
        if other.family != case.family:
            text = reference_text(other.answer)
            assert not strict(text, case.answer).correct, other.family


@settings(deadline=None, max_examples=15)
@given(text=st.text(), data=st.data())
@pytest.mark.parametrize("case", QUIET, ids=ids)
def test_no_verifier_raises_on_any_text(case: Case, text: str, data: st.DataObject) -> None:
    parts = data.draw(st.lists(st.sampled_from([*case.right, *case.wrong, *case.unread, text])))
    for mixed in (text, "".join(parts)):
        for mode in ("strict", "released"):
            outcome, reason = check_puzzle(mixed, case.answer.value, mode)
            assert reason
            assert outcome in (Outcome.CORRECT, Outcome.WRONG, Outcome.UNPARSEABLE_ANSWER)


SMALL = st.one_of(
    st.integers(-2, 9),
    st.sampled_from(["X", "0", "A", "1", "T", "C", "↓", "(1,1)", "+", "-", "÷", "<", "", "a=b"]),
    st.booleans(),
    st.none(),
    st.floats(-2, 2),
)
ANYTHING = st.recursive(
    SMALL,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["cells", "operator", "target", "answers", "answer_maxLen", "a"]), inner
        ),
    ),
    max_leaves=12,
)
ROWS = st.integers(1, 3).flatmap(
    lambda n: st.lists(st.lists(SMALL, min_size=n, max_size=n), min_size=1, max_size=3)
)


@settings(deadline=None, max_examples=15)
@given(data=st.data())
@pytest.mark.parametrize("case", QUIET, ids=ids)
def test_any_facts_are_refused_or_verified_against_without_an_exception(
    case: Case, data: st.DataObject
) -> None:
    kept = st.sampled_from(sorted(case.facts) or ["none"])
    changed = data.draw(st.dictionaries(kept, st.one_of(ANYTHING, ROWS), max_size=2))
    gold = data.draw(st.sampled_from([case.gold, "", "[[1 2,2 1]]", "yes", "5"]))
    value = {"family": case.family, "facts": {**case.facts, **changed}, "gold": gold}
    problem = validate_reference(Answer("puzzle", value))
    assert problem is None or case.family in problem
    if FAMILIES[case.family].problem(value["facts"], gold):
        return
    for text in (*case.right, *case.wrong, *case.cheats):
        for mode in ("strict", "released"):
            assert check_puzzle(text, value, mode)[1]


@pytest.mark.parametrize("case", [case for case in CASES if case.facts], ids=ids)
def test_a_missing_or_misshapen_fact_is_named(case: Case) -> None:
    for name in case.facts:
        for facts in (
            {key: value for key, value in case.facts.items() if key != name},
            {**case.facts, name: {"no": 5}},
        ):
            value = {"family": case.family, "facts": facts, "gold": case.gold}
            problem = validate_reference(Answer("puzzle", value))
            assert problem is not None
            assert name in problem


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "a puzzle needs family, facts and gold"),
        ({"family": "sudoku"}, "a puzzle needs family, facts and gold"),
        ({"family": "sudokus", "facts": {}, "gold": ""}, "did you mean 'sudoku'"),
        ({"family": ["sudoku"], "facts": {}, "gold": ""}, "no puzzle family"),
        ({"family": "operation", "facts": [], "gold": "1"}, "facts have to be a mapping"),
        ({"family": "operation", "facts": {}, "gold": 1}, "gold a text"),
        ({"family": "zebra_puzzle", "facts": {}, "gold": "[1]"}, "no object"),
        ({"family": "cryptarithm", "facts": {}, "gold": "12"}, "no equation"),
        ({"family": "object_counting", "facts": {}, "gold": "two"}, "no whole number"),
        ({"family": "web_of_lies", "facts": {}, "gold": "maybe"}, "no list of yes and no"),
        ({"family": "word_sorting", "facts": {}, "gold": " "}, "empty"),
        ({"family": "cipher", "facts": {}, "gold": "[[]]"}, "no text between"),
    ],
)
def test_a_bad_puzzle_is_refused_with_its_reason(value: Any, text: str) -> None:
    problem = validate_reference(Answer("puzzle", value))
    assert problem is not None
    assert text in problem


def test_a_puzzle_that_its_own_gold_text_does_not_solve_is_refused() -> None:
    """Released calcudoko rows round the target of ÷ down, so that 3 and 2 should come to 1."""
    case = BY_NAME["calcudoko"]
    regions = [{"cells": ["(1,1)", "(2,1)"], "operator": "÷", "target": 1}]
    value = {**case.answer.value, "facts": {"grid_size": 2, "regions": regions}}
    assert "its own gold text" in str(validate_reference(Answer("puzzle", value)))


def test_a_puzzle_is_loaded_from_json_and_lenient_reads_it_alike() -> None:
    for case in CASES:
        loaded = KINDS["puzzle"].load(json.dumps(case.answer.value))
        assert loaded == case.answer.value
        assert lenient(case.right[0], Answer("puzzle", loaded)).correct
    assert KINDS["puzzle"].load('{"family": "sudoku"}') is None


def test_a_blank_answer_is_none() -> None:
    assert strict(" ", BY_NAME["sudoku"].answer).outcome is Outcome.NO_ANSWER


# -- strict against released ------------------------------------------------------------------

DIFFER: list[tuple[str, dict[str, Any], str, str, bool, bool]] = [
    # family, changed facts, gold, text, right in strict, right as released
    ("game_of_24", {}, "1*2*3*4", "```python\n1+2+3+4\n```", False, True),
    ("game_of_24", {}, "1*2*3*4", "```python\n4**2+3-1\n```", False, True),
    ("game_of_24", {}, "1*2*3*4", "```python\n(4//3)+2+1\n```", False, True),
    ("game_of_24", {}, "1*2*3*4", "```python\n1*2*3*4/0\n```", False, False),
    ("norinori", {}, "", "[[(1,1),(1,2)]]", False, True),
    ("norinori", {}, "", "[[(2,3),(3,3)]]", False, False),
    ("web_of_lies", {}, "yes, no", "**yes, unknown**", False, True),
    ("web_of_lies", {}, "yes, unknown", "**yes, unknown**", True, True),
    ("web_of_lies", {}, "yes, unknown", "**yes, no**", False, True),
    ("web_of_lies", {}, "yes, no", "**yes: I know**", False, True),
    ("dyck_language_errors", {"is_valid": True}, "-1", "incorrect", False, True),
    ("dyck_language_errors", {"is_valid": True}, "-1", "it is not valid", False, True),
    ("dyck_language_errors", {"is_valid": True}, "-1", "isn't correct", False, True),
    ("dyck_language_errors", {"is_valid": True}, "-1", "不合法", False, True),
    ("dyck_language_errors", {"is_valid": True}, "-1", "It is valid.", True, True),
    ("dyck_language_errors", {"is_valid": True}, "-1", "合法", True, True),
    ("dyck_language_reasoning_errors", {}, "5,12", "5 and 12", True, False),
    ("dyck_language_reasoning_errors", {"error_indices": [512]}, "512", "5 and 12", False, True),
    ("dyck_language_reasoning_errors", {"error_indices": []}, "", "who knows", False, True),
    ("dyck_language_reasoning_errors", {"error_indices": []}, "", "No errors.", True, True),
    ("number_wall", {"grid": [[2, "X", "X"], ["X"] * 3, ["X"] * 3]}, "",
     '[[2,"A","A"],["X","A","X"],["A","A",2]]', False, True),
    ("arrow_maze", {"maze": [["1", "X", "X"]]}, "", '[["1","→","0"]]', False, True),
    ("calcudoko", {}, "", "[[1 2,2]]", False, True),
    ("calcudoko", {}, "", "[[1 2 2,2 1 2,1 1 1]]", False, True),
    ("math_path", {"query_expr": "1? + ? = 16", "ref_expr": ""}, "", "[[1 + 15 = 16]]",
     False, True),
    ("wordscapes", {}, "", '[["CA","O","T"],["CO"," "," "]]', False, True),
    ("wordscapes", {"grid": [["X", "0", "X"]], "down_words": []}, "", '[["C","0","A"]]',
     False, True),
    ("goods_exchange", {}, "", "```python\n(('Bob','Hat'),('Ann','Hat'),('Ann','Red Cup'))\n```",
     False, True),
    ("boolean_expressions", {}, "A,C", "A,C", True, False),
    ("sudoku", {}, "", str(BY_NAME["sudoku"].gold), True, False),
]  # fmt: skip


@pytest.mark.parametrize(("family", "facts", "gold", "text", "fine", "loose"), DIFFER)
def test_strict_and_released_differ_where_the_released_verifier_is_wrong(
    family: str, facts: dict[str, Any], gold: str, text: str, fine: bool, loose: bool
) -> None:
    value = {"family": family, "facts": {**BY_NAME[family].facts, **facts}, "gold": gold}
    assert (check_puzzle(text, value)[0] is Outcome.CORRECT) is fine
    assert (check_puzzle(text, value, "released")[0] is Outcome.CORRECT) is loose


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_the_released_verifier_takes_the_shape_that_is_asked_for(case: Case) -> None:
    verdict = released(case.right[0], case.answer, system="synlogic")
    assert verdict.correct, verdict
    assert verdict.grader == "released:synlogic/2"


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_what_the_released_verifier_cannot_read_is_wrong(case: Case) -> None:
    for text in ("?", *case.unread):
        verdict = released(text, case.answer, system="synlogic")
        assert verdict.outcome in (Outcome.WRONG, Outcome.CORRECT)
