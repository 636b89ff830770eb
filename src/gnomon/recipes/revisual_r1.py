"""ReVisual-R1: text cold start, multimodal RL with Prioritized Advantage Distillation, text RL.

arXiv 2506.04207, and the released code CSfufu/Revisual-R1.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import (
    Optimizer,
    Recipe,
    Regulariser,
    Reward,
    Sampling,
    Scale,
    Sft,
    Use,
    code,
    ours,
    paper,
)
from gnomon.recipes.grpo import (
    asked,
    full,
    full_rl,
    micro,
    micro_cold_start,
    micro_rl,
    records,
    warmed,
    worked_examples,
    world,
)

NAME = "revisual-r1"
DESCRIPTION = "Text cold start, multimodal RL with PAD, text RL (arXiv 2506.04207)."
LOSS = Use(
    "ppo-clip",
    clip_low=paper(0.2),
    clip_high=code(0.25),
    dual_clip=code(3.0),
    log_ratio_clamp=code((-6.907755278982137, 6.907755278982137)),
)
ADVANTAGE = Use("grpo", bias=code("unbiased"), epsilon=code(1e-6))
FORM = Use("think-boxed")


def revisual_r1(scale: Scale) -> Recipe:
    """The three stages; ``micro`` runs on gnomon-micro in minutes, ``full`` on Qwen2.5-VL-7B."""
    return {"micro": _micro, "full": _full}[scale]()


def pad(**settings: Any) -> Use:
    """Prioritized Advantage Distillation as released; thresholds by setting."""
    return Use("pad", mode="released", alpha=code(1.5), ratio=code(1.5), **settings)


def multimodal_rewards(weight: float = 0.05) -> tuple[Reward, ...]:
    """(1 - 4w) accuracy + w critique + w re-look + w repetition, as in the released code."""
    return (
        Reward(part=Use("accuracy"), weight=code(1 - 4 * weight)),
        Reward(part=Use("self-critique"), weight=code(weight)),
        Reward(part=Use("image-revisit"), weight=code(weight)),
        Reward(part=Use("repetition"), weight=code(weight)),
    )


def text_rewards() -> tuple[Reward, ...]:
    """0.85 accuracy + 0.10 repetition + 0.05 critique, as in the released code."""
    return (
        Reward(part=Use("accuracy"), weight=code(0.85)),
        Reward(part=Use("repetition"), weight=code(0.10)),
        Reward(part=Use("self-critique"), weight=code(0.05)),
    )


def kl_and_entropy(coefficient: Any, warmup: Any) -> tuple[Regulariser, ...]:
    """The text stage's k3 penalty to the reference and its annealed entropy bonus."""
    entropy = Use("delayed-decay", warmup=warmup, initial=paper(0.02), decay=paper(0.985))
    return (
        Regulariser(
            part=Use("kl", estimator=paper("k3")), coefficient=Use("constant", value=coefficient)
        ),
        Regulariser(part=Use("sampled-entropy-bonus"), coefficient=entropy),
    )


def _stages() -> tuple[dict[str, Any], dict[str, Any]]:
    """What the two reinforcement stages are at both scales."""
    multimodal = {"name": "multimodal-rl", "modality": "image", "rewards": multimodal_rewards()}
    text = {"name": "text-rl", "modality": "text", "rewards": text_rewards()}
    return multimodal, text | {"freeze": paper(("vision",))}


def _method(tokens: Any, rate: Any) -> dict[str, Any]:
    """What both reinforcement stages share at both scales."""
    return {
        "sampling": Sampling(max_new_tokens=tokens, temperature=paper(1.0), top_p=paper(0.95)),
        "rollouts": paper(8),
        "advantage": ADVANTAGE,
        "loss": LOSS,
        "optimizer": Optimizer(
            learning_rate=Use("constant", value=rate),
            weight_decay=paper(1e-2),
            grad_clip=paper(1.0),
        ),
    }


def _micro() -> Recipe:
    multimodal, text = _stages()
    # Just above the largest |A| of a group, which the strict comparison would else drop.
    thresholds = pad(relative=ours(True), low=code(0.03), high=ours(1.01))
    method = {"resample": thresholds, **_method(ours(112), ours(2e-5))}
    return micro(
        NAME,
        DESCRIPTION,
        micro_cold_start(FORM, steps=ours(500), optimizer=warmed(ours(5e-4), paper(0.05))),
        micro_rl(FORM, steps=ours(150), **multimodal, **method),
        micro_rl(
            FORM,
            data=world("text"),
            steps=ours(20),
            regularisers=kl_and_entropy(code(1e-2), ours(10)),
            **text,
            **method,
        ),
    )


def _full() -> Recipe:
    multimodal, text = _stages()
    # The prompt alone is bounded by max_tokens.
    method = {
        "grader": Use("revisual"),
        "prompts": paper(512),
        "updates": paper(4),
        "resample": pad(low=code(0.03), high=code(0.97)),
        "steps": code(200),
        "max_tokens": paper(8192),
        **_method(paper(8192), paper(1e-6)),
    }
    penalties = kl_and_entropy(paper(2e-3), paper(140))
    limits = {"temperature": paper(0.3), "max_tokens": paper(8192)}
    return full(
        NAME,
        DESCRIPTION,
        _full_cold_start(),
        full_rl(records(NAME, "multimodal_rl"), FORM, **multimodal, **method),
        full_rl(records(NAME, "text_rl"), FORM, regularisers=penalties, **text, **method),
        evaluation=asked(NAME, FORM, Use("revisual"), paper(8192), **limits),
        image_pixels=code((262144, 4194304)),
    )


def _full_cold_start() -> Sft:
    return worked_examples(
        NAME,
        modality="text",
        steps=ours(6250),
        batch_size=ours(32),
        max_tokens=paper(32768),
        micro_batch_tokens=ours(32768),
        optimizer=Optimizer(
            learning_rate=Use("cosine", peak=paper(2e-5), warmup=paper(0.05)),
            weight_decay=0.0,
        ),
    )
