from dataclasses import replace

import numpy as np
import pytest

from gnomon.media.image import open_image
from gnomon.parts import PartError
from gnomon.records import Answer
from gnomon.worlds.exams import (
    COLOURS,
    FORMS,
    ITEMS,
    LAYOUTS,
    confirm,
    draw_problem,
    draw_style,
    in_form,
    near_answers,
)
from gnomon.worlds.world import draw_posed, world_task

ALL = [item for items in ITEMS for item in items]
every_item = pytest.mark.parametrize("item", ALL, ids=lambda item: item.name)


def problems(item, count=30):
    level = next(n for n, items in enumerate(ITEMS, 1) if item in items)
    drawn = (draw_problem(np.random.default_rng(seed), level) for seed in range(10 * count))
    return [problem for problem in drawn if problem.item is item][:count]


@every_item
def test_the_other_form_of_the_law_holds_for_the_answer_and_no_other_number(item):
    for problem in problems(item):
        held = [x for x in range(problem.answer - 5, problem.answer + 6)
                if item.holds(problem.values, x)]  # fmt: skip
        assert held == [problem.answer]


@every_item
def test_the_worked_answer_ends_with_the_answer(item):
    for problem in problems(item):
        assert problem.thought.rstrip(".").split()[-1] == str(problem.answer)


@every_item
def test_every_step_of_the_worked_answer_is_true(item):
    for problem in problems(item, 5):
        for step in problem.thought.rstrip(".").split(". "):
            left, right = step.split(" = ")
            numbers = [int(word.removesuffix("^2")) for word in left.split()[::2]]
            a, b = numbers[:2]
            sign = "^" if "^" in left else left.split()[1]
            value = {"+": a + b, "-": a - b, "*": a * b, "^": a * b * b // 2}[sign]
            assert value == int(right)


def test_an_accelerated_way_is_whole_so_that_no_question_asks_to_round():
    (item,) = (item for item in ALL if item.name == "acceleration")
    for problem in problems(item, 200):
        speed, accel, time = problem.values.values()
        assert problem.answer == speed * time + accel * time * time / 2
        assert item.holds(problem.values, problem.answer)
    assert not [wording for wording in item.wordings if "whole" in wording or "round" in wording]


@every_item
def test_an_item_has_three_wordings_grade_discipline_and_knowledge_point(item):
    assert len(set(item.wordings)) == 3
    assert item.grade in ("primary", "middle", "high")
    assert item.discipline and item.knowledge


def test_every_form_of_a_problem_has_its_key_and_its_answer():
    problem = draw_problem(np.random.default_rng(0), 4)
    rng = np.random.default_rng(1)
    posed = [in_form(rng, problem, form) for form in FORMS for _ in range(20)]
    assert {question.key for question in posed} == {problem.key}
    assert {question.thought for question in posed} == {problem.thought}
    assert len({question.text for question in posed}) > 20
    assert all(confirm(question) for question in posed)


def test_pictures_of_a_problem_are_restyled():
    problem = draw_problem(np.random.default_rng(0), 2)
    rng = np.random.default_rng(1)
    shown = {in_form(rng, problem, "fill").show()[0].key for _ in range(30)}
    assert len(shown) > 15


def test_an_unknown_form_is_refused():
    with pytest.raises(PartError, match="no form named 'essay'; known: choice"):
        in_form(np.random.default_rng(0), draw_problem(np.random.default_rng(0), 1), "essay")


def test_styles_cover_every_layout_and_colour():
    styles = [draw_style(np.random.default_rng(seed)) for seed in range(200)]
    assert {style.layout for style in styles} == set(LAYOUTS)
    assert {style.colours for style in styles} == set(range(len(COLOURS)))


@pytest.mark.parametrize("paper, ink, filling", COLOURS)
def test_ink_stands_out_from_paper_and_filling(paper, ink, filling):
    for ground in (paper, filling):
        assert abs(sum(ink) - sum(ground)) > 200


def test_wrong_options_lie_near_and_are_positive():
    for seed in range(50):
        near = near_answers(np.random.default_rng(seed), 2)
        assert len(set(near)) == 3 and 2 not in near and min(near) > 0


def test_the_right_option_moves_through_all_letters():
    task = world_task("exams", "choice")
    letters = {task.pose(np.random.default_rng(s), 1).answer.value for s in range(60)}
    assert letters == set("ABCD")


def test_true_and_false_are_about_as_frequent():
    task = world_task("exams", "true-false")
    assert 15 < sum(task.pose(np.random.default_rng(s), 1).answer.value for s in range(60)) < 45


def test_a_wrong_answer_is_not_confirmed():
    question = world_task("exams", "fill").pose(np.random.default_rng(0), 5)
    wrong = Answer("integer", question.answer.value + 1)
    assert not confirm(replace(question, answer=wrong))


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_every_difficulty_has_problems_of_both_splits(level):
    for split in ("train", "test"):
        draw_posed(world_task("exams", "fill"), np.random.default_rng(0), level, split)


def test_a_picture_has_a_row_for_each_quantity():
    question = world_task("exams", "fill").pose(np.random.default_rng(0), 5)
    (medium,) = question.show()
    assert open_image(medium).height >= 28 * len(question.facts["values"])
