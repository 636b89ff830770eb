"""Losses that hold back the tokens which make entropy collapse: Clip-Cov and KL-Cov.

cov = (A - mean A) (logp - mean logp) is high on a likely token with a high advantage. Means, shares
and choices are over the whole optimiser batch, from its `Survey`; called without one, the given
rows are the whole batch. Source: arXiv 2505.22617.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gnomon.parts import register
from gnomon.rl.losses import CLAMP, Loss, clipped, masked_log_ratio, per_token
from gnomon.rl.survey import Survey

ROUNDING = 1e-5
"""Log-ratios below it are those of equal weights, computed in another order (float32, ours)."""


@register("loss")
def clip_cov(
    logp: Tensor,
    old_logp: Tensor,
    advantages: Tensor,
    mask: Tensor,
    survey: Survey | None = None,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    share: float = 2e-4,
    low: float = 1.0,
    high: float = 5.0,
) -> Loss:
    """Clip-Cov: PPO's clipped loss, without a few random tokens of high covariance.

    Formula: max(-A r, -A clip(r, 1 - {clip_low}, 1 + {clip_high})), 0 on up to max(1, {share} *
    tokens) random tokens with {low} < cov < {high}

    At least one token is dropped when any is in the band. verl leaves out of the choice what the
    clip has already stopped; as the clip is not known before the update, here it may be chosen.
    Stat: ``dropped``. Source: arXiv 2505.22617.
    """
    whole = survey or Survey.of(logp, advantages, mask)
    chosen_BW = _random_band(whole, share, low, high)
    dropped_NT = whole.here(chosen_BW, mask.shape[1]) & mask.bool()
    log_ratio_NT = masked_log_ratio(logp, old_logp, mask, CLAMP)
    advantage_NT = per_token(advantages, mask)
    loss_NT, stats = clipped(advantage_NT, log_ratio_NT, mask, (clip_low, clip_high))
    return torch.where(dropped_NT, 0.0, loss_NT), {**stats, "dropped": dropped_NT.to(loss_NT.dtype)}


@register("loss")
def kl_cov(
    logp: Tensor,
    old_logp: Tensor,
    advantages: Tensor,
    mask: Tensor,
    survey: Survey | None = None,
    *,
    coefficient: float = 0.1,
    share: float = 2e-4,
) -> Loss:
    """KL-Cov: the unclipped loss, with a penalty on the ratio of the tokens of top covariance.

    Formula: -A r, plus {coefficient} |log r| on the top max(1, {share} * tokens) tokens by cov

    Tokens that tie with the last of them are penalised too. On-policy log r is 0 but for rounding,
    which must not choose the sign of a gradient: below `ROUNDING` it is taken as 0.
    Stat: ``penalised``. Source: arXiv 2505.22617.
    """
    whole = survey or Survey.of(logp, advantages, mask)
    top_BW = _top(whole, share)
    chosen_NT = whole.here(top_BW, mask.shape[1]) & mask.bool()
    log_ratio_NT = masked_log_ratio(logp, old_logp, mask, CLAMP)
    loss_NT = -per_token(advantages, mask) * log_ratio_NT.exp()
    moved_NT = chosen_NT & (log_ratio_NT.abs() > ROUNDING)
    penalty_NT = torch.where(moved_NT, coefficient * log_ratio_NT.abs(), 0.0)
    return loss_NT + penalty_NT, {
        "log_ratio": log_ratio_NT.detach(),
        "penalised": chosen_NT.to(loss_NT.dtype),
    }


def covariances(logp: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    """(A - mean A) (logp - mean logp), means over the trained tokens; 0 elsewhere. All [N, T]."""
    trained_NT = mask.bool()
    if not trained_NT.any():
        return torch.zeros_like(logp)
    product_NT = (advantages - advantages[trained_NT].mean()) * (logp - logp[trained_NT].mean())
    return torch.where(trained_NT, product_NT, 0.0)


def _count(survey: Survey, share: float) -> int:
    return max(1, int(share * int(survey.mask.bool().sum())))


def _random_band(survey: Survey, share: float, low: float, high: float) -> Tensor:
    """[B, W], true on random tokens whose covariance is strictly between the two bounds.

    They are drawn by rank of log-probability, then advantage, so that neither padding nor the order
    of rows changes which; only tokens that tie in both are told apart by their place.
    """
    cov_BW = covariances(survey.logp, survey.advantages, survey.mask)
    places = ((cov_BW > low) & (cov_BW < high) & survey.mask.bool()).nonzero()
    for values_BW in (survey.advantages, survey.logp):
        places = places[values_BW[places[:, 0], places[:, 1]].argsort(stable=True)]
    generator = torch.Generator().manual_seed(survey.seed)
    order = torch.randperm(len(places), generator=generator)[: _count(survey, share)]
    return _at(places[order.to(places.device)], cov_BW)


def _top(survey: Survey, share: float) -> Tensor:
    """[B, W], true on the tokens of largest covariance, and on those that tie with the last."""
    trained_BW = survey.mask.bool()
    cov_BW = covariances(survey.logp, survey.advantages, survey.mask)
    chosen = cov_BW[trained_BW]
    if not len(chosen):
        return torch.zeros_like(trained_BW)
    least = torch.topk(chosen, min(_count(survey, share), len(chosen))).values[-1]
    # Ties would else be broken by the place in the batch, or by the rounding of the means.
    return trained_BW & (cov_BW >= least - 1e-6 * least.abs())


def _at(places: Tensor, like: Tensor) -> Tensor:
    marks = torch.zeros_like(like, dtype=torch.bool)
    marks[places[:, 0], places[:, 1]] = True
    return marks
