"""Formats whose answer is structured: boxes, prompts, time spans, calls of functions, actions."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Literal

from gnomon.formats.grammar import Block, Body, Format, Grammar, Parsed
from gnomon.grading.actions import read_action
from gnomon.grading.prompted import read_prompt, write_prompt
from gnomon.grading.sequences import read_operations
from gnomon.grading.structured import read_json
from gnomon.grading.temporal import read_spans
from gnomon.grading.visual import read_boxes, short
from gnomon.parts import register

Mode = Literal["strict", "released"]
THINK = Block("think", "think")
ACTION = Body(
    "one action {'action': name, ...} with its coordinate, text or direction",
    read_action,
    '{"action": "click", "coordinate": [0, 0]}',
)
PROMPT = Body(
    'JSON {"bbox": [x1, y1, x2, y2], "points_1": [x, y], "points_2": [x, y]}',
    read_prompt,
    write_prompt((0, 0, 1, 1), [(0, 0), (0, 0)]),
)
_THOUGHT_ENDS = re.compile(
    r"</think>\s*<answer>\s*\{\s*\"start_time\"\s*:\s*\"[0-9.]+\"\s*,\s*"
    r"\"end_time\"\s*:\s*\"[0-9.]+\"\s*\}\s*</answer>\Z"
)


def _answering(name: str, body: Body, instruction: str | None, *, thought: bool = True) -> Format:
    answer = Block("answer", "answer", take="only", body=body)
    return Grammar((THINK, answer) if thought else (answer,)).format(name, instruction)


@register("format")
def multi_box(*, instruction: str | None = None) -> Format:
    """A thought, then one or more boxes as JSON in the answer block.

    Source: the layout of Qwen2.5-VL, ``bbox_2d`` and ``label``.

    >>> multi_box().score('<think>a</think><answer>[{"bbox_2d": [0, 0, 4, 4]}]</answer>')
    1.0
    """
    body = Body(
        'JSON [{"bbox_2d": [x1, y1, x2, y2], "label": name}, ...]',
        read_boxes,
        '[{"bbox_2d": [0, 0, 1, 1]}]',
    )
    return _answering("multi-box", body, instruction)


@register("format")
def time_spans(*, instruction: str | None = None, mode: Mode = "strict") -> Format:
    """A thought, then when something happens, as JSON in the answer block.

    One object ``{"start_time": "s", "end_time": "e"}`` or ``{"time": [s, e]}``, or a list of them;
    start lies before end. ``released``: exactly the first, numbers of digits and dots in quotes,
    whatever they are, and no newline at the end. Source: arXiv 2506.01908 (Temporal-R1).

    >>> text = '<think>a</think><answer>{"start_time": 1, "end_time": 2}</answer>'
    >>> time_spans().score(text), time_spans(mode="released").score(text)
    (1.0, 0.0)
    """
    body = Body(
        'JSON {"start_time": seconds, "end_time": seconds}',
        lambda text: read_spans(text) if read_json(text) is not None else None,
        '{"start_time": "0", "end_time": "1"}',
        write=_write_times,
    )
    style = _answering("time-spans", body, instruction)
    return dataclasses.replace(style, parse=_parse_released_time) if mode == "released" else style


def _write_times(text: str) -> str:
    """Spans as objects with their times in quotes, as the released code of Temporal-R1 wants it."""
    spans = None if "{" in text else read_spans(text)
    ends = [(short(start), short(end)) for start, end in spans or ()]
    told = [f'{{"start_time": "{start}", "end_time": "{end}"}}' for start, end in ends]
    return f"[{', '.join(told)}]" if len(told) > 1 else "".join(told) or text


def _parse_released_time(text: str) -> Parsed:
    grammar = Grammar((THINK, Block("answer", "answer")))
    sections = grammar.read(text)
    fits = text.startswith("<think>") and _THOUGHT_ENDS.search(text, len("<think>")) is not None
    reason = "" if fits else "not a thought and one object of two quoted numbers"
    return Parsed(sections.get("think"), sections.get("answer"), fits, reason, sections)


@register("format")
def function_sequence(*, instruction: str | None = None) -> Format:
    """A thought, then calls of functions in the answer block.

    Source: arXiv 2503.20752 (Reason-RFT).

    >>> function_sequence().parse("<think>a</think><answer>f(1, 'red')</answer>").answer
    "f(1, 'red')"
    """
    body = Body("function(object, 'value'), ...", read_operations, "f(0, 'a')")
    return _answering("function-sequence", body, instruction)


@register("format")
def action_answer(*, instruction: str | None = None, thought: bool = True) -> Format:
    """A thought (optional by ``thought``), then one action as an object in the answer block.

    JSON with single or double quotes; several actions are no answer. Source: arXiv 2503.21620
    (UI-R1), whose reader knows single quotes only: see the grader ``released``.

    >>> action_answer(thought=False).score("<answer>[{'action': 'scroll'}]</answer>")
    1.0
    """
    return _answering("action-answer", ACTION, instruction, thought=thought)


@register("format")
def tool_action(*, instruction: str | None = None) -> Format:
    """A thought, then one tool call that holds the action.

    ``<tool_call>{"name": ..., "arguments": {"action": ...}}</tool_call>``. Source: arXiv 2504.14239
    (InfiGUI-R1).

    >>> call = '<tool_call>{"name": "mobile_use", "arguments": {"action": "wait"}}</tool_call>'
    >>> tool_action().score("<think>a</think>" + call)
    1.0
    """
    body = dataclasses.replace(
        ACTION, shape='JSON {"name": ..., "arguments": {"action": ..., ...}}'
    )
    call = Block("answer", "act", "<tool_call>", "</tool_call>", take="only", body=body)
    return Grammar((THINK, call)).format("tool-action", instruction)


@register("format")
def think_prompt(*, instruction: str | None = None) -> Format:
    """A thought, then a box and two points as JSON: what a frozen segmenter makes a mask of.

    The section ``prompt`` of a worked example stands in place of its answer, which is a mask.
    Source: arXiv 2505.23727 (PixelThink); the words are ours.

    >>> told = think_prompt().render("a", PROMPT.example)
    >>> think_prompt().score(told), think_prompt().score(told.replace("bbox", "box"))
    (1.0, 0.0)
    """
    think = dataclasses.replace(THINK, asks="compare the objects")
    asks = "give the object's box and the centres of the two largest circles inside it"
    grammar = Grammar((think, Block("answer", asks, take="only", body=PROMPT)))

    def write(sections: Mapping[str, str]) -> str:
        return grammar.write({**sections, "answer": sections.get("prompt", sections["answer"])})

    return dataclasses.replace(grammar.format("think-prompt", instruction), write=write)
