"""A critic: a value head on the policy, what it should have said, its loss and its optimiser.

The value of a token is read off the hidden state that predicts it. Dimension suffixes: N rollouts,
T tokens of the longest response, K trained tokens, H hidden width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gnomon.models.encode import Encoded
from gnomon.models.logprobs import by_row, score_tokens
from gnomon.models.policy import Policy
from gnomon.recipe import AnyStage, Reinforce, Value
from gnomon.rl.aggregation import Totals, token_mean
from gnomon.rl.meter import Meter
from gnomon.rl.returns import generalised_advantages, place_rewards
from gnomon.rl.scoring import pad_rows
from gnomon.stages.heads import SideHead
from gnomon.stages.updates import Updater

LEAST_SPREAD = 1e-10
"""Below this the variance of returns is rounding: it divides what the critic misses."""


@dataclass(frozen=True)
class Targets:
    """The values before a step's first update and the returns that they stand for, both [N, T].

    ``mask`` [N, T] is 1 on trained tokens of rollouts that have a reward.
    """

    values: Tensor
    returns: Tensor
    mask: Tensor


class Critic(SideHead):
    """A linear value head on a policy's last hidden states, which starts at 0 everywhere.

    ``updater`` makes its updates, in step with those of the policy. Source: arXiv 1707.06347,
    section 5; the shared trunk as in TRL's value head.
    """

    def __init__(self, policy: Policy, settings: Value, planned: int) -> None:
        width = policy.core.config.get_text_config().hidden_size
        # Without drawing initial weights, which would move the global random numbers.
        head: nn.Linear = nn.utils.skip_init(nn.Linear, width, 1, device=policy.device)  # type: ignore[no-untyped-call]
        for parameter in head.parameters():
            nn.init.zeros_(parameter)
        self.settings = settings
        super().__init__("critic", head, settings.optimizer, planned)

    def values(self, states_KH: Tensor) -> Tensor:
        """Values [K] in float32; ``trunk`` times their gradient goes on into the states."""
        fixed_KH = states_KH.detach()
        states_KH = fixed_KH + self.settings.trunk * (states_KH - fixed_KH)
        return self.head(states_KH.float()).squeeze(-1)  # type: ignore[no-any-return]

    def loss(
        self,
        known: dict[str, Any],
        targets: Targets,
        chosen: Sequence[int],
        totals: Totals,
        meter: Meter,
    ) -> Tensor:
        """The loss of a micro-batch of rollouts ``chosen``, whose sum is that of the update."""
        values_NT, mask_NT = known["values"], known["mask"]
        old_NT, returns_NT = (
            each[list(chosen)][:, : values_NT.shape[1]].to(values_NT)
            for each in (targets.values, targets.returns)
        )
        loss_NT, held_NT = value_loss(
            values_NT, old_NT, returns_NT, mask_NT, clip=self.settings.clip
        )
        meter.add_mean("value_loss", loss_NT, mask_NT)
        meter.add_mean("value_clip", held_NT, mask_NT)
        return token_mean(loss_NT, mask_NT, totals)


def open_critic(stage: AnyStage, policy: Policy, updater: Updater) -> Critic | None:
    """The critic of a stage, whose updates follow those of ``updater``; None without one."""
    if not isinstance(stage, Reinforce) or stage.value is None:
        return None
    critic = Critic(policy, stage.value, updater.planned)
    updater.followers.append(critic.updater)
    return critic


def appraise(
    critic: Critic, policy: Policy, rows: Sequence[Encoded], known: dict[str, Any], at_once: int
) -> Targets:
    """The values of every rollout, which ``known`` takes, and the returns that they stand for.

    ``known`` needs rewards, mask and penalties. A rollout without a reward (NaN) has no target.
    """
    mask_NT = known["mask"].bool() & known["rewards"].isfinite()[:, None]
    values_NT = known["values"] = score_values(critic, policy, rows, at_once)
    rewards_NT = place_rewards(known["rewards"], mask_NT) - known["penalties"]
    gamma, lam = critic.settings.gamma, critic.settings.lam
    _, returns_NT = generalised_advantages(rewards_NT, values_NT, mask_NT, gamma, lam)
    return Targets(values_NT, returns_NT, mask_NT)


@torch.no_grad()
def score_values(critic: Critic, policy: Policy, rows: Sequence[Encoded], at_once: int) -> Tensor:
    """Value of every trained token of ``rows``, [N, T] with 0 on the padding, on the CPU."""
    found: list[Tensor] = []
    for start in range(0, len(rows), at_once):
        batch = policy.batch(rows[start : start + at_once])
        values_K = critic.values(score_tokens(policy, batch).states)
        found += list(by_row(values_K, batch)[0].cpu())
    return pad_rows(found)


def value_loss(
    values: Tensor,
    old_values: Tensor,
    returns: Tensor,
    mask: Tensor,
    *,
    clip: float | None = 0.5,
) -> tuple[Tensor, Tensor]:
    """PPO's clipped value loss, 1/2 max((V - G)^2, (clip(V, V_old - c, V_old + c) - G)^2).

    All [N, T]. Returns the loss and where the clip decided it (then without a gradient), both 0
    where the mask is 0. ``clip`` None is the plain square. verl and TRL take the half of the mean
    likewise; verl's default clip is .5, TRL's was .2. Source: openai/baselines, ppo2;
    verl, compute_value_loss.
    """
    free_NT = (values - returns).square()
    held_NT = free_NT
    if clip is not None:
        near_NT = torch.clamp(values, old_values - clip, old_values + clip)
        held_NT = (near_NT - returns).square()
    decided_NT = (held_NT > free_NT) & mask.bool()
    loss_NT = torch.where(mask.bool(), 0.5 * torch.maximum(free_NT, held_NT), 0.0)
    return loss_NT, decided_NT.to(loss_NT.dtype)


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> float:
    """1 - var(G - V) / var(G) over trained tokens: 1 is perfect, 0 as good as any constant.

    Not a number where the returns do not vary, but for rounding.
    """
    chosen = mask.bool()
    wanted, missed = returns[chosen].double(), (returns - values)[chosen].double()
    spread = float(wanted.var(correction=0)) if len(wanted) else 0.0
    return 1.0 - float(missed.var(correction=0)) / spread if spread > LEAST_SPREAD else math.nan
