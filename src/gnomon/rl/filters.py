"""Filters: which rollouts count at all, by what is known before any advantage.

As resamplers they return indices into the N rollouts. In the ``filters`` of a stage they run before
the advantages, whose statistics then leave out what was dropped, and a stage can sample further
questions until its batch is full. Groups stay whole unless a filter says otherwise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gnomon.parts import register
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
    if low >= high:
        raise ValueError(f"low={low} and high={high} let nothing through: low must be below high")
    a_N = group_accuracy(accuracy, groups)
    _, row_N, size_J = torch.unique(groups, return_inverse=True, return_counts=True)
    alone_N = (size_J[row_N] == 1) & ~a_N.isnan()
    kept_N: Tensor = ((a_N > low) & (a_N < high)) | alone_N
    return kept_N.nonzero()[:, 0]


@register("resampler")
def drop_truncated(truncated: Tensor) -> Tensor:
    """Leave out every response that met the length limit: it may have been heading right.

    Formula: keep responses that ended by themselves

    It takes single members out of groups, and their tokens out of every denominator, as TRL's
    mask_truncated_completions does. Source: arXiv 2503.14476, section 3.4.
    """
    return (~truncated.bool()).nonzero()[:, 0]
