"""PPO: GRPO's stages with a critic, whose values take the place of the mean of the group.

arXiv 1707.06347, in the form of verl: a value for every token, GAE whitened over the batch, a
clipped value loss. verl's critic is a model of its own; ours is a head on the policy, which at
micro scale would else double the cost of a step.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import Recipe, Scale, Use, Value, code, ours, paper, vary
from gnomon.recipes.grpo import grpo, steady

DESCRIPTION = "PPO with a value head: GAE in the place of group statistics (arXiv 1707.06347)."


def ppo(scale: Scale) -> Recipe:
    """GRPO with the advantages of a critic; the rollouts of a question no longer know each other.

    The clip is the paper's, the mean over tokens verl's.
    """
    return vary(
        grpo(scale),
        {
            "name": "ppo",
            "description": DESCRIPTION,
            "stages.rl.advantage": Use("gae", gamma=code(1.0), lam=code(1.0)),
            "stages.rl.loss": Use("ppo-clip", clip_low=paper(0.2), clip_high=paper(0.2)),
            "stages.rl.aggregate": Use("token-mean"),
            "stages.rl.value": value({"micro": ours(1e-3), "full": code(1e-5)}[scale]),
        },
    )


def value(rate: Any) -> Value:
    """A head with verl's clip; its gradient stays out of the policy."""
    return Value(optimizer=steady(rate), clip=code(0.5), gamma=code(1.0), lam=code(1.0))
