"""GRPO on a reward: the base of the recipes whose contribution is what they pay for.

A variant states its reward terms, its layout and its constants (`variant`); everything else stands
here. ``micro`` is a short cold start in the layout of the system, from worked questions about
pictures, and GRPO on gnomon-micro. ``full`` is GRPO on the published data, as one parquet file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    ours,
    paper,
    vary,
)
from gnomon.recipes import grpo

NAME = "rewarded"
DESCRIPTION = "GRPO on the right answer and the layout."
QWEN_3B = grpo.QWEN_3B
JUDGE = "http://127.0.0.1:8000/v1"
"""Where the recipes look for the endpoint of a judge, verifier or reasoner."""
AS_SCENE = "Scene: {caption}.\n{question}"
"""A caption and a question as the microworld writes a scene out, which gnomon-micro can read."""


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
    micro: Mapping[str, Any],
    base: Callable[[Scale], Recipe] | None = None,
) -> Recipe:
    """The recipe ``name``: its ``base`` with what ``both`` scales and the asked one change.

    The base is `rewarded` unless another is given, such as `gnomon.recipes.grpo.grpo`.
    """
    changes = {"name": name, "description": description, **both}
    make = base or rewarded
    if scale == "micro":
        return vary(make("micro"), {**changes, **micro})
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
    return (grpo.kl_loss(coefficient),)


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


def prepend(recipe: Recipe, stage: Sft) -> Recipe:
    """``recipe`` with a stage in front of its own, at full scale; micro has its cold start."""
    return recipe if recipe.scale == "micro" else vary(recipe, {"stages": (stage, *recipe.stages)})


def _micro() -> Recipe:
    style, pictures = Use("think-answer"), {"data": grpo.world(), "modality": "any"}
    start = grpo.micro_cold_start(style, freeze=(), **pictures)
    stage = grpo.micro_rl(
        style,
        **pictures,
        steps=ours(60),
        rewards=_terms(),
        advantage=Use("grpo"),
        loss=Use("ppo-clip"),
        optimizer=_optimizer(ours(2e-5)),
        save_every=50,
        log_rollouts_every=5,
    )
    return grpo.micro(NAME, DESCRIPTION, start, stage, items=ours(256))


def _full() -> Recipe:
    style = Use("think-answer")
    stage = grpo.full_rl(
        grpo.records(NAME),
        style,
        modality="any",
        steps=ours(500),
        rewards=_terms(),
        sampling=Sampling(max_new_tokens=ours(2048)),
        prompts=ours(16),
        rollouts=ours(8),
        advantage=Use("grpo"),
        loss=Use("ppo-clip", clip_low=paper(0.2), clip_high=paper(0.2)),
        optimizer=_optimizer(ours(1e-6)),
        max_tokens=ours(4096),
    )
    evaluation = grpo.asked(NAME, style, Use("strict"), ours(2048), max_tokens=ours(4096))
    pixels = ours((3136, 1806336))
    return grpo.full(NAME, DESCRIPTION, stage, evaluation=evaluation, image_pixels=pixels)


def _terms() -> tuple[Reward, ...]:
    return grpo.accuracy_and_format("think-answer", ours(1.0), ours(0.5))


def _optimizer(rate: Any) -> Optimizer:
    return Optimizer(
        learning_rate=Use("constant", value=rate), weight_decay=ours(1e-2), grad_clip=ours(1.0)
    )
