"""What one step has gathered, and the numbers about it that parts can ask for.

Dimension suffixes: N rollouts of the step, J groups, T trained tokens of the longest response, K
reward terms. Tensors are on the CPU.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gnomon.models.encode import Encoded
from gnomon.parts import BoundPart
from gnomon.records import Graded, Group, Outcome
from gnomon.rewards.score import Term
from gnomon.rl.aggregation import Totals
from gnomon.rl.critic import Targets
from gnomon.rl.returns import returns, row_means
from gnomon.rl.scoring import mask_of, pad_rows

Facts = dict[str, Any]
"""Values by the names under which parts ask for them, see `gnomon.parts.INPUTS`."""


@dataclass(frozen=True)
class Experience:
    """One step's rollouts as rows of tokens, with everything the update needs.

    ``advantages`` is [N], or [N, T] when it differs from token to token; ``advantages_N`` is one
    number for each rollout, for resamplers and logs. ``counted_N`` is false where a filter left a
    rollout out, ``given_N`` how many of its first trained tokens are those of a demonstration.
    ``importance_NT``, ``mask_NT`` and ``log_mismatch_NT`` come from corrections;
    ``penalty_weights`` has one entry for each regulariser. ``targets`` are those of the critic.
    """

    groups: tuple[Group, ...]
    rows: tuple[Encoded, ...]
    old_logp: tuple[Tensor, ...]
    rewards_N: Tensor
    group_N: Tensor
    advantages_N: Tensor
    advantages: Tensor
    kept: Tensor
    counted_N: Tensor
    given_N: Tensor
    mask_NT: Tensor
    importance_NT: Tensor | None
    log_mismatch_NT: Tensor
    penalty_weights: tuple[Tensor | None, ...]
    masked_rows: tuple[Encoded, ...]
    old_masked_logp: Tensor
    targets: Targets | None = None

    def totals(self, chosen: Sequence[int]) -> Totals:
        """What an optimiser batch of these rollouts holds."""
        lengths = [int(self.mask_NT[i].sum()) for i in chosen]
        width = max((len(self.old_logp[i]) for i in chosen), default=0)
        return Totals(sum(lengths), sum(n > 0 for n in lengths), width, len(lengths))

    def off_policy_of(self, chosen: Sequence[int], width: int) -> Tensor:
        """True on tokens of demonstrations, [n, width]."""
        return given_tokens(self.given_N[list(chosen)], width)

    def advantages_of(self, chosen: Sequence[int], width: int) -> Tensor:
        """The advantages of some rollouts, [n] or [n, width]."""
        chosen_advantages = self.advantages[list(chosen)]
        return chosen_advantages if self.advantages.ndim == 1 else chosen_advantages[:, :width]


def facts(groups: Sequence[Group], terms: Sequence[Term]) -> Facts:
    """What is known of graded groups before any advantage is made.

    Terms with a scope are no part of ``scores`` and ``weights``: see `gnomon.rl.scopes`.
    """
    terms = [term for term in terms if term.scope is None]
    members = [member for group in groups for member in group.members]
    tasks = [group.sample.task for group in groups for _ in group.members]
    sizes = torch.tensor([len(group.members) for group in groups])
    old_logp = pad_rows([trained_logp(member) for member in members])
    lengths_N = torch.tensor([sum(member.rollout.train) for member in members])
    mask_NT = mask_of(lengths_N, old_logp.shape[1])
    return {
        "rewards": torch.tensor([member.reward for member in members]),
        "groups": torch.arange(len(groups)).repeat_interleave(sizes),
        "lengths": lengths_N,
        "tasks": tasks,
        "accuracy": torch.tensor([_if_graded(m, float(m.verdict.correct)) for m in members]),
        "partial": torch.tensor([_if_graded(m, m.verdict.score) for m in members]),
        "truncated": torch.tensor([float(m.rollout.stop == "length") for m in members]),
        "off_policy": torch.tensor([float(m.rollout.source != "policy") for m in members]),
        "given": torch.tensor([sum(m.rollout.train[: m.rollout.given]) for m in members]),
        "scores": torch.tensor(
            [[_number(m.scores.get(term.name)) for m in members] for term in terms]
        ),
        "names": [term.name for term in terms],
        "weights": torch.tensor([term.weight for term in terms]),
        "old_logp": old_logp,
        "mask": mask_NT,
        "penalties": torch.zeros_like(mask_NT),
    }


def given_tokens(given_N: Tensor, width: int) -> Tensor:
    """True on the first ``given_N`` tokens of each rollout, [N, width]."""
    return torch.arange(width)[None] < given_N[:, None]


def counted(filters: Sequence[BoundPart], known: Facts, groups: int) -> Tensor:
    """Which rollouts count, [N]: those that every filter keeps, of the first ``groups`` such
    groups."""
    kept_N = torch.ones(len(known["groups"]), dtype=torch.bool)
    for part in filters:
        marks_N = torch.zeros_like(kept_N)
        marks_N[part.supply(known)] = True
        kept_N &= marks_N
    present_J = torch.bincount(known["groups"], weights=kept_N.float()) > 0
    surplus_J = present_J.cumsum(0) > groups
    return kept_N & ~surplus_J[known["groups"]]


def weighted(
    advantages: Tensor, factors: Sequence[Tensor], known: Facts, *, charged: bool
) -> tuple[Tensor, Tensor]:
    """Advantages times their weights, and the mean over each rollout's tokens [N].

    Unless the estimator has ``charged`` them already, what tokens cost beside the reward is taken
    off as returns: A_t - sum of the penalties from t on. So a KL in the reward leaves the
    statistics of the groups alone.
    """
    for factor_N in factors:
        wide = factor_N if advantages.ndim == 1 else factor_N[:, None]
        advantages = advantages * wide.to(advantages.dtype)
    sequence_N = row_means(advantages, known["mask"])
    if charged or not known["penalties"].any():
        return advantages, sequence_N
    wide = advantages[:, None] if advantages.ndim == 1 else advantages
    cost_NT = returns(known["penalties"], known["mask"])
    return (wide - cost_NT) * known["mask"], sequence_N


def without_undecided(group: Group) -> Group:
    """The reward NaN, which is left out, for rollouts on which the grader failed.

    Otherwise a combination of the other terms would pay them like wrong ones.
    """
    members = tuple(
        replace(member, reward=math.nan) if undecided(group, member) else member
        for member in group.members
    )
    return replace(group, members=members)


def undecided(group: Group, member: Graded) -> bool:
    """Whether the grader failed; without a reference there is nothing to grade, but time can run
    out on a reward term."""
    late = member.verdict.outcome is Outcome.TIMEOUT
    return (group.sample.answer is not None or late) and not member.verdict.graded


def trained_logp(member: Graded) -> Tensor:
    """Log-probabilities, as the sampler reported them, of the tokens that are trained."""
    pairs = zip(member.rollout.logp, member.rollout.train, strict=True)
    return torch.tensor([logp for logp, train in pairs if train])


def _if_graded(member: Graded, value: float) -> float:
    return value if member.verdict.graded else math.nan


def _number(score: float | None) -> float:
    return math.nan if score is None else score
