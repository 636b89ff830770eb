"""Rewards on the length of thinking: budgets from difficulty, uncertainty and the group's success.

Sources: PixelThink, arXiv 2505.23727 (difficulty and uncertainty); DAST in UI-R1, arXiv 2503.21620
(success of the group); Reason-RFT, arXiv 2503.20752 (relative length in the batch).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import permutations
from typing import Any

from gnomon.parts import register
from gnomon.records import Group, Sample
from gnomon.rewards.sections import column_of, finite, has_layout, optional, read_json
from gnomon.rewards.visual import inside, overlap_iou

HARD, EASY = 5.0, 3.5
BUDGETS, SPAN = (96.0, 256.0), 500.0
"""Words that easy and hard samples may take, and words beyond that at which nothing is left."""

NEAR = (10.0, 100.0)
"""Limits of the mean error of a box's coordinates and of the mean distance of points, in pixels."""

_OBJECT = re.compile(r"\{[^}]+\}")
_PAIR = re.compile(r"\((-?\d+),\s*(-?\d+)\)")
_MARKERS = re.compile(r"Step \d+:|\A\d+\.|\n[-*]|First,|Second,|Next,|Finally,")


def margin_uncertainty(top: Sequence[Sequence[float]]) -> float:
    """Mean over tokens of clamp(1 - (p1 - p2), 0, 1) of the two largest probabilities, in [0, 1].

    ``top`` holds the log-probabilities of each token's likeliest choices; tokens with fewer than
    two are left out; 0 without any. Source: PixelThink, arXiv 2505.23727.

    >>> pairs = [(0.9, 0.05), (0.5, 0.4)]
    >>> round(margin_uncertainty([[math.log(p) for p in pair] for pair in pairs]), 6)
    0.525
    """
    gaps = []
    for logps in top:
        if len(logps) >= 2:
            first, second = sorted(map(math.exp, logps), reverse=True)[:2]
            gaps.append(min(1.0, max(0.0, 1 - (first - second))))
    return sum(gaps) / len(gaps) if gaps else 0.0


def thinking_budget(
    difficulty: float | None,
    uncertainty: float = 0.0,
    budgets: tuple[float, float] = BUDGETS,
) -> float | None:
    """Budget in words: 256 + 25 u for difficulty d >= 5, none for 3.5 <= d < 5, else 96.

    ``budgets`` are those of easy and hard samples. A missing difficulty, and one outside [1, 10],
    is 3.0. Source: PixelThink, arXiv 2505.23727.

    >>> thinking_budget(6.0, 0.2), thinking_budget(4.0), thinking_budget(None)
    (261.0, None, 96.0)
    """
    level = 3.0 if difficulty is None or not 1 <= difficulty <= 10 else difficulty
    if level >= HARD:
        return budgets[1] + 25 * uncertainty
    return None if level >= EASY else budgets[0]


def length_score(length: float, budget: float | None, span: float = SPAN) -> float:
    """clip(1 - (length - budget) / span, 0, 1), and 1 without a budget; short earns no bonus.

    >>> round(length_score(300, 261), 3), length_score(900, 256)
    (0.922, 0.0)
    """
    return 1.0 if budget is None else min(1.0, max(0.0, 1 - (length - budget) / span))


@register("reward")
def thinking_length(
    response: str,
    sample: Sample,
    *,
    column: str = "difficulty",
    uncertainty: float = 0.0,
    budgets: tuple[float, float] = BUDGETS,
    span: float = SPAN,
) -> float:
    """The length factor s of PixelThink in [0, 1], to be multiplied with the accuracy.

    Whitespace words of the whole response, tags included, against `thinking_budget` of the record's
    difficulty (a missing one is easy). ``uncertainty`` in [0, 1] is one number for all rollouts, as
    in the port that does not measure it; 0 by default. ``budgets`` are those of easy and hard
    samples, ``span`` the words beyond one at which nothing is left. Nothing that is written raises
    it; only brevity does. Combine with ``product``. Source: arXiv 2505.23727.

    >>> thinking_length("word " * 346, Sample("a", (), meta={"difficulty": 2.0}))
    0.5
    """
    level = finite(optional(sample.meta, column, None))
    budget = thinking_budget(level, uncertainty, budgets)
    return length_score(len(response.split()), budget, span)


def segmentation_parts(
    text: str,
    box: Sequence[float],
    points: Sequence[Any],
    near: tuple[float, float] = NEAR,
) -> tuple[int, ...]:
    """The five 0/1 terms of PixelThink: think layout, JSON, IoU, points, box distance.

    The first ``{...}`` without an inner brace anywhere in the text is read as JSON; each term fails
    alone. IoU > 0.5 with inclusive pixels; both points inside the predicted box and on average less
    than 100 from the references in the better pairing; mean coordinate error < 10. ``near`` are the
    two limits in pixels, box first. Source: arXiv 2505.23727.
    """
    # Up to the last brace, so that no opening one is searched in vain.
    found = _OBJECT.search(text[: text.rfind("}") + 1])
    value = read_json(found.group()) if found else None
    said = value if isinstance(value, dict) else {}
    lists = [said.get(key) for key in ("bbox", "points_1", "points_2")]
    shapes = [isinstance(item, list) and len(item) for item in lists]
    layout = has_layout(text, ["think", "answer"])
    guess, one, two = (_numbers(item) for item in lists)
    whole = guess if guess is not None and len(guess) == 4 else None
    covers = whole is not None and overlap_iou(whole, box, "inclusive") > 0.5
    errors = [abs(a - b) for a, b in zip(whole, box, strict=True)] if whole else [math.inf]
    return (
        int(layout),
        int(shapes == [4, 2, 2]),
        int(covers),
        int(whole is not None and _points_fit(one, two, whole, points, near[1])),
        int(sum(errors) / len(errors) < near[0]),
    )


def _numbers(value: Any) -> list[float] | None:
    numbers = [finite(item) for item in value] if isinstance(value, list) else [None]
    return None if None in numbers else [n for n in numbers if n is not None]


def _points_fit(
    one: list[float] | None,
    two: list[float] | None,
    box: Sequence[float],
    gold: Sequence[Any],
    near: float,
) -> bool:
    if one is None or two is None or len(one) != 2 or len(two) != 2:
        return False
    said = [(int(point[0]), int(point[1])) for point in (one, two)]
    if not all(inside(point, box) for point in said):
        return False
    gaps = (sum(map(math.dist, said, order)) / 2 for order in permutations(gold))
    return min(gaps) < near


def read_solution(text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Box and two points of ``<box>(x1,y1),(x2,y2)</box><points>(x,y),(x,y)</points>``.

    Raises ValueError when the reference is no such text.

    >>> read_solution("<box>(1,2),(3,4)</box><points>(5,6),(7,8)</points>")
    ([1, 2, 3, 4], [(5, 6), (7, 8)])
    """
    pairs = [(int(x), int(y)) for x, y in _PAIR.findall(text)]
    if len(pairs) != 4:
        raise ValueError(f"{text!r} is no box and two points; correct the record")
    return [*pairs[0], *pairs[1]], pairs[2:]


@register("reward")
def segmentation_prompt(
    response: str,
    sample: Sample,
    *,
    column: str = "solution",
    near: tuple[float, float] = NEAR,
) -> float:
    """Accuracy of a box with two points, 0 to 5: the five terms of PixelThink added up.

    The first braces of the whole response count, so that JSON in the thinking decides. ``near`` are
    the limits of the coordinates' mean error and of the points' mean distance, in pixels of
    pictures of 840 x 840; smaller pictures need smaller ones. It can be gamed for two of its five
    points, by layout and well formed JSON. Source: arXiv 2505.23727.
    """
    box, points = read_solution(str(column_of(sample, column)))
    return float(sum(segmentation_parts(response, box, points, near)))


def group_length_bonus(right: Sequence[bool], lengths: Sequence[float]) -> list[float]:
    """DAST: bonus of each rollout by its length against the group's budget.

    Budget B = p L_r + (1 - p) L_max with p the share of right ones, L_r their mean length (0
    without any) and L_max the longest of the group; x = (L - B) / B. Right: max(0.5 - 0.5 x, 0.1);
    wrong: min(0.9 x - 0.1, -0.1). All zeros where B is 0. Lengths are true numbers of tokens of the
    whole group. Source: UI-R1-E, arXiv 2503.21620, code.

    >>> [round(b, 4) for b in group_length_bonus([True, False], [50, 100])]
    [0.6667, -0.1]
    """
    chosen = [length for length, good in zip(lengths, right, strict=True) if good]
    share = len(chosen) / len(lengths) if lengths else 0.0
    mean = sum(chosen) / len(chosen) if chosen else 0.0
    budget = share * mean + (1 - share) * max(lengths, default=0.0)
    if budget <= 0:
        return [0.0] * len(lengths)
    relative = [(length - budget) / budget for length in lengths]
    return [
        max(0.5 - 0.5 * x, 0.1) if good else min(0.9 * x - 0.1, -0.1)
        for x, good in zip(relative, right, strict=True)
    ]


@register("reward")
def group_budget(groups: Sequence[Group]) -> list[list[float]]:
    """DAST length bonus by the success of each group, see `group_length_bonus`.

    Right is what the grader finds correct; lengths are in tokens. Nothing but correctness and
    brevity raises it: wrong and short is punished most. Source: UI-R1-E, arXiv 2503.21620.
    """
    return [
        group_length_bonus(
            [member.verdict.correct for member in group.members],
            [len(member.rollout.token_ids) for member in group.members],
        )
        for group in groups
    ]


@register("reward")
def relative_length(groups: Sequence[Group], *, weight: float = 0.05) -> list[list[float]]:
    """Length against the batch: w (0.5 - (L - min) / (max - min)), and for wrong ones at most 0.

    L counts characters of the whole response; 0 when all are equally long. Only brevity raises it.
    The start at step 800 of the released code is left to the recipe. Source: Reason-RFT, arXiv
    2503.20752.
    """
    sizes = [[len(member.rollout.text) for member in group.members] for group in groups]
    every = [size for row in sizes for size in row]
    low, high = min(every, default=0), max(every, default=0)
    if low == high:
        return [[0.0] * len(row) for row in sizes]

    def one(size: int, right: bool) -> float:
        value = weight * (0.5 - (size - low) / (high - low))
        return value if right else min(0.0, value)

    return [
        [one(size, member.verdict.correct) for size, member in zip(row, group.members, strict=True)]
        for row, group in zip(sizes, groups, strict=True)
    ]


@register("reward")
def step_markers(response: str, *, enough: int = 3) -> float:
    """Markers / enough, at most 1: "Step n:", leading "1.", bullets, First, Second, Next, Finally.

    Words with their comma; a number only at the start of the text. Can be gamed by writing the
    markers; off by default in the system that has it. Source: Reason-RFT, arXiv 2503.20752.

    >>> round(step_markers("First, a\\n- b"), 4)
    0.6667
    """
    return min(1.0, len(_MARKERS.findall(response)) / enough)
