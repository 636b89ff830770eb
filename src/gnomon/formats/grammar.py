"""Output formats: what a model is asked to write, the perfect response, and how one is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gnomon.grading.extract import last_boxed
from gnomon.parts import register

THINK, END_THINK = "<think>", "</think>"
ANSWER, END_ANSWER = "<answer>", "</answer>"
BOX = r"\boxed{"


@dataclass(frozen=True)
class Parsed:
    """A response taken apart: thought and answer (None where absent), and whether it fits.

    ``reason`` says in words why a response is not well formed; it is empty otherwise.
    """

    thought: str | None
    answer: str | None
    well_formed: bool
    reason: str = ""


@dataclass(frozen=True)
class Format:
    """An output format.

    ``instruction`` is the system text put before the question, "" for none. ``render(thought,
    answer)`` gives a perfect response. ``parse`` never raises and takes linear time on any text.
    """

    name: str
    instruction: str
    render: Callable[[str, str], str]
    parse: Callable[[str], Parsed]


@register("format")
def direct(*, instruction: str = "") -> Format:
    r"""The answer alone, no thought.

    Lenient: the content of the last ``\boxed{}`` if there is one, else of the last answer block,
    else the last non-empty line, stripped. Only a response without any answer is not well formed.
    Source: ours.

    >>> direct().parse("Let me see.\n5\n").answer
    '5'
    """
    return Format("direct", instruction, _render_direct, _parse_direct)


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
    return Format("think-boxed", instruction, _render_boxed, _parse_boxed)


@register("format")
def think_answer(
    *, instruction: str = "Think in <think></think>, then answer in <answer></answer>."
) -> Format:
    """A think block, then an answer block, and nothing else but whitespace.

    Well formed: exactly one of each, in this order, neither blank. The answer is the stripped
    content of the last answer block after the (first) think block, else of the last one anywhere;
    None if there is none or it is blank. The search crosses lines. Source: DeepSeek-R1, arXiv
    2501.12948; the strict reading is ours.

    >>> think_answer().parse("<think>2+3</think><answer>5</answer>").answer
    '5'
    """
    return Format("think-answer", instruction, _render_answer, _parse_answer)


def last_answer_block(text: str) -> str | None:
    """Stripped content of the last closed answer block, across lines, or None. Linear."""
    end = text.rfind(END_ANSWER)
    start = text.rfind(ANSWER, 0, end) if end >= 0 else -1
    return None if start < 0 else text[start + len(ANSWER) : end].strip()


def _render_direct(thought: str, answer: str) -> str:
    return answer


def _render_boxed(thought: str, answer: str) -> str:
    return f"{THINK} {thought} {END_THINK} {BOX}{answer}}}"


def _render_answer(thought: str, answer: str) -> str:
    return f"{THINK} {thought} {END_THINK} {ANSWER} {answer} {END_ANSWER}"


def _parse_direct(text: str) -> Parsed:
    answer = last_boxed(text)
    if answer is None:
        answer = last_answer_block(text)
    if answer is None:
        answer = text.strip().rpartition("\n")[2].strip()
    return Parsed(None, answer or None, bool(answer), "" if answer else "there is no answer")


def _parse_boxed(text: str) -> Parsed:
    thought, rest = _split_thought(text)
    boxes = rest.count(BOX)
    answer = last_boxed(rest if boxes else text) or None
    reason = _thought_problem(text, thought) or _box_problem(boxes, answer)
    return Parsed(thought, answer, not reason, reason)


def _parse_answer(text: str) -> Parsed:
    thought, rest = _split_thought(text)
    inside = last_answer_block(rest)
    answer = (last_answer_block(text) if inside is None else inside) or None
    reason = _thought_problem(text, thought) or _block_problem(rest.strip(), answer)
    return Parsed(thought, answer, not reason, reason)


def _split_thought(text: str) -> tuple[str | None, str]:
    start = text.find(THINK)
    end = text.find(END_THINK, start + len(THINK)) if start >= 0 else -1
    if end < 0:
        return None, text
    return text[start + len(THINK) : end].strip(), text[end + len(END_THINK) :]


def _thought_problem(text: str, thought: str | None) -> str:
    if thought is None:
        return "there is no closed think block"
    if not text.lstrip().startswith(THINK):
        return "the response does not start with the think block"
    if text.count(THINK) > 1 or text.count(END_THINK) > 1:
        return "there is more than one think tag"
    return "" if thought else "the think block is empty"


def _box_problem(boxes: int, answer: str | None) -> str:
    if boxes == 0:
        return r"no \boxed{} follows the think block"
    if boxes > 1:
        return rf"{boxes} \boxed{{}} follow the think block instead of one"
    return "" if answer is not None else r"the \boxed{} is blank or does not close"


def _block_problem(rest: str, answer: str | None) -> str:
    if rest.count(ANSWER) != 1 or rest.count(END_ANSWER) != 1:
        return "the think block is not followed by exactly one answer block"
    if not (rest.startswith(ANSWER) and rest.endswith(END_ANSWER)):
        return "there is text around the answer block"
    return "" if answer is not None else "the answer block is empty"
