"""Advantages: how much better each rollout did than its group.

One base function, `grpo`, holds every choice in which the published variants differ; a variant is a
relation to it. All functions are pure, work on any device and keep the rewards' floating type.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gnomon.parts import register

Baseline = Literal["mean", "leave-one-out", "none"]
Scale = Literal["group-std", "batch-std", "none"]
Bias = Literal["unbiased", "population"]
Single = Literal["keep", "zero"]


@dataclass(frozen=True)
class GroupedRewards:
    """Rewards with one row per group: the statistics that group advantages are made of.

    ``rewards_JG`` is [groups, largest group size] and NaN where a group is smaller or a reward is
    missing. Rollout n stands at ``rewards_JG[row_N[n], column_N[n]]``. Statistics leave NaN out.
    """

    rewards_JG: Tensor
    row_N: Tensor
    column_N: Tensor

    @classmethod
    def of(cls, rewards: Tensor, groups: Tensor) -> GroupedRewards:
        """Arrange [N] rewards by [N] group indices (any integers, in any order).

        Raises ValueError when the shapes differ or a reward is infinite. NaN means "no reward".
        """
        _check_rewards(rewards, groups)
        row_N = torch.unique(groups, return_inverse=True)[1]
        sizes_J = torch.bincount(row_N)
        order_N = torch.argsort(row_N, stable=True)
        starts_J = sizes_J.cumsum(0) - sizes_J
        column_N = torch.empty_like(row_N)
        column_N[order_N] = torch.arange(len(row_N), device=row_N.device) - starts_J[row_N[order_N]]
        width = int(sizes_J.max()) if len(sizes_J) else 1
        values_N = rewards if rewards.is_floating_point() else rewards.float()
        rewards_JG = values_N.new_full((len(sizes_J), width), math.nan)
        rewards_JG[row_N, column_N] = values_N
        return cls(rewards_JG, row_N, column_N)

    @property
    def count_J1(self) -> Tensor:
        """Number of rewards present in each group."""
        return self.rewards_JG.isfinite().sum(1, keepdim=True)

    @property
    def mean_J1(self) -> Tensor:
        """Mean reward of each group; 0 where no reward is present."""
        return self.rewards_JG.nansum(1, keepdim=True) / self.count_J1.clamp(min=1)

    @property
    def differ_J1(self) -> Tensor:
        """Whether a group holds two different rewards."""
        highest_J1 = self.rewards_JG.nan_to_num(nan=-math.inf).amax(1, keepdim=True)
        lowest_J1 = self.rewards_JG.nan_to_num(nan=math.inf).amin(1, keepdim=True)
        return highest_J1 > lowest_J1

    @property
    def deviation_JG(self) -> Tensor:
        """Reward minus the group's mean; exactly 0 where all are equal, NaN where missing."""
        # The mean of equal floats can be off by rounding; dividing by epsilon would blow that up.
        deviation_JG = self.rewards_JG - self.mean_J1
        return torch.where(self.differ_J1 | deviation_JG.isnan(), deviation_JG, 0.0)

    def spread_J1(self, bias: Bias) -> Tensor:
        """Standard deviation of each group; 0 where no two rewards differ."""
        freedom_J1 = self.count_J1 - (1 if bias == "unbiased" else 0)
        return (self.deviation_JG.square().nansum(1, keepdim=True) / freedom_J1.clamp(min=1)).sqrt()

    def back(self, values_JG: Tensor) -> Tensor:
        """Values of the table in the order of the rollouts, [N]."""
        return values_JG[self.row_N, self.column_N]


@register("advantage")
def grpo(
    rewards: Tensor,
    groups: Tensor,
    *,
    baseline: Baseline = "mean",
    scale: Scale = "group-std",
    bias: Bias = "unbiased",
    epsilon: float = 1e-6,
    single: Single = "zero",
) -> Tensor:
    """Group-relative advantage, A_i = (R_i - baseline_j) / (scale + epsilon).

    Formula: A = (R - {baseline}) / ({scale} + {epsilon}), {bias} std, {single} for a group of one

    ``rewards`` [N] and ``groups`` [N] give [N] advantages, which hold for every trained token of a
    rollout. The five choices, and what the peers choose:

    ========== ======================================= ============ ============ ==================
    choice     meaning                                 verl         TRL          EasyR1, ReVisual-R1
    ========== ======================================= ============ ============ ==================
    baseline   what is subtracted                      mean         mean         mean
    scale      what divides: std of the group, of all  group-std    group-std    group-std
               raw rewards of the batch, or nothing
    bias       std over n - 1 or over n                unbiased     unbiased     unbiased
    epsilon    added to the std                        1e-6         1e-4         1e-6
    single     a group with one reward: keep (A = R    keep         zero         not allowed
               over the scale) or zero (A = 0)
    ========== ======================================= ============ ============ ==================

    ``leave-one-out`` subtracts the mean of the other n - 1 members, n / (n - 1) * (R_i - mean_j).
    Edge cases: a missing reward (NaN) is left out of all statistics and gets 0. A group of equal
    rewards gets exactly 0. A spread of 0 divides by 1. With baseline ``none`` there is nothing to
    compare with: a group of one or of equal rewards keeps R over the scale, whatever ``single``
    says. No rollouts give an empty result. Raises ValueError for shapes that differ and for
    infinite rewards.

    Source: arXiv 2402.03300, section 4.1.2; it names neither bias nor epsilon, the defaults are
    verl's except ``single``, which is TRL's: a group of one says nothing about better or worse.
    """
    grouped = GroupedRewards.of(rewards, groups)
    spread = {
        "group-std": lambda: grouped.spread_J1(bias),
        "batch-std": lambda: GroupedRewards.of(rewards, torch.zeros_like(groups)).spread_J1(bias),
        "none": lambda: torch.zeros_like(grouped.mean_J1),
    }[scale]()
    divisor = torch.where(spread > 0, spread + epsilon, 1.0)
    return grouped.back(_centred(grouped, baseline, single) / divisor).nan_to_num(nan=0.0)


def _centred(grouped: GroupedRewards, baseline: Baseline, single: Single) -> Tensor:
    """Reward minus baseline, [groups, size]."""
    if baseline == "none":
        return grouped.rewards_JG
    centred_JG, count_J1 = grouped.deviation_JG, grouped.count_J1
    if baseline == "leave-one-out":
        centred_JG = centred_JG * count_J1 / (count_J1 - 1).clamp(min=1)
    if single == "keep":
        centred_JG = torch.where(count_J1 == 1, grouped.rewards_JG, centred_JG)
    return centred_JG


@register("advantage")
def dr_grpo(rewards: Tensor, groups: Tensor, *, single: Single = "zero") -> Tensor:
    """Dr. GRPO, A_i = R_i - mean_j: `grpo` without a scale.

    Formula: A = R - mean_group(R), {single} for a group of one

    verl norm_adv_by_std_in_grpo=false (with ``single`` keep), TRL scale_rewards="none" (with zero).
    The other half of the method is an aggregation by a constant length. Source: arXiv 2503.20783,
    section 3.2.
    """
    return grpo(rewards, groups, scale="none", single=single)


@register("advantage")
def rloo(rewards: Tensor, groups: Tensor, *, single: Single = "keep") -> Tensor:
    """RLOO, A_i = R_i - mean of the other members: `grpo` with that baseline and without a scale.

    Formula: A = R - mean of the group's others, {single} for a group of one

    A group of one keeps its reward, as in verl. Source: arXiv 2402.14740.
    """
    return grpo(rewards, groups, baseline="leave-one-out", scale="none", single=single)


def zero_variance_share(rewards: Tensor, groups: Tensor) -> float:
    """Share of groups in which no two rewards differ, so that they teach nothing.

    No groups give 0.0.

    Missing rewards (NaN) do not count; a group with one reward or none is in the share.
    """
    differ_J1 = GroupedRewards.of(rewards, groups).differ_J1
    return 1.0 - float(differ_J1.float().mean()) if len(differ_J1) else 0.0


def _check_rewards(rewards: Tensor, groups: Tensor) -> None:
    if rewards.ndim != 1 or rewards.shape != groups.shape:
        raise ValueError(
            f"rewards {tuple(rewards.shape)} and groups {tuple(groups.shape)} must both be [N]: "
            "give one reward and one group index per rollout"
        )
    if rewards.isinf().any():
        place = int(rewards.isinf().nonzero()[0])
        raise ValueError(
            f"the reward of rollout {place} is {float(rewards[place])}: bound the reward term, "
            "or use NaN for a reward that is missing"
        )
