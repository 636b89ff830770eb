"""Jigsaw-R1: visual RL on jigsaw puzzles that are made from any image.

arXiv 2505.23590, and the released code zifuwanggg/Jigsaw-R1, with thinking. The puzzles (pairs of a
2 x 1 grid by default) stand ready in the full scale's file, in the columns that the release makes
on the fly; ``micro`` makes them from photographs. Left out: the optional growth of the grid.
"""

from __future__ import annotations

from gnomon.recipe import Recipe, Reward, Sampling, Scale, Use, code, paper
from gnomon.recipes.rewarded import QWEN_3B, data, in_world, kl, rl, variant


def jigsaw_r1(scale: Scale) -> Recipe:
    """R = accuracy + 0.5 format, 64 puzzles a step, 1000 steps."""
    return variant(
        scale,
        "jigsaw-r1",
        "Jigsaw puzzles as visual RL (arXiv 2505.23590).",
        rl(
            rewards=(
                Reward(part=Use("jigsaw"), weight=paper(1.0)),
                Reward(part=Use("jigsaw-format"), weight=paper(0.5)),
            ),
            advantage=Use("grpo", bias=code("unbiased"), epsilon=code(1e-4)),
            aggregate=Use("seq-mean-token-mean"),
            regularisers=kl(paper(0.04)),
        ),
        micro=in_world("jigsaw", ["pair"], (1, 3)),
        full={
            **data({"images": "image", "answer": "solution"}),
            **rl(
                sampling=Sampling(
                    max_new_tokens=paper(512), temperature=paper(1.0), top_k=code(50)
                ),
                prompts=paper(64),
                rollouts=paper(8),
                steps=paper(1000),
                optimizer__learning_rate=Use("linear", peak=paper(1e-6)),
            ),
            "model.path": QWEN_3B,
        },
    )
