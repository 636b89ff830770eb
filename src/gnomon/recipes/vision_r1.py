"""Vision-R1: a cold start on long reasoning, then RL whose length limit grows as its groups shrink.

arXiv 2503.06749, and Osilly/Vision-R1; the RL code is not published. Modality bridging, which makes
the traces of the cold start with a second model, is left out: the records have to be made before.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import Recipe, Reinforce, Reward, Sampling, Scale, Sft, Use, ours, paper
from gnomon.recipes.grpo import (
    asked,
    full,
    full_rl,
    kl_loss,
    micro,
    micro_cold_start,
    micro_rl,
    records,
    steady,
    warmed,
)

NAME = "vision-r1"
DESCRIPTION = "Cold start, then progressive thinking suppression (arXiv 2503.06749)."
FORM = Use("think-answer")


def _method() -> dict[str, Any]:
    """What both scales share; made when asked, because naming a reward imports its module."""
    return {
        "advantage": Use("grpo", bias=ours("unbiased"), epsilon=ours(1e-6)),
        "loss": Use("ppo-clip", clip_low=paper(0.2), clip_high=paper(0.2)),
        "aggregate": Use("seq-mean-token-mean"),
        "regularisers": (kl_loss(paper(1e-2)),),
        "rewards": (Reward(part=Use("format-and-result"), weight=paper(1.0)),),
    }


def vision_r1(scale: Scale) -> Recipe:
    """Cold start and two phases of equal tokens for each question: short, then twice as long."""
    return {"micro": _micro, "full": _full}[scale]()


def phases(make: Any, tokens: Any, rollouts: Any, limit: Any, half: Any) -> tuple[Reinforce, ...]:
    """``rollouts`` of ``tokens``, then ``half`` as many of ``limit``, twice as long."""
    return (
        make("short-thoughts", rollouts, Sampling(max_new_tokens=tokens)),
        make("longer-thoughts", half, Sampling(max_new_tokens=limit)),
    )


def _micro() -> Recipe:
    def make(name: str, rollouts: Any, sampling: Sampling) -> Reinforce:
        sized = {"rollouts": rollouts, "sampling": sampling, "prompts": ours(8)}
        return micro_rl(FORM, name=name, steps=ours(40), **sized, **_method())

    stages = phases(make, ours(56), paper(16), ours(112), paper(8))
    return micro(NAME, DESCRIPTION, micro_cold_start(FORM), *stages)


def _full() -> Recipe:
    def make(name: str, rollouts: Any, sampling: Sampling) -> Reinforce:
        return full_rl(
            records(NAME, "rl"),
            FORM,
            name=name,
            rollouts=rollouts,
            sampling=sampling,
            prompts=ours(128),
            optimizer=steady(ours(1e-6)),
            steps=paper(100),
            max_tokens=ours(4096),
            **_method(),
        )

    stages = phases(make, paper(4096), paper(16), paper(8192), paper(8))
    evaluation = asked(
        NAME, FORM, Use("math-verify"), paper(16384), temperature=paper(0.6), top_p=paper(0.95)
    )
    return full(NAME, DESCRIPTION, _cold_start(), *stages, evaluation=evaluation)


def _cold_start() -> Sft:
    return Sft(
        name="cold-start",
        data=records(NAME, "cold_start"),
        modality="image",
        format=Use("direct"),
        steps=ours(12500),
        batch_size=paper(32),
        max_tokens=paper(16384),
        micro_batch_tokens=ours(16384),
        optimizer=warmed(paper(5e-6), paper(0.05)),
    )
