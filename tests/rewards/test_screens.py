from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.records import Sample
from gnomon.rewards.screens import (
    MISS,
    Match,
    action_point,
    action_type,
    agent_step,
    click_score,
    gated_total,
    listed_action,
    listed_point,
    match_step,
    read_tool_call,
    step_credit,
    subgoal_in,
    swipe_direction,
)

BOX = (100, 60, 140, 100)


def listed(action: str, x: int = 120, y: int = 80) -> str:
    body = f"[{{'action': '{action}', 'coordinate': [{x}, {y}]}}]"
    return f"<think>so</think><answer>{body}</answer>"


@pytest.mark.parametrize(
    ("x", "scale", "value"), [(120, (1, 1), 1.0), (120, (1.25, 1), 0.0), (100, (1.25, 1), 1.0)]
)
def test_the_worked_clicks_of_ui_r1(x: int, scale: tuple[float, float], value: float) -> None:
    sample = Sample("s", (), meta={"bbox": BOX, "scale": scale})
    assert action_type(listed("click", x), sample) == 1.0
    assert action_point(listed("click", x), sample) == value


def test_double_quotes_are_not_read() -> None:
    text = '<think>a</think><answer>[{"action": "click", "coordinate": [120, 80]}]</answer>'
    sample = Sample("s", (), meta={"bbox": BOX})
    assert (action_type(text, sample), action_point(text, sample)) == (0.0, 0.0)


def test_another_action_passes_wherever_it_points() -> None:
    sample = Sample("s", (), meta={"action": "scroll"})
    assert action_type(listed("scroll", 3, 3), sample) == 1.0
    assert action_point(listed("scroll", 3, 3), sample) == 1.0
    assert action_point(listed("click"), sample) == 0.0


def test_a_click_without_a_point_hits_the_corner_only_as_released() -> None:
    text, corner = "<answer>[{'action': 'click'}]</answer>", (0, 0, 9, 9)
    assert click_score(text, "click", corner) == 0.0
    assert click_score(text, "click", corner, mode="released") == 1.0


def test_products_are_truncated_not_rounded() -> None:
    assert click_score(listed("click", 111), "click", (0, 0, 138, 100), (1.25, 1)) == 1.0
    assert click_score(listed("click", 112), "click", (0, 0, 139, 100), (1.25, 1)) == 0.0


def test_the_first_pair_or_the_last_in_braces_counts() -> None:
    text = "<answer>[1, 2] {'action': 'click', 'a': [3, 4], 'b': [5, 6]} [7, 8]</answer>"
    assert listed_point(text) == (1, 2)
    assert listed_point(text, "last") == (5, 6)
    assert listed_point("<answer>[1.5, 2]</answer>") is None
    assert listed_point("[1, 2]", "last") is None


def test_the_first_action_decides() -> None:
    assert listed_action("<answer>'action': 'click', 'action': 'scroll'</answer>") == "click"
    assert listed_action("<answer>'action': scroll</answer>") == "scroll"
    assert listed_action("'action': 'click'") is None


GOLD = {"action": "click", "coordinate": [540, 1200], "candidate_bbox": [[500, 1150, 580, 1250]]}
SIZE = (1080, 2400)


def call(**arguments: Any) -> str:
    body = json.dumps({"name": "mobile_use", "arguments": arguments})
    return f"<think>go</think><tool_call>{body}</tool_call>"


@pytest.mark.parametrize(
    ("said", "gold", "match"),
    [
        ({"action": "click", "coordinate": [540, 1200]}, GOLD, (True, True)),
        ({"action": "click", "coordinate": [495, 1200]}, GOLD, (True, True)),
        ({"action": "click", "coordinate": [600, 1260]}, GOLD, (True, True)),
        ({"action": "click", "coordinate": [800, 1200]}, GOLD, (True, False)),
        ({"action": "wait", "time": 2}, GOLD, (False, False)),
        ({"action": "click"}, GOLD, (False, False)),
        ({"action": "wait", "time": 2}, {"action": "wait", "time": 9}, (True, True)),
        ({"action": "type", "text": "Hello"}, {"action": "type", "text": "hello a"}, (True, True)),
        ({"action": "type", "text": "x"}, {"action": "type", "text": "hello"}, (True, False)),
        ({"action": "open", "text": " CLOCK"}, {"action": "open", "text": "Clock"}, (True, True)),
        ({"action": "open", "text": 5}, {"action": "open", "text": "5"}, (False, False)),
        ({"action": "system_button", "button": " back"},
         {"action": "system_button", "button": "Back"}, (True, True)),
        ({"action": "key", "text": "a"}, {"action": "key", "text": "A"}, (True, False)),
        ({"action": "terminate", "status": "failure"},
         {"action": "terminate", "status": "success"}, (True, True)),
        ({"action": "swipe", "coordinate": [200, 2000], "coordinate2": [220, 900]},
         {"action": "swipe", "direction": "up"}, (True, True)),
        (None, GOLD, (False, False)),
    ],
)  # fmt: skip
def test_steps_match_by_their_action(said: Any, gold: Any, match: tuple[bool, bool]) -> None:
    assert match_step(said, gold, SIZE, SIZE) == Match(*match)


def test_points_are_compared_in_shares_of_their_own_screens() -> None:
    said = {"action": "click", "coordinate": [270, 600]}
    assert match_step(said, GOLD, (540, 1200), SIZE).exact
    assert not match_step(said, GOLD, SIZE, SIZE).exact


def test_an_open_accepts_a_click_where_the_box_is_known() -> None:
    gold = {"action": "open", "text": "Clock", "candidate_bbox": [[500, 1150, 580, 1250]]}
    said = {"action": "click", "coordinate": [540, 1200]}
    assert match_step(said, gold, SIZE, SIZE) == Match(True, True)
    assert match_step(said, {"action": "open", "text": "Clock"}, SIZE, SIZE) == MISS


def test_an_empty_text_fits_everything_only_as_released() -> None:
    said, gold = {"action": "type", "text": ""}, {"action": "type", "text": "hello"}
    assert not match_step(said, gold, SIZE, SIZE).exact
    assert match_step(said, gold, SIZE, SIZE, mode="released").exact


@pytest.mark.parametrize(
    ("start", "end", "direction"),
    [((200, 2000), (220, 900), "up"), ((0, 0), (9, 0), "right"), ((9, 0), (0, 0), "left"),
     ((0, 0), (0, 9), "down"), ((0, 0), (1092, 2408), "down"), ((5, 5), (5, 5), "up")],
)  # fmt: skip
def test_the_larger_share_gives_the_direction(start: Any, end: Any, direction: str) -> None:
    assert swipe_direction(start, end, (1092, 2408)) == direction


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (call(action="wait"), {"action": "wait"}),
        ('x</think><tool_call>{"name":"m","arguments":{"action":"wait"}} so', {"action": "wait"}),
        ('{"name":"m","arguments":{"action":"wait"}} and', {"action": "wait"}),
        (call(action="wait") + "</think>none", None),
        ("<tool_call>{'name': 1}</tool_call>", None),
        ('<tool_call>{"name":"m","arguments":[]}</tool_call>', None),
        ('<tool_call>{"name":"m","arguments":{"action":5}}</tool_call>', None),
        ("", None),
    ],
)
def test_a_tool_call_stands_behind_the_last_thought(text: str, found: Any) -> None:
    assert read_tool_call(text) == found


@pytest.mark.parametrize(
    ("match", "subgoal", "well_formed", "total"),
    [
        (Match(True, False), 0.6, True, 0.388),
        (Match(True, True), 0.6, True, 1.0),
        (MISS, 0.5, True, 0.19),
        (Match(True, True), 1.0, False, 0.0),
    ],
)
def test_the_worked_totals_of_infigui(
    match: Match, subgoal: float, well_formed: bool, total: float
) -> None:
    assert gated_total(well_formed, step_credit(match, subgoal)) == pytest.approx(total)


def test_a_wrong_type_with_a_perfect_sub_goal_ties_with_a_right_type() -> None:
    assert gated_total(True, step_credit(MISS, 1.0)) == pytest.approx(
        gated_total(True, step_credit(Match(True, False)))
    )


def test_an_agent_step_is_scored_from_its_record() -> None:
    sample = Sample("s", (), meta={"gt": GOLD, "size": SIZE})
    assert agent_step(call(action="click", coordinate=[540, 1200]), sample) == 1.0
    assert agent_step(call(action="click", coordinate=[0, 0]), sample) == pytest.approx(0.2)
    assert agent_step("nothing", sample) == 0.0


def test_a_blank_step_block_names_no_sub_goal() -> None:
    assert subgoal_in("<step> open it </step>") == "open it"
    assert subgoal_in("<step> </step>") is subgoal_in("") is None


@given(st.text(max_size=80))
def test_no_text_breaks_a_reader(text: str) -> None:
    listed_action(f"<answer>{text}</answer>")
    listed_point(f"<answer>{text}</answer>", "last")
    match_step(read_tool_call(f'{{"name": {text}}}}}'), GOLD, SIZE, SIZE)
