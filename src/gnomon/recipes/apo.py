"""APO: a loose leash on hard-won right answers, and a heavier hand on overlong wrong ones.

arXiv 2506.21655, and the released code Indolent-Kawhi/View-R1. Full scale keeps the order of the
data, as released.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import Recipe, Sampling, Scale, Use, code, ours
from gnomon.recipes.grpo import QWEN_3B, accuracy_and_format, grpo, kl_loss, steady
from gnomon.recipes.rewarded import layout, rl, variant

NAME = "apo"
DESCRIPTION = "KL by difficulty, and weights on overlong wrong answers (arXiv 2506.21655)."
FORM = Use("think-answer")


def apo(scale: Scale) -> Recipe:
    """GRPO with two weights: one on the KL of right answers, one on overlong wrong ones."""
    both = {**layout(scale, FORM), **rl(**_method())}
    return variant(scale, NAME, DESCRIPTION, both, micro=_micro(), full=_full(), base=grpo)


def _method() -> dict[str, Any]:
    return {
        "advantage": Use("grpo", bias=code("unbiased"), epsilon=code(1e-9)),
        "loss": Use("ppo-clip", clip_low=code(0.2), clip_high=code(0.2)),
        "aggregate": Use("token-mean"),
        "rewards": accuracy_and_format("think-answer", code(1.0), code(0.5), mode=code("once")),
        "rollouts": code(8),
        "regularisers": (
            kl_loss(
                code(1e-3),
                weight=Use("difficulty-divergence"),
                aggregate=Use("seq-mean-token-mean"),
            ),
        ),
    }


def _micro() -> dict[str, Any]:
    # Responses of a hundred tokens: the released base would change no weight by more than .1 %.
    return rl(weights=(Use("excess-length", base=ours(1.001)),))


def _full() -> dict[str, Any]:
    return {
        **rl(
            grader=Use("released", system="apo"),
            weights=(Use("excess-length", base=code(1.00001)),),
            shuffle=code(False),
            prompts=code(128),
            updates=code(2),
            sampling=Sampling(max_new_tokens=code(4096), temperature=code(1.0), top_p=code(1.0)),
            optimizer=steady(code(1e-6)),
            steps=ours(312),
            max_tokens=code(9216),
        ),
        "model.path": QWEN_3B,
        # Not the released rule: it finds every answer right where it cannot read the reference.
        "evaluation.grader": Use("math-verify"),
        "evaluation.max_new_tokens": code(4096),
    }
