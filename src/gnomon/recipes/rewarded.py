"""GRPO on a reward: the base of the recipes whose contribution is what they pay for.

A variant states its reward terms, its layout and its constants (`variant`); everything else stands
here. ``micro`` is a short cold start in the layout of the system, from worked questions about
pictures, and GRPO on gnomon-micro. ``full`` is GRPO on the published data, as one parquet file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gnomon.problems import ScaleError
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
    ours,
    paper,
    vary,
)
from gnomon.recipes.revisual_r1 import DIFFICULTY, TASKS

QWEN_3B = "Qwen/Qwen2.5-VL-3B-Instruct"
JUDGE = "http://127.0.0.1:8000/v1"
"""Where the recipes look for the endpoint of a judge, verifier or reasoner."""


def rewarded(scale: Scale) -> Recipe:
    """GRPO (arXiv 2402.03300) on the right answer and the layout."""
    return {"micro": _micro, "full": _full}[scale]()


def variant(
    scale: Scale,
    name: str,
    description: str,
    both: Mapping[str, Any],
    *,
    full: Mapping[str, Any],
    micro: Mapping[str, Any] | None = None,
    world: str = "",
    base: Callable[[Scale], Recipe] | None = None,
) -> Recipe:
    """The recipe ``name``: its ``base`` with what ``both`` scales and the asked one change.

    The base is `rewarded` unless another is given, such as `gnomon.recipes.grpo.grpo`. Without
    ``micro`` the small scale waits for a ``world``, a `ScaleError` that names it.
    """
    if scale == "micro" and micro is None:
        raise ScaleError(
            f"{name} has no micro scale yet: it needs {world}, which is not there; use --scale full"
        )
    changes = {"name": name, "description": description, **both}
    make = base or rewarded
    if scale == "micro":
        return vary(make("micro"), {**changes, **(micro or {})})
    places = {
        "data_root": f"data/{name}",
        "stages.rl.data.path": f"data/{name}/train.parquet",
        "evaluation.benchmarks": (Use("records", path=f"data/{name}/evaluation.parquet"),),
    }
    return vary(make("full"), {**changes, **places, **full})


def rl(**settings: Any) -> dict[str, Any]:
    """Changes of the reinforcement stage; a double underscore goes into a block."""
    return {f"stages.rl.{name.replace('__', '.')}": value for name, value in settings.items()}


def layout(scale: Scale, style: Use) -> dict[str, Any]:
    """One format for everything that is trained and for the evaluation."""
    cold_start = {"stages.cold-start.format": style} if scale == "micro" else {}
    return {**cold_start, "stages.rl.format": style, "evaluation.format": style}


def kl(coefficient: Any) -> tuple[Regulariser, ...]:
    """The k3 penalty to the reference, in the loss; ``coefficient``: a number or a schedule."""
    schedule = coefficient if isinstance(coefficient, Use) else Use("constant", value=coefficient)
    return (Regulariser(part=Use("kl", estimator="k3"), coefficient=schedule),)


def judge(model: str, **settings: Any) -> Use:
    """A model behind an endpoint that `gnomon serve`, vLLM or another server offers."""
    return Use("endpoint", model=model, base_url=JUDGE, **settings)


def data(columns: Mapping[str, str], kind: str = "text") -> dict[str, Any]:
    """Changes that read the file's own columns; ``kind`` is that of the answers."""
    return rl(data__columns=dict(columns), data__answer_kind=kind)


def world(**settings: Any) -> dict[str, Any]:
    """Changes of the micro data of both stages, such as their tasks."""
    stages = ("cold-start", "rl")
    return {f"stages.{s}.data.{key}": value for s in stages for key, value in settings.items()}


def in_world(
    world: str, tasks: list[str], difficulty: tuple[int, int], **settings: Any
) -> dict[str, Any]:
    """Changes that train and evaluate the micro scale on tasks of a world of its own.

    ``settings`` are further ones of its source and of its benchmark.
    """
    asked = {"world": world, "tasks": tasks, "difficulty": ours(difficulty), **settings}
    return {
        "stages.cold-start.data": Use("world", **asked),
        "stages.rl.data": Use("world", **asked),
        "evaluation.benchmarks": (Use("world", **asked, items=ours(256)),),
    }


def worked_examples(name: str, **settings: Any) -> Sft:
    """The supervised stage of a full recipe, on conversations in ``cold_start.parquet``."""
    return Sft(
        name="cold-start",
        data=Use("parquet", path=f"data/{name}/cold_start.parquet"),
        format=Use("direct"),
        **settings,
    )


def prepend(recipe: Recipe, stage: Sft) -> Recipe:
    """``recipe`` with a stage in front of its own, at full scale; micro has its cold start."""
    return recipe if recipe.scale == "micro" else vary(recipe, {"stages": (stage, *recipe.stages)})


def _micro() -> Recipe:
    style = Use("think-answer")
    return Recipe(
        name="rewarded",
        description="GRPO on the right answer and the layout.",
        scale="micro",
        model=Model(path="gnomon-micro"),
        stages=(
            Sft(
                name="cold-start",
                data=_pictures(),
                format=style,
                steps=ours(300),
                batch_size=ours(16),
                max_tokens=384,
                optimizer=Optimizer(
                    learning_rate=Use("cosine", peak=ours(1.5e-3), warmup=ours(0.05)),
                    weight_decay=ours(1e-2),
                ),
            ),
            Reinforce(
                name="rl",
                data=_pictures(),
                format=style,
                steps=ours(60),
                rewards=_terms(),
                sampling=Sampling(max_new_tokens=ours(112)),
                prompts=ours(16),
                rollouts=ours(8),
                advantage=Use("grpo"),
                loss=Use("ppo-clip"),
                optimizer=_optimizer(ours(4e-5)),
                max_tokens=384,
                micro_batch_rows=ours(192),
            ),
        ),
        evaluation=Evaluation(
            benchmarks=(Use("microworld-reasoning", items=ours(256), difficulty=DIFFICULTY),),
            format=style,
            max_new_tokens=ours(112),
        ),
    )


def _pictures() -> Use:
    return Use("microworld", tasks=TASKS, modality="image", difficulty=DIFFICULTY)


def _full() -> Recipe:
    return Recipe(
        name="rewarded",
        description="GRPO on the right answer and the layout.",
        scale="full",
        model=Model(
            path="Qwen/Qwen2.5-VL-7B-Instruct",
            dtype="bfloat16",
            gradient_checkpointing=True,
            image_pixels=ours((3136, 1806336)),
        ),
        data_root="data/rewarded",
        stages=(
            Reinforce(
                name="rl",
                data=Use("parquet", path="data/rewarded/train.parquet"),
                format=Use("think-answer"),
                steps=ours(500),
                rewards=_terms(),
                sampling=Sampling(max_new_tokens=ours(2048)),
                prompts=ours(16),
                rollouts=ours(8),
                advantage=Use("grpo"),
                loss=Use("ppo-clip", clip_low=paper(0.2), clip_high=paper(0.2)),
                optimizer=_optimizer(ours(1e-6)),
                max_tokens=ours(4096),
                micro_batch_rows=ours(4),
            ),
        ),
        evaluation=Evaluation(
            benchmarks=(Use("records", path="data/rewarded/evaluation.parquet"),),
            format=Use("think-answer"),
            max_new_tokens=ours(2048),
            max_tokens=ours(4096),
        ),
    )


def _terms() -> tuple[Reward, ...]:
    return (
        Reward(part=Use("accuracy"), weight=ours(1.0)),
        Reward(part=Use("format-match", format="think-answer"), weight=ours(0.5)),
    )


def _optimizer(rate: Any) -> Optimizer:
    return Optimizer(
        learning_rate=Use("constant", value=rate), weight_decay=ours(1e-2), grad_clip=ours(1.0)
    )
