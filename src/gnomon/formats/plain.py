r"""The formats of most systems: the answer alone, ``\boxed{}``, and an answer block."""

from __future__ import annotations

import dataclasses
import re
from operator import itemgetter
from typing import Literal

from gnomon.formats.grammar import (
    Block,
    Format,
    Grammar,
    Parsed,
    without_foreign,
    without_tag_spaces,
)
from gnomon.grading.extract import last_boxed
from gnomon.parts import register

ANSWER, END_ANSWER = "<answer>", "</answer>"
MAX_BOXES = 64
PHRASES = (
    *("final answer:", "final answer is:", "the answer is:", "answer:"),
    *("solution:", "the solution is:"),
)
THINK = Block("think", "think")
BOXED = Block("answer", "answer", open=r"\boxed{", close="}", take="last")
THINK_BOXED = Grammar((THINK, BOXED), anchor="start", between="text")
THINK_ANSWER = Grammar((THINK, Block("answer", "answer", take="last")))
_BLANK_THINK = dataclasses.replace(THINK, blank=True)
_BLANK_ANSWER = Block("answer", "answer", blank=True)
SOMEWHERE = Grammar((_BLANK_THINK, _BLANK_ANSWER), anchor="anywhere", between="text", loose=True)
EDGE_TO_EDGE = Grammar((_BLANK_THINK, _BLANK_ANSWER), outer="none", loose=True)
ANY_AROUND = Grammar((THINK, Block("answer", "answer")), anchor="anywhere", loose=True)
THINK_THEN_BOX = Grammar(
    (_BLANK_THINK, Block("answer", "answer", open=r"\boxed{", close="}", blank=True)),
    anchor="start",
    between="text",
    outer="none",
    loose=True,
)
ANSWER_ALONE = Grammar((Block("answer", "answer", take="only"),))
_CONCLUSION = Block(
    "conclusion",
    "conclude",
    open="<answer>\n",
    close="\n</answer>",
    inside=Grammar((BOXED,), anchor="anywhere"),
    blank=True,
)
_LINED_THINK = Block("think", "think", open="<think>\n", close="\n</think>", blank=True)


@register("format")
def direct(*, instruction: str = "", holds: Literal["answer", "description"] = "answer") -> Format:
    r"""The answer alone, no thought; or what is seen, for someone else to answer from.

    ``holds`` says which of them a worked response is.

    Lenient: the content of the last ``\boxed{}`` if there is one, else of the last answer block,
    else the last non-empty line, stripped. Only a response without any answer is not well formed.
    Source: ours.

    >>> direct().parse("Let me see.\n5\n").answer
    '5'
    """
    style = Format("direct", instruction, lambda thought, answer: answer, _parse_direct)
    if holds == "answer":
        return style
    return dataclasses.replace(style, write=itemgetter("description"), seen=("description",))


@register("format")
def think_boxed(
    *,
    instruction: str = "Think in <think></think>, then answer in \\boxed{}.",
    mode: Literal["strict", "released"] = "strict",
) -> Format:
    r"""A think block, then the answer in ``\boxed{}``.

    Well formed: the response starts with a think block that holds a thought, the only one, and
    exactly one ``\boxed{}`` follows, not blank, with balanced braces; other text around the box is
    allowed. The answer is the content of the last ``\boxed{}`` after the (first) think block, None
    if that is unclosed or blank. A box inside the block counts only when there is none after it.
    Whitespace outside is ignored; the search crosses lines. ``released``: without the whitespace
    beside ``<``, ``>`` and ``/`` the response starts with a think block, and a box opens and closes
    somewhere behind it; the answer is the last box of all. Source: arXiv 2506.04207; the strict
    reading is ours, the released one that of arXiv 2507.06448 (PAPO).

    >>> think_boxed().parse(r"<think> 2+3 </think> \boxed{5}")
    Parsed(thought='2+3', answer='5', well_formed=True, reason='')
    """
    style = THINK_BOXED.format("think-boxed", instruction)
    return dataclasses.replace(style, parse=_parse_box_behind) if mode == "released" else style


@register("format")
def think_answer(
    *,
    instruction: str = "Think in <think></think>, then answer in <answer></answer>.",
    mode: Literal["strict", "released", "once", "spaceless"] = "strict",
) -> Format:
    """A think block, then an answer block, and nothing else but whitespace.

    Well formed: exactly one of each, in this order, neither blank. The answer is the stripped
    content of the last answer block after the (first) think block, else of the last one anywhere;
    None if there is none or it is blank. The search crosses lines. Source: DeepSeek-R1, arXiv
    2501.12948; the strict reading is ours. Three looser ones are those of released code, and read
    the first answer block:

    ``released`` (arXiv 2505.19641, SynLogic): both blocks stand somewhere, in this order, and
    `first_answer_block` reads the answer. ``once`` (arXiv 2506.21655, APO): each of the four tags
    stands once, only whitespace is between the blocks, each holds a character at least, be it a
    newline, and any text is around them. ``spaceless`` (arXiv 2512.03043, OneThinker): whitespace
    beside ``<``, ``>`` and ``/`` does not count, and blocks may be empty or hold further tags.

    >>> think_answer().parse("<think>2+3</think><answer>5</answer>").answer
    '5'
    """
    style = THINK_ANSWER.format("think-answer", instruction)
    return dataclasses.replace(style, parse=_LOOSER.get(mode, style.parse))


@register("format")
def boxed(
    *, instruction: str | None = None, mode: Literal["strict", "released"] = "strict"
) -> Format:
    r"""Any text that ends in one ``\boxed{}``; no thought is marked.

    Well formed: exactly one ``\boxed{}``, not blank, with balanced braces. The answer is the
    content of the last one, and a worked response has its thought before it. ``released``:
    `boxed_or_phrase` reads the answer, and whatever has one is well formed. Source: arXiv
    2505.14652 (General-Reasoner); the count is ours.

    >>> boxed().parse(r"2 + 3 is \boxed{5}.").answer
    '5'
    """
    grammar = Grammar((BOXED,), anchor="anywhere")

    def render(thought: str, answer: str) -> str:
        return f"{thought} {grammar.write({'answer': answer})}".strip()

    style = grammar.format("boxed", instruction)
    style = dataclasses.replace(style, render=render, write=None)
    return dataclasses.replace(style, parse=_parse_phrase) if mode == "released" else style


@register("format")
def answer_only(*, instruction: str | None = None) -> Format:
    """An answer block alone, without a thought.

    Well formed: one answer block that is not blank, and only whitespace around it. Several blocks
    with different contents hold no answer. Source: arXiv 2503.11197 (R1-AQA), 2503.21620 (UI-R1).

    >>> answer_only().instruction
    'Answer in <answer></answer>.'
    """
    return ANSWER_ALONE.format("answer-only", instruction)


@register("format")
def think_answer_boxed(
    *, instruction: str | None = None, mode: Literal["strict", "released"] = "strict"
) -> Format:
    r"""A think block and an answer block on lines of their own, the value in ``\boxed{}``.

    Well formed: tags and contents stand on lines as in ``<think>\n...\n</think>\n<answer>\n...
    \boxed{x} ...\n</answer>``, nothing before or after, one box inside the answer block. The answer
    is the content of the box, None when it stands elsewhere. ``released``: a think and an answer
    block from the first character to the last, only whitespace between them; they may be blank or
    hold further tags. The answer is the last box of the first answer block, its text where it has
    none. Source: arXiv 2506.07218 (Perception-R1); the released mode is that of arXiv 2507.22607
    (VL-Cogito).

    >>> style = think_answer_boxed()
    >>> style.parse("<think>\na\n</think>\n<answer>\n\\boxed{14}\n</answer>").answer
    '14'
    """
    grammar = Grammar((_LINED_THINK, _CONCLUSION), between="newline", outer="none")
    style = grammar.format("think-answer-boxed", instruction)
    return dataclasses.replace(style, parse=_parse_edge_to_edge) if mode == "released" else style


def boxed_or_phrase(text: str) -> str | None:
    r"""The answer as General-Reasoner extracts it, or None.

    The content, unchanged, of the last ``\boxed{}`` whose braces nest at most three deep, its own
    counted. Without one, or when it is empty: what follows the phrase of `PHRASES` that starts
    latest (in any case, also within a sentence) up to a newline, which must exist, stripped,
    without end tokens. Only the last 64 boxes are tried. The released code looks at the last 1024
    tokens; here the whole text counts. Source: arXiv 2505.14652.

    >>> boxed_or_phrase("Answer: 42" + chr(10)), boxed_or_phrase("Answer: 42")
    ('42', None)
    """
    for opening in list(re.finditer(r"\\boxed\{", text))[: -MAX_BOXES - 1 : -1]:
        content = _shallow(text, opening.end())
        if content is not None:
            break
    else:
        content = None
    return content or _after_phrase(text)


def _shallow(text: str, start: int) -> str | None:
    depth = 1
    for brace in re.compile("[{}]").finditer(text, start):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return text[start : brace.start()]
        if depth > 3:
            return None
    return None


def _after_phrase(text: str) -> str | None:
    lower, end = text.lower(), text.rfind("\n")
    found = [(lower.rfind(phrase, 0, end), len(phrase)) for phrase in PHRASES] if end >= 0 else []
    start, length = max(found, default=(-1, 0))
    if start < 0:
        return None
    rest = text[start + length : end + 1]
    lines = [line for line in rest.split("\n") if line.strip()]
    answer = lines[0].strip() if lines else ""
    for token in ("</s>", "<|im_end|>", "<|endoftext|>"):
        answer = answer.removesuffix(token)
    return answer


def _parse_phrase(text: str) -> Parsed:
    answer = boxed_or_phrase(without_foreign(text))
    return Parsed(None, answer or None, bool(answer), "" if answer else "there is no answer")


def last_answer_block(text: str) -> str | None:
    """Stripped content of the last closed answer block, across lines, or None. Linear."""
    end = text.rfind(END_ANSWER)
    start = text.rfind(ANSWER, 0, end) if end >= 0 else -1
    return None if start < 0 else text[start + len(ANSWER) : end].strip()


def first_answer_block(text: str) -> str | None:
    """The answer as SynLogic extracts it, stripped, or None.

    With a ``</think>``: of the piece between the first and the second one (or the end), else of the
    whole text. There the first ``<answer>`` that is closed counts, across lines. Source: arXiv
    2505.19641, released code, where a missing answer is an empty one.

    >>> first_answer_block("<answer>1</answer></think><answer> 2 </answer><answer>3</answer>")
    '2'
    """
    pieces = text.split("</think>", 2)
    piece = pieces[1] if len(pieces) > 1 else text
    start = piece.find(ANSWER)
    end = piece.find(END_ANSWER, start) if start >= 0 else -1
    return None if end < 0 else piece[start + len(ANSWER) : end].strip()


def _parse_first(text: str) -> Parsed:
    own = without_foreign(text)
    return _parsed(SOMEWHERE, own, first_answer_block(own), SOMEWHERE.problem(own))


def _parse_once(text: str) -> Parsed:
    own = without_foreign(text)
    counts = {tag: own.count(tag) for block in THINK_ANSWER.blocks for tag in block.marks}
    wrong = [f"{tag} stands {count} times, not once" for tag, count in counts.items() if count != 1]
    reason = wrong[0] if wrong else ANY_AROUND.problem(own)
    return _parsed(ANY_AROUND, own, ANY_AROUND.read(own).get("answer"), reason)


def _parse_spaceless(text: str) -> Parsed:
    own = without_tag_spaces(without_foreign(text)).strip()
    answer = EDGE_TO_EDGE.read(own).get("answer")
    return _parsed(EDGE_TO_EDGE, own, answer, EDGE_TO_EDGE.problem(own))


def _parse_edge_to_edge(text: str) -> Parsed:
    own = without_foreign(text)
    said = EDGE_TO_EDGE.read(own).get("answer", "")
    box = last_boxed(said)
    answer = said if box is None else box.strip()
    return _parsed(EDGE_TO_EDGE, own, answer, EDGE_TO_EDGE.problem(own))


def _parse_box_behind(text: str) -> Parsed:
    own = without_foreign(text)
    reason = THINK_THEN_BOX.problem(without_tag_spaces(own))
    return _parsed(THINK_THEN_BOX, own, (last_boxed(own) or "").strip(), reason)


def _parsed(grammar: Grammar, own: str, answer: str | None, reason: str) -> Parsed:
    return Parsed(grammar.read(own).get("think"), answer or None, not reason, reason)


_LOOSER = {"released": _parse_first, "once": _parse_once, "spaceless": _parse_spaceless}


def _parse_direct(text: str) -> Parsed:
    text = without_foreign(text)
    answer = last_boxed(text)
    if answer is None:
        answer = last_answer_block(text)
    if answer is None:
        answer = text.strip().rpartition("\n")[2].strip()
    return Parsed(None, answer or None, bool(answer), "" if answer else "there is no answer")
