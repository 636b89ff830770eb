"""Policy losses per token: log-ratio, bound and advantage in, a value to minimise out.

A loss returns ``(loss_NT, stats)``. ``loss_NT`` is [N, T] and 0 where the mask is 0, whatever
stands there in the inputs (padding may be NaN); an aggregation turns it into one number. ``stats``
maps names to detached [N, T] tensors, 0 where the mask is 0, whose masked means are metrics.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gnomon.parts import register

Loss = tuple[Tensor, dict[str, Tensor]]
CLAMP = (-20.0, 20.0)
"""Where verl and TRL clamp a log-ratio before the exponential."""


@register("loss")
def ppo_clip(
    logp: Tensor,
    old_logp: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float | None = None,
    log_ratio_clamp: tuple[float, float] | None = (-20.0, 20.0),
    delta: float | None = None,
) -> Loss:
    """PPO's clipped loss, max(-A * r, -A * clip(r, 1 - clip_low, 1 + clip_high)).

    Formula: max(-A min(r, {delta}), -A clip(r, 1 - {clip_low}, 1 + {clip_high})), for A < 0 at most
    -{dual_clip} A, without what is None; r = exp(clip(logp - old_logp, {log_ratio_clamp}))

    r = exp(logp - old_logp). With ``dual_clip`` c the loss of a token with A < 0 is at most -c * A,
    and has no gradient there. ``log_ratio_clamp`` bounds logp - old_logp before the exponential;
    tokens beyond it have no gradient. ``delta`` (TRL) caps r in the unclipped branch, so that a
    token with A < 0 costs at most -delta * A; unlike the dual clip it is a cap on the ratio.

    Shapes: logp, old_logp, mask [N, T]; advantages [N] or [N, T]. Stats: ``ratio`` and
    ``log_ratio`` (after the clamp), and three indicators: ``clip_high`` (the upper bound decides,
    A is positive), ``clip_low`` (the lower bound decides, A is negative) and ``dual_clip``.
    ReVisual-R1 and EasyR1 log clip_high + clip_low as "clip high" and dual_clip as "clip low". At
    exactly a bound the gradient is undefined.

    Settings by source: PPO and GRPO .2, .2, no dual clip; verl .2, .2, 3.0 and a clamp at +-20;
    DAPO .2, .28; EasyR1 .2, .3, 3.0; ReVisual-R1 .2, .25, 3.0 and a clamp at (ln 1e-3, ln 1e3);
    ROLL has a dual clip of 1 + 2 * clip, 1.4. The default clamp is verl's. Raises ValueError for
    shapes that do not fit, a negative bound, a dual clip of at most 1, or a delta below the upper
    bound. Source: arXiv 1707.06347, equation 7; dual clip arXiv 1912.09729; delta arXiv 2505.07291.
    """
    _check_bounds(clip_low, clip_high, dual_clip)
    if delta is not None and delta <= 1 + clip_high:
        raise ValueError(
            f"delta={delta} must be above 1 + clip_high = {1 + clip_high}, or None to go without"
        )
    log_ratio_NT = masked_log_ratio(logp, old_logp, mask, log_ratio_clamp)
    advantage_NT = per_token(advantages, mask)
    loss_NT, stats = clipped(advantage_NT, log_ratio_NT, mask, (clip_low, clip_high), delta)
    ceiling = math.inf if dual_clip is None else dual_clip
    ceiling_NT = torch.where(advantage_NT < 0, -ceiling * advantage_NT, math.inf)
    stats["dual_clip"] = (loss_NT > ceiling_NT).detach().to(loss_NT.dtype)
    return torch.minimum(loss_NT, ceiling_NT), stats


@register("loss")
def reinforce(logp: Tensor, advantages: Tensor, mask: Tensor) -> Loss:
    """REINFORCE, -A * logp per token; without stats. The loss of GPG.

    Formula: -A logp

    Shapes: logp, mask [N, T]; advantages [N] or [N, T]. Its gradient is right only for rollouts of
    the current policy. Source: Williams 1992; arXiv 2504.02546 (GPG).
    """
    _check_shapes(logp, logp, mask)
    return -per_token(advantages, mask) * torch.where(mask.bool(), logp, 0.0), {}


@register("loss")
def cispo(
    logp: Tensor,
    old_logp: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
) -> Loss:
    """CISPO with bounds as offsets from 1 (verl): REINFORCE weighted by the clipped ratio.

    Formula: -sg(clip(r, 1 - {clip_low}, 1 + {clip_high})) A logp, r = exp(logp - old_logp)

    Every token keeps a gradient, also where the ratio is clipped. **In TRL epsilon_high is the
    bound itself**, about 5: that is `cispo_absolute`. Raises ValueError for an offset of 2 or more,
    which is such a bound. Source: arXiv 2506.13585.
    """
    _check_bounds(clip_low, clip_high, None)
    if clip_high >= 2:
        raise ValueError(
            f"clip_high={clip_high} is an offset, which bounds the ratio by {1 + clip_high}; where "
            "it is to be the bound itself, as in TRL, use cispo-absolute"
        )
    return _stopped_ratio(logp, old_logp, advantages, mask, (1 - clip_low, 1 + clip_high))


@register("loss")
def cispo_absolute(
    logp: Tensor,
    old_logp: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    bound: float = 5.0,
) -> Loss:
    """CISPO with the upper bound of the ratio itself and no lower one (TRL).

    Formula: -sg(min(r, {bound})) A logp, r = exp(logp - old_logp)

    verl's clip_high is an offset from 1 instead: that is `cispo`. Raises ValueError for a bound of
    at most 1, which is such an offset. Source: arXiv 2506.13585; arXiv 2510.13786 recommends 5.
    """
    if bound <= 1:
        raise ValueError(
            f"bound={bound} is the largest ratio, which must be above 1; where it is to be an "
            "offset from 1, as in verl, use cispo"
        )
    return _stopped_ratio(logp, old_logp, advantages, mask, (0.0, bound))


@register("loss")
def sapo(
    logp: Tensor,
    old_logp: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    tau_positive: float = 1.0,
    tau_negative: float = 1.05,
) -> Loss:
    """SAPO: a soft gate in the place of the clip, which fades tokens out as the ratio leaves 1.

    Formula: -(4 / tau) sigmoid(tau (r - 1)) A, tau = {tau_positive} for A > 0, else {tau_negative};
    r = exp(logp - old_logp)

    At a ratio of 1 the gradient is that of REINFORCE. verl and TRL aggregate it by sequence-mean
    token-mean. Raises ValueError for a tau that is not above 0. Source: arXiv 2511.20347.
    """
    if min(tau_positive, tau_negative) <= 0:
        raise ValueError(f"tau_positive={tau_positive}, tau_negative={tau_negative}: use above 0")
    log_ratio_NT = masked_log_ratio(logp, old_logp, mask, CLAMP)
    advantage_NT = per_token(advantages, mask)
    tau_NT = torch.where(advantage_NT > 0, tau_positive, tau_negative)
    gate_NT = torch.sigmoid(tau_NT * (log_ratio_NT.exp() - 1)) * 4 / tau_NT
    return -gate_NT * advantage_NT, {"log_ratio": log_ratio_NT.detach()}


def clipped(
    advantages: Tensor,
    log_ratio: Tensor,
    mask: Tensor,
    bounds: tuple[float, float],
    delta: float | None = None,
) -> Loss:
    """max(-A * min(r, delta), -A * clip(r, 1 - low, 1 + high)) and its stats, all [N, T].

    ``bounds`` are (low, high). ``log_ratio`` may be that of a token or of its sequence, 0 where the
    mask is 0, as the advantages are.
    """
    ratio_NT = log_ratio.exp()
    capped_NT = ratio_NT if delta is None else ratio_NT.clamp(max=delta)
    free_NT = -advantages * capped_NT
    bounded_NT = -advantages * ratio_NT.clamp(1 - bounds[0], 1 + bounds[1])
    decided_NT = bounded_NT > free_NT
    above_NT, below_NT = decided_NT & (advantages > 0), decided_NT & (advantages < 0)
    stats = clip_stats(log_ratio, above_NT, below_NT, mask, ratio=ratio_NT)
    return torch.maximum(free_NT, bounded_NT), stats


def clip_stats(
    log_ratio: Tensor, above: Tensor, below: Tensor, mask: Tensor, **more: Tensor
) -> dict[str, Tensor]:
    """``log_ratio``, ``clip_high`` and ``clip_low``: where the upper and the lower bound decided.

    All [N, T], detached, 0 where the mask is 0; ``more`` statistics likewise.
    """
    stats = {"log_ratio": log_ratio, "clip_high": above, "clip_low": below, **more}
    return {
        name: torch.where(mask.bool(), value.detach().to(log_ratio.dtype), 0.0)
        for name, value in stats.items()
    }


def _stopped_ratio(
    logp: Tensor, old_logp: Tensor, advantages: Tensor, mask: Tensor, bounds: tuple[float, float]
) -> Loss:
    """-sg(clip(r)) A logp."""
    log_ratio_NT = masked_log_ratio(logp, old_logp, mask, CLAMP).detach()
    ratio_NT, advantage_NT = log_ratio_NT.exp(), per_token(advantages, mask)
    held_NT = ratio_NT.clamp(*bounds)
    stats = clip_stats(log_ratio_NT, ratio_NT > bounds[1], ratio_NT < bounds[0], mask)
    return -held_NT * advantage_NT * torch.where(mask.bool(), logp, 0.0), stats


def masked_log_ratio(
    logp: Tensor, old_logp: Tensor, mask: Tensor, clamp: tuple[float, float] | None = None
) -> Tensor:
    """logp - old_logp within ``clamp``, [N, T]; 0 where the mask is 0, also in the gradient.

    ``old_logp`` gets no gradient. Raises ValueError for shapes that do not fit.
    """
    _check_shapes(logp, old_logp, mask)
    log_ratio_NT = torch.where(mask.bool(), logp - old_logp.detach(), 0.0)
    return log_ratio_NT if clamp is None else log_ratio_NT.clamp(*clamp)


def per_token(advantages: Tensor, mask: Tensor) -> Tensor:
    """Advantages as [N, T], from [N] or [N, T]; 0 where the mask is 0, without a gradient."""
    advantages_NT = advantages[:, None] if advantages.ndim == 1 else advantages
    if advantages_NT.shape[0] != mask.shape[0] or advantages_NT.shape[1] not in (1, mask.shape[1]):
        raise ValueError(
            f"advantages {tuple(advantages.shape)} must be [N] or [N, T], as the mask "
            f"{tuple(mask.shape)} is: give one per rollout or one per token"
        )
    return torch.where(mask.bool(), advantages_NT.detach(), 0.0)


def _check_shapes(logp: Tensor, old_logp: Tensor, mask: Tensor) -> None:
    if not logp.ndim == 2 or not logp.shape == old_logp.shape == mask.shape:
        raise ValueError(
            f"logp {tuple(logp.shape)}, old_logp {tuple(old_logp.shape)} and mask "
            f"{tuple(mask.shape)} must all be [N, T]: pad them to one width"
        )


def _check_bounds(clip_low: float, clip_high: float, dual_clip: float | None) -> None:
    if clip_low < 0 or clip_high < 0:
        raise ValueError(
            f"clip_low={clip_low} and clip_high={clip_high} are distances from a ratio of 1: "
            "give numbers of at least 0"
        )
    if dual_clip is not None and dual_clip <= 1:
        raise ValueError(
            f"dual_clip={dual_clip} must be above 1 (3.0 is usual), or None to go without"
        )
