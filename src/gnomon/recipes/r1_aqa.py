"""R1-AQA: audio questions, answered directly, with a plain answer reward.

arXiv 2503.11197, and the released code xiaomi-research/r1-aqa. The model hears, which none of the
supported ones does: the dry run says so, and the sound is left out of the records. "video" becomes
"audio" in the questions beforehand; the gold option's text stands in a column ``option``.
"""

from __future__ import annotations

from gnomon.recipe import Recipe, Reward, Sampling, Scale, Use, code
from gnomon.recipes.rewarded import data, kl, layout, rl, variant


def r1_aqa(scale: Scale) -> Recipe:
    """R = the option's text exactly + format."""
    return variant(
        scale,
        "r1-aqa",
        "Audio questions with a plain answer reward (arXiv 2503.11197).",
        rl(
            rewards=(
                Reward(part=Use("option-text"), weight=code(1.0)),
                Reward(part=Use("format-match", format="answer-only"), weight=code(1.0)),
            ),
            advantage=Use("grpo", bias=code("unbiased"), epsilon=code(1e-4)),
            aggregate=Use("seq-mean-token-mean"),
            regularisers=kl(code(0.04)),
        ),
        world="a world of sounds",
        full={
            **layout(scale, Use("answer-only")),
            **data({"problem": "question_text", "answer": "option", "options": "multi_choice"}),
            **rl(
                sampling=Sampling(max_new_tokens=code(256), temperature=code(1.0)),
                rollouts=code(8),
                prompts=code(2),
                steps=code(1000),
                max_tokens=code(512),
                optimizer__learning_rate__value=code(1e-6),
            ),
            "model.path": "Qwen/Qwen2-Audio-7B-Instruct",
        },
    )
