"""PixelThink: reasoning segmentation with a thinking budget by difficulty.

arXiv 2505.23727, and the released code songw-zju/PixelThink. The score ``difficulty_score_model``
is joined to the records. Left out: the uncertainty of each rollout (0 for all: a term gets no
log-probabilities) and the frozen SAM2 that turns box and points into a mask, which no reward needs.
"""

from __future__ import annotations

from gnomon.recipe import Optimizer, Recipe, Reward, Sampling, Scale, Use, code
from gnomon.recipes.rewarded import data, kl, rl, variant


def pixelthink(scale: Scale) -> Recipe:
    """R = (five terms of a box and two points) x length score."""
    return variant(
        scale,
        "pixelthink",
        "Reasoning segmentation with a thinking budget (arXiv 2505.23727).",
        rl(
            rewards=(
                Reward(part=Use("segmentation-prompt"), weight=1.0),
                Reward(part=Use("thinking-length"), weight=1.0),
            ),
            combine=Use("product"),
        ),
        world="a world of scenes with masks",
        full={
            **data(
                {
                    "images": "image",
                    "answer": "solution",
                    "difficulty": "difficulty_score_model",
                }
            ),
            **rl(
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
