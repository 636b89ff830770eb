"""Reason-RFT: a cold start from worked traces, then GRPO; here its counting family.

arXiv 2503.20752, and the released code tanhuajie/Reason-RFT. Structure perception takes the same
terms; for transformations set the reward to ``call-sequence``. Qwen2-VL is not supported:
Qwen2.5-VL-3B stands in (ours). Left out: the optional length and step terms, off in the release.
"""

from __future__ import annotations

from gnomon.recipe import Optimizer, Recipe, Reward, Sampling, Scale, Use, code, ours
from gnomon.recipes.grpo import worked_examples
from gnomon.recipes.rewarded import QWEN_3B, data, kl, prepend, rl, variant, world


def reason_rft(scale: Scale) -> Recipe:
    """R = exact answer + format after a supervised stage of 1.6k traces."""
    recipe = variant(
        scale,
        "reason-rft",
        "Cold start and GRPO for visual counting (arXiv 2503.20752).",
        rl(
            rewards=(
                Reward(part=Use("exact-answer"), weight=code(1.0)),
                Reward(part=Use("format-match", format="think-answer"), weight=code(1.0)),
            ),
            advantage=Use("grpo", bias=code("unbiased"), epsilon=code(1e-4)),
            aggregate=Use("seq-mean-token-mean"),
            regularisers=kl(code(0.04)),
        ),
        micro={
            **world(tasks=["count"]),
            "evaluation.benchmarks.microworld-reasoning.tasks": None,
        },
        full={
            **data({"images": "image"}, "integer"),
            **rl(
                sampling=Sampling(
                    max_new_tokens=code(512),
                    temperature=code(0.9),
                    top_p=code(0.9),
                    top_k=code(50),
                ),
                rollouts=code(8),
                max_tokens=code(4096),
                optimizer__learning_rate__value=code(1e-6),
            ),
            "model.path": QWEN_3B,
            "model.image_pixels": code((3136, 480000)),
        },
    )
    rate = Use("cosine", peak=code(1e-5), warmup=code(100))
    settings = {"steps": ours(100), "batch_size": code(16), "max_tokens": code(4096)}
    optimizer = Optimizer(learning_rate=rate, weight_decay=code(0.1))
    return prepend(recipe, worked_examples("reason-rft", optimizer=optimizer, **settings))
