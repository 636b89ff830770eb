"""Rewards of puzzles: Jigsaw-R1 grids, and the function sequences and counts of Reason-RFT.

Sources: arXiv 2505.23590 (jigsaw), arXiv 2503.20752 (Reason-RFT).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

from gnomon.parts import register
from gnomon.records import Sample
from gnomon.rewards.sections import (
    column_of,
    finite,
    first_block,
    has_layout,
    optional,
    section,
    target,
)
from gnomon.rewards.visual import overlap_iou

# From the start of a word only, so that a long word is not tried from each of its letters.
_CALL = re.compile(r"(?<!\w)(\w+)\((\w+), ?(?:'(\w+)'|(\w+))\)")
_FOUR = re.compile(r"(\d{1,9}), *(\d{1,9}), *(\d{1,9}), *(\d{1,9})")
_SEPARATORS = re.compile(r"[`,;\n]")
Triple = tuple[str, str, str]
AnswerType = Literal["grid", "digit", "letter", "box"]


def read_grid(text: str, cells: int) -> list[int] | None:
    """All numbers of a grid answer, or None when any token is no number in 1..cells.

    Back-ticks, commas, semicolons and line breaks separate. Source: Jigsaw-R1, arXiv 2505.23590.

    >>> read_grid("4,2;1,3", 4), read_grid("4 2\\n1 3", 4), read_grid("4 2 1 5", 4)
    ([4, 2, 1, 3], [4, 2, 1, 3], None)
    """
    tokens = _SEPARATORS.sub(" ", text).split()
    if not tokens or not all(re.fullmatch("[0-9]{1,4}", token) for token in tokens):
        return None
    numbers = [int(token) for token in tokens]
    return numbers if all(1 <= number <= cells for number in numbers) else None


def grid_share(said: Sequence[int] | None, gold: Sequence[int]) -> float:
    """Share of right cells; 0 when unread or of another length. Repeats are allowed.

    >>> grid_share([4, 2, 1, 3], [4, 1, 2, 3])
    0.5
    """
    if said is None or len(said) != len(gold):
        return 0.0
    return sum(a == b for a, b in zip(said, gold, strict=True)) / len(gold)


def adjacent_share(said: Sequence[int] | None, gold: Sequence[int], m: int, n: int) -> float:
    """Share of right and down neighbour pairs of an m x n grid that are so in the gold grid too.

    Forward tables; with repeats each occurrence counts. 0 when unread or of another length, and 1
    for a grid of one cell that is right. Source: arXiv 2505.23590, the adjacency variant.

    >>> adjacent_share([1, 2, 4, 3], [1, 2, 3, 4], 2, 2)
    0.25
    """
    if said is None or len(said) != len(gold):
        return 0.0
    wanted = [set(_neighbours(gold, m, n, step)) for step in ("right", "down")]
    found = [
        sum(pair in pairs for pair in _neighbours(said, m, n, step))
        for step, pairs in zip(("right", "down"), wanted, strict=True)
    ]
    total = 2 * m * n - m - n
    return sum(found) / total if total else float(list(said) == list(gold))


def _neighbours(grid: Sequence[int], m: int, n: int, step: str) -> list[tuple[int, int]]:
    right, down = (1, 0) if step == "right" else (0, 1)
    return [
        (grid[row * n + place], grid[(row + down) * n + place + right])
        for row in range(m - down)
        for place in range(n - right)
    ]


def forward_table(backward: Sequence[int]) -> list[int]:
    """The inverse permutation, numbered from 1: which home index each position shows.

    >>> forward_table([2, 3, 1])
    [3, 1, 2]
    """
    table = [0] * len(backward)
    for home, position in enumerate(backward, 1):
        table[position - 1] = home
    return table


def read_shape(text: str, kind: AnswerType, cells: int = 0) -> Any:
    """The value of one answer type in a stripped text, or None.

    grid: `read_grid` of exactly ``cells`` numbers; digit: the first number; letter: the last
    capital; box: the first four unsigned integers with commas. Source: arXiv 2505.23590.

    >>> read_shape("(C) 2 is Left", "letter"), read_shape("1, 2, 3, 4", "box")
    ('L', (1, 2, 3, 4))
    """
    text = text.strip()
    if kind == "grid":
        grid = read_grid(text, cells)
        return grid if grid is not None and len(grid) == cells else None
    if kind == "box":
        four = _FOUR.search(text)
        return None if four is None else tuple(map(int, four.groups()))
    found = re.findall("[A-Z]" if kind == "letter" else "[0-9]+", text)
    return (found[-1] if kind == "letter" else found[0]) if found else None


def _shape_of(sample: Sample) -> tuple[AnswerType, int, int]:
    m, n = int(optional(sample.meta, "m", 1)), int(optional(sample.meta, "n", 1))
    return column_of(sample, "answer_type"), m, n


@register("reward")
def jigsaw(response: str, sample: Sample, *, adjacency: bool = False) -> float:
    """Accuracy of a jigsaw answer in [0, 1]: share of cells, letter, digit, or IoU of a box.

    Reads the first answer block, or the whole text. Columns ``answer_type``, ``solution``, ``m``,
    ``n`` and ``forward`` (a backward grid is turned first, for ``adjacency``). The box is compared
    in pixels of ``width`` and ``height``, its reference in shares of them, under the one-pixel
    rule, and copied, never scaled in place. It can be gamed for 1/mn by one number in every cell;
    of several letters the last counts. Source: Jigsaw-R1, arXiv 2505.23590.

    >>> puzzle = {"answer_type": "grid", "solution": [4, 1, 2, 3], "m": 2, "n": 2}
    >>> jigsaw("<answer>4 2 1 3</answer>", Sample("a", (), meta=puzzle))
    0.5
    """
    kind, m, n = _shape_of(sample)
    gold, said = column_of(sample, "solution"), read_shape(section(response, "answer"), kind, m * n)
    if kind == "grid":
        if not adjacency:
            return grid_share(said, gold)
        if not optional(sample.meta, "forward", True):
            gold, said = forward_table(gold), _turned(said, m * n)
        return adjacent_share(said, gold, m, n)
    if kind == "box":
        width, height = column_of(sample, "width"), column_of(sample, "height")
        box = (gold[0] * width, gold[1] * height, gold[2] * width, gold[3] * height)
        return 0.0 if said is None else overlap_iou(said, box, "one-pixel")
    return float(said is not None and said.lower() == str(gold).lower())


def _turned(backward: Sequence[int] | None, cells: int) -> list[int] | None:
    whole = backward is not None and sorted(backward) == list(range(1, cells + 1))
    return forward_table(backward) if whole and backward is not None else None


@register("reward")
def jigsaw_format(response: str, sample: Sample, *, think: bool = True) -> float:
    """1 when a jigsaw answer has its layout and its value the asked shape, else 0.

    Thinking: the whole text is a think and an answer block, and a value can be read in it, so that
    "B, above" passes as a letter. Direct: the whole unstripped text is one capital or only digits;
    grids and boxes as above without tags. Earned by shape alone, whatever the value. Weight 0.5.
    Source: Jigsaw-R1, arXiv 2505.23590.

    >>> asked = Sample("a", (), meta={"answer_type": "letter"})
    >>> jigsaw_format("B", asked, think=False), jigsaw_format("(B)", asked, think=False)
    (1.0, 0.0)
    """
    kind, m, n = _shape_of(sample)
    if not think and kind in ("letter", "digit"):
        return float(re.fullmatch("[A-Z]" if kind == "letter" else "[0-9]+", response) is not None)
    if think and not has_layout(response, ["think", "answer"]):
        return 0.0
    return float(read_shape(section(response, "answer"), kind, m * n) is not None)


def read_calls(text: str) -> list[Triple]:
    """All ``func(object, value)`` triples: words, single quotes round the value optional.

    No blank around brackets or before the comma, at most one behind it. Source: arXiv 2503.20752.

    >>> read_calls("change_size(2, 'small') change_color(0,red)")
    [('change_size', '2', 'small'), ('change_color', '0', 'red')]
    """
    return [(name, item, one or other) for name, item, one, other in _CALL.findall(text)]


Credit = Literal["only-full", "graded", "penalty", "evaluation"]
CREDIT: dict[str, tuple[float, float, float]] = {
    "only-full": (0.0, 0.0, 0.0),
    "graded": (0.5, 0.5, 0.25),
    "penalty": (-0.25, -0.25, -0.5),
    "evaluation": (0.5, 0.5, 0.25),
}
"""Worth of a triple with the right function and object, function and value, function alone."""
_SHARED: tuple[Callable[[Triple], tuple[str, ...]], ...] = (
    lambda triple: (triple[0], triple[1]),
    lambda triple: (triple[0], triple[2]),
    lambda triple: (triple[0],),
)


def sequence_credit(said: Sequence[Triple], gold: Sequence[Triple], credit: Credit) -> float:
    """Overlap of two sets of calls: item x (|F| + w_a a + w_b b + w_c c), in [-0.5, 1].

    item = r / max(|P|, |S|) with r = |P| / |P_all| the penalty for repeats (1 in "evaluation"). F
    are the calls in both sets; of the rest three passes pair greedily, in sorted order: same
    function and object, same function and value, same function. 0 without calls. Order and what
    stands between calls do not matter. Source: Reason-RFT, arXiv 2503.20752.

    >>> gold = [("change_shape", "2", "sphere"), ("change_size", "2", "small")]
    >>> sequence_credit([gold[1]], gold, "graded")
    0.5
    """
    unique, wanted = set(said), set(gold)
    if not unique:
        return 0.0
    item = 1 / max(len(unique), len(wanted))
    if credit != "evaluation":
        item *= len(unique) / len(said)
    total = float(len(unique & wanted))
    rest, open_ = sorted(unique - wanted), sorted(wanted - unique)
    for shared, worth in zip(_SHARED, CREDIT[credit], strict=True):
        for triple in list(rest):
            match = next((other for other in open_ if shared(other) == shared(triple)), None)
            if match is not None:
                total += worth
                rest.remove(triple)
                open_.remove(match)
    return item * total


@register("reward")
def call_sequence(
    response: str, reference: Any, sample: Sample, *, credit: Credit = "only-full", column: str = ""
) -> float | None:
    """Share of right transformation calls in the first answer block, see `sequence_credit`.

    Without an answer block the whole response is read, where calls in the reasoning count. The
    reference is the column or the answer. None without one. Listing every call lowers the share,
    repeats lower it too. Source: Reason-RFT, arXiv 2503.20752; the released script is "only-full".

    >>> call_sequence("<answer>change_size(2,'small')</answer>", "change_size(2, 'small')",
    ...               Sample("a", ()))
    1.0
    """
    wanted = target(sample, reference, column)
    if wanted is None:
        return None
    return sequence_credit(read_calls(section(response, "answer")), read_calls(wanted), credit)


def near_number(said: float, gold: float, *, full: float = 0.05, none: float = 0.20) -> float:
    """Cosine tolerance: 1 below 5 % error, 0 above 20 %, 0.5 (cos(pi t) + 1) between; 0 for gold 0.

    >>> round(near_number(10.8, 10), 4)
    0.9045
    """
    error, size = abs(said - gold), abs(gold)
    if size == 0 or error > none * size:
        return 0.0
    if error < full * size:
        return 1.0
    return 0.5 * (math.cos(math.pi * (error - full * size) / ((none - full) * size)) + 1)


@register("reward")
def tolerant_number(
    response: str, reference: Any, sample: Sample, *, column: str = ""
) -> float | None:
    """`near_number` of the first answer block (or the whole text) and the reference, in [0, 1].

    Equal texts where either is no number: 1, else 0. None without a reference. The whole block must
    be one number, so that several guesses earn nothing. The symbolic second try without a tag is
    left to the grader. Source: Reason-RFT, arXiv 2503.20752.

    >>> tolerant_number("<answer>10.2</answer>", 10, Sample("a", ()))
    1.0
    """
    wanted = target(sample, reference, column)
    if wanted is None:
        return None
    body, gold = section(response, "answer"), section(wanted, "answer")
    one, other = finite(body), finite(gold)
    return float(body == gold) if one is None or other is None else near_number(one, other)


@register("reward")
def exact_answer(
    response: str, reference: Any, sample: Sample, *, column: str = ""
) -> float | None:
    """1 when the stripped first answer block is the reference text exactly, else 0.

    7.0 is not 7: this is the training reward, evaluation goes by the grader. Without an answer
    block the whole response must be the text. None without a reference. Source: Reason-RFT, arXiv
    2503.20752.

    >>> exact_answer("<answer>\\n7\\n</answer>", 7, Sample("a", ()))
    1.0
    """
    wanted = target(sample, reference, column)
    if wanted is None:
        return None
    body = first_block(response, "answer")
    said = (response if body is None else body).strip()
    return float(said == section(wanted, "answer"))
