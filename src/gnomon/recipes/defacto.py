"""DeFacto: answers from the right regions, abstention when the evidence is hidden.

arXiv 2509.20912, and the second release of tinnel123666888/defacto. The file's ``solution`` is
flattened to the columns ``type``, ``y_star``, ``r_plus_boxes`` and ``r_minus_boxes``. Left out at
full scale: the making of the masked images and the supervised stage (start from its checkpoint).
``micro`` has both: the world ``edits`` hides what a question needs, other things, or nothing, and
the cold start shows boxes and thoughts. No judge reads its answers, which have one wording each.
"""

from __future__ import annotations

from gnomon.recipe import Recipe, Reward, Sampling, Scale, Use, code, ours
from gnomon.recipes.rewarded import data, in_world, judge, layout, rl, variant


def defacto(scale: Scale) -> Recipe:
    """R = answer by image variant + 0.2 format + 0.2 regions, without KL."""
    served = judge("Qwen/Qwen2.5-7B-Instruct", max_new_tokens=ours(8))
    reader = Use("none") if scale == "micro" else served
    return variant(
        scale,
        "defacto",
        "Counterfactual images and evidence boxes (arXiv 2509.20912).",
        {
            **layout(scale, Use("box-think-answer")),
            **rl(
                rewards=(
                    Reward(part=Use("variant-judged"), weight=code(1.0), reader=reader),
                    Reward(part=Use("evidence-format"), weight=code(0.2)),
                    Reward(part=Use("evidence-region"), weight=code(0.2)),
                ),
                advantage=Use("grpo", bias=code("unbiased"), epsilon=code(1e-4)),
            ),
        },
        micro={
            **in_world("edits", ["evidence"], (1, 3)),
            "stages.cold-start.steps": ours(80),  # a longer one leaves RL little to do
        },
        full={
            **data({"problem": "query", "answer": "y_star"}),
            **rl(
                sampling=Sampling(max_new_tokens=code(2048), temperature=code(0.9)),
                rollouts=code(4),
                max_tokens=code(8192),
                optimizer__learning_rate__value=code(1e-6),
                optimizer__grad_clip=code(1.0),
            ),
            "model.image_pixels": code((3136, 12845056)),
        },
    )
