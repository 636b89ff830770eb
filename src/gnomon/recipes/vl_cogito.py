"""VL-Cogito: progressive curriculum RL, the same data with easy, then medium, then hard weights.

arXiv 2507.22607, and the released code alibaba-damo-academy/VL-Cogito. No part rewrites questions
or drops those that the base model passes: the records have to be selected before. The looser
comparisons of the released reward, after its own normalisation of texts, are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from gnomon.recipe import Recipe, Reinforce, Reward, Sampling, Scale, Use, code, ours, paper
from gnomon.recipes.grpo import (
    accuracy_and_format,
    asked,
    full,
    full_rl,
    kl_loss,
    micro,
    micro_cold_start,
    micro_rl,
    records,
    steady,
)

NAME = "vl-cogito"
DESCRIPTION = "Curriculum RL with difficulty weights, then a length target (arXiv 2507.22607)."
FORM = Use("think-answer-boxed", mode="released")


def _rewards() -> tuple[Reward, ...]:
    return accuracy_and_format("think-answer-boxed", paper(1.0), paper(0.5), mode=code("released"))


def _method() -> dict[str, Any]:
    """What both scales share; made when asked, because naming a reward imports its module."""
    return {
        "advantage": Use("grpo", bias=code("unbiased"), epsilon=code(1e-6), single=code("keep")),
        "loss": Use("ppo-clip", clip_low=paper(0.2), clip_high=paper(0.2)),
        "regularisers": (kl_loss(paper(1e-3)),),
        "rollouts": paper(16),
    }


def vl_cogito(scale: Scale) -> Recipe:
    """Three stages over the same data; ``micro`` first teaches the form of the answer."""
    return {"micro": _micro, "full": _full}[scale]()


def curriculum(
    make: Callable[..., Reinforce], fixed: Any, limit: Any
) -> tuple[Reinforce, Reinforce, Reinforce]:
    """Easy, medium, hard; the hard stage has the dynamic length reward as well.

    ``fixed`` is the least length wanted where all of a group are wrong, ``limit`` the longest.
    """
    length = (
        Reward(part=Use("dynamic-length", fixed=fixed, limit=limit), weight=code(1.0)),
        Reward(part=Use("word-repetition", n=code(20), most=code(0.5)), weight=code(1.0)),
    )

    def stage(curve: str, more: tuple[Reward, ...] = ()) -> Reinforce:
        weight = Use("difficulty-curve", curve=paper(curve))
        return make(name=curve, weights=(weight,), rewards=_rewards() + more, **_method())

    return stage("easy"), stage("medium"), stage("hard", length)


def _micro() -> Recipe:
    make = partial(micro_rl, FORM, steps=ours(27), prompts=ours(8))
    stages = curriculum(make, ours(60), ours(112))
    return micro(NAME, DESCRIPTION, micro_cold_start(FORM), *stages)


def _full() -> Recipe:
    make = partial(
        full_rl,
        records(NAME),
        FORM,
        grader=Use("math-verify"),
        prompts=paper(512),
        updates=paper(4),
        sampling=Sampling(max_new_tokens=paper(4096), temperature=paper(1.0)),
        optimizer=steady(paper(1e-6), paper(1e-2)),
        steps=ours(100),
        max_tokens=paper(2048),
    )
    evaluation = asked(NAME, FORM, Use("math-verify"), paper(4096))
    stages = curriculum(make, code(750), code(4096))
    return full(
        NAME, DESCRIPTION, *stages, evaluation=evaluation, image_pixels=code((7056, 1048576))
    )
