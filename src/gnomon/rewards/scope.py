"""Token scope: the credit of a term goes to the tokens that it judges, not to the whole response.

HumanOmniV2 (arXiv 2506.21277) centres each judged score in its own group and adds it on the tokens
from the first one up to, and without, the closing tag of the judged block::

    A[i, t] = A_i + sum over scoped terms r of (r_i - mean(r)) x [t < end of r's section in i]

Dimension suffixes: N rollouts, T tokens of the longest response.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnomon.records import Group
from gnomon.rewards.score import Term

Array = NDArray[np.float64]


def section_end(text: str, tag: str) -> int:
    """Where the closing tag of the first ``tag`` block begins, in characters; 0 without a block.

    The opening tag is its first occurrence, the closing one the first after it; 0 as well when
    nothing stands between them.

    >>> section_end("<think>ab</think>", "think"), section_end("<think></think>", "think")
    (9, 0)
    """
    opening = text.find(f"<{tag}>")
    start = opening + len(tag) + 2
    end = text.find(f"</{tag}>", start) if opening >= 0 else -1
    return end if end > start else 0


def tokens_before(decode: Callable[[Sequence[int]], str], ids: Sequence[int], end: int) -> int:
    """How many leading tokens lie wholly in the first ``end`` characters of the decoded text.

    A token across the edge is not one of them. ``decode`` is called log2(len(ids)) times.

    >>> tokens_before(lambda ids: "ab" * len(ids), [1, 2, 3], 5)
    2
    """
    low, high = 0, len(ids)
    while low < high:
        middle = (low + high + 1) // 2
        if len(decode(ids[:middle])) <= end:
            low = middle
        else:
            high = middle - 1
    return low


def ids_before(ids: Sequence[int], opening: int, closing: int) -> int:
    """As `section_end` for tags that are single tokens: the tokens before the closing one.

    >>> ids_before([7, 1, 1, 8, 5, 2, 2, 6, 9], 7, 8), ids_before([7, 8], 7, 8)
    (3, 0)
    """
    listed = list(ids)
    start = listed.index(opening) if opening in listed else len(listed)
    end = listed.index(closing, start) if closing in listed[start:] else 0
    return end if end > start + 1 else 0


def centred(scores_N: ArrayLike, groups_N: ArrayLike) -> Array:
    """Each score less the mean of its group; 0 where it is NaN (the term does not apply).

    >>> centred([1.0, 0.0, float("nan"), 5.0], [0, 0, 0, 1]).tolist()
    [0.5, -0.5, 0.0, 0.0]
    """
    scores, groups = np.asarray(scores_N, np.float64), np.asarray(groups_N)
    result = np.zeros_like(scores)
    for group in np.unique(groups):
        chosen = (groups == group) & ~np.isnan(scores)
        if chosen.any():
            result[chosen] = scores[chosen] - scores[chosen].mean()
    return result


def token_advantages(
    advantages_N: ArrayLike, scoped: Sequence[tuple[ArrayLike, ArrayLike]], width: int
) -> Array:
    """[N, T] advantages: A_i everywhere, and B_i of each scoped term on its first tokens.

    ``scoped`` holds (B [N], tokens [N]) for each term, B being its `centred` scores and tokens how
    many leading tokens it judges in each rollout; ``width`` is T.

    >>> token_advantages([0.5, -0.5], [([0.2, -0.2], [1, 0])], 2).tolist()
    [[0.7, 0.5], [-0.5, -0.5]]
    """
    result = np.repeat(np.asarray(advantages_N, np.float64)[:, None], width, axis=1)
    place_T = np.arange(width)
    for credit_N, tokens_N in scoped:
        inside_NT = place_T[None, :] < np.asarray(tokens_N)[:, None]
        result += np.asarray(credit_N, np.float64)[:, None] * inside_NT
    return result


def scoped_credit(
    groups: Sequence[Group], terms: Sequence[Term], decode: Callable[[Sequence[int]], str]
) -> list[tuple[Array, NDArray[np.int64]]]:
    """(B [N], tokens [N]) of every term with a scope: weight x centred score, and how far it goes.

    ``groups`` are scored (`gnomon.rewards.score.score`), N their rollouts in order; ``decode`` is
    the tokenizer's, special tokens left out as in `Rollout.text`. A rollout without the section, or
    to which the term does not apply, gets no credit of it. Input of `token_advantages`.
    """
    rollouts = [member.rollout for group in groups for member in group.members]
    owner_N = np.repeat(np.arange(len(groups)), [len(group.members) for group in groups])
    credits = []
    for term in terms:
        if term.scope:
            ends = [section_end(rollout.text, term.scope) for rollout in rollouts]
            tokens_N = np.array(
                [tokens_before(decode, r.token_ids, e) for r, e in zip(rollouts, ends, strict=True)]
            )
            scores = [m.scores.get(term.name) for group in groups for m in group.members]
            known = [np.nan if value is None else value for value in scores]
            credits.append((term.weight * centred(known, owner_N), tokens_N))
    return credits
