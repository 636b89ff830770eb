"""General-Reasoner: zero RL on questions of all disciplines with a generative verifier.

arXiv 2505.14652, and the released code TIGER-AI-Lab/General-Reasoner. The text model Qwen2.5-7B is
not supported: the language side of Qwen2.5-VL stands in (ours). Lengths are compared in words, the
release counts tokens. ``micro`` has no verifier: a rule decides, and no answer still costs 0.5; its
disciplines are the tasks in words, all of which its cold start and its benchmark ask too.
"""

from __future__ import annotations

from gnomon.recipe import Recipe, Regulariser, Reward, Sampling, Scale, Use, code, ours, paper
from gnomon.recipes.rewarded import data, judge, kl, layout, rl, variant, world

DISCIPLINES = [
    "count", "digit-sum", "digit-difference", "digit-place", "compare", "relation", "extreme",
    "arithmetic", "logic",
]  # fmt: skip
"""What the micro scale asks in words: scenes that are written out, sums, and orders."""


def general_reasoner(scale: Scale) -> Recipe:
    """R = verified (1 - 0.05 per unit of length difference), -0.5 without an answer."""
    reader = judge("TIGER-Lab/general-verifier", max_new_tokens=code(2048), temperature=code(0.0))
    verified = Reward(part=Use("equivalence-verifier"), weight=1.0, reader=reader)
    values = {"correct": 1.0, "no answer": -0.5}
    ruled = Reward(part=Use("outcome", values=ours(values), otherwise=ours(0.0)), weight=1.0)
    entropy = Regulariser(part=Use("entropy-bonus"), coefficient=Use("constant", value=code(1e-3)))
    return variant(
        scale,
        "general-reasoner",
        "A generative verifier for all disciplines (arXiv 2505.14652).",
        {
            **layout(scale, Use("boxed", mode="released")),
            **rl(
                loss=Use("ppo-clip", clip_low=code(0.3), clip_high=code(0.3), dual_clip=code(10.0)),
                regularisers=(*kl(code(1e-4)), entropy),
                modality="text",
            ),
        },
        micro={
            **world(modality="text", tasks=DISCIPLINES),
            **rl(rewards=(ruled,)),
            "evaluation.benchmarks": (Use("microworld-text", items=ours(256)),),
        },
        full={
            **data({"problem": "question"}),
            **rl(
                rewards=(verified,),
                sampling=Sampling(max_new_tokens=code(8192), temperature=code(1.0)),
                prompts=code(1024),
                updates=code(4),
                rollouts=paper(8),
                steps=paper(700),
                max_tokens=code(1024),
                optimizer__learning_rate__value=code(5e-7),
            ),
        },
    )
