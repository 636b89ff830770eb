"""WeThink: rules for closed questions, a judge for descriptive ones.

arXiv 2506.07905, data of yangjie-cv/WeThink; its RL code is not released, EasyR1's defaults are
marked ours. Left out: the synthesis of the questions. ``micro`` has closed questions alone, which
the rules of the grader decide.
"""

from __future__ import annotations

from gnomon.recipe import Recipe, Reward, Scale, Use, ours, paper
from gnomon.recipes.rewarded import data, judge, kl, rl, variant


def wethink(scale: Scale) -> Recipe:
    """R = 0.7 accuracy + 0.3 format, G = 5."""
    shape = Reward(part=Use("format-match", format="think-answer"), weight=paper(0.3))
    hybrid = Reward(
        part=Use("hybrid-answer"), weight=paper(0.7), reader=judge("deepseek-ai/DeepSeek-V3")
    )
    ruled = Reward(part=Use("accuracy"), weight=paper(0.7))
    return variant(
        scale,
        "wethink",
        "Rules and a judge for questions of several abilities (arXiv 2506.07905).",
        rl(rollouts=paper(5), regularisers=kl(ours(0.01))),
        micro=rl(rewards=(ruled, shape)),
        full={
            **data({"images": "image_path"}),
            **rl(rewards=(hybrid, shape), optimizer__learning_rate__value=ours(1e-6)),
        },
    )
