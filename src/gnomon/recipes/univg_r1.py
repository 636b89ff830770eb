"""UniVG-R1: one box across several images; groups of low IoU weigh more.

arXiv 2505.14231, and the released code AMAP-ML/UniVG-R1. Qwen2-VL is not supported: Qwen2.5-VL-7B
stands in (ours), and boxes are on its grid only if the file is. Left out: the plain prompt of
single-image references, and the making of the traces.
"""

from __future__ import annotations

from gnomon.recipe import Optimizer, Recipe, Reward, Sampling, Scale, Use, code, ours, paper
from gnomon.recipes.grpo import worked_examples
from gnomon.recipes.rewarded import data, kl, prepend, rl, variant, world


def univg_r1(scale: Scale) -> Recipe:
    """R = IoU under the one-pixel rule + format; the policy term times e^(1 - mean IoU)."""
    recipe = variant(
        scale,
        "univg-r1",
        "Universal grounding with difficulty weights (arXiv 2505.14231).",
        rl(
            rewards=(
                Reward(part=Use("iou", rule=code("one-pixel")), weight=code(1.0)),
                Reward(part=Use("format-match", format="think-answer"), weight=code(1.0)),
            ),
            weights=(Use("mean-score", form=paper("exp")),),
            advantage=Use("grpo", bias=code("unbiased"), epsilon=code(1e-4)),
            aggregate=Use("seq-mean-token-mean"),
            regularisers=kl(code(0.04)),
            rollouts=code(8),
        ),
        micro=world(tasks=["box"]),
        full={
            **data({"problem": "question"}, "box"),
            **rl(
                sampling=Sampling(max_new_tokens=code(256), temperature=code(1.0)),
                prompts=code(16),
                grader=Use("released", system="univg-r1"),
                freeze=paper(("vision",)),
                max_tokens=code(6000),
                optimizer__learning_rate=Use("linear", peak=code(1e-6)),
            ),
            "model.image_pixels": code((3136, 401408)),
        },
    )
    rate = Use("cosine", peak=code(5e-6), warmup=code(0.015))
    settings = {"steps": ours(4000), "batch_size": ours(24), "max_tokens": code(6000)}
    settings |= {"freeze": paper(("vision",)), "optimizer": Optimizer(learning_rate=rate)}
    return prepend(recipe, worked_examples("univg-r1", **settings))
