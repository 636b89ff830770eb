"""RACRO: captions are paid when a frozen reasoner that reads only them solves the problem.

arXiv 2506.04559, and the released code gyhdog99/RACRO2: caption reward optimisation, without the
joint variant and without inference. The reasoner stands behind an endpoint; at micro scale it is
the untrained gnomon-micro, which reads the caption as a written scene and answers at once.
Questions stand in a column ``question``.
"""

from __future__ import annotations

from gnomon.recipe import Optimizer, Recipe, Reward, Sampling, Scale, Use, code, ours
from gnomon.recipes.rewarded import AS_SCENE, data, judge, kl, layout, rl, variant

ASKED = "Describe the image in detail given the query, do not answer."


def racro(scale: Scale) -> Recipe:
    """R = 1 when the reasoner is right, GRPO on the caption's tokens."""
    small = Reward(
        part=Use("caption-success", told=ours(AS_SCENE), system=ours(""), boxed=ours(False)),
        weight=code(1.0),
        reader=Use("local", path="gnomon-micro", max_new_tokens=ours(8)),
    )
    reasoner = judge(
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", max_new_tokens=code(8192), temperature=code(1.0)
    )
    return variant(
        scale,
        "racro",
        "Captions that let a frozen reasoner solve (arXiv 2506.04559).",
        {
            **layout(scale, Use("direct", instruction=ASKED, holds="description")),
            **rl(
                loss=Use("ppo-clip", clip_low=code(0.2), clip_high=code(0.2), dual_clip=code(3.0)),
                regularisers=kl(code(1e-3)),
                rollouts=code(4),
            ),
        },
        micro=rl(rewards=(small,)),
        full={
            **data({"problem": "question"}),
            **rl(
                rewards=(Reward(part=Use("caption-success"), weight=code(1.0), reader=reasoner),),
                sampling=Sampling(max_new_tokens=code(8192), temperature=code(1.0)),
                prompts=code(256),
                updates=code(2),
                max_tokens=code(8192),
                optimizer=Optimizer(
                    learning_rate=Use("constant", value=code(1e-6)), weight_decay=code(1e-2)
                ),
            ),
        },
    )
