"""Regularisers: per-token penalties that are aggregated and added to the loss times a coefficient.

Every function returns a value [N, T] to minimise, so coefficients are positive.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from gnomon.parts import register
from gnomon.rl.losses import CLAMP, masked_log_ratio

Estimator = Literal["k1", "abs", "k2", "k3"]

_ESTIMATORS: dict[Estimator, Callable[[Tensor], Tensor]] = {
    "k1": lambda x: x,
    "abs": lambda x: x.abs(),
    "k2": lambda x: 0.5 * x.square(),
    # expm1 keeps the small values exact that exp(-x) - 1 would lose in float32.
    "k3": lambda x: torch.expm1(-x) + x,
}


@register("regulariser")
def kl(
    logp: Tensor,
    reference_logp: Tensor,
    mask: Tensor | None = None,
    *,
    estimator: Estimator = "k3",
    clamp: tuple[float, float] | None = None,
    gradient: Literal["own", "k2"] = "own",
) -> Tensor:
    """KL divergence to the reference per sampled token, from x = logp - reference_logp. [N, T].

    Formula: {estimator}(x), x = logp - reference_logp; k1 = x, abs = |x|, k2 = x^2 / 2, k3 =
    exp(-x) + x - 1; clamped by {clamp}; gradient {gradient}

    k1 = x; abs = |x|; k2 = x^2 / 2; k3 = exp(-x) + x - 1. k1 and k3 are unbiased under the policy,
    k3 is never negative. Their gradients on logp are 1, sign(x), x and 1 - exp(-x): on-policy the
    gradient of k2 is that of the KL, that of k1 has expectation 0, and that of k3 is not the KL's.
    verl calls them kl, abs, mse and low_var_kl. ``gradient`` k2 keeps the value and takes the
    gradient of k2, which is right on-policy: verl's "k3+".

    ``clamp`` (a, b) bounds x to +-a before, and the result to +-b after, without gradient beyond;
    verl uses (20, 10) with k3 only, TRL none. Where ``mask`` is 0 the value and the gradient are 0;
    without a mask padding must be finite. The reference gets no gradient.

    Tokens of demonstrations count: x is well defined on them, as no log-probability at sampling
    time is read, and LUFFY's released loss takes all tokens of a response too. There it is no
    estimate of the KL, as the policy did not draw them, but holds the policy to the reference on
    what a teacher wrote. As ``reward_kl``, which reads those of sampling time, and in the logged
    ``kl`` they are left out. Source: arXiv 2402.03300, equation 4 (k3); arXiv 2504.14945, code
    (mix_actor.py); J. Schulman, "Approximating KL divergence", 2020.
    """
    x_NT = logp - reference_logp.detach()
    if mask is not None:
        x_NT = torch.where(mask.bool(), x_NT, 0.0)
    before, after = clamp or (math.inf, math.inf)
    value_NT = _ESTIMATORS[estimator](x_NT.clamp(-before, before)).clamp(-after, after)
    if gradient == "own":
        return value_NT
    through_NT = _ESTIMATORS["k2"](x_NT)
    return value_NT.detach() + through_NT - through_NT.detach()


@register("regulariser")
def kl_by_ratio(
    logp: Tensor,
    reference_logp: Tensor,
    old_logp: Tensor,
    mask: Tensor,
    *,
    estimator: Estimator = "k3",
) -> Tensor:
    """`kl` times the ratio of the policy to that which sampled, so that it stays unbiased.

    Formula: exp(logp - old_logp) * {estimator}(logp - reference_logp)

    The ratio has a gradient: with k1 that of the product is, on-policy, the gradient of the KL,
    which k1 alone does not have. Source: arXiv 2512.02556 (DeepSeek-V3.2); TRL,
    use_bias_correction_kl.
    """
    ratio_NT = masked_log_ratio(logp, old_logp, mask, CLAMP).exp()
    return kl(logp, reference_logp, mask, estimator=estimator) * ratio_NT


@register("regulariser")
def nll(logp: Tensor, mask: Tensor) -> Tensor:
    """Negative log-likelihood of the sampled tokens, [N, T]: imitation of chosen rollouts.

    Formula: -logp

    With a weight it is PAPO's extra term on right rollouts (`right_only`, coefficient 1e-3) and
    LUFFY's "RL with SFT loss" on demonstrations (`demonstrations_only`, coefficient 1), both means
    over the tokens of those rollouts: ``over`` weighted and token-mean. Source: arXiv 2507.06448
    and 2504.14945, code.
    """
    return torch.where(mask.bool(), -logp, 0.0)


@register("regulariser")
def entropy_bonus(entropy: Tensor) -> Tensor:
    """Minus the entropy, in nats, of the full next-token distribution, [N, T].

    Formula: -H

    verl: loss -= c * H. Source: arXiv 1707.06347, equation 9.
    """
    return -entropy


@register("regulariser")
def sampled_entropy_bonus(logp: Tensor) -> Tensor:
    """Minus the entropy as estimated by -logp of the sampled tokens, that is +logp, [N, T].

    Formula: logp

    The released code of ReVisual-R1 and other EasyR1 forks. The value is an unbiased estimate, the
    gradient is not that of the entropy: on-policy its expectation is 0. It lowers the sampled
    tokens whatever their advantage. Use `entropy_bonus` for a real bonus. Source: arXiv 2506.04207,
    code.
    """
    return logp
