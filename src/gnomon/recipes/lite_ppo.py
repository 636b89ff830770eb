"""Lite PPO: centred in the group, scaled by the whole batch, averaged over tokens, and no more.

arXiv 2508.08221, and the framework alibaba/ROLL. The paper trains Qwen3 language models, which this
version does not load: full scale reads the same text data with Qwen2.5-VL-7B-Instruct.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import Recipe, Reward, Sampling, Scale, Use, ours, paper, vary
from gnomon.recipes.grpo import (
    DIFFICULTY,
    asked,
    full,
    full_rl,
    micro,
    micro_rl,
    records,
    steady,
    world,
)

NAME = "lite-ppo"
DESCRIPTION = "Group mean, batch standard deviation, token mean (arXiv 2508.08221)."
FORM = Use("think-boxed")
COLUMNS = {"problem": "prompt", "difficulty": "n_correct_of_8"}


def _method() -> dict[str, Any]:
    """What both scales share; made when asked, because naming a reward imports its module."""
    return {
        "advantage": Use("lite-ppo", bias=ours("unbiased"), epsilon=paper(1e-6)),
        "loss": Use("ppo-clip", clip_low=paper(0.2), clip_high=paper(0.2)),
        "aggregate": Use("token-mean"),
        "rewards": (Reward(part=Use("accuracy"), weight=paper(1.0)),),
        "rollouts": paper(8),
        "modality": "text",
    }


def lite_ppo(scale: Scale) -> Recipe:
    """One stage from the base model, on text; ``micro`` on sums and orderings."""
    return {"micro": _micro, "full": _full}[scale]()


def _sampling(limit: Any) -> Sampling:
    drawn = {"temperature": paper(0.99), "top_p": paper(0.99), "top_k": paper(100)}
    return Sampling(max_new_tokens=limit, **drawn)


def _micro() -> Recipe:
    data = world("text", ["arithmetic", "logic"])
    stage = micro_rl(FORM, data=data, sampling=_sampling(ours(112)), **_method())
    recipe = micro(NAME, DESCRIPTION, stage)
    benchmark = Use("microworld-text", items=ours(512), difficulty=DIFFICULTY)
    return vary(recipe, {"evaluation.benchmarks": (benchmark,)})


def _full() -> Recipe:
    stage = full_rl(
        records(NAME, columns=COLUMNS),
        FORM,
        grader=Use("math-verify"),
        prompts=paper(128),
        sampling=_sampling(paper(8192)),
        optimizer=steady(ours(1e-6)),
        steps=ours(200),
        max_tokens=ours(2048),
        **_method(),
    )
    grader = Use("math-verify")
    evaluation = asked(NAME, FORM, grader, paper(8192), columns={"problem": "prompt"})
    return full(NAME, DESCRIPTION, stage, evaluation=evaluation)
