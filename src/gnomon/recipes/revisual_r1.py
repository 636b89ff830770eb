"""ReVisual-R1: text cold start, multimodal RL with Prioritized Advantage Distillation, text RL.

arXiv 2506.04207, and the released code CSfufu/Revisual-R1.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import (
    Evaluation,
    Model,
    Optimizer,
    Recipe,
    Regulariser,
    Reinforce,
    Reward,
    Sampling,
    Scale,
    Sft,
    Use,
    code,
    ours,
    paper,
)

DESCRIPTION = "Text cold start, multimodal RL with PAD, text RL (arXiv 2506.04207)."
LOSS = Use(
    "ppo-clip",
    clip_low=paper(0.2),
    clip_high=code(0.25),
    dual_clip=code(3.0),
    log_ratio_clamp=code((-6.907755278982137, 6.907755278982137)),
)
ADVANTAGE = Use("grpo", bias=code("unbiased"), epsilon=code(1e-6))
DIFFICULTY = ours((1, 3))
TASKS = ["count", "digit-sum", "digit-difference", "digit-place", "compare", "relation", "extreme"]


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


def _micro() -> Recipe:
    return Recipe(
        name="revisual-r1",
        description=DESCRIPTION,
        scale="micro",
        model=Model(path="gnomon-micro"),
        stages=(
            Sft(
                name="cold-start",
                data=_world("text"),
                modality="text",
                format=Use("think-boxed"),
                steps=ours(300),
                batch_size=ours(16),
                max_tokens=384,
                freeze=ours(("vision",)),
                optimizer=Optimizer(
                    learning_rate=Use("cosine", peak=ours(1.5e-3), warmup=paper(0.05)),
                    weight_decay=ours(1e-2),
                ),
            ),
            Reinforce(
                name="multimodal-rl",
                data=_world("image"),
                modality="image",
                steps=ours(200),
                rewards=multimodal_rewards(),
                **_micro_rl(),
            ),
            Reinforce(
                name="text-rl",
                data=_world("text"),
                modality="text",
                steps=ours(20),
                rewards=text_rewards(),
                freeze=paper(("vision",)),
                regularisers=kl_and_entropy(code(1e-2), ours(10)),
                **_micro_rl(),
            ),
        ),
        evaluation=Evaluation(
            benchmarks=(Use("microworld-reasoning", items=ours(512), difficulty=DIFFICULTY),),
            max_new_tokens=ours(112),
        ),
    )


def _world(modality: str) -> Use:
    return Use("microworld", tasks=TASKS, modality=modality, difficulty=DIFFICULTY)


def _micro_rl() -> dict[str, Any]:
    """What both reinforcement stages share at micro scale."""
    return {
        "format": Use("think-boxed"),
        "sampling": Sampling(max_new_tokens=ours(112), temperature=paper(1.0), top_p=paper(0.95)),
        "prompts": ours(16),
        "rollouts": paper(8),
        "advantage": ADVANTAGE,
        # Just above the largest |A| of a group, which the strict comparison would else drop.
        "resample": pad(relative=ours(True), low=code(0.03), high=ours(1.01)),
        "loss": LOSS,
        "optimizer": _rl_optimizer(ours(4e-5)),
        "max_tokens": 384,
        "save_every": ours(40),
        "log_rollouts_every": ours(10),
        "micro_batch_rows": ours(192),
    }


def _full() -> Recipe:
    return Recipe(
        name="revisual-r1",
        description=DESCRIPTION,
        scale="full",
        model=Model(
            path="Qwen/Qwen2.5-VL-7B-Instruct",
            dtype="bfloat16",
            gradient_checkpointing=True,
            image_pixels=code((262144, 4194304)),
        ),
        data_root="data/revisual-r1",
        stages=(
            _full_cold_start(),
            Reinforce(
                name="multimodal-rl",
                data=Use("parquet", path="data/revisual-r1/multimodal_rl.parquet"),
                modality="image",
                rewards=multimodal_rewards(),
                **_full_rl(),
            ),
            Reinforce(
                name="text-rl",
                data=Use("parquet", path="data/revisual-r1/text_rl.parquet"),
                modality="text",
                rewards=text_rewards(),
                freeze=paper(("vision",)),
                regularisers=kl_and_entropy(paper(2e-3), paper(140)),
                **_full_rl(),
            ),
        ),
        evaluation=Evaluation(
            benchmarks=(Use("records", path="data/revisual-r1/evaluation.parquet"),),
            grader=Use("revisual"),
            max_new_tokens=paper(8192),
            temperature=paper(0.3),
            max_tokens=paper(8192),
        ),
    )


def _full_cold_start() -> Sft:
    return Sft(
        name="cold-start",
        data=Use("parquet", path="data/revisual-r1/cold_start.parquet"),
        modality="text",
        format=Use("direct"),
        steps=ours(6250),
        batch_size=ours(32),
        max_tokens=paper(32768),
        micro_batch_tokens=ours(32768),
        optimizer=Optimizer(
            learning_rate=Use("cosine", peak=paper(2e-5), warmup=paper(0.05)),
            weight_decay=0.0,
        ),
    )


def _full_rl() -> dict[str, Any]:
    """What both reinforcement stages share at full scale; ``max_tokens`` bounds the prompt."""
    return {
        "format": Use("think-boxed"),
        "grader": Use("revisual"),
        "sampling": Sampling(max_new_tokens=paper(8192), temperature=paper(1.0), top_p=paper(0.95)),
        "prompts": paper(512),
        "rollouts": paper(8),
        "updates": paper(4),
        "advantage": ADVANTAGE,
        "resample": pad(low=code(0.03), high=code(0.97)),
        "loss": LOSS,
        "optimizer": _rl_optimizer(paper(1e-6)),
        "steps": code(200),
        "micro_batch_rows": ours(4),
        "max_tokens": paper(8192),
    }


def _rl_optimizer(rate: Any) -> Optimizer:
    return Optimizer(
        learning_rate=Use("constant", value=rate),
        weight_decay=paper(1e-2),
        grad_clip=paper(1.0),
    )
