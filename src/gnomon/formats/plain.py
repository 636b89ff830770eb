r"""The formats of most systems: the answer alone, ``\boxed{}``, and an answer block."""

from __future__ import annotations

import dataclasses
import re
from operator import itemgetter
from typing import Literal

from gnomon.formats.grammar import Block, Format, Grammar, Parsed, without_foreign
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
SOMEWHERE = Grammar(
    (dataclasses.replace(THINK, blank=True), Block("answer", "answer", blank=True)),
    anchor="anywhere",
    between="text",
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
    *, instruction: str = "Think in <think></think>, then answer in \\boxed{}."
) -> Format:
    r"""A think block, then the answer in ``\boxed{}``.

    Well formed: the response starts with a think block that holds a thought, the only one, and
    exactly one ``\boxed{}`` follows, not blank, with balanced braces; other text around the box is
    allowed. The answer is the content of the last ``\boxed{}`` after the (first) think block, None
    if that is unclosed or blank. A box inside the block counts only when there is none after it.
    Whitespace outside is ignored; the search crosses lines. Source: arXiv 2506.04207; the strict
    reading is ours.

    >>> think_boxed().parse(r"<think> 2+3 </think> \boxed{5}")
    Parsed(thought='2+3', answer='5', well_formed=True, reason='')
    """
    return THINK_BOXED.format("think-boxed", instruction)


@register("format")
def think_answer(
    *,
    instruction: str = "Think in <think></think>, then answer in <answer></answer>.",
    mode: Literal["strict", "released"] = "strict",
) -> Format:
    """A think block, then an answer block, and nothing else but whitespace.

    Well formed: exactly one of each, in this order, neither blank. The answer is the stripped
    content of the last answer block after the (first) think block, else of the last one anywhere;
    None if there is none or it is blank. The search crosses lines. ``released``: both blocks stand
    somewhere, in this order, and `first_answer_block` reads the answer. Source: DeepSeek-R1, arXiv
    2501.12948; the strict reading is ours, the released one that of arXiv 2505.19641 (SynLogic).

    >>> think_answer().parse("<think>2+3</think><answer>5</answer>").answer
    '5'
    """
    style = THINK_ANSWER.format("think-answer", instruction)
    return dataclasses.replace(style, parse=_parse_first) if mode == "released" else style


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
def think_answer_boxed(*, instruction: str | None = None) -> Format:
    r"""A think block and an answer block on lines of their own, the value in ``\boxed{}``.

    Well formed: tags and contents stand on lines as in ``<think>\n...\n</think>\n<answer>\n...
    \boxed{x} ...\n</answer>``, nothing before or after, one box inside the answer block. The answer
    is the content of the box, None when it stands elsewhere. Source: arXiv 2506.07218
    (Perception-R1).

    >>> style = think_answer_boxed()
    >>> style.parse("<think>\na\n</think>\n<answer>\n\\boxed{14}\n</answer>").answer
    '14'
    """
    grammar = Grammar((_LINED_THINK, _CONCLUSION), between="newline", outer="none")
    return grammar.format("think-answer-boxed", instruction)


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
    reason = SOMEWHERE.problem(own)
    thought = SOMEWHERE.read(own).get("think")
    return Parsed(thought, first_answer_block(own) or None, not reason, reason)


def _parse_direct(text: str) -> Parsed:
    text = without_foreign(text)
    answer = last_boxed(text)
    if answer is None:
        answer = last_answer_block(text)
    if answer is None:
        answer = text.strip().rpartition("\n")[2].strip()
    return Parsed(None, answer or None, bool(answer), "" if answer else "there is no answer")
