"""Temporal-R1: when something happens in a video, by the temporal IoU of the answered interval.

arXiv 2506.01908, and the released trainer of appletea233/Temporal-R1, which is that of temporal
grounding. A video is read from its column and shown as frames with their times, where the release
merges two frames into one patch. Left out: the selection of the data by variance. For grounded
questions set the reward to ``dual``.
"""

from __future__ import annotations

from gnomon.recipe import Recipe, Regulariser, Reward, Sampling, Scale, Use, code, ours, paper
from gnomon.recipes.rewarded import QWEN_3B, data, kl, layout, rl, variant


def temporal_r1(scale: Scale) -> Recipe:
    """R = 0.5 temporal IoU + 0.5 format."""
    entropy = Regulariser(part=Use("entropy-bonus"), coefficient=Use("constant", value=code(1e-3)))
    return variant(
        scale,
        "temporal-r1",
        "Temporal grounding by the IoU of intervals (arXiv 2506.01908).",
        rl(
            rewards=(
                Reward(part=Use("interval"), weight=code(0.5)),
                Reward(part=Use("interval-format"), weight=code(0.5)),
            ),
            regularisers=(*kl(code(0.01)), entropy),
        ),
        world="a world of videos",
        full={
            **layout(scale, Use("time-spans")),
            **data({"answer": "solution"}),
            **rl(
                sampling=Sampling(max_new_tokens=code(2048), temperature=code(1.0)),
                prompts=code(16),
                rollouts=paper(8),
                max_tokens=code(4096),
                steps=ours(30000),  # 15 epochs of 32k records
                optimizer__learning_rate__value=code(1e-6),
            ),
            "model.path": QWEN_3B,
            "model.image_pixels": code((3136, 1605632)),
        },
    )
