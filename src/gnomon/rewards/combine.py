"""Combinations: from the scores of all terms to one reward per rollout.

``scores`` is [terms, N] with NaN where a term does not apply, ``weights`` is [terms]. The result is
[N]; it is NaN for a rollout to which no term applies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnomon.parts import register

Array = NDArray[np.float64]


@register("combination", "sum")
def weighted_sum(scores: ArrayLike, weights: ArrayLike) -> Array:
    """Sum of weight x score over the terms that apply.

    Formula: R = sum_k w_k r_k

    The weights of missing terms are dropped, not shared out. Source: common practice, e.g. arXiv
    2506.04207. Raises ValueError when the shapes do not fit.

    >>> weighted_sum([[1.0, 1.0], [0.5, float("nan")]], [0.9, 0.1]).tolist()
    [0.9500000000000001, 0.9]
    """
    scores, weights, present = _checked(scores, weights)
    total = (np.where(present, scores, 0.0) * weights[:, None]).sum(axis=0)
    return _nan_without_terms(total, present)


@register("combination")
def weighted_mean(scores: ArrayLike, weights: ArrayLike) -> Array:
    """Sum of weight x score over the terms that apply, divided by the sum of their weights.

    Formula: R = sum_k w_k r_k / sum_k w_k

    Source: ours. Raises ValueError when the shapes do not fit or the weights of a rollout sum to
    zero.

    >>> weighted_mean([[1.0, 1.0], [0.0, float("nan")]], [3.0, 1.0]).tolist()
    [0.75, 1.0]
    """
    scores, weights, present = _checked(scores, weights)
    shares = (present * weights[:, None]).sum(axis=0)
    if np.any((shares == 0) & present.any(axis=0)):
        raise ValueError(
            "the weights of the terms that apply sum to zero; give one of them a weight"
        )
    total = (np.where(present, scores, 0.0) * weights[:, None]).sum(axis=0)
    return _nan_without_terms(total / np.where(shares == 0, 1.0, shares), present)


@register("combination")
def product(scores: ArrayLike, weights: ArrayLike) -> Array:
    """Product of score ** weight over the terms that apply (weight 1: the plain product).

    Formula: R = prod_k r_k^w_k

    Source: ours. Raises ValueError when the shapes do not fit, and for a negative score with a
    broken weight or a zero score with a negative weight.

    >>> product([[1.0, 0.5], [0.5, float("nan")]], [1.0, 1.0]).tolist()
    [0.5, 0.5]
    """
    scores, weights, present = _checked(scores, weights)
    broken = (weights != np.round(weights))[:, None]
    if np.any(present & (scores < 0) & broken) or np.any((scores == 0) & (weights < 0)[:, None]):
        raise ValueError("a product needs scores that can be raised to their weights; use 'sum'")
    powers = np.where(present, scores, 1.0) ** weights[:, None]
    return _nan_without_terms(powers.prod(axis=0), present)


@register("combination")
def gate(
    scores: ArrayLike, weights: ArrayLike, *, threshold: float = 0.0, closed: float = 0.0
) -> Array:
    """The first term gates the weighted sum of the rest: above ``threshold``, else ``closed``.

    Formula: R = sum_(k > 1) w_k r_k where r_1 > {threshold}, else {closed}

    The weight of the first term is not used. Where it does not apply the gate is open. Source:
    ours. Raises ValueError when the shapes do not fit or there is only one term.

    >>> gate([[1.0, 0.0], [0.5, 0.5]], [1.0, 2.0]).tolist()
    [1.0, 0.0]
    """
    scores, weights, present = _checked(scores, weights)
    if len(scores) < 2:
        raise ValueError("a gate needs a second term to let through; add one or use 'sum'")
    rest = weighted_sum(scores[1:], weights[1:])
    shut = present[0] & (scores[0] <= threshold)
    return np.where(shut, closed, rest)


def _checked(scores: ArrayLike, weights: ArrayLike) -> tuple[Array, Array, NDArray[np.bool_]]:
    scores, weights = np.asarray(scores, np.float64), np.asarray(weights, np.float64)
    if scores.ndim != 2 or weights.shape != scores.shape[:1]:
        raise ValueError(
            f"scores must be [terms, N] and weights [terms], not {scores.shape} and {weights.shape}"
        )
    return scores, weights, ~np.isnan(scores)


def _nan_without_terms(rewards: Array, present: NDArray[np.bool_]) -> Array:
    return np.where(present.any(axis=0), rewards, np.nan)
