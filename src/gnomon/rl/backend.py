"""What writes the rollouts: one interface for the sampler of this package and for other engines.

A backend is handed the weights before it writes with them and tells of each response as it ends, so
that verifying goes on beside it. The log-probabilities that it reports are those of the tempered
distribution before any cut; how far they are from the trainer's is logged at every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from gnomon.models.policy import Policy
from gnomon.models.sampler import Ended, SamplingSettings, sample
from gnomon.parts import register
from gnomon.records import Rollout
from gnomon.stages.context import Prepared


class BackendError(ValueError):
    """A backend that cannot do what is asked; the message says what to do."""


class RolloutBackend(Protocol):
    """Whatever writes responses with the weights of a policy."""

    def hand_over(self, version: int) -> None:
        """Take the policy's weights as they are now; ``version`` counts updates. Known: nothing."""

    def write(
        self,
        questions: Sequence[Prepared],
        count: int,
        settings: SamplingSettings,
        generator: torch.Generator,
        on_ended: Ended | None = None,
    ) -> list[list[Rollout]]:
        """``count`` responses to each question, as `gnomon.models.sampler.sample` gives them."""


@dataclass(frozen=True)
class OwnSampler:
    """The sampler of this package: it reads the policy's own weights, so that none are handed."""

    policy: Policy

    def hand_over(self, version: int) -> None:
        """Nothing: there is one set of weights."""

    def write(
        self,
        questions: Sequence[Prepared],
        count: int,
        settings: SamplingSettings,
        generator: torch.Generator,
        on_ended: Ended | None = None,
    ) -> list[list[Rollout]]:
        """`gnomon.models.sampler.sample`."""
        prompts = [prompt for _, prompt in questions]
        return sample(self.policy, prompts, count, settings, generator, on_ended)


@register("sampler")
def own(policy: Policy) -> OwnSampler:
    """The sampler of this package, in the run's own process.

    Image and prompt of a group are encoded once, and what it reports is what the trainer computes,
    up to rounding. On a CPU a run with it is the same, bit for bit, every time. Source: ours.
    """
    return OwnSampler(policy)
