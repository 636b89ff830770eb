"""Credit on the tokens that a term judges: token-level advantages of terms with a scope.

    A[i, t] = A_i + sum over scoped terms r of w_r x B_r[i] x [t is in r's scope in i]

A_i is the stage's estimator on the reward of the terms without a scope, B_r the same estimator on
the scores of r alone, in their own group: centred as the estimator centres, scaled as it scales.
The weight comes after the scale, which would undo it. With an estimator that only centres this is
HumanOmniV2 (arXiv 2506.21277), and a scope that is everything gives what the plain sum of the
rewards gives.

Dimension suffixes: N rollouts, T trained tokens of the longest response.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gnomon.records import Graded, Group
from gnomon.rewards.scope import EVERYTHING, Decode, Scope, TokenPlaces
from gnomon.rewards.score import Term


@dataclass(frozen=True)
class Scoped:
    """A term with a scope: its scores, NaN where it does not apply, and 1 on its tokens."""

    name: str
    weight: float
    scores_N: Tensor
    inside_NT: Tensor


def scoped_terms(
    groups: Sequence[Group], terms: Sequence[Term], decode: Decode, width: int
) -> tuple[Scoped, ...]:
    """The terms with a scope, with their scores and tokens in every rollout.

    ``groups`` are scored (`gnomon.rewards.score.score`), N their rollouts in order. Only trained
    tokens are read, so that text of an environment opens no section; ``width`` is T. ``decode`` is
    the tokenizer's, special tokens left out as in `Rollout.text`. A rollout without the section has
    a score in its group, and no token that gets credit for it.
    """
    members = [member for group in groups for member in group.members]
    places = TokenPlaces(decode)
    return tuple(
        Scoped(
            term.name,
            term.weight,
            torch.tensor([_score(member, term.name) for member in members]),
            torch.stack([_inside(member, term.scope, places, width) for member in members]),
        )
        for term in terms
        if term.scope is not None
    )


def token_advantages(
    advantages_N: Tensor, scoped: Sequence[Scoped], estimate: Callable[[Scoped], Tensor]
) -> Tensor:
    """[N, T] advantages: A_i on every token, and the credit of each scoped term on its own.

    ``estimate`` gives B_r [N]; without a scoped term the advantages stay [N]. Raises ValueError for
    an estimator that gives every token an advantage of its own.
    """
    total = advantages_N
    for term in scoped:
        credit_N = estimate(term)
        if credit_N.ndim != 1 or advantages_N.ndim != 1:
            raise ValueError(
                f"the term {term.name!r} has a scope, and the estimator gives every token an "
                "advantage of its own; use one that gives each rollout one, such as grpo"
            )
        wide = total[:, None] if total.ndim == 1 else total
        total = wide + (term.weight * credit_N)[:, None] * term.inside_NT.to(credit_N.dtype)
    return total


def _score(member: Graded, name: str) -> float:
    value = member.scores.get(name)
    return math.nan if value is None else value


def _inside(member: Graded, scope: Scope, places: TokenPlaces, width: int) -> Tensor:
    rollout = member.rollout
    own = [token for token, train in zip(rollout.token_ids, rollout.train, strict=True) if train]
    whole = len(own) == len(rollout.token_ids)
    text = rollout.text if whole else places.decode(own)
    first, last = places.within(own, text, scope.span(text))
    if scope.section == EVERYTHING:
        first, last = 0, len(own)
    inside_T = torch.zeros(width)
    inside_T[first:last] = 1.0
    return inside_T
