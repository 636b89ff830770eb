"""PAPO: GRPO that also rewards a policy whose words depend on what the image shows.

arXiv 2507.06448, and the released code MikeWangWZHL/PAPO. Semantic masks,
which the paper finds worse than random ones, need a column with the map of a saliency model
(`saliency-patches`): no part computes one.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import Recipe, Regulariser, Sampling, Scale, Use, code, ours, paper
from gnomon.recipes.grpo import accuracy_and_format, grpo, kl_loss, steady
from gnomon.recipes.rewarded import rl, variant

NAME = "papo"
DESCRIPTION = "GRPO with a divergence from the policy that sees a masked image (arXiv 2507.06448)."


def papo(scale: Scale) -> Recipe:
    """PAPO-GRPO; ``full`` is the 7B run with both entropies, ``micro`` the 3B form without them."""
    both = rl(**_method())
    return variant(scale, NAME, DESCRIPTION, both, micro=_micro(), full=_full(), base=grpo)


def perception(gamma: Any) -> Regulariser:
    """gamma times the divergence between the policies with and without the masked image."""
    return Regulariser(part=Use("perception-kl"), coefficient=Use("constant", value=gamma))


def double_entropy(first: Any, second: Any) -> tuple[Regulariser, ...]:
    """Both entropies, minimised; the second one has no gradient, as released."""
    return (
        Regulariser(part=Use("nll"), coefficient=Use("constant", value=first)),
        Regulariser(part=Use("masked-nll"), coefficient=Use("constant", value=second)),
    )


def _method() -> dict[str, Any]:
    return {
        "advantage": Use("grpo", bias=code("unbiased"), epsilon=code(1e-6)),
        "loss": Use("ppo-clip", clip_low=code(0.2), clip_high=code(0.3), dual_clip=code(3.0)),
        "aggregate": Use("token-mean"),
        "rewards": accuracy_and_format(
            "think-boxed", paper(0.9), paper(0.1), mode=code("released")
        ),
        "rollouts": paper(5),
        "corruption": Use("random-patches", probability=paper(0.6)),
        "callbacks": (Use("collapse-monitor"),),
    }


def _micro() -> dict[str, Any]:
    return rl(
        regularisers=(kl_loss(paper(1e-2)), perception(paper(0.02))),
        sampling=Sampling(max_new_tokens=ours(112), top_p=paper(0.99)),
    )


def _full() -> dict[str, Any]:
    return {
        **rl(
            grader=Use("revisual"),
            regularisers=(
                kl_loss(paper(1e-2)),
                perception(paper(0.02)),
                *double_entropy(paper(0.05), paper(0.05)),
            ),
            prompts=paper(384),
            updates=paper(3),
            sampling=Sampling(
                max_new_tokens=paper(2048), temperature=paper(1.0), top_p=paper(0.99)
            ),
            optimizer=steady(paper(1e-6), paper(1e-2)),
            steps=ours(200),
            max_tokens=paper(4096),
        ),
        "model.image_pixels": code((200704, 1003520)),
        "evaluation.grader": Use("revisual"),
        "evaluation.max_new_tokens": paper(2048),
        "evaluation.samples": paper(8),
        "evaluation.temperature": paper(1.0),
    }
