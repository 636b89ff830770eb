"""Perception-R1: a judge checks which visual facts the response states.

arXiv 2506.07218, and the released code tongxiao2002/Perception-R1 (the launch script's constants).
Answers are read from the box of the answer block; the release reads the last box of the whole text.
``micro`` has no judge, which gnomon-micro cannot be: its visual facts are the objects of the
written scene, and a rule finds which of them the response states.
"""

from __future__ import annotations

from gnomon.recipe import Optimizer, Recipe, Reward, Sampling, Scale, Use, code, ours, paper
from gnomon.recipes.rewarded import data, judge, layout, rl, variant


def perception_r1(scale: Scale) -> Recipe:
    """R = 0.9 accuracy + 0.1 format + 0.7 facts + repetition, without KL."""
    terms = (
        Reward(part=Use("accuracy"), weight=code(0.9)),
        Reward(part=Use("format-match", format="think-answer-boxed"), weight=code(0.1)),
        Reward(part=Use("repeated-phrases", size=code(20), penalty=code(-2.0)), weight=1.0),
    )
    reader = judge("Qwen/Qwen2.5-32B-Instruct", max_new_tokens=code(512), concurrency=code(512))
    facts = Reward(part=Use("fact-checklist"), weight=code(0.7), reader=reader)
    loss = Use("ppo-clip", clip_low=code(0.2), clip_high=code(0.3), dual_clip=code(3.0))
    return variant(
        scale,
        "perception-r1",
        "A judge checks stated visual facts (arXiv 2506.07218).",
        {**layout(scale, Use("think-answer-boxed")), **rl(rewards=terms, loss=loss)},
        micro=rl(rewards=(*terms, Reward(part=Use("stated-facts"), weight=code(0.7)))),
        full={
            **data({}, "number"),
            **rl(
                rewards=(*terms, facts),
                grader=Use("math-verify"),
                sampling=Sampling(max_new_tokens=code(4096), temperature=paper(1.0)),
                rollouts=paper(8),
                prompts=code(128),
                steps=ours(281),  # 25 epochs of 1,442 problems
                max_tokens=code(4096),
                optimizer=Optimizer(
                    learning_rate=Use("cosine", peak=code(1e-6), warmup=code(0.05)),
                    weight_decay=code(1e-3),
                ),
            ),
            "model.image_pixels": code((3136, 1806336)),
        },
    )
