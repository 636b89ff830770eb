"""Observe-R1: look first, then think; a bonus for brevity, and weights for uncertain questions.

arXiv 2505.12432, and the released code zrguo/Observe-R1. The pipeline that makes NeuraLadder is
left out; its order from easy to hard is that of the file, which full scale keeps.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import (
    Recipe,
    Reward,
    RewardKl,
    Sampling,
    Scale,
    Use,
    code,
    ours,
    paper,
)
from gnomon.recipes.grpo import (
    QWEN_3B,
    accuracy_and_format,
    asked,
    full,
    full_rl,
    micro,
    micro_cold_start,
    micro_rl,
    records,
    steady,
)

NAME = "observe-r1"
DESCRIPTION = "An observation first, a bonus for brevity, uncertainty weights (arXiv 2505.12432)."
FORM = Use("observe-think-answer", mode="released")


def _method() -> dict[str, Any]:
    """What both scales share; made when asked, because naming a reward imports its module."""
    return {
        "advantage": Use("grpo", bias=code("unbiased"), epsilon=code(1e-9)),
        "weights": (Use("uncertainty", sigma=paper(1.8)),),
        "loss": Use("ppo-clip", clip_low=code(0.2), clip_high=code(0.2)),
        "reward_kl": RewardKl(
            part=Use("kl", estimator=code("k1")), coefficient=Use("constant", value=code(0.01))
        ),
        "rollouts": code(8),
    }


def observe_r1(scale: Scale) -> Recipe:
    """One stage of RL; ``micro`` first teaches the form of the answer."""
    return {"micro": _micro, "full": _full}[scale]()


def rewards(floor: Any) -> tuple[Reward, ...]:
    """Accuracy, half a point for the layout, .2 for the shortest right answer above ``floor``."""
    bonus = Reward(part=Use("shortest-right", floor=floor), weight=code(0.2))
    right = accuracy_and_format("observe-think-answer", code(1.0), code(0.5), mode=code("released"))
    return (*right, bonus)


def _micro() -> Recipe:
    stage = micro_rl(FORM, rewards=rewards(ours(30)), **_method())
    return micro(NAME, DESCRIPTION, micro_cold_start(FORM), stage)


def _full() -> Recipe:
    stage = full_rl(
        records(NAME),
        FORM,
        grader=Use("released", system="observe-r1"),
        rewards=rewards(code(100)),
        shuffle=code(False),
        prompts=code(128),
        updates=code(2),
        sampling=Sampling(max_new_tokens=code(8192), temperature=code(1.0)),
        optimizer=steady(code(1e-6)),
        steps=ours(156),
        max_tokens=code(9216),
        **_method(),
    )
    # Not the released rule: it finds every answer right where it cannot read the reference.
    evaluation = asked(NAME, FORM, Use("math-verify"), code(8192))
    return full(NAME, DESCRIPTION, stage, evaluation=evaluation, path=QWEN_3B)
