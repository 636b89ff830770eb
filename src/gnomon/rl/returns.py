"""Advantages that differ from token to token, [N, T]: returns, whitening, a critic's estimates.

``mask`` [N, T] is 1 on trained tokens; padding and the tokens of tools have none in any statistic.
``penalties`` [N, T] is what each token costs beside the outcome: the KL in the reward. A rollout
whose reward is missing (NaN) is left out of all statistics and gets 0. Dimension suffixes: N
rollouts, T tokens of the longest response.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gnomon.parts import register
from gnomon.rl.advantages import Single, dr_grpo

WHITENING_EPSILON = 1e-8
"""Added to the variance under the root, as in verl."""


@register("advantage")
def reinforce_plus_plus(
    rewards: Tensor, mask: Tensor, penalties: Tensor, *, gamma: float = 1.0
) -> Tensor:
    """REINFORCE++: returns of every token, whitened over all trained tokens of the batch.

    Formula: G_t = r_t - penalty_t + {gamma} * G_(t+1); A = (G - mean_tokens(G)) / sqrt(
    var_tokens(G) + 1e-8)

    r_t is the reward on the last trained token and 0 before. The variance is unbiased. There is no
    group: it works with one rollout of each question. Fewer than two trained tokens give 0, where
    verl raises. Tokens in between that are not trained pass the return on, as in verl since 0.9.
    Source: arXiv 2501.03262.
    """
    token_rewards_NT = place_rewards(rewards, mask) - penalties
    trained_NT = _with_reward(mask, rewards)
    return whiten(returns(token_rewards_NT, trained_NT, gamma), trained_NT)


@register("advantage")
def reinforce_plus_plus_baseline(
    rewards: Tensor, groups: Tensor, mask: Tensor, *, single: Single = "zero"
) -> Tensor:
    """REINFORCE++ with a group baseline: centred in the group, whitened over the batch's tokens.

    Formula: x = R - mean_group(R) on every token; A = (x - mean_tokens(x)) / sqrt(var_tokens(x)
    + 1e-8)

    Whitening weighs by tokens, so long responses count more in its mean and variance. verl keeps
    the reward of a group of one (``single`` keep). Source: arXiv 2501.03262;
    verl.
    """
    trained_NT = _with_reward(mask, rewards)
    centred_N = dr_grpo(rewards, groups, single=single)
    return whiten(centred_N[:, None] * trained_NT, trained_NT)


@register("advantage")
def gae(
    rewards: Tensor,
    values: Tensor,
    mask: Tensor,
    penalties: Tensor,
    *,
    gamma: float = 1.0,
    lam: float = 1.0,
    whitened: bool = True,
) -> Tensor:
    """Generalised advantage estimation with the values of a critic.

    Formula: d_t = r_t - penalty_t + {gamma} * V_(t+1) - V_t; A_t = d_t + {gamma} * {lam} * A_(t+1)

    ``values`` [N, T]. The estimates are whitened over all trained tokens unless ``whitened`` is
    false. The critic's targets are the second result of `generalised_advantages`. Source: arXiv
    1506.02438, equation 16; the treatment of the mask is verl's.
    """
    token_rewards_NT = place_rewards(rewards, mask) - penalties
    trained_NT = _with_reward(mask, rewards)
    advantages_NT, _ = generalised_advantages(token_rewards_NT, values, trained_NT, gamma, lam)
    return whiten(advantages_NT, trained_NT) if whitened else advantages_NT


def generalised_advantages(
    token_rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """GAE before whitening, and the returns A + V that a critic is trained on; both [N, T].

    A token that is not trained passes the next value and the next advantage on unchanged, and has 0
    itself. After the end both are 0.
    """
    following_N = advantage_N = torch.zeros_like(values[:, 0]) if values.shape[1] else values.sum(1)
    columns: list[Tensor] = []
    for t in reversed(range(values.shape[1])):
        trained_N = mask[:, t].bool()
        delta_N = token_rewards[:, t] + gamma * following_N - values[:, t]
        advantage_N = torch.where(trained_N, delta_N + gamma * lam * advantage_N, advantage_N)
        following_N = torch.where(trained_N, values[:, t], following_N)
        columns.append(torch.where(trained_N, advantage_N, 0.0))
    advantages_NT = torch.stack(columns[::-1], 1) if columns else torch.zeros_like(values)
    return advantages_NT, torch.where(mask.bool(), advantages_NT + values, 0.0)


def returns(token_rewards: Tensor, mask: Tensor, gamma: float = 1.0) -> Tensor:
    """Discounted sum of this and all later rewards, G_t = r_t + gamma * G_(t+1), [N, T].

    Tokens that are not trained pass it on without a discount; their rewards do not count.
    """
    zeros = torch.zeros_like(token_rewards)
    return generalised_advantages(token_rewards, zeros, mask, gamma, 1.0)[0]


def place_rewards(rewards: Tensor, mask: Tensor) -> Tensor:
    """The reward [N] on the last trained token of each rollout, 0 elsewhere, [N, T].

    A missing reward and a rollout without a trained token place nothing. Raises ValueError when the
    numbers of rollouts differ.
    """
    if rewards.ndim != 1 or mask.ndim != 2 or len(rewards) != len(mask):
        raise ValueError(
            f"rewards {tuple(rewards.shape)} must be [N] and mask {tuple(mask.shape)} [N, T]"
        )
    trained_NT = mask.bool()
    later_NT = trained_NT.flip(1).cumsum(1).flip(1)
    last_NT = trained_NT & (later_NT == 1)
    value_N = rewards if rewards.is_floating_point() else rewards.float()
    return torch.where(last_NT, value_N.nan_to_num(nan=0.0)[:, None], 0.0)


def whiten(values: Tensor, mask: Tensor) -> Tensor:
    """(x - mean) / sqrt(var + 1e-8) over all trained tokens, unbiased variance; 0 elsewhere.

    Fewer than two trained tokens, and values that are all equal, give 0.
    """
    trained_NT = mask.bool()
    chosen = values[trained_NT]
    if len(chosen) < 2 or bool((chosen == chosen[0]).all()):
        return torch.zeros_like(values)
    centred_NT = (values - chosen.mean()) * torch.rsqrt(chosen.var() + WHITENING_EPSILON)
    return torch.where(trained_NT, centred_NT, 0.0)


def row_means(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the trained tokens of each rollout, [N]; 0 without one. [N] values stay as they
    are."""
    if values.ndim == 1:
        return values
    trained_NT = mask.bool()
    return torch.where(trained_NT, values, 0.0).sum(1) / trained_NT.sum(1).clamp(min=1)


def _with_reward(mask: Tensor, rewards: Tensor) -> Tensor:
    return mask.bool() & rewards.isfinite()[:, None]
