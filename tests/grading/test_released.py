from __future__ import annotations

from typing import Any, get_args

import pytest

from examples import DYCK
from gnomon.grading.grade import strict
from gnomon.grading.released import (
    RULES,
    System,
    answer_candidate,
    first_number,
    pixel_iou,
    released,
)
from gnomon.parts import PartError, part
from gnomon.records import Answer, Outcome

LETTERS = {"A": "wash the cup", "B": "open tap", "C": "a red one", "D": "blue"}
DOGS = {"A": "small dog", "B": "large dog", "C": "cat"}
CLICK = Answer("action", {"action": "click", "bbox": (100, 60, 140, 100)})
CORNER = Answer("action", {"action": "click", "bbox": (0, 0, 9, 9)})
TYPE = Answer("action", {"action": "type", "text": "cat"})
DONE = Answer("action", {"action": "terminate", "status": "success"})
GRID = Answer("permutation", (4, 1, 2, 3))
BOX = Answer("box", (150, 150, 350, 350))
PUZZLE = Answer("puzzle", DYCK)
MATHADOR = Answer(
    "puzzle",
    {
        "family": "game_of_24",
        "facts": {"numbers": [1, 2, 3, 4], "operators": ["+", "-", "*", "/"], "result": 24},
        "gold": "1*2*3*4",
    },
)

# system, text, reference, right in strict, right as released: every system differs somewhere
PAIRS: list[tuple[Any, str, Answer, bool, bool]] = [
    ("apo", "( B )", Answer("choice", "B", LETTERS), True, True),
    ("apo", "A or B", Answer("choice", "A", LETTERS), False, False),
    ("apo", "0.5", Answer("number", r"\frac{1}{2}"), True, False),
    ("apo", "5 cm", Answer("integer", 5), True, False),
    ("apo", "blue", Answer("text", "red"), False, True),
    ("general-reasoner", "Alas, C", Answer("choice", "A", LETTERS), False, True),
    ("general-reasoner", "C", Answer("choice", "C", LETTERS), True, True),
    ("synlogic", "```python\n1+2+3+4\n```", MATHADOR, False, True),
    ("synlogic", "```python\n1*2*3*4\n```", MATHADOR, True, True),
    ("synlogic", "1*2*3*4", MATHADOR, True, False),
    ("griffon-r", "Blue.", Answer("text", "blue"), True, True),
    ("griffon-r", "a blue car", Answer("text", "blue"), False, False),
    ("griffon-r", "Blue..", Answer("text", "blue"), True, False),
    ("humanomni-v2", "I know", Answer("yes-no", False), False, True),
    ("humanomni-v2", "Yes", Answer("yes-no", True), True, True),
    ("humanomni-v2", "(A)", Answer("choice", "A", LETTERS), True, False),
    ("infigui-r1", '{"action": "type", "text": ""}', TYPE, False, True),
    ("infigui-r1", '{"action": "type", "text": "a cat"}', TYPE, False, True),
    ("infigui-r1", '{"action": "terminate", "status": "failure"}', DONE, False, True),
    ("infigui-r1", '{"action": "click"}', TYPE, False, False),
    ("jigsaw-r1", "(C) 2 is Left", Answer("choice", "L"), False, True),
    ("jigsaw-r1", "4,1;2,3", GRID, True, True),
    ("jigsaw-r1", "3 pieces", Answer("integer", 3), False, True),
    ("mars2", "1,200%", Answer("text", "1200"), False, True),
    ("mars2", "Dark  Red", Answer("text", "dark red"), True, True),
    ("mathif", r"\boxed{50}", Answer("number", 0.5), False, True),
    ("mathif", "The answer is 42.", Answer("integer", 42), False, True),
    ("mathif", "4 apples", Answer("integer", 4), False, False),
    ("observe-r1", "it is B", Answer("choice", "B", LETTERS), False, True),
    ("observe-r1", "bad", Answer("choice", "B", LETTERS), False, False),
    ("observe-r1", "so the result is 7", Answer("integer", 7), False, True),
    ("r1-aqa", "dog barking", Answer("text", "dog barking"), True, True),
    ("r1-aqa", "Dog barking", Answer("text", "dog barking"), True, False),
    ("r1-aqa-mmau", "a small dog barks", Answer("choice", "A", DOGS), False, True),
    ("r1-aqa-mmau", "dog", Answer("choice", "A", DOGS), False, False),
    ("r1-aqa-mmau", "small dog, not a cat", Answer("choice", "A", DOGS), False, False),
    ("r1-aqa-mmau", "!", Answer("choice", "A", DOGS), False, False),
    ("reason-rft", "7.0", Answer("integer", 7), True, False),
    ("reason-rft", " 7 ", Answer("integer", 7), True, True),
    ("rewardmap", "5.0", Answer("count", 5), True, False),
    ("rewardmap", "x = y = 5 units", Answer("count", 5), False, True),
    ("rewardmap", "Yes", Answer("yes-no", True), True, True),
    ("rewardmap", "4", Answer("count", 3), False, False),
    ("seed-bench-r1", "B. open tap", Answer("choice", "B", LETTERS), True, True),
    ("seed-bench-r1", "Because it is dirty", Answer("choice", "B", LETTERS), False, True),
    ("seed-bench-r1", "[B]", Answer("choice", "B", LETTERS), True, False),
    ("ui-r1", "[{'action': 'click', 'coordinate': [120, 80]}]", CLICK, True, True),
    ("ui-r1", '[{"action": "click", "coordinate": [120, 80]}]', CLICK, True, False),
    ("ui-r1", "[{'action': 'click'}]", CORNER, False, True),
    ("ui-r1", "[{'action': 'click', 'coordinate': [150, 80]}]", CLICK, False, False),
    ("univg-r1", "(150,150),(350,350)", BOX, False, True),
    ("univg-r1", "[150, 150, 350, 350]", BOX, True, False),
    ("univg-r1", "(100,100),(300,300)", BOX, False, False),
    ("visionary-r1", "45%", Answer("number", 0.45), False, True),
    ("visionary-r1", "about 12 apples", Answer("integer", 12), False, True),
    ("visionary-r1", "1,200", Answer("integer", 1200), True, False),
    ("visionary-r1", "30%", Answer("integer", 30), True, False),
    ("visionary-r1", "YES", Answer("text", "yes"), True, True),
    ("wethink", "A red one indeed", Answer("choice", "A", LETTERS), False, True),
    ("wethink", "a red one", Answer("choice", "C", LETTERS), True, True),
    ("wethink", "(b) the red one", Answer("choice", "B", LETTERS), False, True),
    ("wethink", "the red one", Answer("choice", "B", LETTERS), False, False),
    ("wethink", "1,200", Answer("number", 1200.0), True, True),
]


@pytest.mark.parametrize(("system", "text", "reference", "fair", "theirs"), PAIRS)
def test_strict_and_released_judge_as_each_says(
    system: Any, text: str, reference: Answer, fair: bool, theirs: bool
) -> None:
    assert strict(text, reference).correct is fair
    verdict = released(text, reference, system=system)
    assert verdict.correct is theirs
    assert verdict.grader == f"released:{system}/2"
    assert verdict.span == text
    assert verdict.reason


def test_every_system_has_a_pair_that_differs() -> None:
    assert {name for name, *_, fair, theirs in PAIRS if fair is not theirs} == set(RULES)
    assert set(get_args(System)) == set(RULES)


def test_a_system_is_chosen_by_name_as_a_setting() -> None:
    bound = part("grader", "released", system="seed-bench-r1")
    assert bound.supply(
        {"prediction": "Because", "reference": Answer("choice", "B"), "response": None}
    ).correct
    with pytest.raises(PartError, match="seed-bench-r1"):
        part("grader", "released", system="seed-bench")


GOLDS: dict[str, Answer] = {
    "ui-r1": CLICK, "infigui-r1": TYPE, "univg-r1": BOX, "synlogic": PUZZLE,
}  # fmt: skip


@pytest.mark.parametrize("system", sorted(RULES))
def test_a_bad_reference_and_a_missing_answer_are_typed_in_every_system(system: Any) -> None:
    bad = Answer("integer", "five")
    assert released("five", bad, system=system).outcome is Outcome.UNPARSEABLE_REFERENCE
    gold = GOLDS.get(system, Answer("choice", "A", LETTERS))
    assert released(None, gold, system=system).outcome is Outcome.NO_ANSWER
    assert released("A" * 200_000, gold, system=system).outcome is Outcome.NO_ANSWER


@pytest.mark.parametrize("system", sorted(RULES))
def test_a_kind_that_a_system_does_not_know_is_refused(system: Any) -> None:
    verdict = released("x", Answer("polygon", ((0, 0), (1, 0), (1, 1))), system=system)
    assert verdict.outcome is Outcome.UNPARSEABLE_REFERENCE
    assert "strict" in verdict.reason


def test_a_grid_pays_for_each_right_cell_with_repeats_as_released() -> None:
    assert released("4,2;1,3", GRID, system="jigsaw-r1").score == 0.5
    assert released("4 4 4 4", GRID, system="jigsaw-r1").score == 0.25
    assert strict("4 4 4 4", GRID).score == 0.0
    assert released("4 1 2", GRID, system="jigsaw-r1").score == 0.0
    assert released("4 1 2 5", GRID, system="jigsaw-r1").score == 0.0


@pytest.mark.parametrize(
    ("text", "gold", "overlap"),
    [
        ("(100,100),(300,300)", (150, 150, 350, 350), 22500 / 57500),
        ("(0,0),(10,10)", (9, 0, 19, 10), 0.0),
        ("(200,200),(600,600)", (200, 200, 600, 400), 0.5),
        ("(200, 200), (600, 600) and (0,0),(1,1)", (200, 200, 600, 400), 0.5),
    ],
)
def test_boxes_of_univg_have_their_worked_overlaps(text: str, gold: Any, overlap: float) -> None:
    verdict = released(text, Answer("box", gold), system="univg-r1")
    assert verdict.score == pytest.approx(overlap)


def test_an_overlap_of_one_pixel_counts_in_strict_only() -> None:
    assert pixel_iou((0, 0, 10, 10), (9, 0, 19, 10)) == 0.0
    assert strict("[0, 0, 10, 10]", Answer("box", (9, 0, 19, 10))).score > 0.0


@pytest.mark.parametrize(
    ("text", "value"),
    [("45%", 0.45), ("-3.5 m", -3.5), (".5", 0.5), ("none", None), ("9" * 400, None)],
)
def test_the_first_number_of_visionary(text: str, value: float | None) -> None:
    assert first_number(text) == value


@pytest.mark.parametrize(
    ("response", "candidate"),
    [
        ("<answer>B</answer> or <answer>C</answer>", "<answer>B</answer>"),
        ("<answer>\nB\n</answer>", "\nB\n</answer>"),
        ("<answer>\nB</answer>\n<answer>C</answer>", "<answer>C</answer>"),
        ("<answer>B\n<answer>C", "C"),
        ("</answer>B", "</answer>B"),
        ("so the result is 7", "so the result is 7"),
    ],
)
def test_the_candidate_of_view_r1_stands_on_one_line_or_behind_the_last_tag(
    response: str, candidate: str
) -> None:
    assert answer_candidate(response) == candidate


@pytest.mark.parametrize("system", ["apo", "observe-r1"])
@pytest.mark.parametrize(
    ("response", "right"),
    [("<think>so</think>\n<answer>\nB\n</answer>", True), ("<answer>A or B</answer>", False)],
)
def test_a_text_with_an_answer_tag_is_a_whole_response(
    system: Any, response: str, right: bool
) -> None:
    gold = Answer("choice", "B" if right else "A", LETTERS)
    assert released(response, gold, system=system).correct is right


@pytest.mark.parametrize("system", ["apo", "observe-r1"])
@pytest.mark.parametrize("gold", [Answer("choice", "E"), Answer("yes-no", True)])
def test_view_r1_finds_everything_right_where_it_cannot_read_the_gold(
    system: Any, gold: Answer
) -> None:
    assert released("anything", gold, system=system).correct
    assert released("  ", gold, system=system).outcome is Outcome.WRONG


def test_a_formula_that_the_data_wrap_in_dollar_signs_is_left_as_it_is() -> None:
    for gold in (Answer("text", r"$2\sqrt{13}$"), Answer("expression", r"2\sqrt{13}")):
        assert released(r"$\sqrt{52}$", gold, system="apo").correct
