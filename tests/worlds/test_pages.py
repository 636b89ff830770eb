import json
from dataclasses import replace

import numpy as np
import pytest

from gnomon.media.image import open_image
from gnomon.records import Answer
from gnomon.rewards.screens import action_point, action_type, agent_step
from gnomon.worlds.browser import State, look, missing
from gnomon.worlds.markup import SIZES, Block, WebPage, html_of
from gnomon.worlds.pages import View, act, cell, count, goal, ground, name, way_to
from gnomon.worlds.performing import (
    confirm_act,
    confirm_cell,
    confirm_count,
    confirm_goal,
    confirm_ground,
    confirm_name,
)
from gnomon.worlds.world import world_source

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())
FIVE = {"click", "input_text", "open_app", "scroll", "navigate_back"}
FORM = WebPage(
    "Notes",
    (112, 112),
    (
        Block("box", ("Wifi",), True),
        Block("field", ("City",)),
        Block("link", ("Trips",)),
        Block("box", ("Alarm",)),
        Block("menu", ("File", "Export", "Merge")),
        Block("buttons", ("Save",)),
    ),
    (44, 84, 190),
    {"Trips": "cats and dogs"},
)


def drawn(pose, level, number, seed=0):
    return [pose(np.random.default_rng([seed, level, i]), level) for i in range(number)]


def names(parts):
    return [step.aim for step in way_to(View(FORM), parts)]


# -- what is seen ---------------------------------------------------------------------------------


def test_only_what_is_seen_whole_is_an_element_of_a_view():
    assert [e.label for e in View(FORM).elements] == ["Wifi", "City", "Trips"]
    assert [e.label for e in View(FORM, (("scroll", "down"),)).elements] == [
        "Trips", "Alarm", "File", "Save"
    ]  # fmt: skip


@pytest.mark.parametrize("level", range(1, 6))
def test_nothing_is_cut_in_two(level):
    for question in drawn(ground, level, 4):
        height = question.facts["size"][1]
        facts = question.facts
        view = look_at(facts)
        for element in view:
            y1, y2 = element.box[1], element.box[3]
            if element.kind != "table":
                assert y2 <= 0 or y1 >= height or 0 <= y1 < y2 <= height, element


def look_at(facts):
    steps = tuple(map(tuple, facts["steps"]))
    return look(State(facts["html"], tuple(facts["size"]), steps)).elements


def test_pictures_have_the_size_of_their_difficulty():
    for level, size in enumerate(SIZES, 1):
        (question,) = drawn(ground, level, 1)
        assert open_image(question.show()[0]).size == size


def test_facts_hold_the_page_that_drew_the_picture():
    (question,) = drawn(cell, 2, 1)
    assert question.facts["html"].startswith("<main")
    assert json.loads(json.dumps(question.facts))["html"] == question.facts["html"]


@pytest.mark.parametrize(
    "pose, confirm, wrong",
    [
        (ground, confirm_ground, Answer("point", (0.0, 0.0, 9.0, 9.0))),
        (name, confirm_name, Answer("text", "button None")),
        (count, confirm_count, Answer("count", 17)),
        (cell, confirm_cell, Answer("integer", 100)),
    ],
)
def test_another_answer_is_not_confirmed(pose, confirm, wrong):
    (question,) = drawn(pose, 3, 1)
    assert confirm(question) and not confirm(replace(question, answer=wrong))


# -- one step -------------------------------------------------------------------------------------


def test_all_five_types_of_action_are_asked_for():
    assert {question.answer.value["action"] for question in drawn(act, 1, 40)} == FIVE


@pytest.mark.parametrize("action", sorted(FIVE))
def test_an_action_that_does_something_else_is_not_confirmed(action):
    questions = drawn(act, 2, 40)
    question = next(q for q in questions if q.answer.value["action"] == action)
    other = (
        {"action": "click", "bbox": (60, 4, 70, 8)}
        if action == "click"
        else {"action": "input_text", "text": "no"}
    )
    assert confirm_act(question)
    assert not confirm_act(replace(question, answer=Answer("action", other)))


@pytest.mark.parametrize("task", ["act", "goal"])
def test_the_rewards_of_both_systems_pay_the_answer_in_full(task):
    source = world_source(world="pages", tasks=[task], difficulty=(1, 2))
    ends = {"up": ([50, 90], [50, 10]), "down": ([50, 10], [50, 90])}
    for sample in (source[index] for index in range(10)):
        said = f"<think>a</think><answer>{sample.meta['answer_text']}</answer>"
        assert action_type(said, sample) == action_point(said, sample) == 1.0
        gold = {key: v for key, v in sample.meta["gt"].items() if key != "candidate_bbox"}
        if "direction" in gold:
            gold["coordinate"], gold["coordinate2"] = ends[gold.pop("direction")]
        call = json.dumps({"name": "mobile_use", "arguments": gold})
        assert agent_step(f"<think>a</think><tool_call>{call}</tool_call>", sample) == 1.0


# -- goals ----------------------------------------------------------------------------------------


def test_a_goal_scrolls_to_what_is_not_seen_and_opens_menus():
    assert names([("Wifi", ""), ("City", "cat"), ("File", ""), ("Export", "")]) == [
        "untick Wifi", "put the cursor into City", "type 'cat'", "scroll down to File",
        "open the menu File", "choose Export",
    ]  # fmt: skip


def test_what_is_further_up_is_no_goal():
    with pytest.raises(ValueError, match="on no part of the page further down"):
        names([("Save", ""), ("Wifi", "")])


def test_a_wrong_page_takes_the_cursor_away():
    lost = View(FORM).then(("click", "City"), ("click", "Trips"), ("navigate_back", ""))
    (first, *_) = way_to(lost, [("City", "cat")])
    assert first.aim == "put the cursor into City"


def test_goals_recover_from_wrong_steps():
    kinds = [question.facts["kind"] for question in drawn(goal, 1, 24)]
    assert min(map(kinds.count, ("escape", "back_on_track"))) >= 2


def test_a_lost_page_is_left_by_going_back():
    for question in drawn(goal, 1, 20):
        lost = question.facts["kind"] == "escape"
        assert (question.answer.value == {"action": "navigate_back"}) == lost
        assert (question.facts["app"] != question.facts["home"]) == lost


@pytest.mark.parametrize(
    "wrong", [{"action": "navigate_back"}, {"action": "open_app", "text": "Radar"}]
)
def test_a_goal_that_is_left_early_is_not_confirmed(wrong):
    question = next(q for q in drawn(goal, 2, 20) if q.facts["kind"] == "plain")
    assert confirm_goal(question)
    assert not confirm_goal(replace(question, answer=Answer("action", wrong)))


def test_a_goal_whose_history_leads_elsewhere_is_not_confirmed():
    question = next(q for q in drawn(goal, 2, 20) if len(q.facts["history"]) > 1)
    other = {**question.facts, "history": question.facts["history"][:-1]}
    assert not confirm_goal(replace(question, facts=other))


def test_the_page_of_a_view_is_the_html_of_its_page():
    assert View(FORM).facts == {"html": html_of(FORM), "steps": []}
