"""GRPO: group-relative policy optimisation with rewards that can be verified, and nothing else.

arXiv 2402.03300. The systems that modify GRPO are written with the same stages, so that at micro
scale a system differs from this recipe in its method alone. Settings that hold at both scales of a
system stand once, as a mapping that both of its stages get.
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
    Stage,
    Use,
    ours,
    paper,
)

DIFFICULTY = ours((1, 5))
TASKS = ["digit-sum", "digit-difference", "digit-place", "compare", "extreme"]
"""What takes gnomon-micro several steps; most counts and all relations it tells at one look."""
DESCRIPTION = "Group-relative policy optimisation, nothing added (arXiv 2402.03300)."
QWEN_7B, QWEN_3B = "Qwen/Qwen2.5-VL-7B-Instruct", "Qwen/Qwen2.5-VL-3B-Instruct"
METHOD: dict[str, Any] = {
    "advantage": Use("grpo", bias=ours("unbiased"), epsilon=ours(1e-6)),
    "loss": Use("ppo-clip", clip_low=ours(0.2), clip_high=ours(0.2)),
    "aggregate": Use("seq-mean-token-mean"),
}


def grpo(scale: Scale) -> Recipe:
    """A cold start that teaches the form and plain GRPO; ``full`` has GRPO alone."""
    return {"micro": _micro, "full": _full}[scale]()


def micro(
    name: str,
    description: str,
    *stages: Stage,
    items: Any = None,
    tasks: list[str] | None = TASKS,
) -> Recipe:
    """A run of gnomon-micro in minutes, asked 512 ``items`` in the form of its last stage.

    They are of ``tasks``, of all that take several steps when None.
    """
    asked = ours(512) if items is None else items
    questions = {"items": asked, "tasks": tasks, "difficulty": DIFFICULTY}
    return Recipe(
        name=name,
        description=description,
        scale="micro",
        model=Model(path="gnomon-micro"),
        stages=stages,
        evaluation=Evaluation(
            benchmarks=(Use("microworld-reasoning", **questions),),
            format=stages[-1].format,
            max_new_tokens=ours(112),
        ),
    )


def world(modality: str = "image", tasks: list[str] = TASKS, **settings: Any) -> Use:
    """Questions of several steps about microworld scenes."""
    return Use("microworld", tasks=tasks, modality=modality, difficulty=DIFFICULTY, **settings)


def micro_cold_start(form: Use, **changes: Any) -> Sft:
    """Worked chains over written scenes in the form ``form``, which the base has yet to learn."""
    settings = {
        "name": "cold-start",
        "data": world("text"),
        "modality": "text",
        "format": form,
        "steps": ours(300),
        "batch_size": ours(16),
        "max_tokens": 384,
        "freeze": ours(("vision",)),
        "optimizer": warmed(ours(5e-4), ours(0.05)),
    }
    return Sft(**settings | changes)


def micro_rl(form: Use, **changes: Any) -> Reinforce:
    """Reinforcement learning on pictures of the microworld, 128 rollouts a step."""
    settings = {
        "name": "rl",
        "data": world(),
        "modality": "image",
        "format": form,
        "steps": ours(80),
        "prompts": ours(16),
        "rollouts": ours(8),
        "sampling": Sampling(max_new_tokens=ours(112)),
        "optimizer": steady(ours(2e-5)),
        "max_tokens": 384,
        "save_every": ours(40),
        "log_rollouts_every": ours(10),
        "micro_batch_rows": ours(192),
    }
    return Reinforce(**settings | changes)


def full(
    name: str, description: str, *stages: Stage, evaluation: Evaluation, **model: Any
) -> Recipe:
    """A run of a published size; its data stand in ``data/<name>``."""
    settings = {"path": QWEN_7B, "dtype": "bfloat16", "gradient_checkpointing": True}
    return Recipe(
        name=name,
        description=description,
        scale="full",
        model=Model(**settings | model),
        stages=stages,
        data_root=f"data/{name}",
        evaluation=evaluation,
    )


def full_rl(data: Use, form: Use, **changes: Any) -> Reinforce:
    """Reinforcement learning at full scale on records with pictures."""
    settings = {
        "name": "rl",
        "data": data,
        "modality": "image",
        "format": form,
        "micro_batch_rows": ours(4),
    }
    return Reinforce(**settings | changes)


def worked_examples(system: str, file: str = "cold_start", **changes: Any) -> Sft:
    """A supervised stage at full scale on the conversations in ``data/<system>/<file>.parquet``."""
    settings = {"name": "cold-start", "data": records(system, file), "format": Use("direct")}
    return Sft(**settings | changes)


def records(name: str, file: str = "train", **settings: Any) -> Use:
    """The records of a system at full scale: ``data/<name>/<file>.parquet``."""
    return Use("parquet", path=f"data/{name}/{file}.parquet", **settings)


def asked(
    name: str,
    form: Use,
    grader: Use,
    tokens: Any,
    columns: dict[str, str] | None = None,
    **settings: Any,
) -> Evaluation:
    """Evaluation at full scale on ``data/<name>/evaluation.parquet``, ``columns`` as there."""
    path = f"data/{name}/evaluation.parquet"
    return Evaluation(
        benchmarks=(Use("records", path=path, columns=columns),),
        format=form,
        grader=grader,
        max_new_tokens=tokens,
        **settings,
    )


def accuracy_and_format(form: str, accuracy: Any, layout: Any, **mode: Any) -> tuple[Reward, ...]:
    """A weighted sum of the accuracy bit and the format bit, by a ``mode`` of the format if any."""
    return (
        Reward(part=Use("accuracy"), weight=accuracy),
        Reward(part=Use("format-match", format=form, **mode), weight=layout),
    )


def kl_loss(coefficient: Any, **settings: Any) -> Regulariser:
    """The k3 penalty to the model that the stage started from; a number or a schedule of it."""
    schedule = coefficient if isinstance(coefficient, Use) else Use("constant", value=coefficient)
    return Regulariser(part=Use("kl", estimator="k3"), coefficient=schedule, **settings)


def steady(rate: Any, weight_decay: Any = None) -> Optimizer:
    """A constant learning rate."""
    decay = ours(1e-2) if weight_decay is None else weight_decay
    return Optimizer(learning_rate=Use("constant", value=rate), weight_decay=decay)


def warmed(rate: Any, warmup: Any) -> Optimizer:
    """A learning rate that is warmed up and then falls as a cosine."""
    cosine = Use("cosine", peak=rate, warmup=warmup)
    return Optimizer(learning_rate=cosine, weight_decay=ours(1e-2))


def _micro() -> Recipe:
    form = Use("think-boxed")
    stage = micro_rl(form, rewards=_rewards(), regularisers=(kl_loss(ours(1e-3)),), **METHOD)
    return micro("grpo", DESCRIPTION, micro_cold_start(form), stage)


def _full() -> Recipe:
    form = Use("think-boxed")
    stage = full_rl(
        records("grpo"),
        form,
        rewards=_rewards(),
        regularisers=(kl_loss(paper(0.04)),),
        prompts=paper(16),
        rollouts=paper(64),
        sampling=Sampling(max_new_tokens=paper(1024)),
        optimizer=steady(paper(1e-6)),
        steps=ours(200),
        max_tokens=ours(4096),
        **METHOD,
    )
    evaluation = asked("grpo", form, Use("strict"), paper(1024))
    return full("grpo", DESCRIPTION, stage, evaluation=evaluation)


def _rewards() -> tuple[Reward, ...]:
    return accuracy_and_format("think-boxed", ours(0.9), ours(0.1))
