"""gnomon-micro, to begin with: teach a new small Qwen2.5-VL to see and to name, not to reason.

Most of the data are conversations about one microworld scene: describe it, read a digit, name a
colour, give a box. Questions that need several steps are answered directly in a few turns, so that
the model knows their form and has room to learn.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import Evaluation, Model, Optimizer, Recipe, Scale, Sft, Use, ours
from gnomon.worlds.questions import multi_step_tasks

PLACES = ["locate", "box", "read-word"] * 2 + ["colour", "shape", "size", "read-digit"]
"""The third stage asks most often for what is hardest to see: where things are, and letters."""


TASKS = list(multi_step_tasks())


def gnomon_micro_base(scale: Scale) -> Recipe:
    """A model of two million parameters, from random weights; `gnomon-micro-v2` goes on with it."""
    return Recipe(
        name="gnomon-micro-base",
        description="First training of the bundled base model, on conversations about scenes.",
        scale=scale,
        seed=0,
        model=Model(path="new", architecture=Use("gnomon-micro")),
        stages=(
            _conversations("small-scenes", ours(400), side=2, turns=2, describe=1.0),
            _conversations("scenes", ours(1100), side=4, turns=4, describe=0.9),
            _conversations(
                "places",
                ours(380),
                side=4,
                turns=6,
                describe=0.7,
                tasks=PLACES,
                rate=Use("cosine", peak=ours(1.5e-3), warmup=20, floor=ours(1e-5)),
            ),
            _habits("habits", ours(150), ours(128), text_reasoning=0.0),
            _habits("text-reasoning", ours(420), ours(64), text_reasoning=0.4),
            _thoughts("thoughts", ours(3200)),
        ),
        evaluation=Evaluation(
            benchmarks=(
                Use("microworld-perception", items=1040),
                Use("microworld-reasoning", items=1024),
            ),
            format=Use("direct"),
            grader=Use("lenient"),
            max_new_tokens=48,
        ),
    )


def _conversations(
    name: str,
    steps: Any,
    *,
    side: int,
    turns: int,
    describe: float,
    tasks: list[str] | None = None,
    rate: Use | None = None,
) -> Sft:
    """Conversations about ``side`` x ``side`` cells; few cells teach which feature is which
    cell."""
    return Sft(
        name=name,
        data=Use(
            "microworld-chat",
            split="train",
            modality="mixed",
            rows=side,
            columns=side,
            tasks=tasks,
            turns=ours(turns),
            describe=ours(describe),
            share_multi=ours(0.08),
            size=10_000_000,
        ),
        format=Use("direct"),
        steps=steps,
        batch_size=ours(256),
        max_tokens=288,
        optimizer=Optimizer(
            learning_rate=rate or Use("cosine", peak=ours(2e-3), warmup=100, floor=ours(1e-5)),
            betas=(0.9, 0.98),
            weight_decay=ours(0.05),
        ),
        micro_batch_tokens=ours(32768),
        save_every=200,
        workers=ours(14),
        evaluate=tasks is not None,
    )


def _habits(name: str, steps: Any, batch_size: Any, *, text_reasoning: float) -> Sft:
    """Conversations and questions in the think-boxed form, so that the form is known.

    A thought about a picture only describes it; ``text_reasoning`` is the share of written scenes
    whose thought goes on to reason. No thought reasons about a picture.
    """
    tasks = [name for name in PLACES if name != "box"]
    worked = {"part": "microworld", "answers": "worked", "difficulty": [1, 5]}
    sources = [
        {"part": "microworld-chat", "modality": "mixed", "describe": 0.8, "seed": 1},
        {**worked, "tasks": tasks, "modality": "image"},
        {**worked, "tasks": tasks, "modality": "text"},
    ]
    weights = [0.5, 0.3, 0.2]
    if text_reasoning:
        reasoning = {**worked, "tasks": TASKS, "modality": "text", "difficulty": [1, 3]}
        sources.append({**reasoning, "seed": 2})
        weights = [*(weight * (1 - text_reasoning) for weight in (0.35, 0.5, 0.15)), text_reasoning]
    return Sft(
        name=name,
        data=Use("mixture", sources=sources, weights=ours(weights)),
        format=Use("direct"),
        steps=steps,
        batch_size=batch_size,
        max_tokens=288,
        optimizer=Optimizer(
            learning_rate=Use("cosine", peak=ours(8e-4), warmup=10, floor=ours(1e-5)),
            betas=(0.9, 0.98),
            weight_decay=ours(0.05),
        ),
        save_every=50,
    )


LOOK = [*PLACES, "read-word", "colour", "shape"]


def _thoughts(name: str, steps: Any) -> Sft:
    """Both forms for long: conversations, and thoughts that describe and look one thing up.

    No question about a scene is reasoned about, neither about a picture nor about a written scene;
    arithmetic and ordering puzzles without a scene are.
    """
    worked = {"part": "microworld", "answers": "worked", "seed": 3}
    sources = [
        {"part": "microworld-chat", "modality": "mixed", "describe": 0.6, "tasks": LOOK, "seed": 3},
        {**worked, "tasks": LOOK, "modality": "image", "difficulty": [1, 5]},
        {**worked, "tasks": [task for task in LOOK if task != "box"], "modality": "text"},
        {**worked, "tasks": ["arithmetic", "logic"], "modality": "text", "difficulty": [1, 3]},
    ]
    return Sft(
        name=name,
        data=Use("mixture", sources=sources, weights=ours([0.35, 0.4, 0.1, 0.15])),
        format=Use("direct"),
        steps=steps,
        batch_size=ours(64),
        micro_batch_tokens=ours(1536),
        max_tokens=288,
        optimizer=Optimizer(
            learning_rate=Use("cosine", peak=ours(1.2e-3), warmup=50, floor=ours(1e-5)),
            betas=(0.9, 0.98),
            weight_decay=ours(0.05),
        ),
        save_every=200,
        workers=ours(1),
    )
