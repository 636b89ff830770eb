import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from gnomon.media.image import open_image
from gnomon.records import Answer
from gnomon.rewards.screens import action_point, action_type, agent_step
from gnomon.worlds.actions import as_call
from gnomon.worlds.interface import LABELS, PAPER, SIZES, draw_picture, draw_screen, inked
from gnomon.worlds.scene import split_of
from gnomon.worlds.screens import TASKS, confirm_goal, plan_steps
from gnomon.worlds.world import world_source

BY_NAME = {task.name: task for task in TASKS}
FIVE = {"click", "input_text", "open_app", "scroll", "navigate_back"}


def drawn(name, level, count, seed=0):
    return [
        BY_NAME[name].pose(np.random.default_rng([seed, level, i]), level) for i in range(count)
    ]


def screens(level, count=30):
    return [draw_screen(np.random.default_rng([level, i]), level) for i in range(count)]


def samples(name, count=40):
    source = world_source(world="screens", tasks=[name])
    return [source[index] for index in range(count)]


# -- screens --------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", range(1, 6))
def test_elements_stay_on_the_screen_and_apart(level):
    for screen in screens(level):
        taken = np.zeros(screen.size[::-1], dtype=int)
        for element in screen.elements:
            x1, y1, x2, y2 = element.box
            assert 0 <= x1 < x2 <= screen.size[0] and 28 <= y1 < y2 <= screen.size[1]
            taken[y1:y2, x1:x2] += 1
        assert taken.max() == 1


def test_a_label_names_one_element():
    for screen in screens(5):
        labels = [element.label for element in screen.elements]
        assert len(set(labels)) == len(labels)


def test_no_label_belongs_to_two_kinds():
    names = [label for labels in LABELS.values() for label in labels]
    assert len(set(names)) == len(names)


def test_one_tab_is_selected():
    for screen in screens(4, 60):
        tabs = [element for element in screen.elements if element.kind == "tab"]
        assert sum(tab.on for tab in tabs) == min(1, len(tabs))


def test_pictures_have_the_size_of_their_difficulty():
    for level, size in enumerate(SIZES, 1):
        assert open_image(screens(level, 1)[0].show()[0]).size == size


def test_labels_fit_into_their_boxes():
    from gnomon.worlds.interface import TEXT
    from gnomon.worlds.lettering import word_mask

    spare = {"button": 0, "tab": 0, "field": 12, "box": 19, "entry": 22, "icon": 21}
    for level in range(1, 6):
        for element in (e for screen in screens(level, 20) for e in screen.elements):
            room = element.box[2] - element.box[0] - spare[element.kind]
            assert word_mask(element.label, TEXT).width <= room, element


def test_a_state_is_seen():
    (screen,) = screens(5, 1)
    for element in screen.elements:
        if element.kind in ("box", "field"):
            other = screen.changed(element, on=not element.on)
            pictures = [np.asarray(open_image(s.show()[0])) for s in (screen, other)]
            changed = np.argwhere((pictures[0] != pictures[1]).any(axis=-1))
            x1, y1, x2, y2 = element.box
            assert len(changed) and (changed >= (y1, x1)).all() and (changed < (y2, x2)).all()


def test_more_rows_than_fit_are_refused():
    with pytest.raises(ValueError, match="4 rows do not fit on 112 x 112 pixels: 3 fit"):
        draw_screen(np.random.default_rng(0), 1, ["field", "field", "box", "entry"])


@pytest.mark.parametrize("level", range(1, 6))
def test_all_points_of_what_is_drawn_of_an_element_are_near_its_ink(level):
    for screen in screens(level):
        ink = (np.asarray(draw_picture(screen)) != PAPER).any(axis=-1)
        for element in screen.elements:
            x1, y1, x2, y2 = element.box
            own = np.zeros_like(ink)
            own[y1:y2, x1:x2] = ink[y1:y2, x1:x2]
            near = ndimage.binary_dilation(own, np.ones((7, 7)))
            for left, top, right, bottom in inked(element):
                assert x1 <= left < right <= x2 and y1 <= top < bottom <= y2
                assert near[top:bottom, left:right].all(), element


def test_what_is_drawn_of_an_element_lies_in_its_boxes_of_ink():
    for screen in screens(5):
        ink = (np.asarray(draw_picture(screen)) != PAPER).any(axis=-1)
        for element in screen.elements:
            x1, y1, x2, y2 = element.box
            for left, top, right, bottom in inked(element):
                ink[top:bottom, left:right] = False
            assert not ink[y1:y2, x1:x2].any(), element


@pytest.mark.parametrize("level", range(1, 6))
def test_what_is_at_a_point_is_asked_where_something_is_drawn(level):
    for question in drawn("name", level, 100):
        x, y = question.facts["point"]
        pixels = np.asarray(open_image(question.show()[0]))
        assert (pixels[max(0, y - 3) : y + 4, max(0, x - 3) : x + 4] != PAPER).any()


def test_a_point_on_paper_is_not_confirmed():
    question = next(q for q in drawn("name", 3, 40) if q.answer.value.startswith("box"))
    (element,) = [
        e for e in question.facts["elements"] if f"{e[0]} {e[1]}" == question.answer.value
    ]
    point = [element[2][2] - 4, element[2][1] + 4]
    text = question.text.replace(str(question.facts["point"]), str(point))
    assert not BY_NAME["name"].confirm(replace(question, text=text))


# -- actions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["act", "goal"])
def test_the_rewards_of_ui_r1_pay_the_answer_in_full(name):
    for sample in samples(name):
        response = f"<think>a</think><answer>{sample.meta['answer_text']}</answer>"
        assert action_type(response, sample) == action_point(response, sample) == 1.0


@pytest.mark.parametrize("name", ["act", "goal"])
def test_the_reward_of_infigui_r1_pays_the_answer_in_full(name):
    ends = {"up": ([50, 90], [50, 10]), "down": ([50, 10], [50, 90])}
    for sample in samples(name):
        gold = {key: v for key, v in sample.meta["gt"].items() if key != "candidate_bbox"}
        if "direction" in gold:
            gold["coordinate"], gold["coordinate2"] = ends[gold.pop("direction")]
        call = json.dumps({"name": "mobile_use", "arguments": gold})
        assert agent_step(f"<think>a</think><tool_call>{call}</tool_call>", sample) == 1.0


def test_a_click_beside_the_element_is_not_paid():
    clicks = [s for s in samples("act") if s.meta["action"] == "click"]
    for sample in clicks:
        x1, y1, *_ = sample.meta["bbox"]
        said = f"<answer>[{{'action': 'click', 'coordinate': [{x1}, {y1 - 1}]}}]</answer>"
        assert action_type(said, sample) == 1.0 and action_point(said, sample) == 0.0


def test_all_five_types_of_action_are_asked_for():
    assert {sample.meta["action"] for sample in samples("act", 80)} == FIVE


def test_a_page_moves_against_the_finger():
    assert as_call({"action": "scroll", "direction": "up"}, None)["direction"] == "down"


def test_text_is_typed_where_the_cursor_is():
    for question in drawn("act", 5, 100):
        if question.answer.value["action"] == "input_text":
            on = [e[1] for e in question.facts["elements"] if e[0] == "field" and e[3]]
            assert len(on) == 1 and f"into {on[0]}," in question.text


def test_an_app_to_open_is_another_one():
    for question in drawn("act", 2, 100):
        if question.answer.value["action"] == "open_app":
            assert question.answer.value["text"] != question.facts["app"]


# -- goals ----------------------------------------------------------------------------------------


def test_a_third_and_more_of_the_goals_recover_from_a_wrong_step():
    kinds = [question.facts["kind"] for question in drawn("goal", 3, 200)]
    assert min(map(kinds.count, ("escape", "back_on_track"))) > 25
    assert kinds.count("plain") > 70


def test_a_lost_page_is_left_by_going_back():
    for question in drawn("goal", 3, 60):
        lost = question.facts["kind"] == "escape"
        assert (question.answer.value == {"action": "navigate_back"}) == lost
        assert (question.facts["app"] != question.facts["home"]) == lost


def test_a_page_belongs_to_the_split_of_its_screen():
    for question in drawn("goal", 2, 60):
        elements = ", ".join(f"{kind} {label}" for kind, label, *_ in question.facts["elements"])
        if question.facts["kind"] == "escape":
            shown = f"{question.facts['app']}: {elements}"
            assert split_of(shown) == split_of(question.key)


def test_after_going_back_the_due_step_is_asked_for():
    for question in drawn("goal", 3, 60):
        if question.facts["kind"] == "back_on_track":
            *_, wrong, back = question.facts["history"]
            assert wrong == question.facts["error_action"]
            assert back == question.facts["escape_action"] == {"action": "navigate_back"}


def test_a_field_takes_a_click_and_then_a_word():
    (screen,) = [s for s in screens(5, 40) if any(e.kind == "field" for e in s.elements)][:1]
    field = next(e for e in screen.elements if e.kind == "field")
    steps, after = plan_steps(screen, [(field, "cat")])
    assert [step.action["action"] for step in steps] == ["click", "input_text"]
    assert steps[1].element.on and not steps[0].element.on
    assert next(e for e in after.elements if e.label == field.label).text == "cat"


def test_a_typed_word_is_seen_on_the_next_picture():
    typed = [q for q in drawn("goal", 5, 60) if q.facts["kind"] != "escape"]
    for question in typed:
        words = {e[4] for e in question.facts["elements"]} - {""}
        done = {a["text"] for a in question.facts["history"] if a["action"] == "input_text"}
        assert words == done


def test_a_goal_that_was_left_early_is_not_confirmed():
    question = next(q for q in drawn("goal", 3, 20) if q.facts["kind"] == "plain")
    wrong = Answer("action", {"action": "navigate_back"})
    assert not confirm_goal(replace(question, answer=wrong))


@pytest.mark.parametrize("name", ["ground", "name"])
def test_an_element_that_is_not_meant_is_not_confirmed(name):
    (question,) = drawn(name, 4, 1)
    other = {"ground": Answer("point", (0.0, 0.0, 5.0, 5.0)), "name": Answer("text", "tab None")}
    assert not BY_NAME[name].confirm(replace(question, answer=other[name]))
