"""Weights: multipliers of rollouts, by the difficulty of their group, their length or their kind.

A weight returns [N] factors. A stage multiplies its advantages by them before the resampler; a
regulariser can have one of its own. The accuracy of a group is the mean of its members' accuracy
bits, never of their rewards, which hold other terms; undecided members (NaN) are left out, and a
group with no decided member has weight 1. Dimension suffixes: N rollouts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from gnomon.parts import register
from gnomon.rl.advantages import GroupedRewards

Curve = Literal["easy", "medium", "hard", "only-hard", "only-medium", "only-easy"]


def _soft(a: Tensor) -> Tensor:
    return torch.cos((a - 0.5) * math.pi)


_CURVES: dict[Curve, Callable[[Tensor], Tensor]] = {
    "easy": lambda a: torch.where(a <= 0.5, _soft(a), 1.0),
    "medium": _soft,
    "hard": lambda a: torch.where(a <= 0.5, 1.0, _soft(a)),
    "only-hard": lambda a: (a <= 0.5).to(a.dtype),
    "only-medium": lambda a: ((a >= 0.25) & (a <= 0.75)).to(a.dtype),
    "only-easy": lambda a: (a >= 0.5).to(a.dtype),
}
"""Weight of a group by its accuracy a > 0."""


def group_accuracy(accuracy: Tensor, groups: Tensor) -> Tensor:
    """Mean accuracy bit of each rollout's group, [N]; NaN where no member is decided."""
    grouped = GroupedRewards.of(accuracy, groups)
    mean_J1 = torch.where(grouped.count_J1 > 0, grouped.mean_J1, math.nan)
    return mean_J1[grouped.row_N, 0]


@register("weight")
def difficulty_curve(
    accuracy: Tensor, groups: Tensor, *, curve: Curve = "hard", all_wrong: float | None = None
) -> Tensor:
    """Online difficulty soft weighting of VL-Cogito: a curve over the accuracy a of the group.

    Formula: w = {curve}(a): easy cos(pi (a - 1/2)) up to 1/2, then 1; medium cos(pi (a - 1/2));
    hard 1 up to 1/2, then cos(pi (a - 1/2)); w({all_wrong}) at a = 0

    The three binary masks of the ablation are only-hard (0, .5], only-medium [.25, .75] and
    only-easy [.5, 1]. ``all_wrong`` is the weight at a = 0, None the paper's: .25 for hard, else 0,
    so that all-wrong groups do not train on length and format alone. Source: arXiv 2507.22607,
    code.
    """
    a_N = group_accuracy(accuracy, groups)
    least = (0.25 if curve == "hard" else 0.0) if all_wrong is None else all_wrong
    return _decided(a_N, torch.where(a_N == 0, least, _CURVES[curve](a_N).clamp(min=0.0)))


@register("weight")
def uncertainty(accuracy: Tensor, groups: Tensor, *, sigma: float = 1.8) -> Tensor:
    """Observe-R1's dynamic weight: the most for groups that are half right, nothing for the rest.

    Formula: w = 4 * {sigma} * d * (1 - d), d = accuracy of the group

    ``sigma`` is the weight at d = 1/2. Source: arXiv 2505.12432, code.
    """
    d_N = group_accuracy(accuracy, groups)
    return _decided(d_N, 4 * sigma * d_N * (1 - d_N))


@register("weight")
def mean_score(
    partial: Tensor,
    groups: Tensor,
    *,
    form: Literal["exp", "power", "log"] = "exp",
    k: float = 1.0,
    floor: float | None = 0.0,
) -> Tensor:
    """UniVG-R1's difficulty weight: falls with the mean score m of the group, such as its IoU.

    Formula: w = {form}(m): exp e^(1 - m), power (1.05 - m)^{k}, log -ln(0.02 + m); at least {floor}

    m is the mean of the verdicts' scores of the group (the released code takes it over the device's
    micro-batch, which is one group there by chance), not of the total reward. The log form is
    negative above m = .98, which would turn the gradient of nearly solved groups around: ``floor``
    None leaves it so. Only the policy term is weighted, never the KL. Source: arXiv 2505.14231,
    code.
    """
    m_N = group_accuracy(partial, groups)
    weight_N = {
        "exp": lambda: torch.exp(1 - m_N),
        "power": lambda: (1.05 - m_N).clamp(min=0.0) ** k,
        "log": lambda: -torch.log(0.02 + m_N),
    }[form]()
    return _decided(m_N, weight_N if floor is None else weight_N.clamp(min=floor))


@register("weight")
def excess_length(
    accuracy: Tensor, groups: Tensor, lengths: Tensor, *, base: float = 1.00001
) -> Tensor:
    """APO's weight on wrong answers that are longer than the group's right ones are on average.

    Formula: w = 1 + (1 - {base}^-(L - mean_right(L))) for a wrong answer with L > mean_right(L),
    else 1

    Suboptimal trajectory complexity regularisation. A group without a right answer has weight 1.
    The released base hardly acts: 1,000 tokens too many change w by 1 %; 1.001 would be strong.
    Computed in double precision. Raises ValueError for a base of at most 1. Source: arXiv
    2506.21655, code.
    """
    if base <= 1:
        raise ValueError(f"base={base} must be above 1")
    right_N = accuracy == 1
    right_lengths_N = torch.where(right_N, lengths.double(), math.nan)
    mean_N = group_accuracy(right_lengths_N, groups)
    excess_N = (lengths.double() - mean_N).nan_to_num(nan=0.0).clamp(min=0.0)
    weight_N = 2 - torch.pow(torch.tensor(base, dtype=torch.float64), -excess_N)
    return torch.where(accuracy == 0, weight_N, 1.0).to(accuracy.dtype)


@register("weight")
def difficulty_divergence(advantages: Tensor, accuracy: Tensor, groups: Tensor) -> Tensor:
    """APO's weight of the KL of each response: the harder the question, the looser the leash.

    Formula: w = f(d) for A > 0, else 1; f(d) = 1 - exp(-e (1 - d)), f(0) = f(1) = 1; d = 1 -
    accuracy of the group

    Difficulty-adaptive divergence shaping: for the ``weight`` of a KL regulariser, not of the
    stage. By definition f(1) = 1, though the formula's limit is 0. Source: arXiv 2506.21655, code.
    """
    d_N = 1 - group_accuracy(accuracy, groups)
    shaped_N = 1 - torch.exp(-math.e * (1 - d_N))
    shaped_N = torch.where((d_N == 0) | (d_N == 1), 1.0, shaped_N)
    return _decided(d_N, torch.where(advantages > 0, shaped_N, 1.0))


@register("weight")
def band(accuracy: Tensor, groups: Tensor, *, low: float = 0.1, high: float = 0.95) -> Tensor:
    """ROLL's difficulty mask: 1 for groups whose accuracy is strictly between two bounds, else 0.

    Formula: w = 1 if {low} < accuracy of the group < {high}, else 0

    Masked rollouts stay in all denominators; the resampler `accuracy_band` takes them out. A group
    of one is kept. Source: arXiv 2508.08221; ROLL, difficulty mask.
    """
    a_N = group_accuracy(accuracy, groups)
    alone_N = GroupedRewards.of(accuracy, groups)
    sizes_N = torch.bincount(alone_N.row_N)[alone_N.row_N]
    return _decided(a_N, (((a_N > low) & (a_N < high)) | (sizes_N == 1)).to(a_N.dtype))


@register("weight")
def not_truncated(truncated: Tensor) -> Tensor:
    """0 for responses that met the length limit, 1 for the rest: overlong filtering.

    Formula: w = 0 where the response met the length limit, else 1

    What was cut stays in all denominators (ROLL); the resampler `drop_truncated` takes it out, as
    TRL's mask_truncated_completions does. Source: arXiv 2503.14476; arXiv 2508.08221.
    """
    return (~truncated.bool()).float()


@register("weight")
def overlong_by_reward(rewards: Tensor, lengths: Tensor, *, limit: int) -> Tensor:
    """ROLL's other overlong mask: keeps what is right, and what is wrong below a length.

    Formula: w = 1 if R = 1, or R = 0 and length < {limit}; else 0

    Any reward other than exactly 0 and 1 is dropped, so it suits a 0/1 reward alone. Source: ROLL.
    """
    return ((rewards == 1) | ((rewards == 0) & (lengths < limit))).to(rewards.dtype)


@register("weight")
def clamp_advantage(advantages: Tensor, *, limit: float = 2.0) -> Tensor:
    """The factor that brings an advantage within +-``limit``.

    Formula: w = min(1, {limit} / |A|)

    ROLL clamps to 2 after everything else; put it last. Raises ValueError for a limit that is not
    above 0. Source: arXiv 2508.08221; ROLL.
    """
    if limit <= 0:
        raise ValueError(f"limit={limit} must be above 0")
    return (limit / advantages.abs().clamp(min=1e-12)).clamp(max=1.0)


@register("weight")
def right_only(accuracy: Tensor) -> Tensor:
    """1 for right answers, 0 for the rest: for the `nll` of a regulariser.

    Formula: w = 1 where the answer is right, else 0

    Source: arXiv 2507.06448, code (accuracy above .1).
    """
    return (accuracy == 1).to(accuracy.dtype)


@register("weight")
def demonstrations_only(off_policy: Tensor) -> Tensor:
    """1 for demonstrations, 0 for rollouts of the policy: for the `nll` of a regulariser.

    Formula: w = 1 on demonstrations, else 0

    Source: arXiv 2504.14945, the baseline "RL with SFT loss".
    """
    return off_policy.float()


def _decided(known: Tensor, weight: Tensor) -> Tensor:
    return torch.where(known.isnan(), 1.0, weight)
