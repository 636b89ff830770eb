"""Advantages that differ from `gnomon.rl.advantages.grpo` in more than a choice: one number each.

All are pure functions over a batch of rewards [N] with group indices [N], and give [N]. A missing
reward (NaN) is left out of every statistic and gets 0. Dimension suffixes: N rollouts, J groups,
G members of the largest group, K reward terms.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from gnomon.parts import register
from gnomon.rl.advantages import Bias, GroupedRewards, Single, dr_grpo, grpo


@register("advantage")
def lite_ppo(
    rewards: Tensor, groups: Tensor, *, bias: Bias = "unbiased", epsilon: float = 1e-6
) -> Tensor:
    """Lite PPO: `grpo` with the standard deviation of all raw rewards of the batch.

    Formula: A = (R - mean_group(R)) / (std_batch(R) + {epsilon}), {bias} std

    A group of nearly equal rewards is not blown up by its own small std. ROLL's epsilon is 1e-6,
    that of TRL (scale_rewards="batch") 1e-4. The other half of the method is the token mean.
    Source: arXiv 2508.08221.
    """
    return grpo(rewards, groups, scale="batch-std", bias=bias, epsilon=epsilon)


@register("advantage")
def grpo_vectorised(
    rewards: Tensor, groups: Tensor, *, epsilon: float = 1e-6, single: Single = "keep"
) -> Tensor:
    """Vectorised GRPO of verl: the variance has a floor, so the std is at least sqrt(epsilon).

    Formula: A = (R - mean_group(R)) / (sqrt(max(var_group(R), {epsilon})) + {epsilon})

    The variance is unbiased. With the default epsilon rewards that differ by less than .001 are no
    longer blown up to the size of others. A group of one has mean 0 and std 1 (``single`` keep), or
    gets 0. Source: verl 0.8, compute_grpo_vectorized_outcome_advantage; 0.9.1 has no floor left.
    """
    grouped = GroupedRewards.of(rewards, groups)
    spread_J1 = grouped.spread_J1("unbiased").square().clamp(min=epsilon).sqrt()
    divisor_J1 = torch.where(grouped.count_J1 > 1, spread_J1, 1.0) + epsilon
    centred_JG = _kept_alone(grouped, grouped.deviation_JG, single)
    return grouped.back(centred_JG / divisor_J1).nan_to_num(nan=0.0)


@register("advantage")
def remax(rewards: Tensor, greedy: Tensor) -> Tensor:
    """ReMax: the baseline is the reward of the greedy response to the same question.

    Formula: A = R - R_greedy

    ``greedy`` [N] is that reward for each rollout, NaN where it is missing, which gives 0. One more
    response is decoded for each question. Raises ValueError for shapes that differ. Source: arXiv
    2310.10505 (with an outcome reward its token returns are all R).
    """
    if rewards.shape != greedy.shape:
        raise ValueError(
            f"rewards {tuple(rewards.shape)} and greedy {tuple(greedy.shape)} must both be [N]"
        )
    return (rewards - greedy).nan_to_num(nan=0.0)


@register("advantage")
def opo(rewards: Tensor, groups: Tensor, lengths: Tensor, *, single: Single = "zero") -> Tensor:
    """OPO: the baseline weighs each reward of the group by the length of its response.

    Formula: A = R - sum_group(length * R) / sum_group(length)

    The baseline of least variance when every token's gradient is alike. ``lengths`` [N] in tokens;
    a group without a token takes the plain mean. A group of equal rewards gets exactly 0. verl
    keeps the reward of a group of one (``single`` keep). Source: arXiv 2505.23585.
    """
    grouped = GroupedRewards.of(rewards, groups)
    weight_JG = _table_of(lengths, grouped)
    total_J1 = weight_JG.nansum(1, keepdim=True)
    weight_JG = torch.where(total_J1 > 0, weight_JG, torch.ones_like(weight_JG))
    present_JG = grouped.rewards_JG.isfinite()
    summed_J1 = (weight_JG * grouped.rewards_JG).nansum(1, keepdim=True)
    baseline_J1 = summed_J1 / (weight_JG * present_JG).nansum(1, keepdim=True).clamp(min=1e-9)
    centred_JG = grouped.rewards_JG - baseline_J1
    centred_JG = torch.where(grouped.differ_J1 | centred_JG.isnan(), centred_JG, 0.0)
    return grouped.back(_kept_alone(grouped, centred_JG, single)).nan_to_num(nan=0.0)


@register("advantage")
def gpg(rewards: Tensor, groups: Tensor, *, single: Single = "zero") -> Tensor:
    """GPG: `dr_grpo` times the number of rollouts over the number of non-zero rewards.

    Formula: A = (B / count(R != 0)) * (R - mean_group(R)), B rollouts in the batch

    The factor makes up for groups that teach nothing. Without a non-zero reward it is B. Its loss
    is `reinforce`. verl keeps the reward of a group of one (``single`` keep). Source: arXiv
    2504.02546; the factor as in verl.
    """
    present = rewards.isfinite()
    paid = int((rewards[present] != 0).sum())
    return dr_grpo(rewards, groups, single=single) * (int(present.sum()) / max(paid, 1))


@register("advantage")
def pass_at_k(
    rewards: Tensor,
    groups: Tensor,
    *,
    scale: Literal["group-std", "none"] = "group-std",
    epsilon: float = 1e-6,
) -> Tensor:
    """Pass@k: only the best member of a group gets an advantage, its lead over the second.

    Formula: A = (R_max - R_second) / (std_group(R) + {epsilon}) for the best member, else 0

    The std is unbiased; ``scale`` none leaves it out. A tie for the best place gives 0 to all. A
    group of one raises ValueError, for there is no second; one whose other rewards are missing gets
    0. Source: arXiv 2503.19595 in the form of verl (grpo_passk).
    """
    grouped = GroupedRewards.of(rewards, groups)
    sizes_J = torch.bincount(grouped.row_N)
    if len(sizes_J) and int(sizes_J.min()) < 2:
        raise ValueError("pass-at-k compares the best two of a group: set rollouts to at least 2")
    ranked_JG = grouped.rewards_JG.nan_to_num(nan=-math.inf).sort(1, descending=True).values
    lead_J1 = (ranked_JG[:, :1] - ranked_JG[:, 1:2]).nan_to_num(nan=0.0, posinf=0.0)
    if scale == "group-std":
        lead_J1 = lead_J1 / (grouped.spread_J1("unbiased") + epsilon)
    best_JG = (grouped.rewards_JG == ranked_JG[:, :1]) & (lead_J1 > 0)
    return grouped.back(torch.where(best_JG, lead_J1, 0.0))


@register("advantage")
def gdpo(
    scores: Tensor, weights: Tensor, rewards: Tensor, groups: Tensor, *, epsilon: float = 1e-4
) -> Tensor:
    """GDPO: every reward term is normalised in its group, their weighted sum over the batch.

    Formula: x = sum_k w_k * (r_k - mean_group(r_k)) / (std_group(r_k) + {epsilon});
    A = (x - mean_batch(x)) / (std_batch(x) + {epsilon})

    ``scores`` [K, N] with NaN where a term does not apply, ``weights`` [K]. So two rollouts with
    the same sum of different scores are told apart. A term that is missing adds nothing; a rollout
    without a reward is left out of all statistics. Both std are unbiased. Source: arXiv 2601.05242;
    TRL, multi_objective_aggregation="normalize_then_sum".
    """
    if scores.ndim != 2 or scores.shape != (len(weights), len(rewards)):
        raise ValueError(
            f"scores {tuple(scores.shape)} must be [terms, N] with {len(weights)} weights "
            f"and {len(rewards)} rewards"
        )
    usable_N = rewards.isfinite()
    terms_KN = torch.where(usable_N, scores, math.nan).to(rewards.dtype)
    parts = [grpo(term_N, groups, epsilon=epsilon) for term_N in terms_KN]
    summed_N = torch.stack(parts).mul(weights.to(rewards.dtype)[:, None]).sum(0)
    whole = torch.zeros_like(groups)
    return grpo(torch.where(usable_N, summed_N, math.nan), whole, epsilon=epsilon)


@register("advantage")
def on_policy_baseline(
    rewards: Tensor,
    groups: Tensor,
    off_policy: Tensor,
    *,
    scale: Literal["group-std", "none"] = "none",
    epsilon: float = 1e-6,
) -> Tensor:
    """Statistics of the policy's own rollouts, applied to the demonstrations of the group as well.

    Formula: A = (R - mean_own(R)) [ / (std_own(R) + {epsilon}) ], own = rollouts of the policy

    ``off_policy`` [N] is 1 on demonstrations. The std is unbiased and left out by default; a std of
    0 divides by 1, and a group with one own rollout has mean 0 and std 1. The baseline "RL with SFT
    loss" of LUFFY. Source: arXiv 2504.14945, code.
    """
    own_N = torch.where(off_policy.bool(), math.nan, rewards.float())
    own = GroupedRewards.of(own_N, groups)
    several_J1 = own.count_J1 > 1
    mean_J1 = torch.where(several_J1, own.mean_J1, 0.0)
    spread_J1 = own.spread_J1("unbiased") if scale == "group-std" else torch.zeros_like(mean_J1)
    divisor_J1 = torch.where(spread_J1 > 0, spread_J1 + epsilon, 1.0)
    centred_N = rewards - mean_J1[own.row_N, 0]
    return (centred_N / divisor_J1[own.row_N, 0]).nan_to_num(nan=0.0)


def _table_of(values: Tensor, grouped: GroupedRewards) -> Tensor:
    """[N] values in the table of the rewards, NaN where a reward is missing."""
    table_JG = torch.full_like(grouped.rewards_JG, math.nan)
    table_JG[grouped.row_N, grouped.column_N] = values.to(table_JG.dtype)
    return torch.where(grouped.rewards_JG.isfinite(), table_JG, math.nan)


def _kept_alone(grouped: GroupedRewards, centred_JG: Tensor, single: Single) -> Tensor:
    if single == "zero":
        return centred_JG
    return torch.where(grouped.count_J1 == 1, grouped.rewards_JG, centred_JG)
