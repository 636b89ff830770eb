"""Formats of tagged blocks: a description or context before the thought, evidence boxes.

``mode="strict"``: every tag stands once, and no block is blank. ``mode="released"``: what the
regular expression of the released code accepts, tags inside blocks included.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from gnomon.formats.grammar import Block, Body, Format, Grammar, Parsed
from gnomon.grading.visual import read_boxes
from gnomon.parts import register

Mode = Literal["strict", "released"]
THINK = Block("think", "reason step by step")
ANSWER = Block("answer", "answer", take="only")
FIRST_ANSWER = Block("answer", "answer", take="first")


def nested_boxes(text: str) -> object:
    """Boxes that stand in a list of lists, or None: one flat list is no list of boxes."""
    return read_boxes(text) if text.startswith("[[") else None


def evidence_boxes(text: str) -> object:
    """`nested_boxes`, or the text "null" where there is no evidence; None when malformed."""
    return "null" if text == "null" else nested_boxes(text)


BOXES = Body(
    "a list of boxes [[x1, y1, x2, y2], ...]", nested_boxes, "[[0, 0, 1, 1]]", ("[[", "]]")
)


@register("format")
def caption_reason_answer(*, instruction: str | None = None, mode: Mode = "strict") -> Format:
    """An exhaustive caption, the reasoning, the answer: info, think, answer, and nothing else.

    Exactly one whitespace character stands between info and think, any between think and answer.
    ``released``: blocks may be blank and hold tags, and the first answer block is read. Source:
    arXiv 2505.14677 (Visionary-R1).

    >>> style = caption_reason_answer()
    >>> style.score("<info>a</info> <think>b</think><answer>c</answer>")
    1.0
    """
    loose = mode == "released"
    caption = Block("info", "describe the image", blank=loose, seen=True)
    think = dataclasses.replace(THINK, gap="one", blank=loose)
    answer = dataclasses.replace(FIRST_ANSWER if loose else ANSWER, blank=loose)
    grammar = Grammar((caption, think, answer), outer="none", loose=loose)
    return grammar.format("caption-reason-answer", instruction)


@register("format")
def context_think_answer(*, instruction: str | None = None, mode: Mode = "strict") -> Format:
    """A summary of what all media show, the reasoning, the answer: context, think, answer.

    ``released``: the response only starts so, any text may follow, and the first answer block is
    read. Source: arXiv 2506.21277 (HumanOmniV2).

    >>> text = "<context>a</context><think>b</think><answer>c</answer>"
    >>> context_think_answer().parse(text).answer
    'c'
    """
    loose = mode == "released"
    blocks = [Block("context", "summarise what is seen and heard", seen=True), THINK]
    blocks = [
        dataclasses.replace(b, blank=loose) for b in (*blocks, FIRST_ANSWER if loose else ANSWER)
    ]
    anchor: Literal["start", "full"] = "start" if loose else "full"
    outer: Literal["none", "space"] = "none" if loose else "space"
    grammar = Grammar(tuple(blocks), anchor=anchor, outer=outer, loose=loose)
    return grammar.format("context-think-answer", instruction)


@register("format")
def caption_box_answer(*, instruction: str | None = None, mode: Mode = "strict") -> Format:
    """A caption, the boxes that the answer depends on, the answer: caption, bbox, answer.

    The boxes are a list of lists. ``released``: only its outer brackets are checked, and text may
    follow on later lines. Source: arXiv 2505.19094 (SATORI-R1).

    >>> style = caption_box_answer()
    >>> style.score("<caption>a dog</caption> <bbox>[[1,2,3,4]]</bbox> <answer>dog</answer>")
    1.0
    """
    loose = mode == "released"
    caption = Block("caption", "describe the image in a sentence", blank=loose, seen=True)
    boxes = Block("bbox", "give the most relevant regions", body=BOXES, blank=loose)
    answer = dataclasses.replace(FIRST_ANSWER if loose else ANSWER, blank=loose)
    outer: Literal["line", "space"] = "line" if loose else "space"
    grammar = Grammar((caption, boxes, answer), outer=outer, loose=loose)
    return grammar.format("caption-box-answer", instruction)


@register("format")
def box_think_answer(*, instruction: str | None = None) -> Format:
    """A thought that opens with its evidence boxes (or null when it abstains), then the answer.

    Source: arXiv 2509.20912 (DeFacto, second release); one tag name and the count are ours.

    >>> text = "<think><box>null</box> It is hidden.</think><answer>Unknown</answer>"
    >>> box_think_answer().score(text)
    1.0
    """
    body = Body("a list [[x1, y1, x2, y2], ...] or null", evidence_boxes, "[[0, 0, 1, 1]]")
    box = Block("box", "give the evidence", body=body)
    think = dataclasses.replace(THINK, inside=Grammar((box,), anchor="start"))
    return Grammar((think, ANSWER)).format("box-think-answer", instruction)


@register("format")
def observe_think_answer(*, instruction: str | None = None, mode: Mode = "strict") -> Format:
    """What is observed, the reasoning, the answer; or a thought with an observation inside it.

    Two layouts, any text around: observe, think, answer; or think, with an observe block and text
    on both sides of it, and answer. ``released``: in the second layout tags may repeat. Source:
    arXiv 2505.12432 (Observe-R1).

    >>> style = observe_think_answer()
    >>> style.score("<think>a<observe>b</observe>c</think><answer>d</answer>")
    1.0
    """
    observe = Block("observe", "observe", seen=True)
    first = Grammar((observe, THINK, ANSWER), anchor="anywhere")
    inner = Grammar((observe,), anchor="anywhere")
    think = dataclasses.replace(THINK, inside=inner, body=_SURROUNDED)
    loose = mode == "released"
    answer = FIRST_ANSWER if loose else ANSWER
    second = Grammar((think, answer), anchor="anywhere", loose=loose)
    plain = first.format("observe-think-answer", instruction)

    def parse(text: str) -> Parsed:
        parsed, other = first.parse(text), second.parse(text)
        return other if other.well_formed and not parsed.well_formed else parsed

    return dataclasses.replace(plain, parse=parse)


def _surrounded(text: str) -> str | None:
    before, opening, rest = text.partition("<observe>")
    _, closing, after = rest.rpartition("</observe>")
    return text if before.strip() and opening and closing and after.strip() else None


_SURROUNDED = Body("a thought with an observation inside it", _surrounded, "")
