"""gnomon-micro v2: the base model, larger and at home in all worlds, image and video.

It begins as the model of `gnomon-micro-base`, made larger without a change in what it computes
(`gnomon.models.growth`). Name and place come first, densely, which makes it forget other things:
half of the way back, it knows both. Then everything at once, at one rate, which falls in the end.

The bundled model is that of `gnomon-micro-base` still: this recipe has not run to its end. What its
first 2,500 updates gave is in docs/results/gnomon-micro-v2.json: films are learnt, charts and
letters take far more, and the scenes are read worse than before until the rate falls.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import Evaluation, Model, Optimizer, Recipe, Scale, Sft, Use, ours

FIRST, SECOND = "runs/gnomon-micro-base/model", "runs/gnomon-micro-names/model"
"""Where the models of the recipes before are looked for: links to the folders that their runs name.
"""
LOOK = ["locate", "box", "locate", "colour", "read-digit", "shape"]
"""What asks for one object of several, by its name or its place."""
SEEN = ["read-digit", "read-word", "colour", "shape", "size", "locate", "box"]


def gnomon_micro_names(scale: Scale) -> Recipe:
    """The base of `gnomon-micro-base`, larger, learns to find what has a name among others."""
    return _recipe(
        scale,
        "gnomon-micro-names",
        "Finding an object by its name among several.",
        Use("grown", base=FIRST),
        (_names("names", ours(750)),),
    )


def gnomon_micro_v2(scale: Scale) -> Recipe:
    """The base model of every micro recipe, from those of the two recipes before."""
    return _recipe(
        scale,
        "gnomon-micro-v2",
        "Training of the bundled base model on all worlds.",
        Use("grown", base=FIRST, toward=SECOND, share=ours(0.5)),
        (
            _worlds("worlds", ours(750), Use("constant", value=ours(7e-4)), BROAD),
            _worlds("sharp", ours(1500), Use("constant", value=ours(7e-4)), SHARP),
            _worlds("settle", ours(1000), Use("cosine", peak=ours(7e-4), floor=ours(1e-5)), SHARP),
        ),
    )


def _recipe(
    scale: Scale, name: str, description: str, start: Use, stages: tuple[Sft, ...]
) -> Recipe:
    return Recipe(
        name=name,
        description=description,
        scale=scale,
        seed=0,
        model=Model(path="new", architecture=start, dtype="bfloat16"),
        stages=stages,
        evaluation=Evaluation(
            benchmarks=(Use("microworld-perception", items=1040),),
            format=Use("direct"),
            grader=Use("lenient"),
            max_new_tokens=48,
        ),
    )


def _names(name: str, steps: Any) -> Sft:
    """Many short questions about a scene: where something is, and what is at a place."""
    chat = {"part": "microworld-chat", "tasks": LOOK, "turns": 8, "share_multi": 0.0, "seed": 11}
    sources = [
        {**chat, "modality": "image", "describe": 0.4},
        {**chat, "modality": "text", "describe": 0.0},
    ]
    return Sft(
        name=name,
        data=Use("mixture", sources=sources, weights=ours([0.6, 0.4])),
        format=Use("direct"),
        steps=steps,
        batch_size=ours(32),
        micro_batch_tokens=ours(4096),
        max_tokens=384,
        optimizer=Optimizer(
            learning_rate=Use("cosine", peak=ours(1e-3), warmup=50, floor=ours(1e-3)),
            betas=(0.9, 0.98),
            weight_decay=ours(0.05),
        ),
        save_every=250,
        workers=ours(1),
    )


CHAT = {"part": "microworld-chat", "turns": 6, "describe": 0.6}
ASKED = {"part": "microworld", "answers": "direct"}
WORKED = {"part": "microworld", "answers": "worked"}


def _tasks(
    world: str, *tasks: str, least: int = 1, most: int = 3, answers: str = "direct"
) -> dict[str, Any]:
    """Questions of a world at some difficulties, answered directly or with a thought."""
    asked = {"world": world, "tasks": list(tasks), "difficulty": [least, most]}
    return {"part": "world", **asked, "answers": answers}


METRO = ("TorF1", "TorF2", "Counting1", "Counting2", "Counting3")
EDITS = ("difference", "which-picture", "related", "evidence", "answerable")
PLOTS = ("largest", "count-above", "trend", "difference", "sum")
FILMS = ("direction", "new-colour", "when", "moves", "order", "first-mover", "how-many")
SUMS = {**WORKED, "tasks": ["arithmetic", "logic"], "modality": "text"}
BROAD: tuple[tuple[float, Any], ...] = (
    (0.20, {**CHAT, "modality": "image", "tasks": LOOK + SEEN}),
    (0.04, {**CHAT, "modality": "text", "tasks": LOOK}),
    (0.08, {**ASKED, "tasks": ["count"], "difficulty": [1, 2]}),
    (0.06, {**ASKED, "tasks": ["relation"], "difficulty": [1, 2]}),
    (0.03, {**ASKED, "tasks": ["compare", "extreme", "digit-place", "digit-sum"]}),
    (0.10, _tasks("charts", "value")),
    (0.04, _tasks("charts", "lookup")),
    (0.04, _tasks("charts", *PLOTS)),
    (0.07, _tasks("screens", "ground")),
    (0.06, _tasks("screens", "name")),
    (0.04, _tasks("screens", "act", "act", "goal")),
    (0.04, _tasks("edits", *EDITS)),
    (0.01, _tasks("edits", "refer-mask", "masked-shape", "what-changed", "differences", most=2)),
    (0.03, _tasks("metro", *METRO, "planning")),
    (0.02, _tasks("documents", "topmost")),
    (0.03, _tasks("geometry", "angles", "lengths", "areas")),
    (0.02, _tasks("exams", "fill", "choice", "true-false")),
    (0.02, _tasks("encyclopedia", "one-hop", "agreement", "pictured", most=2)),
    (0.02, _tasks("jigsaw", "single", "full", "pair", most=2)),
    (0.01, _tasks("plans", "correctness", most=2)),
    (0.01, _tasks("transformation", "changed-count", "transform", most=2)),
    (0.02, _tasks("motion", "narrate", most=2)),
    (0.04, _tasks("motion", *FILMS, most=2)),
    (0.06, {**WORKED, "tasks": SEEN, "modality": "image"}),
    (0.02, {**WORKED, "tasks": SEEN[:-1], "modality": "text"}),
    (0.02, SUMS),
    (0.05, _tasks("charts", "largest", answers="worked")),
    (0.01, _tasks("edits", "difference", most=2, answers="worked")),
    (0.01, _tasks("motion", "direction", most=2, answers="worked")),
)
"""Share and source of what is asked: everything at least now and then. A thought about a scene
describes it and looks one thing up; only without a picture it reasons."""
SHARP: tuple[tuple[float, Any], ...] = (
    (0.24, {**CHAT, "modality": "image", "tasks": LOOK + SEEN}),
    (0.03, {**CHAT, "modality": "text", "tasks": LOOK}),
    (0.08, {**ASKED, "tasks": ["count"], "difficulty": [1, 2]}),
    (0.06, {**ASKED, "tasks": ["relation"], "difficulty": [1, 2]}),
    (0.02, {**ASKED, "tasks": ["compare", "extreme", "digit-place", "digit-sum"]}),
    (0.10, _tasks("charts", "value", most=2)),
    (0.02, _tasks("charts", "value", least=3)),
    (0.05, _tasks("charts", "lookup", most=2)),
    (0.09, _tasks("screens", "ground", most=2)),
    (0.09, _tasks("screens", "name", most=2)),
    (0.02, _tasks("screens", "act", most=1)),
    (0.02, _tasks("edits", "difference", "which-picture", most=2)),
    (0.02, _tasks("metro", *METRO, most=2)),
    (0.02, _tasks("documents", "topmost", most=2)),
    (0.02, _tasks("geometry", "angles", "lengths", "areas", most=2)),
    (0.02, _tasks("motion", "narrate", "new-colour", most=1)),
    (0.03, _tasks("motion", "direction", "order", "first-mover", most=1)),
    (0.07, {**WORKED, "tasks": SEEN, "modality": "image"}),
    (0.02, {**WORKED, "tasks": SEEN[:-1], "modality": "text"}),
    (0.02, SUMS),
    (0.06, _tasks("charts", "largest", most=2, answers="worked")),
    (0.01, _tasks("edits", "difference", most=2, answers="worked")),
    (0.01, _tasks("motion", "direction", most=1, answers="worked")),
)
"""The same for what one look answers, and little else."""


def _worlds(name: str, steps: Any, rate: Use, asked: Any) -> Sft:
    """What is ``asked``, mixed."""
    return Sft(
        name=name,
        data=Use(
            "mixture",
            sources=[{"seed": 13, **source} for _, source in asked],
            weights=ours([share for share, _ in asked]),
        ),
        format=Use("direct"),
        steps=steps,
        batch_size=ours(32),
        micro_batch_tokens=ours(4096),
        max_tokens=768,
        optimizer=Optimizer(learning_rate=rate, betas=(0.9, 0.98), weight_decay=ours(0.05)),
        save_every=250,
        workers=ours(1),
        evaluate=name == "settle",
    )
