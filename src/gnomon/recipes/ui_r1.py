"""UI-R1: the next action on a screen, by its type, its place and its layout.

arXiv 2503.21620, and the released code lll6gg/UI-R1. Every record needs an ``answer`` (the gold
action as text), for the reports. Left out: the scale from the resized to the original screen, which
is 1 unless a record has a column ``scale``; UI-R1-E, whose bonus is ``group-budget``. ``micro``
asks for one step on screens of the world ``screens``.
"""

from __future__ import annotations

from gnomon.recipe import Recipe, Reward, Sampling, Scale, Use, code, ours, paper
from gnomon.recipes.rewarded import QWEN_3B, data, in_world, kl, layout, rl, variant


def ui_r1(scale: Scale) -> Recipe:
    """R = action type + click inside the element + format."""
    return variant(
        scale,
        "ui-r1",
        "The next action on a screen from 136 examples (arXiv 2503.21620).",
        {
            **layout(scale, Use("action-answer")),
            **rl(
                rewards=(
                    Reward(part=Use("action-type"), weight=paper(1.0)),
                    Reward(part=Use("action-point"), weight=paper(1.0)),
                    Reward(part=Use("format-match", format="think-answer"), weight=paper(1.0)),
                ),
                advantage=Use("grpo", bias=code("unbiased"), epsilon=code(1e-4)),
                aggregate=Use("seq-mean-token-mean"),
                regularisers=kl(code(0.04)),
            ),
        },
        micro=in_world("screens", ["act"], (1, 3)),
        full={
            **data({"problem": "instruction", "images": "img_filename"}),
            **rl(
                sampling=Sampling(max_new_tokens=code(256), temperature=code(1.0)),
                rollouts=code(8),
                prompts=code(2),
                steps=ours(544),  # 8 epochs of 136 samples
                max_tokens=code(1024),
                optimizer__learning_rate=Use("linear", peak=code(9.98e-7)),
            ),
            "model.path": QWEN_3B,
            "model.image_pixels": code((3136, 12845056)),
        },
    )
