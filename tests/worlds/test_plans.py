from dataclasses import replace

import numpy as np
import pytest

from gnomon.grading.grade import strict
from gnomon.media.image import open_image
from gnomon.records import Answer
from gnomon.worlds.plans import (
    LENGTHS,
    MISTAKES,
    SIDES,
    candidate,
    draw_mission,
    is_right,
    read_blanks,
    run,
    taken,
    yes_f1,
)
from gnomon.worlds.world import LEVELS, world_task

MAP = ("S.rR", "O#.b", "#OB.", "..G#")
every_level = pytest.mark.parametrize("level", LEVELS)


def missions(level, count=12):
    return [draw_mission(np.random.default_rng([level, i]), level) for i in range(count)]


def posed(task, level, seed=0):
    return world_task("plans", task).pose(np.random.default_rng([level, seed]), level)


@pytest.mark.parametrize(
    "state, step, after",
    [
        ((0, 0, ""), "right 2", (0, 2, "")),
        ((0, 0, ""), "left 1", None),
        ((0, 1, ""), "down 1", None),
        ((0, 2, ""), "right 1", None),
        ((0, 2, ""), "press red", (0, 2, "r")),
        ((0, 2, ""), "press blue", None),
        ((0, 2, "r"), "right 1", (0, 3, "r")),
        ((1, 2, "r"), "down 1", None),
        ((1, 2, "b"), "down 2", (3, 2, "b")),
        ((1, 0, ""), "portal", (2, 1, "")),
        ((2, 1, ""), "portal", (1, 0, "")),
        ((0, 0, ""), "portal", None),
        ((1, 0, ""), "fly", None),
    ],
)
def test_a_step_leads_where_the_map_lets_it(state, step, after):
    assert taken(MAP, state, step) == after


def test_a_plan_is_right_when_it_ends_on_the_goal():
    assert is_right(MAP, ["down 1", "portal", "down 1", "right 1"])
    assert not is_right(MAP, ["down 1", "portal", "down 1"])
    assert run(MAP, ["down 2", "up 1"]) is None


def test_bits_of_a_candidate_say_which_mistakes_it_has():
    """Worked example 5 of the source: 5 uses mistakes 0 and 2."""
    wrong = {1: "v", 2: "w", 4: "x", 6: "y", 7: "z"}
    assert candidate("abcdefgh", wrong, 5) == ["a", "v", "c", "d", "x", "f", "g", "h"]
    assert candidate("abcdefgh", wrong, 0) == list("abcdefgh")


@every_level
def test_only_the_candidate_without_mistakes_is_right(level):
    for mission in missions(level):
        right = [
            number
            for number in range(2 ** len(mission.wrong))
            if is_right(mission.rows, candidate(mission.plan, mission.wrong, number))
        ]
        assert right == [0]


@every_level
def test_a_difficulty_has_its_map_its_mistakes_and_steps(level):
    for mission in missions(level):
        assert len(mission.rows) == SIDES[level - 1]
        assert len(mission.wrong) == MISTAKES[level - 1]
        assert len(mission.plan) >= LENGTHS[level - 1]


def test_mistaken_steps_are_no_steps_of_the_plan():
    for mission in missions(5):
        assert not set(mission.wrong.values()) & set(mission.plan)


@pytest.mark.parametrize(
    "predicted, gold, score",
    [
        ([True] * 512, [i % 32 == 0 for i in range(512)], 0.0606),
        ([False] * 512, [i % 32 == 0 for i in range(512)], 0.0),
        ([None] * 512, [i % 32 == 0 for i in range(512)], 0.0),
        ([True] * 10 + [False] * 502, [True] * 4 + [False] * 496 + [True] * 12, 0.3077),
    ],
    ids=["always yes", "always no", "unread", "ten yes"],
)
def test_f1_of_yes_is_that_of_the_worked_example(predicted, gold, score):
    assert yes_f1(predicted, gold) == pytest.approx(score, abs=5e-5)


@pytest.mark.parametrize(
    "text, letters",
    [
        ("A, D, C", "ADC"),
        ("First B.\n(A) then D\n\n", "AD"),
        ("no <answer>J I</answer> B", "JI"),
        ("<answer>A</answer> <answer>C</answer>", "C"),
        ("K, a, AB, C", "C"),
        ("", ""),
    ],
)
def test_blanks_are_the_letters_that_stand_alone_in_the_answer(text, letters):
    assert read_blanks(text) == list(letters)


@every_level
def test_there_are_twice_as_many_options_as_blanks(level):
    question = posed("blanks", level)
    assert len(question.facts["options"]) == 2 * len(question.answer.value)


def test_letters_in_another_order_are_wrong():
    question = posed("blanks", 5)
    turned = ", ".join(reversed(question.answer.value))
    assert strict(question.answer_text, question.answer).correct
    assert not strict(turned, question.answer).correct
    assert not world_task("plans", "blanks").confirm(replace(question, answer_text=turned))


def test_plans_are_right_and_wrong_about_as_often():
    answers = [posed("correctness", 2, seed).answer.value for seed in range(60)]
    assert 15 < sum(answers) < 45


def test_a_wrong_judgement_is_not_confirmed():
    question = posed("correctness", 3)
    wrong = replace(question, answer=Answer("yes-no", not question.answer.value))
    assert not world_task("plans", "correctness").confirm(wrong)


def test_a_thought_traces_a_wrong_plan_up_to_its_fault():
    for seed in range(30):
        question = posed("correctness", 3, seed)
        end = ("goal.",) if question.answer.value else ("not possible.", "not the goal.")
        assert question.thought.endswith(end)


def test_the_map_is_drawn_a_cell_of_28_pixels_each():
    question = posed("correctness", 1)
    (medium,) = question.show()
    pixels = np.asarray(open_image(medium))
    assert pixels.shape == (112, 112, 3)
    dark = pixels[14::28, 14::28].max(2) < 64
    assert dark.tolist() == [[cell == "#" for cell in row] for row in question.facts["rows"]]
