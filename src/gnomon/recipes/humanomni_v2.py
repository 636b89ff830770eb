"""HumanOmniV2: a summary of the context first; judges of the context and of the logic.

arXiv 2506.21277, and the released code HumanMLLM/HumanOmniV2. Each judged term is centred in its
group and credited on the tokens up to the end of the section that it judges. Left out: the
supervised stage, the filter before each stage, the second stage on general data. The model is not
supported yet: the dry run says so. ``micro`` sees pictures alone and has no judge: a context earns
its similarity to the written scene, with the same credit, and the logic nothing.
"""

from __future__ import annotations

from gnomon.recipe import Recipe, Reward, Sampling, Scale, Scope, Use, code, ours, paper
from gnomon.recipes.rewarded import data, judge, kl, layout, rl, variant


def humanomni_v2(scale: Scale) -> Recipe:
    """R = accuracy + format + context + logic, advantages without the group's deviation."""
    reader = judge("Qwen/Qwen2.5-72B-Instruct", retries=code(20))
    typed = Use("typed-answer", system="humanomni", solution="solution")
    shape = Reward(part=Use("format-match", format="context-think-answer"), weight=paper(1.0))
    covered = _credited(Use("caption-similarity", column="scene", block="context"), "context")
    return variant(
        scale,
        "humanomni-v2",
        "Context first, judged context and logic (arXiv 2506.21277).",
        {
            **layout(scale, Use("context-think-answer")),
            **rl(
                advantage=Use("dr-grpo"),
                regularisers=kl(
                    Use("linear-ramp", start=paper(0.04), end=paper(0.01), share=paper(0.5))
                ),
            ),
        },
        micro=rl(
            rewards=(Reward(part=Use("accuracy"), weight=paper(1.0)), shape, covered),
        ),
        full={
            **data({"answer": "solution"}),
            **rl(
                rewards=(
                    *(Reward(part=typed, weight=paper(1.0)), shape),
                    _credited(Use("context-coverage"), "context", reader),
                    _credited(Use("logic-judgement"), "think", reader),
                ),
                sampling=Sampling(
                    max_new_tokens=paper(2048), temperature=code(0.9), top_k=code(50)
                ),
                rollouts=paper(8),
                freeze=paper(("vision",)),
                optimizer__learning_rate__value=paper(1e-6),
                max_tokens=ours(8192),
            ),
            "model.path": "Qwen/Qwen2.5-Omni-7B",
        },
    )


def _credited(part: Use, section: str, reader: Use | None = None) -> Reward:
    scope = Scope(section=section, reach=paper("prefix"))
    return Reward(part=part, weight=paper(1.0), reader=reader, scope=scope)
