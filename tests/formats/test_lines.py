from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.formats.lines import read_cues, transit_route, understand_think_answer

FIRST = (
    "Find the presence of bag, dog.\n"
    "Hints: bag-[0.1, 0.1, 0.2, 0.2]&dog-[0.5, 0.5, 0.9, 0.9]\n"
    "Answer the question 'Where is the bag?' based on the Hints.\nTop left"
)
SECOND = (
    "Hint: apple-[0.0, 0.0, 0.1, 0.1]-[0.3, 0.3, 0.4, 0.4]\n"
    "Answer the question 'How many?' based on the Hints.\nTwo"
)


def test_the_first_worked_example() -> None:
    parsed = understand_think_answer().parse(FIRST)
    assert parsed.sections["understand"] == "Find the presence of bag, dog."
    assert read_cues(parsed.sections["think"]) == [
        ("bag", (0.1, 0.1, 0.2, 0.2)),
        ("dog", (0.5, 0.5, 0.9, 0.9)),
    ]
    assert parsed.answer == "Top left"
    assert parsed.well_formed


def test_several_boxes_of_one_name_are_several_cues() -> None:
    parsed = understand_think_answer().parse(SECOND)
    assert "understand" not in parsed.sections
    assert [name for name, _ in read_cues(parsed.sections["think"])] == ["apple", "apple"]
    assert parsed.answer == "Two"


def test_a_text_without_the_line_is_an_answer_by_its_last_line() -> None:
    parsed = understand_think_answer().parse("Hints: a-[0, 0, 1, 1]\nGreen")
    assert (parsed.thought, parsed.answer, parsed.well_formed) == (None, "Green", False)
    assert understand_think_answer().parse("").answer is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Find a bag.\nAnswer the question.\nYes", "no hints"),
        ("Hint: none\nAnswer the question.\n", "no answer"),
        ("Hint: a\nAnswer the question.\nAnswer the question.\nYes", "several"),
    ],
)
def test_what_is_missing_is_said(text: str, reason: str) -> None:
    assert reason in understand_think_answer().parse(text).reason


def test_a_name_is_the_run_of_words_before_its_box() -> None:
    text = "A teddy bear-[0, 0, 0.5, 1] near a tall lamp-[0.6, 0, 0.7, 1]."
    assert [name for name, _ in read_cues(text)] == ["A teddy bear", "near a tall lamp"]
    assert [name for name, _ in read_cues("a cup, its lid-[0, 0, 1, 1]")] == ["its lid"]


@pytest.mark.parametrize("text", ["-[0, 0, 1, 1]", "a [0, 0, 1, 1]", "a-[0, 0, 1]", "a-[x]"])
def test_a_cue_needs_a_name_and_four_numbers(text: str) -> None:
    assert read_cues(text) == []


@given(st.text("abz -[]0123456789.,&'", max_size=80))
def test_cues_are_read_from_any_text(text: str) -> None:
    for name, box in read_cues(text):
        assert name.strip(" -")
        assert len(box) == 4


RIDE = "Route Name: North\nDeparture Stop: Ada\nArrival Stop: Cantor"
NEXT = "Route Name: South\nDeparture Stop: Cantor\nArrival Stop: Fermat"


def test_a_route_is_blocks_and_nothing_else() -> None:
    assert transit_route().score(f"{RIDE}\n--\n{NEXT}") == 1
    assert transit_route().score(f"{RIDE}\n--\n{NEXT}\nGood luck") == 0
    assert transit_route().score(RIDE.replace("Arrival", "arrival")) == 0
    assert transit_route().score("") == 0
