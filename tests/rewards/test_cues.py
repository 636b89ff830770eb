from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.records import Sample
from gnomon.rewards.cues import (
    Plan,
    cue_overlap,
    cue_recall,
    last_word,
    planned_answer,
    read_cues,
    read_plan,
    short_match,
)

FIRST = (
    "Find the presence of bag, dog.\n"
    "Hints: bag-[0.1, 0.1, 0.2, 0.2]&dog-[0.5, 0.5, 0.9, 0.9]\n"
    "Answer the question 'Where is the bag?' based on the Hints.\nTop left"
)


def test_the_first_worked_plan() -> None:
    plan = read_plan(FIRST)
    assert plan.understand == "Find the presence of bag, dog."
    assert plan.cues == (("bag", (0.1, 0.1, 0.2, 0.2)), ("dog", (0.5, 0.5, 0.9, 0.9)))
    assert plan.think == "Answer the question 'Where is the bag?' based on the Hints."
    assert plan.answer == "Top left"


def test_the_second_worked_plan_has_two_boxes_of_one_name() -> None:
    text = (
        "Hint: apple-[0.0, 0.0, 0.1, 0.1]-[0.3, 0.3, 0.4, 0.4]\n"
        "Answer the question 'How many?' based on the Hints.\nTwo"
    )
    plan = read_plan(text)
    assert (plan.understand, plan.answer) == ("", "Two")
    assert [name for name, _ in plan.cues] == ["apple", "apple"]


def test_without_an_answer_line_only_the_last_line_counts() -> None:
    assert read_plan("Green") == Plan(None, (), None, "Green")
    assert read_plan("Hints: cup-[0,0,1,1]\nGreen") == Plan(None, (), None, "Green")
    assert read_plan("") == Plan(None, (), None, "")


def test_without_hints_the_lines_before_are_the_plan() -> None:
    plan = read_plan("Look.\nThen see.\nAnswer the question\nYes\nno")
    assert plan == Plan("Look. Then see.", (), "Answer the question", "Yes no")


def test_names_in_a_sentence_are_compared_by_their_last_word() -> None:
    cues = read_cues("A teddy bear-[0, 0, 0.5, 1] near a tall lamp-[0.6, 0, 0.7, 1].")
    assert [name for name, _ in cues] == ["A teddy bear", "near a tall lamp"]
    assert [last_word(name) for name, _ in cues] == ["bear", "lamp"]


@pytest.mark.parametrize(
    "text", ["[0, 0, 1, 1]", "-[0, 0, 1, 1]", "cup-[0, 0, 1]", "cup [0, 0, 1, 1]", "!-[0, 0, 1, 1]"]
)
def test_no_name_or_no_box_is_no_cue(text: str) -> None:
    assert read_cues(text) == []


def test_recall_is_the_mean_best_overlap_of_the_gold_objects() -> None:
    gold = [("bag", (0.1, 0.1, 0.2, 0.2)), ("cat", (0, 0, 1, 1))]
    assert cue_recall(FIRST, Sample("s", (), meta={"objects": gold})) == 0.5
    assert cue_recall(FIRST, Sample("s", (), meta={"objects": []})) is None
    assert cue_overlap([], gold) == 0.0


@pytest.mark.parametrize(
    ("said", "gold", "same"),
    [("Blue.", "blue", True), ("a blue car", "blue", False), ("Blue..", "blue", False)],
)
def test_the_worked_short_answers(said: str, gold: str, same: bool) -> None:
    assert short_match(said, gold) is same
    assert planned_answer(said, gold) == float(same)
    assert planned_answer(said, None) is None


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    read_plan(f"Hint: {text}\nAnswer the question\n{text}")


@pytest.mark.parametrize("piece", ["a-[0,0,1,1]", "a", "-[", "a-[0,0,1,1]-", "- "])
def test_reading_takes_linear_time(piece: str) -> None:
    start = time.process_time()
    read_cues(piece * 20_000)
    assert time.process_time() - start < 1.5
