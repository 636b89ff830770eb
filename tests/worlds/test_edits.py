"""What the tasks of edits keep beyond what every task keeps."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest

from gnomon.grading.geometry import box_iou
from gnomon.grading.prompted import read_prompt
from gnomon.records import Answer
from gnomon.worlds.edits import TASKS
from gnomon.worlds.pictures import colour_at, corner_of, pixels_of
from gnomon.worlds.render import box_of
from gnomon.worlds.scene import CELL, Placed, Scene, split_of
from gnomon.worlds.world import LEVELS, Posed, draw_posed, world_task

NAMES = [task.name for task in TASKS]


def drawn(name: str, count: int, level: int = 3) -> list[Posed]:
    task = world_task("edits", name)
    return [task.pose(np.random.default_rng([5, i]), level) for i in range(count)]


def test_the_box_and_points_of_pixelthink_fit_the_mask():
    for question in drawn("refer-mask", 20, 4):
        mask = question.answer.value
        rows, columns = np.nonzero(mask)
        tight = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert box_iou(question.facts["box"], tight) > 0.7
        assert all(mask[y, x] for x, y in question.facts["points"])
        numbers = [int(n) for n in re.findall(r"\d+", question.facts["solution"])]
        assert numbers[:4] == list(question.facts["box"])
        assert question.facts["solution"].startswith("<box>(")
        assert 1 <= question.facts["difficulty_score_model"] <= 10
        prompt = read_prompt(question.sections["prompt"])
        assert prompt is not None and prompt.box == question.facts["box"]
        assert prompt.points == question.facts["points"]


def scene_shown(question: Posed) -> Scene:
    """The first scene that is drawn for a question."""
    return question.show.args[0][0]  # type: ignore[attr-defined]


def covered(item: Placed) -> list[tuple[int, int]]:
    """Columns and rows of all cells that an object's box lies in."""
    x1, y1, x2, y2 = box_of(item)
    columns, rows = range(x1 // CELL, (x2 - 1) // CELL + 1), range(y1 // CELL, (y2 - 1) // CELL + 1)
    return [(column, row) for column in columns for row in rows]


RELATED = {
    "left of": lambda one, other: one[0] < other[0],
    "right of": lambda one, other: one[0] > other[0],
    "above": lambda one, other: one[1] < other[1],
    "below": lambda one, other: one[1] > other[1],
}


@pytest.mark.parametrize("level", LEVELS)
def test_a_relation_is_the_same_for_every_cell_that_an_object_covers(level):
    for question in drawn("related", 60, level):
        objects = scene_shown(question).objects
        asked = re.search(r"objects (.*?) the (.*)\?", question.text)
        (own,) = [item for item in objects if item.thing.written.endswith(asked[2])]
        holds = RELATED[asked[1]]
        cells = set()
        for item in objects:
            told = {holds(one, other) for one in covered(item) for other in covered(own)}
            assert len(told) == 1, f"{question.text} {question.facts['scenes']}"
            cells |= {item.cell} if told.pop() else set()
        assert cells == set(question.answer.value)


def test_defacto_variants_come_about_equally_often():
    kinds = [question.facts["type"] for question in drawn("evidence", 150)]
    assert all(30 <= kinds.count(kind) <= 70 for kind in ("pos", "cf", "rand"))


def test_only_hidden_evidence_makes_the_answer_unknown():
    for question in drawn("evidence", 40):
        hidden, facts = question.facts["hidden_boxes"], question.facts
        unknown = question.answer.value == "unknown"
        assert unknown == (facts["type"] == "cf") == (hidden == facts["r_plus_boxes"])
        assert unknown or question.answer_text == facts["y_star"]
        assert facts["type"] == "cf" or set(hidden) <= set(facts["r_minus_boxes"])
        assert facts["r_plus_boxes"] and facts["r_minus_boxes"]


def test_the_same_questions_come_with_nothing_hidden():
    for question in drawn("evidence-pos", 20):
        assert question.facts["type"] == "pos" and not question.facts["hidden_boxes"]
        assert question.answer.value != "unknown"


def test_the_worked_boxes_are_null_where_the_evidence_is_hidden():
    for question in drawn("evidence", 40):
        told, facts = json.loads(question.sections["box"]), question.facts
        boxes = [list(box) for box in facts["r_plus_boxes"]]
        assert told == (None if facts["type"] == "cf" else boxes)


def test_the_hidden_shape_does_not_shine_through():
    for question in drawn("masked-shape", 10, 5):
        (picture,) = pixels_of(question)
        x, y, width, height = question.facts["bbox"]
        inside = picture[max(y, 0) + 5 : y + height - 5, max(x, 0) + 5 : x + width - 5].astype(int)
        assert (inside.max(axis=2) - inside.min(axis=2)).max() < 40


def test_records_of_mpcc_have_names_that_are_wrong():
    for question in drawn("masked-shape", 20):
        facts = question.facts
        wrong = [*facts["choose_negtive_confusion"], *facts["judgement_negtive_confusion"]]
        assert len(set(wrong)) == 4 and len(facts["irrelevant_negtive"]) == 3
        assert facts["category_name"] not in (*wrong, *facts["irrelevant_negtive"])


@pytest.mark.parametrize("level", LEVELS)
def test_no_name_of_mpcc_comes_twice(level):
    lists = ("choose_negtive_confusion", "judgement_negtive_confusion", "irrelevant_negtive")
    irrelevant = set()
    for question in drawn("masked-shape", 40, level):
        names = [name for part in lists for name in question.facts[part]]
        assert len({*names, question.facts["category_name"]}) == len(names) + 1
        shown = {look for row in question.facts["visible"] for look in row}
        assert not shown & set(question.facts["irrelevant_negtive"])
        irrelevant |= set(question.facts["irrelevant_negtive"])
    assert len(irrelevant) > 12


def test_a_change_shows_in_its_cell_alone():
    for question in drawn("difference", 10):
        one, other = pixels_of(question)
        x, y = corner_of(question.answer.value)
        rows, columns = np.nonzero((one != other).any(axis=2))
        assert x <= columns.min() <= columns.max() < x + 28
        assert y <= rows.min() <= rows.max() < y + 28


@pytest.mark.parametrize("level", LEVELS)
def test_one_option_alone_is_what_was_changed(level):
    for question in drawn("what-changed", 20, level):
        options = question.answer.options
        assert options[question.answer.value] == question.facts["edit"]
        assert len(set(options.values())) == 4


def test_pictures_are_as_many_as_the_options():
    for level, number in zip(LEVELS, (2, 3, 3, 4, 5), strict=True):
        (question,) = drawn("which-picture", 1, level)
        assert len(question.show()) == len(question.answer.options) == number


def test_questions_of_the_test_split_show_scans_of_the_test_split():
    rng = np.random.default_rng(0)
    for name in ("related", "difference"):
        question = draw_posed(world_task("edits", name), rng, 3, "test")
        assert split_of(question.facts["scenes"][0]) == "test"


WRONG = {
    "refer-mask": Answer("mask", np.ones((112, 112), dtype=bool)),
    "related": Answer("set", ("a9",)),
    "evidence": Answer("count", 9),
    "evidence-pos": Answer("count", 9),
    "masked-shape": Answer("text", "grey ghost"),
    "difference": Answer("text", "e5"),
    "differences": Answer("count", 9),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_not_confirmed(name):
    (question,) = drawn(name, 1)
    wrong = dataclasses.replace(question, answer=WRONG[name])
    assert not world_task("edits", name).confirm(wrong)


@pytest.mark.parametrize("name", ["answerable", "what-changed", "which-picture"])
def test_no_other_choice_is_confirmed(name):
    for question in drawn(name, 30):
        answer = question.answer
        others = [label for label in answer.options if label != answer.value]
        for other in others or [not answer.value]:
            wrong = dataclasses.replace(answer, value=other)
            changed = dataclasses.replace(question, answer=wrong)
            assert not world_task("edits", name).confirm(changed)


def test_a_colour_is_read_off_the_pixels():
    white = np.full((112, 112, 3), 255, np.uint8)
    assert colour_at(white, "a1") == ""
    white[30:50, 60:80] = (44, 84, 216)
    assert colour_at(white, "c2") == "blue"
