"""Vision-R1: a cold start on long reasoning, then RL whose length limit grows as its groups shrink.

arXiv 2503.06749, and Osilly/Vision-R1; the RL code is not published. Modality bridging, which makes
the traces of the cold start with a second model, is left out: the records have to be made before.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import Recipe, Reward, Sampling, Scale, Sft, Use, ours, paper, vary
from gnomon.recipes.grpo import grpo, kl_loss, steady, warmed, worked_examples
from gnomon.recipes.rewarded import layout, rl, variant

NAME = "vision-r1"
DESCRIPTION = "Cold start, then progressive thinking suppression (arXiv 2503.06749)."
FORM = Use("think-answer")


def vision_r1(scale: Scale) -> Recipe:
    """Cold start and two phases of equal tokens for each question: short, then twice as long."""
    both = {**layout(scale, FORM), **rl(**_method())}
    base = variant(scale, NAME, DESCRIPTION, both, micro=_micro(), full=_full(), base=grpo)
    start = base.stages[0] if scale == "micro" else _cold_start()
    return vary(base, {"stages": (start, *phases(base, *LIMITS[scale], paper(16), paper(8)))})


LIMITS = {"micro": (ours(56), ours(112)), "full": (paper(4096), paper(8192))}
"""Tokens of a response in the first phase and in the second, twice as many."""


def phases(recipe: Recipe, tokens: Any, limit: Any, rollouts: Any, half: Any) -> tuple[Any, ...]:
    """``rollouts`` of ``tokens``, then ``half`` as many of ``limit``, twice as long."""

    def phase(name: str, count: Any, longest: Any) -> Any:
        changes = rl(rollouts=count, sampling=Sampling(max_new_tokens=longest))
        return vary(recipe, {**changes, "stages.rl.name": name}).stages[-1]

    return phase("short-thoughts", rollouts, tokens), phase("longer-thoughts", half, limit)


def _method() -> dict[str, Any]:
    return {
        "advantage": Use("grpo", bias=ours("unbiased"), epsilon=ours(1e-6)),
        "loss": Use("ppo-clip", clip_low=paper(0.2), clip_high=paper(0.2)),
        "regularisers": (kl_loss(paper(1e-2)),),
        "rewards": (Reward(part=Use("format-and-result"), weight=paper(1.0)),),
    }


def _micro() -> dict[str, Any]:
    return rl(steps=ours(40), prompts=ours(8))


def _full() -> dict[str, Any]:
    return {
        **rl(
            data__path=f"data/{NAME}/rl.parquet",
            prompts=ours(128),
            optimizer=steady(ours(1e-6)),
            steps=paper(100),
            max_tokens=ours(4096),
        ),
        "evaluation.grader": Use("math-verify"),
        "evaluation.max_new_tokens": paper(16384),
        "evaluation.temperature": paper(0.6),
        "evaluation.top_p": paper(0.95),
    }


def _cold_start() -> Sft:
    return worked_examples(
        NAME,
        modality="image",
        steps=ours(12500),
        batch_size=paper(32),
        max_tokens=paper(16384),
        micro_batch_tokens=ours(16384),
        optimizer=warmed(paper(5e-6), paper(0.05)),
    )
