"""Reward terms that shape length, layout and repetition, as single systems have them.

What a response claims does not help. Terms on length and repetition look at nothing but the number
of tokens and words, and can be gamed by that alone; those on the answer pay its grade once, however
often it is written. `luffy_verifier` searches all text after the thought, as released, and can be
gamed by naming many answers there.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Hashable, Sequence
from typing import Literal

from gnomon.formats.plain import ANSWER, END_ANSWER, think_answer
from gnomon.grading.extract import last_boxed
from gnomon.grading.grade import reference_text, validate_reference
from gnomon.grading.symbolic import compare_expressions
from gnomon.parts import register
from gnomon.records import Answer, Graded, Group, Outcome, Sample, Verdict

THINK, END_THINK = "<think>", "</think>"
_LAYOUT = think_answer()
_COMPUTABLE = re.compile(r"[0-9\\^=+*/]")
_UNDECIDED = (Outcome.UNPARSEABLE_REFERENCE, Outcome.TIMEOUT, Outcome.CRASH)


# -- length ---------------------------------------------------------------------------------------


@register("reward")
def soft_overlong(
    length: int, *, limit: int, buffer: int, factor: float = 1.0, floor: float | None = -1.0
) -> float:
    """A penalty that grows over the last ``buffer`` tokens before ``limit``, lengths in tokens.

    Formula: max(min(-(length - ({limit} - {buffer})) / {buffer} * {factor}, 0), {floor})

    0 up to limit - buffer, then linear to -factor at the limit. DAPO and TRL stop at -1; verl has
    no floor (``floor`` None). DAPO: limit 20,480, buffer 4,096. Raises ValueError for a buffer that
    is not in (0, limit]. Source: arXiv 2503.14476, equation 13.

    >>> soft_overlong(1100, limit=1000, buffer=200)
    -1.0
    """
    if not 0 < buffer <= limit:
        raise ValueError(f"buffer={buffer} must be above 0 and at most limit={limit}")
    penalty = min(-(length - (limit - buffer)) / buffer * factor, 0.0)
    return penalty if floor is None else max(penalty, floor)


@register("reward")
def cosine_length(
    length: int,
    verdict: Verdict,
    *,
    limit: int,
    right: tuple[float, float] = (2.0, 1.0),
    wrong: tuple[float, float] = (-10.0, 0.0),
    beyond: float = -10.0,
) -> float | None:
    """Cosine reward: right answers had better be short, wrong ones long.

    Formula: end + (start - end) / 2 * (1 + cos(pi * length / {limit})), (start, end) = {right} or
    {wrong}; {beyond} at the limit and beyond

    ``right`` and ``wrong`` are the rewards at length 0 and at ``limit``. None where the grader
    failed. Source: arXiv 2502.03373, appendix (its default rewards).

    >>> cosine_length(500, Verdict(Outcome.CORRECT, 1.0), limit=1000)
    1.5
    """
    if verdict.outcome in _UNDECIDED:
        return None
    if length >= limit:
        return beyond
    start, end = right if verdict.correct else wrong
    return end + (start - end) / 2 * (1 + math.cos(math.pi * length / limit))


@register("reward")
def shortest_right(
    groups: Sequence[Group], *, floor: int = 100, mode: Literal["strict", "released"] = "strict"
) -> list[list[float]]:
    """Observe-R1's bonus: 1 for the shortest right answer of a group if it is not trivially short.

    Formula: 1 for the first shortest right answer when its length > {floor} tokens, else 0

    The paper weighs it .2. When the shortest right answer has at most ``floor`` tokens nobody gets
    it. In mode released a group without a right answer gives it to its first member, because the
    minimum of nothing is infinite there, and a right answer of length 0 counts as infinitely long.
    Source: arXiv 2505.12432, code.
    """
    return [_shortest_right(group.members, floor, mode == "released") for group in groups]


def _shortest_right(members: Sequence[Graded], floor: int, released: bool) -> list[float]:
    lengths = [float(_length(member)) if member.verdict.correct else math.inf for member in members]
    if released:
        lengths = [length or math.inf for length in lengths]
    least = min(lengths)
    paid = least > floor and (released or least < math.inf)
    winner = lengths.index(least) if paid else None
    return [float(place == winner) for place in range(len(members))]


@register("reward")
def dynamic_length(
    groups: Sequence[Group],
    *,
    fixed: int = 750,
    limit: int = 4096,
    target: Literal["mean", "shortest"] = "mean",
) -> list[list[float]]:
    """VL-Cogito's dynamic length reward of wrong answers, in [-.5, 0]; right ones get 0.

    Formula: wrong, some member right: -1/4 (1 + cos(pi L / t)) for L < 2 t, else -1/2, t =
    {target} length of the right ones; all wrong: half of -1/4 (1 + cos(pi L / {fixed})) for L <
    {fixed}, 0 up to {limit}, then -1/2

    So a wrong answer should be as long as the right ones of its group. It never touches right
    answers and cannot shorten them. Source: arXiv 2507.22607, code.
    """
    return [_dynamic_lengths(group.members, fixed, limit, target) for group in groups]


def _dynamic_lengths(
    members: Sequence[Graded], fixed: int, limit: int, target: Literal["mean", "shortest"]
) -> list[float]:
    right = [_length(member) for member in members if member.verdict.correct]
    aim = 0.0 if not right else statistics.fmean(right) if target == "mean" else float(min(right))
    return [
        0.0
        if member.verdict.correct
        else target_length(_length(member), aim)
        if right
        else 0.5 * least_length(_length(member), fixed, limit)
        for member in members
    ]


def target_length(length: float, target: float) -> float:
    """-1/4 (1 + cos(pi * length / target)): -1/2 at 0, 0 at the target, -1/2 at twice it and more.

    >>> target_length(400, 400), target_length(800, 400)
    (-0.0, -0.5)
    """
    if length >= 2 * target:
        return -0.5
    return -0.25 * (1 + math.cos(math.pi * length / target))


def least_length(length: float, least: float, limit: float) -> float:
    """-1/4 (1 + cos(pi * length / least)) below ``least``, 0 up to ``limit``, then -1/2.

    >>> least_length(750, 750, 4096), least_length(4096, 750, 4096)
    (0.0, -0.5)
    """
    if length >= limit:
        return -0.5
    return 0.0 if length >= least else -0.25 * (1 + math.cos(math.pi * length / least))


@register("reward")
def rare_right(groups: Sequence[Group], *, share: float = 0.25) -> list[list[float]]:
    """1 for right answers of groups in which at most ``share`` are right, else 0.

    Formula: 1 for a right answer of a group with accuracy <= {share}, else 0

    VL-Cogito's variant, off by default, which pays the accuracy of such answers twice. Source:
    arXiv 2507.22607, code.
    """
    return [
        [float(member.verdict.correct and group.accuracy <= share) for member in group.members]
        for group in groups
    ]


# -- repetition -----------------------------------------------------------------------------------


@register("reward")
def word_repetition(
    response: str, verdict: Verdict, *, n: int = 20, most: float = 0.5, wrong_only: bool = True
) -> float:
    """VL-Cogito's penalty on repeated runs of ``n`` lower-cased words, for wrong answers only.

    Formula: -{most} * (1 - unique runs / all runs) of {n} words

    0 for fewer than ``n`` words. Source: arXiv 2507.22607, code.
    """
    if wrong_only and verdict.correct:
        return 0.0
    return -most * _repeated_share(response.lower().split(), n)


@register("reward")
def token_repetition(
    groups: Sequence[Group], *, n: int = 3, most: float = -1.0
) -> list[list[float]]:
    """TRL's penalty on repeated runs of ``n`` token ids.

    Formula: (1 - unique runs / all runs) * {most}, runs of {n} tokens

    0 for fewer than ``n`` tokens. Raises ValueError when ``most`` is above 0, which would be a
    reward. Source: arXiv 2502.03373, appendix; TRL.
    """
    if most > 0:
        raise ValueError(f"most={most} is a penalty: give a number of at most 0")
    return [
        [_repeated_share(member.rollout.token_ids, n) * most for member in group.members]
        for group in groups
    ]


def _repeated_share(items: Sequence[Hashable], n: int) -> float:
    runs = list(zip(*(items[start:] for start in range(n)), strict=False))
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


# -- layout and result ----------------------------------------------------------------------------


@register("reward")
def format_and_result(response: str, sample: Sample) -> float | None:
    """Vision-R1's hard reward: 1 when the layout is exact and the answer is right, else 0.

    Formula: [exact think-answer layout] * [answer = reference]

    The layout is that of the format think-answer: a think block, then an answer block, each once,
    neither blank, only whitespace beside them. The answer is right when it equals the reference
    after trimming, dropping a final period and lower-casing, or symbolically; the paper does not
    publish its comparison, this one is ours. None when the comparison fails. A group in which
    nobody is formatted and right has no gradient: a cold start must teach the layout. Source: arXiv
    2503.06749.
    """
    parsed = _LAYOUT.parse(response)
    if not parsed.well_formed or parsed.answer is None:
        return 0.0
    return _same_answer(parsed.answer, sample.answer)


@register("reward")
def format_plus_result(response: str, sample: Sample) -> float | None:
    """Vision-R1-Zero's additive reward: 1 for the layout plus 1 for the answer, independently.

    Formula: [exact think-answer layout] + [first answer block = reference]

    A right answer in a broken layout earns 1. Answers are compared as in `format_and_result`.
    Source: arXiv 2503.06749; where the answer is looked for is ours.
    """
    _, opened, rest = response.partition(ANSWER)
    inside, closed, _ = rest.partition(END_ANSWER)
    right = _same_answer(inside, sample.answer) if opened and closed else 0.0
    return None if right is None else right + float(_LAYOUT.parse(response).well_formed)


@register("reward")
def luffy_verifier(response: str, sample: Sample, *, opened: bool = True) -> float | None:
    """LUFFY's reward: 1 when the text after the thought holds the reference answer, else 0.

    Formula: [both think tags] * [answer after </think> = reference]

    Both think tags must be there; with ``opened`` the prompt ends in the first, which is put before
    the response. The answer is what stands between the first closing tag and the next one or the
    end: its last boxed text if there is one, else all of it. None when the reference cannot be used
    or the comparison fails, where LUFFY gives 0. Source: arXiv 2504.14945, code.
    """
    text = THINK + response if opened else response
    if THINK not in text or END_THINK not in text:
        return 0.0
    tail = text.split(END_THINK)[1]
    return _same_answer(last_boxed(tail) or tail, sample.answer)


def _same_answer(answer: str, reference: Answer | None) -> float | None:
    if reference is None or validate_reference(reference) is not None:
        return None
    given, gold = _plain(answer), _plain(reference_text(reference))
    if not given:
        return 0.0
    if given == gold:
        return 1.0
    if not _COMPUTABLE.search(given + gold):
        return 0.0  # two words, which no symbolic comparison can make equal
    outcome, _ = compare_expressions(answer.strip().removesuffix("."), reference_text(reference))
    return None if outcome in _UNDECIDED else float(outcome is Outcome.CORRECT)


def _plain(text: str) -> str:
    return text.strip().removesuffix(".").strip().lower()


def _length(member: Graded) -> int:
    return len(member.rollout.token_ids)
