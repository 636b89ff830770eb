from __future__ import annotations

import pytest

from gnomon.formats.structured import (
    action_answer,
    function_sequence,
    multi_box,
    time_spans,
    tool_action,
)
from gnomon.parts import part


def thought(answer: str) -> str:
    return f"<think>t</think><answer>{answer}</answer>"


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("multi-box", '[{"bbox_2d": [0, 0, 4, 4], "label": "cup"}, {"bbox_2d": [5, 5, 9, 9]}]'),
        ("time-spans", '{"start_time": "3", "end_time": "8.5"}'),
        ("time-spans", '[{"time": [0, 2]}, {"time": [4, 6]}]'),
        ("function-sequence", "change_shape(2,'sphere') change_size(2,'small')"),
        ("action-answer", "[{'action': 'click', 'coordinate': [120, 80]}]"),
        ("think-prompt", '{"bbox": [1, 2, 3, 4], "points_1": [1, 2], "points_2": [2, 3]}'),
        ("tool-action", '{"name": "mobile_use", "arguments": {"action": "wait", "time": 2}}'),
        ("caption-box-answer", "dog"),
        ("transit-route", "Route Name: 1\nDeparture Stop: A\nArrival Stop: B"),
        ("understand-think-answer", "Top left"),
    ],
)
def test_a_perfect_response_is_well_formed_and_gives_its_answer_back(
    name: str, answer: str
) -> None:
    style = part("format", name)()
    parsed = style.parse(style.render("a thought", answer))
    assert parsed.well_formed, parsed.reason
    assert parsed.answer == answer


@pytest.mark.parametrize(
    "answer",
    [
        '{"start_time": "8", "end_time": "3"}',
        "3 to 8 s",
        "{}",
        '{"time": [1]}',
        '{"time": [1, NaN]}',
    ],
)
def test_a_time_span_is_json_with_start_before_end(answer: str) -> None:
    assert time_spans().score(thought(answer)) == 0


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        ("[0.75, 3]", '{"start_time": "0.75", "end_time": "3"}'),
        ("[[0.75, 3]]", '{"start_time": "0.75", "end_time": "3"}'),
        (
            "[[0, 1], [2, 2.5]]",
            '[{"start_time": "0", "end_time": "1"}, {"start_time": "2", "end_time": "2.5"}]',
        ),
        ("no span", "no span"),
    ],
)
def test_spans_are_written_with_their_times_in_quotes(answer: str, body: str) -> None:
    assert time_spans().parse(time_spans().render("t", answer)).answer == body


def test_one_span_is_written_as_the_release_reads_it() -> None:
    assert time_spans(mode="released").score(time_spans().render("t", "[0.75, 3]")) == 1


@pytest.mark.parametrize(
    ("text", "strict", "released"),
    [
        (thought('{"start_time": "75", "end_time": "127"}'), 1, 1),
        (thought('{ "start_time" : "75" , "end_time" : "127" }') + "\n", 1, 0),
        (thought('{"start_time": 75, "end_time": 127}'), 1, 0),
        (thought('{"end_time": "127", "start_time": "75"}'), 1, 0),
        (thought('{"start_time": "1.2.3", "end_time": "4"}'), 0, 1),
        ('<answer>{"start_time": "75", "end_time": "127"}</answer>', 0, 0),
        (thought('{"start_time": "9", "end_time": "4"}'), 0, 1),
    ],
)
def test_the_released_time_format_looks_at_characters_only(
    text: str, strict: int, released: int
) -> None:
    assert time_spans().score(text) == strict
    assert time_spans(mode="released").score(text) == released


@pytest.mark.parametrize("answer", ["[]", "[[1, 2, 3]]", "[[3, 0, 1, 4]]", "a box"])
def test_boxes_are_proper_or_the_answer_is_malformed(answer: str) -> None:
    assert multi_box().score(thought(answer)) == 0
    assert multi_box().parse(thought(answer)).answer == answer


@pytest.mark.parametrize("answer", ['change_size(1, "small")', "nothing changed", "f(1 ,a)"])
def test_a_function_sequence_is_nothing_but_calls(answer: str) -> None:
    assert function_sequence().score(thought(answer)) == 0


def test_calls_inside_the_thought_are_no_answer() -> None:
    assert function_sequence().parse("<think>f(1, 'a')</think>").answer is None


def test_an_action_may_come_without_a_thought() -> None:
    action = "<answer>[{'action': 'scroll', 'direction': 'up'}]</answer>"
    assert action_answer(thought=False).score(action) == 1
    assert action_answer().score(action) == 0
    assert action_answer(thought=False).score(f"<think>t</think>{action}") == 0


def test_several_actions_are_no_action() -> None:
    several = "[{'action': 'click'}, {'action': 'scroll'}]"
    assert action_answer().score(thought(several)) == 0


def test_a_tool_call_is_json_with_a_named_action() -> None:
    assert tool_action().score("<think>t</think><tool_call>{}</tool_call>") == 0
    twice = "<think>t</think>" + '<tool_call>{"action": "wait"}</tool_call>' * 2
    assert tool_action().score(twice) == 0


def test_a_worked_prompt_stands_in_place_of_the_mask() -> None:
    style = part("format", "think-prompt")()
    prompt = '{"bbox": [1, 2, 3, 4], "points_1": [1, 2], "points_2": [2, 3]}'
    meta = {"thought": "a", "answer_text": '{"size": [1, 1], "counts": [0, 1]}'}
    told = style.worked({**meta, "sections": {"prompt": prompt}})
    assert style.parse(told).answer == prompt and style.fits(told)
    assert not style.fits(style.worked(meta))
