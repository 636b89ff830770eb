"""Visionary-R1: caption, reason, answer; a caption that alone answers the question is paid.

arXiv 2505.14677, and the released code maifoundations/Visionary-R1. The gold answer stands without
its tags in a column ``answer``. The caption's reward is added once and kept at its own completion,
unlike in the release. ``micro`` has no types of question: accuracy is that of the grader. Its
policy knows no English: it reads the caption as a written scene, and is not told to refuse one that
holds the answer.
"""

from __future__ import annotations

from gnomon.recipe import Recipe, Reward, Sampling, Scale, Use, code, ours, paper
from gnomon.recipes.rewarded import AS_SCENE, QWEN_3B, data, kl, layout, rl, variant


def visionary_r1(scale: Scale) -> Recipe:
    """R = accuracy + format + 0.1 caption, KL along half a cosine from 0.04."""
    shape = Reward(part=Use("format-match", format="caption-reason-answer"), weight=paper(1.0))
    draw = {"temperature": code(0.9), "top_p": code(0.9), "top_k": code(50)}
    typed = Use("typed-answer", system="visionary")
    caption = Reward(
        part=Use("caption-sufficiency"), weight=paper(0.1), reader=Use("policy", **draw)
    )
    read = Reward(
        part=Use("caption-sufficiency", column=None, told=ours(AS_SCENE)),
        weight=paper(0.1),
        reader=Use("policy", max_new_tokens=ours(96), **draw),
    )
    return variant(
        scale,
        "visionary-r1",
        "Captions that answer the question alone (arXiv 2505.14677).",
        {
            **layout(scale, Use("caption-reason-answer")),
            **rl(
                advantage=Use("grpo", bias=code("unbiased"), epsilon=code(1e-4)),
                aggregate=Use("seq-mean-token-mean"),
                regularisers=kl(Use("cosine", peak=paper(0.04))),
            ),
        },
        micro=rl(rewards=(Reward(part=Use("accuracy"), weight=paper(1.0)), shape, read)),
        full={
            **data({"images": "image"}),
            **rl(
                rewards=(Reward(part=typed, weight=paper(1.0)), shape, caption),
                sampling=Sampling(max_new_tokens=ours(1024), **draw),
                rollouts=paper(8),
                prompts=ours(8),
                max_tokens=code(4096),
                optimizer__learning_rate__value=paper(5e-7),
            ),
            "model.path": QWEN_3B,
            "model.image_pixels": code((3136, 2359296)),
        },
    )
