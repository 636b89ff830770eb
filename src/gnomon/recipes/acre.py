"""ACRE: the same reasoning has to lead to the same option when the options are shuffled.

arXiv 2510.10104; no code is public, so that most constants are ours. The model after Video-R1's
supervised stage is not published under a name that this recipe could rely on: it starts from
Qwen2.5-VL. Images stand in the column ``images`` and videos, which are shown as frames, in
``videos``; the release has ``path`` and ``data_type``.
``micro`` asks for values of charts and their differences, each one of four numbers by letter.
"""

from __future__ import annotations

from gnomon.recipe import Recipe, Reward, Scale, Use, ours
from gnomon.recipes.rewarded import data, in_world, kl, rl, variant


def acre(scale: Scale) -> Recipe:
    """R = consistency table (1.0, 0.5, 0.2) + 0.5 format."""
    again = Use("policy", max_new_tokens=ours(8), temperature=ours(0.0), stop=("</answer>",))
    instruction = "Think in <think></think>, then answer in <answer></answer>."
    consistency = Use("answer-consistency", instruction=instruction, worth=ours((1.0, 0.5, 0.2)))
    return variant(
        scale,
        "acre",
        "Answers have to survive shuffled options (arXiv 2510.10104).",
        rl(
            rewards=(
                Reward(part=consistency, weight=1.0, reader=again),
                Reward(part=Use("format-match", format="think-answer"), weight=ours(0.5)),
            ),
            regularisers=kl(ours(0.04)),
            rollouts=ours(8),
        ),
        micro=in_world("charts", ["value", "difference"], (1, 2), options="numbers"),
        full=data({"options": "options"}, "choice"),
    )
