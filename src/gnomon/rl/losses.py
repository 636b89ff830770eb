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
) -> Loss:
    """PPO's clipped loss, max(-A * r, -A * clip(r, 1 - clip_low, 1 + clip_high)).

    r = exp(logp - old_logp). With ``dual_clip`` c the loss of a token with A < 0 is at most -c * A,
    and has no gradient there. ``log_ratio_clamp`` bounds logp - old_logp before the exponential;
    tokens beyond it have no gradient.

    Shapes: logp, old_logp, mask [N, T]; advantages [N] or [N, T]. Stats: ``ratio`` and
    ``log_ratio`` (after the clamp), and three indicators: ``clip_high`` (the upper bound decides,
    A is positive), ``clip_low`` (the lower bound decides, A is negative) and ``dual_clip``.
    ReVisual-R1 and EasyR1 log clip_high + clip_low as "clip high" and dual_clip as "clip low". At
    exactly a bound the gradient is undefined.

    Settings by source: PPO and GRPO .2, .2, no dual clip; verl .2, .2, 3.0 and a clamp at +-20;
    DAPO .2, .28; EasyR1 .2, .3, 3.0; ReVisual-R1 .2, .25, 3.0 and a clamp at (ln 1e-3, ln 1e3). The
    default clamp is verl's. Raises ValueError for shapes that do not fit, a negative bound, or a
    dual clip of at most 1. Source: arXiv 1707.06347, equation 7; dual clip arXiv 1912.09729.
    """
    _check_bounds(clip_low, clip_high, dual_clip)
    log_ratio_NT = masked_log_ratio(logp, old_logp, mask, log_ratio_clamp)
    advantage_NT = per_token(advantages, mask)
    ratio_NT = log_ratio_NT.exp()
    free_NT = -advantage_NT * ratio_NT
    bounded_NT = -advantage_NT * ratio_NT.clamp(1 - clip_low, 1 + clip_high)
    clipped_NT = torch.maximum(free_NT, bounded_NT)
    ceiling = math.inf if dual_clip is None else dual_clip
    ceiling_NT = torch.where(advantage_NT < 0, -ceiling * advantage_NT, math.inf)
    stats = {
        "ratio": ratio_NT * mask.bool(),
        "log_ratio": log_ratio_NT,
        "clip_high": (bounded_NT > free_NT) & (advantage_NT > 0),
        "clip_low": (bounded_NT > free_NT) & (advantage_NT < 0),
        "dual_clip": clipped_NT > ceiling_NT,
    }
    loss_NT = torch.minimum(clipped_NT, ceiling_NT)
    return loss_NT, {name: value.detach().to(loss_NT.dtype) for name, value in stats.items()}


@register("loss")
def reinforce(logp: Tensor, advantages: Tensor, mask: Tensor) -> Loss:
    """REINFORCE, -A * logp per token; without stats. The loss of GPG.

    Shapes: logp, mask [N, T]; advantages [N] or [N, T]. Its gradient is right only for rollouts of
    the current policy. Source: Williams 1992; arXiv 2504.02546 (GPG).
    """
    _check_shapes(logp, logp, mask)
    return -per_token(advantages, mask) * torch.where(mask.bool(), logp, 0.0), {}


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
