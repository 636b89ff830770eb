"""PixelThink: reasoning segmentation with a thinking budget by difficulty.

arXiv 2505.23727, and the released code songw-zju/PixelThink. The score ``difficulty_score_model``
is joined to the records. Left out: the uncertainty of each rollout (0 for all: a term gets no
log-probabilities of other tokens), and at full scale the frozen SAM2 that turns box and points into
a mask, which no reward needs. ``micro`` refers to objects of the world ``edits``; in place of SAM2
its grader has a stand-in that knows the true mask. Pictures of 112 in place of 840 pixels need
limits as much smaller; short responses need smaller budgets, such that what the cold start shows is
about a quarter beyond that of easy samples and within that of hard ones.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import Optimizer, Recipe, Reward, Sampling, Scale, Use, code, ours
from gnomon.recipes.rewarded import data, in_world, kl, layout, rl, variant


def pixelthink(scale: Scale) -> Recipe:
    """R = (five terms of a box and two points) x length score."""
    return variant(
        scale,
        "pixelthink",
        "Reasoning segmentation with a thinking budget (arXiv 2505.23727).",
        {**layout(scale, Use("think-prompt")), **rl(combine=Use("product"))},
        micro=_micro(),
        full={
            **data(
                {
                    "images": "image",
                    "answer": "solution",
                    "difficulty": "difficulty_score_model",
                }
            ),
            **rl(
                rewards=_terms(Use("segmentation-prompt"), Use("thinking-length")),
                sampling=Sampling(max_new_tokens=code(1300), temperature=code(1.0)),
                prompts=code(16),
                rollouts=code(8),
                max_tokens=code(1300),
                regularisers=kl(code(5e-3)),
                optimizer=Optimizer(
                    learning_rate=Use("constant", value=code(1e-6)), weight_decay=code(1e-2)
                ),
            ),
            "model.image_pixels": code((3136, 12845056)),
        },
    )


def _micro() -> dict[str, Any]:
    grader = Use("prompted-mask")
    length = Use(
        "thinking-length",
        column="difficulty_score_model",
        budgets=ours((24.0, 40.0)),
        span=ours(40.0),
    )
    return {
        **in_world("edits", ["refer-mask"], (1, 3)),
        "stages.cold-start.steps": ours(150),
        **rl(
            steps=ours(40),
            rewards=_terms(Use("segmentation-prompt", near=ours((1.5, 13.0))), length),
            regularisers=kl(code(5e-3)),
            sampling=Sampling(max_new_tokens=ours(160)),
            grader=grader,
        ),
        "evaluation.max_new_tokens": ours(160),
        "evaluation.grader": grader,
        "evaluation.base_grader": grader,
    }


def _terms(accuracy: Use, length: Use) -> tuple[Reward, ...]:
    return Reward(part=accuracy, weight=1.0), Reward(part=length, weight=1.0)
