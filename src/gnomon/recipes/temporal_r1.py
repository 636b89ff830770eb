"""Temporal-R1: when something happens in a video, by the temporal IoU of the answered interval.

arXiv 2506.01908, and the released trainer of appletea233/Temporal-R1, which is that of temporal
grounding. A video is shown as frames, each after its time, where the release merges two frames into
one patch; its budget of pixels is shared by the frames. Left out: the selection of the data by
variance. For grounded questions set the reward to ``dual``. ``micro`` asks about videos of the
world ``motion``, and beside one interval, as the release, for several.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import (
    Recipe,
    Regulariser,
    Reward,
    Sampling,
    Scale,
    Use,
    Video,
    code,
    ours,
    paper,
)
from gnomon.recipes.rewarded import QWEN_3B, data, in_world, kl, layout, rl, variant

FRAMES = 16
PIXELS = 1605632
"""Frames of a video at full scale (ours), and the pixels of all of them."""


def temporal_r1(scale: Scale) -> Recipe:
    """R = 0.5 temporal IoU + 0.5 format."""
    entropy = Regulariser(part=Use("entropy-bonus"), coefficient=Use("constant", value=code(1e-3)))
    return variant(
        scale,
        "temporal-r1",
        "Temporal grounding by the IoU of intervals (arXiv 2506.01908).",
        {
            **layout(scale, Use("time-spans")),
            **rl(
                rewards=(
                    Reward(part=Use("interval"), weight=code(0.5)),
                    Reward(part=Use("interval-format"), weight=code(0.5)),
                ),
                regularisers=(*kl(code(0.01)), entropy),
            ),
        },
        micro=_micro(),
        full={
            **data({"answer": "solution", "videos": "video"}),
            **rl(
                sampling=Sampling(max_new_tokens=code(2048), temperature=code(1.0)),
                prompts=code(16),
                rollouts=paper(8),
                max_tokens=code(4096),
                steps=ours(30000),  # 15 epochs of 32k records
                optimizer__learning_rate__value=code(1e-6),
            ),
            "model.path": QWEN_3B,
            "model.image_pixels": ours((3136, PIXELS // FRAMES)),
            "model.video": Video(most=ours(FRAMES)),
        },
    )


def _micro() -> dict[str, Any]:
    """One interval earns the rewards of the release; several, which it does not know, like ones."""
    one, several = ("when",), ("moves",)
    times = Use("format-match", format="time-spans")
    return {
        **in_world("motion", [*one, *several], (1, 3)),
        **rl(
            rewards=(
                Reward(part=Use("interval"), weight=code(0.5), tasks=one),
                Reward(part=Use("interval-format"), weight=code(0.5), tasks=one),
                Reward(part=Use("accuracy", partial=True), weight=ours(0.5), tasks=several),
                Reward(part=times, weight=ours(0.5), tasks=several),
            ),
            sampling=Sampling(max_new_tokens=ours(144)),
            max_tokens=512,
            micro_batch_rows=ours(64),
        ),
        "model.video": Video(most=ours(8)),
        "stages.cold-start.max_tokens": 512,
        "evaluation.max_new_tokens": ours(144),
    }
