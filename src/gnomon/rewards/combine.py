"""Combinations: from the scores of all terms to one reward per rollout.

``scores`` is [terms, N] with NaN where a term does not apply, ``weights`` is [terms], ``groups`` is
[N]. The result is [N]; it is NaN for a rollout to which no term applies, which is then left out of
training.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnomon.parts import register

Array = NDArray[np.float64]


@register("combination", "sum")
def weighted_sum(
    scores: ArrayLike, weights: ArrayLike, *, missing: Literal["drop", "leave-out"] = "drop"
) -> Array:
    """Sum of weight x score over the terms that apply.

    Formula: R = sum_k w_k r_k

    The weights of missing terms are dropped, not shared out; with ``missing`` "leave-out" a rollout
    that lacks any score gets NaN. Source: common practice, e.g. arXiv 2506.04207. Raises ValueError
    when the shapes do not fit.

    >>> weighted_sum([[1.0, 1.0], [0.5, float("nan")]], [0.9, 0.1]).tolist()
    [0.9500000000000001, 0.9]
    """
    scores, weights, present = _checked(scores, weights)
    total = (np.where(present, scores, 0.0) * weights[:, None]).sum(axis=0)
    if missing == "leave-out":
        return np.where(present.all(axis=0), total, np.nan)
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


@register("combination")
def scaled_sum(scores: ArrayLike, weights: ArrayLike) -> Array:
    """The first term times the weighted sum of the rest.

    Formula: R = r_1 x sum_(k > 1) w_k r_k

    The weight of the first term is not used; where it does not apply the factor is 1. Source: the
    difficulty weight of RewardMap, arXiv 2510.02240. Raises ValueError when the shapes do not fit
    or there is only one term.

    >>> scaled_sum([[2.0], [1.0], [4.0]], [1.0, 10.0, 0.5]).tolist()
    [24.0]
    """
    scores, weights, present = _checked(scores, weights)
    if len(scores) < 2:
        raise ValueError("a factor needs a second term to scale; add one or use 'sum'")
    factor = np.where(present[0], scores[0], 1.0)
    return factor * weighted_sum(scores[1:], weights[1:])


@register("combination")
def outcome_table(
    scores: ArrayLike,
    weights: ArrayLike,
    *,
    values: dict[str, float],
    threshold: float = 0.5,
) -> Array:
    """A number for each combination of outcomes of the first terms, plus the sum of the others.

    Formula: R = table(r_1 > {threshold}, ...) + sum of w_k r_k over the other terms

    A key has one mark for each of the first terms: 1 above ``threshold``, 0 not, - where the term
    does not apply; all keys are of one length. A combination without a key gives NaN, so that the
    rollout is left out. The weights of these terms are not used. Source: ours; the table of
    correctness and format is common. Raises ValueError for keys that do not fit.

    >>> outcome_table([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0], values={"10": 0.5, "01": -1.0}).tolist()
    [0.5, -1.0]
    """
    scores, weights, present = _checked(scores, weights)
    sizes = {len(key) for key in values}
    if len(sizes) != 1 or not 0 < max(sizes) <= len(scores) or set("".join(values)) - set("01-"):
        raise ValueError(f"the keys {list(values)} need one mark, 0, 1 or -, for each first term")
    first = max(sizes)
    marks = np.where(present[:first], np.where(scores[:first] > threshold, "1", "0"), "-")
    chosen = np.array([values.get("".join(column), np.nan) for column in marks.T])
    rest = weighted_sum(scores[first:], weights[first:])
    return chosen + np.nan_to_num(rest)


@register("combination")
def cascade(
    scores: ArrayLike,
    weights: ArrayLike,
    *,
    threshold: float = 0.4,
    gates: int = 2,
    gated: int = 3,
) -> Array:
    """Weighted sum in which each of the first ``gates`` terms shuts what comes after it.

    Formula: R = sum_k w_k r_k, r_j = 0 for i < j <= {gated} where r_i <= {threshold}, i <= {gates}

    A gate at or under ``threshold`` sets the later ones of the first ``gated`` terms to 0, in
    order, so that a gate that was shut shuts too; the other terms stay. Where a gate does not apply
    it is open. Source: HumanOmniV2, arXiv 2506.21277: context, logic, accuracy, format. Raises
    ValueError when there are fewer terms.

    >>> cascade([[0.4], [1.0], [1.0], [1.0]], [1.0, 1.0, 1.0, 1.0]).tolist()
    [1.4]
    """
    scores, weights, present = _checked(scores, weights)
    if not 0 < gates < gated <= len(scores):
        raise ValueError(f"gates={gates}, gated={gated} do not fit {len(scores)} terms")
    scores = scores.copy()
    for gate_at in range(gates):
        shut = present[gate_at] & (scores[gate_at] <= threshold)
        later = scores[gate_at + 1 : gated]
        later[:, shut] = np.where(np.isnan(later[:, shut]), np.nan, 0.0)
    return weighted_sum(scores, weights)


@register("combination")
def normalised_mean(
    scores: ArrayLike, weights: ArrayLike, groups: ArrayLike, *, epsilon: float = 1e-4
) -> Array:
    """Mean over terms of each one's normalised score, std with n - 1.

    Formula: R = mean_k (w_k r_k - mean_group) / (std_group + {epsilon})

    Each term is normalised in its own group before they are averaged over the terms that apply; a
    group of one gives 0. Source: the alternative of Jigsaw-R1, arXiv 2505.23590; GDPO.

    >>> normalised_mean([[1.0, 0.0]], [1.0], [0, 0]).round(4).tolist()
    [0.707, -0.707]
    """
    scores, weights, present = _checked(scores, weights)
    owners = np.asarray(groups)
    if owners.shape != scores.shape[1:]:
        raise ValueError(f"groups must be [N], not {owners.shape}")
    weighted = scores * weights[:, None]
    result = np.where(present, 0.0, np.nan)
    for owner in np.unique(owners):
        for row, there in enumerate(present & (owners == owner)):
            values = weighted[row, there]
            if len(values) > 1:
                result[row, there] = (values - values.mean()) / (values.std(ddof=1) + epsilon)
    count = present.sum(axis=0)
    return _nan_without_terms(np.nansum(result, axis=0) / np.maximum(count, 1), present)


def _checked(scores: ArrayLike, weights: ArrayLike) -> tuple[Array, Array, NDArray[np.bool_]]:
    scores, weights = np.asarray(scores, np.float64), np.asarray(weights, np.float64)
    if scores.ndim != 2 or weights.shape != scores.shape[:1]:
        raise ValueError(
            f"scores must be [terms, N] and weights [terms], not {scores.shape} and {weights.shape}"
        )
    return scores, weights, ~np.isnan(scores)


def _nan_without_terms(rewards: Array, present: NDArray[np.bool_]) -> Array:
    return np.where(present.any(axis=0), rewards, np.nan)
