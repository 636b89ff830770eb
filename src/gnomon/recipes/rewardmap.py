"""RewardMap: partial credit for routes on transit maps, by difficulty, easy questions first.

arXiv 2510.02240, and the released code fscdc/RewardMap. The four steps of the curriculum are
stages, so that optimiser and KL reference begin anew at each. Every record needs the lines of its
map in a column ``lines`` (name to stops), which the published ``json`` column only points to. The
bonus for lists of stops, off in the release, is left out. ``micro`` goes through the same stages on
maps of the world ``metro``, after a cold start on all of them.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import Optimizer, Recipe, Reward, Sampling, Scale, Use, code, ours, paper, vary
from gnomon.recipes.rewarded import data, in_world, kl, layout, rl, variant

STEPS = {"true-false": 125, "counting": 65, "choice": 65, "planning": 45}
"""Updates of one pass over each part of the 2,570 + 696 questions, 16 a step (ours)."""
KINDS = {
    "true-false": ["TorF1", "TorF2"],
    "counting": ["Counting2", "Counting3"],
    "choice": ["Counting1"],
    "planning": ["planning"],
}
"""Stage to its kinds of question, from perception to planning."""


def rewardmap(scale: Scale) -> Recipe:
    """R = W (10 accuracy + 0.5 details), from yes/no questions over counting to planning."""
    recipe = variant(
        scale,
        "rewardmap",
        "Partial credit and a curriculum for transit maps (arXiv 2510.02240).",
        {
            **layout(scale, Use("direct")),
            **rl(
                rewards=(
                    Reward(part=Use("difficulty-factor"), weight=1.0),
                    Reward(part=Use("map-answer"), weight=paper(10.0)),
                    Reward(part=Use("route"), weight=paper(10.0)),
                    Reward(part=Use("route-details", count=code("segments")), weight=paper(0.5)),
                ),
                combine=Use("scaled-sum"),
            ),
        },
        micro=in_world("metro", [kind for kinds in KINDS.values() for kind in kinds], (1, 3)),
        full={
            **data({"problem": "question", "images": "figure"}, "integer"),
            **rl(
                sampling=Sampling(max_new_tokens=code(2048), temperature=code(1.0)),
                prompts=code(16),
                rollouts=paper(8),
                max_tokens=code(20000),
                regularisers=kl(code(1e-2)),
                optimizer=Optimizer(
                    learning_rate=Use("constant", value=code(1e-6)), weight_decay=code(1e-2)
                ),
            ),
            "model.image_pixels": code((3136, 128450560)),
        },
    )
    return _curriculum(recipe)


def _curriculum(recipe: Recipe) -> Recipe:
    """One stage for each step instead of the last stage, easy questions first."""
    *before, last = recipe.stages
    stages = [last.model_copy(update={"name": name}) for name in KINDS]
    settings: dict[str, Any] = {"stages": [*before, *stages]}
    for name, kinds in KINDS.items():
        if recipe.scale == "micro":
            told = {"steps": ours(15), "data.tasks": kinds}
        else:
            told = {"steps": STEPS[name], "data.path": f"data/rewardmap/{name}.parquet"}
        settings |= {f"stages.{name}.{place}": value for place, value in told.items()}
    return vary(recipe, settings)
