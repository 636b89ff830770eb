"""OneThinker: many tasks in one reasoner, each scaled by a moving deviation of its own rewards.

arXiv 2512.03043, and the released code tulerfeng/OneThinker. The paper trains Qwen3-VL-8B-Instruct,
which this version does not load: full scale has Qwen2.5-VL-7B-Instruct. Videos are left out, and
with them the temporal tasks and tracking; so is the reward model of open answers (ROUGE, the
released fall-back, stands alone), and SAM2, which only turns the graded prompts into masks.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import Recipe, Reward, Sampling, Scale, Use, code, ours, paper
from gnomon.recipes.grpo import (
    asked,
    full,
    full_rl,
    micro,
    micro_cold_start,
    micro_rl,
    records,
    steady,
    warmed,
    worked_examples,
    world,
)

NAME = "onethinker"
DESCRIPTION = "Mixed tasks, GRPO scaled by moving deviations of each task (arXiv 2512.03043)."
FORM = Use("think-answer")
PLAIN = ("multiple choice", "numerical", "regression", "ocr", "open-ended", "math")
GROUNDED = ("spatial grounding", "segmentation")
MICRO_TASKS = ["count", "digit-sum", "compare", "box", "relation"]
METHOD: dict[str, Any] = {
    "advantage": Use(
        "ema-grpo", beta=paper(0.99), min_std=code(1e-3), epsilon=code(1e-6), guard=code(5.0)
    ),
    "loss": Use("ppo-clip", clip_low=code(0.2), clip_high=code(0.3), dual_clip=code(3.0)),
    "rollouts": paper(8),
}


def onethinker(scale: Scale) -> Recipe:
    """Cold start, then one stage of RL on all tasks at once."""
    return {"micro": _micro, "full": _full}[scale]()


def band(*terms: str) -> dict[str, Any]:
    """Groups by their mean accuracy, which these terms are: an all-wrong one trains on nothing."""
    return {"filters": (Use("score-band", terms=terms, low=code(0.01), high=code(0.99)),)}


def rewards() -> tuple[Reward, ...]:
    """.9 accuracy, .1 layout, and half a point for an answer of the structure of its task."""
    return (
        Reward(
            part=Use("typed-answer", system="onethinker", column=""), weight=code(0.9), tasks=PLAIN
        ),
        Reward(part=Use("grounding", column="", task=""), weight=code(0.9), tasks=GROUNDED),
        Reward(
            part=Use("format-match", format="think-answer", mode=code("spaceless")),
            weight=code(0.1),
        ),
        Reward(
            part=Use("grounding-structure", column="", task="", otherwise=code(0.5)),
            weight=code(1.0),
        ),
    )


def micro_rewards() -> tuple[Reward, ...]:
    """The same sum over typed answers: the IoU of a box, and a point for what can be read."""
    read = {"correct": 1.0, "wrong": 1.0}
    return (
        Reward(part=Use("accuracy", partial=True), weight=code(0.9)),
        Reward(part=Use("format-match", format="think-answer"), weight=code(0.1)),
        Reward(part=Use("outcome", values=read, otherwise=0.0), weight=code(0.5)),
    )


def _micro() -> Recipe:
    start = micro_cold_start(FORM, modality="any", data=_worked())
    data = world(tasks=MICRO_TASKS)
    stage = micro_rl(FORM, data=data, rewards=micro_rewards(), **band("accuracy"), **METHOD)
    return micro(NAME, DESCRIPTION, start, stage, tasks=None)


def _worked() -> Use:
    """Worked chains over written scenes, and boxes in pictures, which no written scene can ask."""
    text = {"part": "microworld", "modality": "text", "difficulty": [1, 5]}
    sources = [
        {**text, "tasks": [task for task in MICRO_TASKS if task != "box"]},
        {**text, "tasks": ["box"], "modality": "image"},
    ]
    return Use("mixture", sources=sources, weights=ours([0.8, 0.2]))


def _full() -> Recipe:
    named = {"columns": {"task": "problem_type"}, "answer_kind": "text"}
    start = worked_examples(
        NAME,
        modality="image",
        steps=ours(10625),
        batch_size=paper(32),
        max_tokens=paper(16384),
        micro_batch_tokens=ours(16384),
        freeze=code(("vision",)),
        optimizer=warmed(paper(1e-5), code(0.02)),
    )
    stage = full_rl(
        records(NAME, "rl", **named),
        FORM,
        rewards=rewards(),
        prompts=paper(128),
        updates=code(4),
        sampling=Sampling(max_new_tokens=paper(4096), temperature=paper(1.0), top_p=paper(1.0)),
        optimizer=steady(paper(2e-6)),
        steps=ours(4687),
        max_tokens=paper(16384),
        **band("typed-answer", "grounding"),
        **METHOD,
    )
    evaluation = asked(NAME, FORM, Use("strict"), paper(4096), columns={"task": "problem_type"})
    return full(NAME, DESCRIPTION, start, stage, evaluation=evaluation)
