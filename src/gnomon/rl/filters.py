"""Filters: which rollouts count at all, by what is known before any advantage.

As resamplers they return indices into the N rollouts. In the ``filters`` of a stage they run before
the advantages, whose statistics then leave out what was dropped, and a stage can sample further
questions until its batch is full. Groups stay whole unless a filter says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gnomon.parts import nearest, register
from gnomon.rl.weights import group_accuracy


@register("resampler")
def accuracy_band(
    accuracy: Tensor, groups: Tensor, *, low: float = 0.01, high: float = 0.99
) -> Tensor:
    """Keep groups whose share of right answers is strictly between two bounds.

    Formula: keep groups with {low} < accuracy < {high}

    Online filtering of EasyR1's forks (.01, .99); it reads the accuracy, not the total reward, so
    that all-wrong groups do not train on format alone. Undecided answers do not count; a group
    with none decided is dropped, and a group of one is kept. Raises ValueError for bounds that let
    nothing through. Source: arXiv 2503.14476, section 3.2; arXiv 2512.03043, code.
    """
    return _within(accuracy, groups, low, high)


@register("resampler")
def score_band(
    scores: Tensor,
    names: Sequence[str],
    groups: Tensor,
    *,
    terms: tuple[str, ...],
    low: float = 0.01,
    high: float = 0.99,
) -> Tensor:
    """Keep groups whose mean score by some reward terms is strictly between two bounds.

    Formula: keep groups with {low} < mean score of {terms} < {high}

    `accuracy_band` for accuracy that is no verdict: the IoU of a box, a share of words. A rollout's
    score is that of the terms that apply to it, summed; one without any does not count, and a group
    without any such rollout is dropped. A group of one is kept. Raises ValueError for bounds that
    let nothing through and for a term that the stage does not have. Source: arXiv 2512.03043, code.
    """
    for term in terms:
        if term not in names:
            raise ValueError(f"no reward term {term!r} for the band{nearest(term, names)}")
    chosen_KN = scores[[place for place, name in enumerate(names) if name in terms]]
    score_N = chosen_KN.nansum(0).masked_fill(chosen_KN.isnan().all(0), math.nan)
    return _within(score_N, groups, low, high)


def _within(score_N: Tensor, groups: Tensor, low: float, high: float) -> Tensor:
    """Groups whose mean score is strictly between two bounds, and those of one rollout."""
    if low >= high:
        raise ValueError(f"low={low} and high={high} let nothing through: low must be below high")
    mean_N = group_accuracy(score_N, groups)
    _, row_N, size_J = torch.unique(groups, return_inverse=True, return_counts=True)
    alone_N = (size_J[row_N] == 1) & ~mean_N.isnan()
    kept_N: Tensor = ((mean_N > low) & (mean_N < high)) | alone_N
    return kept_N.nonzero()[:, 0]


@register("resampler")
def drop_truncated(truncated: Tensor) -> Tensor:
    """Leave out every response that met the length limit: it may have been heading right.

    Formula: keep responses that ended by themselves

    It takes single members out of groups, and their tokens out of every denominator, as TRL's
    mask_truncated_completions does. Source: arXiv 2503.14476, section 3.4.
    """
    return (~truncated.bool()).nonzero()[:, 0]
