"""Reward terms on the verdict, the format and the length of a response."""

from __future__ import annotations

import functools
import math
import re
import statistics
from collections.abc import Sequence

from gnomon.formats.grammar import Format, without_tag_spaces
from gnomon.parts import nearest, part, register
from gnomon.records import Group, Outcome, Verdict
from gnomon.rewards.repetition import repetition

__all__ = [
    "accuracy",
    "format_match",
    "length_ramp",
    "length_sigmoid",
    "outcome",
    "repetition",
    "revisual_format",
]

_UNDECIDED = (Outcome.UNPARSEABLE_REFERENCE, Outcome.TIMEOUT, Outcome.CRASH)
_ANSWER_BLOCK = re.compile(r"</think>\s*<answer>")
_LABELLED = re.compile(r"</think>\s*(?:answer|solution)\s*[:=]")
_CONCLUSION = re.compile(r"(?:Therefore|Thus|So|Hence),?\s")


@register("reward")
def accuracy(verdict: Verdict, *, partial: bool = False) -> float | None:
    """1 for a right answer, 0 for a wrong, missing or unreadable one, None if undecided.

    None (the term does not apply) for an unusable reference, a timeout and a crash of the grader: a
    failure of the grader never counts as a wrong answer. ``partial``: the verdict's score instead,
    which is the IoU of a box. Source: arXiv 2402.03300; the treatment of failures is ours.

    >>> accuracy(Verdict(Outcome.CORRECT, 1.0)), accuracy(Verdict(Outcome.TIMEOUT, 0.0))
    (1.0, None)
    """
    if verdict.outcome in _UNDECIDED:
        return None
    return float(verdict.score if partial else verdict.correct)


@register("reward")
def outcome(
    verdict: Verdict, *, values: dict[str, float], otherwise: float | None = None
) -> float | None:
    """A number for each outcome of grading: correct, wrong, no answer, unparseable answer, ...

    ``otherwise`` is for outcomes without an entry; None: the term does not apply. Nothing but the
    verdict counts. ValueError for a name that is no outcome. Source: ours, e.g. a penalty for
    missing answers.

    >>> outcome(Verdict(Outcome.NO_ANSWER, 0.0), values={"correct": 1.0, "no answer": -0.5})
    -0.5
    """
    for name in values:
        if name not in set(Outcome):
            raise ValueError(f"{name!r} is no outcome{nearest(name, [o.value for o in Outcome])}")
    return values.get(verdict.outcome.value, otherwise)


@register("reward")
def format_match(response: str, *, format: str = "think-boxed", mode: str | None = None) -> float:
    """1 when the response is well formed in the named format, else 0; PartError for no format.

    ``mode`` is that of the format, where it has several: what released code accepts, for example.
    Source: DeepSeek-R1, arXiv 2501.12948; what is well formed is said by each format.

    >>> format_match(r"<think> 2+3 </think> \\boxed{5}")
    1.0
    """
    return float(well_formed(response, format, mode))


def well_formed(response: str, format: str, mode: str | None = None) -> bool:
    """Whether the response is well formed in the named format; PartError for no format."""
    return _format(format, mode).fits(response)


@functools.cache
def _format(name: str, mode: str | None) -> Format:
    made: Format = part("format", name, **({} if mode is None else {"mode": mode}))()
    return made


@register("reward")
def length_ramp(length: int, *, budget: int, alpha: float = 0.005, delta: float = 0.5) -> float:
    """Efficient-length reward clip(alpha (budget - length) + delta, 0, 1), lengths in tokens.

    It is ``delta`` at the budget and falls by ``alpha`` per token. Source: arXiv 2506.04207 v1,
    multimodal stage (text variant: alpha 0.001, delta 0.95).

    >>> length_ramp(950, budget=1000), length_ramp(1100, budget=1000)
    (0.75, 0.0)
    """
    return min(1.0, max(0.0, alpha * (budget - length) + delta))


@register("reward")
def length_sigmoid(groups: Sequence[Group]) -> list[list[float]]:
    """Length reward sigmoid(-(L - mean) / std) over all rollouts of the batch, population std.

    One list per group. With equal lengths, where the std is 0, every rollout gets 0.5. Source:
    arXiv 2506.04207, released code (computed there but unused); the case of equal lengths is ours.
    """
    lengths = [[len(member.rollout.token_ids) for member in group.members] for group in groups]
    every = [length for group in lengths for length in group]
    if not every:
        return [[] for _ in lengths]
    mean, std = statistics.fmean(every), statistics.pstdev(every)
    return [[_sigmoid((mean - length) / std if std else 0.0) for length in row] for row in lengths]


def _sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value))


@register("reward")
def revisual_format(response: str) -> float:
    r"""The released format check of ReVisual-R1: 1 when the response fits one of four patterns.

    After deleting whitespace around ``<``, ``>`` and ``/`` the response must start with the think
    tag. Then, behind a closing think tag: anything with ``\boxed{`` and a later brace; or
    whitespace and an answer block up to the end; or whitespace, lower-case "answer" or "solution",
    whitespace, ``:`` or ``=``; or anything with Therefore, Thus, So or Hence (optional comma,
    whitespace) and a later ``=``. Blocks may be blank. Linear. Source: arXiv 2506.04207, released
    code.

    >>> revisual_format("<think>x</think> answer: 5"), revisual_format("5")
    (1.0, 0.0)
    """
    text = without_tag_spaces(response)
    end = text.find("</think>", len("<think>")) if text.startswith("<think>") else -1
    if end < 0:
        return 0.0
    box = text.find("\\boxed{", end)
    if box >= 0 and text.find("}", box) >= 0:
        return 1.0
    block = _ANSWER_BLOCK.search(text, end)
    if block is not None and text.endswith("</answer>") and block.end() <= len(text) - 9:
        return 1.0
    conclusion = _CONCLUSION.search(text, end)
    concluded = conclusion is not None and "=" in text[conclusion.end() :]
    return float(concluded or _LABELLED.search(text, end) is not None)
