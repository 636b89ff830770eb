"""Corrections where the engine that sampled computes other probabilities than the trainer.

``old_logp`` are the trainer's log-probabilities of the tokens before the first update,
``rollout_logp`` those that the sampler reported, both [N, T]; lr is their difference. A correction
returns ``(weights, kept)``, both [N, T] without gradient: the policy loss is multiplied by the
weights, and tokens outside ``kept`` leave the batch, its denominators too. It acts apart from the
ratio of the loss, which is between the policy and ``old_logp``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from gnomon.parts import register
from gnomon.rl.losses import CLAMP, masked_log_ratio

Correction = tuple[Tensor, Tensor]
Level = Literal["token", "seq-sum", "seq-mean", "seq-max"]
Divergence = Literal["k1", "k2", "k3"]

_DIVERGENCES: dict[Divergence, Callable[[Tensor], Tensor]] = {
    "k1": lambda lr: -lr,
    "k2": lambda lr: 0.5 * lr.square(),
    "k3": lambda lr: torch.expm1(lr) - lr,
}


@register("correction")
def truncate(
    old_logp: Tensor,
    rollout_logp: Tensor,
    mask: Tensor,
    *,
    level: Literal["token", "sequence"] = "sequence",
    cap: float = 2.0,
    normalised: bool = False,
) -> Correction:
    """Truncated importance sampling: the weight is exp(lr), at most ``cap`` (verl).

    Formula: w = min(exp(lr), {cap}) at the level of the {level}, lr = old_logp - rollout_logp
    (summed over a sequence), divided by its mean: {normalised}

    lr is clamped to +-20. ``normalised`` divides by the mean over trained tokens, or over the
    sequences that have one. Weights are 0 on padding. Raises ValueError for a cap that is not above
    0. Source: verl, rollout_is; F. Yao and others, "Your efficient RL framework secretly brings you
    off-policy RL training", 2025.
    """
    if cap <= 0:
        raise ValueError(f"cap={cap} must be above 0")
    trained_NT, log_NT = _log_weights(old_logp, rollout_logp, mask, level)
    weight_NT = torch.where(trained_NT, log_NT.clamp(*CLAMP).exp().clamp(max=cap), 0.0)
    if normalised:
        every = weight_NT[trained_NT] if level == "token" else _once(weight_NT, trained_NT)
        weight_NT = weight_NT / every.mean() if len(every) else weight_NT
    return weight_NT, trained_NT


@register("correction")
def trl_mismatch(
    old_logp: Tensor,
    rollout_logp: Tensor,
    mask: Tensor,
    *,
    mode: Literal[
        "sequence-mask", "token-mask", "sequence-truncate", "token-truncate"
    ] = "sequence-mask",
    high: float = 3.0,
    low: float | None = None,
) -> Correction:
    """TRL's correction: the weight is exp(lr), and 0 or the bound where it is beyond a bound.

    Formula: w = exp(lr), lr = old_logp - rollout_logp; beyond [{low}, {high}] it is 0 (mask) or the
    bound (truncate): {mode}

    lr is summed over a sequence in the two sequence modes. On by default in TRL, with the defaults
    here. A weight of 0 leaves the token in all denominators. Source: TRL,
    vllm_importance_sampling_correction.
    """
    if high <= 0 or (low is not None and not 0 <= low <= high):
        raise ValueError(f"low={low} and high={high} are bounds of a ratio: 0 <= low <= high")
    level: Literal["token", "sequence"] = "token" if mode.startswith("token") else "sequence"
    trained_NT, log_NT = _log_weights(old_logp, rollout_logp, mask, level)
    weight_NT = log_NT.exp()
    least = 0.0 if low is None else low
    if mode.endswith("mask"):
        held_NT = torch.where((weight_NT > high) | (weight_NT < least), 0.0, weight_NT)
    else:
        held_NT = weight_NT.clamp(least, high)
    return torch.where(trained_NT, held_NT, 0.0), trained_NT


@register("correction")
def reject(
    old_logp: Tensor,
    rollout_logp: Tensor,
    mask: Tensor,
    *,
    level: Level = "seq-mean",
    divergence: Divergence = "k1",
    bounds: tuple[float, float] | float = (0.5, 2.0),
) -> Correction:
    """Reject tokens or sequences whose divergence between the engines is out of bounds (verl).

    Formula: keep if log lo <= d <= log hi for k1, d <= hi for k2 and k3; (lo, hi) = {bounds}; d =
    {divergence} of lr at level {level}; k1 = -lr, k2 = lr^2 / 2, k3 = exp(lr) - 1 - lr

    What is rejected leaves the batch. ``level`` token drops tokens; the sequence levels drop whole
    responses by the sum, mean or maximum over their tokens. k2 and k3 take one number. **The bounds
    of k1 are those of exp(-lr), the inverse ratio rollout / old**, so asymmetric ones act the other
    way round than on the ratio; one number b means (1 / b, b). Several rejections must all pass.
    Raises ValueError for bounds that do not fit, and for seq-max with k1, which verl does not have.
    Source: verl, rollout_rs.
    """
    low, high = _bounds(level, divergence, bounds)
    trained_NT = mask.bool()
    log_ratio_NT = masked_log_ratio(old_logp.detach(), rollout_logp, mask, CLAMP)
    value_NT = torch.where(trained_NT, _DIVERGENCES[divergence](log_ratio_NT), 0.0)
    counts_N1 = trained_NT.sum(1, keepdim=True).clamp(min=1)
    found = {
        "token": lambda: value_NT,
        "seq-sum": lambda: value_NT.sum(1, keepdim=True),
        "seq-mean": lambda: value_NT.sum(1, keepdim=True) / counts_N1,
        "seq-max": lambda: value_NT.amax(1, keepdim=True),
    }[level]()
    kept_NT = trained_NT & (found >= low) & (found <= high)
    return kept_NT.to(log_ratio_NT.dtype), kept_NT


def combine_corrections(corrections: list[Correction], mask: Tensor) -> Correction:
    """All corrections together: weights multiply, and a token stays when each of them keeps it."""
    weights_NT, kept_NT = torch.ones(mask.shape), mask.bool()
    for more_NT, also_NT in corrections:
        weights_NT, kept_NT = weights_NT * more_NT, kept_NT & also_NT
    return weights_NT, kept_NT


def effective_share(weights: Tensor, mask: Tensor) -> float:
    """Effective sample size of the weights of trained tokens, as a share: (sum w)^2 / (n sum w^2).

    1 for equal weights. No trained token, or weights that are all 0, give 0.
    """
    chosen = weights[mask.bool()].double()
    squares = float(chosen.square().sum()) * len(chosen)
    return float(chosen.sum()) ** 2 / squares if squares else 0.0


def _log_weights(
    old_logp: Tensor, rollout_logp: Tensor, mask: Tensor, level: Literal["token", "sequence"]
) -> tuple[Tensor, Tensor]:
    """Which tokens are trained, and lr of each token or of its sequence, [N, T]."""
    log_ratio_NT = masked_log_ratio(old_logp.detach(), rollout_logp, mask)
    if level == "sequence":
        log_ratio_NT = log_ratio_NT.sum(1, keepdim=True).expand_as(log_ratio_NT)
    return mask.bool(), log_ratio_NT


def _once(weight_NT: Tensor, trained_NT: Tensor) -> Tensor:
    """The one weight of each sequence that has a trained token."""
    present_N = trained_NT.any(1)
    return weight_NT[present_N].amax(1)


def _bounds(
    level: Level, divergence: Divergence, bounds: tuple[float, float] | float
) -> tuple[float, float]:
    if divergence == "k1":
        if level == "seq-max":
            raise ValueError("reject: seq-max has no k1; use k2 or k3, or seq-mean")
        low, high = bounds if isinstance(bounds, tuple) else (1 / bounds if bounds else 0, bounds)
        if not 0 < low <= high:
            raise ValueError(f"reject: bounds={bounds} of k1 are ratios: 0 < low <= high")
        logs = torch.tensor([low, high], dtype=torch.float64).log().tolist()
        return logs[0], logs[1]
    if isinstance(bounds, tuple) or bounds <= 0:
        raise ValueError(f"reject: bounds={bounds}: {divergence} takes one number above 0")
    return 0.0, bounds
