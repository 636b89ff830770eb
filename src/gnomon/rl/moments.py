"""Advantages whose statistics outlive a batch: pooled moments, and moving moments of each task.

``memory`` is a dictionary of JSON values that the stage keeps and every checkpoint holds, so that a
run that goes on has the same numbers as one that never stopped. The functions change it in place.
Sums are made in double precision. Dimension suffixes: N rollouts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from gnomon.parts import register
from gnomon.rl.advantages import Bias, GroupedRewards

Centre = Literal["group", "batch", "running", "none"]
Spread = Literal["group", "batch", "centred", "running", "none"]
Memory = dict[str, Any]


@register("advantage")
def scoped(
    rewards: Tensor,
    groups: Tensor,
    memory: Memory,
    *,
    centre: Centre = "group",
    scale: Spread = "batch",
    bias: Bias = "unbiased",
    epsilon: float = 1e-6,
) -> Tensor:
    """Centre and scale each over a scope of its own: the matrix of the Lite PPO study.

    Formula: A = (R - mean_{centre}(R)) / (std_{scale}(R) + {epsilon}), {bias} std

    ``centre``: the mean of the group, of the batch, of every reward seen so far (running), or none.
    ``scale``: the std of the group, of the batch's raw rewards, of the batch's centred rewards
    (centred), of every reward seen so far, or none. Running moments are pooled exactly and take the
    batch in before they are used; their std is always unbiased. A group scale divides each rollout
    by its own group's std, whatever the centre. A std of 0 divides by 1, so that equal rewards give
    0 under every centre but none. Source: arXiv 2508.08221.
    """
    group = GroupedRewards.of(rewards, groups)
    batch = GroupedRewards.of(rewards, torch.zeros_like(groups))
    mean, std = _pool(memory, rewards) if "running" in (centre, scale) else (0.0, 0.0)
    centred_N = {
        "group": lambda: group.back(group.deviation_JG),
        "batch": lambda: batch.back(batch.deviation_JG),
        "running": lambda: rewards - mean,
        "none": lambda: rewards,
    }[centre]()
    centred = GroupedRewards.of(centred_N, torch.zeros_like(groups))
    spread_N = {
        "group": lambda: group.spread_J1(bias)[group.row_N, 0],
        "batch": lambda: batch.spread_J1(bias)[batch.row_N, 0],
        "centred": lambda: centred.spread_J1(bias)[centred.row_N, 0],
        "running": lambda: torch.full_like(centred_N, std),
        "none": lambda: torch.zeros_like(centred_N),
    }[scale]()
    return (centred_N / torch.where(spread_N > 0, spread_N + epsilon, 1.0)).nan_to_num(nan=0.0)


@register("advantage")
def ema_grpo(
    rewards: Tensor,
    groups: Tensor,
    tasks: Sequence[str],
    memory: Memory,
    *,
    beta: float = 0.99,
    min_std: float = 1e-3,
    epsilon: float = 1e-6,
    guard: float | None = 5.0,
    order: Literal["update-first", "use-first"] = "update-first",
    beyond: Literal["group-std", "clip"] = "group-std",
) -> Tensor:
    """EMA-GRPO: centred in the group, scaled by a moving standard deviation of the task.

    Formula: m1 <- {beta} m1 + (1 - {beta}) mean(R), m2 likewise of R^2, for each task;
    A = (R - mean_group(R)) / (sqrt(max(m2 - m1^2, {min_std}^2)) + {epsilon}); m1 and m2 begin as
    those of the first batch; a group with an |A| above {guard}: {beyond}

    ``tasks``: the task of each rollout, in any case. ``memory`` holds [m1, m2] under each task; a
    new task starts at the moments of its first batch. ``order``: the released code updates first
    and then uses; its comment, and the text as it can be read, say use-first. ``guard``: when an
    |A| of a group is above it, the whole group is scaled by its own population std instead (the
    code), or clipped to +-guard (``beyond`` clip, the paper); None is off. The first is not a clip:
    the group jumps from the scale of its task to its own. A group of one gets 0. Raises ValueError
    when some rollout has no task. Source: arXiv 2512.03043, and code.
    """
    if len(tasks) != len(rewards) or not all(tasks):
        raise ValueError("ema-grpo keeps moments for each task: every sample needs a task")
    group = GroupedRewards.of(rewards, groups)
    centred_N = group.back(group.deviation_JG)
    deviation_N = torch.empty_like(centred_N)
    keys = [task.lower() for task in tasks]
    for task in sorted(set(keys)):
        members_N = torch.tensor([key == task for key in keys], device=rewards.device)
        deviation_N[members_N] = _task_std(memory, task, rewards[members_N], beta, min_std, order)
    advantages_N = centred_N / (deviation_N + epsilon)
    if guard is None:
        return advantages_N.nan_to_num(nan=0.0)
    if beyond == "clip":
        return advantages_N.clamp(-guard, guard).nan_to_num(nan=0.0)
    table = GroupedRewards.of(advantages_N, groups)
    wild_J1 = (table.rewards_JG.abs() > guard).any(1, keepdim=True)
    own_N = group.back(group.deviation_JG / (group.spread_J1("population") + epsilon))
    return torch.where(wild_J1[group.row_N, 0], own_N, advantages_N).nan_to_num(nan=0.0)


def _task_std(
    memory: Memory, task: str, rewards: Tensor, beta: float, min_std: float, order: str
) -> float:
    """Standard deviation of a task, whose moments in ``memory`` take the rewards in."""
    values = rewards[rewards.isfinite()].double()
    if not len(values):
        return min_std if task not in memory else _std_of(memory[task], min_std)
    batch = (float(values.mean()), float(values.square().mean()))
    before = memory.get(task, batch)
    after = [beta * old + (1 - beta) * new for old, new in zip(before, batch, strict=True)]
    memory[task] = after if task in memory else list(batch)
    return _std_of(memory[task] if order == "update-first" else before, min_std)


def _std_of(moments: Sequence[float], least: float) -> float:
    first, second = moments
    return math.sqrt(max(second - first * first, least * least))


def _pool(memory: Memory, rewards: Tensor) -> tuple[float, float]:
    """Mean and unbiased std of every reward so far, these included; ``memory`` takes them in.

    ``memory`` holds count, mean and the sum of squared deviations.
    """
    values = rewards[rewards.isfinite()].double()
    count, mean, squares = memory.get("pooled", (0, 0.0, 0.0))
    if len(values):
        new, here = len(values), float(values.mean())
        total = count + new
        squares += float((values - here).square().sum()) + (here - mean) ** 2 * count * new / total
        count, mean = total, mean + (here - mean) * new / total
        memory["pooled"] = [count, mean, squares]
    return mean, math.sqrt(squares / (count - 1)) if count > 1 else 0.0
