"""R1-AQA: audio questions, answered directly, with a plain answer reward.

arXiv 2503.11197, and the released code xiaomi-research/r1-aqa. The options are printed as texts,
and one of them is the answer. Several channels become their mean, where the release takes the
first.
"""

from __future__ import annotations

from gnomon.recipe import Recipe, Reward, Sampling, Scale, Use, code, ours
from gnomon.recipes.rewarded import in_world, kl, layout, rl, variant

DATA = "data/r1-aqa"
TASKS = ["what", "loudest", "longest", "rhythm"]
"""Tasks of the world of sound whose options are listed."""


def r1_aqa(scale: Scale) -> Recipe:
    """R = the option's text exactly + format."""
    return variant(
        scale,
        "r1-aqa",
        "Audio questions with a plain answer reward (arXiv 2503.11197).",
        {
            **layout(scale, Use("answer-only")),
            **rl(
                rewards=(
                    Reward(part=Use("option-text"), weight=code(1.0)),
                    Reward(part=Use("format-match", format="answer-only"), weight=code(1.0)),
                ),
                advantage=Use("grpo", bias=code("unbiased"), epsilon=code(1e-4)),
                aggregate=Use("seq-mean-token-mean"),
                regularisers=kl(code(0.04)),
            ),
        },
        micro={
            **in_world("sound", TASKS, (1, 4), options="texts"),
            **rl(sampling=Sampling(max_new_tokens=ours(24))),
            "model.path": "gnomon-micro-audio",
        },
        full={
            **rl(
                data__layout="avqa",
                data__answer_kind="text",
                sampling=Sampling(max_new_tokens=code(256), temperature=code(1.0)),
                rollouts=code(8),
                prompts=code(2),
                steps=code(1000),
                max_tokens=code(512),
                optimizer__learning_rate__value=code(1e-6),
            ),
            "model.path": "Qwen/Qwen2-Audio-7B-Instruct",
            "model.image_pixels": None,
            "evaluation.benchmarks": (
                Use(
                    "records", path=f"{DATA}/evaluation.parquet", layout="avqa", answer_kind="text"
                ),
            ),
        },
    )
