"""What the tasks of motion keep beyond what every task keeps."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from gnomon.records import Answer
from gnomon.worlds.choosing import listed, optional
from gnomon.worlds.film import draw_cast, draw_film
from gnomon.worlds.footage import colour_asked
from gnomon.worlds.motion import TALKS, TASKS
from gnomon.worlds.timing import NOTHING, NOWHERE, track
from gnomon.worlds.watching import watch
from gnomon.worlds.world import LEVELS, Posed, draw_posed, world_task

NAMES = [task.name for task in TASKS]


def drawn(name: str, count: int, level: int = 3) -> list[Posed]:
    task = world_task("motion", name)
    return [task.pose(np.random.default_rng([5, i]), level) for i in range(count)]


def test_the_thought_about_an_order_gives_every_event_its_number():
    for question in drawn("order", 10):
        lines = dict(re.findall(r"(\d)\. The (.*)\.", question.text))
        for event, number in zip(question.facts["events"], question.answer.value, strict=True):
            assert f" {event['told']}, {number}." in question.thought
            assert lines[str(number)] == event["told"]


@pytest.mark.parametrize("name", NAMES)
def test_the_length_is_the_true_one(name):
    for question in drawn(name, 10):
        facts = question.facts
        assert facts["video_length"] == facts["frames"] / facts["fps"]
        assert 8 <= facts["frames"] <= 16 and 1 < facts["video_length"] <= 8


@pytest.mark.parametrize("name", ["when", "moves"])
def test_spans_lie_inside_the_video(name):
    for level in LEVELS:
        for question in drawn(name, 20, level):
            value = question.answer.value
            for start, end in [value] if name == "when" else value:
                assert 0 <= start < end <= question.facts["video_length"]


def test_the_solution_is_the_span_as_shares_of_the_length():
    for question in drawn("when", 20):
        seconds = [share * question.facts["video_length"] for share in question.facts["solution"]]
        assert seconds == pytest.approx(question.answer.value)


def test_every_kind_of_moment_is_asked_for():
    starts = {question.text.split()[0] for question in drawn("when", 40)}
    assert {"<image>When", "<image>From"} <= starts


def test_a_track_has_the_frames_in_which_the_shape_is_seen():
    counts = {len(question.answer.value) for question in drawn("track", 40, 5)}
    assert max(counts) == 16 and min(counts) < 16


@pytest.mark.parametrize("level", LEVELS)
def test_of_two_frames_it_is_asked_as_often_where_nothing_happens(level):
    told = [question.answer.value for question in drawn("happens", 200, level)]
    assert 70 <= told.count(NOTHING) <= 130


def test_a_shape_is_looked_for_before_it_appears_and_after_it_vanished_too():
    cells = [question.answer.value for question in drawn("where", 200)]
    assert 10 <= cells.count(NOWHERE) <= 100 and len(set(cells)) == 17


def colours(question: Posed, frame: int) -> tuple[str, str]:
    """The first colour of the shape that a question names, and the one that it has in a frame."""
    name = colour_asked(question.text)
    told = [e for e in question.facts["events"] if e["told"].startswith(f"{name} ")]
    turns = [(e["told"].split()[-1], e["time"][1]) for e in told if " turns " in e["told"]]
    now = [colour for colour, time in turns if time * question.facts["fps"] <= frame]
    return name, now[-1] if now else name


@pytest.mark.parametrize("level", LEVELS)
def test_a_shape_is_looked_for_under_the_colour_that_it_has_then(level):
    for question in drawn("where", 200, level):
        time = float(re.search(r"at ([\d.]+) seconds", question.text)[1])
        first, now = colours(question, round(time * question.facts["fps"]))
        assert first == now


@pytest.mark.parametrize("name", ["track", "when"])
@pytest.mark.parametrize("level", LEVELS)
def test_a_shape_that_is_followed_keeps_the_colour_of_its_name(name, level):
    for question in drawn(name, 200, level):
        if name == "track" or "can the" in question.text:
            first, last = colours(question, question.facts["frames"])
            assert first == last


def test_a_film_in_which_every_shape_turns_another_colour_has_no_track():
    rng = np.random.default_rng(0)
    film = draw_film(rng, draw_cast(rng, 1), [(0, "recolour")])
    assert track(rng, film) is None


def test_a_film_is_in_one_split_for_all_its_questions():
    (talk,) = TALKS
    rng = np.random.default_rng(0)
    for _ in range(20):
        film = talk.draw(rng, 3)
        asked = [ask(rng, film) for ask in talk.asks.values()]
        assert len({question.key for question in asked if question is not None}) == 1


def test_the_plan_has_four_options_with_one_next_action():
    for level in LEVELS:
        for question in drawn("next-action", 20, level):
            options = question.answer.options
            right = options[question.answer.value]
            assert len(options) == len(set(options.values())) >= 3
            assert right not in question.facts["negative_answers"]
            assert set(options.values()) <= {right, *question.facts["negative_answers"]}


def test_touch_is_as_often_yes_as_no():
    yes = sum(question.answer.value for question in drawn("touch", 200))
    assert 70 <= yes <= 130


def test_the_right_letter_is_not_always_the_same():
    for name in ("first-mover", "next-action"):
        assert len({question.answer.value for question in drawn(name, 40, 5)}) == 4


@pytest.mark.parametrize(
    "name, value",
    [
        ("direction", Answer("choice", "nowhere")),
        ("how-many", Answer("count", 9)),
        ("when", Answer("span", (0.0, 0.125))),
        ("order", Answer("permutation", (1, 2, 4))),
        ("narrate", Answer("text", "nothing happens")),
        ("track", Answer("track", {"1": (0, 0, 5, 5)})),
        ("moves", Answer("spans", ((0.0, 0.1),))),
        ("new-colour", Answer("choice", "grey")),
        ("happens", Answer("text", "grey circle vanishes")),
        ("where", Answer("text", "e5")),
    ],
)
def test_a_wrong_answer_is_not_confirmed(name, value):
    (question,) = drawn(name, 1)
    if name == "order":
        value = Answer("permutation", tuple(reversed(question.answer.value)))
    wrong = dataclasses.replace(question, answer=value)
    assert not world_task("motion", name).confirm(wrong)


def test_the_other_answer_to_touch_is_not_confirmed():
    for question in drawn("touch", 3):
        answer = Answer("yes-no", not question.answer.value)
        wrong = dataclasses.replace(question, answer=answer)
        assert not world_task("motion", "touch").confirm(wrong)


def test_options_keep_the_right_text_under_its_letter():
    answer = optional(np.random.default_rng(0), "right", ["a", "b", "c", "d"])
    assert answer.options[answer.value] == "right"
    assert list(answer.options) == ["A", "B", "C", "D"]
    assert "d" not in answer.options.values()
    assert listed({"A": "x", "B": "y"}) == "\nA. x\nB. y"


@pytest.mark.parametrize("seed, level", [([21, 2, 7], 2), ([1, 4, 7], 4)])
def test_a_small_shape_that_is_lost_in_the_one_it_touches_is_seen_to_touch_it(seed, level):
    task = world_task("motion", "touch")
    question = draw_posed(task, np.random.default_rng(seed), level, "train")
    (video,) = question.show()
    assert any(len(seen) < question.facts["shapes"] for seen in watch(video).seen)
    assert task.confirm(question)
