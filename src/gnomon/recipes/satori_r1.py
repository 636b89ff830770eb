"""SATORI-R1: caption, evidence boxes, answer, each with a verifiable reward of its own.

arXiv 2505.19094, and the released code justairr/SATORI-R1 (without a think block). The layout is
read strictly: nothing may follow the answer.
"""

from __future__ import annotations

from gnomon.recipe import Recipe, Reward, Sampling, Scale, Use, code, ours
from gnomon.recipes.rewarded import QWEN_3B, data, kl, layout, rl, variant


def satori_r1(scale: Scale) -> Recipe:
    """Four terms of weight 1; ``micro`` reads the written scene as the reference caption."""
    style = Use("caption-box-answer")
    shape = Reward(part=Use("format-match", format="caption-box-answer"), weight=code(1.0))
    boxes = Reward(part=Use("evidence-union"), weight=code(1.0))

    def caption(column: str) -> Reward:
        return Reward(part=Use("caption-similarity", column=column), weight=code(1.0))

    return variant(
        scale,
        "satori-r1",
        "Caption, evidence boxes, answer (arXiv 2505.19094).",
        {**layout(scale, style), **rl(regularisers=kl(code(1e-3)))},
        micro=rl(
            rewards=(shape, caption("scene"), Reward(part=Use("accuracy"), weight=code(1.0))),
        ),
        full={
            **data({"problem": "question", "images": "image", "answer": "possible_answers"}),
            **rl(
                rewards=(
                    *(shape, caption("image_caption"), boxes),
                    Reward(part=Use("accepted-answer"), weight=code(1.0)),
                ),
                sampling=Sampling(
                    max_new_tokens=code(512),
                    temperature=code(1.0),
                    top_p=code(0.9),
                    top_k=code(50),
                ),
                rollouts=code(16),
                prompts=code(2),
                max_tokens=code(2048),
                steps=ours(6000),
                optimizer__learning_rate=Use("cosine", peak=code(1e-6), warmup=code(0.01)),
            ),
            "model.path": QWEN_3B,
            "model.image_pixels": code((200704, 401408)),
        },
    )
