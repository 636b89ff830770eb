"""Policy losses whose ratio belongs to a whole response: GSPO, GMPO, LUSPO, VESPO.

As in `gnomon.rl.losses`, a loss gives values [N, T] and stats. What is one number of a sequence
stands on each of its tokens, so that seq-mean-token-mean gives the mean over sequences and
seq-mean-token-sum the mean of that number times the length.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gnomon.parts import register
from gnomon.rl.losses import CLAMP, Loss, clip_stats, clipped, masked_log_ratio, per_token
from gnomon.rl.returns import row_means


@register("loss")
def gspo(
    logp: Tensor,
    old_logp: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_low: float = 3e-4,
    clip_high: float = 4e-4,
    log_ceiling: float = 10.0,
) -> Loss:
    """GSPO in its token form: PPO's clip on the ratio of the sequence, s = exp(mean log r).

    Formula: max(-A s, -A clip(s, 1 - {clip_low}, 1 + {clip_high})), s = exp(min(sg(mean_t(log r))
    + logp - sg(logp), {log_ceiling}))

    The value is that of the sequence on each of its tokens, and the gradient is spread over them
    evenly. With one advantage for each response it is the sequence form. The bounds are far
    narrower than those of a token ratio. verl clamps log s at 10 and aggregates by sequence-mean
    token-mean. Source: arXiv 2507.18071.
    """
    log_ratio_NT = masked_log_ratio(logp, old_logp, mask)
    sequence_N1 = row_means(log_ratio_NT, mask)[:, None]
    own_NT = torch.where(mask.bool(), logp, 0.0)
    log_s_NT = (sequence_N1.detach() + own_NT - own_NT.detach()).clamp(max=log_ceiling)
    log_s_NT = torch.where(mask.bool(), log_s_NT, 0.0)
    return clipped(per_token(advantages, mask), log_s_NT, mask, (clip_low, clip_high))


@register("loss")
def luspo(
    logp: Tensor,
    old_logp: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
) -> Loss:
    """LUSPO: the sequence loss of `gspo` times the length; aggregate it by seq-mean-token-sum.

    Formula: max(-A s, -A clip(s, 1 - {clip_low}, 1 + {clip_high})), s = exp(mean_t(log r)), summed
    over the tokens of each response

    So a long response is not made light by the mean over its tokens. The bounds are TRL's defaults
    for every loss; those of GSPO are far narrower. Source: arXiv 2602.05261; TRL, loss type
    "luspo".
    """
    return gspo(
        logp, old_logp, advantages, mask, clip_low=clip_low, clip_high=clip_high,
        log_ceiling=CLAMP[1],
    )  # fmt: skip


@register("loss")
def gmpo(
    logp: Tensor,
    old_logp: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
) -> Loss:
    """GMPO: one ratio for each response, the geometric mean of the clipped token ratios.

    Formula: -A exp(mean_t(c_t)); c = min(log r, {clip_high}) for A > 0, max(log r, -{clip_low}) for
    A < 0

    The bounds are in log space, and the other side stays open. A clipped token has no gradient. A
    is the mean over the response's tokens. Aggregate it by sequence-mean token-mean, which is then
    the plain mean over sequences. The defaults are verl's clip ratio; the paper uses .4. Source:
    arXiv 2507.20673; verl, geo_mean.
    """
    log_ratio_NT = masked_log_ratio(logp, old_logp, mask, CLAMP)
    advantage_N1 = row_means(per_token(advantages, mask), mask)[:, None]
    held_NT = torch.where(
        advantage_N1 > 0, log_ratio_NT.clamp(max=clip_high), log_ratio_NT.clamp(min=-clip_low)
    )
    ratio_N1 = row_means(held_NT, mask)[:, None].exp()
    moved_NT = held_NT != log_ratio_NT
    above_NT, below_NT = moved_NT & (advantage_N1 > 0), moved_NT & (advantage_N1 < 0)
    loss_NT = torch.where(mask.bool(), -advantage_N1 * ratio_N1, 0.0)
    return loss_NT, clip_stats(log_ratio_NT, above_NT, below_NT, mask)


@register("loss")
def vespo(
    logp: Tensor,
    old_logp: Tensor,
    advantages: Tensor,
    mask: Tensor,
    log_mismatch: Tensor | None = None,
    *,
    k_positive: float = 2.0,
    lambda_positive: float = 3.0,
    k_negative: float = 3.0,
    lambda_negative: float = 2.0,
) -> Loss:
    """VESPO: REINFORCE weighted by a smooth function of the sequence's importance w.

    Formula: -sg(exp(lambda + k log w - lambda w)) A logp, log w = sum_t(log r + log_mismatch);
    (k, lambda) = ({k_positive}, {lambda_positive}) for A >= 0, else ({k_negative},
    {lambda_negative})

    The weight is 1 at w = 1 and falls to 0 on both sides. log r is clamped to +-20 before it is
    summed, log w to [ln 1e-8, 20]. Aggregate it by token mean. Source: arXiv 2602.10693; TRL, loss
    type "vespo".
    """
    log_ratio_NT = masked_log_ratio(logp, old_logp, mask, CLAMP).detach()
    extra_NT = torch.zeros_like(log_ratio_NT) if log_mismatch is None else log_mismatch.detach()
    summed_N = (log_ratio_NT + torch.where(mask.bool(), extra_NT, 0.0)).sum(1)
    weight_N = summed_N.clamp(math.log(1e-8), CLAMP[1])
    advantage_NT = per_token(advantages, mask)
    k_NT = torch.where(advantage_NT >= 0, k_positive, k_negative)
    lambda_NT = torch.where(advantage_NT >= 0, lambda_positive, lambda_negative)
    phi_NT = vespo_weight(weight_N[:, None], k_NT, lambda_NT)
    own_NT = torch.where(mask.bool(), logp, 0.0)
    return -phi_NT * advantage_NT * own_NT, {
        "log_ratio": log_ratio_NT,
        "weight": torch.where(mask.bool(), phi_NT, 0.0),
    }


def vespo_weight(log_w: Tensor, k: Tensor | float, lam: Tensor | float) -> Tensor:
    """phi(w) = exp(lam + k log w - lam w), of any shape."""
    return torch.exp(lam + k * log_w - lam * log_w.exp())
