"""Focus: which tokens the policy loss, or a regulariser with a focus of its own, looks at.

A focus returns [N, T] factors, without gradient. Denominators still count every trained token, and
what has no focus sees them all. Shares are over the whole optimiser batch, from its `Survey`;
called without one, the given rows are the whole batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gnomon.parts import register
from gnomon.rl.losses import masked_log_ratio, per_token
from gnomon.rl.returns import row_means
from gnomon.rl.survey import Survey


@register("focus")
def top_entropy(mask: Tensor, survey: Survey, *, share: float = 0.2) -> Tensor:
    """Only the ``share`` of trained tokens with the highest entropy of the next-token distribution.

    Formula: 1 where H >= quantile(H, 1 - {share}) over all trained tokens, else 0

    The quantile interpolates linearly; equality keeps. Raises ValueError for a share outside (0,
    1]. Source: arXiv 2506.01939; TRL, top_entropy_quantile.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share={share} must be in (0, 1]: 0.2 looks at a fifth of the tokens")
    trained_BW = survey.mask.bool()
    threshold = quantile(survey.entropy[trained_BW], 1 - share)
    high_NT = survey.here(survey.entropy >= threshold, mask.shape[1])
    return (high_NT & mask.bool()).to(survey.entropy.dtype)


@register("focus")
def off_policy_sequences(
    logp: Tensor, old_logp: Tensor, advantages: Tensor, mask: Tensor, *, threshold: float = 0.5
) -> Tensor:
    """Leave out bad responses that the policy has already moved away from.

    Formula: 0 where A < 0 and mean_t(old_logp - logp) > {threshold}, else 1

    Source: DeepSeek-V3.2, arXiv 2512.02556; TRL, off_policy_mask_threshold (which has no default:
    .5 is ours).
    """
    gap_N = -row_means(masked_log_ratio(logp.detach(), old_logp, mask), mask)
    bad_NT = per_token(advantages, mask) < 0
    return (mask.bool() & ~(bad_NT & (gap_N[:, None] > threshold))).to(logp.dtype)


def quantile(values: Tensor, share: float) -> Tensor:
    """Quantile with linear interpolation of [M] values, of any number; -inf of none."""
    if not len(values):
        return torch.tensor(-torch.inf)
    ordered = values.sort().values
    place = share * (len(ordered) - 1)
    below = min(int(place), len(ordered) - 1)
    above = min(below + 1, len(ordered) - 1)
    return torch.lerp(ordered[below], ordered[above], place - below)
